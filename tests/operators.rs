//! Every source, operator and terminal against the iterator that it stands for: with no event, one
//! and more than a batch, with small and large batches, on one worker and on several, and under the
//! schedules of the simulation.

mod common;

use common::{Check, Moody, Setup, Wakes, case, equal, run_all, same, same_events, some_of};
use flow::{
    Aggregator, BoxError, Collect, Executor, Flow, FlowError, Ignore, Meter, Notifier, Part, Sink,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::fs;
use std::hash::Hash;
use std::io::{self, Read};
use std::iter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

// What the cases share.

/// Says in which part of a case something is wrong.
trait Within {
    fn within(self, what: &str) -> Self;
}

impl Within for Check {
    fn within(self, what: &str) -> Check {
        self.map_err(|wrong| format!("{what}: {wrong}").into())
    }
}

/// The numbers of a setup as a range.
fn range(setup: &Setup) -> Range<u64> {
    0..setup.size as u64
}

/// A flow of the numbers of a setup, with one order. No function: it has to give its very type,
/// since events can be lent only where that is known.
macro_rules! numbers {
    ($setup:expr) => {
        $setup.source(Flow::from_range(range($setup)))
    };
}

/// So many lines, of all kinds: empty ones, some with a carriage return, the last one with and
/// without a line feed.
fn text(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        let words = (0..line % 5).map(|word| format!("w{} ", (line * 7 + word) % 11));
        text.extend(words);
        text.push_str(["ä", "", " b"][line % 3]);
        text.push_str(if line % 4 == 1 { "\r\n" } else { "\n" });
    }
    if lines % 2 == 1 {
        text.push_str("no line feed");
    }
    text
}

/// The lines of bytes.
fn byte_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        line.map(<[u8]>::to_vec)
    });
    let mut lines: Vec<_> = lines.collect();
    if let Some(last @ None) = lines.last_mut() {
        let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        *last = Some(bytes[start..].to_vec());
    }
    lines.into_iter().flatten().collect()
}

/// A reader that gives a few bytes at a time and is interrupted now and then.
struct Dripping<R>(R, usize);

impl<R: Read> Read for Dripping<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = into.len().min(1 + self.1 % 700);
        self.0.read(&mut into[..most])
    }
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Folder> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flow-operators-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    fn file(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.0))?;
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What `f` gives, if it comes to its end in time. Else its thread is left behind.
fn in_time<R: Send + 'static>(
    patience: Duration,
    f: impl FnOnce() -> R + Send + 'static,
) -> Option<R> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(f()));
    receiver.recv_timeout(patience).ok()
}

/// Groups by key with a map: what keyed verbs are to give.
fn grouped<T, K: Hash + Eq + Ord>(
    events: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, Vec<T>> {
    let mut groups = BTreeMap::<K, Vec<T>>::new();
    for event in events {
        groups.entry(key(&event)).or_default().push(event);
    }
    groups
}

/// Whether every value is in one partition only, and all together are those that are wanted.
fn apart<T: Ord + Debug + Clone, K: Hash + Eq>(
    parts: Vec<Vec<T>>,
    want: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Check {
    let mut seen = HashMap::new();
    for (at, part) in parts.iter().enumerate() {
        for event in part {
            if *seen.entry(key(event)).or_insert(at) != at {
                return Err(format!("{event:?} is in partition {at} and in another").into());
            }
        }
    }
    same_events(parts.concat(), want)
}

// Sources.

#[test]
fn sources_give_what_their_iterators_give() {
    run_all(&[
        case("from_slice", |s| {
            let slice = s.numbers();
            same(s.source(Flow::from_slice(&slice)).collect::<Vec<_>>()?, &slice)
        }),
        case("from_vec", |s| {
            let vec: Vec<String> = s.numbers().iter().map(u64::to_string).collect();
            same(s.source(Flow::from_vec(vec.clone())).collect::<Vec<_>>()?, vec)
        }),
        case("from_range", |s| same(numbers!(s).collect::<Vec<_>>()?, s.numbers())),
        case("from_range, signed", |s| {
            let range = -(s.size as i64 / 2)..s.size as i64 / 3;
            same(s.source(Flow::from_range(range.clone())).collect::<Vec<_>>()?, range)
        }),
        case("from_range, the whole of a type", |s| {
            let range = i8::MIN..i8::MAX;
            same(s.source(Flow::from_range(range.clone())).collect::<Vec<_>>()?, range)?;
            let range = 0..u8::MAX;
            same(s.source(Flow::from_range(range.clone())).collect::<Vec<_>>()?, range)
        }),
        case("from_range, at the ends of wide types", |s| {
            let range = i128::MIN..i128::MIN + s.size as i128;
            same(s.source(Flow::from_range(range.clone())).collect::<Vec<_>>()?, range)?;
            let range = u128::MAX - s.size as u128..u128::MAX;
            same(s.source(Flow::from_range(range.clone())).collect::<Vec<_>>()?, range)?;
            let range = i64::MAX - s.size as i64..i64::MAX;
            same(s.source(Flow::from_range(range.clone())).collect::<Vec<_>>()?, range)
        }),
        case("from_range, empty and reversed", |s| {
            let at = s.size as i32;
            equal(s.source(Flow::from_range(at..at)).count()?, 0)?;
            #[allow(clippy::reversed_empty_ranges, reason = "it is what is tested")]
            let reversed = at..at - 3;
            equal(s.source(Flow::from_range(reversed)).count()?, 0)?;
            #[allow(clippy::reversed_empty_ranges, reason = "it is what is tested")]
            let reversed = i128::MAX..i128::MIN;
            equal(s.source(Flow::from_range(reversed)).count()?, 0)
        }),
        case("from_text of str", |s| {
            let text = text(s.size);
            same(s.source(Flow::from_text(text.as_str())).collect::<Vec<_>>()?, text.lines())?;
            same(s.source(Flow::from_text(&text)).collect::<Vec<_>>()?, text.lines())
        }),
        case("from_text of bytes", |s| {
            let mut bytes = text(s.size).into_bytes();
            bytes.iter_mut().filter(|byte| **byte == b'w').for_each(|byte| *byte = 0xff);
            let lines = s.source(Flow::from_text(&bytes)).map(<[u8]>::to_vec);
            same(lines.collect::<Vec<_>>()?, byte_lines(&bytes))?;
            let lines = s.source(Flow::from_text(&bytes[..])).map(<[u8]>::to_vec);
            same(lines.collect::<Vec<_>>()?, byte_lines(&bytes))
        }),
        case("from_text of one long line", |s| {
            let line = "long ".repeat(s.size);
            let lines = s.source(Flow::from_text(&line)).collect::<Vec<_>>()?;
            same(lines, line.lines())
        }),
        case("from_iter, of known size", |s| {
            same(s.source(Flow::from_iter(s.numbers())).collect::<Vec<_>>()?, s.numbers())
        }),
        case("from_iter, of unknown size", |s| {
            let mut range = range(s);
            let iter = iter::from_fn(move || range.next());
            same(s.source(Flow::from_iter(iter)).collect::<Vec<_>>()?, s.numbers())
        }),
        case("from_iters", |s| {
            let events = || (0..4).map(|k| (0..s.size as u64 * k / 2).map(move |x| (k, x)));
            let got = s.source(Flow::from_iters(events())).collect::<Vec<_>>()?;
            same_events(got.clone(), events().flatten())?;
            // Each for itself has its order.
            let single = s.source(Flow::from_iters(events())).stages(1).collect::<Vec<_>>()?;
            for (k, events) in events().enumerate() {
                let of_k = |(from, _): &&(u64, u64)| *from == k as u64;
                same(single.iter().filter(of_k).copied(), events)?;
            }
            Ok(())
        }),
        case("from_iters, of unknown sizes", |s| {
            let odd = |x: &u64| x % 2 == 1;
            let events = || [s.numbers(), vec![], s.numbers()].map(|v| v.into_iter().filter(odd));
            same_events(
                s.source(Flow::from_iters(events())).collect::<Vec<_>>()?,
                events().into_iter().flatten(),
            )
        }),
        case("from_lines", |s| {
            let text = text(s.size);
            let lines = || text.lines().map(str::to_owned);
            same(s.source(Flow::from_lines(text.as_bytes())).collect::<Vec<_>>()?, lines())?;
            let reader = Dripping(text.as_bytes(), 0);
            same(s.source(Flow::from_lines(reader)).collect::<Vec<_>>()?, lines())
        }),
        case("from_lines, lossy", |s| {
            let mut bytes = text(s.size).into_bytes();
            bytes.iter_mut().filter(|byte| **byte == b'w').for_each(|byte| *byte = 0xff);
            let want = byte_lines(&bytes);
            let want = want.iter().map(|line| String::from_utf8_lossy(line).into_owned());
            same(s.source(Flow::from_lines(&bytes[..])).lossy().collect::<Vec<_>>()?, want)
        }),
        case("from_lines of more than a block", |s| {
            let text = format!("{}\n{}", text(s.size), "line\r\n".repeat(50_000));
            let got = s.source(Flow::from_lines(text.as_bytes())).collect::<Vec<_>>()?;
            same(got.iter().map(String::as_str), text.lines())
        }),
        case("from_reader", |s| {
            let bytes: Vec<u8> = s.numbers().into_iter().flat_map(u64::to_le_bytes).collect();
            let blocks = s.source(Flow::from_reader(&bytes[..])).collect::<Vec<_>>()?;
            same(blocks.concat(), bytes.iter().copied())?;
            let reader = Dripping(&bytes[..], 0);
            let blocks = s.source(Flow::from_reader(reader)).collect::<Vec<_>>()?;
            same(blocks.concat(), bytes.iter().copied())?;
            equal(blocks.iter().all(|block| !block.is_empty()), true)
        }),
        case("from_files, of paths", |s| {
            let folder = Folder::new()?;
            let texts = [text(s.size), String::new(), text(s.size / 2)];
            let paths = (0..3).map(|k| folder.file(&format!("{k}.txt"), &texts[k]));
            let paths = paths.collect::<io::Result<Vec<_>>>()?;
            let meter = Meter::new();
            let got = s.source(Flow::from_files(&paths)?).observe(&meter).collect::<Vec<_>>()?;
            same(got.iter().map(String::as_str), texts.iter().flat_map(|text| text.lines()))?;
            let bytes: usize = texts.iter().map(String::len).sum();
            equal(meter.metrics().bytes_read, bytes as u64)?;
            equal(meter.metrics().bytes_total.unwrap_or(0), bytes as u64)
        }),
        case("from_files, of a directory", |s| {
            let folder = Folder::new()?;
            let texts = [text(s.size), text(1), text(s.size / 2), text(3)];
            let names = ["a.txt", "b/a.txt", "b/c/a.txt", "c.log"];
            for (name, text) in names.iter().zip(&texts) {
                folder.file(name, text)?;
            }
            folder.file(".hidden", "nobody sees this")?;
            let got = s.source(Flow::from_files([&folder.0])?).collect::<Vec<_>>()?;
            same(got.iter().map(String::as_str), texts.iter().flat_map(|text| text.lines()))
        }),
        case("from_files, of a pattern", |s| {
            let folder = Folder::new()?;
            let texts = [text(s.size), text(2), text(s.size / 2)];
            for (name, text) in ["a.txt", "b.txt", "c.txt"].iter().zip(&texts) {
                folder.file(name, text)?;
            }
            folder.file("d.log", "not this one")?;
            let pattern = folder.0.join("*.txt");
            let got = s.source(Flow::from_files([pattern])?).collect::<Vec<_>>()?;
            same(got.iter().map(String::as_str), texts.iter().flat_map(|text| text.lines()))
        }),
        case("from_files, of nothing", |s| {
            equal(s.source(Flow::from_files(iter::empty::<&Path>())?).count()?, 0)
        }),
        case("from_channel that is full before", |s| {
            let (sender, receiver) = crossbeam_channel::unbounded();
            s.numbers().into_iter().try_for_each(|x| sender.send(x))?;
            drop(sender);
            same(s.source(Flow::from_channel(receiver)).collect::<Vec<_>>()?, s.numbers())
        }),
        case("from_channel that is filled meanwhile", |s| {
            let (sender, receiver) = crossbeam_channel::bounded(1);
            let range = range(s);
            let filling = thread::spawn(move || range.into_iter().try_for_each(|x| sender.send(x)));
            same(s.source(Flow::from_channel(receiver)).collect::<Vec<_>>()?, s.numbers())?;
            Ok(filling.join().map_err(|_| "the sender panicked")??)
        }),
        case("from_stages, asked again by time", |s| {
            let producers = (0..3).map(|mood| Moody::new(s.numbers(), mood, Wakes::ByItself));
            let want = iter::repeat_n(s.numbers(), 3).flatten();
            same_events(s.source(Flow::from_stages(producers)).collect::<Vec<_>>()?, want)
        }),
        case("from_stages, ringing at once", |s| {
            let producers = (0..3).map(|mood| Moody::new(s.numbers(), mood, Wakes::AtOnce));
            let want = iter::repeat_n(s.numbers(), 3).flatten();
            same_events(s.source(Flow::from_stages(producers)).collect::<Vec<_>>()?, want)
        }),
        case("from_stages, rung by another thread", |s| {
            let (bell, bells) = mpsc::channel::<Notifier>();
            let ringing = thread::spawn(move || bells.iter().for_each(|bell| bell.notify()));
            let wakes = Wakes::By(bell);
            let producers = (0..3).map(|mood| Moody::new(s.numbers(), mood, wakes.clone()));
            let producers: Vec<_> = producers.collect();
            drop(wakes);
            let got = s.source(Flow::from_stages(producers)).collect::<Vec<_>>()?;
            ringing.join().map_err(|_| "the ringing thread panicked")?;
            same_events(got, iter::repeat_n(s.numbers(), 3).flatten())
        }),
        case("from_stages, one producer and one instance", |s| {
            let producer = Moody::new(s.numbers(), s.size, Wakes::ByItself);
            let got = s.source(Flow::from_stages([producer])).stages(1).collect::<Vec<_>>()?;
            same(got, s.numbers())
        }),
    ]);
}

#[test]
fn several_sources_may_be_none() {
    for executor in [Executor::threads(1), Executor::threads(4), Executor::simulation(1)] {
        let run = executor.clone();
        let count = in_time(Duration::from_secs(120), || {
            Flow::from_iters(Vec::<Range<u64>>::new()).on(run).count().map_err(|e| e.to_string())
        });
        assert_eq!(count, Some(Ok(0)), "from_iters on {executor:?}: in time, and no event");
        let run = executor.clone();
        let count = in_time(Duration::from_secs(120), || {
            Flow::from_stages(Vec::<Moody>::new()).on(run).count().map_err(|e| e.to_string())
        });
        assert_eq!(count, Some(Ok(0)), "from_stages on {executor:?}: in time, and no event");
    }
}

// Operators that take one event at a time.

/// An operator in the stage of a source, behind a partition, before one, and read in order.
macro_rules! per_event {
    ($name:literal, |$flow:ident| $operator:expr, |$iter:ident| $oracle:expr) => {
        case($name, |s| {
            let want = || {
                let $iter = s.numbers().into_iter();
                $oracle
            };
            let $flow = numbers!(s);
            same($operator.collect::<Vec<_>>()?, want())?;
            let $flow = s.stage(numbers!(s).partition());
            same_events($operator.collect::<Vec<_>>()?, want())?;
            let $flow = s.source(Flow::from_vec(s.numbers()));
            same_events(s.stage($operator.partition()).collect::<Vec<_>>()?, want())?;
            let $flow = s.source(Flow::from_iter(s.numbers()));
            same($operator.ordered().with_iter(|got| got.collect::<Vec<_>>())?, want())?;
            let $flow = numbers!(s).ordered();
            same($operator.ordered().in_flight(5).collect::<Vec<_>>()?, want())
        })
    };
}

#[test]
fn per_event_operators_do_what_those_of_iterators_do() {
    run_all(&[
        per_event!("map", |flow| flow.map(|x| 3 * x + 1), |iter| iter.map(|x| 3 * x + 1)),
        per_event!("filter", |flow| flow.filter(|x| x % 3 != 0), |iter| {
            iter.filter(|x| x % 3 != 0)
        }),
        per_event!("filter that drops all", |flow| flow.filter(|_| false), |iter| {
            iter.filter(|_| false)
        }),
        per_event!(
            "filter_map",
            |flow| flow.filter_map(|x| (x % 2 == 0).then_some(x + 7)),
            |iter| iter.filter_map(|x| (x % 2 == 0).then_some(x + 7))
        ),
        per_event!("flat_map", |flow| flow.flat_map(|x| (0..x % 4).map(move |y| x + y)), |iter| {
            iter.flat_map(|x| (0..x % 4).map(move |y| x + y))
        }),
        per_event!(
            "flat_map, mostly nothing and sometimes much",
            |flow| flow.flat_map(|x| x..x + if x % 1000 == 1 { 3000 } else { 0 }),
            |iter| iter.flat_map(|x| x..x + if x % 1000 == 1 { 3000 } else { 0 })
        ),
        per_event!(
            "flat_map of flat_map",
            |flow| flow.flat_map(|x| vec![x; 3]).flat_map(|x| [x, x + 1]).map(|x| x + 1),
            |iter| iter.flat_map(|x| vec![x; 3]).flat_map(|x| [x, x + 1]).map(|x| x + 1)
        ),
        per_event!("flatten", |flow| flow.map(|x| vec![x; x as usize % 3]).flatten(), |iter| {
            iter.flat_map(|x| vec![x; x as usize % 3])
        }),
        per_event!(
            "flat_map_emit",
            |flow| flow.flat_map_emit(|x, out| (0..x % 4).for_each(|y| out.emit(x * 4 + y))),
            |iter| iter.flat_map(|x| (0..x % 4).map(move |y| x * 4 + y))
        ),
        per_event!(
            "flat_map_emit, mostly nothing and sometimes much",
            |flow| flow.flat_map_emit(|x, out| {
                out.extend(*x..x + if x % 1000 == 1 { 3000 } else { 0 });
            }),
            |iter| iter.flat_map(|x| x..x + if x % 1000 == 1 { 3000 } else { 0 })
        ),
        per_event!(
            "flat_map_emit of flat_map_emit",
            |flow| flow
                .flat_map_emit(|x, out| out.extend([*x; 3]))
                .flat_map_emit(|x, out| out.extend([*x, x + 1])),
            |iter| iter.flat_map(|x| [x; 3]).flat_map(|x| [x, x + 1])
        ),
        per_event!(
            "map_init",
            |flow| flow.map_init(Vec::new, |scratch, x| {
                scratch.clear();
                scratch.extend(0..x % 5);
                scratch.iter().sum::<u64>()
            }),
            |iter| iter.map(|x| (0..x % 5).sum())
        ),
        per_event!(
            "many in a row",
            |flow| flow
                .map(|x| x + 1)
                .filter(|x| x % 5 != 0)
                .flat_map(|x| x..x + x % 3)
                .filter_map(|x| x.checked_sub(2))
                .inspect(|x| {
                    std::hint::black_box(*x);
                })
                .flat_map_emit(|x, out| out.extend([*x, 1])),
            |iter| iter
                .map(|x| x + 1)
                .filter(|x| x % 5 != 0)
                .flat_map(|x| x..x + x % 3)
                .filter_map(|x| x.checked_sub(2))
                .flat_map(|x| [x, 1])
        ),
        case("inspect sees every event once", |s| {
            let (count, sum) = (AtomicU64::new(0), AtomicU64::new(0));
            let flow = numbers!(s).inspect(|x| {
                count.fetch_add(1, Ordering::Relaxed);
                sum.fetch_add(*x, Ordering::Relaxed);
            });
            same(flow.collect::<Vec<_>>()?, s.numbers())?;
            equal(count.into_inner(), s.size as u64)?;
            equal(sum.into_inner(), range(s).sum())
        }),
        case("map_init makes a value per instance", |s| {
            let made = AtomicUsize::new(0);
            let flow = numbers!(s).map_init(|| made.fetch_add(1, Ordering::Relaxed), |_, x| x);
            same(flow.collect::<Vec<_>>()?, s.numbers())?;
            let most = s.instances;
            equal((1..=most).contains(&made.into_inner()), true)
        }),
        case("flat_map_emit of lines that are lent", |s| {
            let text = text(s.size);
            let words = || text.lines().flat_map(|line| line.split(' ')).map(str::to_owned);
            let flow = s.source(Flow::from_lines(text.as_bytes())).flat_map_emit(|line, out| {
                line.split(' ').for_each(|word| out.emit(word.to_owned()));
            });
            same(flow.collect::<Vec<_>>()?, words())?;
            let flow = s.source(Flow::from_text(&text)).flat_map_emit(|line, out| {
                line.split(' ').for_each(|word| out.emit(word.to_owned()));
            });
            same(s.run(flow.ordered()).with_iter(|got| got.collect::<Vec<_>>())?, words())
        }),
        case("boxed", |s| {
            same_events(numbers!(s).boxed().collect::<Vec<_>>()?, s.numbers())?;
            let flow = numbers!(s).boxed().map(|x| x + 1).boxed().boxed().filter(|x| x % 2 == 0);
            let want = || range(s).map(|x| x + 1).filter(|x| x % 2 == 0);
            same_events(flow.collect::<Vec<_>>()?, want())?;
            let flow = numbers!(s).flat_map(|x| [x; 3]).boxed().flat_map(|x| [x, x + 1]).boxed();
            let want = || range(s).flat_map(|x| [x; 3]).flat_map(|x| [x, x + 1]);
            same_events(s.stage(flow.partition().boxed()).collect::<Vec<_>>()?, want())?;
            let flow = numbers!(s).boxed().flat_map_emit(|x, out| out.extend([*x; 3])).boxed();
            let want = || range(s).flat_map(|x| [x; 3]);
            let got = s.demand(flow.map(|x| x)).with_iter(|got| got.collect::<Vec<_>>())?;
            same_events(got, want())
        }),
        case("boxed before and behind an exchange, and reduced", |s| {
            let flow = s.stage(numbers!(s).boxed().partition_by(|x| x % 5));
            let flow = flow.reduce(Vec::new, Vec::push).emit_items().boxed();
            same_events(
                flow.flat_map(|x| [x, x]).collect::<Vec<_>>()?,
                range(s).flat_map(|x| [x, x]),
            )
        }),
        case("stages and named, in the plan and in the run", |s| {
            let meter = Meter::new();
            let source = s.run(Flow::from_range(range(s))).stages(2).named("first");
            let flow = s.demand(source.map(|x| x).partition()).stages(5).named("second");
            let flow = flow.observe(&meter);
            let plan = flow.explain();
            let instances: Vec<_> = plan.stages().iter().map(|stage| stage.instances).collect();
            same(instances, [2, 5])?;
            equal(plan.tasks(), 7)?;
            equal(plan.edges().len(), 1)?;
            equal(flow.into_partitions()?.len(), 5)?;
            let metrics = meter.metrics();
            same(metrics.stages().iter().map(|stage| stage.name.as_str()), ["first", "second"])?;
            equal(metrics.stages()[0].events_in, s.size as u64)?;
            equal(metrics.stages()[1].events_in, s.size as u64)?;
            equal(metrics.stages()[1].instances, 5)?;
            equal(metrics.edges()[0].events_out, s.size as u64)
        }),
        case("stages of one instance and by default", |s| {
            same(
                numbers!(s).stages(1).map(|x| x + 1).collect::<Vec<_>>()?,
                range(s).map(|x| x + 1),
            )?;
            let flow = s.demand(s.run(Flow::from_range(range(s))));
            same_events(s.demand(flow.partition()).collect::<Vec<_>>()?, s.numbers())
        }),
    ]);
}

// Partitions.

#[test]
fn partitions_keep_together_what_belongs_together() {
    run_all(&[
        case("partition", |s| {
            let flow = s.stage(numbers!(s).map(|x| x % 10).partition());
            apart(flow.into_partitions()?, range(s).map(|x| x % 10), |x| *x)
        }),
        case("partition_by", |s| {
            let flow = s.stage(numbers!(s).partition_by(|x| (x % 7).to_string()));
            apart(flow.into_partitions()?, s.numbers(), |x| x % 7)
        }),
        case("partition_by the same key goes where partition does", |s| {
            let one = s.stage(numbers!(s).partition()).into_partitions()?;
            let other = s.stage(numbers!(s).partition_by(|x| *x)).into_partitions()?;
            for (one, other) in one.into_iter().zip(other) {
                same_events(one, other)?;
            }
            Ok(())
        }),
        case("partition_with", |s| {
            let flow = numbers!(s).partition_with(|x, partitions| *x as usize % partitions);
            let parts = s.stage(flow).into_partitions()?;
            equal(parts.len(), s.instances)?;
            for (at, part) in parts.into_iter().enumerate() {
                same_events(part, range(s).filter(|x| *x as usize % s.instances == at))?;
            }
            Ok(())
        }),
        case("partition_with all into the last", |s| {
            let flow = numbers!(s).partition_with(|_, partitions| partitions - 1);
            let parts = s.stage(flow).into_partitions()?;
            same_events(parts[s.instances - 1].clone(), s.numbers())?;
            equal(parts.concat().len(), s.size)
        }),
        case("partition_with, dropping", |s| {
            let meter = Meter::new();
            let flow = numbers!(s).partition_with(|x, partitions| {
                (x % 3 != 0).then_some(*x as usize / 2 % partitions)
            });
            let got = s.stage(flow).observe(&meter).collect::<Vec<_>>()?;
            same_events(got, range(s).filter(|x| x % 3 != 0))?;
            let edge = meter.metrics().edges()[0].clone();
            equal(edge.dropped, range(s).filter(|x| x % 3 == 0).count() as u64)?;
            equal(edge.events_in, s.size as u64)
        }),
        case("partition_with, dropping all", |s| {
            let flow = numbers!(s).partition_with(|_, _| None::<usize>);
            equal(s.stage(flow).count()?, 0)
        }),
        case("partition keeps the order of one instance for each partition", |s| {
            let flow = s.stage(numbers!(s).stages(1).partition_by(|x| x % 4));
            for part in flow.into_partitions()? {
                same(part.clone(), {
                    let mut sorted = part;
                    sorted.sort_unstable();
                    sorted
                })?;
            }
            Ok(())
        }),
        case("partition, again and again", |s| {
            let flow = s.stage(numbers!(s).partition());
            let flow = s.stage(flow.map(|x| x + 1).partition_by(|x| x % 3)).stages(2);
            let flow = s.stage(flow.flat_map(|x| [x, x]).partition_with(|x, n| *x as usize % n));
            same_events(flow.collect::<Vec<_>>()?, range(s).flat_map(|x| [x + 1, x + 1]))
        }),
        case("partition of text", |s| {
            let text = text(s.size);
            let words = || text.split_whitespace();
            let flow = s.source(Flow::from_text(&text)).flat_map(str::split_whitespace);
            apart(s.stage(flow.partition()).into_partitions()?, words(), |word| *word)
        }),
        case("reduce, emit_state", |s| {
            let flow = s.stage(numbers!(s).partition_with(|x, n| *x as usize % n));
            let sums = flow.reduce(|| 0, |sum, x| *sum += x).emit_state().collect::<Vec<_>>()?;
            let of = |at| range(s).filter(move |x| *x as usize % s.instances == at).sum::<u64>();
            same(sums, (0..s.instances).map(of))
        }),
        case("reduce, emit_items", |s| {
            let flow = s.stage(numbers!(s).partition_by(|x| x % 7));
            let flow = flow.reduce(HashMap::new, |sums, x| *sums.entry(x % 7).or_insert(0) += x);
            let want = grouped(range(s), |x| x % 7);
            same_events(
                flow.emit_items().collect::<Vec<_>>()?,
                want.into_iter().map(|(key, group)| (key, group.iter().sum::<u64>())),
            )
        }),
        case("reduce, emit_items with more behind it", |s| {
            let flow = s.stage(numbers!(s).partition()).reduce(Vec::new, Vec::push).emit_items();
            let flow = s.stage(flow.flat_map(|x| [x; 3]).partition_by(|x| x % 5));
            let flow = flow.reduce(|| 0, |count, _| *count += 1).emit_state();
            let counts = s.stage(flow.partition_with(|_, _| 0)).collect::<Vec<u64>>()?;
            equal(counts.len(), s.instances)?;
            equal(counts.iter().sum(), 3 * s.size as u64)
        }),
        case("reduce, on_trigger", |s| {
            let flow = s.stage(numbers!(s).partition_with(|x, n| *x as usize % n));
            let flow = flow.reduce(Vec::new, Vec::push).on_trigger(|events, pane| {
                let (at, of, last) = (pane.partition(), pane.partitions(), pane.is_last());
                std::mem::take(events).into_iter().map(move |x: u64| (at, of, last, x))
            });
            let want = range(s).map(|x| (x as usize % s.instances, s.instances, true, x));
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("reduce, on_trigger once for each partition", |s| {
            let fired = AtomicUsize::new(0);
            let flow = s.stage(numbers!(s).partition()).reduce(|| 0, |n, _| *n += 1);
            let flow = flow.on_trigger(|n: &mut u64, _| {
                fired.fetch_add(1, Ordering::Relaxed);
                Some(*n)
            });
            equal(flow.sum::<u64>()?, s.size as u64)?;
            equal(fired.into_inner(), s.instances)
        }),
        case("reduce into partitions", |s| {
            let flow = s.stage(numbers!(s).partition_by(|x| x % 7));
            let flow = flow.reduce(Vec::new, Vec::push).emit_items().map(|x| x + 1);
            apart(flow.into_partitions()?, range(s).map(|x| x + 1), |x| (x - 1) % 7)
        }),
    ]);
}

// Keys.

/// Bit `n` is set if a value had the remainder `n`.
struct Remainders;

impl Aggregator<u64> for Remainders {
    type Acc = u32;
    type Output = u32;

    fn first(&self, event: &u64) -> u32 {
        1 << (event % 32)
    }

    fn add(&self, acc: &mut u32, event: &u64) {
        *acc |= self.first(event);
    }

    fn merge(&self, into: &mut u32, from: u32) {
        *into |= from;
    }

    fn finish(&self, acc: u32) -> u32 {
        acc
    }
}

#[test]
fn keyed_verbs_do_what_a_map_does() {
    run_all(&[
        case("count, few keys", |s| {
            let flow = s.stage(numbers!(s).key_by(|x| x * x % 7).count());
            let want = grouped(range(s), |x| x * x % 7);
            same_events(flow.collect::<Vec<_>>()?, want.iter().map(|(k, g)| (*k, g.len() as u64)))
        }),
        case("count, unique keys", |s| {
            let flow = s.stage(numbers!(s).key_by(|x| *x).count());
            same_events(flow.collect::<Vec<_>>()?, range(s).map(|x| (x, 1)))
        }),
        case("count, keys that allocate", |s| {
            let flow = s.stage(numbers!(s).key_by(|x| format!("key {}", x % 13)).count());
            let want = grouped(range(s), |x| format!("key {}", x % 13));
            let want = want.into_iter().map(|(key, group)| (key, group.len() as u64));
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("count of counts", |s| {
            let flow = s.stage(numbers!(s).key_by(|x| x * x % 7).count());
            let flow = s.stage(flow.map(|(_, count)| count).key_by(|count| *count).count());
            let counts = grouped(range(s), |x| x * x % 7).into_values().map(|g| g.len() as u64);
            let want = grouped(counts, |count| *count);
            same_events(flow.collect::<Vec<_>>()?, want.iter().map(|(k, g)| (*k, g.len() as u64)))
        }),
        case("count into partitions, and reduced", |s| {
            let flow = s.stage(numbers!(s).key_by(|x| x % 31).count());
            let want = grouped(range(s), |x| x % 31);
            let want: Vec<_> = want.iter().map(|(k, g)| (*k, g.len() as u64)).collect();
            apart(flow.clone().into_partitions()?, want.clone(), |(key, _)| *key)?;
            let flow = flow.reduce(
                || (0, 0),
                |(keys, events), (_, count)| {
                    *keys += 1;
                    *events += count;
                },
            );
            let parts = flow.emit_state().collect::<Vec<(u64, u64)>>()?;
            equal(parts.len(), s.instances)?;
            equal(parts.iter().map(|part| part.0).sum(), want.len() as u64)?;
            equal(parts.iter().map(|part| part.1).sum(), s.size as u64)
        }),
        case("sum", |s| {
            let flow = s.stage(numbers!(s).key_by(|x| x % 5).sum(|x| *x as i64 - 3));
            let want = grouped(range(s), |x| x % 5).into_iter();
            let want = want.map(|(key, group)| (key, group.iter().map(|x| *x as i64 - 3).sum()));
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("fold", |s| {
            let flow = s.stage(numbers!(s).key_by(|x| x % 5).fold(Vec::new, Vec::push));
            let flow = flow.map(|(key, mut group)| {
                group.sort_unstable();
                (key, group)
            });
            same_events(flow.collect::<Vec<_>>()?, grouped(range(s), |x| x % 5))
        }),
        case("fold, in the order of one instance", |s| {
            let flow = numbers!(s).stages(1).key_by(|x| x % 5).fold(Vec::new, Vec::push);
            same_events(s.stage(flow).collect::<Vec<_>>()?, grouped(range(s), |x| x % 5))
        }),
        case("fold, unique keys", |s| {
            let flow = numbers!(s).key_by(|x| *x).fold(|| 1, |acc, x| *acc += x);
            same_events(s.stage(flow).collect::<Vec<_>>()?, range(s).map(|x| (x, x + 1)))
        }),
        case("aggregate, a tuple", |s| {
            let flow = numbers!(s).map(|x| x % 1000).key_by(|x| x % 6);
            let flow = flow.aggregate(|a| {
                let (sum, min, max) = (a.sum(|x| *x), a.min(|x| *x), a.max(|x| *x));
                (a.count(), sum, min, max, a.mean(|x| *x))
            });
            let want = grouped(range(s).map(|x| x % 1000), |x| x % 6).into_iter();
            let want = want.map(|(key, g)| {
                let (count, sum) = (g.len() as u64, g.iter().sum::<u64>());
                let (min, max) = (g.iter().min().copied(), g.iter().max().copied());
                let mean = sum as f64 / count as f64;
                (key, (count, sum, min, max, mean.to_bits()))
            });
            let got = s.stage(flow).map(|(key, (count, sum, min, max, mean))| {
                (key, (count, sum, Some(min), Some(max), mean.to_bits()))
            });
            same_events(got.collect::<Vec<_>>()?, want)
        }),
        case("aggregate, one and eight", |s| {
            let flow = numbers!(s).key_by(|x| x % 3).aggregate(|a| a.max(|x| x % 100));
            let want = || grouped(range(s), |x| x % 3).into_iter();
            let max = |group: &[u64]| group.iter().map(|x| x % 100).max().unwrap_or(0);
            same_events(s.stage(flow).collect::<Vec<_>>()?, want().map(|(k, g)| (k, max(&g))))?;
            let flow = numbers!(s).key_by(|x| x % 3).aggregate(|a| {
                let c = || a.count();
                (c(), c(), c(), c(), c(), c(), c(), a.max(|x| x % 100))
            });
            same_events(
                s.stage(flow).collect::<Vec<_>>()?,
                want().map(|(key, g)| {
                    let n = g.len() as u64;
                    (key, (n, n, n, n, n, n, n, max(&g)))
                }),
            )
        }),
        case("aggregate, of one's own", |s| {
            let flow = numbers!(s).key_by(|x| x % 4).aggregate(|_| Remainders);
            let want = grouped(range(s), |x| x % 4).into_iter();
            let bits = |group: Vec<u64>| group.iter().fold(0, |bits, x| bits | 1 << (x % 32));
            let want = want.map(|(key, group)| (key, bits(group)));
            same_events(s.stage(flow).collect::<Vec<_>>()?, want)
        }),
        case("key_by_ref", |s| {
            let names = || range(s).map(|x| format!("a name of some length: {}", x % 17));
            let flow = s.source(Flow::from_vec(names().collect())).key_by_ref(|name| name.as_str());
            let want = grouped(names(), String::clone);
            let want = want.iter().map(|(name, group)| (name.clone(), group.len() as u64));
            same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want)?;
            let flow = s.source(Flow::from_vec(names().collect()));
            let flow = flow.key_by_ref(|name| name.as_bytes()).fold(
                || 0,
                |len, name: String| {
                    *len += name.len();
                },
            );
            let want = grouped(names(), |name| name.clone().into_bytes());
            let want = want.into_iter().map(|(key, group)| (key, group.concat().len()));
            same_events(s.stage(flow).collect::<Vec<_>>()?, want)
        }),
        case("key_by_ref of numbers", |s| {
            let pairs = || range(s).map(|x| (x % 9, x));
            let flow = s.source(Flow::from_vec(pairs().collect())).key_by_ref(|pair| &pair.0);
            let want = grouped(pairs(), |pair| pair.0).into_iter();
            let want = want.map(|(key, g)| (key, g.iter().map(|pair| pair.1).sum::<u64>()));
            same_events(s.stage(flow.sum(|pair| pair.1)).collect::<Vec<_>>()?, want)
        }),
        case("key_each of text", |s| {
            let text = text(s.size);
            let want = grouped(text.split_whitespace(), |word| word.to_string());
            let want = || want.iter().map(|(word, group)| (word.clone(), group.len() as u64));
            let flow = s.source(Flow::from_text(&text)).key_each::<str>(|line, keys| {
                line.split_whitespace().for_each(|word| keys.add(word));
            });
            same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want())?;
            let flow = s.source(Flow::from_lines(text.as_bytes())).key_each::<str>(|line, keys| {
                line.split_whitespace().for_each(|word| keys.add(word));
            });
            same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want())?;
            let flow = s.source(Flow::from_lines(text.as_bytes())).map(|line| line);
            let flow = flow.key_each::<str>(|line, keys| {
                line.split_whitespace().for_each(|word| keys.add(word));
            });
            same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want())
        }),
        case("key_each of bytes and numbers", |s| {
            let flow = numbers!(s).key_each::<[u8]>(|x, keys| {
                let text = x.to_string();
                text.as_bytes().iter().for_each(|digit| keys.add(&[*digit]));
            });
            let digits = || range(s).flat_map(|x| x.to_string().into_bytes());
            let want = grouped(digits(), |digit| vec![*digit]);
            let want = want.into_iter().map(|(key, group)| (key, group.len() as u64));
            same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want)?;
            let flow =
                numbers!(s).key_each::<u64>(|x, keys| (0..x % 50).for_each(|y| keys.add(&y)));
            let want = grouped(range(s).flat_map(|x| 0..x % 50), |y| *y);
            let want = want.into_iter().map(|(key, group)| (key, group.len() as u64));
            same_events(s.stage(flow.count()).collect::<Vec<_>>()?, want)
        }),
        case("keys behind a partition and before an order of one's own", |s| {
            let flow = s.stage(numbers!(s).partition()).key_by(|x| x % 10).count();
            let flow = s.stage(s.stage(flow).partition_with(|_, _| 0)).reduce(Vec::new, Vec::push);
            let flow = flow.on_trigger(|counts, _| {
                counts.sort_unstable();
                std::mem::take(counts)
            });
            let want = grouped(range(s), |x| x % 10);
            same(flow.collect::<Vec<_>>()?, want.iter().map(|(k, g)| (*k, g.len() as u64)))
        }),
    ]);
}

// Order.

#[test]
fn order_is_kept_and_made_again() {
    run_all(&[
        case("ordered, in_flight 1, 3 and by default", |s| {
            let want = || range(s).map(|x| x * 2);
            for in_flight in [1, 3, 4096] {
                let flow = || numbers!(s).map(|x| x * 2).ordered().in_flight(in_flight);
                same(flow().collect::<Vec<_>>()?, want())?;
                same(flow().with_iter(|got| got.collect::<Vec<_>>())?, want())?;
                same(flow().into_iter().collect::<Result<Vec<_>, _>>()?, want())?;
            }
            same(numbers!(s).map(|x| x * 2).ordered().collect::<Vec<_>>()?, want())
        }),
        case("ordered, of other sources", |s| {
            let want = || range(s).filter(|x| x % 3 != 1);
            let other = |x: &u64| x % 3 != 1;
            let slice = s.numbers();
            for in_flight in [1, 3, 100] {
                let flow = s.source(Flow::from_slice(&slice)).map(|x| *x).filter(other).ordered();
                same(flow.in_flight(in_flight).with_iter(|got| got.collect::<Vec<_>>())?, want())?;
                let flow = s.source(Flow::from_vec(s.numbers())).filter(other).ordered();
                same(flow.in_flight(in_flight).with_iter(|got| got.collect::<Vec<_>>())?, want())?;
                let flow = s.source(Flow::from_iter(s.numbers())).filter(other).ordered();
                same(flow.in_flight(in_flight).with_iter(|got| got.collect::<Vec<_>>())?, want())?;
                let mut range = range(s);
                let iter = iter::from_fn(move || range.next());
                let flow = s.source(Flow::from_iter(iter)).filter(other).ordered();
                same(flow.in_flight(in_flight).collect::<Vec<_>>()?, want())?;
                let (sender, receiver) = crossbeam_channel::unbounded();
                s.numbers().into_iter().try_for_each(|x| sender.send(x))?;
                drop(sender);
                let flow = s.source(Flow::from_channel(receiver)).filter(other).ordered();
                same(flow.in_flight(in_flight).collect::<Vec<_>>()?, want())?;
            }
            Ok(())
        }),
        case("ordered, of text", |s| {
            let text = text(s.size);
            let want = || text.lines().map(str::len);
            for in_flight in [1, 3, 100] {
                let flow = s.source(Flow::from_text(&text)).map(str::len).ordered();
                same(flow.in_flight(in_flight).with_iter(|got| got.collect::<Vec<_>>())?, want())?;
                let reader = Dripping(text.as_bytes(), 0);
                let flow = s.source(Flow::from_lines(reader)).map(|line| line.len()).ordered();
                same(flow.in_flight(in_flight).collect::<Vec<_>>()?, want())?;
            }
            Ok(())
        }),
        case("ordered, much of few events", |s| {
            let many = |x: u64| x * 5000..x * 5000 + if x % 64 == 1 { 2500 } else { x % 3 };
            let want = || range(s).flat_map(many);
            for in_flight in [1, 3, 4096] {
                let flow = || numbers!(s).flat_map(many).ordered().in_flight(in_flight);
                same(flow().collect::<Vec<_>>()?, want())?;
                same(flow().with_iter(|got| got.collect::<Vec<_>>())?, want())?;
                let flow = numbers!(s).flat_map_emit(|x, out| out.extend(many(*x))).ordered();
                same(flow.in_flight(in_flight).collect::<Vec<_>>()?, want())?;
            }
            Ok(())
        }),
        case("ordered, again and with more behind it", |s| {
            let flow =
                numbers!(s).flat_map(|x| [x, x + 1]).ordered().in_flight(3).filter(|x| x % 3 > 0);
            let flow = flow.ordered().in_flight(2).flat_map(|x| x..x + 2).ordered().map(|x| x + 1);
            let want = range(s).flat_map(|x| [x, x + 1]).filter(|x| x % 3 > 0);
            let want = want.flat_map(|x| x..x + 2).map(|x| x + 1);
            same(flow.with_iter(|got| got.collect::<Vec<_>>())?, want)
        }),
        case("ordered before an exchange", |s| {
            let flow = s.stage(numbers!(s).map(|x| x + 1).ordered().in_flight(5).partition());
            for part in flow.clone().into_partitions()? {
                equal(part.is_sorted(), true)?;
            }
            same_events(flow.collect::<Vec<_>>()?, range(s).map(|x| x + 1))?;
            let flow = s.stage(numbers!(s).ordered().key_by(|x| x % 3).fold(Vec::new, Vec::push));
            same_events(flow.collect::<Vec<_>>()?, grouped(range(s), |x| x % 3))
        }),
        case("ordered to other terminals", |s| {
            let flow = || numbers!(s).map(|x| x + 1).ordered().in_flight(4);
            equal(flow().count()?, s.size as u64)?;
            equal(flow().max()?, range(s).map(|x| x + 1).max())?;
            let seen = Mutex::new(Vec::new());
            flow().for_each(|x| seen.lock().unwrap().push(x))?;
            same(seen.into_inner()?, range(s).map(|x| x + 1))
        }),
        case("ordered, boxed", |s| {
            let flow = numbers!(s).map(|x| x + 1).ordered().in_flight(4).boxed().map(|x| x * 2);
            same_events(flow.collect::<Vec<_>>()?, range(s).map(|x| (x + 1) * 2))
        }),
    ]);
}

/// How many events each instance had before it, and where they came from: what ought to be read
/// ahead of a reader at the most.
#[test]
fn ordered_is_not_further_ahead_than_in_flight() {
    for executor in (0..50).map(Executor::simulation).chain([1, 2, 4].map(Executor::threads)) {
        for in_flight in [1, 3, 8, 100] {
            let made = AtomicUsize::new(0);
            let flow = Flow::from_range(0..2000u64).stages(3).inspect(|_| {
                made.fetch_add(1, Ordering::SeqCst);
            });
            let flow = flow.ordered().in_flight(in_flight).on(executor.clone());
            let ahead = flow.with_iter(|got| {
                let read = got.by_ref().enumerate();
                read.map(|(read, _)| made.load(Ordering::SeqCst) - read - 1).max().unwrap_or(0)
            });
            let ahead = ahead.unwrap();
            assert!(ahead <= in_flight, "{ahead} events ahead of {in_flight} on {executor:?}");
        }
    }
}

// Takes.

/// What behind `take` holds events back for a while must give them in the end.
macro_rules! behind_take {
    ($s:ident, |$flow:ident| $taken:expr, $want:expr) => {{
        let s = $s;
        let taken = || {
            let $flow = numbers!(s);
            $taken
        };
        let want = || -> Vec<u64> { $want.collect() };
        same_events(taken().collect::<Vec<_>>()?, want()).within("collect")?;
        let got = s.stage(taken().partition()).collect::<Vec<_>>()?;
        same_events(got, want()).within("partition")?;
        let got = taken().partition().stages(2).collect::<Vec<_>>()?;
        same_events(got, want()).within("partition by default")?;
        let got = s.stage(taken().key_by(|x| *x).count()).map(|pair| pair.0).collect::<Vec<_>>()?;
        same_events(got, want()).within("count by key")?;
        let got = s.stage(taken().key_by(|x| *x).fold(|| 0, |acc, x| *acc += x));
        let got = got.map(|pair| pair.1).collect::<Vec<_>>()?;
        same_events(got, want()).within("fold by key")?;
        let got = s.stage(taken().key_each::<u64>(|x, keys| keys.add(x)).count());
        let got = got.map(|pair| pair.0).collect::<Vec<_>>()?;
        same_events(got, want()).within("count each")?;
        let got = taken().with_iter(|got| got.collect::<Vec<_>>())?;
        same_events(got, want()).within("with_iter")?;
        let got = taken().into_iter().collect::<Result<Vec<_>, FlowError>>()?;
        same_events(got, want()).within("into_iter")?;
        let got = taken().boxed().collect::<Vec<_>>()?;
        same_events(got, want()).within("boxed")?;
        let got = s.stage(taken().boxed().partition()).collect::<Vec<_>>()?;
        same_events(got, want()).within("boxed, partition")?;
        let twice = || want().into_iter().flat_map(|x| [x, x]);
        let got = s.stage(taken().flat_map(|x| [x, x]).partition()).collect::<Vec<_>>()?;
        same_events(got, twice()).within("flat_map, partition")?;
        let got = taken().flat_map_emit(|x, out| out.extend([*x, *x])).partition();
        let got = s.stage(got).collect::<Vec<_>>()?;
        same_events(got, twice()).within("flat_map_emit, partition")?;
        let got = s.stage(taken().partition()).reduce(Vec::new, Vec::push).emit_items();
        let got = got.collect::<Vec<_>>()?;
        same_events(got, want()).within("partition, reduce")?;
        let many = want().len();
        let got = s.stage(taken().take_any(many).partition()).collect::<Vec<_>>()?;
        same_events(got, want()).within("take_any, partition")?;
        Ok(())
    }};
}

#[test]
fn takes_give_as_many_as_they_say() {
    run_all(&[
        case("take", |s| {
            for many in [0, 1, s.size / 2, s.size, s.size + 5] {
                same(numbers!(s).take(many).collect::<Vec<_>>()?, range(s).take(many))?;
                let flow = s.source(Flow::from_vec(s.numbers())).map(|x| x + 1).take(many);
                same(flow.collect::<Vec<_>>()?, range(s).map(|x| x + 1).take(many))?;
                let flow = s.source(Flow::from_iter(s.numbers())).filter(|x| x % 3 > 0).take(many);
                let want = range(s).filter(|x| x % 3 > 0).take(many);
                same(flow.map(|x| x + 1).collect::<Vec<_>>()?, want.map(|x| x + 1))?;
            }
            Ok(())
        }),
        case("take of the endless", |s| {
            let many = s.size;
            let flow = s.source(Flow::from_iter(0u64..)).filter(|x| x % 3 == 0).take(many);
            same(flow.collect::<Vec<_>>()?, (0..).step_by(3).take(many))?;
            let flow = s.source(Flow::from_range(5..u64::MAX)).take(many);
            same(flow.collect::<Vec<_>>()?, (5..).take(many))?;
            let flow = s.source(Flow::from_vec(vec![0u64, 10])).flat_map(|x| x..).take(many);
            same(flow.collect::<Vec<_>>()?, (0..).take(many))
        }),
        case("take of text", |s| {
            let text = text(s.size);
            for many in [0, 1, s.size / 2, s.size + 5] {
                let flow = s.source(Flow::from_text(&text)).take(many);
                same(flow.collect::<Vec<_>>()?, text.lines().take(many))?;
                let flow = s.source(Flow::from_lines(text.as_bytes())).take(many);
                let want = text.lines().take(many).map(str::to_owned);
                same(flow.collect::<Vec<_>>()?, want)?;
            }
            Ok(())
        }),
        case("take behind ordered, and again", |s| {
            let many = s.size / 2 + 1;
            let flow = numbers!(s).ordered().in_flight(3).map(|x| x + 1).take(many);
            same(flow.collect::<Vec<_>>()?, range(s).map(|x| x + 1).take(many))?;
            let flow = numbers!(s).take(many).flat_map(|x| [x, x]).take(many);
            same(flow.collect::<Vec<_>>()?, range(s).flat_map(|x| [x, x]).take(many))
        }),
        case("take, in order behind it", |s| {
            let many = s.size / 2 + 1;
            let flow = || numbers!(s).take(many);
            let want = || range(s).take(many);
            same(flow().with_iter(|got| got.collect::<Vec<_>>())?, want()).within("with_iter")?;
            same(flow().into_iter().collect::<Result<Vec<_>, _>>()?, want()).within("into_iter")?;
            same(flow().ordered().collect::<Vec<_>>()?, want()).within("ordered")?;
            same(flow().take(many).collect::<Vec<_>>()?, want()).within("take")?;
            let got =
                flow().flat_map(|x| [x, x]).ordered().with_iter(|got| got.collect::<Vec<_>>());
            same(got?, want().flat_map(|x| [x, x])).within("flat_map, ordered")
        }),
        case("take of none, and what follows", |s| {
            behind_take!(s, |flow| flow.take(0), range(s).take(0))
        }),
        case("take of one, and what follows", |s| {
            behind_take!(s, |flow| flow.take(1), range(s).take(1))
        }),
        case("take of half, and what follows", |s| {
            behind_take!(s, |flow| flow.take(s.size / 2), range(s).take(s.size / 2))
        }),
        case("take of more than there is, and what follows", |s| {
            behind_take!(s, |flow| flow.take(s.size + 5), range(s))
        }),
        case("take_any", |s| {
            for many in [0, 1, s.size / 2, s.size, s.size + 5] {
                let got = numbers!(s).take_any(many).collect::<Vec<_>>()?;
                some_of(got, range(s), many.min(s.size))?;
                let flow = s.stage(numbers!(s).partition()).take_any(many).map(|x| x + 1);
                some_of(flow.collect::<Vec<_>>()?, range(s).map(|x| x + 1), many.min(s.size))?;
                let flow = s.source(Flow::from_iter(s.numbers())).flat_map(|x| [x, x]);
                let got = flow.take_any(many).collect::<Vec<_>>()?;
                some_of(got, range(s).flat_map(|x| [x, x]), many.min(2 * s.size))?;
            }
            Ok(())
        }),
        case("take_any, into what stages events", |s| {
            for many in [0, 1, s.size / 2, s.size, s.size + 5] {
                let there = many.min(s.size);
                let flow = numbers!(s).take_any(many).partition();
                some_of(s.stage(flow).collect::<Vec<_>>()?, range(s), there).within("partition")?;
                let flow = numbers!(s).take_any(many).key_by(|x| *x).count();
                some_of(s.stage(flow).map(|pair| pair.0).collect::<Vec<_>>()?, range(s), there)
                    .within("count by key")?;
                let flow = s.demand(numbers!(s).take_any(many));
                some_of(flow.with_iter(|got| got.collect::<Vec<_>>())?, range(s), there)
                    .within("with_iter")?;
                let flow = s.demand(numbers!(s).take_any(many)).flat_map(|x| [x, x]).partition();
                let got = s.stage(flow).collect::<Vec<_>>()?;
                some_of(got, range(s).flat_map(|x| [x, x]), 2 * there)
                    .within("flat_map, partition")?;
                let flow = s.demand(numbers!(s).take_any(many)).boxed().partition();
                some_of(s.stage(flow).collect::<Vec<_>>()?, range(s), there)
                    .within("boxed, partition")?;
            }
            Ok(())
        }),
        case("take_any of all, and what follows", |s| {
            behind_take!(s, |flow| flow.take_any(s.size), range(s))
        }),
        case("take_any of more than there is, and what follows", |s| {
            behind_take!(s, |flow| flow.take_any(s.size + 5), range(s))
        }),
        case("take_any within partitions, and reduced there", |s| {
            for many in [0, 1, s.size / 2, s.size + 5] {
                let flow = s.stage(numbers!(s).partition()).take_any(many);
                let flow = flow.reduce(|| 0, |count, _| *count += 1).emit_state();
                let counts = flow.collect::<Vec<u64>>()?;
                equal(counts.len(), s.instances)?;
                equal(counts.iter().sum(), many.min(s.size) as u64)?;
            }
            Ok(())
        }),
        case("take_any of the endless", |s| {
            let flow = s.source(Flow::from_iter(0u64..)).filter(|x| x % 3 == 0).take_any(s.size);
            let got: HashSet<_> = flow.collect()?;
            equal(got.len(), s.size)?;
            equal(got.iter().all(|x| x % 3 == 0), true)?;
            let flow = s.source(Flow::from_vec(vec![0u64])).flat_map(|x| x..).take_any(s.size);
            equal(flow.count()?, s.size as u64)
        }),
        case("take_any of producers that are pending", |s| {
            let producers = || (0..2).map(|mood| Moody::new(s.numbers(), mood, Wakes::ByItself));
            let flow = s.source(Flow::from_stages(producers())).take_any(s.size + 1);
            let want = range(s).chain(range(s));
            some_of(flow.collect::<Vec<_>>()?, want, (s.size + 1).min(2 * s.size))
        }),
        case("take in clones, each for itself", |s| {
            let flow = numbers!(s).take(s.size / 2);
            same(flow.clone().collect::<Vec<_>>()?, range(s).take(s.size / 2))?;
            same(flow.collect::<Vec<_>>()?, range(s).take(s.size / 2))?;
            let flow = numbers!(s).take_any(s.size / 2);
            equal(flow.clone().count()?, s.size as u64 / 2)?;
            equal(flow.count()?, s.size as u64 / 2)
        }),
    ]);
}

/// Runs a flow of a channel that gives five numbers and then nothing, and stays open. The last
/// number comes so late that the source waits for another one when it does.
fn of_silent_channel<R: Send + 'static>(
    numbers: u64,
    run: impl FnOnce(crossbeam_channel::Receiver<u64>) -> R + Send + 'static,
) -> Option<R> {
    let (sender, receiver) = crossbeam_channel::unbounded();
    (0..numbers).try_for_each(|x| sender.send(x)).unwrap();
    let given = in_time(Duration::from_secs(120), move || run(receiver));
    drop(sender);
    given
}

/// Takes so long that everything else has come to rest.
fn late(x: u64) -> u64 {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(Duration::from_millis(30));
    x
}

#[test]
fn taking_nothing_waits_for_nothing() {
    let counts = [1, 2, 4].map(|workers| {
        let run = Executor::threads(workers);
        let take = of_silent_channel(0, move |receiver| {
            Flow::from_channel(receiver).take(0).on(run).count().map_err(|e| e.to_string())
        });
        let run = Executor::threads(workers);
        let take_any = of_silent_channel(0, move |receiver| {
            Flow::from_channel(receiver).take_any(0).on(run).count().map_err(|e| e.to_string())
        });
        (take, take_any)
    });
    assert_eq!(counts, [(); 3].map(|()| (Some(Ok(0)), Some(Ok(0)))), "in time, and no event");
}

#[test]
fn a_take_that_has_all_ends_a_channel_that_is_silent() {
    let counts = [1, 2, 4].map(|workers| {
        let run = Executor::threads(workers);
        let take = of_silent_channel(3, move |receiver| {
            let flow = Flow::from_channel(receiver).map(late).flat_map(|x| [x, x]).on(run);
            flow.take(5).count().map_err(|e| e.to_string())
        });
        let run = Executor::threads(workers);
        let take_any = of_silent_channel(5, move |receiver| {
            let flow = Flow::from_channel(receiver).map(late).on(run);
            flow.take_any(5).count().map_err(|e| e.to_string())
        });
        let run = Executor::threads(workers);
        let read = of_silent_channel(5, move |receiver| {
            let flow = Flow::from_channel(receiver).map(late).on(run);
            flow.with_iter(|got| got.take(5).count() as u64).map_err(|e| e.to_string())
        });
        (take, take_any, read)
    });
    let all = || Some(Ok(5));
    assert_eq!(counts, [(); 3].map(|()| (all(), all(), all())), "in time, and five events");
}

#[test]
fn a_take_of_the_whole_range_is_no_overflow() {
    for _ in 0..3000 {
        let flow = Flow::from_range(0..u64::MAX).take(300).on(Executor::threads(4));
        assert_eq!(flow.count().unwrap(), 300);
    }
}

// Terminals.

/// Keeps what came for each part, and at which positions.
struct Recording;

#[derive(Default)]
struct Recorded {
    events: Vec<u64>,
    positions: Vec<u64>,
}

impl Sink<u64> for Recording {
    type Part = Recorded;
    type Output = Vec<Recorded>;

    fn part(self: &Arc<Self>, _instance: usize) -> Recorded {
        Recorded::default()
    }

    fn commit(self: Arc<Self>, parts: Vec<Recorded>) -> Result<Vec<Recorded>, BoxError> {
        Ok(parts)
    }
}

impl Part<u64> for Recorded {
    fn write(&mut self, event: u64) -> Result<(), BoxError> {
        self.events.push(event);
        Ok(())
    }

    fn position(&mut self, start: u64) {
        self.positions.push(start);
    }
}

#[test]
fn terminals_give_what_their_iterators_give() {
    run_all(&[
        case("count, sum, min and max", |s| {
            let value = |x: u64| (x * 7919 + 13) % 1009;
            let want = || range(s).map(value);
            equal(numbers!(s).map(value).count()?, s.size as u64)?;
            equal(numbers!(s).map(value).sum::<u64>()?, want().sum())?;
            equal(numbers!(s).map(value).min()?, want().min())?;
            equal(numbers!(s).map(value).max()?, want().max())?;
            let parts = || s.stage(numbers!(s).map(value).partition());
            equal(parts().count()?, s.size as u64)?;
            equal(parts().sum::<u64>()?, want().sum())?;
            equal(parts().min()?, want().min())?;
            equal(parts().max()?, want().max())?;
            let times = numbers!(s).map(Duration::from_millis).sum::<Duration>()?;
            equal(times, range(s).map(Duration::from_millis).sum())?;
            equal(numbers!(s).map(|x| x as f64).sum::<f64>()?, range(s).map(|x| x as f64).sum())?;
            let factors = || range(s).map(|x| Some(x).filter(|x| *x < 5));
            let sum = numbers!(s).map(|x| Some(x).filter(|x| *x < 5)).sum::<Option<u64>>()?;
            equal(sum, factors().sum())
        }),
        case("collect into a vector", |s| {
            same(numbers!(s).map(|x| x + 1).collect::<Vec<_>>()?, range(s).map(|x| x + 1))?;
            same(numbers!(s).collect::<VecDeque<_>>()?, range(s))?;
            let boxed = numbers!(s).collect::<Box<[u64]>>()?;
            same(boxed, range(s))
        }),
        case("collect into maps and sets", |s| {
            let got = numbers!(s).map(|x| (x, x + 1)).collect::<HashMap<_, _>>()?;
            equal(got, range(s).map(|x| (x, x + 1)).collect())?;
            // The last one of a key wins, as in the order of the source.
            let got = numbers!(s).map(|x| (x % 5, x)).collect::<HashMap<_, _>>()?;
            equal(got, range(s).map(|x| (x % 5, x)).collect())?;
            let got = s.stage(numbers!(s).map(|x| x % 5).partition()).collect::<BTreeSet<_>>()?;
            equal(got, range(s).map(|x| x % 5).collect())
        }),
        case("collect into a result or an option", |s| {
            let ok = numbers!(s).map(Ok::<_, String>).collect::<Result<Vec<_>, _>>()?;
            equal(ok, Ok(s.numbers()))?;
            // The first error in the source's order.
            let check = |x: u64| if x % 4 == 1 { Err(x) } else { Ok(x) };
            let first = numbers!(s).map(check).collect::<Result<Vec<_>, _>>()?;
            equal(first, range(s).map(check).collect())?;
            let some = |x: u64| (x < 3).then_some(x);
            equal(numbers!(s).map(some).collect::<Option<Vec<_>>>()?, range(s).map(some).collect())
        }),
        case("collect into a string", |s| {
            let letter = |x: u64| char::from(b'a' + (x % 26) as u8);
            equal(numbers!(s).map(letter).collect::<String>()?, range(s).map(letter).collect())?;
            let word = |x: u64| x.to_string();
            equal(numbers!(s).map(word).collect::<String>()?, range(s).map(word).collect())
        }),
        case("collect of flat_map, in order", |s| {
            let many = |x: u64| x..x + if x % 50 == 1 { 1500 } else { x % 2 };
            let text = text(s.size);
            same(numbers!(s).flat_map(many).collect::<Vec<_>>()?, range(s).flat_map(many))?;
            let flow = s.source(Flow::from_text(&text)).flat_map(|line| line.chars());
            same(flow.collect::<Vec<_>>()?, text.lines().flat_map(str::chars))?;
            let flow = s.source(Flow::from_vec(s.numbers())).flat_map(many);
            same(flow.collect::<Vec<_>>()?, range(s).flat_map(many))
        }),
        case("into_partitions", |s| {
            let parts = s.stage(numbers!(s).partition()).into_partitions()?;
            equal(parts.len(), s.instances)?;
            same_events(parts.concat(), range(s))
        }),
        case("run", |s| {
            let seen = AtomicU64::new(0);
            numbers!(s)
                .inspect(|x| {
                    seen.fetch_add(x + 1, Ordering::Relaxed);
                })
                .run()?;
            equal(seen.into_inner(), range(s).map(|x| x + 1).sum())
        }),
        case("for_each", |s| {
            let seen = Mutex::new(Vec::new());
            numbers!(s).for_each(|x| seen.lock().unwrap().push(x))?;
            same_events(seen.into_inner()?, range(s))?;
            let seen = Mutex::new(Vec::new());
            s.stage(numbers!(s).partition()).for_each(|x| seen.lock().unwrap().push(x))?;
            same_events(seen.into_inner()?, range(s))
        }),
        case("with_iter", |s| {
            let want = || range(s).map(|x| x + 1);
            let flow = || s.demand(numbers!(s).map(|x| x + 1));
            same_events(flow().with_iter(|got| got.collect::<Vec<_>>())?, want())?;
            let parts = s.stage(flow().partition());
            same_events(parts.with_iter(|got| got.collect::<Vec<_>>())?, want())?;
            // Once at its end it stays there.
            equal(flow().with_iter(|got| (got.by_ref().count(), got.next()))?, (s.size, None))
        }),
        case("with_iter, read in part", |s| {
            for many in [0, 1, s.size / 2] {
                let got = numbers!(s).with_iter(|got| got.take(many).collect::<Vec<_>>())?;
                some_of(got, range(s), many.min(s.size))?;
                let flow = s.stage(numbers!(s).partition());
                let got = flow.with_iter(|got| got.take(many).collect::<Vec<_>>())?;
                some_of(got, range(s), many.min(s.size))?;
                let flow = numbers!(s).ordered().in_flight(3);
                let got = flow.with_iter(|got| got.take(many).collect::<Vec<_>>())?;
                same(got, range(s).take(many))?;
                let flow = s.source(Flow::from_iter(0u64..)).ordered();
                let got = flow.with_iter(|got| got.take(many).collect::<Vec<_>>())?;
                same(got, (0..).take(many))?;
                let flow = s.source(Flow::from_vec(s.numbers())).ordered();
                let got = flow.with_iter(|got| got.take(many).collect::<Vec<_>>())?;
                same(got, range(s).take(many))?;
            }
            Ok(())
        }),
        case("into_iter", |s| {
            let got =
                s.demand(numbers!(s).map(|x| x + 1)).into_iter().collect::<Result<Vec<_>, _>>();
            same_events(got?, range(s).map(|x| x + 1))?;
            let flow = s.stage(s.source(Flow::from_vec(s.numbers())).partition());
            same_events(flow.into_iter().collect::<Result<Vec<_>, _>>()?, range(s))?;
            let flow = s.source(Flow::from_iter(s.numbers())).ordered().in_flight(3);
            same(flow.into_iter().collect::<Result<Vec<_>, _>>()?, range(s))
        }),
        case("into_iter, read in part", |s| {
            for many in [0, 1, s.size / 2] {
                let flow = s.source(Flow::from_iter(0u64..)).ordered().in_flight(3);
                let got = flow.into_iter().take(many).collect::<Result<Vec<_>, _>>()?;
                same(got, (0..).take(many))?;
                let flow = s.stage(s.source(Flow::from_range(0..u64::MAX)).partition());
                let got = flow.into_iter().take(many).collect::<Result<HashSet<_>, _>>()?;
                equal(got.len(), many)?;
            }
            Ok(())
        }),
        case("start and join", |s| {
            let sum = Arc::new(AtomicU64::new(0));
            let adding = Arc::clone(&sum);
            let flow = numbers!(s).inspect(move |x| {
                adding.fetch_add(*x, Ordering::Relaxed);
            });
            flow.start()?.join()?;
            equal(sum.load(Ordering::Relaxed), range(s).sum())?;
            let handle = numbers!(s).map(|x| x + 1).to(Collect::<Vec<_>>::new()).start()?;
            same(handle.join()?, range(s).map(|x| x + 1))?;
            let flow = s.stage(s.source(Flow::from_iter(s.numbers())).partition());
            let flow = flow.reduce(Vec::new, Vec::push).emit_items();
            same_events(flow.to(Collect::<Vec<_>>::new()).start()?.join()?, range(s))
        }),
        case("start and drain", |s| {
            let (sender, receiver) = mpsc::channel();
            let flow = s.stage(s.source(Flow::from_iter(0u64..)).partition_by(|x| x % 3));
            let flow = flow.reduce(
                || 0,
                move |count, x| {
                    *count += 1;
                    // The receiver is gone when the test has seen enough.
                    let _ = sender.send(x);
                },
            );
            let handle = flow.emit_state().to(Collect::<Vec<u64>>::new()).start()?;
            let seen = receiver.iter().take(s.size).count();
            handle.drain();
            let counted: u64 = handle.join()?.iter().sum();
            equal(counted >= seen as u64, true)?;
            equal(counted, seen as u64 + receiver.try_iter().count() as u64)
        }),
        case("to a closure", |s| {
            let sum = AtomicU64::new(0);
            numbers!(s)
                .to(|x| {
                    sum.fetch_add(x, Ordering::Relaxed);
                })
                .run()?;
            equal(sum.into_inner(), range(s).sum())
        }),
        case("to a sink of one's own", |s| {
            let parts = s.source(Flow::from_vec(s.numbers())).to(Recording).run()?;
            same_events(parts.iter().flat_map(|part| part.events.clone()), range(s))?;
            for part in &parts {
                equal(part.events.is_sorted(), true)?;
                equal(part.positions.is_sorted(), true)?;
                equal(part.events.first(), part.positions.first().filter(|_| s.size > 0))?;
            }
            let parts = s.stage(numbers!(s).partition_with(|x, n| *x as usize % n));
            let parts = parts.to(Recording).run()?;
            equal(parts.len(), s.instances)?;
            for (at, part) in parts.into_iter().enumerate() {
                same_events(part.events, range(s).filter(|x| *x as usize % s.instances == at))?;
                // Behind an exchange there is no position in a source.
                equal(part.positions.len(), 0)?;
            }
            Ok(())
        }),
        case("several jobs as one run", |s| {
            let small = numbers!(s).map(|x| x + 1).to(Collect::<Vec<_>>::new());
            let large = s.stage(s.source(Flow::from_iter(s.numbers())).partition());
            let large = large.to(Collect::<BTreeSet<_>>::new());
            let (small, large) = flow::run((small, large))?;
            same(small, range(s).map(|x| x + 1))?;
            same(large, range(s))?;
            let job = |from: u64| Flow::from_range(from..from + 3).to(Collect::<Vec<_>>::new());
            let runner = numbers!(s).to(Ignore);
            let (((), one), (two,)) = flow::run(((runner, job(5)), (job(7),)))?;
            same(one, 5..8)?;
            same(two, 7..10)
        }),
        case("jobs, of which one ends early", |s| {
            let taken = s.source(Flow::from_iter(0u64..)).take(s.size);
            let jobs =
                (taken.to(Collect::<Vec<_>>::new()), numbers!(s).to(Collect::<Vec<_>>::new()));
            let (taken, all) = flow::run(jobs)?;
            same(taken, range(s))?;
            same(all, range(s))
        }),
        case("a flow inside a flow", |s| {
            let size = s.size.min(60) as u64;
            let flow = s.source(Flow::from_range(0..size)).map(|x| {
                let inner = Flow::from_range(0..x).partition().stages(2);
                inner.reduce(|| 0, |sum, x| *sum += x).emit_state().sum::<u64>()
            });
            let got = flow.collect::<Result<Vec<_>, _>>()??;
            same(got, (0..size).map(|x| (0..x).sum()))
        }),
        case("a clone runs again", |s| {
            let flow = s.stage(numbers!(s).map(|x| x * 3).partition());
            let flow = flow.reduce(Vec::new, Vec::push).emit_items();
            same_events(flow.clone().collect::<Vec<_>>()?, range(s).map(|x| x * 3))?;
            same_events(flow.collect::<Vec<_>>()?, range(s).map(|x| x * 3))
        }),
    ]);
}
