//! ZAB: the atomic broadcast of ZooKeeper, by a primary whose order of transactions everybody keeps.
//!
//! Flavio Junqueira, Benjamin Reed and Marco Serafini, *Zab: High-performance broadcast for primary-backup systems*
//! (DSN 2011), cited here as the DSN paper; and André Medeiros, *ZooKeeper's atomic broadcast protocol: theory and
//! practice* (2012), which describes what ZooKeeper really does.
//!
//! A server that knows no leader *looks* for one: fast leader election finds the server with the latest history of
//! a quorum. In *discovery* that server asks a quorum what epochs they have accepted, and lets them accept a
//! later one, so that no earlier leader can reach a quorum any more. In *synchronization* it brings the others to its
//! own history; with a quorum it is *established*, and that history is committed. In *broadcast* it gives each
//! transaction a zxid of its epoch, proposes it, and commits it when a quorum has logged it. Followers and observers
//! pass their clients' writes on to it, and answer reads themselves.
//!
//! Where ZooKeeper and the papers differ, or are silent, this is what is done here:
//! - a learner gathers the leader's history and takes it over in one step, together with the epoch, as the DSN paper
//!   has it; ZooKeeper logs as it receives;
//! - an `Ack` vouches for everything up to its zxid, and a `Commit` commits everything up to its own: one sync of the
//!   disk serves many proposals;
//! - the leader's own log counts like a follower's, and must hold what it commits; only what is durable on a server is
//!   applied there;
//! - a restarted server applies its log only when it is up to date with a leader; ZooKeeper loads all of it at once, and
//!   can do so because it, too, serves nobody until then;
//! - a leader that hears of a later accepted epoch than its own steps down, since that server could never join it;
//! - channels are built on a network that loses, repeats and reorders (`channel.rs`); a connection ends by `Reset`, as
//!   TCP's would, or by silence;
//! - learners have a limit of their own for that silence ([`Options::learner_limit_ticks`]);
//! - a snapshot for a learner is the last one taken, not the state of the moment.
//!
//! What is left out: dynamic reconfiguration; hierarchical and weighted quorums; authentication; session timeouts and
//! ephemeral state (a session is a client's order of requests and the last zxid that it saw, see
//! [`splitbrain_consensus::Protocol::admits`]); throttling; reading the transaction log from disk for a `Diff` further
//! back than what is in memory.
//!
//! A session's requests are given to the core one at a time, in their order, by the shell. So each client sees its own
//! writes, and since a server's state only ever moves forward, also across its restarts, never goes back.
//!
//! The layout: `state.rs` has the states and their changes; `election.rs`, `learner.rs`, `leader.rs` and
//! `synchronization.rs` the protocol proper; `requests.rs` the clients; `zab.rs` the state and what all of them use;
//! `mutants.rs` the planted bugs.

pub mod channel;
mod durable;
mod election;
mod inspect;
mod leader;
mod learner;
mod log;
pub mod message;
mod mutants;
mod options;
mod protocol;
mod reads;
mod requests;
mod snapshot;
mod state;
mod synchronization;
mod zab;

pub use mutants::{MUTANTS, Mutant, UnknownMutant};
pub use options::{OptionError, Options};
pub use reads::{ReadMode, UnknownReadMode};
pub use zab::Zab;
