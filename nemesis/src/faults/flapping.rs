//! Links that flap: they go down and up again, each time for 100 to 400 ms, as a loose plug or a port that renegotiates
//! would. Which links, and for how long each time, follows from the seed.
//!
//! # When it is proven
//!
//! A datagram is sent each way between any two nodes whenever the links have gone down, and whenever they have come up.
//! No datagram must ever pass a link that is down. Each way of a link must at least once have been seen down, by a
//! rule that counted a packet of it, and at least once up, by a datagram that passed; and every other way must have
//! passed one.

use std::collections::BTreeSet;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::partition::{PROBE_PATIENCE, evidence_of_healing, struck};
use super::treated::Treated;
use super::{Arena, Evidence, Fault, FaultError};
use crate::conductor::StopRequest;
use crate::firewall::{Firewall, Treatment};
use crate::grudge::{Grudge, flapping_links};
use crate::network::{Channel, Endpoint, Network, ProbeRound};
use crate::node::Node;
use crate::rng;
use crate::schedule::ScheduledFault;

/// For how long links stay down, and stay up, in milliseconds.
const HOLD_MS: (u64, u64) = (100, 400);

/// Links that flap.
pub(super) struct Flapping {
    seed: u64,
    grudge: Grudge,
    worker: Option<(StopRequest, JoinHandle<Flapped>)>,
    links: Option<Links>,
    /// How the thread failed, if it did.
    failed: Result<(), FaultError>,
}

/// The links when the thread has ended, and how it failed, if it did.
type Flapped = (Links, Result<(), FaultError>);

/// The links, and what was seen of them.
#[derive(Clone, Debug)]
struct Links {
    drops: Treated,
    seen: Seen,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    grudge: Grudge,
    /// How often they have gone down, and come up again.
    downs: u32,
    ups: u32,
    /// `(by, from)`: that `by` dropped packets from `from`.
    down: BTreeSet<(Node, Node)>,
    /// `(from, to)`: that a datagram passed.
    passed: BTreeSet<(Endpoint, Endpoint)>,
    /// `(from, to)`: that a datagram passed while it must not.
    leaked: BTreeSet<(Node, Node)>,
}

impl Flapping {
    pub(super) fn new(scheduled: &ScheduledFault) -> Self {
        Self {
            seed: scheduled.seed,
            grudge: Grudge::default(),
            worker: None,
            links: None,
            failed: Ok(()),
        }
    }

    /// Stops the thread, and takes the links over.
    fn join(&mut self) {
        if let Some((stop, worker)) = self.worker.take() {
            stop.request();
            match worker.join() {
                Ok((links, failed)) => (self.links, self.failed) = (Some(links), failed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    }
}

impl Fault for Flapping {
    fn set_up(&mut self, _arena: Arena<'_>) -> Result<(), FaultError> {
        Ok(Firewall::find().map(|_| ())?)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let nodes = arena.network.nodes();
        let mut rng = rng::from_seed(self.seed);
        self.grudge = flapping_links(nodes, &mut rng);
        let drops = Treated::by_grudge(Treatment::Sever, &self.grudge, arena.network)?;
        let seen = Seen {
            grudge: self.grudge.clone(),
            downs: 1,
            ..Seen::default()
        };
        let links = self.links.insert(Links { drops, seen });
        links.drops.apply(arena.network)?;
        let (stop, network) = (StopRequest::new(), arena.network.clone());
        let requested = stop.clone();
        let worker = thread::Builder::new().name("flapping".to_owned());
        let moved = links.clone();
        let worker = worker.spawn(move || moved.flap(&network, rng, &requested));
        self.worker = Some((stop, worker.map_err(FaultError::Thread)?));
        Ok(struck(&self.grudge, nodes))
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        self.join();
        std::mem::replace(&mut self.failed, Ok(()))?;
        let mut evidence = Evidence::default();
        match &self.links {
            Some(links) => links.seen.weigh(arena.network.nodes(), &mut evidence),
            None => evidence.add(false, "no link flapped".to_owned()),
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        self.join();
        match &mut self.links {
            Some(links) => links.drops.lift(arena.network),
            None => Ok(()),
        }
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        // Nothing of what was seen before the heal may prove another time.
        self.links = None;
        evidence_of_healing(arena, Channel::Cuts, "all nodes")
    }
}

impl Links {
    /// Lets them come up and go down in turn until the stop is requested. They are down at the start.
    fn flap(mut self, network: &Network, mut rng: ChaCha8Rng, stop: &StopRequest) -> Flapped {
        let mut hold = || Duration::from_millis(rng::between(HOLD_MS.0, HOLD_MS.1, &mut rng));
        let mut stopped = Ok(false);
        while let Ok(false) = stopped {
            stopped = self.look_down(network, stop, hold());
            if let Ok(false) = stopped {
                stopped = self.look_up(network, stop, hold());
            }
        }
        (self, stopped.map(|_| ()))
    }

    /// Holds them down. Returns whether the stop was requested.
    fn look_down(
        &mut self,
        network: &Network,
        stop: &StopRequest,
        hold: Duration,
    ) -> Result<bool, FaultError> {
        let mut round = network.probe(Channel::Cuts).map_err(FaultError::Probe)?;
        let stopped = stop.wait(hold);
        let counts = self.drops.counts(network)?;
        // Counting took longer than any datagram needs: what has not arrived by now has been dropped.
        round.receive().map_err(FaultError::Probe)?;
        let seen = &mut self.seen;
        for (by, from) in seen.grudge.pairs() {
            let count = counts.get(&(by, network.address(from)));
            if count.is_some_and(|count| count.dropped > 0) {
                seen.down.insert((by, from));
            }
            if round.arrived(Endpoint::Node(from), Endpoint::Node(by)) {
                seen.leaked.insert((from, by));
            }
        }
        self.seen.note_passed(network.nodes(), &round, false);
        Ok(stopped)
    }

    /// Brings them up, holds them, and takes them down again unless the stop is requested, which is returned.
    fn look_up(&mut self, network: &Network, stop: &StopRequest, hold: Duration) -> Result<bool, FaultError> {
        self.drops.lift(network)?;
        self.seen.ups += 1;
        let mut round = network.probe(Channel::Cuts).map_err(FaultError::Probe)?;
        let stopped = stop.wait(hold);
        // Where the stop comes at once, the datagrams are still under way.
        (round.wait(|_, _| true, PROBE_PATIENCE)).map_err(FaultError::Probe)?;
        self.seen.note_passed(network.nodes(), &round, true);
        if !stopped {
            self.drops.apply(network)?;
            self.seen.downs += 1;
        }
        Ok(stopped)
    }
}

impl Seen {
    /// Takes note of the ways that passed a datagram: those of the links only if they are up.
    fn note_passed(&mut self, nodes: &[Node], round: &ProbeRound<'_>, up: bool) {
        for (from, to) in ways(nodes) {
            let ends = (Endpoint::Node(from), Endpoint::Node(to));
            if (up || !self.grudge.drops(to, from)) && round.arrived(ends.0, ends.1) {
                self.passed.insert(ends);
            }
        }
    }

    /// Judges by the rule at the top.
    fn weigh(&self, nodes: &[Node], evidence: &mut Evidence) {
        let Self { downs, ups, .. } = self;
        for (from, to) in &self.leaked {
            let sentence = format!("a probe from {from} reached {to} while their link was down");
            evidence.add(false, sentence);
        }
        for (from, to) in ways(nodes) {
            let flaps = self.grudge.drops(to, from);
            let passed = self.passed.contains(&(Endpoint::Node(from), Endpoint::Node(to)));
            if flaps && !self.down.contains(&(to, from)) {
                let sentence =
                    format!("{to} dropped nothing from {from}, though their link went down {downs} times");
                evidence.add(false, sentence);
            } else if !passed && flaps {
                let sentence =
                    format!("no probe from {from} to {to} passed, though their link came up {ups} times");
                evidence.add(false, sentence);
            } else if !passed {
                let sentence = format!("no probe from {from} to {to} passed, though that link was always up");
                evidence.add(false, sentence);
            } else if flaps && from < to {
                let sentence =
                    format!("the link of {from} and {to} went down {downs} times, and came up {ups} times");
                evidence.add(true, sentence);
            }
        }
    }
}

fn ways(nodes: &[Node]) -> impl Iterator<Item = (Node, Node)> {
    let from = nodes.iter().copied();
    from.flat_map(move |from| {
        let others = nodes.iter().copied().filter(move |to| *to != from);
        others.map(move |to| (from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flapping_is_proven_only_if_each_way_was_down_and_up() {
        let (a, b, c) = (Node(1), Node(2), Node(3));
        let nodes = [a, b, c];
        let mut grudge = Grudge::default();
        grudge.cut(a, b);
        let proven = |change: &dyn Fn(&mut Seen)| {
            let mut seen = Seen {
                grudge: grudge.clone(),
                down: [(a, b), (b, a)].into(),
                passed: ways(&nodes)
                    .map(|(from, to)| (Endpoint::Node(from), Endpoint::Node(to)))
                    .collect(),
                ..Seen::default()
            };
            change(&mut seen);
            let mut evidence = Evidence::default();
            seen.weigh(&nodes, &mut evidence);
            evidence.is_proof()
        };
        let way = |from, to| (Endpoint::Node(from), Endpoint::Node(to));
        assert!(proven(&|_| {}));
        assert!(!proven(&|seen| _ = seen.down.remove(&(b, a))));
        assert!(!proven(&|seen| _ = seen.passed.remove(&way(a, b))));
        assert!(!proven(&|seen| _ = seen.passed.remove(&way(c, b))));
        assert!(!proven(&|seen| _ = seen.leaked.insert((a, b))));
    }
}
