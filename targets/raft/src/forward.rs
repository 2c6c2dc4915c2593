//! Requests that followers pass on to their leader. The network may repeat a message, but no request may take
//! effect twice: a request is valid only in the term that it was addressed to, and the one leader of that term
//! takes each id once. A leader that restarts does not lead that term any more, so it may keep them in memory.

use std::collections::{BTreeMap, BTreeSet};

use splitbrain_consensus::{Incarnation, NodeId, Refusal, RequestId};

use crate::Raft;
use crate::message::{Message, Payload};

/// How far behind the latest request of its node a request may arrive. Later ones are dropped, as if lost.
const OVERTAKEN_MAX: u64 = 4096;

/// The forwarded requests that a leader has taken in its term.
#[derive(Debug, Default)]
pub(crate) struct ForwardedRequests {
    taken: BTreeMap<(NodeId, Incarnation), BTreeSet<u64>>,
}

impl ForwardedRequests {
    /// Takes the request, unless it was taken before or comes too late to tell.
    fn take(&mut self, id: RequestId) -> bool {
        let taken = self.taken.entry((id.node, id.incarnation)).or_default();
        let latest = taken.last().copied().unwrap_or(id.seq).max(id.seq);
        let floor = latest.saturating_sub(OVERTAKEN_MAX);
        if id.seq < floor || !taken.insert(id.seq) {
            return false;
        }
        while taken.first().is_some_and(|first| *first < floor) {
            taken.pop_first();
        }
        true
    }
}

impl Raft {
    /// Puts a client's request into the log, or passes it on to the node that can.
    pub(crate) fn submit(&mut self, id: RequestId, payload: Payload) {
        if let Some(leader) = self.role.leader_state() {
            if leader.transfer.is_some() {
                self.refuse(id, Refusal::Unavailable);
            } else {
                self.append_as_leader(payload);
            }
            return;
        }
        match self.leader() {
            Some(leader) => self.send(
                leader,
                Message::Forward {
                    term: self.term,
                    payload,
                },
            ),
            None => self.refuse(id, Refusal::Unavailable),
        }
    }

    /// A follower passed on a request in this node's own term. Whatever cannot be taken is dropped without a
    /// word: "it had no effect" would be a lie if another copy of the request had been taken.
    pub(crate) fn on_forward(&mut self, payload: Payload) {
        let (Payload::Command { id, .. } | Payload::Read { id, .. }) = payload else {
            return;
        };
        let Some(leader) = self.role.leader_state_mut() else {
            return;
        };
        if leader.transfer.is_none() && leader.forwarded.take(id) {
            self.append_as_leader(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(seq: u64) -> RequestId {
        RequestId {
            node: NodeId(2),
            incarnation: Incarnation(1),
            seq,
        }
    }

    #[test]
    fn a_request_is_taken_once_in_whatever_order_copies_arrive() {
        let mut requests = ForwardedRequests::default();
        assert!(requests.take(id(7)));
        assert!(requests.take(id(5)), "overtaken, not repeated");
        assert!(!requests.take(id(7)));
        assert!(!requests.take(id(5)));
    }

    #[test]
    fn what_is_too_old_to_be_remembered_is_never_taken() {
        let mut requests = ForwardedRequests::default();
        assert!(requests.take(id(1)));
        assert!(requests.take(id(2 + OVERTAKEN_MAX)));
        assert!(!requests.take(id(1)), "its memory is gone, and so is its chance");
        assert_eq!(requests.taken.values().map(BTreeSet::len).sum::<usize>(), 1);
    }
}
