//! Crash loops: processes are killed again and again, soon after each start, as a supervisor that starts a broken
//! program makes them. A node comes back in the midst of an election or of catching up, and is gone before it is done.
//!
//! A crash loop is proven if wait(2) told at least twice that a process of the node had been ended by signal 9,
//! each time another process; and in the end one ran. Where another fault holds the node down, one kill is enough.

use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, is_excused};
use crate::node::Node;
use crate::process::{Death, NodeState, ProcessError};
use crate::rng;
use crate::schedule::ScheduledFault;

/// How long a process lives, in milliseconds: from before it listens until it may just have caught up.
const UP_MS: (u64, u64) = (20, 400);
/// How long it is dead, in milliseconds.
const DOWN_MS: (u64, u64) = (10, 200);
/// Fewer kills make no loop.
const KILLS_MIN: usize = 2;
/// How often a loop that is too short is looked after until it is one.
const POLL: Duration = Duration::from_millis(5);
/// How long that may take: several times the longest life and death.
const PATIENCE: Duration = Duration::from_secs(5);

/// A crash loop.
pub(super) struct CrashLoop {
    aim: Aim,
    rng: ChaCha8Rng,
    loops: Vec<Loop>,
    died: Vec<Death>,
}

struct Loop {
    node: Node,
    /// The processes killed.
    killed: Vec<u32>,
    /// Whether the last kill was ours, and nobody has started the node since.
    down: bool,
    /// Whether it was found down by another fault's doing.
    held: bool,
    /// When it is to be killed or started next.
    next: Instant,
}

impl CrashLoop {
    pub(super) fn new(aim: Aim, scheduled: &ScheduledFault) -> Self {
        Self {
            aim,
            // Whom it strikes is drawn from the first stream.
            rng: rng::from_seed_and_stream(scheduled.seed, 1),
            loops: Vec::new(),
            died: Vec::new(),
        }
    }

    /// Kills or starts what is due.
    fn turn(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let now = Instant::now();
        for it in self.loops.iter_mut().filter(|it| it.next <= now) {
            let (low, high) = match (it.down, arena.nodes.state(it.node)?) {
                (true, NodeState::Down) => {
                    arena.nodes.start(it.node)?;
                    it.down = false;
                    UP_MS
                }
                (_, NodeState::Running { .. } | NodeState::Paused { .. }) => {
                    match arena.nodes.kill(it.node) {
                        Ok(killed) => it.killed.push(killed.pid),
                        Err(ProcessError::Died(death)) => {
                            // A fault of its disk may start it again.
                            it.held = is_excused(arena, &death);
                            if !it.held {
                                self.died.push(*death);
                            }
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    }
                    it.down = true;
                    DOWN_MS
                }
                // Another fault holds it down, or it has died by itself.
                (_, NodeState::Down | NodeState::Died(_)) => {
                    it.down = false;
                    it.held = true;
                    DOWN_MS
                }
            };
            it.next = Instant::now() + Duration::from_millis(rng::between(low, high, &mut self.rng));
        }
        Ok(())
    }
}

impl Fault for CrashLoop {
    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_alive =
            |_, state: &NodeState| matches!(state, NodeState::Running { .. } | NodeState::Paused { .. });
        let chosen = self.aim.choose(arena, is_alive)?;
        self.loops = chosen
            .iter()
            .map(|node| Loop {
                node: *node,
                killed: Vec::new(),
                down: false,
                held: false,
                next: Instant::now(),
            })
            .collect();
        self.turn(arena)?;
        Ok(chosen)
    }

    fn keep_up(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        self.turn(arena)
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        let deadline = Instant::now() + PATIENCE;
        while self.died.is_empty()
            && self
                .loops
                .iter()
                .any(|it| !it.held && it.killed.len() < KILLS_MIN)
            && Instant::now() < deadline
        {
            self.turn(arena)?;
            thread::sleep(POLL);
        }
        for Loop {
            node, killed, held, ..
        } in &self.loops
        {
            let pids: Vec<String> = killed.iter().map(u32::to_string).collect();
            let mut distinct = killed.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let needed = if *held { 1 } else { KILLS_MIN };
            let enough = killed.len() >= needed && distinct.len() == killed.len();
            evidence.add(
                enough,
                format!(
                    "{} processes of {node} were ended by signal 9, one after the other: {}",
                    killed.len(),
                    pids.join(", ")
                ),
            );
        }
        for it in self.loops.iter().filter(|it| it.held) {
            evidence
                .sentences
                .push(format!("another fault held {} down for a while", it.node));
        }
        for death in &self.died {
            evidence.add(false, format!("in a crash loop, {death}"));
        }
        let struck: Vec<Node> = self.loops.iter().map(|it| it.node).collect();
        self.aim.tell(&struck, "killed again and again", &mut evidence);
        if self.loops.is_empty() {
            evidence.add(false, "no node was killed: none was alive".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let mut first_error = Ok(());
        for it in self.loops.iter_mut().filter(|it| it.down) {
            let restarted = match arena.nodes.state(it.node) {
                Ok(NodeState::Down) => arena.nodes.start(it.node).map(|_| ()),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            it.down = restarted.is_err();
            first_error = first_error.and(restarted.map_err(FaultError::from));
        }
        first_error
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for Loop { node, killed, .. } in &self.loops {
            if let Some(last) = killed.last() {
                // Another fault may have had reason to hold it down.
                if arena.nodes.state(*node)? != NodeState::Down {
                    evidence.extend(super::runs_again(arena, *node, *last)?);
                }
            }
        }
        Ok(evidence)
    }
}
