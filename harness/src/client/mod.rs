//! The clients: closed or open loops that ask one node each, and record what became of it.

mod latency;
mod pace;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use splitbrain_checker::history::{Action, Answer, NodeName, Outcome, ProcessId, ReadModeId};
use tokio::sync::watch;
use tokio::time;

pub use latency::{Latencies, Quantiles};
pub use pace::Pace;

use crate::record::{OpStart, Pen};
use crate::workload::{Completion, Generator, Placement, Request, Thread};

/// How long a client rests after its node refused it or was not there. Without a rest a node that refuses in
/// microseconds would fill the history with fails.
const REST_MIN: Duration = Duration::from_millis(25);
/// Rests double up to this, so that a node that is back is noticed soon.
const REST_MAX: Duration = Duration::from_millis(200);

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// How it ended, by the table of error codes.
    pub outcome: Outcome,
    /// What the answer said.
    pub answer: Answer,
    /// Whether the node refused or could not be reached: a rest before the next call is due.
    pub refused: bool,
    /// Whether the session is over. What a node promises to a session, it promises for its present life only, so
    /// the next op belongs to another process.
    pub session_over: bool,
}

/// Asks one node. A call never fails: an error is an outcome.
pub trait Caller: Send {
    /// Asks, and waits for the answer within the caller's own time limit.
    fn call(&mut self, request: &Request) -> impl Future<Output = Called> + Send;
}

/// What all clients of a run share.
pub struct Load {
    /// Where events go.
    pub pen: Pen,
    /// What to ask.
    pub generator: Mutex<Box<dyn Generator>>,
    /// When to ask.
    pub pace: Pace,
    /// How long it took.
    pub latencies: Mutex<Latencies>,
    /// How many client threads there are: what a retired process's number grows by.
    pub concurrency: usize,
}

impl Load {
    fn generator(&self) -> MutexGuard<'_, Box<dyn Generator>> {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latencies so far.
    pub fn latencies(&self) -> MutexGuard<'_, Latencies> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread of load.
pub struct Client<C> {
    thread: Thread,
    placement: Placement,
    process: ProcessId,
    caller: C,
    load: Arc<Load>,
    rest: Duration,
}

impl<C: Caller> Client<C> {
    /// A client that has asked nothing yet.
    pub fn new(thread: Thread, placement: Placement, caller: C, load: Arc<Load>) -> Self {
        Self {
            thread,
            placement,
            process: ProcessId(thread.0 as u64),
            caller,
            load,
            rest: REST_MIN,
        }
    }

    /// Asks until `stop` says true. An op that is open then is awaited, so that it gets its outcome.
    ///
    /// # Errors
    /// If the history can no longer be written.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> io::Result<()> {
        loop {
            let due_ns = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                due_ns = self.load.pace.next_due() => due_ns,
            };
            if self.call(due_ns).await?.refused {
                // Whether the rest ends by itself or by the stop, the loop looks at the stop next.
                let _ = time::timeout(self.rest, stop.wait_for(|stop| *stop)).await;
                self.rest = (self.rest * 2).min(REST_MAX);
            } else {
                self.rest = REST_MIN;
            }
        }
    }

    /// One op. `due_ns` is when it arrived in the open loop, from where its latency counts.
    async fn call(&mut self, due_ns: Option<u64>) -> io::Result<Called> {
        let load = Arc::clone(&self.load);
        let request = load.generator().next(self.thread, load.pen.clock().now_ns());
        let op = self.op(&request);
        let invoked_ns = load.pen.invoke(&op)?;
        let called = self.caller.call(&request).await;
        let completed_ns = match called.outcome {
            Outcome::Ok => load.pen.ok(&op, called.answer)?,
            Outcome::Fail => load.pen.fail(&op, called.answer)?,
            Outcome::Info => load.pen.info(&op, called.answer)?,
        };
        let completion = Completion {
            request,
            outcome: called.outcome,
            observed: called.answer.observed,
        };
        load.generator().observe(self.thread, &completion);
        if called.outcome == Outcome::Ok {
            let read_mode = (request.action == Action::Read).then_some(self.placement.read_mode);
            load.latencies()
                .record(read_mode, due_ns.unwrap_or(invoked_ns), invoked_ns, completed_ns);
        }
        if called.outcome == Outcome::Info || called.session_over {
            self.process.0 += load.concurrency as u64;
        }
        Ok(called)
    }

    fn op(&self, request: &Request) -> OpStart {
        OpStart {
            process: self.process,
            key: request.key,
            action: request.action,
            read_mode: ReadModeId(self.placement.read_mode as u8),
            node: NodeName(self.placement.node as u16),
        }
    }
}
