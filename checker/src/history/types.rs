//! The types of a register history. An [`Op`] is a whole operation: an invocation with its completion, if any.

use std::fmt;

/// A key: an independent register. Locality lets each be checked on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

/// The value of a register. `None` in `Option<Value>` is nil: the register was never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub i64);

/// A logical client. After an op of unknown outcome its process is retired, and its thread goes on under the
/// number `process + concurrency`, so a process has at most one op open at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u64);

/// The position of an op's invocation among the invocations of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpIndex(pub u32);

/// The place of a value's write in the system's own total order: a Raft index or a zxid. 0 is "never written".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// An index into [`History::read_modes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadModeId(pub u8);

/// An index into [`History::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(pub u16);

/// What an op asks of its register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read the value.
    Read,
    /// Store `value`.
    Write {
        /// The value to store.
        value: Value,
    },
    /// Store `to` if the register holds `from`.
    Cas {
        /// The value expected.
        from: Value,
        /// The value to store.
        to: Value,
    },
}

/// How an op ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It happened, at some moment of its interval.
    Ok,
    /// It definitely did not happen. A failed cas that carries the value found is as good as a read of it.
    Fail,
    /// Nobody knows: it may have happened, may yet happen, or never will. Its interval has no end.
    Info,
}

/// One operation with its interval. All times are nanoseconds on the one monotonic clock of the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Who asked.
    pub process: ProcessId,
    /// Which register.
    pub key: Key,
    /// What was asked.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was invoked: before the request could leave.
    pub invoked_ns: u64,
    /// When it completed: after the answer had arrived. For `Info` the moment the client gave up, which bounds
    /// nothing; `None` where no completion was recorded.
    pub completed_ns: Option<u64>,
    /// `Some` where the op observed the register: an ok read, or a failed cas that carried the value found. The
    /// inner `None` is nil.
    pub observed: Option<Option<Value>>,
    /// The version of the write that is effective after this op (ok write or cas) or whose value was observed,
    /// where the system reported one.
    pub version: Option<Version>,
    /// The read mode of the process, on every op of it.
    pub read_mode: Option<ReadModeId>,
    /// The node that the client talks to.
    pub node: Option<NodeName>,
    /// The node that served the op, which differs from `node` when it was forwarded.
    pub served_by: Option<NodeName>,
    /// The term (Raft) or epoch (ZAB) that the serving node was in.
    pub term: Option<u64>,
    /// The error code of the answer (see the table of codes of the client protocol).
    pub error: Option<u16>,
}

/// A whole history, its ops in the order of their invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The ops.
    pub ops: Vec<Op>,
    /// Where this is a part of another history: the index that each op has there. Empty where it is a whole.
    pub origin: Vec<OpIndex>,
    /// The names of the read modes that [`Op::read_mode`] points into.
    pub read_modes: Vec<String>,
    /// The names of the nodes that [`Op::node`] points into.
    pub nodes: Vec<String>,
    /// Whether the times of the ops only number the events of a history that has none: they order these, and measure
    /// nothing.
    pub is_untimed: bool,
}

/// Algorithms take ops to be invoked, and to return, no later than this: what lies beyond is as good as simultaneous.
const TIME_MAX_NS: u64 = u64::MAX - 2;

/// An interval within the bounds of time that algorithms and validators take for granted: it ends no earlier than it
/// begins.
pub(crate) fn sane_interval(start_ns: u64, end_ns: Option<u64>) -> (u64, Option<u64>) {
    let start_ns = start_ns.min(TIME_MAX_NS);
    (start_ns, end_ns.map(|end| end.clamp(start_ns, TIME_MAX_NS)))
}

impl Op {
    /// When the op's interval ends, for the checker: its completion, or never for an op of unknown outcome.
    #[must_use]
    pub fn end_ns(&self) -> u64 {
        match self.outcome {
            Outcome::Info => u64::MAX,
            Outcome::Ok | Outcome::Fail => self.completed_ns.unwrap_or(u64::MAX),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Write { value } => write!(f, "write {value}"),
            Self::Cas { from, to } => write!(f, "cas {from} -> {to}"),
        }
    }
}

impl fmt::Display for OpIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
