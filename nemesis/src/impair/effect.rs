//! What is done to packets, and what is decided for each of them. Pure: the queue comes elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use super::packet::Kind;
use crate::network::Channel;
use crate::rng;

/// What is done to packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Each comes later, by a draw of its own, but none overtakes another from the same peer.
    Delay(Spread),
    /// So many percent of them are held back for so long, so that later ones overtake them.
    Reorder(u8, Duration),
    /// So many percent of them come twice.
    Duplicate(u8),
    /// A bit is flipped in so many percent of them.
    Corrupt(u8),
}

/// How delays are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// All values from one to another alike.
    Uniform(Duration, Duration),
    /// By Pareto's distribution of shape 2, from the least value on, cut off at the greatest. Half are below 1.4 times
    /// the least, one in a hundred is above ten times.
    Pareto(Duration, Duration),
}

impl Spread {
    /// The least delay.
    #[must_use]
    pub fn least(self) -> Duration {
        match self {
            Self::Uniform(least, _) | Self::Pareto(least, _) => least,
        }
    }

    /// The greatest delay.
    #[must_use]
    pub fn most(self) -> Duration {
        match self {
            Self::Uniform(_, most) | Self::Pareto(_, most) => most,
        }
    }

    fn draw(self, rng: &mut ChaCha8Rng) -> Duration {
        match self {
            Self::Uniform(least, most) => {
                let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
                Duration::from_micros(rng::between(micros(least), micros(most), rng))
            }
            Self::Pareto(least, most) => {
                // From 0 up to but not 1, in the 53 bits that a float holds.
                let uniform = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                least.mul_f64((1.0 - uniform).sqrt().recip().min(1e6)).min(most)
            }
        }
    }
}

impl Effect {
    /// The probes that see it; those of other channels pass untouched.
    #[must_use]
    pub fn channel(self) -> Channel {
        match self {
            Self::Delay(_) => Channel::Delays,
            Self::Reorder(..) => Channel::Orders,
            Self::Duplicate(_) => Channel::Copies,
            Self::Corrupt(_) => Channel::Corruptions,
        }
    }
}

/// Packets from one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that came.
    pub seen: u64,
    /// Those of them that the effect was had on.
    pub struck: u64,
}

/// What is to be done with one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// When it goes on.
    pub(super) release: Instant,
    /// Whether a copy of it goes on too.
    pub(super) copy: bool,
    /// Which bit of it is flipped, if any.
    pub(super) flip: Option<u64>,
}

/// An effect that is in force on the packets from some peers.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) effect: Effect,
    sources: BTreeSet<Ipv4Addr>,
    rng: ChaCha8Rng,
    pub(super) tallies: BTreeMap<Ipv4Addr, Tally>,
    /// When the last packet from a peer goes on, which none may overtake.
    last: BTreeMap<Ipv4Addr, Instant>,
}

impl Applied {
    pub(super) fn new(effect: Effect, sources: &[Ipv4Addr], rng: ChaCha8Rng) -> Self {
        Self {
            effect,
            sources: sources.iter().copied().collect(),
            rng,
            tallies: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    fn applies(&self, kind: Kind) -> bool {
        let is_seen = kind
            .channel
            .is_none_or(|channel| channel == self.effect.channel());
        is_seen && self.sources.contains(&kind.source)
    }

    fn add_to(&mut self, decision: &mut Decision, kind: Kind) {
        let tally = self.tallies.entry(kind.source).or_default();
        tally.seen += 1;
        let mut strikes = |percent: u8| rng::below(100, &mut self.rng) < u64::from(percent);
        let struck = match self.effect {
            Effect::Delay(spread) => {
                let last = self.last.entry(kind.source).or_insert(decision.release);
                *last = (*last).max(decision.release + spread.draw(&mut self.rng));
                decision.release = *last;
                true
            }
            Effect::Reorder(percent, time) => {
                let strikes = strikes(percent);
                if strikes {
                    decision.release += time;
                }
                strikes
            }
            Effect::Duplicate(percent) => {
                decision.copy = strikes(percent);
                decision.copy
            }
            Effect::Corrupt(percent) => {
                let strikes = strikes(percent);
                decision.flip = strikes.then(|| self.rng.next_u64());
                strikes
            }
        };
        tally.struck += u64::from(struck);
    }
}

/// Decides for a packet that came at `now`. Where several effects are in force, it has all of them.
pub(super) fn decide(effects: &mut [Applied], kind: Kind, now: Instant) -> Decision {
    let mut decision = Decision {
        release: now,
        copy: false,
        flip: None,
    };
    for applied in effects.iter_mut().filter(|applied| applied.applies(kind)) {
        applied.add_to(&mut decision, kind);
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: [u8; 4] = [10, 77, 0, 1];

    fn kind(from: [u8; 4], port: u16) -> Kind {
        let mut packet = vec![0; 28];
        (packet[0], packet[9]) = (0x45, 17);
        packet[12..16].copy_from_slice(&from);
        packet[22..24].copy_from_slice(&port.to_be_bytes());
        Kind::of(&packet).unwrap()
    }

    fn applied(effect: Effect) -> Applied {
        Applied::new(effect, &[PEER.into()], rng::from_seed(1))
    }

    /// The delays of so many packets that come a millisecond after each other.
    fn releases(effect: Effect, count: u64) -> Vec<(Duration, Decision)> {
        let (start, mut effects) = (Instant::now(), [applied(effect)]);
        (0..count)
            .map(|number| {
                let now = start + Duration::from_millis(number);
                let decision = decide(&mut effects, kind(PEER, 9), now);
                (decision.release - now, decision)
            })
            .collect()
    }

    #[test]
    fn delays_keep_their_bounds_and_the_order() {
        let ms = Duration::from_millis;
        for spread in [Spread::Uniform(ms(40), ms(60)), Spread::Pareto(ms(5), ms(500))] {
            let releases = releases(Effect::Delay(spread), 2_000);
            assert!(
                releases
                    .iter()
                    .all(|(delay, _)| (spread.least()..=spread.most()).contains(delay))
            );
            assert!(releases.is_sorted_by_key(|(_, decision)| decision.release));
            let shortest = releases.iter().map(|(delay, _)| *delay).min();
            let longest = releases.iter().map(|(delay, _)| *delay).max();
            assert!(longest > shortest);
        }
    }

    #[test]
    fn half_of_a_heavy_tail_is_short_and_some_is_long() {
        let ms = Duration::from_millis;
        let spread = Spread::Pareto(ms(5), ms(500));
        let mut rng = rng::from_seed(3);
        let mut delays: Vec<Duration> = (0..10_000).map(|_| spread.draw(&mut rng)).collect();
        delays.sort();
        assert!((ms(6)..ms(8)).contains(&delays[5_000]), "{:?}", delays[5_000]);
        assert!((ms(40)..ms(60)).contains(&delays[9_900]), "{:?}", delays[9_900]);
    }

    #[test]
    fn shares_are_what_was_asked_for() {
        let percents = [
            Effect::Reorder(25, Duration::from_millis(20)),
            Effect::Duplicate(25),
            Effect::Corrupt(25),
        ];
        for effect in percents {
            let struck = |(delay, decision): &(Duration, Decision)| {
                !delay.is_zero() || decision.copy || decision.flip.is_some()
            };
            let struck = releases(effect, 4_000).iter().filter(|seen| struck(seen)).count();
            assert!((850..1_150).contains(&struck), "{effect:?}: {struck}");
        }
    }

    #[test]
    fn effects_leave_other_peers_and_the_probes_of_others_alone() {
        let now = Instant::now();
        let mut effects = [applied(Effect::Duplicate(100))];
        let mut copies = |kind| decide(&mut effects, kind, now).copy;
        assert!(copies(kind(PEER, 9)));
        assert!(copies(kind(PEER, Channel::Copies.port())));
        assert!(!copies(kind(PEER, Channel::Ways.port())));
        assert!(!copies(kind(PEER, Channel::Delays.port())));
        assert!(!copies(kind([10, 77, 0, 254], 9)));
        let tally = effects[0].tallies[&Ipv4Addr::from(PEER)];
        assert_eq!(tally, Tally { seen: 2, struck: 2 });
    }

    #[test]
    fn effects_that_are_in_force_together_are_all_had() {
        let (now, ms) = (Instant::now(), Duration::from_millis);
        let mut effects = [
            applied(Effect::Delay(Spread::Uniform(ms(10), ms(10)))),
            applied(Effect::Reorder(100, ms(20))),
            applied(Effect::Duplicate(100)),
            applied(Effect::Corrupt(100)),
        ];
        let decision = decide(&mut effects, kind(PEER, 9), now);
        assert_eq!(decision.release, now + ms(30));
        assert!(decision.copy && decision.flip.is_some());
    }
}
