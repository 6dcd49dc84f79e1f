//! Flows that are run by a blocking terminal may borrow from the stack: their sources, closures and
//! sinks, also mutably.

mod support;

use flow::{
    BoxError, BoxFlow, Collect, Demand, Executor, Flow, FlowError, Node, Part, Produced, Producer,
    Sink,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// One worker and several.
fn executors() -> [Executor; 3] {
    [Executor::threads(1), Executor::threads(3), Executor::simulation(1)]
}

#[test]
fn through_every_blocking_terminal() -> Result<(), FlowError> {
    let words = ["a".to_owned(), "b".to_owned(), "a".to_owned()];
    let suffix = String::from("!");
    for executor in executors() {
        let flow = || {
            let words = Flow::from_slice(&words).on(executor.clone());
            words.filter(|word| word.len() < suffix.len() + 1)
        };
        assert_eq!(flow().count()?, 3);
        assert_eq!(flow().map(|word| word.len() + suffix.len()).sum::<usize>()?, 6);
        assert_eq!(flow().min()?, Some(&words[0]));
        assert_eq!(flow().max()?, Some(&words[1]));
        assert_eq!(flow().collect::<Vec<_>>()?, words.iter().collect::<Vec<_>>());
        let parts: Vec<Vec<&String>> = flow().partition().stages(1).into_partitions()?;
        assert_eq!(parts.concat().len(), 3);
        let length = AtomicU64::new(0);
        let add = |word: &String| _ = length.fetch_add(word.len() as u64, Ordering::Relaxed);
        flow().for_each(add)?;
        flow().inspect(|word| add(word)).run()?;
        flow().to(add).run()?;
        flow::run((flow().to(add), flow().to(Collect::<Vec<_>>::new())))?;
        assert_eq!(length.into_inner(), 12);
        let joined = flow().ordered().with_iter(|words| words.cloned().collect::<String>())?;
        assert_eq!(joined, "aba");
        let counts: BTreeMap<&str, u64> = flow().key_by(|word| word.as_str()).count().collect()?;
        assert_eq!(counts["a"], 2);
    }
    Ok(())
}

/// The borrow of what was not moved ends with the terminal.
#[test]
fn what_was_borrowed_can_be_changed_afterwards() -> Result<(), FlowError> {
    let mut text = String::from("one two\nthree");
    let longest = Flow::from_text(&text).flat_map(str::split_whitespace).max()?;
    assert_eq!(longest, Some("two"));
    text.push('!');
    let mut last = None;
    let words = Flow::from_text(&text).flat_map(str::split_whitespace);
    words.ordered().with_iter(|words| last = words.last())?;
    assert_eq!(last, Some("three!"));
    text.clear();
    Ok(())
}

#[test]
fn iterators_are_borrowed_mutably_and_go_on_where_the_run_left_them() -> Result<(), FlowError> {
    for executor in executors() {
        let mut numbers = 0..100u64;
        let first: Vec<u64> =
            Flow::from_iter(numbers.by_ref().take(10)).on(executor.clone()).collect()?;
        assert_eq!(first, (0..10).collect::<Vec<_>>());
        assert_eq!(numbers.next(), Some(10));
        let rest = Flow::from_iter(&mut numbers).on(executor).count()?;
        assert_eq!((rest, numbers.next()), (89, None));
    }
    Ok(())
}

#[test]
fn events_may_be_mutable_borrows() -> Result<(), FlowError> {
    for executor in executors() {
        let mut numbers: Vec<u64> = (0..1000).collect();
        let parts = Flow::from_iter(numbers.chunks_mut(7)).stages(2).on(executor.clone());
        parts.for_each(|part| part.iter_mut().for_each(|x| *x += 1))?;
        let each = Flow::from_vec(numbers.iter_mut().collect()).stages(2).on(executor);
        each.partition_by(|x| **x % 3).for_each(|x| *x *= 2)?;
        assert_eq!(numbers, (1..=1000).map(|x| 2 * x).collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn readers_and_producers_are_borrowed_mutably() -> Result<(), FlowError> {
    struct Numbers<'a>(&'a mut Vec<u64>);
    impl Producer for Numbers<'_> {
        type Item = u64;

        fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
            while demand.events() > 0 {
                match self.0.pop() {
                    Some(x) => demand.emit(x),
                    None => return Ok(Produced::Done),
                }
            }
            Ok(Produced::More)
        }
    }
    for executor in executors() {
        let mut numbers: Vec<u64> = (0..100).collect();
        let producer = Numbers(&mut numbers);
        assert_eq!(Flow::from_stages([producer]).on(executor.clone()).count()?, 100);
        assert!(numbers.is_empty());
        let mut reader = &b"a\nb\nc"[..];
        assert_eq!(Flow::from_lines(&mut reader).on(executor.clone()).count()?, 3);
        assert!(reader.is_empty());
        let mut reader = &b"abc"[..];
        assert_eq!(
            Flow::from_reader(&mut reader).on(executor).map(|block| block.len()).sum::<usize>()?,
            3
        );
        assert!(reader.is_empty());
    }
    Ok(())
}

#[test]
fn sinks_are_borrowed() -> Result<(), FlowError> {
    struct Into<'a>(&'a Mutex<Vec<u64>>);
    impl<'a> Sink<u64> for Into<'a> {
        type Part = Into<'a>;
        type Output = &'a Mutex<Vec<u64>>;

        fn part(self: &Arc<Self>, _instance: usize) -> Into<'a> {
            Into(self.0)
        }

        fn commit(self: Arc<Self>, _parts: Vec<Into<'a>>) -> Result<Self::Output, BoxError> {
            Ok(self.0)
        }
    }
    impl Part<u64> for Into<'_> {
        fn write(&mut self, event: u64) -> Result<(), BoxError> {
            self.0.lock().unwrap().push(event);
            Ok(())
        }
    }
    let events = Mutex::new(Vec::new());
    let written = Flow::from_range(0..10u64).stages(1).to(Into(&events)).run()?;
    assert_eq!(*written.lock().unwrap(), (0..10).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn functions_give_flows_that_borrow_from_their_arguments() -> Result<(), FlowError> {
    fn words(text: &str) -> Flow<impl Node<Item = &str>> {
        Flow::from_text(text).flat_map(str::split_whitespace)
    }
    fn long<'a>(text: &'a str, than: &'a usize) -> BoxFlow<'a, &'a str> {
        words(text).filter(move |word| word.len() > *than).boxed()
    }
    let text = String::from("to be or\nnot to be");
    assert_eq!(words(&text).count()?, 6);
    assert_eq!(long(&text, &2).collect::<Vec<_>>()?, ["not"]);
    Ok(())
}

#[test]
fn a_loop_builds_up_a_flow_that_borrows() -> Result<(), FlowError> {
    let (numbers, steps) = ([1u64, 2, 3], [10u64, 100]);
    let mut flow: BoxFlow<'_, u64> = Flow::from_slice(&numbers).map(|x| *x).boxed();
    for step in &steps {
        flow = flow.map(move |x| x * step).boxed();
    }
    assert_eq!(flow.sum::<u64>()?, 6000);
    Ok(())
}
