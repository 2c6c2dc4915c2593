//! Pauses: processes are stopped by SIGSTOP, as a long garbage collection or a starved machine would, and
//! continued.
//!
//! A pause is proven if all threads of the process were seen stopped after the signal, and still before SIGCONT
//! unless the process was killed meanwhile, and none of them after.

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, is_excused};
use crate::node::Node;
use crate::process::{Death, NodeState, ProcessError, ThreadStates};

/// A pause.
pub(super) struct Pause {
    aim: Aim,
    paused: Vec<(Node, ThreadStates)>,
    /// Nodes that had been chosen, but died by themselves before the signal.
    too_late: Vec<Death>,
    /// The nodes that `stop` continued.
    resumed: Vec<Node>,
}

impl Pause {
    pub(super) fn new(aim: Aim) -> Self {
        Self {
            aim,
            paused: Vec::new(),
            too_late: Vec::new(),
            resumed: Vec::new(),
        }
    }
}

impl Fault for Pause {
    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_running = |_, state: &NodeState| matches!(state, NodeState::Running { .. });
        for node in self.aim.choose(arena, is_running)? {
            match arena.nodes.pause(node) {
                Ok(states) => self.paused.push((node, states)),
                // It has got the signal, so it must be resumed; how many of its threads stood is for the evidence.
                Err(ProcessError::Late { .. }) => self.paused.push((node, arena.nodes.thread_states(node)?)),
                // A fault of its disk will start it again.
                Err(ProcessError::Died(death)) if is_excused(arena, &death) => {}
                Err(ProcessError::Died(death)) => self.too_late.push(*death),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.paused.iter().map(|(node, _)| *node).collect())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (
            node,
            ThreadStates {
                pid,
                threads,
                stopped,
            },
        ) in &self.paused
        {
            evidence.add(
                stopped == threads,
                format!("{stopped} of {threads} threads of {node} (process {pid}) stood stopped"),
            );
            match arena.nodes.state(*node)? {
                NodeState::Paused { pid: now } if now == *pid => {
                    let ThreadStates { threads, stopped, .. } = arena.nodes.thread_states(*node)?;
                    let sentence = format!("before it was resumed, {stopped} of {threads} of them still did");
                    evidence.add(stopped == threads, sentence);
                }
                NodeState::Running { pid: now } if now == *pid => {
                    evidence.add(false, format!("{node} did not stay paused"));
                }
                NodeState::Died(death) => evidence.add_death(arena, "while it was paused", &death),
                _ => evidence.add(true, format!("{node} was killed while it was paused")),
            }
        }
        for death in &self.too_late {
            evidence.add(false, format!("{death}; it could not be paused"));
        }
        let paused: Vec<Node> = self.paused.iter().map(|(node, _)| *node).collect();
        self.aim.tell(&paused, "paused", &mut evidence);
        if self.paused.is_empty() {
            evidence.add(false, "no node was paused: none was running".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let mut first_error = Ok(());
        for (node, states) in &self.paused {
            // Only the very process that was paused, and only if it still is.
            let resumed = match arena.nodes.state(*node) {
                Ok(NodeState::Paused { pid }) if pid == states.pid => arena.nodes.resume(*node),
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            match resumed {
                Ok(_) => self.resumed.push(*node),
                // Killed by something else while it was stopped: a finding for whoever looks at its state.
                Err(ProcessError::Died(_)) => {}
                Err(error) => first_error = first_error.and(Err(error.into())),
            }
        }
        first_error
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for node in &self.resumed {
            match arena.nodes.thread_states(*node) {
                Ok(ThreadStates { stopped, .. }) => {
                    let sentence = format!("resumed, {node} had {stopped} stopped threads");
                    evidence.add(stopped == 0, sentence);
                }
                Err(ProcessError::Died(death)) => evidence.add_death(arena, "resumed", &death),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(evidence)
    }
}
