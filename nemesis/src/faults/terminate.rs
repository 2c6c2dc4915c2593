//! Terminations: processes are asked to end by SIGTERM, as an operator or a supervisor asks them, and started again.
//! One that has not ended within its grace is killed, as `systemctl stop` and Kubernetes do.
//!
//! A termination is proven if the process ended after the signal, by it or with status 0, or was killed after its
//! grace; stayed down until it was to be started; and then another process ran. One that ends otherwise, by a
//! panic say, has died by itself: that is a finding.

use std::thread;
use std::time::{Duration, Instant};

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError};
use crate::node::Node;
use crate::process::{Death, NodeState, ProcessError};
use crate::schedule::ScheduledFault;

/// How long a process may take to end at most. Supervisors give more (90 s, 30 s), for systems that have more to do.
const GRACE_MAX: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(2);

/// A termination.
pub(super) struct Terminate {
    aim: Aim,
    grace: Duration,
    ended: Vec<(Node, Ended)>,
    /// Nodes that had been chosen, but died by themselves before the signal or because of it.
    died: Vec<Death>,
}

struct Ended {
    pid: u32,
    /// How long after the signal; none if it was killed.
    after: Option<Duration>,
    /// Its death, where a fault of its disk excuses that.
    died: Option<Death>,
}

impl Ended {
    fn of(pid: u32, after: Option<Duration>) -> Self {
        let died = None;
        Self { pid, after, died }
    }
}

impl Terminate {
    pub(super) fn new(aim: Aim, scheduled: &ScheduledFault) -> Self {
        Self {
            aim,
            // It must leave half of the fault for the time without the process.
            grace: GRACE_MAX.min(scheduled.duration() / 2),
            ended: Vec::new(),
            died: Vec::new(),
        }
    }

    /// Waits for the end of a process that was asked to, and kills it if its grace is over.
    fn see_off(
        &mut self,
        arena: Arena<'_>,
        (node, pid): (Node, u32),
        asked: Instant,
    ) -> Result<(), FaultError> {
        loop {
            match arena.nodes.state(node)? {
                NodeState::Running { .. } | NodeState::Paused { .. } => {}
                NodeState::Down => {
                    let after = Some(asked.elapsed());
                    self.ended.push((node, Ended::of(pid, after)));
                    return Ok(());
                }
                // A fault of its disk will start it again.
                NodeState::Died(death) if super::is_excused(arena, &death) => {
                    let after = Some(asked.elapsed());
                    let died = Some(death);
                    self.ended.push((node, Ended { pid, after, died }));
                    return Ok(());
                }
                NodeState::Died(death) => {
                    self.died.push(death);
                    return Ok(());
                }
            }
            if asked.elapsed() >= self.grace {
                break;
            }
            thread::sleep(POLL);
        }
        match arena.nodes.kill(node) {
            Ok(_) => self.ended.push((node, Ended::of(pid, None))),
            // Just now it did end.
            Err(ProcessError::NotRunning(_)) => {
                let after = Some(asked.elapsed());
                self.ended.push((node, Ended::of(pid, after)));
            }
            Err(ProcessError::Died(death)) => self.died.push(*death),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Fault for Terminate {
    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_running = |_, state: &NodeState| matches!(state, NodeState::Running { .. });
        let mut asked = Vec::new();
        let mut first_error = Ok(());
        for node in self.aim.choose(arena, is_running)? {
            match arena.nodes.ask_to_end(node) {
                Ok(pid) => asked.push((node, pid)),
                Err(ProcessError::Died(death)) if super::is_excused(arena, &death) => {}
                Err(ProcessError::Died(death)) => self.died.push(*death),
                Err(error) => first_error = first_error.and(Err(error.into())),
            }
        }
        let since = Instant::now();
        for target in asked {
            first_error = first_error.and(self.see_off(arena, target, since));
        }
        first_error.map(|()| self.ended.iter().map(|(node, _)| *node).collect())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (node, Ended { pid, after, died }) in &self.ended {
            let how = match after {
                Some(after) => format!("ended {} ms after SIGTERM", after.as_millis()),
                None => format!(
                    "had not ended {} ms after SIGTERM, and was killed",
                    self.grace.as_millis()
                ),
            };
            evidence.add(true, format!("{node} (process {pid}) {how}"));
            if let Some(death) = died {
                evidence
                    .sentences
                    .push(format!("asked to end, {}", death.in_short()));
            } else if arena.nodes.state(*node)? != NodeState::Down {
                evidence.add(false, format!("{node} did not stay down"));
            }
        }
        for death in &self.died {
            evidence.add(false, format!("asked to end, {death}"));
        }
        let ended: Vec<Node> = self.ended.iter().map(|(node, _)| *node).collect();
        self.aim.tell(&ended, "asked to end", &mut evidence);
        if self.ended.is_empty() {
            evidence.add(false, "no node was asked to end: none was running".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let mut first_error = Ok(());
        for (node, _) in &self.ended {
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
        for (node, Ended { pid: before, .. }) in &self.ended {
            evidence.extend(super::runs_again(arena, *node, *before)?);
        }
        Ok(evidence)
    }
}
