//! The log in memory: the entries after a base, and the snapshot that stands for everything up to some entry at
//! or after that base. Entries between base and snapshot are kept for followers that are only a little behind.

use std::collections::VecDeque;

use crate::message::{Entry, Index, LogPosition, Snapshot, Term};

/// The log of one node.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The entry before the first of `entries`.
    base: LogPosition,
    entries: VecDeque<Entry>,
    snapshot: Option<Snapshot>,
}

impl Log {
    /// The last entry; that of the snapshot if there is none after it.
    pub(crate) fn last(&self) -> LogPosition {
        self.entries.back().map_or(self.base, Entry::position)
    }

    pub(crate) fn last_index(&self) -> Index {
        self.last().index
    }

    /// The entry before the first one that is still held.
    pub(crate) fn base(&self) -> LogPosition {
        self.base
    }

    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    pub(crate) fn snapshot_index(&self) -> Index {
        self.snapshot
            .as_ref()
            .map_or(Index(0), |snapshot| snapshot.last.index)
    }

    /// The term of the entry at `index`, if it is held or is the base.
    pub(crate) fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    pub(crate) fn get(&self, index: Index) -> Option<&Entry> {
        let offset = index.0.checked_sub(self.base.index.0 + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// The entries from `from` on, at most `max_entries` of them and about `max_bytes` of payload, at least one
    /// if there is any.
    pub(crate) fn slice(&self, from: Index, max_entries: usize, max_bytes: usize) -> Vec<Entry> {
        debug_assert!(
            from > self.base.index,
            "the caller sends a snapshot for what is gone"
        );
        let start = usize::try_from(from.0 - self.base.index.0 - 1)
            .unwrap_or(usize::MAX)
            .min(self.entries.len());
        let mut bytes = 0;
        self.entries
            .range(start..)
            .take(max_entries)
            .take_while(|entry| {
                let fits = bytes < max_bytes;
                bytes += entry.approximate_bytes();
                fits
            })
            .cloned()
            .collect()
    }

    /// Appends the entry after the last.
    pub(crate) fn append(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.last_index().next(), "entries are consecutive");
        self.entries.push_back(entry);
    }

    /// Drops the entry at `from` and all after it.
    pub(crate) fn truncate(&mut self, from: Index) {
        assert!(
            from > self.base.index,
            "what a snapshot holds is committed and never truncated"
        );
        self.entries
            .truncate(usize::try_from(from.0 - self.base.index.0 - 1).unwrap_or(usize::MAX));
    }

    /// Lets `snapshot` stand for the log up to its last entry, of which the last `keep` entries stay.
    pub(crate) fn compact(&mut self, snapshot: Snapshot, keep: u64) {
        let base = Index(snapshot.last.index.0.saturating_sub(keep));
        if base > self.base.index {
            let term = self
                .term_at(base)
                .expect("a snapshot covers entries that are held");
            self.entries
                .drain(..usize::try_from(base.0 - self.base.index.0).unwrap_or(usize::MAX));
            self.base = LogPosition { term, index: base };
        }
        self.snapshot = Some(snapshot);
    }

    /// Starts from a snapshot of another node. Entries after it stay if the log contains its last entry (§7,
    /// figure 13, step 6); else all go.
    pub(crate) fn install(&mut self, snapshot: Snapshot) {
        let last = snapshot.last;
        if last.index >= self.base.index && self.term_at(last.index) == Some(last.term) {
            self.compact(snapshot, 0);
        } else {
            self.entries.clear();
            self.base = last;
            self.snapshot = Some(snapshot);
        }
    }

    /// The last index whose entry has a term of at most `term`.
    pub(crate) fn last_index_of_term(&self, term: Term) -> Option<Index> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.term <= term)
            .filter(|entry| entry.term == term)
            .map(|entry| entry.index)
    }

    /// The first index held whose entry has the term of the entry at `index`.
    pub(crate) fn first_index_of_term_at(&self, index: Index) -> Index {
        let term = self.term_at(index);
        let mut first = index;
        while first > self.base.index.next() && self.term_at(first.previous()) == term {
            first = first.previous();
        }
        first
    }

    /// The entries after the snapshot.
    pub(crate) fn after_snapshot(&self) -> impl Iterator<Item = &Entry> {
        let snapshot = self.snapshot_index();
        self.entries
            .iter()
            .skip_while(move |entry| entry.index <= snapshot)
    }

    /// All entries that are held.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}

impl Entry {
    /// About how large the entry is when encoded, in bytes.
    fn approximate_bytes(&self) -> usize {
        use crate::message::Payload;
        const HEADER: usize = 24;
        HEADER
            + match &self.payload {
                Payload::Noop => 0,
                Payload::Command { command: bytes, .. } | Payload::Read { query: bytes, .. } => bytes.len(),
                Payload::Membership(membership) => 2 * membership.all().count(),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Membership;
    use crate::message::Payload;

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for (index, term) in (1..).zip(terms) {
            log.append(Entry {
                index: Index(index),
                term: Term(*term),
                payload: Payload::Noop,
            });
        }
        log
    }

    fn snapshot(index: u64, term: u64) -> Snapshot {
        Snapshot {
            last: LogPosition {
                term: Term(term),
                index: Index(index),
            },
            membership: Membership::of(vec![]),
            data: Vec::new(),
        }
    }

    #[test]
    fn terms_are_found_by_their_ends() {
        let log = log(&[1, 1, 2, 2, 4]);
        assert_eq!(log.last_index_of_term(Term(1)), Some(Index(2)));
        assert_eq!(log.last_index_of_term(Term(3)), None);
        assert_eq!(log.first_index_of_term_at(Index(4)), Index(3));
        assert_eq!(log.first_index_of_term_at(Index(2)), Index(1));
    }

    #[test]
    fn compaction_keeps_a_tail_for_slow_followers() {
        let mut log = log(&[1, 1, 2, 2, 4]);
        log.compact(snapshot(4, 2), 2);
        assert_eq!(
            log.base(),
            LogPosition {
                term: Term(1),
                index: Index(2)
            }
        );
        assert_eq!(log.slice(Index(3), 9, 999).len(), 3);
        assert_eq!(log.after_snapshot().count(), 1);
        assert_eq!(log.last_index(), Index(5));
    }

    #[test]
    fn an_installed_snapshot_keeps_only_a_suffix_that_agrees_with_it() {
        let mut agreeing = log(&[1, 1, 2, 2, 4]);
        agreeing.install(snapshot(4, 2));
        assert_eq!(agreeing.last_index(), Index(5));
        let mut conflicting = log(&[1, 1, 1, 1, 1]);
        conflicting.install(snapshot(4, 2));
        assert_eq!(
            conflicting.last(),
            LogPosition {
                term: Term(2),
                index: Index(4)
            }
        );
        assert_eq!(conflicting.iter().count(), 0);
    }

    #[test]
    fn a_slice_is_bounded_but_never_empty() {
        let log = log(&[1, 1, 1]);
        assert_eq!(log.slice(Index(1), 2, 999).len(), 2);
        assert_eq!(log.slice(Index(1), 9, 1).len(), 1);
        assert_eq!(log.slice(Index(4), 9, 999).len(), 0);
    }
}
