//! Election safety: at most one leader is elected in a term (Raft §5.2).

use std::collections::BTreeMap;

use super::Broken;
use crate::NodeId;

#[derive(Debug, Default)]
pub(super) struct OneLeader {
    by_term: BTreeMap<u64, NodeId>,
}

impl OneLeader {
    pub(super) fn elected(&mut self, node: NodeId, term: u64) -> Result<(), Broken> {
        let first = *self.by_term.entry(term).or_insert(node);
        if first == node {
            return Ok(());
        }
        let what = format!("{first} and {node} were both elected in term {term}");
        Err(Broken {
            invariant: "one-leader",
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_leader_of_a_term_is_noticed() {
        let mut invariant = OneLeader::default();
        assert!(invariant.elected(NodeId(1), 1).is_ok());
        assert!(invariant.elected(NodeId(2), 2).is_ok());
        assert!(invariant.elected(NodeId(1), 1).is_ok());
        assert!(invariant.elected(NodeId(3), 2).is_err());
    }
}
