//! State machine safety: no two nodes commit or apply different entries at one index (Raft §5.4.3).

use rustc_hash::FxHashMap;

use super::{Broken, Committed, CommittedEntry};
use crate::{EntryView, NodeId, Status, Version};

#[derive(Debug, Default)]
pub(super) struct StateMachineSafety {
    applied: FxHashMap<Version, u64>,
    /// By version: a digest of the whole state after it.
    states: FxHashMap<Version, u64>,
}

impl StateMachineSafety {
    /// A node knows more to be committed than before. The first to know is the leader that committed it, in its
    /// term.
    pub(super) fn committed(
        &self,
        node: NodeId,
        status: &Status,
        before: Version,
        log: &[EntryView],
        committed: &mut Committed,
    ) -> Result<(), Broken> {
        for index in before.0 + 1..=status.committed.0 {
            let Some(view) = usize::try_from(index - 1)
                .ok()
                .and_then(|at| log.get(at))
                .copied()
            else {
                continue;
            };
            // What came with a snapshot was never seen in this log.
            if view.term == 0 {
                continue;
            }
            match committed.get(Version(index)) {
                None if index == committed.last().0 + 1 => {
                    committed.entries.push(CommittedEntry {
                        view,
                        in_term: status.term,
                    });
                }
                None => {}
                Some(known) if known.view == view => {}
                Some(known) => {
                    let (other, own) = (known.view.term, view.term);
                    let what = format!(
                        "{node} committed an entry of term {own} at index {index}, where one of term {other} \
                         was committed before"
                    );
                    return Err(Broken {
                        invariant: "state-machine-safety",
                        what,
                    });
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
        let index = version.0;
        let what =
            format!("{node} has a snapshot at index {index} that differs from another of the same index");
        Err(Broken {
            invariant: "state-machine-safety",
            what,
        })
    }

    pub(super) fn applied(&mut self, node: NodeId, version: Version, digest: u64) -> Result<(), Broken> {
        if *self.applied.entry(version).or_insert(digest) == digest {
            return Ok(());
        }
        let index = version.0;
        let what = format!("{node} applied at index {index} another command than was applied there before");
        Err(Broken {
            invariant: "state-machine-safety",
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn what_is_committed_once_is_committed_for_all() {
        let status = |term, committed| Status {
            role: Role::Leader,
            term,
            leader: None,
            committed: Version(committed),
            applied: Version(0),
            last: Version(9),
        };
        let view = |digest| EntryView { term: 1, digest };
        let (invariant, mut committed) = (StateMachineSafety::default(), Committed::default());
        let mut commit = |node, log: &[EntryView], up_to| {
            invariant.committed(NodeId(node), &status(1, up_to), Version(0), log, &mut committed)
        };
        assert!(commit(1, &[view(7), view(8)], 2).is_ok());
        assert!(commit(2, &[view(7), view(9)], 1).is_ok());
        assert!(commit(2, &[view(7), view(9)], 2).is_err());
    }

    #[test]
    fn what_is_applied_once_is_applied_by_all() {
        let mut invariant = StateMachineSafety::default();
        assert!(invariant.applied(NodeId(1), Version(3), 7).is_ok());
        assert!(invariant.applied(NodeId(2), Version(3), 7).is_ok());
        assert!(invariant.applied(NodeId(2), Version(3), 8).is_err());
    }
}
