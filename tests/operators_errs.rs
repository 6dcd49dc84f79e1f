//! Fallible operators, `attempt` with its retries, the helpers for flows of `Result`s and
//! `try_collect`; in every setup, against the iterators that they stand for.

mod common;

use common::{Check, Setup, case, equal, run_all, same, same_events};
use flow::{Collect, DeadLetter, Delivery, ErrorKind, Flow, FlowError, Meter, Retry};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What events fail with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bad(u64);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is bad", self.0)
    }
}

impl Error for Bad {}

/// Fails for every third number.
fn third(x: u64) -> Result<u64, Bad> {
    if x % 3 == 2 { Err(Bad(x)) } else { Ok(x * 10) }
}

fn thirds(numbers: Vec<u64>) -> Vec<Result<u64, Bad>> {
    numbers.into_iter().map(third).collect()
}

/// A flow of the numbers of a setup, with one order.
macro_rules! numbers {
    ($setup:expr) => {
        $setup.source(Flow::from_vec($setup.numbers()))
    };
}

/// Whether a run failed as it has to, where one number is bad: in whose name, and with its own error.
fn failed<T>(result: Result<T, FlowError>, operator: &str, bad: u64) -> Check {
    let error = result.err().ok_or("it did not fail")?;
    equal((error.kind(), error.operator()), (ErrorKind::Event, Some(operator)))?;
    let place = error.location().ok_or("no place is named")?;
    equal(place.file(), file!())?;
    let source = error.source().and_then(|source| source.downcast_ref());
    equal(source, Some(&Bad(bad)))?;
    equal(error.stage().is_some(), true)
}

/// The middle of so many numbers: the one that fails.
fn middle(setup: &Setup) -> u64 {
    setup.size as u64 / 2
}

/// What is in and out of the only stage that has operators, as a meter sees it.
fn accounted(meter: &Meter, out: usize) -> Check {
    let metrics = meter.metrics();
    let stage = metrics.stages().last().ok_or("no stage")?;
    let lost = stage.skipped + stage.diverted + stage.dropped + stage.held;
    equal(stage.events_in, out as u64 + lost).map_err(|wrong| format!("{wrong}\n{metrics}").into())
}

/// How often each number was tried.
#[derive(Default)]
struct Tries(Mutex<HashMap<u64, u32>>);

impl Tries {
    /// Number `x` fails `x % 4` times.
    fn sometimes(&self, x: u64) -> Result<u64, Bad> {
        let mut tries = self.0.lock().unwrap();
        let tried = tries.entry(x).or_default();
        *tried += 1;
        if u64::from(*tried) <= x % 4 { Err(Bad(x)) } else { Ok(x * 10) }
    }

    fn of(&self, x: u64) -> u32 {
        self.0.lock().unwrap().get(&x).copied().unwrap_or(0)
    }
}

/// Little, and not nothing.
const SOON: Duration = Duration::from_micros(1);

#[test]
fn closures_that_may_fail() {
    run_all(&[
        case("try_map", |setup| {
            let flow =
                numbers!(setup).try_map(|x| if x < 1 << 40 { Ok(x + 1) } else { Err(Bad(x)) });
            same(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().map(|x| x + 1))
        }),
        case("try_map fails", |setup| {
            let bad = middle(setup);
            let flow = numbers!(setup).try_map(|x| if x == bad { Err(Bad(x)) } else { Ok(x) });
            if setup.size == 0 {
                equal(flow.count()?, 0)
            } else {
                failed(flow.count(), "try_map", bad)
            }
        }),
        case("try_map says where", |setup| {
            let bad = middle(setup);
            let flow = numbers!(setup).map(|x| x).inspect(|_| ());
            let flow = flow.try_map(|x| if x == bad { Err(Bad(x)) } else { Ok(x) });
            if setup.size == 0 {
                return equal(flow.count()?, 0);
            }
            let said = flow.count().unwrap_err().to_string();
            let want = format!(
                "an event failed at position {bad} of the source: {bad} is bad, in `try_map`"
            );
            equal(said.starts_with(&want), true).map_err(|_| said.into())
        }),
        case("try_map does not say what it does not know", |setup| {
            let flow = numbers!(setup).filter(|x| x % 2 == 1).try_map(|x| Err::<u64, _>(Bad(x)));
            match flow.count() {
                Ok(count) => equal((count, setup.size < 2), (0, true)),
                Err(error) => equal(error.to_string().contains("position"), false),
            }
        }),
        case("try_map behind an exchange and in order", |setup| {
            let flow = setup.stage(numbers!(setup).partition());
            same_events(flow.try_map(Ok::<_, Bad>).collect::<Vec<_>>()?, setup.numbers())?;
            let flow = numbers!(setup).ordered().try_map(Ok::<_, Bad>).take(5);
            same(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().take(5))
        }),
        case("try_filter_map", |setup| {
            let flow = numbers!(setup).try_filter_map(|x| Ok::<_, Bad>((x % 2 == 0).then_some(x)));
            same(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().filter(|x| x % 2 == 0))?;
            let bad = middle(setup);
            let flow = numbers!(setup)
                .try_filter_map(|x| if x == bad { Err(Bad(x)) } else { Ok(None::<u64>) });
            if setup.size == 0 { Ok(()) } else { failed(flow.run(), "try_filter_map", bad) }
        }),
        case("try_flat_map", |setup| {
            let flow = numbers!(setup).try_flat_map(|x| Ok::<_, Bad>(0..x % 5));
            same(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().flat_map(|x| 0..x % 5))?;
            let bad = middle(setup);
            let flow =
                numbers!(setup).try_flat_map(|x| if x == bad { Err(Bad(x)) } else { Ok([x, x]) });
            if setup.size == 0 { Ok(()) } else { failed(flow.run(), "try_flat_map", bad) }
        }),
        case("try_flat_map in order", |setup| {
            let flow = numbers!(setup).try_flat_map(|x| Ok::<_, Bad>(x..)).take(7);
            same(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().flat_map(|x| x..).take(7))
        }),
    ]);
}

#[test]
fn flows_of_results() {
    run_all(&[
        case("ok_or_fail", |setup| {
            let flow = numbers!(setup).map(Ok::<u64, Bad>).ok_or_fail();
            same(flow.collect::<Vec<_>>()?, setup.numbers())?;
            let bad = middle(setup);
            let flow = numbers!(setup).map(|x| if x == bad { Err(Bad(x)) } else { Ok(x) });
            if setup.size == 0 {
                Ok(())
            } else {
                failed(flow.ok_or_fail().run(), "ok_or_fail", bad)
            }
        }),
        case("skip_errors", |setup| {
            let meter = setup.meter();
            let flow = numbers!(setup).observe(&meter).map(third).skip_errors();
            let got: Vec<u64> = flow.collect()?;
            let want: Vec<_> = thirds(setup.numbers()).into_iter().flatten().collect();
            accounted(&meter, got.len())?;
            equal(meter.metrics().skipped(), (setup.size - want.len()) as u64)?;
            same(got, want)
        }),
        case("errors_to", |setup| {
            let (meter, errors) = (setup.meter(), Mutex::new(Vec::new()));
            let flow = numbers!(setup).observe(&meter).map(third);
            let got: Vec<u64> = flow.errors_to(|e| errors.lock().unwrap().push(e)).collect()?;
            let (good, bad): (Vec<_>, Vec<_>) =
                thirds(setup.numbers()).into_iter().partition(Result::is_ok);
            accounted(&meter, got.len())?;
            let diverted: u64 = meter.metrics().stages().iter().map(|stage| stage.diverted).sum();
            equal(diverted, bad.len() as u64)?;
            same(got, good.into_iter().flatten())?;
            same_events(errors.into_inner().unwrap(), bad.into_iter().filter_map(Result::err))
        }),
        case("errors_to a channel that is gone", |setup| {
            let (dead, letters) = mpsc::channel();
            drop(letters);
            let result = numbers!(setup).map(third).errors_to(|e| dead.send(e)).run();
            match result {
                Ok(()) => equal(setup.size < 3, true),
                Err(e) => equal((e.kind(), e.operator()), (ErrorKind::Sink, Some("errors_to"))),
            }
        }),
        case("map_ok, map_err, filter_ok", |setup| {
            let flow = numbers!(setup).map(third);
            let flow = flow.map_ok(|x| x + 1).filter_ok(|x| x % 20 == 1).map_err(|e| e.0);
            let want = setup.numbers().into_iter().map(third);
            let want = want.map(|x| x.map(|x| x + 1).map_err(|e| e.0));
            same(
                flow.collect::<Vec<_>>()?,
                want.filter(|x| x.as_ref().map_or(true, |x| x % 20 == 1)),
            )
        }),
        case("flatten drops errors and nothings, uncounted", |setup| {
            let flow = numbers!(setup).map(third).flatten();
            same(flow.collect::<Vec<_>>()?, thirds(setup.numbers()).into_iter().flatten())?;
            let flow = numbers!(setup).map(|x| (x % 2 == 0).then_some(x)).flatten();
            same(flow.collect::<Vec<_>>()?, setup.numbers().into_iter().filter(|x| x % 2 == 0))
        }),
        case("collect into a Result or an Option", |setup| {
            let got: Result<Vec<u64>, Bad> = numbers!(setup).map(third).collect()?;
            equal(got, thirds(setup.numbers()).into_iter().collect())?;
            let got: Option<Vec<u64>> = numbers!(setup).map(Some).collect()?;
            equal(got, Some(setup.numbers()))
        }),
        case("try_collect", |setup| {
            let got: Result<Vec<u64>, Bad> = numbers!(setup).map(Ok).try_collect()?;
            equal(got, Ok(setup.numbers()))?;
            let (first, second) = (middle(setup), middle(setup) + 3);
            let fails = move |x| if x == first || x >= second { Err(Bad(x)) } else { Ok(x) };
            let got: Result<Vec<u64>, Bad> = numbers!(setup).map(fails).try_collect()?;
            equal(got, setup.numbers().into_iter().map(fails).collect())?;
            let flow = setup.source(Flow::from_range(0..1u64 << 60)).map(fails);
            equal(flow.try_collect::<Vec<u64>>()?, Err(Bad(first)))?;
            let flow = setup.source(Flow::from_iter(0u64..)).flat_map(|x| [x, x]).map(fails);
            equal(flow.try_collect::<Vec<u64>>()?, Err(Bad(first)))?;
            let flow = setup.source(Flow::from_iter(0u64..)).ordered().map(fails);
            equal(flow.try_collect::<Vec<u64>>()?, Err(Bad(first)))
        }),
        case("try_collect behind an exchange", |setup| {
            let endless = setup.stage(setup.source(Flow::from_iter(0u64..)).partition());
            let got: Result<Vec<u64>, Bad> =
                endless.map(|x| if x < 50 { Ok(x) } else { Err(Bad(x)) }).try_collect()?;
            equal(got.is_err_and(|Bad(x)| x >= 50), true)
        }),
    ]);
}

#[test]
fn attempts() {
    run_all(&[
        case("attempt", |setup| {
            let tried = numbers!(setup).attempt(|x| third(*x)).collect::<Vec<_>>()?;
            let letters = tried.iter().filter_map(|tried| tried.as_ref().err());
            for DeadLetter { event, error, attempts, position, .. } in letters {
                equal((error, *attempts, *position), (&Bad(*event), 1, Some(*event)))?;
            }
            same(tried.into_iter().map(|tried| tried.map_err(|l| l.error)), thirds(setup.numbers()))
        }),
        case("attempt and fail", |setup| {
            let bad = middle(setup);
            let tried = numbers!(setup).attempt(|x| if *x == bad { Err(Bad(*x)) } else { Ok(*x) });
            let result = tried.retry(Retry::every(SOON).times(2)).ok_or_fail().run();
            if setup.size == 0 {
                return Ok(result?);
            }
            let said = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
            equal(
                said.contains(&format!("after 3 attempts at position {bad} of the source")),
                true,
            )
            .map_err(|_| said)?;
            failed(result, "attempt", bad)
        }),
        case("retry until it succeeds, in order", |setup| {
            let (meter, tries) = (setup.meter(), Tries::default());
            let tried = numbers!(setup).observe(&meter).attempt(|x| tries.sometimes(*x));
            let got = tried.retry(Retry::every(SOON)).ok_or_fail().collect::<Vec<_>>()?;
            same(got.clone(), setup.numbers().into_iter().map(|x| x * 10))?;
            for x in setup.numbers() {
                equal(u64::from(tries.of(x)), x % 4 + 1)?;
            }
            accounted(&meter, got.len())?;
            let retried: u64 = meter.metrics().stages().iter().map(|stage| stage.retried).sum();
            equal(retried, setup.numbers().iter().map(|x| x % 4).sum())
        }),
        case("retry and give up, through ordered", |setup| {
            let (meter, tries) = (setup.meter(), Tries::default());
            let tried = numbers!(setup).observe(&meter).attempt(|x| tries.sometimes(*x));
            let tried = tried.retry(Retry::exponential(SOON).times(2).window(3));
            let got: Vec<_> =
                tried.ordered().in_flight(20).map_err(|l| (l.event, l.attempts)).collect()?;
            let want = setup.numbers().into_iter();
            same(got, want.map(|x| if x % 4 == 3 { Err((x, 3)) } else { Ok(x * 10) }))
        }),
        case("retry in any order, and skip", |setup| {
            let (meter, tries) = (setup.meter(), Tries::default());
            let tried = numbers!(setup).observe(&meter).attempt(|x| tries.sometimes(*x));
            let tried = tried.retry(Retry::every(SOON).times(2)).in_any_order();
            let got: Vec<_> = tried.skip_errors().collect()?;
            accounted(&meter, got.len())?;
            let want = setup.numbers().into_iter().filter(|x| x % 4 < 3);
            equal(meter.metrics().skipped(), setup.size as u64 - want.clone().count() as u64)?;
            same_events(got, want.map(|x| x * 10))
        }),
        case("retry behind an exchange", |setup| {
            let tries = Tries::default();
            let parts = setup.stage(numbers!(setup).partition()).attempt(|x| tries.sometimes(*x));
            let (dead, letters) = mpsc::channel();
            let tried = parts.retry(Retry::every(SOON).times(1).window(2));
            let got: Vec<_> = tried.errors_to(|letter| dead.send(letter)).collect()?;
            let letters: Vec<_> =
                letters.try_iter().map(|l| (l.event, l.attempts, l.position)).collect();
            same_events(got, setup.numbers().into_iter().filter(|x| x % 4 < 2).map(|x| x * 10))?;
            let bad = setup.numbers().into_iter().filter(|x| x % 4 >= 2);
            same_events(letters, bad.map(|x| (x, 2, None)))
        }),
        case("retry before an exchange and keys", |setup| {
            let tries = Tries::default();
            let tried = numbers!(setup).attempt(|x| tries.sometimes(*x)).retry(Retry::every(SOON));
            let sums = setup.stage(tried.ok_or_fail().key_by(|x| *x % 7).count());
            let mut want = HashMap::new();
            setup.numbers().into_iter().for_each(|x| *want.entry(x * 10 % 7).or_insert(0) += 1);
            equal(sums.collect::<HashMap<_, u64>>()?, want)
        }),
        case("retry_if", |setup| {
            let tries = Tries::default();
            let tried = numbers!(setup).attempt(|x| tries.sometimes(*x));
            let tried = tried.retry_if(Retry::every(SOON).times(9), |e| e.0 % 2 == 0);
            let got: Vec<_> = tried.map_err(|l| l.attempts).collect()?;
            same(
                got,
                setup.numbers().into_iter().map(|x| if x % 2 == 1 { Err(1) } else { Ok(x * 10) }),
            )
        }),
        case("retry and take", |setup| {
            let tries = Tries::default();
            let tried = numbers!(setup).attempt(|x| tries.sometimes(*x)).retry(Retry::every(SOON));
            let got: Vec<_> = tried.take(5).ok_or_fail().collect()?;
            same(got, setup.numbers().into_iter().take(5).map(|x| x * 10))
        }),
        case("retry of endless sources, with try_collect", |setup| {
            let tries = Tries::default();
            let endless = setup.source(Flow::from_iter(0u64..));
            let tried =
                endless.attempt(|x| if *x == 40 { Err(Bad(40)) } else { tries.sometimes(*x) });
            let tried = tried.retry(Retry::every(SOON)).map_err(|l| l.error);
            equal(tried.try_collect::<Vec<_>>()?, Err(Bad(40)))
        }),
        case("retry in the stage that the reader runs", |setup| {
            let tries = Tries::default();
            let ordered = numbers!(setup).ordered().in_flight(30);
            let tried =
                ordered.attempt(|x| tries.sometimes(*x)).retry(Retry::every(SOON).window(3));
            let got = tried.ok_or_fail().with_iter(|results| results.collect::<Vec<_>>())?;
            same(got, setup.numbers().into_iter().map(|x| x * 10))?;
            let tries = Arc::new(Tries::default());
            let ordered = numbers!(setup).ordered();
            let tried = ordered.attempt(move |x| tries.sometimes(*x)).retry(Retry::every(SOON));
            let got = tried.ok_or_fail().into_iter().collect::<Result<Vec<_>, _>>()?;
            same(got, setup.numbers().into_iter().map(|x| x * 10))
        }),
        case("letters as a flow of their own", |setup| {
            let tries = Tries::default();
            let tried = numbers!(setup).attempt(|x| tries.sometimes(*x));
            let (good, dead) = tried.retry(Retry::every(SOON).times(1)).split_results();
            let dead = dead.map(|letter| (letter.event, letter.attempts, letter.position));
            let both = (good.to(Collect::<Vec<_>>::new()), dead.to(Collect::<Vec<_>>::new()));
            let (good, dead) = flow::run(both)?;
            let (want, bad) = setup.numbers().into_iter().partition::<Vec<_>, _>(|x| x % 4 < 2);
            same_events(good, want.into_iter().map(|x| x * 10))?;
            same_events(dead, bad.into_iter().map(|x| (x, 2, Some(x))))
        }),
        case("several attempts in one stage, read as an iterator", |setup| {
            let (first, second) = (Tries::default(), Tries::default());
            let tried = numbers!(setup).attempt(|x| first.sometimes(*x)).retry(Retry::every(SOON));
            let again = tried.ok_or_fail().attempt(|x| second.sometimes(*x / 10));
            let again = again.retry(Retry::every(SOON).window(1)).ok_or_fail().ordered();
            let got = again.with_iter(|results| results.collect::<Vec<_>>())?;
            same(got, setup.numbers().into_iter().map(|x| x * 10))
        }),
    ]);
}

#[test]
fn closures_may_deliver_or_fail_to() {
    fn delivered(delivery: impl Delivery) -> bool {
        delivery.delivered().is_ok()
    }
    assert!(delivered(()) && delivered(Ok::<(), Bad>(())) && !delivered(Err::<(), _>("text")));
}
