//! Lines of readers and files: one thread reads large blocks of whole lines, workers cut them.

use super::feed;
use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Kernel, Make, Push, pass_on};
use crate::ops::{ByReference, Flow, Lending, Node, Sequenced, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::core::{Cx, Phase};
use crate::runtime::pool::{FromPool, IntoPool};
use crate::runtime::stage::{Input, Pull};
use crate::sync::unpoisoned;
use crate::text::{self, Block, Blocks, Encoding, Files, Limits, ReadError};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

impl Flow {
    /// The lines of files: paths, directories (all files below, by path, hidden ones left out),
    /// patterns such as `logs/*.txt`, and `-` for the standard input.
    ///
    /// Files are read in large blocks by a thread of its own, one file at a time; workers decode the
    /// blocks and cut them into lines. [`key_each`](Flow::key_each) and
    /// [`flat_map_emit`](Flow::flat_map_emit) get the lines as `&str` straight from the block; other
    /// verbs get a `String` each. Files larger than memory are no matter.
    ///
    /// # Errors
    /// Here if a path does not exist or a pattern matches nothing; from the run, with
    /// [`ErrorKind::Source`], if a file cannot be read, a line is longer than
    /// [`max_line`](Flow::max_line), or text is not UTF-8 (unless it is [`lossy`](Flow::lossy)).
    /// The message names file and line.
    ///
    /// ```no_run
    /// use flow::Flow;
    ///
    /// let errors = Flow::from_files(["logs", "more/*.log"])?.filter(|line| line.contains("ERROR")).count()?;
    /// println!("{errors} lines");
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_files<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Flow<TextLines<FileSet>>, FlowError> {
        let site = Site::here("from_files");
        let inputs = text::expand(paths).map_err(|error| failed(error, site))?;
        Ok(Flow::of(TextLines::of(FileSet(inputs), site)))
    }

    /// The lines of a reader, read in large blocks by a thread of its own; else as
    /// [`from_files`](Flow::from_files). It needs no buffer of its own.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let lines: Vec<String> = Flow::from_lines("one\ntwo".as_bytes()).collect()?;
    /// assert_eq!(lines, ["one", "two"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_lines<R: Read + Send>(reader: R) -> Flow<TextLines<OneReader<R>>> {
        Flow::of(TextLines::of(OneReader(reader), Site::here("from_lines")))
    }

    /// The bytes of a reader, in blocks as they are read, of up to 256 KiB.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let bytes = Flow::from_reader(&[7u8; 1000][..]).map(|block| block.len()).sum::<usize>()?;
    /// assert_eq!(bytes, 1000);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_reader<R: Read + Send>(reader: R) -> Flow<FromReader<R>> {
        Flow::of(FromReader { reader, site: Site::here("from_reader") })
    }
}

impl<S> Flow<TextLines<S>> {
    /// Replaces what is not UTF-8 by U+FFFD instead of failing.
    pub fn lossy(mut self) -> Self {
        self.node.encoding = Encoding::Lossy;
        self
    }

    /// The most bytes that a line may have. Default: 16 MiB. A longer one fails the run: it would
    /// have to be held in memory whole.
    #[track_caller]
    pub fn max_line(mut self, bytes: usize) -> Self {
        if bytes == 0 {
            self.run.refuse(Site::here("max_line"), "max_line must be at least 1".to_owned());
        }
        self.node.limits.line = bytes;
        self
    }
}

pub(super) fn failed(error: ReadError, site: Site) -> FlowError {
    FlowError::new(ErrorKind::Source, error.to_string()).with_site(site)
}

/// Lines of text that is read in blocks.
pub struct TextLines<S> {
    source: S,
    encoding: Encoding,
    limits: Limits,
    site: Site,
}

impl<S> TextLines<S> {
    fn of(source: S, site: Site) -> Self {
        TextLines { source, encoding: Encoding::Strict, limits: Limits::default(), site }
    }
}

impl<S: Clone> Clone for TextLines<S> {
    fn clone(&self) -> Self {
        TextLines { source: self.source.clone(), ..*self }
    }
}

impl<S> fmt::Debug for TextLines<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextLines({})", self.site.operator)
    }
}

/// What can be read in blocks of whole lines.
pub trait BlockSource: Send {
    /// The open source.
    #[doc(hidden)]
    type Open: NextBlock;

    /// Opens it, and says how many bytes it has, if that is known.
    #[doc(hidden)]
    fn open(self, limits: LineLimits) -> (Self::Open, Option<u64>);
}

/// An open source of blocks.
#[doc(hidden)]
pub trait NextBlock: Send {
    fn next(&mut self, spare: &mut Vec<u8>) -> Result<Option<RawBlock>, BlockError>;

    /// Whether the next block may be long in coming.
    fn may_wait(&self) -> bool;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct LineLimits(pub(super) Limits);

#[doc(hidden)]
#[derive(Debug)]
pub struct RawBlock(Block<Vec<u8>>);

#[doc(hidden)]
#[derive(Debug)]
pub struct BlockError(ReadError);

/// Files, directories, patterns and the standard input.
#[derive(Clone, Debug)]
pub struct FileSet(Vec<text::Input>);

/// One reader.
#[derive(Clone, Debug)]
pub struct OneReader<R>(R);

#[cfg(any(feature = "csv", feature = "json"))]
impl FileSet {
    pub(super) fn of(inputs: Vec<text::Input>) -> Self {
        FileSet(inputs)
    }
}

#[cfg(any(feature = "csv", feature = "json"))]
impl<R> OneReader<R> {
    pub(super) fn of(reader: R) -> Self {
        OneReader(reader)
    }
}

impl BlockSource for FileSet {
    type Open = OpenFiles;

    fn open(self, limits: LineLimits) -> (OpenFiles, Option<u64>) {
        let total = text::total_len(&self.0);
        (OpenFiles(Files::new(self.0, limits.0)), total)
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct OpenFiles(Files);

impl NextBlock for OpenFiles {
    fn next(&mut self, spare: &mut Vec<u8>) -> Result<Option<RawBlock>, BlockError> {
        self.0.next(spare).map(|block| block.map(RawBlock)).map_err(BlockError)
    }

    fn may_wait(&self) -> bool {
        self.0.may_wait()
    }
}

impl<R: Read + Send> BlockSource for OneReader<R> {
    type Open = OpenReader<R>;

    fn open(self, limits: LineLimits) -> (OpenReader<R>, Option<u64>) {
        (OpenReader(Blocks::new(self.0, Path::new("reader").into(), limits.0)), None)
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct OpenReader<R>(Blocks<R>);

impl<R: Read + Send> NextBlock for OpenReader<R> {
    fn next(&mut self, spare: &mut Vec<u8>) -> Result<Option<RawBlock>, BlockError> {
        self.0.next(spare).map(|block| block.map(RawBlock)).map_err(BlockError)
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[diagnostic::do_not_recommend]
impl<S: BlockSource> Sequenced for TextLines<S> {}
impl<S: BlockSource> Stampable for TextLines<S> {}

impl<S: BlockSource> Node for TextLines<S> {
    type Item = String;
    type Lending = FromBlock;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(&blocks_of(stage.clone()), 1, self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<String>> + 'env,
    {
        FromBlock::build(self, stage, builder, OwnMake(make));
    }
}

/// An edge that carries blocks: as many as make up its demand in lines of usual length, but at
/// least two, so that one is read while another is cut.
pub(super) fn blocks_of(mut stage: StageOptions) -> StageOptions {
    const LINES: usize = 512;
    let edge = stage.edge();
    stage.max_demand = Some((edge.max_demand / LINES).max(2));
    stage.min_demand = Some(edge.min_demand / LINES);
    stage
}

/// Lines are lent from the block that was read.
#[derive(Debug)]
pub struct FromBlock;

impl<S: BlockSource> Lending<TextLines<S>> for FromBlock {
    type Lent = str;

    fn build<'env, M>(node: TextLines<S>, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        TextLines<S>: 'env,
        M: Make<Kernel: for<'x> Push<&'x str>> + 'env,
    {
        let TextLines { source, encoding, limits, site } = node;
        let (source, total) = source.open(LineLimits(limits));
        let core = builder.core();
        core.bytes_total.fetch_add(total.unwrap_or(0), Ordering::Relaxed);
        let spare = Arc::new(Mutex::new(Vec::new()));
        let reading = Reading::new(source, |block| block, Arc::clone(&spare), site);
        let stage = blocks_of(stage);
        feed::build_with(
            |_| vec![reading],
            site,
            stage,
            builder,
            make,
            |pool, stage, task| FromBlocks {
                blocks: FromPool::new(pool, stage, task),
                block: None,
                encoding,
                spare: Arc::clone(&spare),
                site,
            },
        );
    }
}

pub(super) type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

/// The thread's side: reads blocks, and makes of each what the workers get.
pub(super) struct Reading<S, W> {
    source: S,
    wrap: W,
    spare: Spare,
    site: Site,
    started: bool,
}

impl<S, W> Reading<S, W> {
    pub(super) fn new(source: S, wrap: W, spare: Spare, site: Site) -> Self {
        Reading { source, wrap, spare, site, started: false }
    }
}

impl<S, W, P> Input<IntoPool<P>> for Reading<S, W>
where
    S: NextBlock,
    W: FnMut(Block<Vec<u8>>) -> P + Send,
    P: Send,
{
    fn pull(&mut self, pool: &mut IntoPool<P>, _room: usize, cx: &mut Cx<'_>) -> Pull {
        if cx.core.phase() != Phase::Running {
            return Pull::End;
        }
        let may_wait = self.started || self.source.may_wait();
        if may_wait && cx.task.home().is_none() && cx.core.own_threads_allowed {
            return Pull::Blocks;
        }
        // Files are opened lazily: the first block of a small one needs no thread.
        self.started = true;
        let mut buffer = unpoisoned(self.spare.lock()).pop().unwrap_or_default();
        let source = &mut self.source;
        match guarded(&self.site, || source.next(&mut buffer)) {
            Ok(Some(RawBlock(block))) => {
                cx.core.bytes_read.fetch_add(block.len() as u64, Ordering::Relaxed);
                pool.push((self.wrap)(block));
                Pull::Some(1)
            }
            Ok(None) => Pull::End,
            Err(BlockError(error)) => {
                cx.task.fail(failed(error, self.site));
                Pull::Wait
            }
        }
    }
}

/// A worker's side: decodes blocks and cuts lines.
struct FromBlocks {
    blocks: FromPool<Block<Vec<u8>>>,
    block: Option<Block<String>>,
    encoding: Encoding,
    spare: Spare,
    site: Site,
}

impl<K: for<'x> Push<&'x str>> Input<K> for FromBlocks {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        let block = match &mut self.block {
            Some(block) => block,
            None => {
                let raw = match self.blocks.next_one(kernel, cx) {
                    Ok(raw) => raw,
                    Err(why) => return why,
                };
                match raw.decode(self.encoding) {
                    Ok(block) => self.block.insert(block),
                    Err(error) => {
                        cx.task.fail(failed(error, self.site));
                        return Pull::Wait;
                    }
                }
            }
        };
        for pushed in 0..room {
            match block.next_line() {
                Some(line) => kernel.push(line),
                None => {
                    if let Some(block) = self.block.take() {
                        unpoisoned(self.spare.lock()).push(block.into_buffer());
                    }
                    return Pull::Some(pushed);
                }
            }
        }
        Pull::Some(room)
    }

    fn cancel(&mut self) {
        self.blocks.close();
    }
}

/// Gives every line a string of its own.
#[derive(Debug)]
pub(crate) struct Own<K>(K);

#[derive(Debug)]
struct OwnMake<M>(M);

impl<M: Make> Make for OwnMake<M> {
    type Kernel = Own<M::Kernel>;

    fn make(&self, place: &Place) -> Self::Kernel {
        Own(self.0.make(place))
    }

    fn planned(&self, instances: usize) {
        self.0.planned(instances);
    }
}

impl<K: Kernel> Kernel for Own<K> {
    pass_on!(0: room resume closed mark quiet end close);
}

impl<K: Push<String>> Push<&str> for Own<K> {
    #[inline(always)]
    fn push(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

/// A reader's bytes in blocks.
#[derive(Clone, Debug)]
pub struct FromReader<R> {
    reader: R,
    site: Site,
}

#[diagnostic::do_not_recommend]
impl<R: Read + Send> Sequenced for FromReader<R> {}
impl<R: Read + Send> Stampable for FromReader<R> {}

impl<R: Read + Send> Node for FromReader<R> {
    type Item = Vec<u8>;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(stage, 1, self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Vec<u8>>> + 'env,
    {
        let input = Bytes { reader: self.reader, site: self.site };
        feed::build(|_| vec![input], self.site, stage, builder, make);
    }
}

struct Bytes<R> {
    reader: R,
    site: Site,
}

/// The largest block, in bytes.
const BLOCK: usize = 256 << 10;

impl<R: Read + Send> Input<IntoPool<Vec<u8>>> for Bytes<R> {
    fn pull(&mut self, pool: &mut IntoPool<Vec<u8>>, _room: usize, cx: &mut Cx<'_>) -> Pull {
        if cx.core.phase() != Phase::Running {
            return Pull::End;
        }
        if cx.task.home().is_none() && cx.core.own_threads_allowed {
            return Pull::Blocks;
        }
        let mut block = vec![0; BLOCK];
        let reader = &mut self.reader;
        loop {
            match guarded(&self.site, || reader.read(&mut block)) {
                Ok(0) => return Pull::End,
                Ok(len) => {
                    block.truncate(len);
                    cx.core.bytes_read.fetch_add(len as u64, Ordering::Relaxed);
                    pool.push(block);
                    return Pull::Some(1);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let failed = FlowError::new(ErrorKind::Source, "a reader failed");
                    cx.task.fail(failed.with_source(error).with_site(self.site));
                    return Pull::Wait;
                }
            }
        }
    }
}
