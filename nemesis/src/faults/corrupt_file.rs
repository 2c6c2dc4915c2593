//! Corruption: a process is killed, and its log is not what it was when it is started again. Raft and ZAB promise
//! nothing on a disk that lies; what a node must do is to notice, and not go on.
//!
//! So no claim is at stake: a node that notices ends, as if it were down, and gets its true log back when the fault ends.
//! One that starts all the same is killed, and the fault is not proven. What is corrupted is chosen such that a log with
//! checksums cannot take it for the torn tail of a power failure: a bit with records after it, or all of the log.
//! (A flipped bit in the last record cannot be told from a torn tail, so that a node would forget in good
//! faith what it had promised: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018.)
//!
//! It is proven if the process ended by itself, with a status of its own and a last word, when it was started on the
//! corrupted log, and another process ran on the true one.

use std::thread;
use std::time::{Duration, Instant};

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, disk, require_disks};
use crate::disk::{Corrupted, Corruption};
use crate::node::Node;
use crate::process::{NodeState, ProcessError};
use crate::schedule::ScheduledFault;

/// How long a process may take to notice. It reads its log first of all, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(2);

/// A corruption.
pub(super) struct CorruptFile {
    aim: Aim,
    corruption: Corruption,
    seed: u64,
    struck: Vec<Struck>,
    seen: Evidence,
}

struct Struck {
    node: Node,
    /// The process that was killed.
    before: u32,
    /// None once it is restored, or where there was nothing to corrupt.
    corrupted: Option<Corrupted>,
    /// Whether it is for us to start it again.
    ours: bool,
}

impl CorruptFile {
    pub(super) fn new(aim: Aim, corruption: Corruption, scheduled: &ScheduledFault) -> Self {
        Self {
            aim,
            corruption,
            seed: scheduled.seed,
            struck: Vec::new(),
            seen: Evidence::default(),
        }
    }

    fn strike(&mut self, arena: Arena<'_>, node: Node) -> Result<(), FaultError> {
        let before = match arena.nodes.kill(node) {
            Ok(killed) => killed.pid,
            Err(ProcessError::Died(death)) => {
                self.seen
                    .add(false, format!("{death}; its log could not be corrupted"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.struck.push(Struck {
            node,
            before,
            corrupted: None,
            ours: true,
        });
        let Some(corrupted) = disk(arena, node)?.corrupt(self.corruption, self.seed)? else {
            self.seen.add(
                false,
                format!("{node} has no file that is large enough to corrupt"),
            );
            return Ok(());
        };
        let sentence = format!("{node} (process {before}) was killed, and {}", corrupted.told);
        self.seen.sentences.push(sentence);
        if let Some(last) = self.struck.last_mut() {
            last.corrupted = Some(corrupted);
        }
        arena.nodes.start(node)?;
        self.see_it_end(arena, node)
    }

    /// Waits until the process has noticed, and kills it if it has not.
    fn see_it_end(&mut self, arena: Arena<'_>, node: Node) -> Result<(), FaultError> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let NodeState::Died(death) = arena.nodes.state(node)? {
                let noticed = super::is_excused(arena, &death);
                self.seen.add_death(arena, "started on it", &death);
                if let Some(last) = self.struck.last_mut() {
                    last.ours = noticed;
                }
                return Ok(());
            }
            thread::sleep(POLL);
        }
        let sentence = format!(
            "{node} did not notice within {} s, and was killed",
            PATIENCE.as_secs()
        );
        self.seen.add(false, sentence);
        match arena.nodes.kill(node) {
            Ok(_) | Err(ProcessError::Died(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Fault for CorruptFile {
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
            self.strike(arena, node)?;
        }
        Ok(self.struck.iter().map(|struck| struck.node).collect())
    }

    fn evidence_during(&mut self, _arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = self.seen.clone();
        let struck: Vec<Node> = self.struck.iter().map(|struck| struck.node).collect();
        self.aim.tell(&struck, "given a corrupted log", &mut evidence);
        if self.struck.is_empty() {
            evidence.add(false, "no log was corrupted: no node was running".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let mut first_error = Ok(());
        for struck in self.struck.iter_mut().filter(|struck| struck.ours) {
            let disk = disk(arena, struck.node)?;
            if let Some(corrupted) = struck.corrupted.take()
                && !disk.restore(&corrupted)
            {
                // It must not go on with what it has made of it: whatever it then said would be our doing.
                struck.ours = false;
                let sentence = format!("{} changed the file, which could not be restored", struck.node);
                self.seen.add(false, sentence);
                continue;
            }
            let restarted = match arena.nodes.state(struck.node) {
                Ok(NodeState::Down | NodeState::Died(_)) => arena.nodes.start(struck.node).map(|_| ()),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            struck.ours = restarted.is_err();
            first_error = first_error.and(restarted.map_err(FaultError::from));
        }
        first_error
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for struck in &self.struck {
            evidence.extend(super::runs_again(arena, struck.node, struck.before)?);
        }
        Ok(evidence)
    }
}
