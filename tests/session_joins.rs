//! Joins in sessions: the events of both flows that have no gap between them.

mod support;

use flow::EitherOrBoth::{self, Both, Left, Right};
use flow::testing::Script;
use flow::{Executor, Flow, Timestamp, Trigger, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use support::executors;

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(n as u64)
}

/// Time, key, and a number to tell it by.
type Event = (i64, u8, usize);
type Row = (Timestamp, (u8, EitherOrBoth<Event, Event>));

/// The rows of all sessions, found offline.
fn offline(lefts: &[Event], rights: &[Event], gap: i64) -> Vec<Row> {
    let mut by_key: BTreeMap<u8, Vec<(Event, bool)>> = BTreeMap::new();
    lefts.iter().for_each(|event| by_key.entry(event.1).or_default().push((*event, true)));
    rights.iter().for_each(|event| by_key.entry(event.1).or_default().push((*event, false)));
    let mut rows = Vec::new();
    for (key, mut events) in by_key {
        events.sort_unstable();
        for session in events.chunk_by(|one, next| next.0.0 - one.0.0 < gap) {
            let time = at(session.last().unwrap().0.0 + gap - 1);
            let side =
                |left| session.iter().filter(move |event| event.1 == left).map(|event| event.0);
            if side(true).count() == 0 {
                rows.extend(side(false).map(|right| (time, (key, Right(right)))));
            } else if side(false).count() == 0 {
                rows.extend(side(true).map(|left| (time, (key, Left(left)))));
            } else {
                for left in side(true) {
                    rows.extend(side(false).map(|right| (time, (key, Both(left, right)))));
                }
            }
        }
    }
    rows
}

fn sorted<T: std::fmt::Debug>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

fn numbered(events: Vec<(i64, u8)>) -> Vec<Event> {
    events.into_iter().enumerate().map(|(nth, (ms, key))| (ms, key, nth)).collect()
}

/// The watermark as far behind as nothing is late; or at once, with as much lateness.
macro_rules! timed {
    ($events:expr, $behind:expr, $executor:expr) => {
        Flow::from_vec($events.clone())
            .on($executor.clone())
            .timestamps(|event: &Event| at(event.0), |w| w.bounded(millis($behind)))
            .key_by(|event: &Event| event.1)
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sessions_join_what_is_joined_offline(
        lefts in prop::collection::vec((0..80i64, 0..3u8), 0..20),
        rights in prop::collection::vec((0..80i64, 0..3u8), 0..20),
        gap in 1..12i64,
        early in 0..4u32,
        in_time in any::<bool>(),
        (stages, demand) in (1..4usize, 1..20usize),
        (threads, seed) in (any::<bool>(), any::<u64>()),
    ) {
        let executor = if threads { Executor::threads(2) } else { Executor::simulation(seed) };
        let (lefts, rights) = (numbered(lefts), numbered(rights));
        let want = offline(&lefts, &rights, gap);
        let (behind, lateness) = if in_time { (100, 0) } else { (0, 100) };
        let sides = || {
            let left = timed!(lefts, behind, executor).window(Window::session(millis(gap)));
            let left = left.allowed_lateness(millis(lateness));
            (left, timed!(rights, behind, executor))
        };
        // Panes of sessions that grow come with the time that they have by then.
        let times = in_time && early == 0;
        let got: Vec<Row> = if early == 0 {
            let (left, right) = sides();
            left.full_join(right).stages(stages).max_demand(demand).with_times().collect().unwrap()
        } else {
            let (left, right) = sides();
            let trigger = Trigger::at_watermark().early(Trigger::every(early));
            let rows = left.trigger(trigger).full_join(right);
            rows.stages(stages).max_demand(demand).with_times().collect().unwrap()
        };
        if times {
            prop_assert_eq!(sorted(got), sorted(want.clone()));
        } else {
            let rows = |rows: Vec<Row>| sorted(rows.into_iter().map(|row| row.1).collect());
            prop_assert_eq!(rows(got), rows(want.clone()));
        }
        // The other forms leave out what they leave out.
        let (left, right) = sides();
        let inner: Vec<_> = left.join(right).map(|(key, l, r)| (key, Both(l, r))).collect().unwrap();
        let rows = want.iter().map(|row| row.1.clone());
        let both: Vec<_> = rows.clone().filter(|row| matches!(row.1, Both(..))).collect();
        prop_assert_eq!(sorted(inner), sorted(both));
        let (left, right) = sides();
        let lefts: Vec<_> = left.left_join(right).map(|(key, l, r)| (key, Some(l), r)).collect().unwrap();
        let rows = rows.map(|(key, row)| (key, row.clone().left(), row.right()));
        let want: Vec<_> = rows.clone().filter(|row| row.1.is_some()).collect();
        prop_assert_eq!(sorted(lefts), sorted(want));
        let (left, right) = sides();
        let rights: Vec<_> = left.right_join(right).map(|(key, l, r)| (key, l, Some(r))).collect().unwrap();
        let want: Vec<_> = rows.filter(|row| row.2.is_some()).collect();
        prop_assert_eq!(sorted(rights), sorted(want));
    }
}

/// Two sessions have given their pairs when an event makes them one: only what is new comes then.
#[test]
fn sessions_that_become_one_give_what_is_new() {
    let both = |events: &[(i64, char)]| {
        events.iter().fold(Script::new(), |script, (ms, name)| {
            script.event(at(*ms), *name).clock(Duration::from_millis(*ms as u64))
        })
    };
    for seed in 0..300 {
        let left = both(&[(10, 'a'), (30, 'b'), (50, 'z')]);
        let right = both(&[(11, 'x'), (31, 'y')]).clock(Duration::from_millis(40));
        let right = right.event(at(20), 'm');
        let rows = Flow::from_scripts([left])
            .linger(Duration::ZERO)
            .key_by(|_| ())
            .window(Window::session(Duration::from_millis(12)))
            .trigger(Trigger::at_watermark().early(Trigger::every(1)))
            .full_join(Flow::from_scripts([right]).linger(Duration::ZERO).key_by(|_| ()))
            .linger(Duration::ZERO)
            .stages(1)
            .on(Executor::simulation(seed));
        let rows: Vec<_> = rows.map(|((), row)| row).collect().unwrap();
        let late = [Both('a', 'm'), Both('a', 'y'), Both('b', 'm'), Both('b', 'x')];
        assert_eq!(sorted(rows[..2].to_vec()), [Both('a', 'x'), Both('b', 'y')]);
        assert_eq!(sorted(rows[2..6].to_vec()), late);
        assert_eq!(rows[6..], [Left('z')]);
    }
}

#[test]
fn nothing_and_one() {
    for executor in executors() {
        let none: Vec<Event> = Vec::new();
        let one = vec![(5, 1, 0)];
        let session = Window::session(millis(10));
        let rows = timed!(none, 0, executor).window(session).full_join(timed!(none, 0, executor));
        assert_eq!(rows.count().unwrap(), 0);
        let rows = timed!(one, 0, executor).window(session).full_join(timed!(none, 0, executor));
        assert_eq!(rows.collect::<Vec<_>>().unwrap(), [(1, Left(one[0]))]);
        let rows = timed!(one, 0, executor).window(session).join(timed!(one, 0, executor));
        assert_eq!(rows.collect::<Vec<_>>().unwrap(), [(1, one[0], one[0])]);
    }
}
