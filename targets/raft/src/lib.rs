//! Raft: consensus by a strong leader and a replicated log.
//!
//! Diego Ongaro and John Ousterhout, *In Search of an Understandable Consensus Algorithm* (extended version,
//! 2014), cited here as §; and Diego Ongaro's thesis, *Consensus: Bridging Theory and Practice* (2014), cited as
//! thesis §.
//!
//! A cluster elects a leader for a *term* (§5.2). The leader alone appends to the log and replicates it (§5.3);
//! an entry of its own term that a quorum has on disk is *committed*, and with it all before (§5.4.2); committed
//! entries are applied in order. A candidate whose log lacks committed entries cannot win (§5.4.1), so whatever
//! was committed stays.
//!
//! What is here beyond the basic protocol:
//! - pre-vote (thesis §9.6), so that a node that was cut off does not disturb the term when it returns, and a
//!   leader's followers refuse to depose it while they hear from it (thesis §4.2.3);
//! - a leader without a quorum steps down (thesis §6.2), after a time that is a setting of its own;
//! - fast backtracking over whole terms (end of §5.3), and pipelined, batched replication (thesis §10.2): the
//!   leader writes to its disk and to its followers at the same time;
//! - snapshots, log compaction and `InstallSnapshot` in pieces (§7);
//! - membership change by joint consensus, new members catching up first (§6);
//! - leadership transfer (thesis §3.10);
//! - six ways to read ([`ReadMode`]; §8, thesis §6.4).
//!
//! What is left out: client sessions with exactly-once commands (§8; a request that a client repeats is another
//! request; one that the *network* repeats is not, see [`message::Message::Forward`]); adaptive timeouts; flow
//! control by bytes in flight; witnesses.
//!
//! Two refinements that the papers do not spell out, because leases and local reads depend on them: a node that
//! restarts refuses to vote for an election timeout, as it may have supported a lease in its earlier life; and
//! it refuses reads of local state until it has applied all that it may have applied before.
//!
//! The layout: `role.rs` has the roles and their changes; `election.rs`, `leader.rs` and `follower.rs` the
//! protocol proper; `snapshot.rs`, `membership.rs`, `transfer.rs`, `reads.rs` and `forward.rs` one addition each;
//! `raft.rs` the state and what all of them use; `mutants.rs` the planted bugs.

mod durable;
mod election;
mod follower;
mod forward;
mod inspect;
mod leader;
mod log;
mod membership;
pub mod message;
mod mutants;
mod options;
mod protocol;
mod raft;
mod reads;
mod role;
mod snapshot;
mod transfer;

pub use membership::Membership;
pub use mutants::{MUTANTS, Mutant, UnknownMutant};
pub use options::{OptionError, Options};
pub use raft::Raft;
pub use reads::{ReadMode, UnknownReadMode};
