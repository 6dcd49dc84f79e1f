//! Flows that run on their own: `drain` gives the complete result of what was read, `stop` emits no
//! state, `cancel` and dropping the handle end at once. Every thread is gone afterwards.

mod support;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use flow::{BoxError, Collect, Demand, ErrorKind, Executor, Flow, Handle, Produced, Producer};
use std::sync::{Arc, Mutex};
use std::thread;
use support::{Counter, Lives, alone, in_time, no_thread_is_left, until};

/// A started run over a source without an end, and what it has come to.
struct Started {
    handle: Handle<Vec<(usize, usize)>>,
    /// Events that the source has given.
    given: Counter,
    /// Events that came through the first stage.
    seen: Counter,
    /// How often state was emitted.
    fired: Counter,
    lives: Lives,
}

/// Starts a run that counts the events of `source`, made with a counter of what it gives.
macro_rules! start {
    ($executor:expr, $source:expr) => {{
        let (given, seen, fired) = (Counter::default(), Counter::default(), Counter::default());
        let lives = Lives::default();
        let (seeing, firing, living) = (seen.clone(), fired.clone(), lives.clone());
        let handle = $source(given.clone())
            .on($executor)
            .map(move |x: u64| {
                seeing.up();
                living.number(x)
            })
            .partition_by(|x| x.number)
            .stages(2)
            .max_demand(100)
            .reduce(|| 0, |count, _| *count += 1)
            .on_trigger(move |count, pane| {
                firing.up();
                [(pane.partition(), *count)]
            })
            .to(Collect::new())
            .start()
            .unwrap();
        Started { handle, given, seen, fired, lives }
    }};
}

/// An iterator that never ends.
fn endless(given: Counter) -> Flow<impl flow::Node<Item = u64> + 'static> {
    Flow::from_iter((0u64..).inspect(move |_| _ = given.up()))
}

/// A range that never ends in practice.
fn range(given: Counter) -> Flow<impl flow::Node<Item = u64> + 'static> {
    Flow::from_range(0..1u64 << 60).inspect(move |_| _ = given.up())
}

/// A producer that never ends and is pending now and then.
struct Ticks(Counter, bool);

impl Producer for Ticks {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.1 = !self.1;
        if self.1 {
            return Ok(Produced::Pending);
        }
        while demand.events() > 0 {
            demand.emit(self.0.up() as u64);
        }
        Ok(Produced::More)
    }
}

fn ticks(given: Counter) -> Flow<impl flow::Node<Item = u64> + 'static> {
    Flow::from_stages([Ticks(given.clone(), false), Ticks(given, true)])
}

/// The points at which runs are ended: when so many events were seen.
const POINTS: [usize; 6] = [0, 1, 10, 100, 1000, 10_000];

/// Does something with every kind of source and executor at every point.
fn at_every_point(end: fn(Started)) {
    let _alone = alone();
    for workers in [1, 2, 4] {
        for point in POINTS {
            let sources: [fn(Executor) -> Started; 3] = [
                |executor| start!(executor, endless),
                |executor| start!(executor, range),
                |executor| start!(executor, ticks),
            ];
            for source in sources {
                in_time(move || {
                    let started = source(Executor::threads(workers));
                    until("events were seen", || started.seen.get() >= point);
                    end(started);
                });
                no_thread_is_left();
            }
        }
    }
}

#[test]
fn draining_gives_the_result_of_all_that_was_read() {
    at_every_point(|Started { handle, given, seen, fired, lives }| {
        handle.drain();
        let result = handle.join().unwrap();
        assert_eq!(result.len(), 2);
        assert_eq!(result.iter().map(|(_, count)| count).sum::<usize>(), given.get());
        assert_eq!((seen.get(), fired.get(), lives.left()), (given.get(), 2, 0));
    });
}

#[test]
fn draining_an_ordered_flow_gives_a_prefix_of_its_source() {
    in_time(|| {
        for executor in [1, 2, 4].map(Executor::threads) {
            for point in POINTS {
                let seen = Counter::default();
                let seeing = seen.clone();
                let range = Flow::from_range(0..1u64 << 60).stages(3).on(executor.clone());
                let ordered = range.filter(|x| x % 3 > 0).ordered().in_flight(64);
                let counted = ordered.inspect(move |_| _ = seeing.up());
                let handle = counted.to(Collect::<Vec<u64>>::new()).start().unwrap();
                until("events were seen", || seen.get() >= point);
                handle.drain();
                let drained = handle.join().unwrap();
                assert_eq!(drained.len(), seen.get());
                let prefix = (0u64..).filter(|x| x % 3 > 0).take(drained.len());
                assert!(drained.into_iter().eq(prefix), "{point} on {executor:?}");
            }
        }
    });
}

#[test]
fn stopping_emits_no_state() {
    at_every_point(|Started { handle, given, seen, fired, lives }| {
        handle.stop();
        assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Stopped);
        // What was under way came through the operators.
        assert_eq!((seen.get(), fired.get(), lives.left()), (given.get(), 0, 0));
    });
}

#[test]
fn cancelling_drops_what_is_under_way() {
    at_every_point(|Started { handle, fired, lives, .. }| {
        handle.cancel();
        assert!(handle.is_finished());
        assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!((fired.get(), lives.left()), (0, 0));
    });
}

/// A source that learns of the end says so to the partitions, which must not take it for their own.
#[test]
fn cancelling_emits_no_state_at_whatever_moment() {
    in_time(|| {
        for round in 0..1500 {
            let started = start!(Executor::threads(3), range);
            until("events were seen", || started.seen.get() >= round % 50);
            started.handle.cancel();
            let _ = started.handle.join();
            assert_eq!(started.fired.get(), 0, "state was emitted in round {round}");
        }
    });
}

#[test]
fn dropping_the_handle_cancels() {
    at_every_point(|Started { handle, fired, lives, .. }| {
        drop(handle);
        assert_eq!((fired.get(), lives.left()), (0, 0));
    });
}

#[test]
fn what_was_asked_last_counts_unless_the_run_is_over() {
    in_time(|| {
        let started = start!(Executor::threads(2), endless);
        started.handle.drain();
        started.handle.stop();
        assert!(started.handle.join().is_err_and(|error| error.kind() == ErrorKind::Stopped));

        let started = start!(Executor::threads(2), endless);
        started.handle.stop();
        started.handle.drain();
        assert!(started.handle.join().is_err_and(|error| error.kind() == ErrorKind::Stopped));

        let started = start!(Executor::threads(2), |_| Flow::from_range(0..10u64));
        until("the run is over", || started.handle.is_finished());
        started.handle.cancel();
        started.handle.stop();
        assert_eq!(started.handle.join().unwrap().iter().map(|part| part.1).sum::<usize>(), 10);
    });
}

/// A run over a channel whose sender stays, with so many messages seen, and nothing more to come.
fn waiting_for_a_channel(messages: u64) -> (Sender<u64>, Handle<Vec<u64>>) {
    let (sender, receiver): (Sender<u64>, Receiver<u64>) = unbounded();
    let seen = Counter::default();
    let seeing = seen.clone();
    let job = Flow::from_channel(receiver).inspect(move |_| _ = seeing.up()).to(Collect::new());
    let handle = job.start().unwrap();
    (0..messages).for_each(|x| sender.send(x).unwrap());
    until("all messages were seen", || seen.get() == messages as usize);
    (sender, handle)
}

#[test]
fn a_source_that_waits_for_a_channel_ends_at_once() {
    in_time(|| {
        for messages in [0, 1, 1000] {
            let (sender, handle) = waiting_for_a_channel(messages);
            handle.drain();
            let mut drained = handle.join().unwrap();
            drained.sort_unstable();
            assert_eq!(drained, (0..messages).collect::<Vec<_>>());
            drop(sender);

            let (sender, handle) = waiting_for_a_channel(messages);
            handle.stop();
            assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Stopped);
            drop(sender);

            let (sender, handle) = waiting_for_a_channel(messages);
            handle.cancel();
            assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Cancelled);
            drop(sender);

            let (sender, handle) = waiting_for_a_channel(messages);
            drop(handle);
            drop(sender);
        }
    });
}

/// A producer that waits for a notifier which nobody uses.
struct Silent(Arc<Mutex<Vec<flow::Notifier>>>);

impl Producer for Silent {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.0.lock().unwrap().push(demand.notifier());
        Ok(Produced::Pending)
    }
}

#[test]
fn a_producer_that_nobody_wakes_ends_at_once() {
    in_time(|| {
        for end in [Handle::drain, Handle::stop, Handle::cancel] as [fn(&Handle<()>); 3] {
            let notifiers = Arc::default();
            let handle = Flow::from_stages([Silent(Arc::clone(&notifiers))]).start().unwrap();
            until("the producer was asked", || !notifiers.lock().unwrap().is_empty());
            assert!(!handle.is_finished());
            end(&handle);
            let _ = handle.join();
            // It outlives its run, and wakes nobody.
            let notifiers = notifiers.lock().unwrap();
            notifiers.iter().for_each(flow::Notifier::notify);
        }
    });
}

#[test]
fn ending_waits_for_a_closure_that_is_called_but_for_no_more() {
    in_time(|| {
        let (entered, inside) = bounded(10);
        let (leave, left) = bounded::<()>(0);
        let calls = Counter::default();
        let called = calls.clone();
        let flow = Flow::from_range(0..1000u64).on(Executor::threads(1)).inspect(move |_| {
            called.up();
            entered.send(()).unwrap();
            left.recv().unwrap();
        });
        let handle = flow.start().unwrap();
        inside.recv().unwrap();
        handle.cancel();
        let joining = thread::spawn(move || handle.join().unwrap_err());
        leave.send(()).unwrap();
        assert_eq!(joining.join().unwrap().kind(), ErrorKind::Cancelled);
        assert_eq!(calls.get(), 1);
    });
}

#[test]
fn an_endless_iterator_within_the_flow_can_be_cancelled() {
    in_time(|| {
        let seen = Counter::default();
        let seeing = seen.clone();
        let endless = Flow::from_vec(vec![0u64]).flat_map(|x| x..);
        let handle = endless.inspect(move |_| _ = seeing.up()).start().unwrap();
        until("it has begun", || seen.get() > 10);
        handle.cancel();
        assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn a_simulated_run_can_be_started_and_drained_too() {
    in_time(|| {
        for seed in 0..20 {
            let started = start!(Executor::simulation(seed), endless);
            until("events were seen", || started.seen.get() >= seed as usize * 10);
            started.handle.drain();
            let result = started.handle.join().unwrap();
            let counted = result.iter().map(|(_, count)| count).sum::<usize>();
            assert_eq!(counted, started.given.get());
        }
    });
}

#[test]
fn a_handle_shows_how_far_the_run_is() {
    in_time(|| {
        let started = start!(Executor::threads(2), endless);
        until("events were seen", || started.seen.get() >= 5000);
        let metrics = started.handle.metrics();
        assert_eq!(metrics.stages().len(), 3);
        until("the partitions have seen some", || {
            started.handle.metrics().edges().last().is_some_and(|edge| edge.events_out > 1000)
        });
        assert!(!started.handle.is_finished());
        assert!(format!("{:?}", started.handle).contains("false"));
        started.handle.drain();
        started.handle.join().unwrap();
    });
}

#[test]
fn a_refused_option_is_told_when_starting() {
    let refused = Flow::from_range(0..10u64).stages(0).start().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Option);
}
