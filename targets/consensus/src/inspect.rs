//! What the simulator's invariants may see of a core. Hosts in production have no use for it.

use crate::{NodeId, Version};

/// An entry of a log, as far as invariants compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryView {
    /// The term or epoch of its creation.
    pub term: u64,
    /// Its place in the total order.
    pub version: Version,
    /// A digest of all that it carries.
    pub digest: u64,
}

/// What a node has promised to candidates or leaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The latest term or epoch that it heeds.
    pub term: u64,
    /// Whether it may have been given, or may be about to be, to another node.
    pub to_another: bool,
}

/// The words in which a protocol's invariants are told, and which of them hold for it at all.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// `term`, or `epoch`.
    pub term: &'static str,
    /// `entry`, or `transaction`.
    pub entry: &'static str,
    /// A place in the total order: `index 7`.
    pub place: fn(Version) -> String,
    /// `elected`, or `established`.
    pub elected: &'static str,
    /// The name of: at most one leader in each term.
    pub one_leader: &'static str,
    /// The name of: logs that hold the same entry are equal up to there.
    pub log_matching: &'static str,
    /// The name of: what was committed is in the log of every later leader.
    pub leader_completeness: &'static str,
    /// The name of: no two nodes commit or apply different things at one place.
    pub agreement: &'static str,
    /// Whether logs hold only what the leader of its term broadcast, in its order, and terms in theirs.
    pub has_primary_order: bool,
}

/// A core that can be looked into. A *position* counts the entries of its log from the beginning of history, from 1:
/// unlike versions, positions have no gaps.
pub trait Inspect {
    /// How its invariants are told.
    const WORDS: Words;
    /// The entry at `position`, if the log still holds it.
    fn entry(&self, position: u64) -> Option<EntryView>;
    /// The position before the first entry that the log still holds.
    fn base(&self) -> u64;
    /// The position up to which everything is known to be committed.
    fn committed(&self) -> u64;
    /// The position of the last entry.
    fn last(&self) -> u64;
    /// What it has promised.
    fn promise(&self) -> Promise;
    /// The voting members in force.
    fn voters(&self) -> Vec<NodeId>;
}
