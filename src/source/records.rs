//! Records in blocks of bytes: what CSV and lines of JSON have in common. One thread reads blocks
//! that hold whole records, workers decode them.

use super::feed;
use super::files::{BlockSource, LineLimits, Reading, Spare, blocks_of};
use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Sequenced};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::Cx;
use crate::runtime::pool::FromPool;
use crate::runtime::stage::{Input, Pull};
use crate::sync::unpoisoned;
use crate::text::{Block, Limits};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// A format of records: CSV, or lines of JSON.
pub trait Format {
    /// A record.
    type Item: Send;
}

/// How bytes become records.
pub(crate) trait Decode: Format + Clone + Send + Sync {
    /// What the reading thread hands to a worker.
    type Piece: Send;
    /// A piece that a worker takes apart.
    type Decoding: Send;

    /// How to cut the input into blocks.
    fn limits(&mut self, limits: &mut Limits);

    /// What makes pieces of the blocks of all inputs, in their order.
    fn pieces(&self) -> impl FnMut(Block<Vec<u8>>) -> Self::Piece + Send + use<Self>;

    fn decode(&self, piece: Self::Piece) -> Self::Decoding;

    /// The next record, or why there is none: a message that names its place, and the cause.
    fn next(&self, decoding: &mut Self::Decoding) -> Option<Result<Self::Item, Bad>>;

    /// The buffer, for another block.
    fn spare(decoding: Self::Decoding) -> Vec<u8>;
}

/// Why a record cannot be had.
pub(crate) type Bad = FlowError;

/// An error at a line of an input.
pub(crate) fn bad(input: &str, line: u64, why: &str) -> Bad {
    FlowError::new(ErrorKind::Source, format!("{input}:{line}: {why}"))
}

/// Records that are read in blocks.
#[derive(Clone)]
pub struct Records<S, F> {
    source: S,
    pub(super) format: F,
    limits: Limits,
    site: Site,
}

impl<S, F> Records<S, F> {
    pub(super) fn of(source: S, format: F, site: Site) -> Self {
        Records { source, format, limits: Limits::default(), site }
    }
}

impl<S, F> fmt::Debug for Records<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({})", self.site.operator)
    }
}

impl<S, F> Flow<Records<S, F>> {
    /// The most bytes that a record may have. Default: 16 MiB. A longer one fails the run: it would
    /// have to be held in memory whole. 0 is refused.
    #[track_caller]
    pub fn max_record(mut self, bytes: usize) -> Self {
        if bytes == 0 {
            self.run.refuse(Site::here("max_record"), "max_record must be at least 1".to_owned());
        }
        self.node.limits.line = bytes;
        self
    }
}

#[allow(private_bounds, reason = "formats are this library's")]
#[diagnostic::do_not_recommend]
impl<S: BlockSource, F: Decode> Sequenced for Records<S, F> {}

#[allow(private_bounds, reason = "formats are this library's")]
impl<S: BlockSource, F: Decode> Node for Records<S, F> {
    type Item = F::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(&blocks_of(stage.clone()), 1, self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<F::Item>> + 'env,
    {
        let Records { source, mut format, mut limits, site } = self;
        format.limits(&mut limits);
        let (source, total) = source.open(LineLimits(limits));
        builder.core().bytes_total.fetch_add(total.unwrap_or(0), Ordering::Relaxed);
        let spare: Spare = Arc::new(Mutex::new(Vec::new()));
        let reading = Reading::new(source, format.pieces(), Arc::clone(&spare), site);
        feed::build_with(
            |_| vec![reading],
            site,
            blocks_of(stage),
            builder,
            make,
            |pool, stage, task| FromPieces {
                pieces: FromPool::new(pool, stage, task),
                decoding: None,
                format: format.clone(),
                spare: Arc::clone(&spare),
                site,
            },
        );
    }
}

/// A worker's side: decodes records.
struct FromPieces<F: Decode> {
    pieces: FromPool<F::Piece>,
    decoding: Option<F::Decoding>,
    format: F,
    spare: Spare,
    site: Site,
}

impl<F: Decode, K: Push<F::Item>> Input<K> for FromPieces<F> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        let decoding = match &mut self.decoding {
            Some(decoding) => decoding,
            None => match self.pieces.next_one(kernel, cx) {
                Ok(piece) => self.decoding.insert(self.format.decode(piece)),
                Err(why) => return why,
            },
        };
        for pushed in 0..room {
            // What deserialises is a user's code, too.
            match guarded(&self.site, || self.format.next(decoding)) {
                Some(Ok(record)) => kernel.push(record),
                Some(Err(bad)) => {
                    cx.task.fail(bad.with_site(self.site));
                    return Pull::Wait;
                }
                None => {
                    if let Some(decoding) = self.decoding.take() {
                        unpoisoned(self.spare.lock()).push(F::spare(decoding));
                    }
                    return Pull::Some(pushed);
                }
            }
        }
        Pull::Some(room)
    }

    fn cancel(&mut self) {
        self.pieces.close();
    }
}
