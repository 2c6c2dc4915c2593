//! What a primary-backup system needs of its broadcast beyond agreement (DSN paper, §III).
//!
//! - *Integrity*: a log holds only what the primary of its epoch broadcast.
//! - *Local primary order*: it holds the transactions of one primary in the order of their broadcast, and none without
//!   those before it.
//! - *Global primary order*: it holds nothing of an earlier primary behind anything of a later one.

use rustc_hash::FxHashMap;

use super::Broken;
use crate::{EntryView, NodeId, Words};

#[derive(Debug)]
pub(super) struct PrimaryOrder {
    words: Words,
    /// By epoch and digest: the how manieth broadcast of its primary, from 0.
    broadcasts: FxHashMap<(u64, u64), u64>,
    /// By epoch: how many there were.
    counts: FxHashMap<u64, u64>,
}

impl PrimaryOrder {
    pub(super) fn new(words: Words) -> Self {
        Self {
            words,
            broadcasts: FxHashMap::default(),
            counts: FxHashMap::default(),
        }
    }

    /// Checks a log from the `changed_from`-th entry on. What its own node has added in an epoch that it `leads`, it
    /// has broadcast.
    pub(super) fn check(
        &mut self,
        node: NodeId,
        log: &[EntryView],
        changed_from: usize,
        leads: impl Fn(u64) -> bool,
    ) -> Result<(), Broken> {
        for (at, entry) in log.iter().enumerate().skip(changed_from) {
            // Entries of epoch 0 were never seen: a snapshot stands for them.
            if entry.term == 0 {
                continue;
            }
            let key = (entry.term, entry.digest);
            if leads(entry.term) && !self.broadcasts.contains_key(&key) {
                let count = self.counts.entry(entry.term).or_default();
                self.broadcasts.insert(key, *count);
                *count += 1;
            }
            let Some(number) = self.broadcasts.get(&key).copied() else {
                return self.broken(
                    "integrity",
                    node,
                    entry,
                    "which the leader of that epoch never broadcast",
                );
            };
            let before = at
                .checked_sub(1)
                .map(|before| log[before])
                .filter(|before| before.term != 0);
            match before {
                Some(before) if before.term > entry.term => {
                    return self.broken("primary-order", node, entry, "behind one of a later epoch");
                }
                Some(before) if before.term == entry.term => {
                    let previous = self.broadcasts.get(&(before.term, before.digest));
                    if previous.map(|previous| previous + 1) != Some(number) {
                        return self.broken(
                            "primary-order",
                            node,
                            entry,
                            "behind another than its leader broadcast before",
                        );
                    }
                }
                _ if number != 0 && (before.is_some() || at == 0) => {
                    return self.broken(
                        "primary-order",
                        node,
                        entry,
                        "without what its leader broadcast before",
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn broken(
        &self,
        invariant: &'static str,
        node: NodeId,
        entry: &EntryView,
        how: &str,
    ) -> Result<(), Broken> {
        let Words {
            entry: noun, place, ..
        } = self.words;
        let what = format!("{node} holds the {noun} at {}, {how}", place(entry.version));
        Err(Broken { invariant, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;
    use crate::sim::invariants::WORDS;

    fn log(entries: &[(u64, u64)]) -> Vec<EntryView> {
        let entry = |(term, digest): &(u64, u64)| EntryView {
            term: *term,
            version: Version(*digest),
            digest: *digest,
        };
        entries.iter().map(entry).collect()
    }

    /// Two epochs: in each, a leader broadcasts two transactions.
    fn two_epochs() -> PrimaryOrder {
        let mut invariant = PrimaryOrder::new(WORDS);
        let first = log(&[(1, 10), (1, 11)]);
        let second = log(&[(1, 10), (2, 20), (2, 21)]);
        assert!(invariant.check(NodeId(1), &first, 0, |term| term == 1).is_ok());
        assert!(invariant.check(NodeId(2), &second, 0, |term| term == 2).is_ok());
        invariant
    }

    fn broken(entries: &[(u64, u64)]) -> Option<&'static str> {
        let found = two_epochs().check(NodeId(3), &log(entries), 0, |_| false);
        found.err().map(|broken| broken.invariant)
    }

    #[test]
    fn followers_hold_what_leaders_broadcast_in_their_order() {
        assert_eq!(broken(&[(1, 10), (1, 11), (2, 20), (2, 21)]), None);
        assert_eq!(
            broken(&[(0, 0), (2, 21)]),
            None,
            "a snapshot stands for what came before"
        );
        assert_eq!(broken(&[(1, 10), (2, 22)]), Some("integrity"));
        assert_eq!(
            broken(&[(1, 10), (2, 21)]),
            Some("primary-order"),
            "a gap at the start of an epoch"
        );
        assert_eq!(
            broken(&[(1, 11)]),
            Some("primary-order"),
            "a gap at the start of all"
        );
        assert_eq!(broken(&[(1, 11), (1, 10)]), Some("primary-order"), "swapped");
        assert_eq!(
            broken(&[(1, 10), (2, 20), (1, 11)]),
            Some("primary-order"),
            "epochs swapped"
        );
    }
}
