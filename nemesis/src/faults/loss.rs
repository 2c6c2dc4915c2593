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
use std::net::Ipv4Addr;
use std::time::Duration;

use super::aim::{instead_of_leader, leader_patience, wait_for_leaders};
use super::{Arena, Evidence, Fault, FaultError, parallel};
use crate::firewall::{Count, Firewall, Treatment};
use crate::network::{Channel, Endpoint};
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
    firewall: Option<Firewall>,
    /// For each node that loses packets just now the nodes from which.
    losing: BTreeMap<Node, Vec<Node>>,
}

/// What became of the datagrams of one way.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    arrived: u64,
    missing: u64,
}

type Way = (Node, Node);

impl Loss {
    pub(super) fn new(variant: LossVariant, scheduled: &ScheduledFault) -> Self {
        Self {
            variant,
            named: scheduled.nodes.clone(),
            leader_patience: leader_patience(scheduled),
            leaderless: false,
            firewall: None,
            losing: BTreeMap::new(),
        }
    }

    fn treatment(&self) -> Treatment {
        Treatment::DropShare(self.variant.percent())
    }

    fn firewall(&mut self) -> Result<Firewall, FaultError> {
        match &self.firewall {
            Some(firewall) => Ok(firewall.clone()),
            None => Ok(self.firewall.insert(Firewall::find()?).clone()),
        }
    }

    /// The ways that are lossy just now, `(from, to)`.
    fn ways(&self) -> BTreeSet<Way> {
        let ways = |(by, sources): (&Node, &Vec<Node>)| {
            let by = *by;
            sources.iter().map(move |from| (*from, by)).collect::<Vec<_>>()
        };
        self.losing.iter().flat_map(ways).collect()
    }

    fn counts(&mut self, arena: Arena<'_>) -> Result<BTreeMap<Way, Count>, FaultError> {
        let (firewall, treatment) = (self.firewall()?, self.treatment());
        let nodes: Vec<Node> = self.losing.keys().copied().collect();
        let results = parallel::for_each(&nodes, |by| {
            Ok(firewall.counts(Some(arena.network.namespace(*by)), treatment)?)
        });
        let mut counts = BTreeMap::new();
        for (by, result) in nodes.into_iter().zip(results) {
            let by_source = result?;
            for from in &self.losing[&by] {
                let count = by_source.get(&arena.network.address(*from));
                counts.insert((*from, by), count.copied().unwrap_or_default());
            }
        }
        Ok(counts)
    }
}

impl Fault for Loss {
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        self.firewall().map(|_| ())
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let (firewall, treatment) = (self.firewall()?, self.treatment());
        let nodes = arena.network.nodes();
        let struck = match self.variant {
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
        };
        let lossy = |from: &Node, by: &Node| from != by && (struck.contains(from) || struck.contains(by));
        let plan: Vec<(Node, Vec<Node>)> = nodes
            .iter()
            .map(|by| {
                (
                    *by,
                    nodes.iter().copied().filter(|from| lossy(from, by)).collect(),
                )
            })
            .collect();
        let results = parallel::for_each(&plan, |(by, sources)| {
            let sources: Vec<Ipv4Addr> = sources.iter().map(|from| arena.network.address(*from)).collect();
            Ok(firewall.add(Some(arena.network.namespace(*by)), treatment, &sources)?)
        });
        let mut first_error = Ok(());
        for ((by, sources), result) in plan.into_iter().zip(results) {
            match result {
                Ok(()) => _ = self.losing.insert(by, sources),
                Err(error) => first_error = first_error.and(Err(error)),
            }
        }
        first_error.map(|()| struck)
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        let ways = self.ways();
        if ways.is_empty() {
            evidence.add(false, "no way loses packets".to_owned());
            return Ok(evidence);
        }
        let mut sent: BTreeMap<Way, Sent> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        let batch = batch(ways.len());
        for _ in 0..DATAGRAMS_MAX.div_ceil(batch) {
            let round = arena.network.probe_often(Channel::Losses, batch);
            let mut round = round.map_err(FaultError::Probe)?;
            counts = self.counts(arena)?;
            // Counting took longer than any datagram needs: what has not arrived by now was lost.
            round.receive().map_err(FaultError::Probe)?;
            for (from, to) in &ways {
                let arrived = round.arrivals(Endpoint::Node(*from), Endpoint::Node(*to));
                let sent = sent.entry((*from, *to)).or_default();
                sent.arrived += arrived;
                sent.missing += batch.saturating_sub(arrived);
            }
            let is_decided =
                |way: &Way| sent[way].arrived > 0 && sent[way].missing > 0 && counts[way].dropped > 0;
            if ways.iter().all(is_decided) {
                break;
            }
        }
        for way in ways {
            weigh(
                way,
                sent[&way],
                counts[&way],
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
        let (firewall, treatment) = (self.firewall()?, self.treatment());
        let losing: Vec<(Node, Vec<Node>)> = std::mem::take(&mut self.losing).into_iter().collect();
        let results = parallel::for_each(&losing, |(by, _)| {
            Ok(firewall.remove(Some(arena.network.namespace(*by)), treatment)?)
        });
        let mut first_error = Ok(());
        for ((by, sources), result) in losing.into_iter().zip(results) {
            if let Err(error) = result {
                self.losing.insert(by, sources);
                first_error = first_error.and(Err(error));
            }
        }
        first_error
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
