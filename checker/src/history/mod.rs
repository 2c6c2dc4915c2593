//! The history of one run: operations with their intervals, outcomes and values.

mod types;

pub use types::{
    Action, History, Key, NodeName, Op, OpIndex, Outcome, ProcessId, ReadModeId, Value, Version,
};
