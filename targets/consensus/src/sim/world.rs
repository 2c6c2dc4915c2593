//! The simulated cluster: one queue of events, carried out one by one.

use std::panic::{self, AssertUnwindSafe};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::sim::clients::{ClientOutcome, ClientRequest, Clients};
use crate::sim::clock::Clock;
use crate::sim::config::SimConfig;
use crate::sim::faults::{FaultRecord, Nemesis, PlannedFault, Temper, plan_faults};
use crate::sim::invariants::{Broken, Invariants};
use crate::sim::network::{Network, NetworkConditions};
use crate::sim::node::Node;
use crate::sim::queue::EventQueue;
use crate::sim::serve::Asked;
use crate::sim::trace::Trace;
use crate::{Incarnation, Inspect, NodeId, Protocol, Refusal, StateMachine, Time};

/// A run with more events than this for each node and second is going round in circles: ordinary ones have some
/// hundreds.
const EVENTS_PER_NODE_SECOND_MAX: u64 = 10_000;
/// How many answers every client must get after everything has healed.
pub(super) const ANSWERS_AFTER_HEALING: u32 = 3;
/// The most that a healthy disk takes to sync, microseconds.
pub(super) const HEALTHY_SYNC_US: u64 = 300;
/// The same for the disks of one run, from healthy to struggling.
const SYNC_US: [u64; 3] = [HEALTHY_SYNC_US, 2_000, 30_000];

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
    /// The core panicked: an assertion of its own failed.
    Panicked(String),
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

pub(super) enum Event<M, R> {
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
    Request(Asked<R>),
    TimeOut {
        thread: usize,
        op: u64,
    },
    Strike {
        fault: PlannedFault,
    },
    Ambush {
        fault: PlannedFault,
        node: NodeId,
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
#[derive(Clone, Debug)]
pub(super) struct Thread {
    /// The node that it asked last.
    pub(super) node: NodeId,
    /// Counts its ops; the timeout of an earlier one is void.
    pub(super) op: u64,
    pub(super) waiting: bool,
    pub(super) answers_after_healing: u32,
}

impl Thread {
    fn new() -> Self {
        Self {
            node: NodeId(1),
            op: 0,
            waiting: false,
            answers_after_healing: 0,
        }
    }
}

pub(super) struct World<'a, P: Simulated, S, C> {
    pub(super) config: &'a SimConfig,
    pub(super) options: P::Options,
    pub(super) rng: ChaCha8Rng,
    pub(super) now_us: u64,
    pub(super) queue: EventQueue<Event<P::Message, P::ReadMode>>,
    pub(super) nodes: Vec<Node<P, S>>,
    pub(super) network: Network,
    pub(super) partition: u64,
    pub(super) clients: &'a mut C,
    pub(super) threads: Vec<Thread>,
    pub(super) healed: bool,
    pub(super) faults: Vec<FaultRecord>,
    pub(super) temper: Temper,
    pub(super) trace: Trace,
    pub(super) stats: Stats,
    pub(super) invariants: Invariants,
    pub(super) sync_us_max: u64,
    pub(super) highest_term_led: u64,
    /// Whether a core is at work: a panic is then its own.
    pub(super) in_core: bool,
    events_max: u64,
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
    // What the world holds after a panic is only looked at, and never run again.
    let failure = panic::catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| {
        if !world.in_core {
            // The simulator's own fault, or the clients', and no finding about the protocol.
            panic::resume_unwind(panic);
        }
        Some(Failure::Panicked(describe_panic(panic.as_ref())))
    });
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

fn describe_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".into())
}

impl<'a, P, S, C> World<'a, P, S, C>
where
    P: Simulated,
    S: StateMachine + Default,
    C: Clients<P::ReadMode>,
{
    fn new(seed: u64, config: &'a SimConfig, options: P::Options, clients: &'a mut C) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let conditions = match config.nemesis.contains(&Nemesis::Partition) {
            true => NetworkConditions::draw(&mut rng),
            false => NetworkConditions::draw(&mut rng).lossless(),
        };
        let temper = Temper::draw(&mut rng, &config.nemesis);
        let mut queue = EventQueue::new();
        let mut nodes = Vec::new();
        for id in (1..=config.nodes_in_all()).map(NodeId) {
            let drift_ppm = match config.nemesis.contains(&Nemesis::Clock) {
                true => config.clock_drift_ppm,
                false => 0,
            };
            // Extremes are where bounds break, so they are as likely as all between.
            let drift = match rng.next_u32() % 4 {
                0 => 0,
                1 => 2 * drift_ppm,
                _ => rng.next_u64() % (2 * drift_ppm + 1),
            };
            let rate_ppm = 1_000_000 - drift_ppm + drift;
            let shown = Time(rng.next_u64() % 1_000_000_000);
            nodes.push(Node::new(id, Clock::new(shown, rate_ppm)));
            queue.put(0, Event::Restart { node: id });
        }
        for fault in plan_faults(&mut rng, config.safety_us, &config.nemesis) {
            queue.put(fault.at_us, Event::Strike { fault });
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
            network: Network::new(config.nodes_in_all(), conditions),
            partition: 0,
            threads: vec![Thread::new(); clients.threads()],
            clients,
            healed: false,
            faults: Vec::new(),
            temper,
            trace: Trace::new(config.trace),
            stats: Stats::default(),
            invariants: Invariants::new(config.nodes_in_all(), P::WORDS),
            sync_us_max,
            events_max: (config.safety_us + config.liveness_us) / 1_000_000
                * u64::from(config.nodes_in_all())
                * EVENTS_PER_NODE_SECOND_MAX,
            highest_term_led: 0,
            in_core: false,
        }
    }

    fn run(&mut self) -> Option<Failure> {
        while let Some((at_us, event)) = self.queue.next() {
            self.now_us = at_us;
            self.stats.events += 1;
            if self.stats.events > self.events_max {
                let events = self.events_max;
                return Some(Failure::Stuck(format!(
                    "{events} events did not bring the run to its end"
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

    fn carry_out(&mut self, event: Event<P::Message, P::ReadMode>) -> Result<(), Broken> {
        match event {
            Event::Deliver { from, to, message } => self.deliver(from, to, message),
            Event::Wake { node } => self.wake(node),
            Event::Synced {
                node,
                incarnation,
                position,
            } => self.synced(node, incarnation, position),
            Event::Invoke { thread } => self.invoke(thread),
            Event::Request(asked) => self.request(asked),
            Event::TimeOut { thread, op } => {
                if self.threads[thread].waiting && self.threads[thread].op == op {
                    self.complete(thread, ClientOutcome::Refused(Refusal::Unknown));
                }
                Ok(())
            }
            Event::Strike { fault } => self.strike(fault),
            Event::Ambush { fault, node } => {
                self.ambush(fault, node);
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
}
