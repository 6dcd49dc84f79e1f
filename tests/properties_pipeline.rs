//! Pipelines of any shape, with messages that fail in any way, under many schedules: each message is
//! settled exactly once, batches keep their bounds, keys their order.

use flow::pipeline::{Batch, Pipeline, Pull, Pulled, Rate, Settlement, Source};
use flow::stage::Stages;
use flow::{BoxError, Executor, Retry};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    /// Its first attempts fail, so many of them.
    Late(u32),
    Bad,
    Panics,
    /// So in the batch.
    LateInBatch(u32),
    BadInBatch,
    PanicsInBatch,
    Nowhere,
    Unknown,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Fine),
        2 => (1..3u32).prop_map(Fate::Late),
        1 => Just(Fate::Bad),
        1 => Just(Fate::Panics),
        2 => (1..3u32).prop_map(Fate::LateInBatch),
        1 => Just(Fate::BadInBatch),
        1 => Just(Fate::PanicsInBatch),
        1 => Just(Fate::Nowhere),
        1 => Just(Fate::Unknown),
    ]
}

#[derive(Clone, Debug)]
struct Message {
    number: usize,
    key: u64,
    fate: Fate,
    tried: Arc<AtomicU32>,
}

/// Emits in bursts, sometimes more than was asked for, sometimes nothing; and notes what is settled.
struct Checked {
    messages: Vec<Message>,
    next: usize,
    bursts: Vec<usize>,
    pulls: usize,
    in_flight: usize,
    limit: usize,
    settled: Arc<Mutex<Vec<Option<bool>>>>,
}

impl Source for Checked {
    type Item = Message;
    type Receipt = usize;

    fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
        assert!(self.in_flight + pull.items() <= self.limit, "asked for too much");
        let burst = self.bursts[self.pulls % self.bursts.len()];
        self.pulls += 1;
        if burst == 0 {
            return Ok(Pulled::After(Duration::from_millis(3)));
        }
        // A burst of 1 to 3 messages cannot be held back.
        let n = if burst < 4 { burst } else { burst.min(pull.items()) };
        for _ in 0..n.min(self.messages.len() - self.next) {
            pull.emit(self.messages[self.next].clone(), self.next);
            self.next += 1;
            self.in_flight += 1;
        }
        Ok(if self.next < self.messages.len() { Pulled::More } else { Pulled::Done })
    }

    fn settle(&mut self, settled: &Settlement<usize>) -> Result<(), BoxError> {
        let mut all = self.settled.lock().unwrap();
        let failed = settled.failed.iter().map(|failed| (failed.receipt, false));
        for (receipt, done) in settled.done.iter().map(|receipt| (*receipt, true)).chain(failed) {
            assert!(receipt < self.next && all[receipt].is_none(), "{receipt} is settled twice");
            all[receipt] = Some(done);
            self.in_flight -= 1;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Shape {
    processors: usize,
    max_demand: usize,
    in_flight: usize,
    ordered: bool,
    retries: Option<u32>,
    batch_retries: Option<u32>,
    size: usize,
    within: u64,
    handlers: usize,
    keyed: bool,
    rate: Option<u64>,
    dead_letters: bool,
    /// After so many milliseconds it is drained.
    drained_after: Option<u64>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let numbers = (1..5usize, 1..12usize, 1..40usize, 1..8usize, 0..30u64, 1..4usize);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    let options = (
        proptest::option::of(0..4u32),
        proptest::option::of(0..4u32),
        proptest::option::of(1..9u64),
        proptest::option::of(0..60u64),
    );
    (numbers, switches, options).prop_map(|(numbers, switches, options)| {
        let (processors, max_demand, in_flight, size, within, handlers) = numbers;
        let (ordered, keyed, dead_letters) = switches;
        let (retries, batch_retries, rate, drained_after) = options;
        Shape {
            processors,
            max_demand,
            in_flight,
            ordered,
            retries,
            batch_retries,
            size,
            within,
            handlers,
            keyed,
            rate,
            dead_letters,
            drained_after,
        }
    })
}

fn process(message: &Message) -> Result<Message, BoxError> {
    match message.fate {
        Fate::Bad => Err("bad".into()),
        Fate::Late(n) if message.tried.fetch_add(1, Ordering::SeqCst) < n => Err("not yet".into()),
        Fate::Panics => panic!("panics"),
        _ => Ok(message.clone()),
    }
}

/// Whether a message is done in the end, where handlers do not fail others with it.
fn expected(fate: Fate, shape: &Shape) -> bool {
    match fate {
        Fate::Fine | Fate::Nowhere => true,
        Fate::Late(n) => n <= shape.retries.unwrap_or(0),
        Fate::LateInBatch(n) => n <= shape.batch_retries.unwrap_or(0),
        _ => false,
    }
}

fn run(messages: &[(u64, Fate)], bursts: &[usize], shape: &Shape, executor: &Executor) {
    let numbered = messages.iter().enumerate();
    let messages: Vec<Message> = numbered
        .map(|(number, (key, fate))| Message {
            number,
            key: *key,
            fate: *fate,
            tried: Arc::default(),
        })
        .collect();
    let settled = Arc::new(Mutex::new(vec![None; messages.len()]));
    let source = Checked {
        messages: messages.clone(),
        next: 0,
        bursts: bursts.to_vec(),
        pulls: 0,
        in_flight: 0,
        limit: shape.in_flight,
        settled: Arc::clone(&settled),
    };
    let handled = Arc::new(Mutex::new(Vec::new()));
    let (note, by) = (Arc::clone(&handled), shape.clone());
    let handle = move |batch: &mut Batch<Message, u64>| {
        assert!((1..=by.size).contains(&batch.len()), "a batch of {}", batch.len());
        assert!(!by.keyed || batch.iter().all(|message| message.key == *batch.key()));
        let failing = |message: &Message| match message.fate {
            Fate::BadInBatch => true,
            Fate::LateInBatch(n) => message.tried.fetch_add(1, Ordering::SeqCst) < n,
            _ => false,
        };
        let failing: Vec<bool> = batch.iter().map(failing).collect();
        let well = batch.iter().zip(&failing).filter(|(_, failing)| !**failing);
        note.lock().unwrap().extend(well.map(|(message, _)| (message.key, message.number)));
        for at in (0..batch.len()).filter(|at| failing[*at]) {
            batch.fail(at, "bad");
        }
        Ok(())
    };
    // Panics fail whole batches, so they have their own.
    let panics = |_: &mut Batch<Message>| -> Result<(), BoxError> { panic!("panics") };
    let by = shape.clone();
    let waits = Retry::exponential(Duration::from_millis(5));
    let mut pipeline = Pipeline::new(source, process)
        .processors(shape.processors)
        .max_demand(shape.max_demand)
        .in_flight(shape.in_flight)
        .route(|message| match message.fate {
            Fate::PanicsInBatch => Some("panics"),
            Fate::Nowhere => None,
            Fate::Unknown => Some("unknown"),
            _ => Some("all"),
        })
        .batcher("panics", |by| by.size(2), panics)
        .batcher(
            "all",
            move |batches| {
                let batches = batches.size(by.size).within(Duration::from_millis(by.within));
                let batches = batches.handlers(by.handlers);
                let batches = match by.batch_retries {
                    Some(times) => batches.retry(waits.times(times)),
                    None => batches,
                };
                batches.key_by(move |message: &Message| if by.keyed { message.key } else { 0 })
            },
            handle,
        );
    if let Some(times) = shape.retries {
        pipeline = pipeline.retry(waits.times(times));
    }
    if shape.ordered {
        pipeline = pipeline.partition_by(|message| message.key);
    }
    if let Some(rate) = shape.rate {
        pipeline = pipeline.rate(&Rate::new(rate, Duration::from_millis(2)));
    }
    if shape.dead_letters {
        pipeline = pipeline.dead_letters(|_| Ok(()));
    }
    let stages = Stages::on(executor.clone()).unwrap();
    let pipeline = pipeline.start(&stages).unwrap();
    if let Some(time) = shape.drained_after {
        stages.advance(Duration::from_millis(time));
        pipeline.drain();
    }
    let counts = pipeline.join().unwrap().counts;
    stages.join().unwrap();

    let settled = settled.lock().unwrap();
    let pulled = counts.pulled as usize;
    assert!(settled[..pulled].iter().all(Option::is_some), "all that was pulled is settled");
    assert!(shape.drained_after.is_some() || pulled == messages.len());
    for (message, settled) in messages.iter().zip(&settled[..pulled]) {
        let done = expected(message.fate, shape) || shape.dead_letters;
        assert_eq!(*settled, Some(done), "{message:?}");
    }
    assert_eq!(counts.done + counts.failed, counts.pulled);
    let well = messages[..pulled].iter().filter(|message| expected(message.fate, shape)).count();
    let buried = if shape.dead_letters { pulled - well } else { 0 };
    assert_eq!((counts.done, counts.dead_letters), ((well + buried) as u64, buried as u64));

    let mut handled = handled.lock().unwrap().clone();
    if shape.ordered && messages.iter().all(|m| !matches!(m.fate, Fate::LateInBatch(_))) {
        for key in 0..4 {
            let of_key = handled.iter().filter(|(k, _)| *k == key);
            assert!(of_key.is_sorted(), "the order of key {key}: {handled:?}");
        }
    }
    // Nothing is handled well twice.
    let all = handled.len();
    handled.sort_unstable();
    handled.dedup();
    assert_eq!(handled.len(), all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_message_is_settled_once(
        messages in vec((0..4u64, fate()), 0..80),
        bursts in vec(0..12usize, 1..6),
        shape in shape(),
        seed in any::<u64>(),
    ) {
        // Not only empty pulls.
        let bursts = [bursts, vec![2]].concat();
        run(&messages, &bursts, &shape, &Executor::simulation(seed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_message_is_settled_once_on_threads(
        messages in vec((0..4u64, fate()), 0..80),
        bursts in vec(0..12usize, 1..6),
        shape in shape(),
        workers in 1..4usize,
    ) {
        let bursts = [bursts, vec![2]].concat();
        run(&messages, &bursts, &shape, &Executor::threads(workers));
    }
}
