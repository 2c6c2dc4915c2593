//! State machine safety: no two nodes commit or apply different entries at one place (Raft §5.4.3); ZAB calls it
//! agreement and total order.

use std::ops::RangeInclusive;

use rustc_hash::FxHashMap;

use super::{Broken, Committed, CommittedEntry};
use crate::{EntryView, NodeId, Version, Words};

#[derive(Debug)]
pub(super) struct StateMachineSafety {
    words: Words,
    applied: FxHashMap<Version, u64>,
    /// By version: a digest of the whole state after it.
    states: FxHashMap<Version, u64>,
}

impl StateMachineSafety {
    pub(super) fn new(words: Words) -> Self {
        Self {
            words,
            applied: FxHashMap::default(),
            states: FxHashMap::default(),
        }
    }

    /// A node in `term` knows more to be committed than before, at the positions `news`. The first to know is the
    /// leader that committed it, in its term.
    pub(super) fn committed(
        &self,
        node: NodeId,
        term: u64,
        news: RangeInclusive<u64>,
        log: &[EntryView],
        committed: &mut Committed,
    ) -> Result<(), Broken> {
        for position in news {
            let held = usize::try_from(position - 1).ok().and_then(|at| log.get(at));
            // What came with a snapshot was never seen in this log.
            let Some(view) = held.copied().filter(|view| view.term != 0) else {
                continue;
            };
            match committed.get(position) {
                None if position == committed.last() + 1 => {
                    committed.entries.push(CommittedEntry { view, in_term: term });
                }
                None => {}
                Some(known) if known.view == view => {}
                Some(known) => {
                    let Words {
                        entry: noun,
                        term: of,
                        place,
                        ..
                    } = self.words;
                    return self.broken(format!(
                        "{node} committed an {noun} of {of} {} at {}, where one of {of} {} at {} was committed before",
                        view.term,
                        place(view.version),
                        known.view.term,
                        place(known.view.version)
                    ));
                }
            }
        }
        Ok(())
    }

    /// A node's state at some version, as it was taken or is restored.
    pub(super) fn state_at(&mut self, node: NodeId, version: Version, digest: u64) -> Result<(), Broken> {
        if *self.states.entry(version).or_insert(digest) == digest {
            return Ok(());
        }
        let place = (self.words.place)(version);
        self.broken(format!(
            "{node} has a snapshot at {place} that differs from another of the same place"
        ))
    }

    pub(super) fn applied(&mut self, node: NodeId, version: Version, digest: u64) -> Result<(), Broken> {
        if *self.applied.entry(version).or_insert(digest) == digest {
            return Ok(());
        }
        let place = (self.words.place)(version);
        self.broken(format!(
            "{node} applied at {place} another command than was applied there before"
        ))
    }

    fn broken(&self, what: String) -> Result<(), Broken> {
        Err(Broken {
            invariant: self.words.agreement,
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::invariants::WORDS;

    #[test]
    fn what_is_committed_once_is_committed_for_all() {
        let view = |digest| EntryView {
            term: 1,
            version: Version(digest),
            digest,
        };
        let (invariant, mut committed) = (StateMachineSafety::new(WORDS), Committed::default());
        let mut commit = |node, log: &[EntryView], up_to| {
            invariant.committed(NodeId(node), 1, 1..=up_to, log, &mut committed)
        };
        assert!(commit(1, &[view(7), view(8)], 2).is_ok());
        assert!(commit(2, &[view(7), view(9)], 1).is_ok());
        assert!(commit(2, &[view(7), view(9)], 2).is_err());
    }

    #[test]
    fn what_is_applied_once_is_applied_by_all() {
        let mut invariant = StateMachineSafety::new(WORDS);
        assert!(invariant.applied(NodeId(1), Version(3), 7).is_ok());
        assert!(invariant.applied(NodeId(2), Version(3), 7).is_ok());
        assert!(invariant.applied(NodeId(2), Version(3), 8).is_err());
    }
}
