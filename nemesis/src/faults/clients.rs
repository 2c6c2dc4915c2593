//! Cuts between clients and nodes: packets from and to where clients are, are dropped in the nodes' namespaces. What
//! nodes send to each other is not touched.
//!
//! # When it is proven
//!
//! Datagrams are sent between the harness, where the clients are, and every node. From and to a node that is cut off
//! none must arrive, and its rules must have counted dropped packets each way; all others must. After healing all
//! must arrive.

use std::collections::BTreeMap;

use super::partition::{evidence_of_healing, object_to_losses, probe};
use super::treated::Treated;
use super::{Arena, Evidence, Fault, FaultError};
use crate::firewall::{Count, Firewall, Treatment};
use crate::grudge::without_clients;
use crate::network::{Channel, Endpoint, HARNESS_ADDRESS};
use crate::node::Node;
use crate::rng;
use crate::schedule::ScheduledFault;

/// How often datagrams are sent again where the rules have counted none.
const ROUNDS: usize = 3;

/// A cut between clients and nodes.
pub(super) struct Clients {
    scheduled: ScheduledFault,
    nodes: Vec<Node>,
    drops: Option<Treated>,
}

impl Clients {
    pub(super) fn new(scheduled: ScheduledFault) -> Self {
        Self {
            scheduled,
            nodes: Vec::new(),
            drops: None,
        }
    }

    fn cuts(&self, from: Endpoint, to: Endpoint) -> bool {
        match (from, to) {
            (Endpoint::Harness, Endpoint::Node(node)) | (Endpoint::Node(node), Endpoint::Harness) => {
                self.nodes.contains(&node)
            }
            _ => false,
        }
    }
}

impl Fault for Clients {
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(Firewall::find().map(|_| ())?)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let mut rng = rng::from_seed(self.scheduled.seed);
        self.nodes = without_clients(&self.scheduled.nodes, arena.network.nodes(), &mut rng);
        let plan = self.nodes.iter().map(|node| (*node, vec![HARNESS_ADDRESS]));
        let drops = Treated::new(Firewall::find()?, Treatment::SeverBothWays, plan.collect());
        self.drops.insert(drops).apply(arena.network)?;
        Ok(self.nodes.clone())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        let mut rounds = Vec::new();
        let mut missing = Vec::new();
        let mut counts = BTreeMap::new();
        for _ in 0..ROUNDS {
            let (probed, lost) = probe(arena, Channel::Cuts, |from, to| !self.cuts(from, to))?;
            rounds.extend(probed);
            missing = lost;
            counts = match &self.drops {
                Some(drops) => drops.counts(arena.network)?,
                None => BTreeMap::new(),
            };
            let counted = |node: &Node| {
                let count: Option<&Count> = counts.get(&(*node, HARNESS_ADDRESS));
                count.is_some_and(|count| count.dropped > 0 && count.dropped_to > 0)
            };
            if self.nodes.iter().all(counted) {
                break;
            }
        }
        // Counting took longer than any datagram needs: what has not arrived by now has been dropped.
        for round in &mut rounds {
            round.receive().map_err(FaultError::Probe)?;
        }
        for node in &self.nodes {
            let at = Endpoint::Node(*node);
            let count = counts.get(&(*node, HARNESS_ADDRESS)).copied().unwrap_or_default();
            let arrived = |from, to| rounds.iter().any(|round| round.arrived(from, to));
            let passed = arrived(Endpoint::Harness, at) || arrived(at, Endpoint::Harness);
            weigh(*node, passed, count, &mut evidence);
        }
        object_to_losses(missing, &mut evidence);
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        match &mut self.drops {
            Some(drops) => drops.lift(arena.network),
            None => Ok(()),
        }
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        evidence_of_healing(arena, Channel::Cuts, "all nodes and the clients' place")
    }
}

/// Judges one node by the rule at the top.
fn weigh(node: Node, passed: bool, count: Count, evidence: &mut Evidence) {
    let Count {
        dropped, dropped_to, ..
    } = count;
    if passed {
        let sentence = format!("a probe passed between the clients' place and {node}, though that was cut");
        evidence.add(false, sentence);
    } else if dropped == 0 || dropped_to == 0 {
        let sentence =
            format!("probes between the clients' place and {node} were lost, but {node} did not drop them");
        evidence.add(false, sentence);
    } else {
        let sentence = format!(
            "{node} dropped {dropped} packets from the clients' place and {dropped_to} to it, probes included"
        );
        evidence.add(true, sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_without_clients_only_if_it_dropped_both_ways() {
        let proven = |passed, dropped, dropped_to| {
            let count = Count {
                seen: 0,
                dropped,
                dropped_to,
            };
            let mut evidence = Evidence::default();
            weigh(Node(1), passed, count, &mut evidence);
            evidence.is_proof()
        };
        assert!(proven(false, 3, 1));
        assert!(!proven(true, 3, 1));
        assert!(!proven(false, 0, 1));
        assert!(!proven(false, 3, 0));
    }
}
