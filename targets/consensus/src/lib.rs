//! The sans-io contract that every bundled protocol implements.
//!
//! A protocol core is a deterministic state machine. It does no I/O, reads no clock and draws no entropy of the
//! operating system: it is told the time, given messages and requests, and asked for its [`Ready`] outputs. The
//! same core therefore runs in an OS process (`splitbrain-node`) and under virtual time (the simulator).

mod contract;
mod inspect;
mod planted;
pub mod quorum;
pub mod sim;
mod types;

pub use contract::{Effect, Outgoing, Protocol, Ready, Setup, StateMachine};
pub use inspect::{EntryView, Inspect, Promise, Words};
pub use planted::Planted;
pub use types::{CatchUp, Incarnation, NodeId, Refusal, RequestId, Role, Status, Time, Version};
