//! The requests of clients that the core has not answered yet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::clients::{Outbox, ReplyTo};

/// How many requests may be open. Those beyond are refused.
const MAX_PENDING: usize = 65_536;
/// A request older than this is given up. A client gives up much sooner; this bounds the memory of requests that
/// a protocol forgot, as it may when leadership changes.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Open requests by their number, which grows, so that the first is the oldest.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    open: BTreeMap<u64, (Instant, ReplyTo)>,
    last: u64,
}

impl Pending {
    /// Whether no more requests may be opened.
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= MAX_PENDING
    }

    /// Notes a request and numbers it.
    pub(crate) fn open(&mut self, reply_to: ReplyTo, now: Instant) -> u64 {
        self.last += 1;
        self.open.insert(self.last, (now, reply_to));
        self.last
    }

    /// Ends a request: where its answer goes, unless it was given up or its client left.
    pub(crate) fn close(&mut self, seq: u64) -> Option<ReplyTo> {
        self.open.remove(&seq).map(|(_, reply_to)| reply_to)
    }

    /// Ends a request that is too old, if there is one.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<ReplyTo> {
        let oldest = self.open.first_entry()?;
        (now >= oldest.get().0 + GIVE_UP_AFTER).then(|| oldest.remove().1)
    }

    /// When the oldest request becomes too old.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.open
            .first_key_value()
            .map(|(_, (since, _))| *since + GIVE_UP_AFTER)
    }

    /// Forgets the requests of a client that left.
    pub(crate) fn forget(&mut self, gone: &Outbox) {
        self.open.retain(|_, (_, reply_to)| !reply_to.outbox.is(gone));
    }
}
