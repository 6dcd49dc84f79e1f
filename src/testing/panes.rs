//! `assert_panes`: what windows give, compared with what is written down.

use crate::window::{Pane, Span, Timing};
use std::fmt::{Debug, Write as _};

/// Panics unless these panes came, each key's in this order; between keys there is none.
///
/// A pane is written as `KEY [START,END)=VALUE TIMING INDEX`: the timing is `E` early, `O` on time, `L`
/// late or `R` for a value that is taken back, and a `*` behind the index says that it is the window's
/// last. The window of all time is `global`. Keys and values are written as `{:?}` has them, keys without
/// quotes; the key `()` is left out. Of sessions that became one, ` <` and their spans are at the end.
///
/// ```
/// use flow::testing::{Script, assert_panes};
/// use flow::{Executor, Flow, Timestamp, Trigger, Window};
/// use std::time::Duration;
///
/// let at = Timestamp;
/// let script = Script::new().event(at(1), "a").event(at(3), "b").event(at(4), "a").watermark(at(10));
/// let panes: Vec<_> = Flow::from_scripts([script])
///     .key_by(|name| *name)
///     .window(Window::fixed(Duration::from_millis(10)))
///     .trigger(Trigger::at_watermark().early(Trigger::every(2)))
///     .accumulating()
///     .count()
///     .on(Executor::simulation(7))
///     .collect()?;
/// assert_panes(panes, ["a [0,10)=2 E0", "a [0,10)=2 O1*", "b [0,10)=1 O0*"]);
/// # Ok::<(), flow::FlowError>(())
/// ```
///
/// # Panics
///
/// If other panes came, with both lists.
#[track_caller]
pub fn assert_panes<K, V, L>(panes: impl IntoIterator<Item = Pane<K, V>>, expected: L)
where
    K: Debug,
    V: Debug,
    L: IntoIterator<Item: AsRef<str>>,
{
    let mut came: Vec<(String, String)> = panes.into_iter().map(|pane| written(&pane)).collect();
    came.sort_by(|one, other| one.0.cmp(&other.0));
    let place = |line: &str| came.iter().position(|(key, _)| is_of(line, key));
    let mut expected: Vec<String> =
        expected.into_iter().map(|line| line.as_ref().trim().to_owned()).collect();
    expected.sort_by_key(|line| place(line).unwrap_or(usize::MAX));
    let came: Vec<String> = came.into_iter().map(|(_, line)| line).collect();
    let list =
        |lines: &[String]| lines.iter().fold(String::new(), |text, line| text + "\n  " + line);
    assert!(came == expected, "expected:{}\nthat came:{}", list(&expected), list(&came));
}

/// The key of a pane, and all of it.
fn written<K: Debug, V: Debug>(pane: &Pane<K, V>) -> (String, String) {
    let key = match format!("{:?}", pane.key) {
        key if key == "()" => String::new(),
        key => key.trim_matches(['"', '\'']).to_owned(),
    };
    let window = match pane.window {
        Span::ALL => "global".to_owned(),
        window => window.to_string(),
    };
    let timing = match pane.timing {
        _ if pane.retraction => 'R',
        Timing::Early => 'E',
        Timing::OnTime => 'O',
        Timing::Late => 'L',
    };
    let last = if pane.last { "*" } else { "" };
    let mut line = format!("{key} {window}={:?} {timing}{}{last}", pane.value, pane.index);
    for (nth, span) in pane.replaces.iter().enumerate() {
        // Writing into a string does not fail.
        let _written = write!(line, "{}{span}", if nth == 0 { " <" } else { "" });
    }
    (key, line.trim_start().to_owned())
}

/// Whether a pane that is written so has this key.
fn is_of(line: &str, key: &str) -> bool {
    let window = line.strip_prefix(key).map(str::trim_start);
    window.is_some_and(|window| window.starts_with('[') || window.starts_with("global="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn pane<K>(key: K, value: Vec<u32>) -> Pane<K, Vec<u32>> {
        let window = Span::new(Timestamp(0), Timestamp(10));
        Pane {
            key,
            window,
            value,
            timing: Timing::Late,
            index: 2,
            last: true,
            retraction: false,
            replaces: vec![window, window],
            trigger: "each",
        }
    }

    #[test]
    fn keys_come_in_any_order() {
        let panes = [pane("b", vec![]), pane("a", vec![1, 2]), pane("ab", vec![3])];
        let rest = "L2* <[0,10)[0,10)";
        let lines = [("ab", "[3]"), ("a", "[1, 2]"), ("b", "[]")];
        assert_panes(panes, lines.map(|(key, value)| format!("{key} [0,10)={value} {rest}")));
        let global = Pane { window: Span::ALL, replaces: vec![], ..pane((), vec![1]) };
        assert_panes([global], ["global=[1] L2*"]);
    }

    #[test]
    #[should_panic(expected = "expected:\n  a [0,10)=[2] L2*\nthat came:\n  a [0,10)=[1] L2*")]
    fn another_value_is_seen() {
        assert_panes([Pane { replaces: vec![], ..pane('a', vec![1]) }], ["a [0,10)=[2] L2*"]);
    }

    #[test]
    #[should_panic(expected = "that came:\n  1 [0,10)=[1] L2*\n  1 [0,10)=[2] L2*")]
    fn the_order_of_a_key_is_looked_at() {
        let panes = [1, 2].map(|value| Pane { replaces: vec![], ..pane(1, vec![value]) });
        assert_panes(panes, ["1 [0,10)=[2] L2*", "1 [0,10)=[1] L2*"]);
    }

    #[test]
    #[should_panic(expected = "that came:")]
    fn a_pane_too_few_is_seen() {
        assert_panes(Vec::<Pane<u8, u8>>::new(), ["1 [0,10)=2 O0*"]);
    }
}
