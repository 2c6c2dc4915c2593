//! Election safety: at most one leader is elected in a term (Raft §5.2), or established in an epoch (ZAB). A node that restarts and is elected again in
//! the same term is another leader: it does not know what the first one said.

use std::collections::BTreeMap;

use super::Broken;
use crate::{Incarnation, NodeId, Words};

#[derive(Debug)]
pub(super) struct OneLeader {
    words: Words,
    by_term: BTreeMap<u64, (NodeId, Incarnation)>,
}

impl OneLeader {
    pub(super) fn new(words: Words) -> Self {
        Self {
            words,
            by_term: BTreeMap::new(),
        }
    }

    /// Whether this life of a node leads, or led, the term.
    pub(super) fn is_of(&self, term: u64, life: (NodeId, Incarnation)) -> bool {
        self.by_term.get(&term) == Some(&life)
    }

    pub(super) fn elected(&mut self, life: (NodeId, Incarnation), term: u64) -> Result<(), Broken> {
        let first = *self.by_term.entry(term).or_insert(life);
        if first == life {
            return Ok(());
        }
        let (first, node) = (first.0, life.0);
        let Words {
            elected, term: noun, ..
        } = self.words;
        let what = format!("{first} and {node} were both {elected} in {noun} {term}");
        Err(Broken {
            invariant: self.words.one_leader,
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::invariants::WORDS;

    #[test]
    fn a_second_leader_of_a_term_is_noticed() {
        let mut invariant = OneLeader::new(WORDS);
        let life = |node, incarnation| (NodeId(node), Incarnation(incarnation));
        assert!(invariant.elected(life(1, 1), 1).is_ok());
        assert!(invariant.elected(life(2, 1), 2).is_ok());
        assert!(invariant.elected(life(1, 1), 1).is_ok());
        assert!(invariant.elected(life(3, 1), 2).is_err());
        assert!(invariant.elected(life(2, 2), 2).is_err());
    }
}
