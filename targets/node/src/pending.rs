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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_closed_once() {
        let mut pending = Pending::default();
        let seq = pending.open(ReplyTo::nobody(), Instant::now());
        assert!(pending.close(seq).is_some());
        assert!(pending.close(seq).is_none());
    }

    #[test]
    fn only_requests_that_are_too_old_expire_the_oldest_first() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        let later = start + Duration::from_secs(1);
        let (first, second) = (ReplyTo::nobody(), ReplyTo::nobody());
        pending.open(first.clone(), start);
        pending.open(second, later);
        assert_eq!(pending.next_expiry(), Some(start + GIVE_UP_AFTER));
        assert!(
            pending
                .expire(start + GIVE_UP_AFTER - Duration::from_nanos(1))
                .is_none()
        );
        let expired = pending.expire(start + GIVE_UP_AFTER).unwrap();
        assert!(expired.outbox.is(&first.outbox));
        assert!(pending.expire(start + GIVE_UP_AFTER).is_none());
        assert_eq!(pending.next_expiry(), Some(later + GIVE_UP_AFTER));
    }

    #[test]
    fn the_requests_of_a_client_that_left_are_forgotten_and_no_others() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        let (gone, stays) = (ReplyTo::nobody(), ReplyTo::nobody());
        let forgotten = [pending.open(gone.clone(), now), pending.open(gone.clone(), now)];
        let kept = pending.open(stays, now);
        pending.forget(&gone.outbox);
        assert!(forgotten.iter().all(|&seq| pending.close(seq).is_none()));
        assert!(pending.close(kept).is_some());
    }

    #[test]
    fn there_is_a_bound() {
        let (mut pending, now, nobody) = (Pending::default(), Instant::now(), ReplyTo::nobody());
        while !pending.is_full() {
            pending.open(nobody.clone(), now);
        }
        assert_eq!(pending.open.len(), MAX_PENDING);
    }
}
