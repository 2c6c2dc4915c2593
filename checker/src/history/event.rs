//! Events: what a recorder sees, one at a time. Two of them, an invocation and its completion, make an [`Op`].
//!
//! [`Op`]: super::Op

use serde::{Deserialize, Serialize};

use super::{Action, Key, NodeName, ProcessId, ReadModeId, Value, Version};

/// What the ids in the events of one history stand for, and which model its ops belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The data type of each key.
    pub model: DataModel,
    /// The names of the nodes; [`NodeName`] points into it.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// The names of the read modes; [`ReadModeId`] points into it.
    #[serde(default)]
    pub read_modes: Vec<String>,
}

/// The data type that the ops of a history act on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataModel {
    /// Read and write.
    Register,
    /// Read, write, and compare-and-set.
    #[default]
    CasRegister,
}

impl DataModel {
    /// Its name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::CasRegister => "cas-register",
        }
    }
}

/// One event. Times are nanoseconds on the recorder's one monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was recorded: before the request could leave, or after the answer had arrived.
    pub time_ns: u64,
    /// Whose op it is. A process has at most one op open.
    pub process: ProcessId,
    /// The register asked.
    pub key: Key,
    /// What was asked, on the invocation and again on the completion.
    pub action: Action,
    /// Which of the four events it is.
    pub kind: EventKind,
}

/// The four kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The op begins.
    Invoke {
        /// The read mode of the process, if the system has several.
        read_mode: Option<ReadModeId>,
        /// The node that the client talks to.
        node: Option<NodeName>,
    },
    /// The op happened. An ok read must carry what it observed.
    Ok(Answer),
    /// The op definitely did not happen.
    Fail(Answer),
    /// Nobody knows whether it happened. The process must not be used again.
    Info(Answer),
}

/// What a completion says beyond its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What an ok read returned, or the value that a failed cas found; the inner `None` is nil.
    pub observed: Option<Option<Value>>,
    /// The version of the write, or of the value observed.
    pub version: Option<Version>,
    /// The node that served the op.
    pub served_by: Option<NodeName>,
    /// The term or epoch of that node.
    pub term: Option<u64>,
    /// The error code.
    pub error: Option<u16>,
}
