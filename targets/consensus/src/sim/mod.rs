//! A deterministic simulator: a whole cluster with its network, disks, clocks and clients in one thread, under
//! virtual time. All that is random comes from one seed, so a failing seed fails again, byte for byte.
//!
//! A run has two phases (as TigerBeetle's simulator does). In the *safety* phase messages are delayed, lost,
//! repeated and overtaken, nodes crash and forget what was not synced, pause, and run on clocks of their own,
//! and the network is cut; [`invariants`] are checked after every step. Then everything heals, and in the
//! *liveness* phase every client must be served again.
//!
//! The clients are the caller's ([`Clients`]): it generates their requests and judges their history.

mod clients;
mod clock;
mod config;
mod disk;
mod faults;
mod host;
pub mod invariants;
mod network;
mod node;
mod queue;
mod serve;
mod strike;
mod trace;
mod world;

pub use clients::{ClientOutcome, ClientRequest, Clients};
pub use config::SimConfig;
pub use faults::{FaultKind, FaultRecord, Nemesis, PlannedFault, plan_faults};
pub use network::NetworkConditions;
pub use world::{Failure, Outcome, Simulated, Stats, simulate};
