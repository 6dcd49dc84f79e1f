//! What gives a flow another shape: `merge`, `rebalance`, the branching verbs, `merge_partitions`; in
//! every setup, against the iterators that they stand for.

mod common;

use common::{Setup, case, equal, run_all, same, same_events};
use flow::{BoxError, BoxFlow, Collect, Emitter, ErrorKind, Flow, ProducerConsumer};

use std::iter;

type Events = Collect<Vec<u64>>;

fn numbers(setup: &Setup) -> flow::BoxFlow<'static, u64> {
    setup.source(Flow::from_vec(setup.numbers())).boxed()
}

#[test]
fn one_flow_of_several() {
    run_all(&[
        case("merge", |setup| {
            let other = setup.stage(Flow::from_range(0..setup.size as u64)).map(|x| x + 1000);
            let merged = numbers(setup).merge(other).map(|x| 2 * x);
            let want = setup.numbers().into_iter().flat_map(|x| [2 * x, 2 * (x + 1000)]);
            same_events(merged.collect::<Vec<_>>()?, want)
        }),
        case("merge before partition and keys", |setup| {
            let other = Flow::from_iter(setup.numbers()).filter(|x| x % 2 == 0);
            let merged = setup.stage(numbers(setup).merge(other).partition()).map(|x| x + 1);
            let counts = setup.stage(merged.key_by(|x| *x).count()).collect::<Vec<_>>()?;
            let want = setup.numbers().into_iter().map(|x| (x + 1, 1 + u64::from(x % 2 == 0)));
            same_events(counts, want)
        }),
        case("merge_all", |setup| {
            let flows = (0..5u64)
                .map(|k| Flow::from_vec(setup.numbers()).map(move |x| x + 10_000 * k).boxed());
            let merged = setup.run(Flow::merge_all(flows)).filter(|x| x % 3 != 0);
            let want =
                (0..5).flat_map(|k| setup.numbers().into_iter().map(move |x| x + 10_000 * k));
            same_events(merged.collect::<Vec<_>>()?, want.filter(|x| x % 3 != 0))
        }),
        case("merge read as an iterator", |setup| {
            let merged = numbers(setup).merge(Flow::from_vec(setup.numbers()));
            let read = merged.into_iter().collect::<Result<Vec<_>, _>>()?;
            same_events(read, setup.numbers().into_iter().flat_map(|x| [x, x]))
        }),
        case("merge_partitions", |setup| {
            let parts = setup.stage(numbers(setup).partition());
            let lists = parts.reduce(Vec::new, |list, x| list.push(x));
            let all = setup.demand(lists.merge_partitions(Vec::new, |all, list| all.extend(list)));
            let mut read = all.into_iter().collect::<Result<Vec<Vec<u64>>, _>>()?;
            equal(read.len(), 1)?;
            same_events(read.remove(0), setup.numbers())
        }),
    ]);
}

/// Gives every event twice, and at the end how many there were, a thousand times that.
struct Twice(u64);

impl ProducerConsumer for Twice {
    type In = u64;
    type Out = u64;

    fn handle(&mut self, event: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        self.0 += 1;
        out.extend([event, event]);
        Ok(())
    }

    fn end(&mut self, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        (0..self.0).for_each(|_| out.emit(1_000_000));
        Ok(())
    }
}

#[test]
fn through() {
    run_all(&[
        case("events and ends", |setup| {
            let flow = setup.stage(numbers(setup).through(|_| Twice(0)).partition());
            let want = setup.numbers().into_iter().flat_map(|x| [x, x, 1_000_000]);
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("in order in one instance", |setup| {
            let first = setup.source(Flow::from_vec(setup.numbers())).ordered();
            let flow = first.through(|_| Twice(0)).through(|_| Twice(0));
            let (many, each) = (setup.size, |x| [x; 4]);
            // Of the first, given twice, and of the second, which saw three for each.
            let ends = iter::repeat_n(1_000_000, 5 * many);
            let want = setup.numbers().into_iter().flat_map(each).chain(ends);
            same(flow.collect::<Vec<_>>()?, want)
        }),
        case("an error is the run's", |setup| {
            struct Fails;
            impl ProducerConsumer for Fails {
                type In = u64;
                type Out = u64;
                fn handle(&mut self, x: u64, _: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
                    Err(format!("no {x}").into())
                }
            }
            match numbers(setup).through(|_| Fails).count() {
                Ok(none) => equal((none, setup.size), (0, 0)),
                Err(error) => {
                    equal((error.kind(), error.operator()), (ErrorKind::Event, Some("through")))
                }
            }
        }),
    ]);
}

#[test]
fn rebalance() {
    run_all(&[
        case("events", |setup| {
            let flow = setup.stage(numbers(setup).map(|x| x + 1).rebalance()).map(|x| x * 2);
            same_events(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().map(|x| 2 * x + 2))
        }),
        case("order behind an order", |setup| {
            let first = setup.source(Flow::from_vec(setup.numbers())).map(|x| x + 1).ordered();
            let flow = setup.stage(first.rebalance()).map(|x| x * 2).ordered().in_flight(7);
            same(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().map(|x| 2 * x + 2))
        }),
        case("order into an iterator", |setup| {
            let first = setup.source(Flow::from_iter(setup.numbers())).ordered();
            let flow = setup.stage(first.rebalance()).filter(|x| x % 3 == 0).ordered();
            let read = flow.into_iter().collect::<Result<Vec<_>, _>>()?;
            same(read, setup.numbers().into_iter().filter(|x| x % 3 == 0))
        }),
        case("collect keeps the order", |setup| {
            let first = setup.source(Flow::from_vec(setup.numbers())).ordered();
            let flow = setup.stage(first.rebalance());
            same(flow.collect::<Vec<_>>()?, setup.numbers())
        }),
        case("one instance", |setup| {
            let flow = numbers(setup).rebalance().stages(1);
            same_events(flow.collect::<Vec<_>>()?, setup.numbers())
        }),
    ]);
}

fn run_both(
    setup: &Setup,
    first: impl FnOnce(BoxFlow<'static, u64>) -> BoxFlow<'static, u64>,
) -> Result<(Vec<u64>, Vec<u64>), flow::FlowError> {
    let (odd, even) = numbers(setup).split_by(|x| x % 2 == 1);
    let odd = first(setup.stage(odd).boxed());
    flow::run((odd.to(Events::new()), setup.stage(even).to(Events::new())))
}

#[test]
fn several_flows_of_one() {
    run_all(&[
        case("split_by", |setup| {
            let (odd, even) = run_both(setup, |odd| odd)?;
            same_events(odd, setup.numbers().into_iter().filter(|x| x % 2 == 1))?;
            same_events(even, setup.numbers().into_iter().filter(|x| x % 2 == 0))
        }),
        case("split_by, one taken from", |setup| {
            let (odd, even) = run_both(setup, |odd| odd.take_any(1).boxed())?;
            equal(odd.len(), usize::from(setup.size > 1))?;
            same_events(even, setup.numbers().into_iter().filter(|x| x % 2 == 0))
        }),
        case("split_by, merged again", |setup| {
            let (odd, even) = numbers(setup).split_by(|x| x % 2 == 1);
            let merged = setup.stage(odd).map(|x| x + 1).merge(even);
            let want = setup.numbers().into_iter().map(|x| x + x % 2);
            same_events(merged.collect::<Vec<_>>()?, want)
        }),
        case("split_by of a split_by", |setup| {
            let (odd, even) = numbers(setup).split_by(|x| x % 2 == 1);
            let (fours, twos) = even.split_by(|x| x % 4 == 0);
            let jobs = (twos.to(Events::new()), odd.to(Events::new()), fours.to(Events::new()));
            let (twos, odd, fours) = flow::run(jobs)?;
            let all = twos.iter().chain(&odd).chain(&fours).copied();
            same_events(all, setup.numbers())?;
            equal(twos.iter().all(|x| x % 4 == 2) && fours.iter().all(|x| x % 4 == 0), true)
        }),
        case("split_results", |setup| {
            let results =
                numbers(setup).map(|x| if x % 3 == 0 { Err(x.to_string()) } else { Ok(x) });
            let (well, wrong) = results.split_results();
            let wrong = wrong.map(|text| text.parse::<u64>().unwrap());
            let (well, wrong) = flow::run((well.to(Events::new()), wrong.to(Events::new())))?;
            same_events(well, setup.numbers().into_iter().filter(|x| x % 3 != 0))?;
            same_events(wrong, setup.numbers().into_iter().filter(|x| x % 3 == 0))
        }),
        case("unzip", |setup| {
            let (x, text) = numbers(setup).map(|x| (x, x.to_string())).unzip();
            let text = setup.stage(text).to(Collect::<Vec<String>>::new());
            let (x, text) = flow::run((setup.stage(x).to(Events::new()), text))?;
            same_events(x, setup.numbers())?;
            same_events(text, setup.numbers().into_iter().map(|x| x.to_string()))
        }),
        case("broadcast", |setup| {
            let [a, b, c] = numbers(setup).broadcast();
            let b = setup.stage(b).map(|x| x + 1).partition();
            let jobs = (a.to(Events::new()), b.to(Events::new()), setup.stage(c).to(Events::new()));
            let (a, b, c) = flow::run(jobs)?;
            same_events(a, setup.numbers())?;
            same_events(b, setup.numbers().into_iter().map(|x| x + 1))?;
            same_events(c, setup.numbers())
        }),
        case("broadcast to one", |setup| {
            let [all] = numbers(setup).broadcast();
            same_events(all.collect::<Vec<_>>()?, setup.numbers())
        }),
        case("an order that is split", |setup| {
            let ordered = setup.source(Flow::from_vec(setup.numbers())).map(|x| x).ordered();
            let (odd, even) = ordered.split_by(|x| x % 2 == 1);
            let odd = setup.stage(odd).map(|x| x).ordered().to(Events::new());
            let (odd, even) = flow::run((odd, even.to(Events::new())))?;
            same(odd, setup.numbers().into_iter().filter(|x| x % 2 == 1))?;
            same(even, setup.numbers().into_iter().filter(|x| x % 2 == 0))
        }),
    ]);
}
