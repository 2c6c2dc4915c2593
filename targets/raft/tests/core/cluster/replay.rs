//! What a reader of the records alone would conclude: term, vote, snapshot and log. Written apart from the core,
//! so that the two can be compared.

use std::collections::BTreeMap;

use splitbrain_consensus::sim::invariants::digest;
use splitbrain_consensus::{Inspect, NodeId, Protocol};
use splitbrain_raft::Raft;
use splitbrain_raft::message::{Entry, Record, Snapshot};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Replayed {
    pub(crate) term: u64,
    pub(crate) voted_for: Option<NodeId>,
    pub(crate) snapshot: Option<Snapshot>,
    /// The entries after the snapshot, by index.
    pub(crate) entries: BTreeMap<u64, Entry>,
}

impl Replayed {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut replayed = Self::default();
        for record in records {
            match record {
                Record::Vote { term, voted_for } => {
                    (replayed.term, replayed.voted_for) = (term.0, *voted_for);
                }
                Record::Entry(entry) => {
                    replayed.entries.split_off(&entry.index.0);
                    replayed.entries.insert(entry.index.0, entry.clone());
                }
                Record::Snapshot(snapshot) => {
                    replayed.entries = replayed.entries.split_off(&(snapshot.last.index.0 + 1));
                    replayed.snapshot = Some(snapshot.clone());
                }
            }
        }
        replayed
    }

    pub(crate) fn snapshot_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index.0)
    }

    pub(crate) fn last_index(&self) -> u64 {
        let last = self.entries.last_key_value().map(|(index, _)| *index);
        last.unwrap_or(self.snapshot_index())
    }

    /// Panics unless the core's memory is what its records say: they are all that a restart would leave.
    pub(crate) fn assert_equals(&self, core: &Raft) {
        let status = core.status();
        assert_eq!(status.term, self.term, "the term in memory and on disk");
        assert_eq!(status.last.0, self.last_index(), "the end of the log");
        for (index, entry) in &self.entries {
            let view = core.entry(*index).expect("an entry on disk is in memory");
            assert_eq!(
                (view.term, view.digest),
                (entry.term.0, digest(entry)),
                "entry {index}"
            );
        }
    }
}
