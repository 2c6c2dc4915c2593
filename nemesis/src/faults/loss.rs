//! Packet loss: nodes lose a share of the packets from other nodes, each by a draw of its own.
//!
//! # When a loss is proven
//!
//! Datagrams are sent each way between any two nodes, on a channel that no other fault touches, while
//! rules count what comes and what is dropped. A lossy way from `a` to `b` is proven if
//! 1. some datagrams from `a` to `b` arrived and some did not,
//! 2. the rule at `b` has dropped at least as many packets as datagrams are missing, so that nothing else lost them,
//! 3. the share that it dropped of all that came is what was asked for, within six standard deviations.
//!
//! Where chance has spared a way, more datagrams are sent. After healing, all must arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::aim::{instead_of_leader, leader_patience, wait_for_leaders};
use super::treated::Treated;
use super::{Arena, Evidence, Fault, FaultError};
use crate::firewall::{Count, Firewall, Treatment};
use crate::network::{Channel, Endpoint, Network};
use crate::node::Node;
use crate::schedule::{LossVariant, ScheduledFault};

/// How many datagrams a way gets at most: one in ten of them is lost, so that the chance that none is
/// is that of one in 10^18.
const DATAGRAMS_MAX: u64 = 400;
/// About how many datagrams are sent before the counters are read.
const BATCH: u64 = 1_000;
/// How long datagrams that should arrive are waited for. They take microseconds; this bounds a starved machine.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often all datagrams of a batch may fail to arrive after healing: the kernel may drop one for want of memory.
const ATTEMPTS: usize = 3;

/// A loss.
pub(super) struct Loss {
    variant: LossVariant,
    /// Whose packets are lost, where the schedule names them.
    named: Vec<Node>,
    leader_patience: Duration,
    /// Whether the leader's packets were to be lost, but none was known.
    leaderless: bool,
    /// The ways that are to be lossy.
    ways: BTreeSet<Way>,
    losses: Option<Treated>,
}

/// What became of the datagrams of one way.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    arrived: u64,
    missing: u64,
}

/// From which node to which.
type Way = (Node, Node);

impl Loss {
    pub(super) fn new(variant: LossVariant, scheduled: &ScheduledFault) -> Self {
        Self {
            variant,
            named: scheduled.nodes.clone(),
            leader_patience: leader_patience(scheduled),
            leaderless: false,
            ways: BTreeSet::new(),
            losses: None,
        }
    }

    /// Whose packets are lost.
    fn struck(&mut self, arena: Arena<'_>) -> Vec<Node> {
        let nodes = arena.network.nodes();
        match self.variant {
            _ if !self.named.is_empty() => self.named.clone(),
            LossVariant::All10Percent | LossVariant::All30Percent => nodes.to_vec(),
            LossVariant::Leader30Percent => {
                let leaders = wait_for_leaders(arena.primaries, nodes, self.leader_patience);
                self.leaderless = leaders.is_empty();
                if leaders.is_empty() {
                    nodes[..1].to_vec()
                } else {
                    leaders
                }
            }
        }
    }

    /// What the rules of the lossy ways have counted.
    fn counts(&self, network: &Network) -> Result<BTreeMap<Way, Count>, FaultError> {
        let by_address = match &self.losses {
            Some(losses) => losses.counts(network)?,
            None => BTreeMap::new(),
        };
        let count = |(from, by): &Way| by_address.get(&(*by, network.address(*from))).copied();
        let counts = self.ways.iter().map(|way| (*way, count(way).unwrap_or_default()));
        Ok(counts.collect())
    }
}

impl Fault for Loss {
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(Firewall::find().map(|_| ())?)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let (nodes, struck) = (arena.network.nodes(), self.struck(arena));
        let pairs = nodes.iter().flat_map(|from| nodes.iter().map(|by| (*from, *by)));
        self.ways = pairs
            .filter(|(from, by)| from != by && (struck.contains(from) || struck.contains(by)))
            .collect();
        let sources = |by: &Node| {
            let from = self.ways.iter().filter(|(_, to)| to == by);
            from.map(|(from, _)| arena.network.address(*from)).collect()
        };
        let plan = nodes.iter().map(|by| (*by, sources(by))).collect();
        let treatment = Treatment::DropShare(self.variant.percent());
        let losses = Treated::new(Firewall::find()?, treatment, plan);
        self.losses.insert(losses).apply(arena.network)?;
        Ok(struck)
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        let mut sent: BTreeMap<Way, Sent> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        let batch = batch(self.ways.len());
        for _ in 0..DATAGRAMS_MAX.div_ceil(batch) {
            let round = arena.network.probe_often(Channel::Losses, batch);
            let mut round = round.map_err(FaultError::Probe)?;
            counts = self.counts(arena.network)?;
            // Counting took longer than any datagram needs: what has not arrived by now was lost.
            round.receive().map_err(FaultError::Probe)?;
            for (from, to) in &self.ways {
                let arrived = round.arrivals(Endpoint::Node(*from), Endpoint::Node(*to));
                let sent = sent.entry((*from, *to)).or_default();
                sent.arrived += arrived;
                sent.missing += batch.saturating_sub(arrived);
            }
            let is_decided =
                |way: &Way| sent[way].arrived > 0 && sent[way].missing > 0 && counts[way].dropped > 0;
            if self.ways.iter().all(is_decided) {
                break;
            }
        }
        for way in &self.ways {
            weigh(
                *way,
                sent[way],
                counts[way],
                self.variant.percent(),
                &mut evidence,
            );
        }
        if self.leaderless {
            let done = "cut off in part";
            evidence
                .sentences
                .push(instead_of_leader(&arena.network.nodes()[..1], done));
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        match &mut self.losses {
            Some(losses) => losses.lift(arena.network),
            None => Ok(()),
        }
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let count = arena.network.nodes().len();
        let batch = batch(count * count);
        let mut evidence = Evidence::default();
        let mut lossy = Vec::new();
        for _ in 0..ATTEMPTS {
            let round = arena.network.probe_often(Channel::Losses, batch);
            lossy = round
                .and_then(|mut round| round.wait(|_, _| true, PATIENCE))
                .map_err(FaultError::Probe)?;
            if lossy.is_empty() {
                evidence.add(
                    true,
                    format!("after healing, {batch} of {batch} datagrams passed every way"),
                );
                break;
            }
        }
        for (from, to) in lossy {
            let sentence = format!("datagrams from {from} to {to} were lost after healing");
            evidence.add(false, sentence);
        }
        Ok(evidence)
    }
}

/// How many datagrams each of so many ways gets before the counters are read.
fn batch(ways: usize) -> u64 {
    (BATCH / ways.max(1) as u64).clamp(5, 50)
}

/// Judges a way by the rule at the top.
fn weigh((from, to): Way, sent: Sent, count: Count, percent: u8, evidence: &mut Evidence) {
    let Sent { arrived, missing } = sent;
    let Count { seen, dropped, .. } = count;
    let share = f64::from(percent) / 100.0;
    let expected = share * seen as f64;
    let deviation = (expected * (1.0 - share)).sqrt();
    if missing == 0 || arrived == 0 {
        let total = arrived + missing;
        evidence.add(
            false,
            format!("{arrived} of {total} datagrams from {from} reached {to}, though some should"),
        );
    } else if missing > dropped {
        let sentence =
            format!("{missing} datagrams from {from} to {to} were lost, but {to} dropped {dropped} only");
        evidence.add(false, sentence);
    } else if (dropped as f64 - expected).abs() > 6.0 * deviation + 1.0 {
        let sentence = format!("{to} lost {dropped} of {seen} packets from {from}, which is not {percent} %");
        evidence.add(false, sentence);
    } else {
        evidence.add(true, format!("{to} lost {dropped} of {seen} packets from {from}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lossy_way_is_proven_only_by_the_share_that_its_rule_dropped() {
        let proven = |arrived, missing, seen, dropped| {
            let mut evidence = Evidence::default();
            let way = (Node(2), Node(1));
            weigh(
                way,
                Sent { arrived, missing },
                Count {
                    seen,
                    dropped,
                    dropped_to: 0,
                },
                10,
                &mut evidence,
            );
            evidence.is_proof()
        };
        assert!(proven(44, 6, 1_000, 100));
        assert!(proven(44, 6, 50, 6));
        assert!(!proven(50, 0, 1_000, 100), "no datagram was lost");
        assert!(!proven(0, 50, 1_000, 100), "none arrived");
        assert!(!proven(44, 6, 1_000, 5), "something else lost them");
        assert!(!proven(44, 6, 1_000, 300), "three in ten");
        assert!(!proven(44, 6, 10_000, 700), "seven in a hundred");
    }
}
