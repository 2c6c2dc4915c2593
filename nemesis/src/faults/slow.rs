//! Slow links: nodes send to others no more than 1 Mbit/s, all of it together, as over a line that is too thin or too
//! full. What they send to clients is not limited.
//!
//! # When it is proven
//!
//! All nodes and the harness send a burst of datagrams each way at once, on a channel that no other fault touches. A
//! bucket of `b` bytes that fills at a rate `r` lets no more than `b + r t` bytes pass in a time `t`. A node is
//! proven to send slowly if so much of its burst arrived that a bucket alone does not explain it, but no more than that
//! bound, with a twentieth for the headers of links; if packets had to wait at its token bucket; and if
//! what the harness sent in the same round was more than twice the bound, as nothing limits it. After healing,
//! what each node sends must be so.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::aim::{choose_links, instead_of_leader};
use super::treated::Treated;
use super::{Arena, Evidence, Fault, FaultError, parallel};
use crate::firewall::Firewall;
use crate::network::{Channel, Endpoint, NODE_LINK, ProbeRound};
use crate::node::Node;
use crate::schedule::ScheduledFault;
use crate::shaper::{BURST_BYTES, LATENCY_MS, Shaper, TREATMENT};

/// What the links carry, bits a second.
const BITS_PER_S: u64 = 1_000_000;
/// What a datagram of a burst carries, and what it takes of the link with its headers (UDP, IPv4, Ethernet), bytes.
const DATAGRAM_BYTES: usize = 1_000;
const FRAME_BYTES: u64 = DATAGRAM_BYTES as u64 + 8 + 20 + 14;
/// How many datagrams go each way in a burst: about three times what a bucket holds, also for a node that sends slowly
/// to one other only.
const TIMES: u64 = 12;
/// So much must have arrived of a node's burst, and then no more is waited for, bytes.
const ENOUGH_BYTES: u64 = 2 * BURST_BYTES;
/// About how much each node sends in a burst after healing, bytes: the more, the longer it may take on a busy machine.
const BURST_AFTER_BYTES: u64 = 60_000;
/// How long nothing must arrive any more until a burst counts as over.
const SILENCE: Duration = Duration::from_millis(LATENCY_MS + 50);
/// For how long a burst is followed at most.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);
/// How many bursts there are at most, until one is seen on a machine that is not too busy.
const ATTEMPTS: usize = 6;

/// Slow links.
pub(super) struct Slow {
    scheduled: ScheduledFault,
    leaderless: bool,
    struck: Vec<Node>,
    /// For each node the nodes to which it sends slowly.
    plan: Vec<(Node, Vec<Node>)>,
    classified: Option<Treated>,
    /// The nodes that have a bucket.
    limited: Vec<Node>,
}

/// What arrived of what one endpoint sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Carried {
    bytes: u64,
    /// From when the first was sent to when the last arrived, at most.
    time: Duration,
}

impl Carried {
    /// What a limited link may carry in that time, bytes.
    fn bound(self) -> f64 {
        BURST_BYTES as f64 + BITS_PER_S as f64 / 8.0 * self.time.as_secs_f64()
    }

    fn is_slow(self) -> bool {
        let bytes = self.bytes as f64;
        bytes <= 1.05 * self.bound() && bytes >= 1.5 * BURST_BYTES as f64
    }

    fn is_fast(self) -> bool {
        self.bytes as f64 > 2.0 * self.bound()
    }
}

impl Slow {
    pub(super) fn new(scheduled: ScheduledFault) -> Self {
        Self {
            scheduled,
            leaderless: false,
            struck: Vec::new(),
            plan: Vec::new(),
            classified: None,
            limited: Vec::new(),
        }
    }
}

impl Fault for Slow {
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Firewall::find()?;
        Ok(Shaper::find().map(|_| ())?)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let (nodes, shaper) = (arena.network.nodes(), Shaper::find()?);
        let of_leader = self.scheduled.variant.aims_at_leader();
        (self.struck, self.leaderless) = choose_links(&self.scheduled, of_leader, arena);
        let struck = &self.struck;
        let slow = |from: &Node, to: &Node| from != to && (struck.contains(from) || struck.contains(to));
        let receivers = |from: &Node| nodes.iter().copied().filter(|to| slow(from, to)).collect();
        self.plan = nodes.iter().map(|from| (*from, receivers(from))).collect();
        // One that fails may be in force in part: it is removed like the others.
        self.limited = nodes.to_vec();
        let results = parallel::for_each(nodes, |node| {
            Ok(shaper.add(Some(arena.network.namespace(*node)), NODE_LINK, BITS_PER_S)?)
        });
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        let plan = self.plan.iter().map(|(from, receivers)| {
            let receivers: Vec<Ipv4Addr> = receivers.iter().map(|to| arena.network.address(*to)).collect();
            (*from, receivers)
        });
        let classified = Treated::new(Firewall::find()?, TREATMENT, plan.collect());
        self.classified.insert(classified).apply(arena.network)?;
        Ok(self.struck.clone())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        if self.limited.is_empty() {
            evidence.add(false, "no link is slow".to_owned());
            return Ok(evidence);
        }
        let mut seen: BTreeMap<Node, (Carried, Carried)> = BTreeMap::new();
        for _ in 0..ATTEMPTS {
            let (mut round, sending) = burst(arena, TIMES)?;
            let enough = |round: &ProbeRound<'_>| {
                let mut bytes = self
                    .plan
                    .iter()
                    .map(|(from, receivers)| carried(round, Endpoint::Node(*from), receivers, sending).bytes);
                bytes.all(|bytes| bytes >= ENOUGH_BYTES)
            };
            follow(&mut round, enough)?;
            let control = carried(&round, Endpoint::Harness, arena.network.nodes(), sending);
            for (from, receivers) in &self.plan {
                let carried = carried(&round, Endpoint::Node(*from), receivers, sending);
                let proves = carried.is_slow() && control.is_fast();
                let known = seen.entry(*from).or_insert((carried, control));
                if proves || !(known.0.is_slow() && known.1.is_fast()) {
                    *known = (carried, control);
                }
            }
            if seen
                .values()
                .all(|(node, control)| node.is_slow() && control.is_fast())
            {
                break;
            }
        }
        let waits = waits(arena)?;
        for (node, (carried, control)) in seen {
            weigh(node, carried, control, waits[&node], &mut evidence);
        }
        if self.leaderless {
            let sentence = instead_of_leader(&self.struck, "given slow links");
            evidence.sentences.push(sentence);
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let lifted = match &mut self.classified {
            Some(classified) => classified.lift(arena.network),
            None => Ok(()),
        };
        let (limited, shaper) = (std::mem::take(&mut self.limited), Shaper::find()?);
        let results = parallel::for_each(&limited, |node| {
            let namespace = Some(arena.network.namespace(*node));
            match shaper.is_shaped(namespace, NODE_LINK)? {
                true => Ok(shaper.remove(namespace, NODE_LINK)?),
                // Its start failed before there was anything.
                false => Ok(()),
            }
        });
        let mut first_error = lifted;
        for (node, result) in limited.into_iter().zip(results) {
            if let Err(error) = result {
                self.limited.push(node);
                first_error = first_error.and(Err(error));
            }
        }
        first_error
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let nodes = arena.network.nodes();
        let times = BURST_AFTER_BYTES.div_ceil(FRAME_BYTES * nodes.len().max(2) as u64 / 2);
        let mut slow: Vec<(Node, Carried)> = Vec::new();
        for _ in 0..ATTEMPTS {
            let (mut round, sending) = burst(arena, times)?;
            follow(&mut round, |_| false)?;
            let others = |from: Node| nodes.iter().copied().filter(move |to| *to != from);
            let each = nodes.iter().map(|from| {
                let others: Vec<Node> = others(*from).collect();
                (*from, carried(&round, Endpoint::Node(*from), &others, sending))
            });
            slow = each.filter(|(_, carried)| !carried.is_fast()).collect();
            if slow.is_empty() {
                break;
            }
        }
        let mut evidence = Evidence::default();
        for (node, Carried { bytes, time }) in &slow {
            let ms = time.as_millis();
            let sentence =
                format!("after healing, {bytes} bytes of a burst of {node} arrived in {ms} ms only");
            evidence.add(false, sentence);
        }
        if slow.is_empty() {
            let sentence = "after healing, bursts of all nodes arrived faster than slow links carry them";
            evidence.add(true, sentence.to_owned());
        }
        Ok(evidence)
    }
}

/// Sends a burst each way. Returns how long the sending took as well.
fn burst<'a>(arena: Arena<'a>, times: u64) -> Result<(ProbeRound<'a>, Duration), FaultError> {
    let start = Instant::now();
    let round = arena.network.probe_with(Channel::Rates, times, DATAGRAM_BYTES);
    Ok((round.map_err(FaultError::Probe)?, start.elapsed()))
}

/// Takes in what arrives until it is enough, or all has, or nothing does any more.
fn follow(round: &mut ProbeRound<'_>, enough: impl Fn(&ProbeRound<'_>) -> bool) -> Result<(), FaultError> {
    let start = Instant::now();
    let (mut count, mut last) = (round.total(), Instant::now());
    while !round.is_complete() && !enough(round) && last.elapsed() < SILENCE && start.elapsed() < PATIENCE {
        round.listen(LOOK).map_err(FaultError::Probe)?;
        if round.total() > count {
            (count, last) = (round.total(), Instant::now());
        }
    }
    Ok(())
}

fn carried(round: &ProbeRound<'_>, from: Endpoint, receivers: &[Node], sending: Duration) -> Carried {
    let arrivals = || {
        let logs = receivers.iter().map(|to| round.log(from, Endpoint::Node(*to)));
        logs.flatten()
    };
    let longest = arrivals().map(|arrival| arrival.took).max().unwrap_or_default();
    Carried {
        bytes: arrivals().count() as u64 * FRAME_BYTES,
        time: longest + sending,
    }
}

fn waits(arena: Arena<'_>) -> Result<BTreeMap<Node, u64>, FaultError> {
    let (shaper, nodes) = (Shaper::find()?, arena.network.nodes());
    let results = parallel::for_each(nodes, |node| {
        Ok(shaper.waits(Some(arena.network.namespace(*node)), NODE_LINK)?)
    });
    let mut waits = BTreeMap::new();
    for (node, result) in nodes.iter().zip(results) {
        waits.insert(*node, result?.unwrap_or(0));
    }
    Ok(waits)
}

/// Judges one node by the rule at the top.
fn weigh(node: Node, carried: Carried, control: Carried, waits: u64, evidence: &mut Evidence) {
    let Carried { bytes, time } = carried;
    let sentence = format!(
        "{bytes} bytes of a burst of {node} took {} ms, of one of the harness {} bytes {} ms; \
         {waits} times packets waited at the bucket of {node}",
        time.as_millis(),
        control.bytes,
        control.time.as_millis()
    );
    evidence.add(carried.is_slow() && control.is_fast() && waits > 0, sentence);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(bytes: u64, ms: u64) -> Carried {
        Carried {
            bytes,
            time: Duration::from_millis(ms),
        }
    }

    #[test]
    fn a_burst_is_slow_or_fast_or_tells_nothing() {
        // 4,096 bytes at once, and 125 in each millisecond.
        let is = |bytes, ms| (carried(bytes, ms).is_slow(), carried(bytes, ms).is_fast());
        assert_eq!(is(29_000, 200), (true, false));
        assert_eq!(is(29_000, 5), (false, true));
        assert_eq!(
            is(29_000, 150),
            (false, false),
            "faster than the limit, but not by much"
        );
        assert_eq!(is(4_000, 200), (false, false), "too little to tell");
        assert_eq!(is(48_000, 400), (true, false));
    }

    #[test]
    fn slowness_is_proven_only_against_the_control_and_by_the_bucket() {
        let proven = |node, control, waits| {
            let mut evidence = Evidence::default();
            weigh(Node(1), node, control, waits, &mut evidence);
            evidence.is_proof()
        };
        assert!(proven(carried(29_000, 200), carried(60_000, 3), 9));
        assert!(!proven(carried(29_000, 200), carried(60_000, 3), 0));
        assert!(
            !proven(carried(29_000, 200), carried(60_000, 400), 9),
            "all is slow"
        );
        assert!(!proven(carried(48_000, 3), carried(60_000, 3), 9));
    }
}
