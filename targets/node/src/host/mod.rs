//! The one task that owns the core and the state machine.
//!
//! Where each duty of the contract is met:
//! 1. clock: [`Host::run`] first takes what has arrived, and [`Host::turn`] then reads the clock and ticks;
//! 2. ready: [`Host::turn`] takes and carries out one `ready` after each batch of inputs;
//! 3. order: records go to the one log thread in the order of their position, and [`Host::persisted`] releases
//!    held messages only up to the position that the thread reports;
//! 4. persisted: [`Host::persisted`] alone says so, after that report;
//! 5. effects: `effects` works them off in order.
//!
//! Within a batch, messages of peers are fed before requests of clients (they are concurrent, so any order is
//! right). Only peers and time change a core's role and term: a read that is served at once is therefore answered
//! with the very role and term in which it was served.

mod effects;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use splitbrain_consensus::{Incarnation, NodeId, Outgoing, Protocol, Ready, RequestId, Role, Status};
use splitbrain_service::wire::{ErrorCode, ReplyBody, Served};
use splitbrain_service::{Command, Query, Registers};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::clients::{ClientRequest, Outbox, ReplyTo};
use crate::clock::ShellClock;
use crate::peers::Outbound;
use crate::pending::Pending;
use crate::protocols::Hosted;
use crate::serve::NodeError;
use crate::wal::{Batch, Progress, Writer};

/// How many inputs one turn takes. Enough to share the cost of a turn, few enough to keep its reading of the clock
/// fresh.
const MAX_BATCH: usize = 1024;
/// How many batches may wait for the disk before the node stops taking inputs.
const MAX_UNPERSISTED: u64 = 1024;

/// What reaches the core from outside.
pub(crate) enum Input<P: Protocol> {
    Peer {
        from: NodeId,
        message: P::Message,
    },
    Client {
        reply_to: ReplyTo,
        request: ClientRequest<P::ReadMode>,
    },
    ClientGone(Arc<Outbox>),
}

impl<P: Protocol> From<(NodeId, P::Message)> for Input<P> {
    fn from((from, message): (NodeId, P::Message)) -> Self {
        Self::Peer { from, message }
    }
}

/// A core with its state machine, its log, its clock and its clients.
pub(crate) struct Host<P: Protocol> {
    me: NodeId,
    incarnation: Incarnation,
    core: P,
    state: Registers,
    pending: Pending,
    clock: ShellClock,
    peers: Outbound<P::Message>,
    wal: Writer<P::Record>,
    progress: watch::Receiver<Progress>,
    /// Messages that wait for their position to be persisted, in order.
    held: VecDeque<(u64, Vec<Outgoing<P::Message>>)>,
    /// The position of the last batch given to the log.
    submitted: u64,
    /// The position up to which the log has reported.
    persisted: u64,
    /// What was last logged of the core's status.
    stance: Option<(Role, u64, Option<NodeId>)>,
}

impl<P: Hosted> Host<P> {
    pub(crate) fn new(
        me: NodeId,
        incarnation: Incarnation,
        core: P,
        clock: ShellClock,
        peers: Outbound<P::Message>,
        (wal, progress): (Writer<P::Record>, watch::Receiver<Progress>),
    ) -> Self {
        Self {
            me,
            incarnation,
            core,
            state: Registers::new(),
            pending: Pending::default(),
            clock,
            peers,
            wal,
            progress,
            held: VecDeque::new(),
            submitted: 0,
            persisted: 0,
            stance: None,
        }
    }

    /// Carries out what the core wanted from its start: with it, the state machine is what it was.
    ///
    /// # Errors
    /// If the persisted snapshot cannot be restored.
    pub(crate) fn begin(&mut self) -> Result<(), NodeError> {
        self.carry_out(Instant::now())
    }

    /// Runs until `stop`, or until the node must not go on.
    ///
    /// # Errors
    /// If the log cannot be written, or a snapshot not be restored.
    pub(crate) async fn run(
        mut self,
        mut inputs: mpsc::Receiver<Input<P>>,
        stop: CancellationToken,
    ) -> Result<(), NodeError> {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let timer = sleep_until(self.deadline().into());
        tokio::pin!(timer);
        loop {
            let disk_keeps_up = self.submitted - self.persisted < MAX_UNPERSISTED;
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                changed = self.progress.changed() => changed.map_err(|_| NodeError::LogThreadDied)?,
                count = inputs.recv_many(&mut batch, MAX_BATCH), if disk_keeps_up => {
                    assert!(count > 0, "the listeners live as long as the host");
                }
                // Its deadline is another real moment now.
                () = self.clock.bent() => {}
                () = &mut timer => {}
            }
            while disk_keeps_up && batch.len() < MAX_BATCH {
                let Ok(input) = inputs.try_recv() else { break };
                batch.push(input);
            }
            self.turn(&mut batch)?;
            let deadline = self.deadline().into();
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
        }
    }

    fn deadline(&self) -> Instant {
        let core = self.clock.instant_of(self.core.deadline());
        self.pending.next_expiry().map_or(core, |expiry| expiry.min(core))
    }

    /// One batch of inputs, all of them received before the clock is read here.
    fn turn(&mut self, batch: &mut Vec<Input<P>>) -> Result<(), NodeError> {
        let now = Instant::now();
        self.core.tick(self.clock.now());
        self.persisted(now)?;
        let mut requests = Vec::new();
        for input in batch.drain(..) {
            match input {
                Input::Peer { from, message } => self.core.receive(from, message),
                Input::Client { reply_to, request } => requests.push((reply_to, request)),
                Input::ClientGone(outbox) => {
                    requests.retain(|(reply_to, _): &(ReplyTo, _)| !reply_to.outbox.is(&outbox));
                    self.pending.forget(&outbox);
                }
            }
        }
        for (reply_to, request) in requests {
            self.request(reply_to, request, now);
        }
        self.carry_out(now)?;
        while let Some(reply_to) = self.pending.expire(now) {
            let body = ReplyBody::error(ErrorCode::TIMEOUT, "there was no result in time");
            reply_to.reply(self.me, self.served(), body);
        }
        Ok(())
    }

    /// Takes note of what the log reports: releases the messages that waited for it, and tells the core.
    fn persisted(&mut self, now: Instant) -> Result<(), NodeError> {
        let position = match &*self.progress.borrow_and_update() {
            Progress::Persisted(position) => *position,
            Progress::Failed(error) => return Err(NodeError::Log(Arc::clone(error))),
        };
        if position > self.persisted {
            self.persisted = position;
            let released = self.held.partition_point(|(until, _)| *until <= position);
            for (_, messages) in self.held.drain(..released).collect::<Vec<_>>() {
                self.send(messages, now);
            }
            self.core.persisted(position);
        }
        Ok(())
    }

    fn request(&mut self, reply_to: ReplyTo, request: ClientRequest<P::ReadMode>, now: Instant) {
        let command = match request {
            ClientRequest::Connect { last_seen } => {
                let body = if self.core.admits(last_seen) {
                    ReplyBody::ConnectOk
                } else {
                    let text = "this node has not seen yet what the client has seen, or does not serve now";
                    ReplyBody::error(ErrorCode::TEMPORARILY_UNAVAILABLE, text)
                };
                return reply_to.reply(self.me, self.served(), body);
            }
            ClientRequest::Read { key, mode } => {
                if let Some(id) = self.open(reply_to, now) {
                    self.core.read(id, mode, Query::Read { key }.encode());
                }
                return;
            }
            ClientRequest::Write { key, value } => Command::Write { key, value },
            ClientRequest::Cas { key, from, to } => Command::Cas { key, from, to },
            ClientRequest::Status => return reply_to.reply(self.me, self.served(), self.status()),
            ClientRequest::ChangeMembers(members) => {
                if let Some(stranger) = members
                    .iter()
                    .find(|id| **id != self.me && !self.peers.knows(**id))
                {
                    let text = format!("the address of {stranger} is not known here");
                    let body = ReplyBody::error(ErrorCode::MALFORMED_REQUEST, text);
                    return reply_to.reply(self.me, self.served(), body);
                }
                let taken_up = self.core.change_members(members);
                let body = administered(taken_up, ReplyBody::ChangeMembersOk);
                return reply_to.reply(self.me, self.served(), body);
            }
            ClientRequest::TransferLeadership(target) => {
                let taken_up = self.core.transfer_leadership(target);
                let body = administered(taken_up, ReplyBody::TransferLeadershipOk);
                return reply_to.reply(self.me, self.served(), body);
            }
        };
        if let Some(id) = self.open(reply_to, now) {
            self.core.propose(id, command.encode());
        }
    }

    /// Names a request that the core shall answer, or refuses it where too many are open.
    fn open(&mut self, reply_to: ReplyTo, now: Instant) -> Option<RequestId> {
        if self.pending.is_full() {
            let body = ReplyBody::error(ErrorCode::TEMPORARILY_UNAVAILABLE, "too many requests are open");
            reply_to.reply(self.me, self.served(), body);
            return None;
        }
        let seq = self.pending.open(reply_to, now);
        Some(RequestId {
            node: self.me,
            incarnation: self.incarnation,
            seq,
        })
    }

    /// Takes the core's output and carries it out, and again where that gave the core an answer it waited for.
    fn carry_out(&mut self, now: Instant) -> Result<(), NodeError> {
        loop {
            let Ready {
                messages,
                records,
                replace_log,
                sync,
                messages_after,
                position,
                effects,
            } = self.core.ready();
            self.log_stance();
            self.send(messages, now);
            if replace_log || !records.is_empty() {
                assert!(
                    position > self.submitted,
                    "positions grow with every output that bears records"
                );
                self.submitted = position;
                self.wal.submit(Batch {
                    position,
                    records,
                    replace: replace_log,
                    sync,
                });
            }
            if position <= self.persisted {
                self.send(messages_after, now);
            } else if !messages_after.is_empty() {
                self.held.push_back((position, messages_after));
            }
            if !self.effects(effects)? {
                return Ok(());
            }
        }
    }

    fn send(&self, messages: Vec<Outgoing<P::Message>>, now: Instant) {
        for (to, message) in messages {
            self.peers.send(to, message, now);
        }
    }

    fn served(&self) -> Served {
        let Status { role, term, .. } = self.core.status();
        Served {
            node: Some(self.me),
            incarnation: Some(self.incarnation),
            role: Some(role),
            era: Some(P::ERA(term)),
        }
    }

    fn status(&self) -> ReplyBody {
        let Status {
            leader,
            committed,
            applied,
            last,
            catch_up,
            ..
        } = self.core.status();
        ReplyBody::StatusOk {
            leader,
            committed,
            applied,
            last,
            catch_up,
        }
    }

    fn log_stance(&mut self) {
        let Status {
            role, term, leader, ..
        } = self.core.status();
        if self.stance.replace((role, term, leader)) != Some((role, term, leader)) {
            let leader = leader.map_or_else(|| "unknown".to_owned(), |leader| leader.to_string());
            tracing::info!(role = role.name(), term, leader, "changed");
        }
    }
}

fn administered(taken_up: bool, ok: ReplyBody) -> ReplyBody {
    if taken_up {
        return ok;
    }
    let text = "not taken up: only a leader without another change under way does that";
    ReplyBody::error(ErrorCode::TEMPORARILY_UNAVAILABLE, text)
}
