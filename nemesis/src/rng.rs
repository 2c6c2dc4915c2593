//! Seeded draws. They are written out here, over the raw stream of ChaCha8, so that what a seed means does not
//! change with a library's sampling algorithms.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The generator that belongs to `seed`.
#[must_use]
pub(crate) fn from_seed(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The generator of part `stream` of what `seed` decides. Streams of one seed are independent.
#[must_use]
pub(crate) fn from_seed_and_stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = from_seed(seed);
    rng.set_stream(stream);
    rng
}

/// A number in `0..bound`, all equally likely. `bound` must not be 0.
pub(crate) fn below(bound: u64, rng: &mut ChaCha8Rng) -> u64 {
    // Draws from the incomplete last stretch of the range would favour small numbers: draw again.
    let unfair = (u64::MAX - bound + 1) % bound;
    loop {
        let draw = rng.next_u64();
        if draw <= u64::MAX - unfair {
            return draw % bound;
        }
    }
}

/// A number in `low..=high`; `low` where the range is empty.
pub(crate) fn between(low: u64, high: u64, rng: &mut ChaCha8Rng) -> u64 {
    if high <= low {
        low
    } else {
        low + below(high - low + 1, rng)
    }
}

/// Brings `items` into a random order (Fisher-Yates).
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        let other = below(last as u64 + 1, rng) as usize;
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_reach_its_ends() {
        let mut rng = from_seed(7);
        let draws: Vec<u64> = (0..200).map(|_| between(3, 6, &mut rng)).collect();
        for value in 3..=6 {
            assert!(draws.contains(&value));
        }
        assert!(draws.iter().all(|draw| (3..=6).contains(draw)));
        assert_eq!(between(9, 2, &mut rng), 9);
    }

    #[test]
    fn a_seed_means_one_order_for_ever() {
        let mut items: Vec<u8> = (0..8).collect();
        shuffle(&mut items, &mut from_seed(42));
        let mut again: Vec<u8> = (0..8).collect();
        shuffle(&mut again, &mut from_seed(42));
        assert_eq!(items, again);
        items.sort_unstable();
        assert_eq!(items, (0..8).collect::<Vec<u8>>());
    }
}
