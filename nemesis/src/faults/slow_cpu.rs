//! Slow processors: processes get a fifth of the time, as on a machine with too many virtual ones. They are stopped and
//! continued several times a second, each time for less than a protocol's time-outs: unlike a paused node, such a
//! node answers, and late.
//!
//! It is proven if all threads of the process were seen stopped each time, for at least half of the fault together,
//! the processor's time that it used is no more than it can have got in the rest, and none of its threads is
//! stopped thereafter. One that another fault had paused all the while got no time at all, which is less still.

use std::thread;
use std::time::{Duration, Instant};

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, is_excused};
use crate::node::Node;
use crate::process::{Death, NodeState, ProcessError, ThreadStates, Throttle, Throttled};

/// By how much the kernel's account of a process's time may be off: some ticks.
const TICKS: Duration = Duration::from_millis(50);

/// How long the first stop may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// A slow processor.
pub(super) struct SlowCpu {
    aim: Aim,
    throttles: Vec<(Node, Throttle)>,
    /// What `stop` ended.
    ended: Vec<(Node, Throttled)>,
    /// Nodes that had been chosen, but died by themselves before.
    too_late: Vec<Death>,
}

impl SlowCpu {
    pub(super) fn new(aim: Aim) -> Self {
        Self {
            aim,
            throttles: Vec::new(),
            ended: Vec::new(),
            too_late: Vec::new(),
        }
    }

    /// Waits until each process was stopped at least once: a starved machine may not have come to it yet.
    fn wait_for_stops(&self) {
        let deadline = Instant::now() + PATIENCE;
        let waits = |(_, throttle): &(Node, Throttle)| {
            let got = throttle.tally();
            got.stops == 0 && got.held.is_zero() && !got.ended
        };
        while self.throttles.iter().any(waits) && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }
}

impl Fault for SlowCpu {
    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_running = |_, state: &NodeState| matches!(state, NodeState::Running { .. });
        for node in self.aim.choose(arena, is_running)? {
            match arena.nodes.throttle(node) {
                Ok(throttle) => self.throttles.push((node, throttle)),
                // A fault of its disk will start it again.
                Err(ProcessError::Died(death)) if is_excused(arena, &death) => {}
                Err(ProcessError::Died(death)) => self.too_late.push(*death),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.throttles.iter().map(|(node, _)| *node).collect())
    }

    /// A process that another fault has started in the place of one that was slow is slow as well.
    fn keep_up(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        for index in 0..self.throttles.len() {
            let (node, throttle) = &self.throttles[index];
            let (node, got) = (*node, throttle.tally());
            if !got.ended
                || self.throttles[index + 1..]
                    .iter()
                    .any(|(later, _)| *later == node)
            {
                continue;
            }
            if matches!(arena.nodes.state(node)?, NodeState::Running { pid } if pid != got.pid) {
                match arena.nodes.throttle(node) {
                    Ok(throttle) => self.throttles.push((node, throttle)),
                    // It has died by itself: a finding for whoever looks at its state.
                    Err(ProcessError::Died(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn evidence_during(&mut self, _arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        self.wait_for_stops();
        let processors = thread::available_parallelism().map_or(1, |count| count.get() as u32);
        for (node, throttle) in &self.throttles {
            let got = throttle.tally();
            if got.ended {
                evidence.add(
                    true,
                    format!("{node} (process {}) was ended while it was slow", got.pid),
                );
                continue;
            }
            if got.stops == 0 && !got.held.is_zero() {
                let (held, used) = (got.held.as_millis(), got.used.as_millis());
                let sentence = format!(
                    "{node} (process {}) was paused by another fault for {held} ms, and used {used} ms of the processors' time",
                    got.pid
                );
                evidence.add(got.used <= TICKS, sentence);
                continue;
            }
            let running = got.elapsed.saturating_sub(got.stopped);
            evidence.add(
                got.stops > 0 && got.seen_stopped == got.stops && got.stopped >= got.elapsed / 2,
                format!(
                    "{node} (process {}) was stopped {} times, with all threads seen stopped {} times, for {} ms of {}",
                    got.pid,
                    got.stops,
                    got.seen_stopped,
                    got.stopped.as_millis(),
                    got.elapsed.as_millis()
                ),
            );
            evidence.add(
                got.used <= running * processors + TICKS,
                format!(
                    "{node} used {} ms of the processors' time, in {} ms that it had",
                    got.used.as_millis(),
                    running.as_millis()
                ),
            );
        }
        for death in &self.too_late {
            evidence.add(false, format!("{death}; it could not be slowed down"));
        }
        let mut struck: Vec<Node> = self.throttles.iter().map(|(node, _)| *node).collect();
        struck.dedup();
        self.aim.tell(&struck, "slowed down", &mut evidence);
        if self.throttles.is_empty() {
            evidence.add(false, "no node was slowed down: none was running".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        let ended = self.throttles.drain(..);
        self.ended
            .extend(ended.map(|(node, throttle)| (node, throttle.end())));
        Ok(())
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (node, got) in &self.ended {
            // A process that another fault has paused or ended meanwhile is that fault's business.
            if arena.nodes.state(*node)? != (NodeState::Running { pid: got.pid }) {
                continue;
            }
            match arena.nodes.thread_states(*node) {
                Ok(ThreadStates { stopped, .. }) => {
                    let sentence = format!("no longer slow, {node} had {stopped} stopped threads");
                    evidence.add(stopped == 0, sentence);
                }
                Err(ProcessError::Died(death)) => evidence.add_death(arena, "no longer slow", &death),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(evidence)
    }
}
