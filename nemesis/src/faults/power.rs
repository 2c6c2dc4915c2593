//! Power failures: processes are killed at once, and what they had not synced is gone, as the page cache is when a machine
//! loses power. What survives is said in [`disk`](crate::disk). It is the busy machine that has much to lose: so the queues
//! of the disks fill up just before, and nothing that is written then is synced in time.
//!
//! A power failure is proven if wait(2) told that the processes had been ended by signal 9, and of a file beside the
//! node's, of which a part was synced, all of that is there and not all of the rest; if the nodes stayed down until
//! they were to be started, and then other processes ran.

use std::thread;
use std::time::Duration;

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, disk, parallel, require_disks};
use crate::disk::{Lost, Planted, Tail};
use crate::node::{Node, NodeSet};
use crate::process::{NodeState, ProcessError};
use crate::schedule::ScheduledFault;

/// For how long nothing is synced before power fails: much longer than an acknowledgement takes, and less than an
/// election.
const BACKLOG: Duration = Duration::from_millis(150);

/// A power failure.
pub(super) struct Power {
    aim: Aim,
    /// Whether it is one of the whole cluster, named by no schedule.
    of_all: bool,
    tail: Tail,
    seed: u64,
    killed: Vec<(Node, u32)>,
    seen: Evidence,
}

impl Power {
    pub(super) fn new(aim: Aim, set: NodeSet, tail: Tail, scheduled: &ScheduledFault) -> Self {
        Self {
            aim,
            of_all: set == NodeSet::All && scheduled.nodes.is_empty(),
            tail,
            seed: scheduled.seed,
            killed: Vec::new(),
            seen: Evidence::default(),
        }
    }

    fn lose_power(&self, arena: Arena<'_>, node: Node) -> Result<Lost, FaultError> {
        // Each node loses another part.
        Ok(disk(arena, node)?.lose_power(self.tail, self.seed.wrapping_add(node.0.into()))?)
    }

    fn look(&mut self, node: Node, planted: std::io::Result<Planted>, lost: Lost) {
        let Lost {
            bytes,
            names,
            kept,
            garbled,
        } = lost;
        self.seen.sentences.push(format!(
            "the disk of {node} lost {bytes} bytes and {names} names that had not been synced, and kept {kept} bytes, \
             with a wrong last one in {garbled} files"
        ));
        match planted.and_then(|planted| planted.look()) {
            Ok((holds, sentence)) => self.seen.add(holds, format!("on the disk of {node}: {sentence}")),
            // Another fault holds the disk; what it lost it has told.
            Err(error) => {
                let sentence = format!("the disk of {node} could not be looked at otherwise: {error}");
                self.seen.sentences.push(sentence);
            }
        }
    }

    /// Where the whole cluster has no power, neither have the nodes that were down.
    fn darken_the_rest(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        for node in arena.nodes.nodes() {
            let struck = self.killed.iter().any(|(killed, _)| *killed == node);
            if self.of_all && !struck && arena.nodes.state(node)? == NodeState::Down {
                let lost = self.lose_power(arena, node)?;
                let sentence = format!("the disk of {node}, which was down, lost {} bytes", lost.bytes);
                self.seen.sentences.push(sentence);
            }
        }
        Ok(())
    }
}

impl Fault for Power {
    fn set_up(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        require_disks(arena)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_alive =
            |_, state: &NodeState| matches!(state, NodeState::Running { .. } | NodeState::Paused { .. });
        let chosen = self.aim.choose(arena, is_alive)?;
        // At once: a slow disk may take its time.
        let planted = parallel::for_each(&chosen, |node| Ok(disk(arena, *node)?.plant()));
        let planted = planted.into_iter().collect::<Result<Vec<_>, _>>()?;
        let disks = chosen.iter().map(|node| disk(arena, *node));
        let disks = disks.collect::<Result<Vec<_>, _>>()?;
        disks.iter().for_each(|disk| disk.stall(true));
        thread::sleep(BACKLOG);
        let results = parallel::for_each(&chosen, |node| Ok(arena.nodes.cut_power(*node)?));
        disks.iter().for_each(|disk| disk.stall(false));
        let mut first_error = Ok(());
        for ((node, result), planted) in chosen.iter().zip(results).zip(planted) {
            match result {
                Ok(killed) => {
                    self.killed.push((*node, killed.pid));
                    match self.lose_power(arena, *node) {
                        Ok(lost) => self.look(*node, planted, lost),
                        Err(error) => first_error = first_error.and(Err(error)),
                    }
                }
                Err(FaultError::Process(ProcessError::Died(death))) => {
                    self.seen.add_death(arena, "before power failed", &death);
                }
                Err(error) => first_error = first_error.and(Err(error)),
            }
        }
        first_error.and_then(|()| self.darken_the_rest(arena))?;
        Ok(self.killed.iter().map(|(node, _)| *node).collect())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for (node, pid) in &self.killed {
            evidence.add(true, format!("{node} (process {pid}) was ended by signal 9"));
            if arena.nodes.state(*node)? != NodeState::Down {
                evidence.add(false, format!("{node} did not stay down"));
            }
        }
        evidence.extend(self.seen.clone());
        let killed: Vec<Node> = self.killed.iter().map(|(node, _)| *node).collect();
        self.aim.tell(&killed, "left without power", &mut evidence);
        if self.killed.is_empty() {
            evidence.add(false, "no node lost power: none was alive".to_owned());
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
        for (node, pid) in &self.killed {
            evidence.extend(super::runs_again(arena, *node, *pid)?);
        }
        Ok(evidence)
    }
}
