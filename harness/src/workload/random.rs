//! Seeded choices. The generator behind them is part of what a seed means, so it is named here once.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded stream of choices.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of `seed` for one `purpose`. Streams of different purposes are independent, so one part of a
    /// run drawing more or less never changes what another part draws.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self(ChaCha8Rng::seed_from_u64(mix_seed(seed, purpose)))
    }

    /// A number below `bound`, every one equally likely.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing to choose from");
        // Lemire's multiply-and-reject: the high half of the product is uniform once the products whose low half
        // falls into the short remainder are drawn again.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number in (0, 1], every one of its 2^53 values equally likely.
    pub fn unit(&mut self) -> f64 {
        const STEPS: u64 = 1 << 53;
        ((self.0.next_u64() >> 11) + 1) as f64 / STEPS as f64
    }
}

/// The seed of one purpose within a run: FNV-1a over both, which is fixed for all time.
#[must_use]
pub fn mix_seed(seed: u64, purpose: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    let hash = seed.to_le_bytes().iter().fold(OFFSET, step);
    purpose.as_bytes().iter().fold(hash, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_reaches_every_value_and_no_other() {
        let mut random = Random::new(1, "test");
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (800..1200).contains(&n)), "{seen:?}");
    }

    #[test]
    fn purposes_have_streams_of_their_own() {
        let draw = |purpose| Random::new(7, purpose).below(u64::MAX);
        assert_ne!(draw("mix"), draw("arrivals"));
        assert_eq!(draw("mix"), draw("mix"));
    }

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        // Golden values: a seed in an old report must still replay.
        let mut random = Random::new(42, "mix");
        let drawn: Vec<u64> = (0..4).map(|_| random.below(1000)).collect();
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 4] = [901, 161, 460, 82];
}
