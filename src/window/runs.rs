//! Runs of random settings for property tests: what comes of them, and what a list of events says.

use super::cases_tests::cases::said::{Any, millis};
use super::model::{Fires, Kind, Modes, Says, Setting, Triggers};
use super::*;
use crate::time::{Bounded, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(super) type Ids = Vec<u32>;
pub(super) type Shown = Pane<u8, Ids>;

/// The events of a window, by their numbers, in any order.
#[derive(Clone, Copy)]
pub(super) struct Numbers;

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
    pub(super) fn panes(&self) -> impl Iterator<Item = &Shown> {
        self.pieces.iter().flatten()
    }

    /// Without the order of the keys of windows that begin together, and of timers of the clock.
    pub(super) fn without_key_order(mut self) -> Self {
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

/// Two keys share a hash; the lowest bit chooses a slot of a table, and bit 31 a bin.
pub(super) fn hash_of(key: u8) -> u64 {
    u64::from(key % 2) * 0x8000_0001
}

/// Tells a machine everything, to the end of the input; checks what always holds.
pub(super) fn drive(mut machine: impl Take<u8, Ids, u32, u32>, says: &[Says]) -> (Came, Counters) {
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

pub(super) fn fixed(size: i64, offset: i64) -> Fixed {
    Window::fixed(millis(size)).offset(millis(offset))
}

pub(super) fn sliding(size: i64, every: i64) -> Sliding {
    Window::sliding(millis(size), millis(every))
}

/// Runs a setting with all types that it stands for.
pub(super) fn run(setting: Setting, says: &[Says]) -> (Came, Counters) {
    match setting.mode {
        Modes::Accumulating => run_mode::<Accumulating>(setting, says),
        Modes::Discarding => run_mode::<Discarding>(setting, says),
        Modes::Retracting => run_mode::<Retracting>(setting, says),
    }
}

pub(super) fn run_mode<M: Mode<Numbers>>(setting: Setting, says: &[Says]) -> (Came, Counters) {
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

pub(super) fn any(fires: Fires) -> Any {
    match fires {
        Fires::Every(n) => Any::Every(Trigger::every(n)),
        Fires::AfterDelay(ticks) => Any::AfterDelay(Trigger::after_delay(millis(ticks))),
        Fires::Periodic(ticks) => Any::Periodic(Trigger::periodic(millis(ticks))),
        Fires::EveryOrDelay(n, ticks) => {
            Any::Or(Box::new((any(Fires::Every(n)), any(Fires::AfterDelay(ticks)))))
        }
    }
}

pub(super) fn run_trigger<M, R>(setting: Setting, trigger: R, says: &[Says]) -> (Came, Counters)
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

pub(super) fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1..12_i64, 0..12_i64).prop_map(|(size, offset)| Kind::Fixed { size, offset }),
        (1..12_i64, 1..12_i64).prop_map(|(size, every)| Kind::Sliding { size, every }),
        (1..8_i64).prop_map(|gap| Kind::Session { gap }),
    ]
}

pub(super) fn triggers() -> impl Strategy<Value = Triggers> {
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

pub(super) fn modes() -> impl Strategy<Value = Modes> {
    prop_oneof![Just(Modes::Accumulating), Just(Modes::Discarding), Just(Modes::Retracting)]
}

pub(super) fn settings() -> impl Strategy<Value = Setting> {
    let lateness = prop_oneof![2 => Just(0_i64), 3 => 1..15_i64, 1 => Just(i64::MAX)];
    (kinds(), triggers(), modes(), lateness).prop_map(|(kind, trigger, mode, lateness)| Setting {
        kind,
        trigger,
        mode,
        lateness,
    })
}

/// Events around where the watermark is, which moves on and sometimes jumps or goes back.
pub(super) fn stream() -> impl Strategy<Value = Vec<Says>> {
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
pub(super) fn tame(disorder: i64) -> impl Strategy<Value = Vec<Says>> {
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

pub(super) fn events(says: &[Says]) -> impl Iterator<Item = (u32, u8, i64)> {
    says.iter().enumerate().filter_map(|(id, say)| match *say {
        Says::Event { key, at } => Some((id as u32, key, at)),
        Says::Mark(_) | Says::Tick(_) => None,
    })
}

/// The windows of all events, from their list alone.
pub(super) fn offline(kind: Kind, says: &[Says]) -> BTreeMap<(Span, u8), Ids> {
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
