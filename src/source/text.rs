//! Borrowed text: instances claim chunks, cut at line ends.

use super::cursor::claim;
use crate::error::Site;
use crate::kernel::{Make, Mark, Push};
use crate::ops::{ByReference, Flow, Node, Sequenced, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::credit::Credits;
use crate::runtime::stage::{Input, Pace, Pull, Stage, spread};
use crate::runtime::task::TaskRef;
use crate::runtime::worker::WORTH_A_THREAD;
use crate::sync::unpoisoned;
use crate::text::{Cursor, Cut, Lines, Text, whole_lines};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

impl Flow {
    /// The lines of a text, by reference, as `str::lines` cuts them: `&str` of a `str` or `String`,
    /// `&[u8]` of bytes. Workers claim chunks of whole lines; nothing is copied.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let text = String::from("one two\nthree\r\n\nfour");
    /// let lines: Vec<&str> = Flow::from_text(&text).collect()?;
    /// assert_eq!(lines, ["one two", "three", "", "four"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_text<T: Text + ?Sized>(text: &T) -> Flow<FromText<'_, T::Line>> {
        Flow::of(FromText { text: text.text(), site: Site::here("from_text") })
    }
}

/// A text's lines.
pub struct FromText<'a, L: ?Sized> {
    text: &'a L,
    site: Site,
}

impl<L: ?Sized> Clone for FromText<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: ?Sized> Copy for FromText<'_, L> {}

impl<L: ?Sized> fmt::Debug for FromText<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromText")
    }
}

impl<L: Cut + ?Sized> Stampable for FromText<'_, L> {}

#[diagnostic::do_not_recommend]
impl<L: Cut + ?Sized> Sequenced for FromText<'_, L> {}

impl<'a, L: Cut + ?Sized> Node for FromText<'a, L> {
    type Item = &'a L;
    type Lending = ByReference;

    fn describe(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.source(self.site);
    }

    fn build<'env, M>(self, options: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<&'a L>> + 'env,
    {
        let stage = builder.open_source(&options, self.site);
        let chunks = Arc::new(Claims {
            text: self.text,
            len: self.text.bytes().len(),
            next: AtomicUsize::new(0),
            lines: Mutex::new(LineClaims::default()),
        });
        // By lines where tokens bound the lines ahead of a reader, by bytes elsewhere.
        let pace = || match options.tokens {
            Some(_) => Pace::new(1, usize::MAX),
            None => Pace::new(LEAST, usize::MAX),
        };
        builder.fill_source(stage, make, |task, stage| FromChunks {
            chunks: Arc::clone(&chunks),
            stage: Arc::clone(stage),
            task: task.clone(),
            tokens: options.tokens.clone(),
            pace: pace(),
            lines: None,
            claimed: 0,
            busy: 0,
        });
    }
}

/// The first claim, in bytes: about a line.
const LEAST: usize = 64;

struct Claims<'a, L: ?Sized> {
    text: &'a L,
    len: usize,
    /// The first byte that nobody has claimed.
    next: AtomicUsize,
    /// Where claims are counted in lines.
    lines: Mutex<LineClaims>,
}

#[derive(Default)]
struct LineClaims {
    offset: usize,
    line: u64,
}

/// One claiming instance.
struct FromChunks<'a, L: ?Sized> {
    chunks: Arc<Claims<'a, L>>,
    stage: Arc<Stage>,
    task: TaskRef,
    tokens: Option<Arc<Credits<TaskRef>>>,
    pace: Pace,
    /// The lines of the claim at hand that have not been pushed.
    lines: Option<Lines<'a, L>>,
    /// The size of the claim at hand, in what the pace counts.
    claimed: usize,
    busy: u64,
}

impl<'a, L: Cut + ?Sized> FromChunks<'a, L> {
    /// Claims whole lines; gives the claim's positions.
    fn claim(&mut self) -> Result<(u64, u64), Pull> {
        let (piece, claimed, start) = match &self.tokens {
            None => self.claim_bytes()?,
            Some(tokens) => self.claim_lines(&Arc::clone(tokens))?,
        };
        self.lines = Some(Lines::new(piece));
        self.claimed = claimed;
        self.busy = 0;
        Ok((start, claimed as u64))
    }

    fn claim_bytes(&self) -> Result<(&'a L, usize, u64), Pull> {
        let Claims { text, len, next, .. } = &*self.chunks;
        let remaining = len.saturating_sub(next.load(Ordering::Relaxed));
        let want = self.pace.claim(remaining, self.stage.instances().len());
        let (start, end) = claim(next, *len, want);
        if start == end {
            return Err(Pull::End);
        }
        Ok((whole_lines(*text, start..end), end - start, start as u64))
    }

    fn claim_lines(&self, tokens: &Credits<TaskRef>) -> Result<(&'a L, usize, u64), Pull> {
        let fair = tokens.available() / (2 * self.stage.instances().len());
        let want = self.pace.size().min(fair.max(1));
        let granted = tokens.take_or_wait(want, || self.task.clone());
        if granted == 0 {
            return Err(Pull::Wait);
        }
        let mut at = unpoisoned(self.chunks.lines.lock());
        let rest = self.chunks.text.piece(at.offset..self.chunks.len);
        let mut cursor = Cursor::default();
        let lines = (0..granted).take_while(|_| cursor.next(rest).is_some()).count();
        let start = at.line;
        let piece = rest.piece(0..cursor.offset());
        at.offset += cursor.offset();
        at.line += lines as u64;
        self.chunks.next.store(at.offset, Ordering::Relaxed);
        drop(at);
        tokens.give(granted - lines);
        if lines == 0 { Err(Pull::End) } else { Ok((piece, lines, start)) }
    }

    /// How much the text still holds, in nanoseconds of work.
    fn remaining(&self) -> u64 {
        let bytes = self.chunks.len.saturating_sub(self.chunks.next.load(Ordering::Relaxed));
        match self.tokens {
            None => self.pace.estimate(bytes),
            Some(_) => self.pace.estimate(bytes / 32),
        }
    }
}

impl<'a, L: Cut + ?Sized, K: Push<&'a L>> Input<K> for FromChunks<'a, L> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if self.lines.is_none() {
            if self.claimed > 0 {
                kernel.mark(Mark::Settled);
                self.claimed = 0;
            }
            if cx.core.phase() != Phase::Running {
                return Pull::End;
            }
            match self.claim() {
                Ok((start, len)) => kernel.mark(Mark::Claimed { start, len }),
                Err(why) => return why,
            }
        }
        let mut pushed = 0;
        if let Some(lines) = &mut self.lines {
            for line in lines.take(room) {
                kernel.push(line);
                pushed += 1;
            }
            if pushed < room {
                self.lines = None;
            }
        }
        Pull::Some(pushed)
    }

    fn took(&mut self, nanos: u64, cx: &Cx<'_>) {
        self.busy += nanos;
        if self.lines.is_none() {
            self.pace.learn(self.claimed, self.busy);
            spread(&self.stage, cx.core, || self.remaining() > WORTH_A_THREAD);
        }
    }

    fn cancel(&mut self) {
        self.chunks.next.fetch_max(self.chunks.len, Ordering::Relaxed);
    }
}
