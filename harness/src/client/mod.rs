//! The clients: closed or open loops that ask one node each, and record what became of it.

mod latency;
mod pace;
mod session;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use splitbrain_checker::history::{Action, Answer, NodeName, Outcome, ProcessId, ReadModeId};
use tokio::sync::watch;
use tokio::time;

pub use latency::{Latencies, Quantiles};
pub use pace::Pace;
pub use session::{Movement, NodeSession, SessionSetup};

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

/// Asks one node at a time. A call never fails: an error is an outcome.
pub trait Caller: Send {
    /// The node that the next call asks, as an index into the run's nodes.
    fn node(&self) -> usize;

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
            let asked_at = time::Instant::now();
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
                if let (true, Pace::Closed { reader_interval }) = (self.placement.reader, &self.load.pace) {
                    let next = asked_at + *reader_interval;
                    let _ = time::timeout_at(next, stop.wait_for(|stop| *stop)).await;
                }
            }
        }
    }

    /// One op. `due_ns` is when it arrived in the open loop, from where its latency counts.
    async fn call(&mut self, due_ns: Option<u64>) -> io::Result<Called> {
        let load = Arc::clone(&self.load);
        let request = load
            .generator()
            .next(self.thread, self.placement.reader, load.pen.clock().now_ns());
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
            node: NodeName(self.caller.node() as u16),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use splitbrain_checker::history::{Header, History, Op, read_native_file};

    use super::*;
    use crate::record::{Clock, Recorder};
    use crate::workload::{Mix, Workload};

    /// Answers by a script, and asks the client to stop with its last line.
    struct Scripted {
        script: VecDeque<(Outcome, bool)>,
        stop: watch::Sender<bool>,
    }

    impl Caller for Scripted {
        fn node(&self) -> usize {
            0
        }

        async fn call(&mut self, request: &Request) -> Called {
            let (outcome, session_over) = self.script.pop_front().expect("a client that stopped in time");
            if self.script.is_empty() {
                self.stop.send_replace(true);
            }
            let is_ok_read = outcome == Outcome::Ok && request.action == Action::Read;
            let answer = Answer {
                observed: is_ok_read.then_some(None),
                ..Answer::default()
            };
            Called {
                outcome,
                answer,
                refused: false,
                session_over,
            }
        }
    }

    async fn play(script: &[(Outcome, bool)]) -> History {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let header = Header {
            nodes: vec!["n1".into()],
            read_modes: vec!["log".into()],
            ..Header::default()
        };
        let recorder = Recorder::create(&path, &header, Clock::start()).unwrap();
        let workload = Workload::named("register").unwrap();
        let load = Arc::new(Load {
            pen: recorder.pen(),
            generator: Mutex::new(workload.generator(&Mix::default(), 1)),
            pace: Pace::Closed {
                reader_interval: Duration::ZERO,
            },
            latencies: Mutex::new(Latencies::new(1)),
            concurrency: 10,
        });
        let (stop, stopped) = watch::channel(false);
        let caller = Scripted {
            script: script.iter().copied().collect(),
            stop,
        };
        let place = Placement {
            node: 0,
            read_mode: 0,
            reader: false,
        };
        Client::new(Thread(3), place, caller, load)
            .run(stopped)
            .await
            .unwrap();
        recorder.finish().unwrap();
        read_native_file(&path).unwrap().history
    }

    fn processes(history: &History) -> Vec<u64> {
        history.ops.iter().map(|op: &Op| op.process.0).collect()
    }

    #[tokio::test]
    async fn an_op_of_unknown_outcome_retires_its_process() {
        use Outcome::{Fail, Info, Ok};
        let history = play(&[
            (Ok, false),
            (Info, false),
            (Fail, false),
            (Info, true),
            (Ok, false),
        ])
        .await;
        assert_eq!(processes(&history), [3, 3, 13, 13, 23]);
    }

    #[tokio::test]
    async fn the_end_of_a_session_retires_its_process_whatever_the_outcome() {
        use Outcome::{Fail, Ok};
        let history = play(&[(Fail, true), (Ok, false), (Ok, true), (Ok, false)]).await;
        assert_eq!(processes(&history), [3, 13, 13, 23]);
    }

    #[tokio::test]
    async fn the_op_that_is_open_at_the_stop_gets_its_outcome() {
        let history = play(&[(Outcome::Ok, false)]).await;
        assert_eq!(history.ops.len(), 1);
        assert_eq!(history.ops[0].outcome, Outcome::Ok);
    }
}
