//! The duties of a host, for every simulated node: feeding inputs to its core and carrying out what it wants done.

use rand_chacha::rand_core::Rng;

use crate::sim::clients::{ClientOutcome, ClientRequest, Clients};
use crate::sim::faults::FaultKind;
use crate::sim::invariants::Broken;
use crate::sim::node::{Life, Node};
use crate::sim::world::{Administration, Event, Input, Simulated, World};
use crate::{Effect, Incarnation, NodeId, Ready, Refusal, RequestId, Setup, StateMachine};

/// How often an input waits for the next one before the core's outputs are taken, and how long at most.
const BATCHED_ONE_IN: u32 = 4;
const BATCH_WITHIN_US: u64 = 300;

impl<P, S, C> World<'_, P, S, C>
where
    P: Simulated,
    S: StateMachine + Default,
    C: Clients<P::ReadMode>,
{
    pub(super) fn deliver(&mut self, from: NodeId, to: NodeId, message: P::Message) -> Result<(), Broken> {
        if self.network.is_cut(from, to) {
            return Ok(());
        }
        if let Some(until_us) = self.paused(to) {
            self.queue.put(until_us, Event::Deliver { from, to, message });
            return Ok(());
        }
        if self.node(to).life.is_none() {
            return Ok(());
        }
        self.trace
            .line(self.now_us, format_args!("{from} -> {to} {message:?}"));
        self.step(to, Input::Receive(from, message))
    }

    pub(super) fn wake(&mut self, node: NodeId) -> Result<(), Broken> {
        let now_us = self.now_us;
        if let Some(until_us) = self.paused(node) {
            self.queue.put(until_us, Event::Wake { node });
            return Ok(());
        }
        // A wake-up of an earlier life, or one that an earlier wake-up has made superfluous.
        match &mut self.node(node).life {
            Some(life) if life.wake_at_us <= now_us => life.wake_at_us = u64::MAX,
            _ => return Ok(()),
        }
        self.step(node, Input::Tick)
    }

    pub(super) fn synced(
        &mut self,
        node: NodeId,
        incarnation: Incarnation,
        position: u64,
    ) -> Result<(), Broken> {
        if self.node(node).incarnation != incarnation || self.node(node).life.is_none() {
            return Ok(());
        }
        // The disk works while the process stands still; the process hears of it later.
        self.node(node).disk.synced(position);
        if let Some(until_us) = self.paused(node) {
            self.queue.put(
                until_us,
                Event::Synced {
                    node,
                    incarnation,
                    position,
                },
            );
            return Ok(());
        }
        let Some(life) = &mut self.node(node).life else {
            return Ok(());
        };
        life.persisted = life.persisted.max(position);
        let mut released = Vec::new();
        while let Some((_, messages)) = life.held.pop_front_if(|(held, _)| *held <= position) {
            released.extend(messages);
        }
        self.send_all(node, released);
        self.step(node, Input::Persisted(position))
    }

    pub(super) fn paused(&mut self, node: NodeId) -> Option<u64> {
        let now_us = self.now_us;
        let until_us = self.node(node).paused_until_us;
        (until_us > now_us).then_some(until_us)
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node<P, S> {
        &mut self.nodes[usize::from(id.0) - 1]
    }

    /// Starts a life of a node with what is on its disk.
    pub(super) fn restart(&mut self, id: NodeId) -> Result<(), Broken> {
        let (now_us, seed) = (self.now_us, self.rng.next_u64());
        let members = (1..=self.config.nodes).map(NodeId).collect();
        let options = self.options.clone();
        let node = self.node(id);
        if node.life.is_some() {
            return Ok(());
        }
        node.incarnation = Incarnation(node.incarnation.0 + 1);
        let setup = Setup {
            id,
            members,
            incarnation: node.incarnation,
            seed,
            options,
        };
        let (records, local) = (node.disk.contents(), node.clock.local(now_us));
        self.in_core = true;
        let core = P::start(setup, records, local);
        self.in_core = false;
        let node = self.node(id);
        node.life = Some(Life {
            core,
            machine: S::default(),
            held: Default::default(),
            persisted: 0,
            pending: Default::default(),
            requests: 0,
            wake_at_us: u64::MAX,
            promised: u64::MAX,
        });
        self.trace.line(now_us, format_args!("{id} starts"));
        self.step(id, Input::Tick)
    }

    /// A node loses power.
    pub(super) fn crash(&mut self, id: NodeId) {
        let now_us = self.now_us;
        let node = &mut self.nodes[usize::from(id.0) - 1];
        let Some(life) = node.life.take() else { return };
        node.disk.crash(&mut self.rng, now_us);
        node.paused_until_us = 0;
        self.invariants.crashed(id);
        self.trace.line(now_us, format_args!("{id} crashes"));
        for thread in life.pending.into_values() {
            self.complete(thread, ClientOutcome::Refused(Refusal::Unknown));
        }
    }

    /// Feeds an input to a core, and carries out what it wants done.
    pub(super) fn step(&mut self, id: NodeId, input: Input<P>) -> Result<(), Broken> {
        let now_us = self.now_us;
        let node = &mut self.nodes[usize::from(id.0) - 1];
        let (local, incarnation) = (node.clock.local(now_us), node.incarnation);
        let Some(life) = &mut node.life else { return Ok(()) };
        self.in_core = true;
        life.core.tick(local);
        let request = |seq| RequestId {
            node: id,
            incarnation,
            seq,
        };
        match input {
            Input::Tick => {}
            Input::Receive(from, message) => life.core.receive(from, message),
            Input::Persisted(position) => life.core.persisted(position),
            Input::Request(seq, ClientRequest::Write(command)) => life.core.propose(request(seq), command),
            Input::Request(seq, ClientRequest::Read { mode, query }) => {
                life.core.read(request(seq), mode, query);
            }
            Input::Admin(Administration::ChangeMembers(members)) => {
                life.core.change_members(members);
            }
            Input::Admin(Administration::Transfer(to)) => {
                life.core.transfer_leadership(to);
            }
        }
        self.in_core = false;
        self.invariants.stepped(id, incarnation, &life.core)?;
        // A host takes what has arrived in one batch: sometimes more arrives before the core is asked for its outputs.
        if self.rng.next_u32().is_multiple_of(BATCHED_ONE_IN) {
            let soon_us = self.now_us + 1 + self.rng.next_u64() % BATCH_WITHIN_US;
            life.wake_at_us = life.wake_at_us.min(soon_us);
            self.queue.put(soon_us, Event::Wake { node: id });
            return Ok(());
        }
        loop {
            let Some(life) = &mut self.nodes[usize::from(id.0) - 1].life else {
                return Ok(());
            };
            self.in_core = true;
            let ready = life.core.ready();
            self.in_core = false;
            if ready.is_empty() {
                break;
            }
            self.handle(id, ready)?;
        }
        if let Some(life) = &self.nodes[usize::from(id.0) - 1].life {
            self.invariants.stepped(id, incarnation, &life.core)?;
        }
        self.look_at(id)
    }

    /// Sees to it that the node is woken in time, and to what lies in wait for its election.
    pub(super) fn look_at(&mut self, id: NodeId) -> Result<(), Broken> {
        let node = &mut self.nodes[usize::from(id.0) - 1];
        let Some(life) = &mut node.life else { return Ok(()) };
        let wake_at_us = node.clock.global(life.core.deadline()).max(self.now_us + 1);
        if wake_at_us < life.wake_at_us {
            life.wake_at_us = wake_at_us;
            self.queue.put(wake_at_us, Event::Wake { node: id });
        }
        let (status, promise) = (life.core.status(), life.core.promise());
        let promised_before = std::mem::replace(&mut life.promised, promise.term);
        if status.leader == Some(id) && status.term > self.highest_term_led {
            self.highest_term_led = status.term;
            self.stats.elections += 1;
            self.spring(
                |kind| matches!(kind, FaultKind::IsolateNewLeader | FaultKind::CrashNewLeader),
                id,
            );
            if self.temper.slow_leaders {
                self.slow_down(id)?;
            }
        } else if promise.to_another && promise.term > promised_before {
            self.spring(|kind| kind == FaultKind::BlinkVoter, id);
        }
        Ok(())
    }

    fn handle(&mut self, id: NodeId, ready: Ready<P::Message, P::Record>) -> Result<(), Broken> {
        self.send_all(id, ready.messages);
        if !ready.records.is_empty() {
            let takes_us = 50 + self.rng.next_u64() % self.sync_us_max;
            let (now_us, position) = (self.now_us, ready.position);
            let node = self.node(id);
            let incarnation = node.incarnation;
            let at_us = node
                .disk
                .write(now_us, takes_us, position, ready.records, ready.replace_log);
            self.queue.put(
                at_us,
                Event::Synced {
                    node: id,
                    incarnation,
                    position,
                },
            );
        }
        if !ready.messages_after.is_empty() {
            let Some(life) = &mut self.node(id).life else {
                return Ok(());
            };
            if life.persisted >= ready.position {
                self.send_all(id, ready.messages_after);
            } else {
                life.held.push_back((ready.position, ready.messages_after));
            }
        }
        ready
            .effects
            .into_iter()
            .try_for_each(|effect| self.take_effect(id, effect))
    }

    fn send_all(&mut self, from: NodeId, messages: Vec<(NodeId, P::Message)>) {
        for (to, message) in messages {
            let [first, second] = self.network.arrivals(&mut self.rng, self.now_us);
            if let Some(at_us) = second {
                self.queue.put(
                    at_us,
                    Event::Deliver {
                        from,
                        to,
                        message: message.clone(),
                    },
                );
            }
            if let Some(at_us) = first {
                self.queue.put(at_us, Event::Deliver { from, to, message });
            }
        }
    }

    fn take_effect(&mut self, id: NodeId, effect: Effect) -> Result<(), Broken> {
        let Some(life) = &mut self.nodes[usize::from(id.0) - 1].life else {
            return Ok(());
        };
        let term = life.core.status().term;
        match effect {
            Effect::Restore { snapshot, version } => {
                self.invariants.restored(id, version, &snapshot)?;
                life.machine
                    .restore(&snapshot)
                    .expect("a snapshot of this service");
            }
            Effect::Apply {
                version,
                origin,
                command,
            } => {
                let result = life.machine.apply(version, &command);
                self.invariants.applied(id, version, &command)?;
                if let Some(request) = origin {
                    self.answer(
                        id,
                        request,
                        ClientOutcome::Result {
                            result,
                            served_by: id,
                            term,
                        },
                    );
                }
            }
            Effect::Read { id: request, query } => {
                let result = life.machine.query(&query);
                if request.node == id {
                    self.answer(
                        id,
                        request,
                        ClientOutcome::Result {
                            result,
                            served_by: id,
                            term,
                        },
                    );
                } else {
                    self.in_core = true;
                    life.core.read_result(request, result);
                    self.in_core = false;
                }
            }
            Effect::Answer {
                id: request,
                result,
                served_by,
                term,
            } => {
                self.answer(
                    id,
                    request,
                    ClientOutcome::Result {
                        result,
                        served_by,
                        term,
                    },
                );
            }
            Effect::Refuse { id: request, refusal } => {
                self.answer(id, request, ClientOutcome::Refused(refusal));
            }
            Effect::TakeSnapshot { version } => {
                let snapshot = life.machine.snapshot();
                self.invariants.snapshot_taken(id, version, &snapshot)?;
                self.in_core = true;
                life.core.snapshot_taken(version, snapshot);
                self.in_core = false;
            }
        }
        Ok(())
    }

    fn answer(&mut self, id: NodeId, request: RequestId, outcome: ClientOutcome) {
        let node = self.node(id);
        assert_eq!(
            request.incarnation, node.incarnation,
            "answers are for requests of this life"
        );
        let Some(life) = &mut node.life else { return };
        if let Some(thread) = life.pending.remove(&request.seq) {
            self.complete(thread, outcome);
        }
    }
}
