//! Which public types can be sent to, shared with and unwound through by other threads: a promise,
//! so a change must be seen.

use flow::{
    Aggregates, AsyncTask, AtomicFile, BoxFlow, BoxTimedFlow, Collect, Csv, DeadLetter, Demand,
    EdgeMetrics, Emitter, ErrorKind, Executor, Flow, FlowError, FlowHasher, FlowIter, FlowStream,
    Handle, Ignore, IntoIter, Job, Json, Keys, Lines, Meter, Metrics, Node, Notifier, PaneInfo,
    Plan, PlanEdge, PlanStage, Produced, Retry, StageMetrics,
};
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

/// Whether a type has a trait, as a constant.
macro_rules! has {
    ($type:ty, $trait:ident) => {{
        #[allow(dead_code, reason = "one of the two is shadowed by the other")]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "one of the two is shadowed by the other")]
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        struct Probe<T: ?Sized>(PhantomData<T>);
        Probe::<$type>::HAS
    }};
}

macro_rules! table {
    ($($type:ty: $($trait:ident = $has:literal),+;)+) => {
        $($(assert_eq!(has!($type, $trait), $has, concat!(stringify!($type), ": ", stringify!($trait)));)+)+
    };
}

/// An item that can be sent and not shared, as items may be.
type Item = Cell<u64>;

#[test]
fn the_probe_tells_what_is_known() {
    table! {
        u64: Send = true, Sync = true, Unpin = true;
        Item: Send = true, Sync = false, RefUnwindSafe = false;
        Rc<u64>: Send = false, Sync = false;
    }
}

#[test]
fn flows_and_jobs_can_be_sent() {
    table! {
        BoxFlow<'static, Item>: Send = true, Unpin = true;
        BoxTimedFlow<'static, Item>: Send = true, Unpin = true;
        Job<BoxFlow<'static, Item>, Ignore>: Send = true;
        Handle<Vec<Item>>: Send = true, Unpin = true;
        IntoIter<Item>: Send = true, Unpin = true;
        FlowStream<Item>: Send = true, Unpin = true;
        AsyncTask: Send = true, Unpin = true;
        Lines<Vec<u8>>: Send = true, Sync = true;
        Json<Vec<u8>>: Send = true, Sync = true;
        Csv<AtomicFile>: Send = true, Sync = true;
        Collect<Rc<Item>>: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        Ignore: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
    }
}

/// What is only lent for a call need not go anywhere.
#[test]
fn what_is_lent() {
    table! {
        FlowIter<'static, Item>: Send = false, Sync = false;
        Keys<'static, str>: Send = false, Sync = false;
        Emitter<'static, Item>: Send = true, Sync = false;
        Demand<'static, Item>: Send = true, Sync = false;
        PaneInfo: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        Aggregates<Rc<Item>>: Send = true, Sync = true;
    }
}

#[test]
fn what_watches_and_wakes_can_be_shared() {
    table! {
        Meter: Send = true, Sync = true;
        Notifier: Send = true, Sync = true;
    }
}

#[test]
fn errors_and_plain_data_can_do_everything() {
    table! {
        FlowError: Send = true, Sync = true, Unpin = true;
        ErrorKind: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        Executor: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        Produced: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        FlowHasher: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        Metrics: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        DeadLetter<u64, String>: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        DeadLetter<Item, String>: Send = true, Sync = false;
        Retry: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        StageMetrics: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        EdgeMetrics: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        Plan: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        PlanStage: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
        PlanEdge: Send = true, Sync = true, UnwindSafe = true, RefUnwindSafe = true;
    }
}

/// Flows of every kind whose types cannot be named: what they hold can be sent, so can they.
#[test]
fn flows_of_any_operators_can_be_sent() {
    fn sent<N: Node>(flow: Flow<N>) -> Flow<N>
    where
        Flow<N>: Send,
    {
        std::thread::scope(|scope| scope.spawn(move || flow).join().unwrap())
    }
    let numbers = || sent(Flow::from_range(0..100u64));
    let cells = sent(sent(numbers().map(Cell::new)).filter(|cell| cell.get() > 0));
    assert_eq!(sent(cells.flat_map(|cell| [cell])).count().unwrap(), 99);
    let reduced =
        sent(numbers().partition().reduce(Vec::new, |all, x| all.push(Cell::new(x))).emit_items());
    assert_eq!(reduced.count().unwrap(), 100);
    let counted = sent(numbers().key_by(|x| x % 3).aggregate(|a| (a.count(), a.max(|x| *x))));
    assert_eq!(counted.count().unwrap(), 3);
    let cells = || sent(numbers().map(|x| (x, Cell::new(x))));
    assert_eq!(sent(cells().group_by(|x| x.0 % 3)).count().unwrap(), 3);
    assert_eq!(sent(cells().unique_by(|x| x.0 % 3)).count().unwrap(), 3);
    assert_eq!(sent(cells().sorted_by_key(|x| x.0 % 3)).count().unwrap(), 100);
    let ordered = sent(sent(numbers().ordered()).take(5));
    assert_eq!(ordered.count().unwrap(), 5);
    let iter = sent(Flow::from_iter(0..10u64)).into_iter();
    assert_eq!(std::thread::spawn(move || iter.count()).join().unwrap(), 10);
}

/// Items that cannot be shared go through everything.
#[test]
fn items_need_not_be_shared_nor_cloned() {
    struct Unshared(Cell<u64>);
    let events = Flow::from_iter(0..100u64)
        .map(|x| Unshared(Cell::new(x)))
        .inspect(|x| x.0.set(x.0.get() + 1))
        .partition_by(|x| x.0.get())
        .ordered_by_nothing()
        .collect::<Vec<_>>()
        .unwrap();
    assert_eq!(events.iter().map(|x| x.0.get()).sum::<u64>(), 5050);
}

/// A method of one's own on any flow.
trait OrderedByNothing<N: Node> {
    fn ordered_by_nothing(self) -> Flow<impl Node<Item = N::Item>>;
}

impl<N: Node> OrderedByNothing<N> for Flow<N> {
    fn ordered_by_nothing(self) -> Flow<impl Node<Item = N::Item>> {
        self.map(|x| x)
    }
}
