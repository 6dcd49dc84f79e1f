use flow::{BoxFlow, Flow};

fn numbers(numbers: &[u64]) -> BoxFlow<'static, u64> {
    Flow::from_slice(numbers).map(|x| *x).boxed()
}

fn main() {
    let _ = numbers(&[1]).count();
}
