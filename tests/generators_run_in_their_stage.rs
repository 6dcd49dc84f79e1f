//! `from_generators`: all items of all iterators, read by the stage that handles them.

mod support;

use flow::{Flow, Timestamp, Window};
use std::collections::BTreeMap;
use std::time::Duration;
use support::executors;

#[test]
fn all_items_of_all_iterators_come_once() {
    for lengths in [vec![], vec![0], vec![1], vec![0, 5_000, 1, 0], vec![3; 40]] {
        for executor in executors() {
            let iters = lengths.iter().enumerate().map(|(nth, length)| {
                let first = nth as u64 * 1_000_000;
                first..first + length
            });
            let iters: Vec<_> = iters.collect();
            let want: Vec<u64> = iters.iter().cloned().flatten().collect();
            let flow = Flow::from_generators(iters).on(executor).max_demand(7);
            let mut got: Vec<u64> = flow.collect().unwrap();
            got.sort_unstable();
            assert_eq!(got, want);
        }
    }
}

#[test]
fn an_endless_one_is_read_by_demand() {
    for executor in executors() {
        let flow = Flow::from_generators([0u64.., 0..]).on(executor);
        assert_eq!(flow.take_any(1_000).count().unwrap(), 1_000);
    }
}

/// Each has its own watermark: what is far ahead waits for what is behind, and nothing is late.
#[test]
fn windows_close_when_all_have_passed() {
    for executor in executors() {
        let panes: Vec<_> = Flow::from_generators([0..40_000i64, 0..400])
            .timestamps(|at| Timestamp(*at), |w| w.ascending())
            .key_by(|at| at % 3)
            .window(Window::fixed(Duration::from_secs(1)))
            .count()
            .on(executor)
            .collect()
            .unwrap();
        let got: BTreeMap<(i64, i64), u64> =
            panes.iter().map(|pane| ((pane.window.start().0, pane.key), pane.value)).collect();
        let mut want = BTreeMap::new();
        for at in (0..40_000).chain(0..400) {
            *want.entry((at / 1_000 * 1_000, at % 3)).or_insert(0) += 1;
        }
        assert_eq!(panes.len(), want.len(), "one pane per key and window");
        assert_eq!(got, want);
    }
}

#[test]
fn a_panic_names_the_source() {
    let broken = (0..10u64).map(|x| if x == 7 { panic!("seven") } else { x });
    let error = Flow::from_generators([broken]).count().unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("in `from_generators`") && text.contains("seven"), "{text}");
}

#[test]
fn a_panic_behind_names_the_operator_behind() {
    let flow = Flow::from_generators([0..10u64, 10..20]);
    let error = flow.map(|x| if x == 7 { panic!("seven") } else { x }).count().unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("in `map`"), "{text}");
}
