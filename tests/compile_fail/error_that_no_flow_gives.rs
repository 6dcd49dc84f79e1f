use flow::Flow;

fn count() -> Result<u64, std::num::ParseIntError> {
    Ok(Flow::from_range(0..10u64).count()?)
}

fn main() {
    let _ = count();
}
