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
//! node that died by itself is left dead, for it is a finding. A node whose disk fails may well end, if it says why and
//! does not panic: the fault of its disk excuses that, and starts it again.
//!
//! A fault that is aimed at the leader waits a while for one to be known. Where none comes to be, it strikes
//! another node, and its evidence says so.

mod aim;
mod clients;
mod clock;
mod corrupt_file;
mod crash_loop;
mod flapping;
mod impaired;
mod kill;
mod loss;
mod memory;
mod parallel;
mod partition;
mod pause;
mod power;
mod refusing;
mod reset;
mod sightings;
mod slow;
mod slow_cpu;
mod slow_disk;
mod terminate;
mod treated;
mod whole;

use std::io;

use aim::Aim;
pub(crate) use clock::check_clocks_are_right;
pub(crate) use whole::check_network_is_whole;

use crate::disk::{Corruption, Disk, DiskError, Refusal, Tail};
use crate::firewall::{FirewallError, Treatment};
use crate::grudge::CutShape;
use crate::impair::ImpairError;
use crate::network::Network;
use crate::node::{Node, NodeSet};
use crate::process::{Death, NodeState, Nodes, ProcessError};
use crate::schedule::{
    ClockVariant, DRIFT, DriftVariant, FaultVariant, FileCorruption, Moments, ScheduledFault,
};

/// What faults act upon.
#[derive(Clone, Copy)]
pub struct Arena<'a> {
    /// The network.
    pub network: &'a Network,
    /// The processes.
    pub nodes: &'a dyn Nodes,
    /// Asks which nodes lead just now, or believe that they do. Empty where none is known to.
    pub primaries: &'a (dyn Fn() -> Vec<Node> + Sync),
    /// Tells when moments come that faults wait for.
    pub moments: &'a dyn Moments,
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

    /// Adds a death: for the fault if a fault of the node's disk excuses it, else against it.
    fn add_death(&mut self, arena: Arena<'_>, when: &str, death: &Death) {
        match is_excused(arena, death) {
            true => self.sentences.push(format!("{when}, {}", death.in_short())),
            false => self.objections.push(format!("{when}, {death}")),
        }
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
    /// Packets could not be impaired, or let pass again.
    #[error(transparent)]
    Impair(#[from] ImpairError),
    /// The network could not be probed.
    #[error("probing the network failed")]
    Probe(#[source] io::Error),
    /// The node is of a system whose clocks cannot be bent.
    #[error("the clock of {0} cannot be bent: its system takes no orders to it")]
    NoClock(Node),
    /// A disk did not do as it should.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The node's data folder is on no disk of the run's.
    #[error("the data folder of {0} is on a disk of the host's, which cannot be made to fail")]
    NoDisk(Node),
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

    /// Does what it does again and again while it is in force. Called some times a second, never while another fault
    /// starts, stops or is observed.
    ///
    /// # Errors
    /// If it cannot.
    fn keep_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(())
    }

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
    let aim = |set| Aim::new(set, scheduled);
    match scheduled.variant {
        FaultVariant::Partition(_) => Box::new(partition::Partition::new(scheduled.clone(), Treatment::Drop)),
        FaultVariant::Kill(set) => Box::new(kill::Kill::new(aim(set))),
        FaultVariant::Pause(set) => Box::new(pause::Pause::new(aim(set))),
        FaultVariant::Drift(variant) => {
            let (set, bend) = match variant {
                DriftVariant::OneFast => (NodeSet::One, clock::Bend::Rate(1.0 + DRIFT)),
                DriftVariant::LeaderSlow => (NodeSet::Primaries, clock::Bend::Rate(1.0 - DRIFT)),
            };
            Box::new(clock::Clock::new(aim(set), bend))
        }
        FaultVariant::Clock(variant) => {
            let (set, bend) = match variant {
                ClockVariant::OneAhead => (NodeSet::One, clock::Bend::Jump(clock::JUMP_US)),
                ClockVariant::LeaderBack => (NodeSet::Primaries, clock::Bend::Jump(-clock::JUMP_US)),
                ClockVariant::OneStrobes => (NodeSet::One, clock::Bend::Strobe),
            };
            Box::new(clock::Clock::new(aim(set), bend))
        }
        FaultVariant::Loss(variant) => Box::new(loss::Loss::new(variant, scheduled)),
        FaultVariant::Cut(CutShape::MinorityThird | CutShape::Random) => {
            Box::new(partition::Partition::new(scheduled.clone(), Treatment::Sever))
        }
        FaultVariant::Cut(CutShape::Clients) => Box::new(clients::Clients::new(scheduled.clone())),
        FaultVariant::Cut(CutShape::Flapping) => Box::new(flapping::Flapping::new(scheduled)),
        FaultVariant::Cut(CutShape::Reset) => Box::new(reset::Reset::new(scheduled.clone())),
        FaultVariant::Delay(_)
        | FaultVariant::Reorder(_)
        | FaultVariant::Duplicate(_)
        | FaultVariant::Corrupt(_) => Box::new(impaired::Impaired::new(scheduled.clone())),
        FaultVariant::Slow(_) => Box::new(slow::Slow::new(scheduled.clone())),
        FaultVariant::Terminate(set) => Box::new(terminate::Terminate::new(aim(set), scheduled)),
        FaultVariant::CrashLoop(set) => Box::new(crash_loop::CrashLoop::new(aim(set), scheduled)),
        FaultVariant::Power(set) => Box::new(power::Power::new(aim(set), set, Tail::Lost, scheduled)),
        FaultVariant::TornWrite(set) => Box::new(power::Power::new(aim(set), set, Tail::Torn, scheduled)),
        FaultVariant::DiskFull(set) => Box::new(refusing::Refusing::new(aim(set), Refusal::Growth)),
        FaultVariant::DiskError(set) => Box::new(refusing::Refusing::new(aim(set), Refusal::Everything)),
        FaultVariant::SlowDisk(set) => Box::new(slow_disk::SlowDisk::new(aim(set))),
        FaultVariant::CorruptFile(variant) => {
            let (set, corruption) = match variant {
                FileCorruption::LeaderBitFlip => (NodeSet::Primaries, Corruption::BitFlip),
                FileCorruption::OneTruncated => (NodeSet::One, Corruption::Truncation),
            };
            Box::new(corrupt_file::CorruptFile::new(aim(set), corruption, scheduled))
        }
        FaultVariant::Memory(set) => Box::new(memory::NoMemory::new(aim(set))),
        FaultVariant::SlowCpu(set) => Box::new(slow_cpu::SlowCpu::new(aim(set))),
    }
}

/// Whether a node whose process `before` was ended runs again, as another process.
fn runs_again(arena: Arena<'_>, node: Node, before: u32) -> Result<Evidence, FaultError> {
    let mut evidence = Evidence::default();
    match arena.nodes.state(node)? {
        NodeState::Running { pid } | NodeState::Paused { pid } => {
            evidence.add(pid != before, format!("{node} runs again as process {pid}"));
        }
        NodeState::Down => evidence.add(false, format!("{node} does not run again")),
        NodeState::Died(death) => evidence.add_death(arena, "started again", &death),
    }
    Ok(evidence)
}

/// Whether a node's death is the doing of a fault of its disk or memory, which starts it again.
pub(crate) fn is_excused(arena: Arena<'_>, death: &Death) -> bool {
    let disk = arena.nodes.disk(death.node);
    death.is_for_want_of_memory() || disk.is_some_and(|disk| disk.excuses(death))
}

/// The disk of a node.
fn disk(arena: Arena<'_>, node: Node) -> Result<Disk, FaultError> {
    arena.nodes.disk(node).ok_or(FaultError::NoDisk(node))
}

/// Checks that every node has a disk that can fail.
fn require_disks(arena: Arena<'_>) -> Result<(), FaultError> {
    arena
        .nodes
        .nodes()
        .into_iter()
        .try_for_each(|node| disk(arena, node).map(|_| ()))
}
