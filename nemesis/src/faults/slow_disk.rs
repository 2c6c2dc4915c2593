//! Slow disks: each sync takes longer, as behind a controller without a cache or among neighbours who write a lot.
//! What is being synced is not durable before the sync has returned; so a power failure meets a node with much to lose.
//!
//! It is proven if a sync beside the node's files takes that long, and one takes less afterwards.

use std::time::Duration;

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError, disk, require_disks};
use crate::node::Node;
use crate::process::NodeState;

/// By how much longer a sync takes: about as long as on a bad day of a hard disk, and less than an election.
const DELAY: Duration = Duration::from_millis(100);
/// How often a sync may take long afterwards, since the machine is busy.
const ATTEMPTS: usize = 20;

/// Slow disks.
pub(super) struct SlowDisk {
    aim: Aim,
    struck: Vec<Node>,
    healed: Vec<Node>,
}

impl SlowDisk {
    pub(super) fn new(aim: Aim) -> Self {
        Self {
            aim,
            struck: Vec::new(),
            healed: Vec::new(),
        }
    }
}

impl Fault for SlowDisk {
    fn set_up(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        require_disks(arena)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let is_there = |_, state: &NodeState| !matches!(state, NodeState::Died(_));
        self.struck = self.aim.choose(arena, is_there)?;
        for node in &self.struck {
            disk(arena, *node)?.delay_syncs(Some(DELAY));
        }
        Ok(self.struck.clone())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for node in &self.struck {
            let disk = disk(arena, *node)?;
            match disk.sync_once() {
                Ok(took) => evidence.add(
                    took >= DELAY,
                    format!("a sync on the disk of {node} took {} ms", took.as_millis()),
                ),
                // Another fault holds it.
                Err(error) => evidence.add(
                    disk.refusal().is_some(),
                    format!("a sync on the disk of {node} failed: {error}"),
                ),
            }
        }
        self.aim.tell(&self.struck, "given a slow disk", &mut evidence);
        if self.struck.is_empty() {
            evidence.add(false, "no node got a slow disk: all have died".to_owned());
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        for node in std::mem::take(&mut self.struck) {
            disk(arena, node)?.delay_syncs(None);
            self.healed.push(node);
        }
        Ok(())
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for node in &self.healed {
            let disk = disk(arena, *node)?;
            let mut syncs = (0..ATTEMPTS).map(|_| disk.sync_once());
            if let Some(Ok(took)) = syncs.find(|took| !matches!(took, Ok(took) if *took >= DELAY)) {
                let sentence = format!("afterwards one took {:.1} ms", took.as_secs_f64() * 1e3);
                evidence.add(true, sentence);
            } else if disk.refusal().is_none() {
                evidence.add(false, format!("the disk of {node} is slow still"));
            }
        }
        Ok(evidence)
    }
}
