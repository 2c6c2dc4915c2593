//! Disks that are full, and disks that fail: requests are refused, with ENOSPC or EIO.
//!
//! A node may go on as well as it can, or end: with a status of its own, a last word, and no panic. Such an end is the
//! fault's doing, and the node is started again when the disk is well; and so is one that was refused something and has
//! not ended yet, since it may be about to.
//!
//! It is proven if a write beside the node's files fails with the very error, and one is synced again afterwards.

use nix::errno::Errno;

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, disk, require_disks};
use crate::disk::Refusal;
use crate::node::Node;
use crate::process::{NodeState, ProcessError};

/// Disks that refuse requests.
pub(super) struct Refusing {
    aim: Aim,
    refusal: Refusal,
    /// The nodes whose disks refuse just now.
    struck: Vec<Node>,
    healed: Vec<Node>,
    /// The nodes that `stop` has started, with the processes before.
    restarted: Vec<(Node, u32)>,
    /// Why nodes were not started again.
    findings: Vec<String>,
}

impl Refusing {
    pub(super) fn new(aim: Aim, refusal: Refusal) -> Self {
        Self {
            aim,
            refusal,
            struck: Vec::new(),
            healed: Vec::new(),
            restarted: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The error that a write must meet, and what it is called.
    fn expected(&self) -> (Errno, &'static str) {
        match self.refusal {
            Refusal::Growth => (Errno::ENOSPC, "full"),
            Refusal::Everything => (Errno::EIO, "failing"),
        }
    }

    fn heal(&mut self, arena: Arena<'_>, node: Node) -> Result<(), FaultError> {
        let disk = disk(arena, node)?;
        if disk.accept_if_nothing_was_refused() {
            return Ok(());
        }
        // It must be dead before its disk is well: one that ends a moment later would seem to do so for no reason.
        let ended = match arena.nodes.kill(node) {
            Ok(killed) => Some(killed.pid),
            Err(ProcessError::Died(death)) if disk.excuses(&death) => Some(death.pid),
            Err(ProcessError::Died(death)) => {
                self.findings.push(death.to_string());
                None
            }
            // Another fault holds it down, and will start it.
            Err(ProcessError::NotRunning(_)) => None,
            Err(error) => {
                disk.accept();
                return Err(error.into());
            }
        };
        disk.accept();
        if let Some(pid) = ended {
            arena.nodes.start(node)?;
            self.restarted.push((node, pid));
        }
        Ok(())
    }
}

impl Fault for Refusing {
    fn set_up(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        require_disks(arena)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let fits = |node, state: &NodeState| {
            let disk = arena.nodes.disk(node);
            let free = disk.is_some_and(|disk| disk.refusal().is_none());
            free && matches!(state, NodeState::Running { .. })
        };
        for node in self.aim.choose(arena, fits)? {
            if disk(arena, node)?.refuse(self.refusal) {
                self.struck.push(node);
            }
        }
        Ok(self.struck.clone())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        let (errno, name) = self.expected();
        for node in &self.struck {
            match disk(arena, *node)?.sync_once() {
                Ok(_) => evidence.add(false, format!("a write to the disk of {node} was synced")),
                Err(error) => evidence.add(
                    error.raw_os_error() == Some(errno as i32),
                    format!("a write to the disk of {node} failed: {error}"),
                ),
            }
            if let NodeState::Died(death) = arena.nodes.state(*node)? {
                evidence.add_death(arena, &format!("on a {name} disk"), &death);
            }
        }
        self.aim
            .tell(&self.struck, &format!("given a {name} disk"), &mut evidence);
        if self.struck.is_empty() {
            evidence.add(false, format!("no node got a {name} disk: none was running"));
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let mut first_error = Ok(());
        for node in std::mem::take(&mut self.struck) {
            let healed = self.heal(arena, node);
            self.healed.push(node);
            first_error = first_error.and(healed);
        }
        first_error
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for node in &self.healed {
            let disk = disk(arena, *node)?;
            match disk.sync_once() {
                Ok(_) => evidence.add(true, format!("a write to the disk of {node} was synced again")),
                // Another fault holds it.
                Err(_) if disk.refusal().is_some() => {}
                Err(error) => {
                    let sentence = format!("a write to the disk of {node} failed still: {error}");
                    evidence.add(false, sentence);
                }
            }
        }
        for (node, before) in &self.restarted {
            evidence.extend(super::runs_again(arena, *node, *before)?);
        }
        evidence.objections.extend(self.findings.iter().cloned());
        Ok(evidence)
    }
}
