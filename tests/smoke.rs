use flow::{Executor, Flow, Meter};
use std::collections::HashMap;

#[test]
fn basics() {
    for ex in
        [Executor::threads(1), Executor::threads(2), Executor::threads(4), Executor::simulation(1)]
    {
        eprintln!("{ex:?}");
        assert_eq!(
            Flow::from_range(0..1000u64).map(|x| x + 1).on(ex.clone()).sum::<u64>().unwrap(),
            500500
        );
        eprintln!("a");
        assert_eq!(
            Flow::from_vec((0..5000u64).collect()).on(ex.clone()).sum::<u64>().unwrap(),
            12497500
        );
        eprintln!("b");
        assert_eq!(Flow::from_iter(0..5000u64).on(ex.clone()).sum::<u64>().unwrap(), 12497500);
        eprintln!("c");
        let v: Vec<u64> =
            Flow::from_iter(0..5000u64).map(|x| x * 2).on(ex.clone()).collect().unwrap();
        assert_eq!(v, (0..5000).map(|x| x * 2).collect::<Vec<_>>());
        eprintln!("d");
        let m: HashMap<u64, u64> = Flow::from_range(0..100_000u64)
            .key_by(|x| x % 7919)
            .count()
            .on(ex.clone())
            .collect()
            .unwrap();
        assert_eq!(m.len(), 7919);
        assert_eq!(m.values().sum::<u64>(), 100_000);
        eprintln!("e");
        let v: Vec<u64> = Flow::from_range(0..100_000u64)
            .map(|x| x * 2)
            .ordered()
            .on(ex.clone())
            .collect()
            .unwrap();
        assert_eq!(v, (0..100_000).map(|x| x * 2).collect::<Vec<_>>());
        eprintln!("f");
        let n = Flow::from_range(0..100_000u64)
            .partition()
            .stages(3)
            .reduce(Vec::new, |v: &mut Vec<u64>, x| v.push(x))
            .emit_items()
            .on(ex.clone())
            .count()
            .unwrap();
        assert_eq!(n, 100_000);
        eprintln!("g");
        let v: Vec<u64> = Flow::from_iter(0u64..)
            .filter(|x| x % 3 == 0)
            .take(100)
            .on(ex.clone())
            .collect()
            .unwrap();
        assert_eq!(v.len(), 100);
        eprintln!("h");
        let s = Flow::from_range(0..10_000u64)
            .map(|x| x)
            .ordered()
            .in_flight(16)
            .on(ex.clone())
            .with_iter(|it| it.take(500).sum::<u64>())
            .unwrap();
        assert_eq!(s, 124750);
        eprintln!("i");
        let s =
            Flow::from_range(0..10_000u64).on(ex.clone()).with_iter(|it| it.sum::<u64>()).unwrap();
        assert_eq!(s, 49995000);
        eprintln!("j");
        let t: Vec<_> = Flow::from_range(0..10_000u64).on(ex.clone()).into_iter().take(5).collect();
        assert_eq!(t.len(), 5);
    }
}

#[test]
fn words() {
    let text = "to be or not to be\n".repeat(10000);
    let meter = Meter::new();
    let c: HashMap<&str, u64> = Flow::from_text(&text)
        .flat_map(|l| l.split_whitespace())
        .key_by(|w| *w)
        .count()
        .observe(&meter)
        .collect()
        .unwrap();
    assert_eq!(c["be"], 20000);
    println!("{}", meter.metrics());
    let c: HashMap<String, u64> = Flow::from_lines(text.as_bytes())
        .key_each::<str>(|l, k| {
            for w in l.split_whitespace() {
                k.add(w)
            }
        })
        .count()
        .collect()
        .unwrap();
    assert_eq!(c["be"], 20000);
}
