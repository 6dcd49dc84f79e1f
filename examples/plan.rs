//! Looks at a plan before it runs, and at its metrics afterwards.
//!
//! ```text
//! cargo run --release --example plan
//! ```

use flow::{Flow, FlowError, Meter};

fn main() -> Result<(), FlowError> {
    let meter = Meter::new();
    let words = Flow::from_files([concat!(env!("CARGO_MANIFEST_DIR"), "/src")])?
        .named("words")
        .flat_map_emit(|line, words| {
            line.split_whitespace().for_each(|word| words.emit(word.to_owned()));
        })
        .filter(|word| word.chars().all(char::is_alphabetic))
        .key_by_ref(|word| word.as_str())
        .count()
        .stages(2)
        .named("count")
        .observe(&meter);

    println!("The plan as text:\n\n{}", words.explain());
    println!("The same as a picture:\n\n```mermaid\n{}```\n", words.explain().mermaid());

    let distinct = words.count()?;
    let metrics = meter.metrics();
    println!("{distinct} distinct words in {} bytes:\n\n{metrics}", metrics.bytes_read);

    println!("Nothing gets lost: sent = taken + dropped + held, on every edge.\n");
    for (number, edge) in metrics.edges().iter().enumerate() {
        let (sent, taken) = (edge.events_in, edge.events_out);
        let (dropped, held) = (edge.dropped, edge.held);
        println!("{}: {sent} = {taken} + {dropped} + {held}", number + 1);
        assert_eq!(sent, taken + dropped + held);
    }
    Ok(())
}
