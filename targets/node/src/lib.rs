//! The shell that hosts any sans-io [`Protocol`](splitbrain_consensus::Protocol) as one OS process.
//!
//! ```text
//!  clients ──lines──▶ clients ─┐                        ┌─▶ peers::Outbound ──frames──▶ other nodes
//!                              ├─▶ host: clock, core, ──┤
//!  other nodes ─▶ peers::Inbound   state machine        └─▶ wal::Writer (a thread) ──▶ disk
//!                              ▲                               │
//!                              └──────── persisted ────────────┘
//! ```
//!
//! One task owns the core and the state machine, so neither needs a lock; everything else hands it inputs and
//! takes its outputs. What the host owes a core is listed at the head of the contract (`splitbrain_consensus`);
//! `host` says where each duty is met.
//!
//! The shell knows no protocol: `protocols` maps a name to a type, and that is all. It does not know the harness
//! either, nor namespaces nor faults. It trusts its network to be one of nodes that it was told of: there is no
//! authentication and no encryption.

mod args;
mod clients;
mod clock;
mod clock_control;
mod data_dir;
mod host;
mod peers;
mod pending;
mod protocols;
mod serve;
pub mod wal;

pub use args::NodeArgs;
pub use clock::{ClockRate, ShellClock};
pub use data_dir::{DataDir, DataDirError};
pub use protocols::Hosted;
pub use serve::{Config, NodeError, Sockets, main, run, serve};
