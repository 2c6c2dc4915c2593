//! How stale reads were: provable lower bounds, in versions and in time, in O(n log n).
//!
//! After Golab, Li and Shah, "Analyzing consistency properties for fun and profit" (PODC 2011): a read is at
//! least as stale as the oldest newer value that some op had *exhibited* (written or returned) when the read was
//! invoked. Values are ordered by their versions where ops report them; else, where values are unique, by real
//! time: a value is newer than another if its write was invoked after that other one had been exhibited.

mod summary;
mod values;
mod versions;

pub use summary::StalenessSummary;

use crate::history::{Action, History, NodeName, OpIndex, Outcome, ReadModeId};
use crate::ledger::{Ledger, Unwritten, by_key, observed, written};

/// What was found about one ok read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadStaleness {
    /// The read.
    pub op: OpIndex,
    /// Its read mode.
    pub read_mode: Option<ReadModeId>,
    /// The node that served it.
    pub served_by: Option<NodeName>,
    /// When it was invoked, nanoseconds on the history's clock.
    pub invoked_ns: u64,
    /// How many newer values of its key had certainly been exhibited before it was invoked, at least.
    pub versions_behind: u64,
    /// How long before its invocation the first of them had been exhibited, at least, in nanoseconds. 0 iff the
    /// read is not provably stale.
    pub behind_ns: u64,
    /// Whether it saw what it cannot have seen; then it is not called stale.
    pub anomaly: Option<ReadAnomaly>,
}

/// A read of what was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadAnomaly {
    /// A value whose every write was invoked after the read had returned.
    Future,
    /// A value that nobody wrote, or only writes that definitely failed.
    Phantom,
}

/// What was found about all ok reads of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// The reads that could be judged, in the order of their invocation.
    pub reads: Vec<ReadStaleness>,
    /// Ok reads that could not be judged: their key has values that were written twice, and no versions.
    pub unjudged: u64,
}

/// Measures every ok read of `history`. Reads of all read modes and all writes are evidence of what was there: to
/// measure one read mode by its own reads alone, pass [`History::for_read_mode`].
#[must_use]
pub fn staleness(history: &History) -> Staleness {
    let ledger = Ledger::new(history);
    let mut found = Staleness::default();
    for (_, positions) in by_key(history) {
        let key = KeyReads::new(&ledger, &positions);
        let has_versions = positions.iter().any(|p| ledger.op(*p).version.is_some());
        if has_versions {
            versions::measure(&key, &mut found);
        } else if key.has_unique_values() {
            values::measure(&key, &mut found);
        } else {
            found.unjudged += key.reads().count() as u64;
        }
    }
    found.reads.sort_unstable_by_key(|read| read.op);
    found
}

/// The most versions that any read among these ops, all of one key with unique values, is provably behind whatever
/// the order of its writes was: by real time alone, not by versions.
pub(crate) fn versions_behind_max(ledger: &Ledger<'_>, positions: &[u32]) -> u64 {
    let mut found = Staleness::default();
    values::measure(&KeyReads::new(ledger, positions), &mut found);
    let behind = found.reads.iter().map(|read| read.versions_behind);
    behind.max().unwrap_or(0)
}

/// The ops of one key.
struct KeyReads<'a> {
    ledger: &'a Ledger<'a>,
    positions: &'a [u32],
}

impl<'a> KeyReads<'a> {
    fn new(ledger: &'a Ledger<'a>, positions: &'a [u32]) -> Self {
        Self { ledger, positions }
    }

    fn has_unique_values(&self) -> bool {
        self.positions.iter().map(|p| self.ledger.op(*p)).all(|op| {
            let writers = written(op).and_then(|value| self.ledger.writers(op.key, value));
            writers.is_none_or(|writers| writers.count == 1)
        })
    }

    /// Positions of the ok reads.
    fn reads(&self) -> impl Iterator<Item = u32> {
        let is_read = |p: &u32| {
            let op = self.ledger.op(*p);
            op.action == Action::Read && op.outcome == Outcome::Ok && op.observed.is_some()
        };
        self.positions.iter().copied().filter(is_read)
    }

    fn anomaly(&self, position: u32) -> Option<ReadAnomaly> {
        let op = self.ledger.op(position);
        match self.ledger.unwritten(op, observed(op)?)? {
            Unwritten::Phantom => Some(ReadAnomaly::Phantom),
            Unwritten::Future => Some(ReadAnomaly::Future),
        }
    }

    fn finding(&self, position: u32, versions_behind: u64, behind_ns: u64) -> ReadStaleness {
        let op = self.ledger.op(position);
        ReadStaleness {
            op: self.ledger.history.index_of(position as usize),
            read_mode: op.read_mode,
            served_by: op.served_by,
            invoked_ns: op.invoked_ns,
            versions_behind,
            behind_ns,
            anomaly: self.anomaly(position),
        }
    }
}
