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

#[cfg(test)]
mod tests {
    use splitbrain_consensus::{Incarnation, NodeId, RequestId};

    use super::*;
    use crate::message::{Epoch, Payload};

    fn zxid(epoch: u32, counter: u32) -> Zxid {
        Zxid::new(Epoch(epoch), counter)
    }

    /// 1.1, 1.2, 3.1, 3.2, 3.3 at the positions 1 to 5.
    fn log() -> Log {
        let id = RequestId {
            node: NodeId(1),
            incarnation: Incarnation(1),
            seq: 1,
        };
        let mut log = Log::default();
        for (epoch, counter) in [(1, 1), (1, 2), (3, 1), (3, 2), (3, 3)] {
            log.append(Txn {
                zxid: zxid(epoch, counter),
                payload: Payload::Read {
                    id,
                    query: Vec::new(),
                },
            });
        }
        log
    }

    fn snapshot(zxid: Zxid, position: u64) -> Snapshot {
        Snapshot {
            zxid,
            position,
            data: Vec::new(),
        }
    }

    #[test]
    fn positions_have_no_gaps_where_zxids_do() {
        let log = log();
        assert_eq!(log.position_of(zxid(3, 1)), 3);
        assert_eq!(
            log.position_of(zxid(2, 9)),
            2,
            "what a learner has of an epoch that this log lacks"
        );
        assert_eq!(log.zxid_at(2), Some(zxid(1, 2)));
        assert_eq!((log.zxid_at(0), log.zxid_at(6)), (Some(Zxid(0)), None));
    }

    #[test]
    fn truncation_keeps_up_to_the_zxid() {
        let mut log = log();
        log.truncate(zxid(2, 5));
        assert_eq!((log.last(), log.last_position()), (zxid(1, 2), 2));
    }

    #[test]
    fn a_snapshot_keeps_what_trails_it() {
        let mut log = log();
        log.compact(snapshot(zxid(3, 2), 4), 1);
        assert_eq!((log.base(), log.base_position()), (zxid(3, 1), 3));
        assert_eq!(log.after(4).map(|txn| txn.zxid).collect::<Vec<_>>(), [zxid(3, 3)]);
        log.install(snapshot(zxid(4, 7), 9));
        assert_eq!((log.last(), log.last_position()), (zxid(4, 7), 9));
        assert_eq!(log.after(0).count(), 0);
    }
}
