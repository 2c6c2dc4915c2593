//! What the harness knows of a system under test: how to start a node of it, how to talk to one, and what each of
//! its read modes claims.
//!
//! A [`System`] is a description and nothing more: it starts no process and holds no connection. The harness
//! starts what [`System::node_command`] returns, wherever it likes, and talks to it over a [`ClientConn`].
//!
//! What this does not know: sandboxes, faults, histories, checkers. A claim is a name here; the checker decides
//! whether it was kept.

mod client;
mod raft;
mod raft_mutants;
mod registry;
mod system;
mod zab;
mod zab_mutants;

pub use client::{Call, ClientConn, Completion, NodeStatus, StatusError, status};
pub use raft::Raft;
pub use registry::systems;
pub use system::{
    Asked, CLIENT_PORT, MutantInfo, NodeAddrs, NodeSpec, PEER_PORT, ReadModeInfo, System, Venue,
};
pub use zab::Zab;
