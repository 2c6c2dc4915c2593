//! How often something is tried before it is believed.
//!
//! Real processes race: the same schedule does not fail in the same way each time. So it is measured first how often
//! the whole fails again: f of n. Of its rate p is then believed (f + 1) / (n + 2), Laplace's rule of succession, which
//! is below f / n where the whole always failed.
//!
//! A smaller run is taken for failing if it fails in each of two rounds of up to K tries. A round ends with its
//! first failure; one without any ends the trial. So nothing is taken that failed only once, by luck, and one that never
//! fails is never taken: a rare failure of rate q gets through with probability (1 - (1 - q)^K)². What fails as often
//! as the whole is missed with probability 1 - (1 - (1 - p)^K)². K is the least for which that is at most a tenth.

use serde::{Deserialize, Serialize};

/// How likely a smaller run that fails as often as the whole may be missed.
pub const MISS_MAX: f64 = 0.1;
/// More tries than these nobody waits for.
pub const TRIES_MAX: u32 = 10;
/// How often something must fail, each time within a round of its own.
const ROUNDS: u32 = 2;

/// How often something was tried, and how often it failed in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Tries that failed.
    pub failed: u32,
    /// All tries.
    pub of: u32,
}

impl Tally {
    /// Takes one try into account.
    pub fn count(&mut self, failed: bool) {
        self.failed += u32::from(failed);
        self.of += 1;
    }

    /// The rate that is believed after these tries.
    #[must_use]
    pub fn rate(self) -> f64 {
        (f64::from(self.failed) + 1.0) / (f64::from(self.of) + 2.0)
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.failed, self.of)
    }
}

/// The tries of a round, for a whole that fails at this rate.
#[must_use]
pub fn tries_for(rate: f64) -> u32 {
    (1..TRIES_MAX)
        .find(|tries| miss(rate, *tries) <= MISS_MAX)
        .unwrap_or(TRIES_MAX)
}

/// How likely something that fails at this rate is taken for not failing.
#[must_use]
pub fn miss(rate: f64, tries: u32) -> f64 {
    let passes = (1.0 - rate).powf(f64::from(tries));
    1.0 - (1.0 - passes).powf(f64::from(ROUNDS))
}

/// The most tries of one trial.
#[must_use]
pub fn tries_of_trial(tries: u32) -> u32 {
    tries.saturating_mul(ROUNDS)
}

/// Tries something by the rule; whether it is taken for failing. What was tried is counted even if the oracle gives up.
///
/// # Errors
/// That of the oracle, at once.
pub fn fails<E>(
    tries: u32,
    tally: &mut Tally,
    mut fails: impl FnMut() -> Result<bool, E>,
) -> Result<bool, E> {
    for _ in 0..ROUNDS {
        let mut failed = false;
        for _ in 0..tries {
            failed = fails()?;
            tally.count(failed);
            if failed {
                break;
            }
        }
        if !failed {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::shrink::ddmin::ddmin;
    use crate::workload::Random;

    /// A coin that falls on failure at a rate, decided by a seed.
    struct Coin(Random);

    impl Coin {
        fn new(seed: u64) -> Self {
            Self(Random::new(seed, "coin"))
        }

        fn fails(&mut self, rate: f64) -> bool {
            self.0.unit() < rate
        }
    }

    fn trial(tries: u32, mut next: impl FnMut() -> bool) -> (bool, Tally) {
        let mut tally = Tally::default();
        let Ok(taken) = fails(tries, &mut tally, || Ok::<_, Infallible>(next()));
        (taken, tally)
    }

    #[test]
    fn the_surer_the_whole_fails_the_fewer_tries_are_needed() {
        let tries = |failed, of| tries_for(Tally { failed, of }.rate());
        assert_eq!(
            [tries(5, 5), tries(3, 3), tries(2, 3), tries(1, 3), tries(1, 6)],
            [2, 2, 4, 6, 10]
        );
        for failed in 1..=3 {
            let rate = Tally { failed, of: 3 }.rate();
            let tries = tries_for(rate);
            assert!(miss(rate, tries) <= MISS_MAX && miss(rate, tries - 1) > MISS_MAX);
        }
    }

    #[test]
    fn a_failure_in_each_of_two_rounds_is_asked_for() {
        let cases: [(&[bool], bool, u32, u32); 5] = [
            (&[true, true], true, 2, 2),
            (&[false, true, false, false, true], true, 2, 5),
            (&[false, false, false], false, 0, 3),
            (&[true, false, false, false], false, 1, 4),
            (&[false, false, true, false, false, false], false, 1, 6),
        ];
        for (seen, taken, failed, of) in cases {
            let mut seen = seen.iter();
            assert_eq!(trial(3, || *seen.next().unwrap()), (taken, Tally { failed, of }));
            assert_eq!(seen.next(), None);
        }
    }

    /// The probabilities of the rule are those that are written down.
    #[test]
    fn luck_gets_through_as_seldom_as_is_said() {
        const TRIALS: u32 = 20_000;
        for (rate, tries) in [(0.1, 2), (0.3, 2), (0.4, 6), (0.8, 2)] {
            let mut coin = Coin::new(5);
            let taken = (0..TRIALS)
                .filter(|_| trial(tries, || coin.fails(rate)).0)
                .count();
            let share = taken as f64 / f64::from(TRIALS);
            let expected = 1.0 - miss(rate, tries);
            // Five standard deviations of a share of so many trials.
            let slack = 5.0 * (expected * (1.0 - expected) / f64::from(TRIALS)).sqrt();
            assert!(
                (share - expected).abs() <= slack,
                "{rate} {tries}: {share} and {expected}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_has_failed_twice_and_what_is_not_passed_a_whole_round(
            rate in 0.0..1.0_f64, tries in 1_u32..8, seed: u64,
        ) {
            let mut coin = Coin::new(seed);
            let mut seen = Vec::new();
            let (taken, tally) = trial(tries, || {
                seen.push(coin.fails(rate));
                seen[seen.len() - 1]
            });
            prop_assert_eq!(tally.of as usize, seen.len());
            prop_assert!(tally.of <= tries_of_trial(tries));
            let passed_last = seen.iter().rev().take_while(|failed| !**failed).count();
            match taken {
                true => prop_assert_eq!(tally.failed, ROUNDS),
                false => prop_assert!(tally.failed < ROUNDS && passed_last == tries as usize),
            }
        }

        /// With an oracle that often passes what would fail, but never fails what cannot, all that is needed stays.
        #[test]
        fn delta_debugging_by_the_rule_never_loses_what_is_needed(
            count in 1_usize..8,
            needed in prop::collection::btree_set(0_usize..8, 1..4),
            rate in 0.3..1.0_f64,
            seed: u64,
        ) {
            let needed: Vec<usize> = needed.into_iter().filter(|at| *at < count).collect();
            let mut coin = Coin::new(seed);
            let Ok(left) = ddmin(count, |part| {
                let can = needed.iter().all(|at| part.contains(at));
                Ok::<_, Infallible>(trial(tries_for(rate), || can && coin.fails(rate)).0)
            });
            prop_assert!(needed.iter().all(|at| left.contains(at)), "{:?} of {:?}", left, needed);
        }
    }
}
