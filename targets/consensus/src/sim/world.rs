//! The simulated cluster: one queue of events, carried out one by one.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::sim::clients::{ClientOutcome, ClientRequest, Clients};
use crate::sim::clock::Clock;
use crate::sim::config::SimConfig;
use crate::sim::faults::{FaultKind, FaultRecord, PlannedFault, plan_faults};
use crate::sim::invariants::{Broken, Invariants};
use crate::sim::network::{Network, NetworkConditions};
use crate::sim::node::{Life, Node};
use crate::sim::queue::EventQueue;
use crate::sim::trace::Trace;
use crate::{Effect, Incarnation, Inspect, NodeId, Protocol, Ready, Refusal, RequestId, Setup, StateMachine};

/// A run that has not ended after so many events is going round in circles.
const EVENTS_MAX: u64 = 2_000_000;
/// How many answers every client must get after everything has healed.
const ANSWERS_AFTER_HEALING: u32 = 3;
/// The times that a healthy and a struggling disk take to sync, microseconds.
const SYNC_US: [u64; 3] = [300, 2_000, 30_000];

/// A protocol that the simulator can run.
pub trait Simulated: Protocol + Inspect {}

impl<P: Protocol + Inspect> Simulated for P {}

/// How a simulated run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An invariant was broken.
    Invariant(Broken),
    /// The healed cluster did not serve its clients.
    Stuck(String),
}

/// What a run amounted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Virtual time, microseconds.
    pub virtual_us: u64,
    /// Events carried out.
    pub events: u64,
    /// Requests that got a result.
    pub answers: u64,
    /// Terms or epochs that somebody led.
    pub elections: u64,
}

/// The result of a simulated run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// None if all invariants held and the healed cluster served everyone.
    pub failure: Option<Failure>,
    /// When it failed, or ended, virtual microseconds.
    pub at_us: u64,
    /// The conditions of the network.
    pub conditions: NetworkConditions,
    /// The faults as they happened.
    pub faults: Vec<FaultRecord>,
    /// Figures.
    pub stats: Stats,
    /// The events, a line each, if they were wanted.
    pub trace: Option<String>,
}

pub(super) enum Event<M> {
    Deliver {
        from: NodeId,
        to: NodeId,
        message: M,
    },
    Wake {
        node: NodeId,
    },
    Synced {
        node: NodeId,
        incarnation: Incarnation,
        position: u64,
    },
    Invoke {
        thread: usize,
    },
    TimeOut {
        thread: usize,
        op: u64,
    },
    Strike {
        fault: PlannedFault,
    },
    Ambush {
        fault: PlannedFault,
    },
    HealPartition {
        partition: u64,
    },
    Restart {
        node: NodeId,
    },
    Heal,
    Administer,
    GiveUp,
}

/// What is fed to a core.
pub(super) enum Input<P: Protocol> {
    Tick,
    Receive(NodeId, P::Message),
    Persisted(u64),
    Request(u64, ClientRequest<P::ReadMode>),
    Admin(Administration),
}

/// What an administrator asks of a core.
pub(super) enum Administration {
    ChangeMembers(Vec<NodeId>),
    Transfer(NodeId),
}

/// A client thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Thread {
    /// Counts its ops; the timeout of an earlier one is void.
    pub(super) op: u64,
    pub(super) waiting: bool,
    pub(super) answers_after_healing: u32,
}

pub(super) struct World<'a, P: Simulated, S, C> {
    pub(super) config: &'a SimConfig,
    pub(super) options: P::Options,
    pub(super) rng: ChaCha8Rng,
    pub(super) now_us: u64,
    pub(super) queue: EventQueue<Event<P::Message>>,
    pub(super) nodes: Vec<Node<P, S>>,
    pub(super) network: Network,
    pub(super) partition: u64,
    pub(super) clients: &'a mut C,
    pub(super) threads: Vec<Thread>,
    pub(super) healed: bool,
    pub(super) faults: Vec<FaultRecord>,
    /// Faults that wait for an election.
    pub(super) armed: Vec<PlannedFault>,
    pub(super) trace: Trace,
    pub(super) stats: Stats,
    invariants: Invariants,
    sync_us_max: u64,
    highest_term: u64,
    highest_term_led: u64,
}

/// Runs a cluster under `seed` until every client was served after the last fault, or something failed.
pub fn simulate<P, S, C>(seed: u64, config: &SimConfig, options: P::Options, clients: &mut C) -> Outcome
where
    P: Simulated,
    S: StateMachine + Default,
    C: Clients<P::ReadMode>,
{
    let mut world = World::<P, S, C>::new(seed, config, options, clients);
    let conditions = world.network.conditions;
    let failure = world.run();
    world.stats.virtual_us = world.now_us;
    Outcome {
        failure,
        at_us: world.now_us,
        conditions,
        faults: world.faults,
        stats: world.stats,
        trace: world.trace.into_lines(),
    }
}

impl<'a, P, S, C> World<'a, P, S, C>
where
    P: Simulated,
    S: StateMachine + Default,
    C: Clients<P::ReadMode>,
{
    fn new(seed: u64, config: &'a SimConfig, options: P::Options, clients: &'a mut C) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let conditions = if config.faults {
            NetworkConditions::draw(&mut rng)
        } else {
            NetworkConditions::HEALTHY
        };
        let mut queue = EventQueue::new();
        let mut nodes = Vec::new();
        for id in (1..=config.nodes).map(NodeId) {
            // Extremes are where bounds break, so they are as likely as all between.
            let drift = match rng.next_u32() % 4 {
                0 => 0,
                1 => 2 * config.clock_drift_ppm,
                _ => rng.next_u64() % (2 * config.clock_drift_ppm + 1),
            };
            let rate_ppm = 1_000_000 - config.clock_drift_ppm + drift;
            nodes.push(Node::new(
                id,
                Clock {
                    offset_us: rng.next_u64() % 1_000_000_000,
                    rate_ppm,
                },
            ));
            queue.put(0, Event::Restart { node: id });
        }
        if config.faults {
            for fault in plan_faults(&mut rng, config.safety_us, config.reconfiguration) {
                queue.put(fault.at_us, Event::Strike { fault });
            }
        }
        queue.put(config.safety_us, Event::Heal);
        queue.put(config.safety_us + config.liveness_us, Event::GiveUp);
        for thread in 0..clients.threads() {
            queue.put(
                100_000 + rng.next_u64() % (config.think_us_max + 1),
                Event::Invoke { thread },
            );
        }
        let sync_us_max = SYNC_US[rng.next_u32() as usize % SYNC_US.len()];
        Self {
            config,
            options,
            rng,
            now_us: 0,
            queue,
            nodes,
            network: Network::new(config.nodes, conditions),
            partition: 0,
            threads: vec![Thread::default(); clients.threads()],
            clients,
            healed: false,
            faults: Vec::new(),
            armed: Vec::new(),
            trace: Trace::new(config.trace),
            stats: Stats::default(),
            invariants: Invariants::new(config.nodes),
            sync_us_max,
            highest_term: 0,
            highest_term_led: 0,
        }
    }

    fn run(&mut self) -> Option<Failure> {
        while let Some((at_us, event)) = self.queue.next() {
            self.now_us = at_us;
            self.stats.events += 1;
            if self.stats.events > EVENTS_MAX {
                return Some(Failure::Stuck(format!(
                    "{EVENTS_MAX} events did not bring the run to its end"
                )));
            }
            if let Event::GiveUp = event {
                return Some(Failure::Stuck(self.describe_who_waits()));
            }
            if let Err(broken) = self.carry_out(event) {
                self.trace.line(
                    self.now_us,
                    format_args!("broken {}: {}", broken.invariant, broken.what),
                );
                return Some(Failure::Invariant(broken));
            }
            if self.healed
                && self
                    .threads
                    .iter()
                    .all(|t| t.answers_after_healing >= ANSWERS_AFTER_HEALING)
            {
                return None;
            }
        }
        unreachable!("the end of the liveness phase is in the queue")
    }

    fn carry_out(&mut self, event: Event<P::Message>) -> Result<(), Broken> {
        match event {
            Event::Deliver { from, to, message } => self.deliver(from, to, message),
            Event::Wake { node } => self.wake(node),
            Event::Synced {
                node,
                incarnation,
                position,
            } => self.synced(node, incarnation, position),
            Event::Invoke { thread } => self.invoke(thread),
            Event::TimeOut { thread, op } => {
                if self.threads[thread].waiting && self.threads[thread].op == op {
                    self.complete(thread, ClientOutcome::Refused(Refusal::Unknown));
                }
                Ok(())
            }
            Event::Strike { fault } => self.strike(fault),
            Event::Ambush { fault } => {
                self.ambush(fault);
                Ok(())
            }
            Event::HealPartition { partition } => {
                if partition == self.partition {
                    self.network.heal();
                }
                Ok(())
            }
            Event::Restart { node } => self.restart(node),
            Event::Heal => self.heal(),
            Event::Administer => self.restore_membership(),
            Event::GiveUp => Ok(()),
        }
    }

    fn deliver(&mut self, from: NodeId, to: NodeId, message: P::Message) -> Result<(), Broken> {
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

    fn wake(&mut self, node: NodeId) -> Result<(), Broken> {
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

    fn synced(&mut self, node: NodeId, incarnation: Incarnation, position: u64) -> Result<(), Broken> {
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

    fn paused(&mut self, node: NodeId) -> Option<u64> {
        let now_us = self.now_us;
        let until_us = self.node(node).paused_until_us;
        (until_us > now_us).then_some(until_us)
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node<P, S> {
        &mut self.nodes[usize::from(id.0) - 1]
    }

    /// Starts a life of a node with what is on its disk.
    fn restart(&mut self, id: NodeId) -> Result<(), Broken> {
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
        let core = P::start(setup, node.disk.contents(), node.clock.local(now_us));
        node.life = Some(Life {
            core,
            machine: S::default(),
            held: Default::default(),
            persisted: 0,
            pending: Default::default(),
            requests: 0,
            wake_at_us: u64::MAX,
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
        loop {
            let Some(life) = &mut self.node(id).life else {
                return Ok(());
            };
            let ready = life.core.ready();
            if ready.is_empty() {
                break;
            }
            self.handle(id, ready)?;
        }
        self.look_at(id)
    }

    /// Checks the invariants, and sees to it that the node is woken in time.
    fn look_at(&mut self, id: NodeId) -> Result<(), Broken> {
        let node = &mut self.nodes[usize::from(id.0) - 1];
        let Some(life) = &mut node.life else { return Ok(()) };
        self.invariants.stepped(id, &life.core)?;
        let wake_at_us = node.clock.global(life.core.deadline()).max(self.now_us + 1);
        if wake_at_us < life.wake_at_us {
            life.wake_at_us = wake_at_us;
            self.queue.put(wake_at_us, Event::Wake { node: id });
        }
        let status = life.core.status();
        if status.term > self.highest_term {
            self.highest_term = status.term;
            self.spring(|kind| kind == FaultKind::BlinkAtNewTerm);
        }
        if status.leader == Some(id) && status.term > self.highest_term_led {
            self.highest_term_led = status.term;
            self.stats.elections += 1;
            self.spring(|kind| matches!(kind, FaultKind::IsolateNewLeader | FaultKind::CrashNewLeader));
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
        let Some(life) = &mut self.node(id).life else {
            return Ok(());
        };
        let term = life.core.status().term;
        match effect {
            Effect::Restore { snapshot, .. } => {
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
                    life.core.read_result(request, result);
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
                life.core.snapshot_taken(version, snapshot);
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
