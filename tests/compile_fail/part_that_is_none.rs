use flow::{BoxError, Sink};
use std::sync::Arc;

struct Keep;

impl Sink<u64> for Keep {
    type Part = Vec<u64>;
    type Output = Vec<u64>;

    fn part(self: &Arc<Self>, _instance: usize) -> Vec<u64> {
        Vec::new()
    }

    fn commit(self: Arc<Self>, parts: Vec<Vec<u64>>) -> Result<Vec<u64>, BoxError> {
        Ok(parts.concat())
    }
}

fn main() {}
