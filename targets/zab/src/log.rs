//! The log in memory: the transactions after a base, and the snapshot that stands for everything up to some
//! transaction at or after that base. Those between base and snapshot are kept for learners that are only a little
//! behind: they get a `Diff`.
//!
//! A *position* counts transactions from the beginning of history. Zxids have gaps between epochs, positions have
//! none.

use std::collections::VecDeque;

use crate::message::{Snapshot, Txn, Zxid};

/// The log of one server.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The transaction before the first of `txns`, and its position.
    base: (Zxid, u64),
    txns: VecDeque<Txn>,
    snapshot: Option<Snapshot>,
}

impl Log {
    /// The last transaction; that of the base if there is none after it.
    pub(crate) fn last(&self) -> Zxid {
        self.txns.back().map_or(self.base.0, |txn| txn.zxid)
    }

    pub(crate) fn last_position(&self) -> u64 {
        self.base.1 + self.txns.len() as u64
    }

    /// The transaction before the first one that is still held: what ZooKeeper calls the minimum committed log, less
    /// one.
    pub(crate) fn base(&self) -> Zxid {
        self.base.0
    }

    pub(crate) fn base_position(&self) -> u64 {
        self.base.1
    }

    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    pub(crate) fn snapshot_position(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.position)
    }

    pub(crate) fn get(&self, position: u64) -> Option<&Txn> {
        let offset = position.checked_sub(self.base.1 + 1)?;
        self.txns.get(usize::try_from(offset).ok()?)
    }

    /// The position of the last transaction up to `zxid`; that of the base if there is none.
    pub(crate) fn position_of(&self, zxid: Zxid) -> u64 {
        self.base.1 + self.txns.partition_point(|txn| txn.zxid <= zxid) as u64
    }

    /// The zxid at a position that is held, or is the base's.
    pub(crate) fn zxid_at(&self, position: u64) -> Option<Zxid> {
        if position == self.base.1 {
            return Some(self.base.0);
        }
        self.get(position).map(|txn| txn.zxid)
    }

    pub(crate) fn append(&mut self, txn: Txn) {
        self.txns.push_back(txn);
    }

    /// Deletes what comes after `keep`, as far as it is held.
    pub(crate) fn truncate(&mut self, keep: Zxid) {
        while self.txns.pop_back_if(|txn| txn.zxid > keep).is_some() {}
    }

    /// Lets `snapshot` stand for the log up to its last transaction, of which the last `keep` stay.
    pub(crate) fn compact(&mut self, snapshot: Snapshot, keep: u64) {
        let base = snapshot.position.saturating_sub(keep);
        if let Some(zxid) = self.zxid_at(base).filter(|_| base > self.base.1) {
            let gone = usize::try_from(base - self.base.1).unwrap_or(usize::MAX);
            self.txns.drain(..gone.min(self.txns.len()));
            self.base = (zxid, base);
        }
        self.snapshot = Some(snapshot);
    }

    /// Starts from a snapshot: nothing of the log stays.
    pub(crate) fn install(&mut self, snapshot: Snapshot) {
        self.txns.clear();
        self.base = (snapshot.zxid, snapshot.position);
        self.snapshot = Some(snapshot);
    }

    /// The transactions after `position`.
    pub(crate) fn after(&self, position: u64) -> impl Iterator<Item = &Txn> {
        let skip = position.saturating_sub(self.base.1);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.txns.len());
        self.txns.range(skip..)
    }
}
