//! A transcript of the rules, as slow as it is plain: all windows in one list, searched for everything.

use super::runs::{Came, Ids, Shown};
use super::{Pane, Span, Timing};
use crate::time::Timestamp;
use std::mem;

#[derive(Clone, Copy, Debug)]
pub(super) enum Says {
    Event { key: u8, at: i64 },
    Mark(i64),
    Tick(i64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Fixed { size: i64, offset: i64 },
    Sliding { size: i64, every: i64 },
    Session { gap: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Modes {
    Accumulating,
    Discarding,
    Retracting,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Triggers {
    AtWatermark { early: Option<Fires>, late: Option<Fires> },
    Repeat(Fires),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fires {
    Every(u32),
    AfterDelay(i64),
    Periodic(i64),
    EveryOrDelay(u32, i64),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) kind: Kind,
    pub(super) trigger: Triggers,
    pub(super) mode: Modes,
    pub(super) lateness: i64,
}

impl Kind {
    /// The windows of a timestamp: by trying all that begin at a multiple.
    pub(super) fn spans(self, at: i64) -> Vec<Span> {
        let (size, every, offset) = match self {
            Kind::Fixed { size, offset } => (size, size, offset),
            Kind::Sliding { size, every } => (size, every, 0),
            Kind::Session { gap } => return vec![Span::new(Timestamp(at), Timestamp(at + gap))],
        };
        (at - size..=at)
            .filter(|start| (start - offset).rem_euclid(every) == 0 && at < start + size)
            .map(|start| Span::new(Timestamp(start), Timestamp(start + size)))
            .collect()
    }
}

struct Win {
    key: u8,
    span: Span,
    all: Ids,
    new: Ids,
    index: u32,
    late: bool,
    /// When the clock fires it, for its early and its late part.
    due: [Option<(i64, &'static str)>; 2],
    given: Option<Ids>,
    replaces: Vec<(Span, u32, Option<Ids>)>,
}

pub(super) struct Model {
    setting: Setting,
    windows: Vec<Win>,
    watermark: i64,
    now: i64,
    piece: Vec<Shown>,
    late: Ids,
}

impl Model {
    pub(super) fn run(setting: Setting, says: &[Says]) -> Came {
        let (watermark, piece) = (i64::MIN, Vec::new());
        let (windows, late) = (Vec::new(), Vec::new());
        let mut model = Model { setting, windows, watermark, now: 0, piece, late };
        let mut pieces = Vec::new();
        for (id, say) in says.iter().enumerate() {
            match *say {
                Says::Event { key, at } => model.event(id as u32, key, at),
                Says::Mark(to) => model.mark(to),
                Says::Tick(now) => model.tick(now),
            }
            pieces.push(mem::take(&mut model.piece));
        }
        model.mark(i64::MAX);
        pieces.push(model.piece);
        assert!(model.windows.is_empty());
        Came { pieces, late: model.late }
    }

    fn expiry(&self, span: Span) -> i64 {
        span.end().0.saturating_add(self.setting.lateness)
    }

    fn event(&mut self, id: u32, key: u8, at: i64) {
        let spans = self.setting.kind.spans(at);
        let mut folded = spans.is_empty();
        for span in spans {
            let place = match self.setting.kind {
                Kind::Session { .. } => self.session(key, span),
                _ => self.windows.iter().position(|win| (win.key, win.span) == (key, span)),
            };
            let place = match place {
                Some(place) => place,
                None if self.watermark >= self.expiry(span) => continue,
                None => {
                    let late = self.watermark >= span.end().0;
                    let (all, new, given, replaces) = (Ids::new(), Ids::new(), None, Vec::new());
                    let due = [None; 2];
                    self.windows.push(Win {
                        key,
                        span,
                        all,
                        new,
                        index: 0,
                        late,
                        due,
                        given,
                        replaces,
                    });
                    self.windows.len() - 1
                }
            };
            folded = true;
            let win = &mut self.windows[place];
            win.all.push(id);
            win.new.push(id);
            let (part, fires) = match self.setting.trigger {
                Triggers::AtWatermark { early, .. } if !win.late => (0, early),
                Triggers::AtWatermark { late, .. } => (1, late.or(Some(Fires::Every(1)))),
                Triggers::Repeat(fires) => (0, Some(fires)),
            };
            let each = matches!(self.setting.trigger, Triggers::AtWatermark { late: None, .. });
            let now = self.now;
            match fires {
                None => {}
                Some(Fires::Every(n) | Fires::EveryOrDelay(n, _)) if win.new.len() as u32 >= n => {
                    let timing = if win.late { Timing::Late } else { Timing::Early };
                    let name = if win.late && each { "each" } else { "every" };
                    self.fire(place, timing, name, false);
                }
                Some(Fires::Every(_)) => {}
                Some(Fires::AfterDelay(ticks) | Fires::EveryOrDelay(_, ticks)) => {
                    win.due[part].get_or_insert((now + ticks, "after_delay"));
                }
                Some(Fires::Periodic(ticks)) => {
                    win.due[part].get_or_insert((now / ticks * ticks + ticks, "periodic"));
                }
            }
        }
        if !folded {
            self.late.push(id);
        }
    }

    /// The session that a new span makes of those it overlaps with.
    fn session(&mut self, key: u8, span: Span) -> Option<usize> {
        let overlaps = |win: &Win| {
            win.key == key && win.span.start() < span.end() && span.start() < win.span.end()
        };
        let mut parts: Vec<Win> = self.windows.extract_if(.., |win| overlaps(win)).collect();
        parts.sort_by_key(|win| win.span.start());
        let start = parts.first()?.span.start().min(span.start());
        let end = parts.last()?.span.end().max(span.end());
        let cover = Span::new(start, end);
        let (all, new, given, late) = (Ids::new(), Ids::new(), None, self.watermark >= end.0);
        let mut one = Win {
            key,
            span: cover,
            all,
            new,
            index: 0,
            late,
            due: [None; 2],
            given,
            replaces: Vec::new(),
        };
        for part in parts {
            one.all.extend(part.all);
            one.new.extend(part.new);
            one.replaces.extend(part.replaces);
            for (one, part) in one.due.iter_mut().zip(part.due) {
                *one = one.iter().copied().chain(part).min();
            }
            if part.span == cover {
                (one.index, one.given) = (part.index, part.given);
            } else if part.index > 0 {
                one.replaces.push((part.span, part.index, part.given));
            }
        }
        self.windows.push(one);
        Some(self.windows.len() - 1)
    }

    fn tick(&mut self, now: i64) {
        self.now = now;
        loop {
            let due = |win: &Win| win.due.into_iter().flatten().min_by_key(|due| due.0);
            let next = (0..self.windows.len())
                .filter_map(|place| Some((due(&self.windows[place])?, place)))
                .min_by_key(|(due, place)| (due.0, self.windows[*place].span.start(), *place));
            let Some(((_, name), place)) = next.filter(|(due, _)| due.0 <= now) else {
                break;
            };
            let timing = if self.windows[place].late { Timing::Late } else { Timing::Early };
            self.fire(place, timing, name, false);
        }
    }

    fn mark(&mut self, to: i64) {
        if to <= self.watermark {
            return;
        }
        loop {
            // On time before expired, if both are due at the same time.
            let due = |win: &Win| {
                let at = if win.late { self.expiry(win.span) } else { win.span.end().0 };
                (at, win.span.start(), win.late, win.key)
            };
            let next = (0..self.windows.len()).min_by_key(|place| due(&self.windows[*place]));
            let Some(place) = next.filter(|place| due(&self.windows[*place]).0 <= to) else {
                break;
            };
            self.due(place, to);
        }
        self.watermark = to;
    }

    fn due(&mut self, place: usize, to: i64) {
        let at_watermark = matches!(self.setting.trigger, Triggers::AtWatermark { .. });
        let expires = self.expiry(self.windows[place].span) <= to;
        let win = &mut self.windows[place];
        if !win.late {
            win.late = true;
            if at_watermark {
                self.fire(place, Timing::OnTime, "watermark", expires);
                if expires {
                    self.windows.remove(place);
                }
            }
            return;
        }
        if !win.new.is_empty() {
            let before = self.watermark < win.span.end().0;
            let timing = if before { Timing::OnTime } else { Timing::Late };
            self.fire(place, timing, "close", true);
        }
        self.windows.remove(place);
    }

    fn fire(&mut self, place: usize, timing: Timing, trigger: &'static str, last: bool) {
        let mode = self.setting.mode;
        let Win { key, span, all, new, index, given, replaces, due, .. } = &mut self.windows[place];
        *due = [None; 2];
        let new = mem::take(new);
        let mut value = if mode == Modes::Discarding { new } else { all.clone() };
        value.sort_unstable();
        if given.as_ref() == Some(&value) {
            return;
        }
        let pane = |window, value, index, last, retraction, replaces| Pane {
            key: *key,
            window,
            value,
            timing,
            index,
            last,
            retraction,
            replaces,
            trigger,
        };
        let replaced = mem::take(replaces);
        let spans = replaced.iter().map(|replaced| replaced.0).collect();
        for (span, panes, given) in replaced {
            let back = given.map(|given| pane(span, given, panes - 1, false, true, Vec::new()));
            self.piece.extend(back);
        }
        if let Some(given) = given.take() {
            self.piece.push(pane(*span, given, *index - 1, false, true, Vec::new()));
        }
        if mode == Modes::Retracting {
            *given = Some(value.clone());
        }
        self.piece.push(pane(*span, value, *index, last, false, spans));
        *index += 1;
    }
}
