//! Pairs events into ops. The only way by which a [`History`] should come to be: every rule that a history has
//! to obey is checked here, for files and for recorders in memory alike.

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::{
    Action, Answer, Event, EventKind, Header, History, NodeName, Op, OpIndex, Outcome, ProcessId, ReadModeId,
};

/// Why an event cannot follow the events before it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// A completion without an invocation.
    #[error("process {process} completes an op that it has not invoked")]
    NotInvoked {
        /// The process.
        process: ProcessId,
    },
    /// A second invocation while the first is open.
    #[error("process {process} invokes an op while its op {open} is still open")]
    StillOpen {
        /// The process.
        process: ProcessId,
        /// The op that is open, by its position among the invocations.
        open: u32,
    },
    /// An invocation by a process whose last op ended as `info`.
    #[error("process {process} invokes an op after its op {last} ended as info, which retires the process")]
    Retired {
        /// The process.
        process: ProcessId,
        /// The op of unknown outcome.
        last: u32,
    },
    /// An event earlier than the one before it.
    #[error("time goes backward, from {before} ns to {now} ns")]
    TimeBackward {
        /// The time of the event before.
        before: u64,
        /// The time of this event.
        now: u64,
    },
    /// A completion that repeats another op than was invoked.
    #[error("process {process} completes {completed}, but its open op {open} is {invoked}")]
    OtherOp {
        /// The process.
        process: ProcessId,
        /// The op that is open.
        open: u32,
        /// What was invoked.
        invoked: String,
        /// What the completion says.
        completed: String,
    },
    /// An ok read that does not say what it read.
    #[error("process {process} completes a read as ok without a value")]
    ReadWithoutValue {
        /// The process.
        process: ProcessId,
    },
    /// A completion that observed a value, though its op observes none.
    #[error(
        "process {process} observed a value by an op that observes none: only an ok read or a failed cas does"
    )]
    CannotObserve {
        /// The process.
        process: ProcessId,
    },
    /// More ops than an [`OpIndex`] can count.
    #[error("more than {} ops in one history", u32::MAX - 1)]
    TooManyOps,
}

#[derive(Clone, Copy, Debug)]
enum ProcessState {
    Idle,
    Open(u32),
    Retired(u32),
}

/// Builds a [`History`] from events in the order of their recording.
#[derive(Debug, Default)]
pub struct HistoryBuilder {
    history: History,
    processes: FxHashMap<ProcessId, ProcessState>,
    last_time_ns: u64,
}

impl HistoryBuilder {
    /// A builder without events; nodes and read modes are named by `header`.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let history = History {
            nodes: header.nodes.clone(),
            read_modes: header.read_modes.clone(),
            ..History::default()
        };
        Self {
            history,
            ..Self::default()
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// When the event cannot follow those before it; the builder is then as it was before.
    pub fn push(&mut self, event: &Event) -> Result<(), EventError> {
        if event.time_ns < self.last_time_ns {
            return Err(EventError::TimeBackward {
                before: self.last_time_ns,
                now: event.time_ns,
            });
        }
        match event.kind {
            EventKind::Invoke { read_mode, node } => self.invoke(event, read_mode, node)?,
            EventKind::Ok(answer) => self.complete(event, Outcome::Ok, answer)?,
            EventKind::Fail(answer) => self.complete(event, Outcome::Fail, answer)?,
            EventKind::Info(answer) => self.complete(event, Outcome::Info, answer)?,
        }
        self.last_time_ns = event.time_ns;
        Ok(())
    }

    /// The op that `process` has open, if any.
    #[must_use]
    pub fn open_op(&self, process: ProcessId) -> Option<&Op> {
        match self.processes.get(&process) {
            Some(ProcessState::Open(op)) => self.history.ops.get(*op as usize),
            _ => None,
        }
    }

    /// How many ops have been invoked so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.history.ops.len()
    }

    /// Whether no op has been invoked yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.history.ops.is_empty()
    }

    /// The history. Ops that were never completed have the outcome [`Outcome::Info`].
    #[must_use]
    pub fn finish(self) -> History {
        self.history
    }

    fn invoke(
        &mut self,
        event: &Event,
        read_mode: Option<ReadModeId>,
        node: Option<NodeName>,
    ) -> Result<(), EventError> {
        let process = event.process;
        let next = u32::try_from(self.history.ops.len())
            .ok()
            .filter(|n| *n < u32::MAX);
        let next = next.ok_or(EventError::TooManyOps)?;
        let state = self.processes.entry(process).or_insert(ProcessState::Idle);
        match *state {
            ProcessState::Idle => *state = ProcessState::Open(next),
            ProcessState::Open(open) => return Err(EventError::StillOpen { process, open }),
            ProcessState::Retired(last) => return Err(EventError::Retired { process, last }),
        }
        self.history.ops.push(Op {
            process,
            key: event.key,
            action: event.action,
            outcome: Outcome::Info,
            invoked_ns: event.time_ns,
            completed_ns: None,
            observed: None,
            version: None,
            read_mode,
            node,
            served_by: None,
            term: None,
            error: None,
        });
        Ok(())
    }

    fn complete(&mut self, event: &Event, outcome: Outcome, answer: Answer) -> Result<(), EventError> {
        let process = event.process;
        let Some(state) = self.processes.get_mut(&process) else {
            return Err(EventError::NotInvoked { process });
        };
        let ProcessState::Open(open) = *state else {
            return Err(EventError::NotInvoked { process });
        };
        let op = &mut self.history.ops[open as usize];
        if op.action != event.action || op.key != event.key {
            let invoked = format!("{} of key {}", op.action, op.key);
            let completed = format!("{} of key {}", event.action, event.key);
            return Err(EventError::OtherOp {
                process,
                open,
                invoked,
                completed,
            });
        }
        match (op.action, outcome, answer.observed) {
            (Action::Read, Outcome::Ok, None) => return Err(EventError::ReadWithoutValue { process }),
            (Action::Read, Outcome::Ok, Some(_))
            | (Action::Cas { .. }, Outcome::Fail, Some(_))
            | (_, _, None) => {}
            (_, _, Some(_)) => return Err(EventError::CannotObserve { process }),
        }
        op.outcome = outcome;
        op.completed_ns = Some(event.time_ns);
        op.observed = answer.observed;
        op.version = answer.version;
        op.served_by = answer.served_by;
        op.term = answer.term;
        op.error = answer.error;
        *state = if outcome == Outcome::Info {
            ProcessState::Retired(open)
        } else {
            ProcessState::Idle
        };
        Ok(())
    }
}

impl History {
    /// All writes and cas of all processes, and of the reads only those of `mode`. Dropping reads cannot turn a
    /// linearizable history into one that is not, nor hide a violation among the ops that stay: so each read
    /// mode of one run can be judged on its own. Ops keep their [`OpIndex`] of this history.
    #[must_use]
    pub fn for_read_mode(&self, mode: ReadModeId) -> Self {
        self.filter(|op| op.action != Action::Read || op.read_mode == Some(mode))
    }

    /// The ops for which `keep` holds, under the indices that they have in this history.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&Op) -> bool) -> Self {
        let kept = self.ops.iter().enumerate().filter(|(_, op)| keep(op));
        let (origin, ops) = kept.map(|(i, op)| (self.index_of(i), op.clone())).unzip();
        Self {
            ops,
            origin,
            read_modes: self.read_modes.clone(),
            nodes: self.nodes.clone(),
            is_untimed: self.is_untimed,
        }
    }

    /// The position in [`History::ops`] of the op that has this index in the history that was recorded. It must be one
    /// of this history's.
    pub(crate) fn position_of(&self, index: OpIndex) -> u32 {
        let found = self.origin.binary_search(&index);
        found.map_or(index.0, |position| u32::try_from(position).unwrap_or(index.0))
    }

    /// The index of the op at `position` of [`History::ops`], in the history that was recorded.
    #[must_use]
    pub fn index_of(&self, position: usize) -> OpIndex {
        let own = || OpIndex(u32::try_from(position).unwrap_or(u32::MAX));
        self.origin.get(position).copied().unwrap_or_else(own)
    }
}
