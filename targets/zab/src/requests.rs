//! What clients ask of this server, and `sync`.

use std::collections::{BTreeMap, VecDeque};

use splitbrain_consensus::{Effect, Refusal, RequestId};

use crate::Zab;
use crate::leader::Phase;
use crate::message::{Packet, Payload, Request, Zxid};
use crate::mutants::Mutant;
use crate::reads::ReadMode;
use crate::state::State;

/// The requests of this server's clients that have no answer.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// By number.
    open: BTreeMap<u64, (RequestId, Open)>,
    /// Reads that wait until so much is applied, in the order in which they were synced.
    waiting: VecDeque<(Zxid, RequestId, Vec<u8>)>,
}

#[derive(Debug)]
enum Open {
    Write,
    Read,
    /// Waits for the leader's answer to `sync`, then reads this.
    Sync(Vec<u8>),
}

impl Requests {
    /// The request has its answer.
    pub(crate) fn close(&mut self, id: RequestId) {
        self.open.remove(&id.seq);
    }
}

impl Zab {
    /// A client of this server asks for something to be broadcast.
    pub(crate) fn submit(&mut self, payload: Payload) {
        let id = payload.id();
        if !self.serves() {
            self.refuse(id, Refusal::Unavailable);
            return;
        }
        let open = match payload {
            Payload::Command { .. } => Open::Write,
            Payload::Read { .. } => Open::Read,
        };
        self.requests.open.insert(id.seq, (id, open));
        match &self.state {
            State::Leading(_) => self.broadcast(payload),
            _ => self.tell_leader(Packet::Request(Request::Broadcast(payload))),
        }
    }

    /// A client of this server asks for a read.
    pub(crate) fn start_read(&mut self, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        if !self.serves() {
            self.refuse(id, Refusal::Unavailable);
            return;
        }
        match mode {
            ReadMode::Quorum => self.submit(Payload::Read { id, query }),
            ReadMode::Local | ReadMode::ObserverLocal => self.effect(Effect::Read { id, query }),
            ReadMode::SyncLocal => {
                self.requests.open.insert(id.seq, (id, Open::Sync(query)));
                match &self.state {
                    State::Leading(_) => self.on_sync(id),
                    _ => self.tell_leader(Packet::Request(Request::Sync { id })),
                }
            }
        }
    }

    /// The leader is asked to flush what is committed to a learner, or to itself. As in ZooKeeper, it answers at once
    /// where nothing is outstanding, else behind the last proposal; it asks nobody whether it still leads.
    pub(crate) fn on_sync(&mut self, id: RequestId) {
        let last = self.log.last();
        let outstanding = last > self.committed && !self.is(Mutant::SyncWithoutFlush);
        let Some(leading) = self.leading() else { return };
        if leading.phase != Phase::Broadcast {
            return;
        }
        if outstanding {
            leading.pending_syncs.push_back((last, id));
        } else {
            self.answer_sync(id);
        }
    }

    /// Answers the syncs that waited for what is now committed.
    pub(crate) fn answer_syncs(&mut self) {
        let committed = self.committed;
        while let Some(leading) = self.leading()
            && let Some((_, id)) = leading.pending_syncs.pop_front_if(|(zxid, _)| *zxid <= committed)
        {
            self.answer_sync(id);
        }
    }

    /// What was committed goes before the answer.
    fn answer_sync(&mut self, id: RequestId) {
        if id.node == self.id {
            self.on_synced(id);
            return;
        }
        if !self.is(Mutant::SyncWithoutFlush) {
            self.feed_learners();
        }
        let Some(leading) = self.leading() else { return };
        if let Some(learner) = leading.learners.get_mut(&id.node) {
            learner.channel.send(Packet::Sync { id });
        }
    }

    /// The leader has answered a `sync`: reads once all that came before the answer is applied.
    pub(crate) fn on_synced(&mut self, id: RequestId) {
        if !self.is_mine(id) {
            return;
        }
        let Some((id, Open::Sync(query))) = self.requests.open.remove(&id.seq) else {
            return;
        };
        if self.is(Mutant::SyncWithoutFlush) {
            self.effect(Effect::Read { id, query });
            return;
        }
        self.requests.waiting.push_back((self.committed, id, query));
        self.serve_waiting_reads();
    }

    pub(crate) fn serve_waiting_reads(&mut self) {
        let applied = self.applied;
        while let Some((_, id, query)) = self.requests.waiting.pop_front_if(|(zxid, ..)| *zxid <= applied) {
            self.effect(Effect::Read { id, query });
        }
    }

    /// The leader is lost, or this server leads no more: what was passed on may take effect yet, or never.
    pub(crate) fn refuse_open_requests(&mut self) {
        for (id, open) in std::mem::take(&mut self.requests.open).into_values() {
            let refusal = match open {
                Open::Write => Refusal::Unknown,
                // A read has no effect.
                Open::Read | Open::Sync(_) => Refusal::Unavailable,
            };
            self.refuse(id, refusal);
        }
        for (_, id, _) in std::mem::take(&mut self.requests.waiting) {
            self.refuse(id, Refusal::Unavailable);
        }
    }
}
