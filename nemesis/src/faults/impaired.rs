//! Impaired links: packets between nodes come late, out of order, twice, or damaged.
//!
//! What it takes to prove one is said in [`super::sightings`]. After healing the opposite must be seen: datagrams that
//! come at once, in order, once, and all of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::aim::{choose_links, instead_of_leader};
use super::sightings::{Sightings, Way};
use super::{Arena, Evidence, Fault, FaultError, parallel};
use crate::firewall::Firewall;
use crate::impair::{Effect, Spread};
use crate::network::{Endpoint, Namespace, Network};
use crate::node::Node;
use crate::rng;
use crate::schedule::{DelayVariant, FaultVariant, ScheduledFault};

/// For how long a packet is held back that others are to overtake.
const HELD_BACK: Duration = Duration::from_millis(20);
/// How many percent of the packets are held back, copied and damaged.
const REORDER_PERCENT: u8 = 25;
const DUPLICATE_PERCENT: u8 = 25;
const CORRUPT_PERCENT: u8 = 10;
/// How many datagrams a way gets at most: one in ten of them is damaged, so that the chance that none is, is that of one
/// in 10^18.
const DATAGRAMS_MAX: u64 = 400;
/// How many rounds there are at most until the control comes sooner than what is delayed.
const DELAY_ROUNDS: u64 = 10;
/// About how many datagrams are sent at a time.
const BATCH: u64 = 800;
/// How long datagrams are waited for, beyond their delay. They take microseconds; this bounds a starved machine.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many rounds may lack a datagram that nothing should have lost: the kernel may drop one for want of memory.
const SPARE_ROUNDS: u32 = 2;
/// How often it is looked in between.
const LOOK: Duration = Duration::from_millis(10);
/// How often links are looked at until they are seen to be whole: a busy machine delays datagrams by itself.
const ATTEMPTS: usize = 10;

/// Impaired links.
pub(super) struct Impaired {
    scheduled: ScheduledFault,
    effect: Effect,
    leaderless: bool,
    /// The nodes struck.
    struck: Vec<Node>,
    /// The nodes where packets are impaired, with the peers from which.
    plan: Vec<(Node, Vec<Node>)>,
    /// How many datagrams each node had refused at the start.
    refused: BTreeMap<Node, u64>,
    in_force: bool,
}

impl Impaired {
    pub(super) fn new(scheduled: ScheduledFault) -> Self {
        Self {
            effect: effect(scheduled.variant),
            scheduled,
            leaderless: false,
            struck: Vec::new(),
            plan: Vec::new(),
            refused: BTreeMap::new(),
            in_force: false,
        }
    }

    fn ways(&self) -> Vec<Way> {
        let ways = self
            .plan
            .iter()
            .flat_map(|(to, sources)| sources.iter().map(|from| (*from, *to)));
        ways.collect()
    }

    /// Sends datagrams all ways, and takes in what arrives until nothing more can. `damaging` says that some may not,
    /// which the nodes' kernels then count. Where others did not arrive, this goes into `sightings` only if `spare` is
    /// 0, and lowers it otherwise.
    fn look(
        &self,
        arena: Arena<'_>,
        batch: u64,
        damaging: bool,
        spare: &mut u32,
        sightings: &mut Sightings,
    ) -> Result<(), FaultError> {
        let network = arena.network;
        let before = refused(network)?;
        let round = network.probe_often(self.effect.channel(), batch);
        let mut round = round.map_err(FaultError::Probe)?;
        let deadline = Instant::now() + self.longest() + PATIENCE;
        loop {
            round.listen(LOOK).map_err(FaultError::Probe)?;
            let lacking = |to: &Node| -> u64 {
                let others = network.nodes().iter().filter(|from| *from != to);
                let from = others
                    .map(|from| Endpoint::Node(*from))
                    .chain([Endpoint::Harness]);
                from.map(|from| batch - round.arrivals(from, Endpoint::Node(*to)))
                    .sum()
            };
            let now = if damaging {
                refused(network)?
            } else {
                before.clone()
            };
            let refused = |node: &Node| now[node] - before[node];
            if network.nodes().iter().all(|node| lacking(node) <= refused(node)) {
                break;
            }
            if Instant::now() >= deadline {
                if *spare > 0 {
                    *spare -= 1;
                    return Ok(());
                }
                break;
            }
        }
        // A copy comes right after its original, but after it.
        round.listen(LOOK).map_err(FaultError::Probe)?;
        sightings.take(&round, network.nodes());
        Ok(())
    }

    fn longest(&self) -> Duration {
        match self.effect {
            Effect::Delay(spread) => spread.most(),
            Effect::Reorder(_, time) => time,
            Effect::Duplicate(_) | Effect::Corrupt(_) => Duration::ZERO,
        }
    }

    fn batch(&self, ways: usize) -> u64 {
        match self.effect {
            // One would do; each is held for a while.
            Effect::Delay(_) => 5,
            _ => (BATCH / ways.max(1) as u64).clamp(5, 50),
        }
    }
}

impl Fault for Impaired {
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(Firewall::find().map(|_| ())?)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let nodes = arena.network.nodes();
        let of_leader = self.scheduled.variant.aims_at_leader();
        (self.struck, self.leaderless) = choose_links(&self.scheduled, of_leader, arena);
        let struck = &self.struck;
        let impaired = |from: &Node, to: &Node| from != to && (struck.contains(from) || struck.contains(to));
        let sources = |to: &Node| nodes.iter().copied().filter(|from| impaired(from, to)).collect();
        self.plan = nodes.iter().map(|to| (*to, sources(to))).collect();
        self.refused = refused(arena.network)?;
        self.in_force = true;
        let results = parallel::for_each(&self.plan, |(to, sources)| {
            let sources: Vec<Ipv4Addr> = sources.iter().map(|from| arena.network.address(*from)).collect();
            // Each node draws for itself.
            let rng = rng::from_seed_and_stream(self.scheduled.seed, u64::from(to.0));
            Ok(arena.network.impairer(*to).add(self.effect, &sources, rng)?)
        });
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(self.struck.clone())
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        let ways = self.ways();
        if ways.is_empty() || !self.in_force {
            evidence.add(false, "no link is impaired".to_owned());
            return Ok(evidence);
        }
        let mut sightings = Sightings::new(self.effect);
        let batch = self.batch(ways.len());
        let damaging = matches!(self.effect, Effect::Corrupt(_));
        let mut spare = SPARE_ROUNDS;
        let rounds = match self.effect {
            Effect::Delay(_) => DELAY_ROUNDS,
            _ => DATAGRAMS_MAX.div_ceil(batch),
        };
        for _ in 0..rounds {
            self.look(arena, batch, damaging, &mut spare, &mut sightings)?;
            if ways.iter().all(|way| sightings.is_decided(*way)) {
                break;
            }
        }
        let refused = refused(arena.network)?;
        for (from, to) in ways {
            let source = arena.network.address(from);
            let tally = arena.network.impairer(to).tally(self.effect.channel(), source);
            let refused = refused[&to] - self.refused[&to];
            sightings.weigh((from, to), tally, refused, &mut evidence);
        }
        if self.leaderless {
            let sentence = instead_of_leader(&self.struck, "given impaired links");
            evidence.sentences.push(sentence);
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let results = parallel::for_each(&self.plan, |(to, _)| {
            Ok(arena.network.impairer(*to).remove(self.effect.channel())?)
        });
        // What failed is tried again at the next call.
        let first_error = results.into_iter().collect::<Result<Vec<()>, _>>();
        self.in_force = first_error.is_err();
        first_error.map(|_| ())
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let nodes = arena.network.nodes();
        let batch = self.batch(nodes.len() * nodes.len());
        let mut evidence = Evidence::default();
        let mut objection = None;
        for _ in 0..ATTEMPTS {
            let mut sightings = Sightings::new(self.effect);
            self.look(arena, batch, false, &mut 0, &mut sightings)?;
            objection = sightings.impairment(nodes);
            if objection.is_none() {
                break;
            }
        }
        match objection {
            Some(objection) => evidence.add(false, format!("after healing, {objection}")),
            None => {
                let what = match self.effect {
                    Effect::Delay(_) => "came without a delay",
                    Effect::Reorder(..) => "came in order",
                    Effect::Duplicate(_) => "came once",
                    Effect::Corrupt(_) => "came undamaged",
                };
                let sentence = format!("after healing, {batch} of {batch} datagrams {what} every way");
                evidence.add(true, sentence);
            }
        }
        Ok(evidence)
    }
}

/// What a variant does to packets.
fn effect(variant: FaultVariant) -> Effect {
    let ms = Duration::from_millis;
    match variant {
        FaultVariant::Delay(DelayVariant::AllLinks) => Effect::Delay(Spread::Uniform(ms(40), ms(60))),
        FaultVariant::Delay(DelayVariant::LeaderLinks) => Effect::Delay(Spread::Uniform(ms(80), ms(120))),
        FaultVariant::Delay(DelayVariant::HeavyTail) => Effect::Delay(Spread::Pareto(ms(5), ms(500))),
        FaultVariant::Reorder(_) => Effect::Reorder(REORDER_PERCENT, HELD_BACK),
        FaultVariant::Duplicate(_) => Effect::Duplicate(DUPLICATE_PERCENT),
        FaultVariant::Corrupt(_) => Effect::Corrupt(CORRUPT_PERCENT),
        other => unreachable!("{other} impairs no links"),
    }
}

/// How many datagrams the kernel of each node has refused, those with a wrong checksum among them.
fn refused(network: &Network) -> Result<BTreeMap<Node, u64>, FaultError> {
    let results = parallel::for_each(network.nodes(), |node| {
        udp_errors(network.namespace(*node)).map_err(FaultError::Probe)
    });
    let mut refused = BTreeMap::new();
    for (node, errors) in network.nodes().iter().zip(results) {
        refused.insert(*node, errors?);
    }
    Ok(refused)
}

/// `InErrors` of UDP (proc_net_snmp(5), RFC 4113).
fn udp_errors(namespace: &Namespace) -> io::Result<u64> {
    let text = namespace.run(|| fs::read_to_string("/proc/thread-self/net/snmp"))?;
    parse_udp_errors(&text).ok_or_else(|| io::Error::other("/proc/net/snmp tells no errors of UDP"))
}

/// A line names the fields of a protocol, the next one says their values.
fn parse_udp_errors(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut fields = names.split_whitespace().zip(values.split_whitespace());
    fields.find(|(name, _)| *name == "InErrors")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_udp_are_read_by_their_name() {
        let text = "Tcp: InErrs\nTcp: 9\nUdp: InDatagrams NoPorts InErrors OutDatagrams\nUdp: 5 4 3 2\n";
        assert_eq!(parse_udp_errors(text), Some(3));
        assert_eq!(parse_udp_errors("Udp: InDatagrams\n"), None);
        assert_eq!(parse_udp_errors(""), None);
    }
}
