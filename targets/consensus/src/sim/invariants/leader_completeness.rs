//! Leader completeness: an entry committed in some term is in the log of the leader of every later term (Raft
//! §5.4).

use super::{Broken, Committed};
use crate::{Inspect, NodeId, Version};

#[derive(Debug)]
pub(super) struct LeaderCompleteness;

impl LeaderCompleteness {
    pub(super) fn elected<C: Inspect>(
        &self,
        node: NodeId,
        term: u64,
        core: &C,
        committed: &Committed,
    ) -> Result<(), Broken> {
        // What the new leader has compacted was committed, and was compared when it was.
        for index in core.base().0 + 1..=committed.last().0 {
            let Some(entry) = committed.get(Version(index)) else {
                continue;
            };
            if entry.in_term >= term || core.entry(Version(index)) == Some(entry.view) {
                continue;
            }
            let in_term = entry.in_term;
            let what = format!(
                "{node} leads term {term} without the entry at index {index}, committed in term {in_term}"
            );
            return Err(Broken {
                invariant: "leader-completeness",
                what,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EntryView;
    use crate::sim::invariants::CommittedEntry;

    struct Log(Vec<EntryView>);

    impl Inspect for Log {
        fn entry(&self, version: Version) -> Option<EntryView> {
            self.0.get(usize::try_from(version.0).ok()? - 1).copied()
        }
        fn base(&self) -> Version {
            Version(0)
        }
        fn voters(&self) -> Vec<NodeId> {
            Vec::new()
        }
    }

    #[test]
    fn a_leader_of_a_later_term_holds_what_was_committed() {
        let view = |digest| EntryView { term: 1, digest };
        let committed = Committed {
            entries: vec![
                CommittedEntry {
                    view: view(7),
                    in_term: 1,
                },
                CommittedEntry {
                    view: view(8),
                    in_term: 3,
                },
            ],
        };
        let elected = |log, term| LeaderCompleteness.elected(NodeId(1), term, &Log(log), &committed);
        assert!(elected(vec![view(7), view(8)], 4).is_ok());
        assert!(
            elected(vec![view(7)], 2).is_ok(),
            "the second was committed after its term"
        );
        assert!(elected(vec![view(7)], 4).is_err());
        assert!(elected(vec![view(9), view(8)], 4).is_err());
    }
}
