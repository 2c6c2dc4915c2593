//! Partitions: nodes drop packets from other nodes, in their own namespaces. Also the cuts that are like them.
//!
//! # When a partition is proven
//!
//! Before it is healed a datagram is sent each way between any two nodes and the harness, and the drops are
//! counted. A cut from `a` to `b` is proven if
//! 1. the datagram from `a` to `b` did not arrive, and
//! 2. the rule at `b` has counted at least one packet from `a`: the datagram itself, where nothing else was sent.
//!
//! A count of zero therefore means that the datagram was lost before it came to the rule. It is sent again a few
//! times, and then speaks against the cut.
//!
//! Every way that was not meant to be cut must have passed its datagram; so must, after healing, every way at all.

use std::collections::BTreeMap;
use std::time::Duration;

use super::aim::{instead_of_leader, leader_patience, wait_for_leaders};
use super::treated::Treated;
use super::{Arena, Evidence, Fault, FaultError};
use crate::firewall::{Firewall, Treatment};
use crate::grudge::{Grudge, PartitionShape};
use crate::network::{Channel, Endpoint, ProbeRound};
use crate::node::Node;
use crate::schedule::{FaultVariant, ScheduledFault};

/// How long datagrams that should pass are waited for. They take microseconds; this bounds a starved machine.
pub(super) const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// How many rounds of probes there are at most, until all arrive that should: the kernel may drop a datagram for
/// want of memory.
const PROBE_ROUNDS: usize = 3;

/// A partition.
pub(super) struct Partition {
    scheduled: ScheduledFault,
    /// By what nodes are parted.
    treatment: Treatment,
    /// On which the partition is seen.
    channel: Channel,
    /// Whether a leader was to be isolated, but none was known.
    leaderless: bool,
    grudge: Grudge,
    drops: Option<Treated>,
}

impl Partition {
    pub(super) fn new(scheduled: ScheduledFault, treatment: Treatment) -> Self {
        let channel = match treatment {
            Treatment::Drop => Channel::Ways,
            _ => Channel::Cuts,
        };
        Self {
            scheduled,
            treatment,
            channel,
            leaderless: false,
            grudge: Grudge::default(),
            drops: None,
        }
    }

    /// Who drops packets from whom, once it was started.
    pub(super) fn grudge(&self) -> &Grudge {
        &self.grudge
    }

    /// How many packets were dropped, for each `(by, from)` with any.
    fn count_drops(&self, arena: Arena<'_>) -> Result<BTreeMap<(Node, Node), u64>, FaultError> {
        let counts = match &self.drops {
            Some(drops) => drops.counts(arena.network)?,
            None => BTreeMap::new(),
        };
        let dropped = self.grudge.pairs().filter_map(|(by, from)| {
            let count = counts.get(&(by, arena.network.address(from)))?;
            (count.dropped > 0).then_some(((by, from), count.dropped))
        });
        Ok(dropped.collect())
    }

    fn cuts(&self, from: Endpoint, to: Endpoint) -> bool {
        match (from, to) {
            (Endpoint::Node(from), Endpoint::Node(to)) => self.grudge.drops(to, from),
            _ => false,
        }
    }
}

impl Fault for Partition {
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(Firewall::find().map(|_| ())?)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let nodes = arena.network.nodes();
        let seeks_leader = self.scheduled.nodes.is_empty()
            && self.scheduled.variant == FaultVariant::Partition(PartitionShape::IsolatedLeader);
        let primaries = match seeks_leader {
            true => wait_for_leaders(arena.primaries, nodes, leader_patience(&self.scheduled)),
            false => Vec::new(),
        };
        self.leaderless = seeks_leader && primaries.is_empty();
        self.grudge = self.scheduled.grudge(nodes, &primaries);
        let drops = Treated::by_grudge(self.treatment, &self.grudge, arena.network)?;
        self.drops.insert(drops).apply(arena.network)?;
        Ok(struck(&self.grudge, nodes))
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut probes = Vec::new();
        let mut missing = Ways::new();
        let mut counts = BTreeMap::new();
        for _ in 0..PROBE_ROUNDS {
            let (rounds, lost) = probe(arena, self.channel, |from, to| !self.cuts(from, to))?;
            probes.extend(rounds);
            missing = lost;
            counts = self.count_drops(arena)?;
            if !missing.is_empty() || self.grudge.pairs().all(|pair| counts.contains_key(&pair)) {
                break;
            }
        }
        // Counting took longer than any datagram needs: what has not arrived by now has been dropped.
        for round in &mut probes {
            round.receive().map_err(FaultError::Probe)?;
        }

        let mut evidence = Evidence::default();
        for (by, from) in self.grudge.pairs() {
            let cut = Cut {
                by,
                from,
                probes: probes.len() as u64,
                arrived: probes
                    .iter()
                    .any(|round| round.arrived(Endpoint::Node(from), Endpoint::Node(by))),
                dropped: counts.get(&(by, from)).copied().unwrap_or(0),
            };
            cut.weigh(&mut evidence);
        }
        if self.leaderless {
            let isolated = struck(&self.grudge, arena.network.nodes());
            evidence.sentences.push(instead_of_leader(&isolated, "isolated"));
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
        evidence_of_healing(arena, self.channel, "all nodes")
    }
}

/// The nodes to name: those whose packets are dropped by most others, since these are the ones cut off. Where
/// all are treated alike, all of them.
pub(super) fn struck(grudge: &Grudge, nodes: &[Node]) -> Vec<Node> {
    let cut_off = |node: Node| {
        grudge
            .pairs()
            .filter(|(by, from)| *by == node || *from == node)
            .count()
    };
    let most = nodes.iter().map(|node| cut_off(*node)).max().unwrap_or(0);
    nodes
        .iter()
        .copied()
        .filter(|node| most > 0 && cut_off(*node) == most)
        .collect()
}

/// What was seen of the way from `from` to `by`, which was to be cut.
struct Cut {
    by: Node,
    from: Node,
    /// How many datagrams were sent that way.
    probes: u64,
    /// Whether any of them arrived.
    arrived: bool,
    /// How many packets the rule dropped, the datagrams among them.
    dropped: u64,
}

impl Cut {
    /// Judges it by the rule at the top.
    fn weigh(&self, evidence: &mut Evidence) {
        let Self {
            by, from, dropped, ..
        } = self;
        if self.arrived {
            evidence.add(
                false,
                format!("a probe from {from} reached {by}, though that way was cut"),
            );
        } else if *dropped > self.probes {
            evidence.add(true, format!("{by} dropped {dropped} packets from {from}"));
        } else if *dropped > 0 {
            evidence.add(
                true,
                format!("{by} dropped a probe from {from}, which had sent it nothing else"),
            );
        } else {
            evidence.add(
                false,
                format!("probes from {from} to {by} were lost, but {by} did not drop them"),
            );
        }
    }
}

pub(super) type Ways = Vec<(Endpoint, Endpoint)>;

/// Objects to datagrams that were lost on ways that were not cut.
pub(super) fn object_to_losses(missing: Ways, evidence: &mut Evidence) {
    for (from, to) in missing {
        evidence.add(
            false,
            format!("a probe from {from} to {to} was lost, though that way was not cut"),
        );
    }
}

/// Looks whether datagrams pass again between all that are named by `between`.
pub(super) fn evidence_of_healing(
    arena: Arena<'_>,
    channel: Channel,
    between: &str,
) -> Result<Evidence, FaultError> {
    let (_, missing) = probe(arena, channel, |_, _| true)?;
    let mut evidence = Evidence::default();
    for (from, to) in &missing {
        evidence.add(
            false,
            format!("a probe from {from} to {to} was lost after healing"),
        );
    }
    if missing.is_empty() {
        evidence.add(true, format!("after healing, probes passed between {between}"));
    }
    Ok(evidence)
}

/// Probes until a round has every datagram with `expected(from, to)` arrive. Returns all rounds, and the ways that
/// the last one lacked.
pub(super) fn probe<'a>(
    arena: Arena<'a>,
    channel: Channel,
    expected: impl Fn(Endpoint, Endpoint) -> bool,
) -> Result<(Vec<ProbeRound<'a>>, Ways), FaultError> {
    let mut rounds = Vec::new();
    let mut missing = Ways::new();
    for _ in 0..PROBE_ROUNDS {
        let mut round = arena.network.probe(channel).map_err(FaultError::Probe)?;
        missing = round.wait(&expected, PROBE_PATIENCE).map_err(FaultError::Probe)?;
        rounds.push(round);
        if missing.is_empty() {
            break;
        }
    }
    Ok((rounds, missing))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::FaultKind;

    proptest! {
        #[test]
        fn a_cut_follows_from_its_schedule_and_whom_it_struck(
            count in 1..9_u16, seed: u64, leaders in 0..4_u16,
        ) {
            let nodes = Node::range(count);
            let primaries = Node::range(leaders.min(count));
            let variants = FaultKind::Partition.variants(nodes.len()).into_iter();
            for variant in variants.chain(FaultKind::Cut.variants(nodes.len())) {
                let scheduled = ScheduledFault {
                    id: 0,
                    variant,
                    start_ms: 0,
                    stop_ms: 1,
                    when: None,
                    nodes: Vec::new(),
                    seed,
                };
                let grudge = scheduled.grudge(&nodes, &primaries);
                prop_assert_eq!(scheduled.grudge(&nodes, &struck(&grudge, &nodes)), grudge);
            }
        }
    }

    #[test]
    fn cut_is_proven_only_by_what_its_rule_dropped() {
        let proven = |arrived, dropped| {
            let mut evidence = Evidence::default();
            Cut {
                by: Node(1),
                from: Node(2),
                probes: 1,
                arrived,
                dropped,
            }
            .weigh(&mut evidence);
            evidence.is_proof()
        };
        assert!(proven(false, 1));
        assert!(proven(false, 99));
        assert!(!proven(false, 0), "lost elsewhere");
        assert!(!proven(true, 0));
        assert!(!proven(true, 99), "not everything was dropped");
    }
}
