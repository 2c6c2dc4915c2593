//! Kills: processes are ended by SIGKILL, which no process can catch, and started again.
//!
//! A kill is proven if wait(2) told that the process had been ended by signal 9, the node stayed down until it was
//! to be started, and then another process ran.

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, is_excused, parallel};
use crate::node::Node;
use crate::process::{Death, Killed, NodeState, ProcessError};

/// A kill.
pub(super) struct Kill {
    aim: Aim,
    killed: Vec<(Node, Killed)>,
    /// Nodes that had been chosen, but died by themselves before the signal.
    too_late: Vec<Death>,
}

impl Kill {
    pub(super) fn new(aim: Aim) -> Self {
        Self {
            aim,
            killed: Vec::new(),
            too_late: Vec::new(),
        }
    }
}

impl Fault for Kill {
    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_alive =
            |_, state: &NodeState| matches!(state, NodeState::Running { .. } | NodeState::Paused { .. });
        let chosen = self.aim.choose(arena, is_alive)?;
        let results = parallel::for_each(&chosen, |node| Ok(arena.nodes.kill(*node)?));
        let mut first_error = Ok(());
        for (node, result) in chosen.iter().zip(results) {
            match result {
                Ok(killed) => self.killed.push((*node, killed)),
                // A fault of its disk will start it again.
                Err(FaultError::Process(ProcessError::Died(death))) if is_excused(arena, &death) => {}
                Err(FaultError::Process(ProcessError::Died(death))) => self.too_late.push(*death),
                Err(error) => first_error = first_error.and(Err(error)),
            }
        }
        first_error.map(|()| self.killed.iter().map(|(node, _)| *node).collect())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (node, killed) in &self.killed {
            // `NodeProcess::kill` vouches for the signal: another end is a death.
            evidence.add(
                true,
                format!("{node} (process {}) was ended by signal 9", killed.pid),
            );
            if arena.nodes.state(*node)? != NodeState::Down {
                evidence.add(false, format!("{node} did not stay down"));
            }
        }
        for death in &self.too_late {
            evidence.add(false, format!("{death}; it could not be killed"));
        }
        let killed: Vec<Node> = self.killed.iter().map(|(node, _)| *node).collect();
        self.aim.tell(&killed, "killed", &mut evidence);
        if self.killed.is_empty() {
            evidence.add(false, "no node was killed: none was alive".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let mut first_error = Ok(());
        for (node, _) in &self.killed {
            let restarted = match arena.nodes.state(*node) {
                Ok(NodeState::Down) => arena.nodes.start(*node).map(|_| ()),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            first_error = first_error.and(restarted.map_err(FaultError::from));
        }
        first_error
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (node, killed) in &self.killed {
            evidence.extend(super::runs_again(arena, *node, killed.pid)?);
        }
        Ok(evidence)
    }
}
