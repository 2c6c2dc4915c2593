//! A disk that syncs when told to.

use std::collections::VecDeque;

use splitbrain_raft::message::Record;

/// One batch of records that is written and not yet synced.
#[derive(Debug)]
struct Write {
    position: u64,
    records: Vec<Record>,
    replace: bool,
}

/// The records of one node, of which a crash takes away those that were not synced.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    synced: Vec<Record>,
    unsynced: VecDeque<Write>,
}

impl Disk {
    /// A disk that already holds `records`.
    pub(crate) fn holding(records: Vec<Record>) -> Self {
        Self {
            synced: records,
            unsynced: VecDeque::new(),
        }
    }

    pub(crate) fn write(&mut self, position: u64, records: Vec<Record>, replace: bool) {
        self.unsynced.push_back(Write {
            position,
            records,
            replace,
        });
    }

    /// Syncs everything written so far. Returns its position, if there was any.
    pub(crate) fn sync(&mut self) -> Option<u64> {
        let mut position = None;
        while let Some(write) = self.unsynced.pop_front() {
            position = Some(write.position);
            self.keep(write.records, write.replace);
        }
        position
    }

    /// The power fails when, of what was not synced, the first `torn_after` records had reached the disk. A
    /// replacement happens wholly or not at all.
    pub(crate) fn crash(&mut self, torn_after: usize) {
        let mut left = torn_after;
        while let Some(mut write) = self.unsynced.pop_front() {
            if left < write.records.len() {
                if !write.replace {
                    write.records.truncate(left);
                    self.keep(write.records, false);
                }
                break;
            }
            left -= write.records.len();
            self.keep(write.records, write.replace);
        }
        self.unsynced.clear();
    }

    pub(crate) fn synced(&self) -> &[Record] {
        &self.synced
    }

    /// Whether everything written is synced.
    pub(crate) fn is_idle(&self) -> bool {
        self.unsynced.is_empty()
    }

    /// What a reader sees: everything written, synced or not.
    pub(crate) fn written(&self) -> Vec<Record> {
        let mut records = self.synced.clone();
        for write in &self.unsynced {
            if write.replace {
                records.clear();
            }
            records.extend(write.records.iter().cloned());
        }
        records
    }

    fn keep(&mut self, records: Vec<Record>, replace: bool) {
        if replace {
            self.synced.clear();
        }
        self.synced.extend(records);
    }
}
