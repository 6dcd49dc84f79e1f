//! Windows of a kind that is known at run time only.

use super::{Count, Fixed, Global, Session, Sliding, SlidingCount, WindowKind};

/// Windows of a kind that is chosen at run time, from a configuration or by a user: every kind of
/// event time and of numbers of events becomes one with `into()`.
///
/// What is folded in them must merge, since they may be sessions: it is for
/// [`aggregate`](crate::Windowed::aggregate) and its kin, and for joins. What the compiler would leave out is
/// decided once per call, and all kinds are compiled.
///
/// ```
/// use flow::windows::AnyWindow;
/// use flow::{Flow, Timestamp, Window};
/// use std::time::Duration;
///
/// fn window(name: &str, ms: u64) -> AnyWindow {
///     let time = Duration::from_millis(ms);
///     match name {
///         "fixed" => Window::fixed(time).into(),
///         "session" => Window::session(time).into(),
///         _ => Window::global().into(),
///     }
/// }
/// for (name, panes) in [("fixed", 2), ("session", 3), ("all", 1)] {
///     let events = Flow::from_vec(vec![1, 8, 15, 17]);
///     let counts = events
///         .timestamps(|at| Timestamp(*at), |w| w.ascending())
///         .key_by(|_| ())
///         .window(window(name, 6 + 4 * u64::from(name == "fixed")))
///         .count();
///     assert_eq!(counts.count()?, panes);
/// }
/// # Ok::<(), flow::FlowError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AnyWindow {
    /// [`Window::global`](crate::Window::global).
    Global(Global),
    /// [`Window::fixed`](crate::Window::fixed).
    Fixed(Fixed),
    /// [`Window::sliding`](crate::Window::sliding).
    Sliding(Sliding),
    /// [`Window::session`](crate::Window::session).
    Session(Session),
    /// [`Window::count`](crate::Window::count).
    Count(Count),
    /// [`Window::sliding_count`](crate::Window::sliding_count).
    SlidingCount(SlidingCount),
}

macro_rules! any {
    ($($kind:ident),+) => {
        $(
            impl From<$kind> for AnyWindow {
                fn from(kind: $kind) -> Self {
                    AnyWindow::$kind(kind)
                }
            }
        )+

        impl WindowKind for AnyWindow {
            const MERGES: bool = true;

            fn by_number(&self) -> bool {
                match self {
                    $(AnyWindow::$kind(kind) => kind.by_number(),)+
                }
            }

            fn invalid(&self) -> Option<String> {
                match self {
                    $(AnyWindow::$kind(kind) => kind.invalid(),)+
                }
            }

            fn granularity(&self, lateness: i64) -> i64 {
                match self {
                    $(AnyWindow::$kind(kind) => kind.granularity(lateness),)+
                }
            }
        }
    };
}

any!(Global, Fixed, Sliding, Session, Count, SlidingCount);
