//! A crossbeam channel.

use super::feed;
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Sequenced, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::pool::{IntoPool, Pool};
use crate::runtime::stage::{Input, Pull};
use crossbeam_channel::{Receiver, TryRecvError, select_biased};

impl Flow {
    /// What comes through a channel, until all its senders are gone. It is read by a thread of its
    /// own; a run that is cancelled or drained does not wait for the next message.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let (sender, receiver) = crossbeam_channel::unbounded();
    /// std::thread::spawn(move || (0..10u64).for_each(|x| sender.send(x).unwrap()));
    /// assert_eq!(Flow::from_channel(receiver).sum::<u64>()?, 45);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_channel<T: Send>(receiver: Receiver<T>) -> Flow<FromChannel<T>> {
        Flow::of(FromChannel { receiver, site: Site::here("from_channel") })
    }
}

/// The messages of a channel.
#[derive(Clone, Debug)]
pub struct FromChannel<T> {
    receiver: Receiver<T>,
    site: Site,
}

impl<T: Send> Stampable for FromChannel<T> {}

#[diagnostic::do_not_recommend]
impl<T: Send> Sequenced for FromChannel<T> {}

impl<T: Send> Node for FromChannel<T> {
    type Item = T;
    type Lending = ByReference;
    const POSITIONED: bool = true;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(stage, 1, self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<T>> + 'env,
    {
        let (receiver, run_ends) = (self.receiver, builder.core().halt());
        let input = |pool: &Pool<T>| {
            vec![Messages { receiver, run_ends, unwanted: pool.halt(), gave_way: false }]
        };
        feed::build(input, self.site, stage, builder, make);
    }
}

struct Messages<T> {
    receiver: Receiver<T>,
    /// Closes when sources must end.
    run_ends: Receiver<()>,
    /// Closes when nobody wants more messages.
    unwanted: Receiver<()>,
    /// It has let others run since its last message.
    gave_way: bool,
}

impl<T> Messages<T> {
    /// Whether to wait on a worker: only where there can be no thread for it, what it gave has been
    /// handed on, and nobody else has anything to do.
    fn may_block(&mut self, cx: &Cx<'_>) -> bool {
        let gave_way = std::mem::replace(&mut self.gave_way, true);
        !cx.core.own_threads_allowed && gave_way && !cx.core.has_ready()
    }
}

impl<T: Send> Input<IntoPool<T>> for Messages<T> {
    fn pull(&mut self, pool: &mut IntoPool<T>, room: usize, cx: &mut Cx<'_>) -> Pull {
        if cx.core.phase() != Phase::Running {
            return Pull::End;
        }
        for pulled in 0..room {
            match self.receiver.try_recv() {
                Ok(event) => {
                    self.gave_way = false;
                    pool.push(event);
                }
                Err(TryRecvError::Disconnected) if pulled == 0 => return Pull::End,
                Err(_) if pulled > 0 => return Pull::Some(pulled),
                Err(_) if cx.task.home().is_none() && !self.may_block(cx) => return Pull::Blocks,
                Err(_) => {
                    let received = select_biased! {
                        recv(self.run_ends) -> _ => return Pull::End,
                        recv(self.unwanted) -> _ => return Pull::End,
                        recv(self.receiver) -> event => event,
                    };
                    match received {
                        Ok(event) => pool.push(event),
                        Err(_) => return Pull::End,
                    }
                    return Pull::Some(1);
                }
            }
        }
        Pull::Some(room)
    }
}
