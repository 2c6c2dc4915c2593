//! Log matching: if two logs have an entry of the same position and term, they are equal up to there (Raft §5.3).
//! In ZAB, too: whoever holds a transaction of an epoch holds all of that epoch's history before it.
//!
//! By induction it is enough that whoever holds an entry of some position and term holds the same one, and before
//! it an entry of the same term.

use rustc_hash::FxHashMap;

use super::Broken;
use crate::{EntryView, NodeId, Words};

#[derive(Debug)]
pub(super) struct LogMatching {
    words: Words,
    /// By position (from 0) and term: the entry's digest, and the term of the entry before it where that was seen.
    entries: FxHashMap<(usize, u64), (u64, Option<u64>)>,
}

impl LogMatching {
    pub(super) fn new(words: Words) -> Self {
        Self {
            words,
            entries: FxHashMap::default(),
        }
    }

    /// Checks the entries of a log from the `changed_from`-th on. Entries of term 0 were never seen.
    pub(super) fn check(
        &mut self,
        node: NodeId,
        log: &[EntryView],
        changed_from: usize,
    ) -> Result<(), Broken> {
        for (at, entry) in log.iter().enumerate().skip(changed_from) {
            let before = at
                .checked_sub(1)
                .map(|before| log[before].term)
                .filter(|term| *term != 0);
            let known = self
                .entries
                .entry((at, entry.term))
                .or_insert((entry.digest, before));
            let agrees = match (known.1, before) {
                (Some(known), Some(before)) => known == before,
                _ => true,
            };
            known.1 = known.1.or(before);
            if known.0 != entry.digest || !agrees {
                let Words {
                    entry: noun,
                    term,
                    place,
                    ..
                } = self.words;
                let what = format!(
                    "{node} holds at {} an {noun} of {term} {} that differs from another node's, or follows another \
                     {noun}",
                    place(entry.version),
                    entry.term
                );
                return Err(Broken {
                    invariant: self.words.log_matching,
                    what,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;
    use crate::sim::invariants::WORDS;

    fn log(entries: &[(u64, u64)]) -> Vec<EntryView> {
        entries
            .iter()
            .map(|(term, digest)| EntryView {
                term: *term,
                version: Version(0),
                digest: *digest,
            })
            .collect()
    }

    #[test]
    fn equal_positions_hold_equal_entries() {
        let mut invariant = LogMatching::new(WORDS);
        assert!(invariant.check(NodeId(1), &log(&[(1, 7), (1, 8)]), 0).is_ok());
        assert!(invariant.check(NodeId(2), &log(&[(1, 7), (2, 9)]), 0).is_ok());
        assert!(invariant.check(NodeId(3), &log(&[(1, 7), (1, 9)]), 0).is_err());
    }

    #[test]
    fn equal_entries_follow_equal_logs() {
        let mut invariant = LogMatching::new(WORDS);
        assert!(invariant.check(NodeId(1), &log(&[(1, 7), (3, 8)]), 0).is_ok());
        assert!(invariant.check(NodeId(2), &log(&[(2, 7), (3, 8)]), 0).is_err());
    }
}
