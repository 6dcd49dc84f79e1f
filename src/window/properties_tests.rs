//! Random events, watermarks, windows and triggers, compared with what they should be: with a slow
//! operator that is a transcript of the rules, and with what follows from the list of events alone.

use super::cases_tests::Any;
use super::model::{Fires, Kind, Model, Modes, Says, Setting, Triggers};
use super::*;
use crate::time::{Bounded, Floored, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

pub(super) type Ids = Vec<u32>;
pub(super) type Shown = Pane<u8, Ids>;

/// The events of a window, by their numbers, in any order.
#[derive(Clone, Copy)]
struct Numbers;

impl Folding for Numbers {
    type Acc = Ids;
    type Out = Ids;

    fn finish(&self, mut ids: Ids) -> Ids {
        ids.sort_unstable();
        ids
    }

    fn empty(&self) -> Option<Ids> {
        Some(Ids::new())
    }
}

impl Fold<u32> for Numbers {
    fn first(&self, id: u32) -> Ids {
        vec![id]
    }

    fn add(&self, ids: &mut Ids, id: u32) {
        ids.push(id);
    }
}

impl Merge for Numbers {
    fn merge(&self, into: &mut Ids, mut from: Ids) {
        into.append(&mut from);
    }
}

/// What came of a run, in pieces that each have one cause, and the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Came {
    pub(super) pieces: Vec<Vec<Shown>>,
    pub(super) late: Ids,
}

impl Came {
    fn panes(&self) -> impl Iterator<Item = &Shown> {
        self.pieces.iter().flatten()
    }

    /// Without the order of the keys of windows that begin together, and of timers of the clock.
    fn without_key_order(mut self) -> Self {
        for piece in &mut self.pieces {
            if piece.iter().any(|pane| ["after_delay", "periodic"].contains(&pane.trigger)) {
                piece.sort_by_key(|pane| pane.key);
            }
            // What a pane takes back goes with it, wherever the window of that began.
            let mut fired: Vec<Vec<Shown>> = Vec::new();
            for pane in piece.drain(..) {
                match fired.last_mut() {
                    Some(whole) if whole[whole.len() - 1].retraction => whole.push(pane),
                    _ => fired.push(vec![pane]),
                }
            }
            let start = |whole: &[Shown]| whole[whole.len() - 1].window.start();
            fired
                .chunk_by_mut(|one, other| start(one) == start(other))
                .for_each(|same| same.sort_by_key(|whole| whole[0].key));
            piece.extend(fired.into_iter().flatten());
        }
        self
    }
}

/// Tells a machine everything, to the end of the input; checks what always holds.
fn drive(mut machine: impl Take<u8, Ids, u32, u32>, says: &[Says]) -> (Came, Counters) {
    let mut came = Came::default();
    for (id, say) in says.iter().enumerate() {
        match *say {
            Says::Event { key, at } => {
                // A poor hash is allowed, if it is always the same.
                let (hash, id) = (hash_of(key), id as u32);
                if let Err((known, back)) = machine.event(hash, key, Timestamp(at), id) {
                    assert_eq!((known, back), (key, id));
                    came.late.push(id);
                }
            }
            Says::Mark(to) => machine.watermark(Timestamp(to)),
            Says::Tick(now) => machine.clock(Timestamp(now)),
        }
        let before = machine.passed();
        let mut piece = Vec::new();
        if !machine.pending() {
            came.pieces.push(piece);
            continue;
        }
        while let Some(pane) = machine.next() {
            // It has not passed before everything is given.
            assert_eq!(machine.passed(), before);
            piece.push(pane);
        }
        if let Says::Mark(to) = *say {
            assert_eq!(machine.passed(), before.max(Timestamp(to)));
        }
        came.pieces.push(piece);
    }
    machine.end();
    came.pieces.push(std::iter::from_fn(|| machine.next()).collect());
    assert_eq!((machine.held(), machine.passed()), (0, Timestamp::MAX));
    (came, machine.counters())
}

fn millis(ticks: i64) -> Duration {
    Duration::from_millis(ticks as u64)
}

fn fixed(size: i64, offset: i64) -> Fixed {
    Window::fixed(millis(size)).offset(millis(offset))
}

fn sliding(size: i64, every: i64) -> Sliding {
    Window::sliding(millis(size), millis(every))
}

/// Runs a setting with all types that it stands for.
fn run(setting: Setting, says: &[Says]) -> (Came, Counters) {
    match setting.mode {
        Modes::Accumulating => run_mode::<Accumulating>(setting, says),
        Modes::Discarding => run_mode::<Discarding>(setting, says),
        Modes::Retracting => run_mode::<Retracting>(setting, says),
    }
}

fn run_mode<M: Mode<Numbers>>(setting: Setting, says: &[Says]) -> (Came, Counters) {
    match setting.trigger {
        Triggers::AtWatermark { early: None, late: None } => {
            run_trigger::<M, _>(setting, Trigger::at_watermark(), says)
        }
        Triggers::AtWatermark { early: None, late: Some(late) } => {
            run_trigger::<M, _>(setting, Trigger::at_watermark().late(any(late)), says)
        }
        Triggers::AtWatermark { early: Some(early), late } => {
            let late = late.map_or(Any::Each, any);
            let trigger = Trigger::at_watermark().early(any(early)).late(late);
            run_trigger::<M, _>(setting, trigger, says)
        }
        Triggers::Repeat(fires) => run_trigger::<M, _>(setting, any(fires), says),
    }
}

fn any(fires: Fires) -> Any {
    match fires {
        Fires::Every(n) => Any::Every(Trigger::every(n)),
        Fires::AfterDelay(ticks) => Any::AfterDelay(Trigger::after_delay(millis(ticks))),
        Fires::Periodic(ticks) => Any::Periodic(Trigger::periodic(millis(ticks))),
        Fires::EveryOrDelay(n, ticks) => {
            Any::Or(Box::new((any(Fires::Every(n)), any(Fires::AfterDelay(ticks)))))
        }
    }
}

fn run_trigger<M, R>(setting: Setting, trigger: R, says: &[Says]) -> (Came, Counters)
where
    M: Mode<Numbers>,
    R: TriggeringOn<u32>,
{
    let lateness = setting.lateness;
    match setting.kind {
        Kind::Fixed { size, offset } => {
            let kind = fixed(size, offset);
            drive(Windowing::<u8, _, _, M>::machine(kind, Numbers, trigger, lateness), says)
        }
        Kind::Sliding { size, every } => {
            let kind = sliding(size, every);
            drive(Windowing::<u8, _, _, M>::machine(kind, Numbers, trigger, lateness), says)
        }
        Kind::Session { gap } => {
            let kind = Window::session(millis(gap));
            let machine =
                MergingWindowing::<u8, _, _, M>::merging_machine(kind, Numbers, trigger, lateness);
            drive(machine, says)
        }
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1..12_i64, 0..12_i64).prop_map(|(size, offset)| Kind::Fixed { size, offset }),
        (1..12_i64, 1..12_i64).prop_map(|(size, every)| Kind::Sliding { size, every }),
        (1..8_i64).prop_map(|gap| Kind::Session { gap }),
    ]
}

fn triggers() -> impl Strategy<Value = Triggers> {
    let fires = || {
        prop_oneof![
            2 => (1..4_u32).prop_map(Fires::Every),
            1 => (1..9_i64).prop_map(Fires::AfterDelay),
            1 => (1..9_i64).prop_map(Fires::Periodic),
            2 => (1..4_u32, 1..9_i64).prop_map(|(n, ticks)| Fires::EveryOrDelay(n, ticks)),
        ]
    };
    let part = move || prop::option::of(fires());
    prop_oneof![
        4 => (part(), part()).prop_map(|(early, late)| Triggers::AtWatermark { early, late }),
        1 => fires().prop_map(Triggers::Repeat),
    ]
}

fn modes() -> impl Strategy<Value = Modes> {
    prop_oneof![Just(Modes::Accumulating), Just(Modes::Discarding), Just(Modes::Retracting)]
}

fn settings() -> impl Strategy<Value = Setting> {
    let lateness = prop_oneof![2 => Just(0_i64), 3 => 1..15_i64, 1 => Just(i64::MAX)];
    (kinds(), triggers(), modes(), lateness).prop_map(|(kind, trigger, mode, lateness)| Setting {
        kind,
        trigger,
        mode,
        lateness,
    })
}

/// Events around where the watermark is, which moves on and sometimes jumps or goes back.
fn stream() -> impl Strategy<Value = Vec<Says>> {
    let say = prop_oneof![
        6 => (0..3_u8, -12..12_i64).prop_map(|(key, at)| Says::Event { key, at }),
        2 => (-1..5_i64).prop_map(Says::Mark),
        1 => (5..30_i64).prop_map(Says::Mark),
        2 => (0..6_i64).prop_map(Says::Tick),
    ];
    prop::collection::vec(say, 0..40).prop_map(|mut says| {
        let (mut now, mut clock) = (-20, 0);
        for say in &mut says {
            match say {
                Says::Tick(step) => {
                    clock += *step;
                    *step = clock;
                }
                Says::Event { at, .. } => *at += now,
                Says::Mark(to) => {
                    now += *to;
                    *to = now - 2;
                }
            }
        }
        says
    })
}

/// Events that are out of order by at most `disorder`, with the watermarks that says.
fn tame(disorder: i64) -> impl Strategy<Value = Vec<Says>> {
    let event = (0..3_u8, 0..6_i64, 0..=disorder);
    prop::collection::vec(event, 0..40).prop_map(move |events| {
        let (mut highest, mut generator) = (-20, Bounded::new(disorder, 1));
        let mut says = Vec::new();
        for (key, step, behind) in events {
            highest += step;
            let at = highest - behind;
            says.push(Says::Event { key, at });
            let mark = generator.event(Timestamp(at));
            says.extend(mark.map(|to| Says::Mark(to.0)));
        }
        says
    })
}

fn events(says: &[Says]) -> impl Iterator<Item = (u32, u8, i64)> {
    says.iter().enumerate().filter_map(|(id, say)| match *say {
        Says::Event { key, at } => Some((id as u32, key, at)),
        Says::Mark(_) | Says::Tick(_) => None,
    })
}

/// The windows of all events, from their list alone.
fn offline(kind: Kind, says: &[Says]) -> BTreeMap<(Span, u8), Ids> {
    let mut windows: BTreeMap<(Span, u8), Ids> = BTreeMap::new();
    if let Kind::Session { gap } = kind {
        let mut sorted: Vec<_> = events(says).map(|(id, key, at)| (key, at, id)).collect();
        sorted.sort_unstable();
        for same in sorted.chunk_by(|one, other| one.0 == other.0 && other.1 - one.1 < gap) {
            let (first, last) = (same[0], same[same.len() - 1]);
            let span = Span::new(Timestamp(first.1), Timestamp(last.1 + gap));
            let mut ids: Ids = same.iter().map(|event| event.2).collect();
            ids.sort_unstable();
            windows.insert((span, first.0), ids);
        }
        return windows;
    }
    for (id, key, at) in events(says) {
        for span in kind.spans(at) {
            windows.entry((span, key)).or_default().push(id);
        }
    }
    windows
}

fn config() -> ProptestConfig {
    ProptestConfig::with_cases(4_000)
}

const PLAIN: Triggers = Triggers::AtWatermark { early: None, late: None };

proptest! {
    #![proptest_config(config())]

    /// Everything: the same panes with the same values in the same order, the same late events.
    #[test]
    fn machines_do_what_the_rules_say(setting in settings(), says in stream()) {
        let (came, _) = run(setting, &says);
        let model = Model::run(setting, &says);
        prop_assert_eq!(came.without_key_order(), model.without_key_order());
    }

    /// Marks may be rounded down to the granularity of the windows: nobody notices.
    #[test]
    fn rounded_watermarks_give_the_same_panes(setting in settings(), says in stream()) {
        let lateness = setting.lateness;
        let granularity = match setting.kind {
            Kind::Fixed { size, offset } => fixed(size, offset).granularity(lateness),
            Kind::Sliding { size, every } => sliding(size, every).granularity(lateness),
            Kind::Session { gap } => Window::session(millis(gap)).granularity(lateness),
        };
        let mut floored = Floored::new(granularity);
        let rounded: Vec<Says> = says.iter().map(|say| match *say {
            Says::Mark(to) => {
                floored.advance(Timestamp(to));
                Says::Mark(floored.current().0)
            }
            say => say,
        }).collect();
        prop_assert_eq!(run(setting, &says).0, run(setting, &rounded).0);
    }

    /// Without too much disorder every window has one pane, and it is the right one.
    #[test]
    fn windows_without_late_events_fire_once(
        kind in kinds(), mode in modes(), says in (0..8_i64).prop_flat_map(tame)
    ) {
        let setting = Setting { kind, trigger: PLAIN, mode, lateness: 0 };
        let (came, counters) = run(setting, &says);
        let expected = offline(kind, &says);
        prop_assert_eq!(came.panes().count(), expected.len());
        for pane in came.panes() {
            prop_assert_eq!(expected.get(&(pane.window, pane.key)), Some(&pane.value));
            prop_assert_eq!((pane.timing, pane.index, pane.last), (Timing::OnTime, 0, true));
        }
        prop_assert!(came.late.is_empty() && counters.late_for_window == 0);
    }

    /// However a session came to be: it is the union of its events' intervals.
    #[test]
    fn sessions_are_unions_of_intervals(gap in 1..10_i64, says in stream()) {
        let says: Vec<Says> =
            says.into_iter().filter(|say| !matches!(say, Says::Mark(_))).collect();
        let kind = Kind::Session { gap };
        let setting = Setting { kind, trigger: PLAIN, mode: Modes::Accumulating, lateness: 0 };
        let (came, _) = run(setting, &says);
        let came: BTreeMap<_, _> =
            came.panes().map(|pane| ((pane.window, pane.key), pane.value.clone())).collect();
        prop_assert_eq!(came, offline(kind, &says));
    }

    /// The last accumulated value is all that was discarded, and what retractions leave.
    #[test]
    fn modes_tell_the_same(kind in kinds(), trigger in triggers(), lateness in 0..15_i64, says in stream()) {
        let by = |mode| run(Setting { kind, trigger, mode, lateness }, &says).0;
        let [accumulated, discarded, retracted] =
            [Modes::Accumulating, Modes::Discarding, Modes::Retracting].map(by);
        // By window; of sessions only what no other one has replaced.
        let mut last = BTreeMap::new();
        for pane in accumulated.panes() {
            for span in &pane.replaces {
                prop_assert!(last.remove(&(*span, pane.key)).is_some());
            }
            last.insert((pane.window, pane.key), pane.value.clone());
        }
        let mut summed: BTreeMap<(Span, u8), Ids> = BTreeMap::new();
        for pane in discarded.panes() {
            let before: Ids = pane
                .replaces
                .iter()
                .flat_map(|span| summed.remove(&(*span, pane.key)).unwrap_or_default())
                .collect();
            let sum = summed.entry((pane.window, pane.key)).or_default();
            sum.extend(before.iter().chain(&pane.value));
            sum.sort_unstable();
        }
        prop_assert_eq!(&summed, &last);
        let mut left: BTreeMap<(Span, u8), Ids> = BTreeMap::new();
        for pane in retracted.panes() {
            let at = (pane.window, pane.key);
            if pane.retraction {
                prop_assert_eq!(left.remove(&at), Some(pane.value.clone()));
            } else {
                prop_assert_eq!(left.insert(at, pane.value.clone()), None);
            }
        }
        prop_assert_eq!(&left, &last);
    }

    /// Windows that slide by their size are fixed ones.
    #[test]
    fn sliding_by_the_size_is_fixed(
        size in 1..12_i64, trigger in triggers(), mode in modes(), lateness in 0..15_i64, says in stream()
    ) {
        let by = |kind| run(Setting { kind, trigger, mode, lateness }, &says);
        let (fixed, fixed_counted) = by(Kind::Fixed { size, offset: 0 });
        let (sliding, counted) = by(Kind::Sliding { size, every: size });
        prop_assert_eq!((fixed, fixed_counted), (sliding, counted));
    }

    /// Shared slices give what an accumulator per window gives.
    #[test]
    fn slices_give_what_windows_give(size in 1..20_i64, every in 1..12_i64, says in stream()) {
        let kind = sliding(size, every);
        let whole = Aligned::<_, u8, _, _, Once>::new(kind, Numbers, Trigger::at_watermark(), 0);
        let ((whole, counted), (sliced, shared)) =
            (drive(whole, &says), drive(Sliced::new(kind, Numbers), &says));
        prop_assert_eq!(counted, shared);
        prop_assert_eq!(whole.without_key_order(), sliced.without_key_order());
    }

    /// Every event is in a pane of each of its windows, or counted as late for it; one that is in no
    /// pane was handed back.
    #[test]
    fn no_event_is_lost(setting in settings(), says in stream()) {
        let setting = Setting { mode: Modes::Discarding, ..setting };
        let (came, counters) = run(setting, &says);
        let shown: u64 = came.panes().map(|pane| pane.value.len() as u64).sum();
        prop_assert_eq!(shown, counters.folded);
        prop_assert_eq!(counters.assigned, counters.folded + counters.late_for_window);
        prop_assert_eq!(counters.late, came.late.len() as u64);
        prop_assert_eq!(counters.events, events(&says).count() as u64);
        for (id, _, at) in events(&says) {
            let shown = came.panes().filter(|pane| pane.value.contains(&id)).count();
            let windows = setting.kind.spans(at).len();
            let late = came.late.contains(&id);
            let right = if late { shown == 0 && windows > 0 } else { shown > 0 || windows == 0 };
            prop_assert!(right);
        }
    }

    /// What one watermark causes comes in the order in which it was due; panes of one window of a key
    /// are numbered; the one on time comes once, the last one is the last.
    #[test]
    fn panes_come_in_order(setting in settings(), says in stream()) {
        let (came, _) = run(setting, &says);
        let lateness = setting.lateness;
        for (nth, piece) in came.pieces.iter().enumerate() {
            if matches!(says.get(nth), Some(Says::Event { .. } | Says::Tick(_))) {
                continue;
            }
            let due: Vec<_> = piece.iter().filter(|pane| !pane.retraction).map(|pane| {
                let end = pane.window.end();
                let closes = pane.trigger == "close";
                (if closes { end.plus(lateness) } else { end }, pane.window.start())
            }).collect();
            prop_assert!(due.is_sorted(), "{:?}", piece);
        }
        let mut by_window: BTreeMap<(Span, u8), Vec<&Shown>> = BTreeMap::new();
        for pane in came.panes().filter(|pane| !pane.retraction) {
            by_window.entry((pane.window, pane.key)).or_default().push(pane);
        }
        for panes in by_window.values() {
            // A session's bounds can come again after it was forgotten; a number 0 begins anew.
            for panes in panes.chunk_by(|_, next| next.index > 0) {
                prop_assert!(panes.iter().enumerate().all(|(nth, pane)| pane.index == nth as u32));
                let on_time = panes.iter().filter(|pane| pane.trigger == "watermark").count();
                let lasts = panes.iter().rev().skip(1).filter(|pane| pane.last).count();
                prop_assert!(on_time <= 1 && lasts == 0);
                let phases = |pane: &&&Shown| match pane.timing {
                    Timing::Early => 0,
                    Timing::OnTime => 1,
                    Timing::Late => 2,
                };
                prop_assert!(panes.iter().is_sorted_by_key(|pane| phases(&pane)));
            }
        }
    }

    /// Windows of a number of events: after every so many events of a key the last ones; at the end
    /// those that come after.
    #[test]
    fn counted_windows_are_the_last_events(
        size in 1..8_usize, every in 1..8_usize, says in stream()
    ) {
        let trigger = Trigger::at_watermark();
        let kind = Window::sliding_count(size as u32, every as u32);
        let (came, counters) =
            drive(Windowing::<u8, _, _, Once>::machine(kind, Numbers, trigger, 0), &says);
        for key in 0..3 {
            let ids: Ids = events(&says).filter(|event| event.1 == key).map(|event| event.0).collect();
            let ends = (1..).map(|nth| nth * every).take_while(|end| *end < ids.len() + every);
            let expected: Vec<Ids> = ends
                .map(|end| ids[end.saturating_sub(size).min(ids.len())..end.min(ids.len())].to_vec())
                .filter(|ids| !ids.is_empty())
                .collect();
            let shown = came.panes().filter(|pane| pane.key == key);
            prop_assert_eq!(shown.map(|pane| pane.value.clone()).collect::<Vec<_>>(), expected);
        }
        prop_assert!(came.panes().all(|pane| pane.last && pane.index == 0));
        prop_assert_eq!(counters.late + counters.late_for_window, 0);
        if size == every {
            let kind = Window::count(size as u32);
            let machine = Windowing::<u8, _, _, Once>::machine(kind, Numbers, trigger, 0);
            prop_assert_eq!((came, counters), drive(machine, &says));
        }
    }

    /// Events folded in parts, that come when the watermark is about to pass them, give the same.
    #[test]
    fn parts_give_what_events_give(
        size in 1..12_i64, every in 1..12_i64, lateness in prop_oneof![Just(0_i64), 1..9_i64], says in stream()
    ) {
        let trigger = Trigger::at_watermark();
        let kind = fixed(size, every);
        let machine = || Windowing::<u8, _, _, Discarding>::machine(kind, Numbers, trigger, lateness);
        let whole = drive(machine(), &says);
        let parted = drive(InParts::new(kind, machine()), &says);
        prop_assert_eq!(whole.1, parted.1);
        prop_assert_eq!(whole.0.without_key_order(), parted.0.without_key_order());
        let kind = sliding(size, every);
        let machine = || {
            MergingWindowing::<u8, _, _, Discarding>::merging_machine(kind, Numbers, trigger, lateness)
        };
        let whole = drive(machine(), &says);
        let parted = drive(InParts::new(kind, machine()), &says);
        prop_assert_eq!(whole.1, parted.1);
        prop_assert_eq!(whole.0.without_key_order(), parted.0.without_key_order());
    }
}

/// Two keys share a hash; the lowest bit chooses a slot of a table, and bit 31 a bin.
fn hash_of(key: u8) -> u64 {
    u64::from(key % 2) * 0x8000_0001
}

/// A machine behind a producer that folds what is not late in parts.
struct InParts<W, X> {
    kind: W,
    machine: X,
    parts: BTreeMap<(Span, u8), Ids>,
}

impl<W, X> InParts<W, X> {
    fn new(kind: W, machine: X) -> Self {
        InParts { kind, machine, parts: BTreeMap::new() }
    }

    fn flush(&mut self, to: Timestamp)
    where
        X: TakeParts<u8, Ids, Ids>,
    {
        let (due, kept): (BTreeMap<_, _>, _) =
            mem::take(&mut self.parts).into_iter().partition(|(part, _)| part.0.end() <= to);
        self.parts = kept;
        for ((part, key), ids) in due {
            let (events, hash) = (ids.len() as u32, hash_of(key));
            self.machine.part(hash, key, part, events, ids).expect("in time");
        }
    }
}

impl<W: Parted, X: TakeParts<u8, Ids, Ids>> Machine<u8, Ids> for InParts<W, X> {
    fn next(&mut self) -> Option<Shown> {
        self.machine.next()
    }

    fn pending(&self) -> bool {
        self.machine.pending()
    }

    fn watermark(&mut self, to: Timestamp) {
        self.flush(to);
        self.machine.watermark(to);
    }

    fn clock(&mut self, now: Timestamp) {
        self.machine.clock(now);
    }

    fn end(&mut self) {
        self.flush(Timestamp::MAX);
        self.machine.end();
    }

    fn passed(&self) -> Timestamp {
        self.machine.passed()
    }

    fn next_timer(&mut self) -> Option<Timestamp> {
        self.machine.next_timer()
    }

    fn counters(&self) -> Counters {
        self.machine.counters()
    }

    fn held(&self) -> usize {
        self.machine.held()
    }
}

impl<W, X> Take<u8, Ids, u32, u32> for InParts<W, X>
where
    W: Parted,
    X: Take<u8, Ids, u32, u32> + TakeParts<u8, Ids, Ids>,
{
    fn event(&mut self, hash: u64, key: u8, at: Timestamp, id: u32) -> Result<(), (u8, u32)> {
        let part = self.kind.part(at);
        if self.machine.passed() >= part.end() {
            return self.machine.event(hash, key, at, id);
        }
        self.parts.entry((part, key)).or_default().push(id);
        Ok(())
    }
}
