//! What datagrams tell of impaired links.
//!
//! # When an impairment is proven
//!
//! Numbered datagrams are sent each way between any two nodes, and between the harness and the nodes, on a channel that
//! no other fault touches. Those of the harness come to the same sockets, but are never impaired: they are the control.
//! A way from `a` to `b` is proven to be
//! - *delayed* if every datagram arrived, none before the least delay, and one from the harness to `b` did sooner;
//! - *out of order* if every datagram arrived, one after another that was sent later, as many packets as that at least
//!   were held back, and those from the harness to `b` came in order at least once;
//! - *doubled* if every datagram arrived, some twice, no more so than packets were copied, and none from the harness was;
//! - *damaged* if some datagrams arrived and some did not, at least as many packets were damaged, the kernel of `b`
//!   has refused as many for a wrong checksum, the share that was damaged is what was asked for within six standard
//!   deviations, and all from the harness arrived.
//!
//! Where chance or a busy machine has left a way undecided, more datagrams are sent.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Evidence;
use crate::impair::{Effect, Tally};
use crate::network::{Arrival, Endpoint, ProbeRound};
use crate::node::Node;

/// From where to where.
pub(super) type Way = (Node, Node);

/// What was seen of all ways.
#[derive(Debug)]
pub(super) struct Sightings {
    effect: Effect,
    ways: BTreeMap<(Endpoint, Endpoint), Seen>,
}

/// What was seen of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) arrived: u64,
    pub(super) missing: u64,
    /// How many came after one that was sent later.
    pub(super) overtaken: u64,
    /// How many rounds came in order.
    pub(super) orderly: u64,
    /// How many came again.
    pub(super) copies: u64,
    /// The shortest and the longest time that one took.
    pub(super) took: Option<(Duration, Duration)>,
}

impl Seen {
    fn add(&mut self, sent: u64, arrived: u64, log: &[Arrival]) {
        self.arrived += arrived;
        self.missing += sent.saturating_sub(arrived);
        self.copies += (log.len() as u64).saturating_sub(arrived);
        let (mut latest, mut overtaken) = (0, 0);
        for Arrival { number, took } in log {
            overtaken += u64::from(*number < latest);
            latest = latest.max(*number);
            let (least, most) = self.took.unwrap_or((*took, *took));
            self.took = Some((least.min(*took), most.max(*took)));
        }
        self.overtaken += overtaken;
        self.orderly += u64::from(overtaken == 0 && !log.is_empty());
    }

    fn came_within(self, time: Duration) -> bool {
        self.took.is_some_and(|(least, _)| least < time)
    }
}

/// Each is a part of the rule at the top: whether it holds, and what was seen.
impl Seen {
    fn weigh_delay(self, control: Self, least: Duration) -> (bool, String) {
        let holds = self.arrived > 0 && !self.came_within(least) && control.came_within(least);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (shortest, longest) = self.took.unwrap_or_default();
        let usual = control.took.unwrap_or_default().0;
        let sentence = format!(
            "they took {:.1} to {:.1} ms, and one of the harness's {:.1} ms",
            ms(shortest),
            ms(longest),
            ms(usual)
        );
        (holds, sentence)
    }

    fn weigh_order(self, control: Self, Tally { seen, struck }: Tally) -> (bool, String) {
        let holds = self.overtaken > 0 && struck > 0 && control.orderly > 0;
        let (overtaken, arrived) = (self.overtaken, self.arrived);
        let sentence =
            format!("{overtaken} of {arrived} were overtaken, {struck} of {seen} packets were held back");
        (holds, sentence)
    }

    fn weigh_copies(self, control: Self, Tally { seen, struck }: Tally) -> (bool, String) {
        let holds = (1..=struck).contains(&self.copies) && control.copies == 0;
        let (copies, arrived) = (self.copies, self.arrived);
        let sentence = format!("{copies} of {arrived} came twice, {struck} of {seen} packets were copied");
        (holds, sentence)
    }

    fn weigh_damage(self, tally: Tally, refused: u64, percent: u8) -> (bool, String) {
        let (Tally { seen, struck }, missing, sent) = (tally, self.missing, self.arrived + self.missing);
        let was_done = missing <= struck && missing <= refused && is_share(tally, percent);
        let holds = self.arrived > 0 && missing > 0 && was_done;
        let sentence = format!("{missing} of {sent} were refused, {struck} of {seen} packets were damaged");
        (holds, sentence)
    }
}

impl Sightings {
    /// Nothing was seen yet.
    pub(super) fn new(effect: Effect) -> Self {
        Self {
            effect,
            ways: BTreeMap::new(),
        }
    }

    /// Takes a round into account that is over.
    pub(super) fn take(&mut self, round: &ProbeRound<'_>, nodes: &[Node]) {
        for to in nodes {
            let others = nodes.iter().filter(|from| *from != to);
            for from in others
                .map(|from| Endpoint::Node(*from))
                .chain([Endpoint::Harness])
            {
                let to = Endpoint::Node(*to);
                let seen = self.ways.entry((from, to)).or_default();
                seen.add(round.sent(), round.arrivals(from, to), round.log(from, to));
            }
        }
    }

    fn of(&self, from: Endpoint, to: Node) -> Seen {
        let way = (from, Endpoint::Node(to));
        self.ways.get(&way).copied().unwrap_or_default()
    }

    /// Whether more datagrams could tell nothing more of this way.
    pub(super) fn is_decided(&self, (from, to): Way) -> bool {
        let (seen, control) = (self.of(Endpoint::Node(from), to), self.of(Endpoint::Harness, to));
        match self.effect {
            Effect::Delay(spread) => control.came_within(spread.least()),
            Effect::Reorder(..) => seen.overtaken > 0 && control.orderly > 0,
            Effect::Duplicate(_) => seen.copies > 0,
            Effect::Corrupt(_) => seen.missing > 0 && seen.arrived > 0,
        }
    }

    /// Judges a way by the rule at the top. `tally` is of all packets that came this way, `refused` of all
    /// datagrams that came to its end.
    pub(super) fn weigh(&self, (from, to): Way, tally: Tally, refused: u64, evidence: &mut Evidence) {
        let (seen, control) = (self.of(Endpoint::Node(from), to), self.of(Endpoint::Harness, to));
        let sent = seen.arrived + seen.missing;
        let what = format!("datagrams from {from} to {to}");
        if control.missing > 0 {
            let lost = control.missing;
            evidence.add(
                false,
                format!(
                    "{lost} datagrams from the harness to {to} were lost, which nothing should have lost"
                ),
            );
            return;
        }
        if seen.missing > 0 && !matches!(self.effect, Effect::Corrupt(_)) {
            evidence.add(false, format!("{} of {sent} {what} were lost", seen.missing));
            return;
        }
        let (holds, sentence) = match self.effect {
            Effect::Delay(spread) => seen.weigh_delay(control, spread.least()),
            Effect::Reorder(..) => seen.weigh_order(control, tally),
            Effect::Duplicate(_) => seen.weigh_copies(control, tally),
            Effect::Corrupt(percent) => seen.weigh_damage(tally, refused, percent),
        };
        evidence.add(holds, format!("of {what}: {sentence}"));
    }

    /// What shows that some link is still impaired, or may be.
    pub(super) fn impairment(&self, nodes: &[Node]) -> Option<String> {
        for (from, to) in self.ways.keys() {
            let &Endpoint::Node(node) = to else { continue };
            let seen = self.of(*from, node);
            let impaired = match self.effect {
                _ if seen.missing > 0 => true,
                Effect::Delay(spread) => !seen.came_within(spread.least()),
                Effect::Reorder(..) => seen.overtaken > 0,
                Effect::Duplicate(_) => seen.copies > 0,
                Effect::Corrupt(_) => false,
            };
            if impaired {
                let what = match self.effect {
                    _ if seen.missing > 0 => "did not all arrive",
                    Effect::Delay(_) => "were still delayed",
                    Effect::Reorder(..) => "came out of order",
                    Effect::Duplicate(_) => "came twice",
                    Effect::Corrupt(_) => "were damaged",
                };
                return Some(format!("datagrams from {from} to {to} {what}"));
            }
        }
        (self.ways.is_empty() && !nodes.is_empty()).then(|| "nothing was seen".to_owned())
    }
}

/// Whether so many percent of the packets were struck, within six standard deviations of so many draws.
fn is_share(Tally { seen, struck }: Tally, percent: u8) -> bool {
    let share = f64::from(percent) / 100.0;
    let expected = share * seen as f64;
    let deviation = (expected * (1.0 - share)).sqrt();
    (struck as f64 - expected).abs() <= 6.0 * deviation + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impair::Spread;

    const WAY: Way = (Node(1), Node(2));

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    /// `times` of datagrams in the order of their arrival, by number and milliseconds.
    fn seen(sent: u64, arrivals: &[(u64, u64)]) -> Seen {
        let log: Vec<Arrival> = arrivals
            .iter()
            .map(|(number, took)| Arrival {
                number: *number,
                took: ms(*took),
            })
            .collect();
        let mut numbers: Vec<u64> = arrivals.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut seen = Seen::default();
        seen.add(sent, numbers.len() as u64, &log);
        seen
    }

    fn proven(effect: Effect, way: Seen, control: Seen, tally: (u64, u64), refused: u64) -> bool {
        let mut sightings = Sightings::new(effect);
        let to = Endpoint::Node(WAY.1);
        sightings.ways.insert((Endpoint::Node(WAY.0), to), way);
        sightings.ways.insert((Endpoint::Harness, to), control);
        let (seen, struck) = tally;
        let mut evidence = Evidence::default();
        sightings.weigh(WAY, Tally { seen, struck }, refused, &mut evidence);
        evidence.is_proof()
    }

    #[test]
    fn delay_is_proven_only_against_the_control() {
        let effect = Effect::Delay(Spread::Uniform(ms(40), ms(60)));
        let proven = |way, control| proven(effect, way, control, (2, 2), 0);
        let control = seen(2, &[(1, 0), (2, 90)]);
        assert!(proven(seen(2, &[(1, 41), (2, 300)]), control));
        assert!(!proven(seen(2, &[(1, 39), (2, 50)]), control), "too early");
        assert!(!proven(seen(2, &[(1, 50)]), control), "lost");
        assert!(
            !proven(seen(2, &[(1, 50), (2, 50)]), seen(2, &[(1, 50), (2, 60)])),
            "all are slow"
        );
        assert!(!proven(seen(2, &[(1, 50), (2, 50)]), seen(2, &[(1, 0)])));
    }

    #[test]
    fn order_is_proven_lost_only_by_one_that_was_overtaken() {
        let proven = |way, control, struck| proven(Effect::Reorder(25, ms(20)), way, control, (3, struck), 0);
        let control = seen(3, &[(1, 0), (2, 0), (3, 0)]);
        let mixed = seen(3, &[(1, 0), (3, 0), (2, 20)]);
        assert_eq!(mixed.overtaken, 1);
        assert!(proven(mixed, control, 1));
        assert!(!proven(mixed, control, 0), "nothing was held back");
        assert!(!proven(control, control, 1));
        assert!(!proven(mixed, mixed, 1), "all come out of order");
    }

    #[test]
    fn copies_are_proven_only_if_they_were_made() {
        let proven = |way, control, struck| proven(Effect::Duplicate(25), way, control, (9, struck), 0);
        let control = seen(2, &[(1, 0), (2, 0)]);
        let doubled = seen(2, &[(1, 0), (1, 0), (2, 0)]);
        assert!(proven(doubled, control, 1));
        assert!(!proven(doubled, control, 0));
        assert!(!proven(control, control, 1));
        assert!(!proven(doubled, doubled, 1));
    }

    #[test]
    fn damage_is_proven_only_if_it_was_done_and_refused() {
        let proven = |way, control, tally, refused| proven(Effect::Corrupt(10), way, control, tally, refused);
        let control = seen(2, &[(1, 0), (2, 0)]);
        let damaged = seen(2, &[(1, 0)]);
        assert!(proven(damaged, control, (100, 10), 1));
        assert!(!proven(damaged, control, (100, 10), 0), "lost elsewhere");
        assert!(!proven(damaged, control, (100, 0), 1), "not done here");
        assert!(!proven(damaged, control, (1_000, 500), 1), "not the share");
        assert!(!proven(control, control, (100, 10), 1));
        assert!(!proven(damaged, damaged, (100, 10), 1));
    }

    #[test]
    fn what_is_left_of_an_impairment_is_seen() {
        let left = |effect, way: Seen| {
            let mut sightings = Sightings::new(effect);
            let to = Endpoint::Node(WAY.1);
            sightings.ways.insert((Endpoint::Node(WAY.0), to), way);
            sightings.impairment(&[WAY.0, WAY.1]).is_some()
        };
        let whole = seen(2, &[(1, 0), (2, 0)]);
        let delay = Effect::Delay(Spread::Uniform(ms(40), ms(60)));
        let effects = [
            delay,
            Effect::Reorder(25, ms(20)),
            Effect::Duplicate(25),
            Effect::Corrupt(10),
        ];
        for effect in effects {
            assert!(!left(effect, whole));
            assert!(left(effect, seen(2, &[(1, 0)])));
            assert!(Sightings::new(effect).impairment(&[WAY.0]).is_some());
        }
        assert!(left(delay, seen(2, &[(1, 45), (2, 45)])));
        assert!(left(Effect::Reorder(25, ms(20)), seen(2, &[(2, 0), (1, 0)])));
        assert!(left(Effect::Duplicate(25), seen(2, &[(1, 0), (1, 0), (2, 0)])));
    }
}
