//! Snapshots: taking them, and starting from one.

use splitbrain_consensus::{Effect, Version};

use crate::Zab;
use crate::message::{Snapshot, Zxid};

impl Zab {
    /// Asks the host for a snapshot once enough has been applied since the last.
    pub(crate) fn request_snapshot_if_due(&mut self) {
        let since = self.applied_position.saturating_sub(self.log.snapshot_position());
        if since < self.options.snapshot_threshold_txns || self.snapshot_requested.is_some() {
            return;
        }
        self.snapshot_requested = Some(self.applied_position);
        self.effect(Effect::TakeSnapshot {
            version: Version(self.applied.0),
        });
    }

    /// The host took the snapshot that it was asked for.
    pub(crate) fn store_snapshot(&mut self, zxid: Zxid, data: Vec<u8>) {
        let Some(position) = self.snapshot_requested.take() else {
            return;
        };
        if position <= self.log.snapshot_position() {
            return; // The leader's was newer.
        }
        let snapshot = Snapshot { zxid, position, data };
        self.log.compact(snapshot, self.options.snapshot_trailing_txns);
        self.rewrite_records();
    }

    /// Starts from a snapshot, of this server's own or of the leader's.
    pub(crate) fn restore_snapshot(&mut self, snapshot: Snapshot) {
        let Snapshot { zxid, position, .. } = snapshot;
        self.effect(Effect::Restore {
            snapshot: snapshot.data.clone(),
            version: Version(zxid.0),
        });
        self.log.install(snapshot);
        self.committed = zxid;
        (self.applied, self.applied_position) = (zxid, position);
    }
}
