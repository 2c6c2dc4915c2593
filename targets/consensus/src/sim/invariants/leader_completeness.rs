//! Leader completeness: an entry committed in some term is in the log of the leader of every later term (Raft
//! §5.4).

use super::{Broken, Committed};
use crate::{Inspect, NodeId, Words};

#[derive(Debug)]
pub(super) struct LeaderCompleteness {
    words: Words,
}

impl LeaderCompleteness {
    pub(super) fn new(words: Words) -> Self {
        Self { words }
    }

    pub(super) fn elected<C: Inspect>(
        &self,
        node: NodeId,
        term: u64,
        core: &C,
        committed: &Committed,
    ) -> Result<(), Broken> {
        // What the new leader has compacted was committed, and was compared when it was.
        for position in core.base() + 1..=committed.last() {
            let Some(entry) = committed.get(position) else {
                continue;
            };
            if entry.in_term >= term || core.entry(position) == Some(entry.view) {
                continue;
            }
            let Words {
                entry: noun,
                term: of,
                place,
                ..
            } = self.words;
            let what = format!(
                "{node} leads {of} {term} without the {noun} at {}, committed in {of} {}",
                place(entry.view.version),
                entry.in_term
            );
            return Err(Broken {
                invariant: self.words.leader_completeness,
                what,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::invariants::{CommittedEntry, WORDS};
    use crate::{EntryView, Promise, Version};

    struct Log(Vec<EntryView>);

    impl Inspect for Log {
        const WORDS: Words = WORDS;
        fn entry(&self, position: u64) -> Option<EntryView> {
            self.0.get(usize::try_from(position).ok()? - 1).copied()
        }
        fn base(&self) -> u64 {
            0
        }
        fn committed(&self) -> u64 {
            0
        }
        fn last(&self) -> u64 {
            self.0.len() as u64
        }
        fn promise(&self) -> Promise {
            Promise {
                term: 0,
                to_another: false,
            }
        }
        fn voters(&self) -> Vec<NodeId> {
            Vec::new()
        }
    }

    #[test]
    fn a_leader_of_a_later_term_holds_what_was_committed() {
        let view = |digest| EntryView {
            term: 1,
            version: Version(digest),
            digest,
        };
        let entry = |digest, in_term| CommittedEntry {
            view: view(digest),
            in_term,
        };
        let committed = Committed {
            entries: vec![entry(7, 1), entry(8, 3)],
        };
        let invariant = LeaderCompleteness::new(WORDS);
        let elected = |log, term| invariant.elected(NodeId(1), term, &Log(log), &committed);
        assert!(elected(vec![view(7), view(8)], 4).is_ok());
        assert!(
            elected(vec![view(7)], 2).is_ok(),
            "the second was committed after its term"
        );
        assert!(elected(vec![view(7)], 4).is_err());
        assert!(elected(vec![view(9), view(8)], 4).is_err());
    }
}
