#![deny(unused_must_use)]

use flow::{Collect, Flow};

fn main() {
    let numbers = || Flow::from_range(0..10u64);
    numbers().map(|x| x + 1);
    numbers().key_by(|x| x % 3);
    numbers().partition().reduce(|| 0, |sum, x| *sum += x);
    numbers().to(Collect::<Vec<_>>::new());
    numbers().run();
}
