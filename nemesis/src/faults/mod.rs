//! The faults. Each is a small part with one protocol, so that they compose and are healed alike:
//!
//! 1. `set_up`, before the run: is everything there that it needs?
//! 2. `start`: strike. It is in force when this returns.
//! 3. `evidence_during`, just before the end: what shows that it was in force?
//! 4. `stop`: heal. It is no longer in force when this returns.
//! 5. `evidence_after`: what shows that?
//!
//! Faults of different kinds overlap. Each undoes only what it did itself and nobody has changed since: a paused
//! node that was killed meanwhile is not resumed, a killed node that somebody started is not started again, and a
//! node that died by itself is left dead, for it is a finding.
//!
//! A fault that is aimed at the leader waits a while for one to be known. Where none comes to be, it strikes
//! another node, and its evidence says so.

mod clock;
mod kill;
mod loss;
mod parallel;
mod partition;
mod pause;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use clock::check_clocks_are_right;
pub(crate) use partition::check_network_is_whole;
use rand_chacha::ChaCha8Rng;

use crate::firewall::FirewallError;
use crate::network::Network;
use crate::node::{Node, NodeSet, names};
use crate::process::{NodeState, Nodes, ProcessError};
use crate::rng;
use crate::schedule::{ClockVariant, DRIFT, DriftVariant, FaultVariant, ScheduledFault};

/// How long a fault that is aimed at the leader waits at most for one to be known. An election takes less, unless
/// it cannot succeed.
const LEADER_PATIENCE: Duration = Duration::from_secs(1);
const LEADER_POLL: Duration = Duration::from_millis(20);

/// What faults act upon.
#[derive(Clone, Copy)]
pub struct Arena<'a> {
    /// The network.
    pub network: &'a Network,
    /// The processes.
    pub nodes: &'a dyn Nodes,
    /// Asks which nodes lead just now, or believe that they do. Empty where none is known to.
    pub primaries: &'a (dyn Fn() -> Vec<Node> + Sync),
}

/// What shows that a fault was in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What was seen, a sentence each.
    pub sentences: Vec<String>,
    /// What speaks against it, a sentence each.
    pub objections: Vec<String>,
}

impl Evidence {
    /// Adds what was seen: for the fault if `holds`, else against it.
    pub fn add(&mut self, holds: bool, sentence: String) {
        if holds {
            &mut self.sentences
        } else {
            &mut self.objections
        }
        .push(sentence);
    }

    /// Whether it proves the fault: something was seen, and nothing speaks against it.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        self.objections.is_empty() && !self.sentences.is_empty()
    }

    /// Adds what was seen at another time.
    pub fn extend(&mut self, other: Self) {
        self.sentences.extend(other.sentences);
        self.objections.extend(other.objections);
    }
}

/// Why a fault could not be started, observed or stopped: a failure of the harness or the host, never a finding.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// A process did not do as it should.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Packets could not be dropped, or counted, or let through again.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// The network could not be probed.
    #[error("probing the network failed")]
    Probe(#[source] io::Error),
    /// The node is of a system whose clocks cannot be bent.
    #[error("the clock of {0} cannot be bent: its system takes no orders to it")]
    NoClock(Node),
    /// A thread could not be started.
    #[error("starting a thread failed")]
    Thread(#[source] io::Error),
}

/// A fault of a schedule. See the [module](self) for the protocol.
pub trait Fault: Send {
    /// Checks that all is there that it needs.
    ///
    /// # Errors
    /// If something is missing.
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(())
    }

    /// Strikes, and returns the nodes struck.
    ///
    /// # Errors
    /// If it cannot; part of it may then be in force, and `stop` must be called all the same.
    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError>;

    /// Looks for its effect, while it is in force.
    ///
    /// # Errors
    /// If there is no looking.
    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError>;

    /// Heals all of it that is in force. Legal at any time, also after a failed `start` or `stop`.
    ///
    /// # Errors
    /// If something could not be healed; the rest is.
    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError>;

    /// Looks for its absence, after `stop`.
    ///
    /// # Errors
    /// If there is no looking.
    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError>;
}

/// The fault that `scheduled` describes.
#[must_use]
pub fn build(scheduled: &ScheduledFault) -> Box<dyn Fault> {
    let rng = rng::from_seed(scheduled.seed);
    let patience = leader_patience(scheduled);
    match scheduled.variant {
        FaultVariant::Partition(shape) => Box::new(partition::Partition::new(shape, rng, patience)),
        FaultVariant::Kill(set) => Box::new(kill::Kill::new(set, rng, patience)),
        FaultVariant::Pause(set) => Box::new(pause::Pause::new(set, rng, patience)),
        FaultVariant::Drift(variant) => {
            let (set, bend) = match variant {
                DriftVariant::OneFast => (NodeSet::One, clock::Bend::Rate(1.0 + DRIFT)),
                DriftVariant::LeaderSlow => (NodeSet::Primaries, clock::Bend::Rate(1.0 - DRIFT)),
            };
            Box::new(clock::Clock::new(set, bend, rng, patience))
        }
        FaultVariant::Clock(variant) => {
            let (set, bend) = match variant {
                ClockVariant::OneAhead => (NodeSet::One, clock::Bend::Jump(clock::JUMP_US)),
                ClockVariant::LeaderBack => (NodeSet::Primaries, clock::Bend::Jump(-clock::JUMP_US)),
                ClockVariant::OneStrobes => (NodeSet::One, clock::Bend::Strobe),
            };
            Box::new(clock::Clock::new(set, bend, rng, patience))
        }
        FaultVariant::Loss(variant) => Box::new(loss::Loss::new(variant, patience)),
    }
}

/// How long the fault may wait for a leader: it must leave at least half of its time for the fault itself.
fn leader_patience(scheduled: &ScheduledFault) -> Duration {
    LEADER_PATIENCE.min(scheduled.duration() / 2)
}

/// The nodes to strike.
struct Chosen {
    nodes: Vec<Node>,
    /// Whether a leader was wanted, but none that can be struck was known.
    leaderless: bool,
}

/// Chooses from the nodes that fit, by their state.
fn choose(
    set: NodeSet,
    arena: Arena<'_>,
    patience: Duration,
    rng: &mut ChaCha8Rng,
    mut fits: impl FnMut(Node, &NodeState) -> bool,
) -> Result<Chosen, FaultError> {
    let all = arena.nodes.nodes();
    let mut candidates = Vec::new();
    for node in &all {
        if fits(*node, &arena.nodes.state(*node)?) {
            candidates.push(*node);
        }
    }
    let leaders = if set == NodeSet::Primaries {
        wait_for_leaders(arena.primaries, &candidates, patience)
    } else {
        Vec::new()
    };
    Ok(Chosen {
        nodes: set.choose(&candidates, all.len(), &leaders, rng),
        leaderless: set == NodeSet::Primaries && leaders.is_empty(),
    })
}

/// Waits until some of the `candidates` are known to lead, and returns those; empty where none is within `patience`.
fn wait_for_leaders(
    primaries: &(dyn Fn() -> Vec<Node> + Sync),
    candidates: &[Node],
    patience: Duration,
) -> Vec<Node> {
    let deadline = Instant::now() + patience;
    loop {
        let mut leaders = primaries();
        leaders.retain(|node| candidates.contains(node));
        if !leaders.is_empty() || candidates.is_empty() || Instant::now() >= deadline {
            return leaders;
        }
        thread::sleep(LEADER_POLL);
    }
}

/// Tells that a fault meant for the leader struck others.
fn instead_of_leader(struck: &[Node], done: &str) -> String {
    match struck {
        [] => format!("no leader was known that could be {done}"),
        [node] => format!("no leader was known that could be {done}; {node} was {done} instead"),
        nodes => format!(
            "no leader was known that could be {done}; {} were {done} instead",
            names(nodes)
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn leader_that_comes_late_is_waited_for() {
        let asked = AtomicU32::new(0);
        let primaries = || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => vec![],
            1 => vec![Node(9)],
            _ => vec![Node(2)],
        };
        // The patience is never used up.
        let found = wait_for_leaders(&primaries, &Node::range(3), Duration::from_secs(600));
        assert_eq!(found, [Node(2)]);
    }

    #[test]
    fn waiting_for_a_leader_ends_where_none_comes() {
        let nobody = || Vec::new();
        assert!(wait_for_leaders(&nobody, &Node::range(3), Duration::from_millis(1)).is_empty());
        // There is nobody who could come to lead.
        assert!(wait_for_leaders(&nobody, &[], Duration::from_secs(600)).is_empty());
    }

    #[test]
    fn waiting_for_a_leader_leaves_half_of_the_fault() {
        let patience = |stop_ms| {
            leader_patience(&ScheduledFault {
                id: 0,
                variant: FaultVariant::Kill(NodeSet::Primaries),
                start_ms: 1_000,
                stop_ms,
                seed: 0,
            })
        };
        assert_eq!(patience(2_200), Duration::from_millis(600));
        assert_eq!(patience(9_000), LEADER_PATIENCE);
    }
}
