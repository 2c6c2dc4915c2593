//! No more memory: a process keeps what it has, and the kernel refuses it every further mapping.
//!
//! A node may go on with what it has, or end and name the want of memory in its last words. Such an end is the fault's
//! doing, and the node is started again when the fault ends.
//!
//! It is proven if the kernel's own account says, until the end, that the process has more than it may have; or if the
//! process ended and named the cause. Afterwards that account must say otherwise, or another process run.

use std::thread;
use std::time::Duration;

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, is_excused};
use crate::node::Node;
use crate::process::{Death, NodeState, ProcessError};

/// How long a process that was refused memory just before it may have more takes to end, with room to spare.
const LAST_GASP: Duration = Duration::from_millis(50);

/// Processes without more memory.
pub(super) struct NoMemory {
    aim: Aim,
    /// The nodes and processes struck, until they are healed.
    struck: Vec<(Node, u32)>,
    healed: Vec<(Node, u32)>,
    /// Nodes that had been chosen, but died by themselves before.
    too_late: Vec<Death>,
}

impl NoMemory {
    pub(super) fn new(aim: Aim) -> Self {
        Self {
            aim,
            struck: Vec::new(),
            healed: Vec::new(),
            too_late: Vec::new(),
        }
    }

    fn look(arena: Arena<'_>, node: Node, pid: u32, evidence: &mut Evidence) -> Result<(), FaultError> {
        match arena.nodes.memory(node) {
            Ok(memory) if memory.pid == pid => {
                let limit = memory
                    .limit
                    .map_or("no limit".to_owned(), |limit| format!("a limit of {limit}"));
                evidence.add(
                    memory.is_denied(),
                    format!("{node} (process {pid}) had {} bytes, and {limit}", memory.mapped),
                );
            }
            Err(ProcessError::Died(death)) if death.pid == pid => {
                evidence.add_death(arena, "without more memory", &death);
            }
            // Another fault ended it.
            Ok(_) | Err(ProcessError::NotRunning(_) | ProcessError::Died(_)) => {
                evidence.add(
                    true,
                    format!("{node} (process {pid}) was ended while it had no more memory"),
                );
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn start_again(&self, arena: Arena<'_>) -> Result<(), FaultError> {
        for (node, pid) in &self.healed {
            match arena.nodes.state(*node)? {
                NodeState::Died(death) if death.pid == *pid && is_excused(arena, &death) => {
                    arena.nodes.start(*node)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Fault for NoMemory {
    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_running = |_, state: &NodeState| matches!(state, NodeState::Running { .. });
        for node in self.aim.choose(arena, is_running)? {
            match arena.nodes.deny_memory(node) {
                Ok(pid) => self.struck.push((node, pid)),
                // Another fault will start it again.
                Err(ProcessError::Died(death)) if is_excused(arena, &death) => {}
                Err(ProcessError::Died(death)) => self.too_late.push(*death),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.struck.iter().map(|(node, _)| *node).collect())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (node, pid) in &self.struck {
            Self::look(arena, *node, *pid, &mut evidence)?;
        }
        for death in &self.too_late {
            evidence.add(false, format!("{death}; it could not be denied memory"));
        }
        let struck: Vec<Node> = self.struck.iter().map(|(node, _)| *node).collect();
        self.aim.tell(&struck, "denied memory", &mut evidence);
        if self.struck.is_empty() {
            evidence.add(false, "no node was denied memory: none was running".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let mut first_error = Ok(());
        for (node, pid) in std::mem::take(&mut self.struck) {
            match arena.nodes.give_back_memory(node) {
                // Dead, and perhaps alive again as another process: that has all the memory.
                Ok(()) | Err(ProcessError::NotRunning(_) | ProcessError::Died(_)) => {
                    self.healed.push((node, pid));
                }
                Err(error) => {
                    self.struck.push((node, pid));
                    first_error = first_error.and(Err(error.into()));
                }
            }
        }
        thread::sleep(LAST_GASP);
        first_error.and(self.start_again(arena))
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (node, pid) in &self.healed {
            match arena.nodes.memory(*node) {
                Ok(memory) if memory.pid == *pid => {
                    let sentence = format!("{node} lived on, and may have more memory again");
                    evidence.add(!memory.is_denied(), sentence);
                }
                Ok(memory) => evidence.add(true, format!("{node} runs again as process {}", memory.pid)),
                // Another fault holds it down.
                Err(ProcessError::NotRunning(_)) => {}
                Err(ProcessError::Died(death)) => evidence.add_death(arena, "with memory again", &death),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(evidence)
    }
}
