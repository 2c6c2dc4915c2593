//! Clocks that run wrong: nodes are told to bend the clock by which their protocol knows time.
//!
//! # When it is proven
//!
//! A thread of its own reads the clocks of the struck nodes all the while. What a node's clock has gained since it was told
//! to go wrong is known within bounds ([`Bounds`]), and so is what it should have gained. It is
//! proven if no reading contradicts that, and one shows it: it cannot be the reading of a clock that is right.
//!
//! # What is healed
//!
//! Only differences of its own clock's times mean anything to a node. So a clock is healed when it runs at its right
//! rate again and jumps no more; what it has gained or lost by then, it keeps.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::aim::Aim;
use super::{Arena, Evidence, Fault, FaultError};
use crate::conductor::StopRequest;
use crate::node::Node;
use crate::process::{Bounds, ClockClaim, ClockControl, ClockOrder, ClockReading, NodeState};

/// How long a node may take to carry out an order. A loaded node may well need some time.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a process that does not listen yet is tried within that.
const LISTEN_POLL: Duration = Duration::from_millis(5);
/// How often the clocks are read.
const READ_INTERVAL: Duration = Duration::from_millis(50);
/// By how much clocks jump: more than an election takes.
pub(super) const JUMP_US: i64 = 500_000;
/// By how much a strobing clock jumps to and fro, and how often: it is right, or stands still, in between.
const STROBE_US: i64 = 200_000;
const STROBE_INTERVAL: Duration = Duration::from_millis(250);
/// What a clock must have gained or lost at least to be told from a right one.
const SHOWN_US: f64 = 5_000.0;
/// What readings may miss of their bounds: the quartz by which they are taken is the same, so almost nothing.
const SLACK_US: f64 = 500.0;
/// The rates that count as right, as far as a short look can tell them.
const RIGHT: RangeInclusive<f64> = 0.98..=1.02;
/// For how long a clock is looked at to see that it runs right. Where that does not tell, as on a busy machine, or the
/// clock stands still yet, it is looked at for twice as long each time.
const RIGHT_LOOK: Duration = Duration::from_millis(100);
const RIGHT_LOOKS: u32 = 5;

/// How a clock is bent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bend {
    /// It runs at this rate.
    Rate(f64),
    /// It is set ahead once by so many microseconds, or back.
    Jump(i64),
    /// It is set ahead and back, again and again.
    Strobe,
}

impl Bend {
    /// How long it takes at most until a reading tells the clock from a right one.
    fn settling(self) -> Duration {
        match self {
            Self::Rate(rate) => Duration::from_secs_f64(1.5 * SHOWN_US / 1e6 / (rate - 1.0).abs()),
            Self::Jump(_) | Self::Strobe => Duration::from_secs_f64(1.5 * SHOWN_US / 1e6),
        }
    }

    /// What the clock should have gained, the given microseconds after it was bent.
    fn gain_us(self, after_us: f64) -> f64 {
        match self {
            Self::Rate(rate) => (rate - 1.0) * after_us,
            // Set back it stands still, and so loses what passes, until it has lost it all.
            Self::Jump(micros) => (micros as f64).max(-after_us),
            Self::Strobe => 0.0,
        }
    }
}

/// A clock fault.
pub(super) struct Clock {
    aim: Aim,
    bend: Bend,
    struck: Vec<Struck>,
    /// That nobody else bends the clocks of those struck until they are seen to be right.
    claims: Vec<ClockClaim>,
    /// Nodes that had been chosen, but did not carry out the order, and why.
    refused: Vec<(Node, String)>,
    worker: Option<(StopRequest, JoinHandle<Vec<Struck>>)>,
}

/// A node whose clock is wrong.
#[derive(Clone, Debug)]
struct Struck {
    node: Node,
    control: ClockControl,
    /// Before the order that bent it.
    before: ClockReading,
    /// Right after it.
    bent: ClockReading,
    /// Thereafter, of the same process.
    readings: Vec<ClockReading>,
    /// Whether it is ahead: clocks that strobe are, half of the time.
    ahead: bool,
}

impl Clock {
    pub(super) fn new(aim: Aim, bend: Bend) -> Self {
        Self {
            aim,
            bend,
            struck: Vec::new(),
            claims: Vec::new(),
            refused: Vec::new(),
            worker: None,
        }
    }

    /// Stops the thread, and takes over what it has read.
    fn join(&mut self) {
        if let Some((stop, worker)) = self.worker.take() {
            stop.request();
            // It has nothing to panic about; if it does all the same, its readings are lost, and nothing is proven.
            self.struck = worker.join().unwrap_or_default();
        }
    }
}

impl Fault for Clock {
    fn set_up(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        let nodes = arena.nodes.nodes();
        nodes
            .into_iter()
            .try_for_each(|node| control(arena, node).map(|_| ()))
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        // All that can be claimed are, so that the choice is among these; those not chosen are let go again.
        let mut claims = BTreeMap::new();
        let fits = |node, state: &NodeState| {
            let control = matches!(state, NodeState::Running { .. }).then(|| arena.nodes.clock(node));
            let claim = control.flatten().and_then(|control| control.claim());
            claim.is_some_and(|claim| claims.insert(node, claim).is_none())
        };
        let chosen = self.aim.choose(arena, fits)?;
        claims.retain(|node, _| chosen.contains(node));
        self.claims = claims.into_values().collect();
        for node in chosen {
            match Struck::bend(node, control(arena, node)?, self.bend) {
                Ok(struck) => self.struck.push(struck),
                Err(error) => self.refused.push((node, error.to_string())),
            }
        }
        // Before anything else can strike the same nodes: what nobody has read cannot be proven.
        thread::sleep(self.bend.settling());
        self.struck.iter_mut().for_each(|struck| struck.settle(self.bend));
        let (stop, bend, struck) = (StopRequest::new(), self.bend, self.struck.clone());
        let requested = stop.clone();
        let worker = thread::Builder::new().name("clocks".to_owned());
        let worker = worker.spawn(move || watch(struck, bend, &requested));
        self.worker = Some((stop, worker.map_err(FaultError::Thread)?));
        Ok(self.struck.iter().map(|struck| struck.node).collect())
    }

    fn evidence_during(&mut self, _arena: Arena<'_>) -> Result<Evidence, FaultError> {
        self.join();
        let mut evidence = Evidence::default();
        for struck in &self.struck {
            struck.weigh(self.bend, &mut evidence);
        }
        for (node, problem) in &self.refused {
            evidence.add(false, format!("the clock of {node} could not be bent: {problem}"));
        }
        let nodes: Vec<Node> = self.struck.iter().map(|struck| struck.node).collect();
        self.aim.tell(&nodes, "given a wrong clock", &mut evidence);
        if nodes.is_empty() {
            evidence.add(
                false,
                "no clock went wrong: that of no node that runs could be bent".to_owned(),
            );
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        self.join();
        for struck in &mut self.struck {
            // The clock of another process was never bent.
            let is_same = match arena.nodes.state(struck.node)? {
                NodeState::Running { pid } | NodeState::Paused { pid } => pid == struck.bent.pid,
                NodeState::Down | NodeState::Died(_) => false,
            };
            let order = match self.bend {
                Bend::Rate(_) => ClockOrder::Rate(1.0),
                Bend::Strobe if struck.ahead => ClockOrder::Jump(-STROBE_US),
                Bend::Strobe | Bend::Jump(_) => continue,
            };
            if is_same {
                // A process that is stopped carries it out when it goes on. Whether it did shows afterwards.
                let _ = struck.control.order(order, PATIENCE);
                struck.ahead = false;
            }
        }
        Ok(())
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence::default();
        for Struck { node, bent, .. } in &self.struck {
            match arena.nodes.state(*node)? {
                NodeState::Running { pid } if pid == bent.pid => match rate(arena, *node)? {
                    Ok(sentence) => evidence.add(true, format!("afterwards, of {node}: {sentence}")),
                    Err(sentence) => evidence.add(false, format!("afterwards, of {node}: {sentence}")),
                },
                NodeState::Paused { pid } if pid == bent.pid => {
                    let sentence =
                        "is paused: its clock goes right when it goes on, which is checked at the end";
                    evidence.sentences.push(format!("{node} {sentence}"));
                }
                _ => evidence
                    .sentences
                    .push(format!("{node} is another process now, with a clock of its own")),
            }
        }
        self.claims.clear();
        Ok(evidence)
    }
}

impl Struck {
    fn bend(node: Node, control: ClockControl, bend: Bend) -> io::Result<Self> {
        let before = first_reading(&control)?;
        let order = match bend {
            Bend::Rate(rate) => ClockOrder::Rate(rate),
            Bend::Jump(micros) => ClockOrder::Jump(micros),
            Bend::Strobe => ClockOrder::Jump(STROBE_US),
        };
        let bent = control.order(order, PATIENCE)?;
        Ok(Self {
            node,
            control,
            before,
            bent,
            readings: Vec::new(),
            ahead: bend == Bend::Strobe,
        })
    }

    /// Sees to it that there is a reading which shows the bend.
    fn settle(&mut self, bend: Bend) {
        if bend == Bend::Strobe {
            // Set back, it stands still, and so is ahead by less with every moment.
            self.strobe();
            thread::sleep(bend.settling());
        }
        self.read();
    }

    fn strobe(&mut self) {
        let micros = if self.ahead { -STROBE_US } else { STROBE_US };
        // Where it comes too late, or another process answers, that shows in the readings.
        let _ = self.control.order(ClockOrder::Jump(micros), PATIENCE);
        self.ahead = !self.ahead;
    }

    fn read(&mut self) {
        // A clock that cannot be read just now, as that of a paused node, may be so later.
        if let Ok(reading) = self.control.order(ClockOrder::Show, READ_INTERVAL)
            && reading.pid == self.bent.pid
        {
            self.readings.push(reading);
        }
    }

    /// Judges it by the rule at the top.
    fn weigh(&self, bend: Bend, evidence: &mut Evidence) {
        let gains: Vec<(Bounds, Bounds)> = [self.bent]
            .iter()
            .chain(&self.readings)
            .map(|reading| (reading.gained_since(&self.before), self.expected(bend, reading)))
            .collect();
        let node = self.node;
        let ms = |us: f64| us / 1e3;
        if bend == Bend::Strobe {
            // Ahead at some time, and not at another.
            let most = gains
                .iter()
                .map(|(gained, _)| gained.least_us)
                .fold(f64::MIN, f64::max);
            let least = gains
                .iter()
                .map(|(gained, _)| gained.most_us)
                .fold(f64::MAX, f64::min);
            let sentence = format!(
                "the clock of {node} was seen {:.1} ms ahead and, at another time, {:.1} ms, in {} readings",
                ms(most),
                ms(least),
                gains.len()
            );
            return evidence.add(most - least > SHOWN_US, sentence);
        }
        for (gained, expected) in &gains {
            let contradicts = gained.most_us < expected.least_us - SLACK_US
                || gained.least_us > expected.most_us + SLACK_US;
            if contradicts {
                let sentence = format!(
                    "the clock of {node} had gained {:.1} to {:.1} ms where {:.1} to {:.1} ms were meant",
                    ms(gained.least_us),
                    ms(gained.most_us),
                    ms(expected.least_us),
                    ms(expected.most_us)
                );
                return evidence.add(false, sentence);
            }
        }
        let distance = |(gained, _): &(Bounds, Bounds)| gained.least_us.max(-gained.most_us);
        let furthest = gains.iter().max_by(|a, b| distance(a).total_cmp(&distance(b)));
        let Some(furthest) = furthest else { return };
        let (gained, _) = furthest;
        let verb = if gained.least_us > 0.0 { "gained" } else { "lost" };
        let sentence = format!(
            "the clock of {node} {verb} at least {:.1} ms, by {} readings",
            ms(distance(furthest)),
            gains.len()
        );
        evidence.add(distance(furthest) > SHOWN_US, sentence);
    }

    /// What the clock should have gained at a reading, which was some time after it was bent, which was some time
    /// after the order.
    fn expected(&self, bend: Bend, reading: &ClockReading) -> Bounds {
        let micros = |span: Duration| span.as_secs_f64() * 1e6;
        let soonest = micros(reading.asked.saturating_duration_since(self.bent.answered));
        let latest = micros(reading.answered.saturating_duration_since(self.bent.asked));
        let (a, b) = (bend.gain_us(soonest), bend.gain_us(latest));
        Bounds {
            least_us: a.min(b),
            most_us: a.max(b),
        }
    }
}

/// Reads the clock of a process that runs, but may have been started just now: it does not listen yet then, and the
/// socket is missing, or that of its earlier life.
fn first_reading(control: &ClockControl) -> io::Result<ClockReading> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match control.order(ClockOrder::Show, PATIENCE) {
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound)
                    && Instant::now() < deadline =>
            {
                thread::sleep(LISTEN_POLL);
            }
            read => return read,
        }
    }
}

/// Reads the clocks, and lets them strobe, until it is told to stop.
fn watch(mut struck: Vec<Struck>, bend: Bend, stop: &StopRequest) -> Vec<Struck> {
    let mut strobe_at = Instant::now() + STROBE_INTERVAL;
    loop {
        let stopped = stop.wait(READ_INTERVAL);
        for struck in &mut struck {
            struck.read();
        }
        if stopped {
            return struck;
        }
        if bend == Bend::Strobe && Instant::now() >= strobe_at {
            struck.iter_mut().for_each(Struck::strobe);
            strobe_at = Instant::now() + STROBE_INTERVAL;
        }
    }
}

fn control(arena: Arena<'_>, node: Node) -> Result<ClockControl, FaultError> {
    arena.nodes.clock(node).ok_or(FaultError::NoClock(node))
}

/// Looks whether the clock of a node runs at its right rate, for as long as it may take to: says so, or what it does
/// instead.
fn rate(arena: Arena<'_>, node: Node) -> Result<Result<String, String>, FaultError> {
    let control = control(arena, node)?;
    let mut seen = look(&control, RIGHT_LOOK);
    for doubled in 1..RIGHT_LOOKS {
        if seen.is_ok() {
            break;
        }
        seen = look(&control, RIGHT_LOOK * 2_u32.pow(doubled));
    }
    Ok(seen)
}

fn look(control: &ClockControl, span: Duration) -> Result<String, String> {
    let read = || control.order(ClockOrder::Show, PATIENCE);
    let first = read();
    // Also where it cannot be read: a process that has just been started takes orders soon.
    thread::sleep(span);
    let both = first.and_then(|first| Ok((first, read()?)));
    let (first, last) = both.map_err(|error| format!("its clock could not be read: {error}"))?;
    let passed_us = last.asked.saturating_duration_since(first.answered).as_secs_f64() * 1e6;
    let gained = last.gained_since(&first);
    let rates = (
        1.0 + gained.least_us / passed_us,
        1.0 + gained.most_us / passed_us,
    );
    let text = format!(
        "its clock ran at {:.3} to {:.3} of its right rate",
        rates.0, rates.1
    );
    if RIGHT.contains(&rates.0) && RIGHT.contains(&rates.1) && first.pid == last.pid {
        Ok(text)
    } else {
        Err(text)
    }
}

/// Checks that the clocks of all nodes that run do so at their right rates. Returns what speaks against it.
pub(crate) fn check_clocks_are_right(arena: Arena<'_>) -> Result<Vec<String>, FaultError> {
    let mut objections = Vec::new();
    for node in arena.nodes.nodes() {
        if matches!(arena.nodes.state(node)?, NodeState::Running { .. })
            && let Err(problem) = rate(arena, node)?
        {
            objections.push(format!("{node} may be wrong about the time: {problem}"));
        }
    }
    Ok(objections)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a bend is proven by readings of what the clock has gained: milliseconds after it, microseconds.
    fn proven(bend: Bend, gains: &[(u64, i64)]) -> bool {
        let origin = Instant::now();
        let reading = |after_ms: u64, gained_us: i64| {
            let asked = origin + Duration::from_millis(10 + after_ms);
            let passed_us = 10_000 + 1_000 * after_ms.cast_signed();
            ClockReading {
                pid: 1,
                asked,
                answered: asked + Duration::from_micros(50),
                shown_us: (1_000_000 + passed_us + gained_us).unsigned_abs(),
            }
        };
        let struck = Struck {
            node: Node(1),
            control: ClockControl::at("clock".into()),
            before: ClockReading {
                shown_us: 1_000_000,
                answered: origin + Duration::from_micros(50),
                ..reading(0, 0)
            },
            bent: reading(gains[0].0, gains[0].1),
            readings: gains[1..]
                .iter()
                .map(|(after, gained)| reading(*after, *gained))
                .collect(),
            ahead: false,
        };
        let struck = Struck {
            before: ClockReading {
                asked: origin,
                ..struck.before
            },
            ..struck
        };
        let mut evidence = Evidence::default();
        struck.weigh(bend, &mut evidence);
        evidence.is_proof()
    }

    #[test]
    fn a_wrong_clock_is_proven_only_by_what_it_shows() {
        let ahead = Bend::Jump(500_000);
        assert!(proven(ahead, &[(0, 500_000), (900, 500_000)]));
        assert!(!proven(ahead, &[(0, 0), (900, 0)]), "it never jumped");
        assert!(
            !proven(ahead, &[(0, 500_000), (900, 0)]),
            "it was set right meanwhile"
        );
        let back = Bend::Jump(-500_000);
        assert!(proven(back, &[(0, 0), (200, -200_000), (900, -500_000)]));
        assert!(!proven(back, &[(0, 0), (3, -3_000)]), "too soon to tell");
        assert!(!proven(back, &[(0, 0), (900, 0)]), "it ran on");
        let fast = Bend::Rate(1.08);
        assert!(proven(fast, &[(0, 0), (500, 40_000), (1_000, 80_000)]));
        assert!(!proven(fast, &[(0, 0), (1_000, 0)]), "it ran at its right rate");
        assert!(!proven(fast, &[(0, 0), (50, 4_000)]), "too soon to tell");
        assert!(proven(Bend::Strobe, &[(0, 200_000), (400, 0)]));
        assert!(
            !proven(Bend::Strobe, &[(0, 200_000), (400, 200_000)]),
            "it never came back"
        );
    }
}
