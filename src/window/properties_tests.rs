//! Random events, watermarks, windows and triggers, compared with what they should be: with a slow
//! operator that is a transcript of the rules, and with what follows from the list of events alone.

use super::cases_tests::cases::said::millis;
use super::model::{Kind, Model, Modes, Says, Setting, Triggers};
use super::runs::*;
use super::*;
use crate::time::{Floored, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

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
}
