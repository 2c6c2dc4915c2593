//! The faults. Each is a small part with one protocol, so that they compose and are healed alike:
//!
//! 1. `set_up`, before the run: is everything there that it needs?
//! 2. `start`: strike. It is in force when this returns.
//! 3. `evidence_during`, just before the end: what shows that it was in force?
//! 4. `stop`: heal. It is no longer in force when this returns.
//! 5. `evidence_after`: what shows that?
//! 6. `tear_down`, after the run.
//!
//! Faults of different kinds overlap. Each undoes only what it did itself and nobody has changed since: a paused
//! node that was killed meanwhile is not resumed, a killed node that somebody started is not started again, and a
//! node that died by itself is left dead, for it is a finding.

mod kill;
mod parallel;
mod partition;
mod pause;

use std::io;

pub(crate) use partition::check_network_is_whole;
use rand_chacha::ChaCha8Rng;

use crate::firewall::FirewallError;
use crate::network::Network;
use crate::node::{Node, NodeSet};
use crate::process::{NodeState, Nodes, ProcessError};
use crate::rng;
use crate::schedule::{FaultVariant, ScheduledFault};

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

    /// Gives back what `set_up` took.
    ///
    /// # Errors
    /// If it cannot.
    fn tear_down(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(())
    }
}

/// The fault that `scheduled` describes.
#[must_use]
pub fn build(scheduled: &ScheduledFault) -> Box<dyn Fault> {
    let rng = rng::from_seed(scheduled.seed);
    match scheduled.variant {
        FaultVariant::Partition(shape) => Box::new(partition::Partition::new(shape, rng)),
        FaultVariant::Kill(set) => Box::new(kill::Kill::new(set, rng)),
        FaultVariant::Pause(set) => Box::new(pause::Pause::new(set, rng)),
    }
}

/// Chooses from the nodes whose state fits.
fn choose(
    set: NodeSet,
    arena: Arena<'_>,
    rng: &mut ChaCha8Rng,
    fits: impl Fn(&NodeState) -> bool,
) -> Result<Vec<Node>, FaultError> {
    let all = arena.nodes.nodes();
    let mut candidates = Vec::new();
    for node in &all {
        if fits(&arena.nodes.state(*node)?) {
            candidates.push(*node);
        }
    }
    let primaries = if set == NodeSet::Primaries {
        (arena.primaries)()
    } else {
        Vec::new()
    };
    Ok(set.choose(&candidates, all.len(), &primaries, rng))
}
