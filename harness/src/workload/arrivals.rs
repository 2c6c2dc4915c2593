//! The arrival times of an open loop.
//!
//! In a closed loop a slow system slows its clients down, which then ask less just when it matters: coordinated
//! omission. In an open loop requests arrive by a schedule that the system cannot influence. One that finds no
//! client free waits, and its waiting counts as latency.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Random;

const NS_PER_SECOND: f64 = 1e9;

/// How arrivals are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// Exponential gaps: many independent users.
    Poisson,
    /// Equal gaps.
    Uniform,
}

/// The moments at which requests arrive, in nanoseconds since the start of load. Endless.
#[derive(Clone, Debug)]
pub struct Arrivals {
    random: Random,
    spacing: Spacing,
    gap_ns: f64,
    next_ns: f64,
}

impl Arrivals {
    /// Arrivals at `rate` per second on average.
    ///
    /// # Panics
    /// If the rate is not positive and finite.
    #[must_use]
    pub fn new(rate: f64, spacing: Spacing, seed: u64) -> Self {
        assert!(rate.is_finite() && rate > 0.0, "a rate of {rate}");
        Self {
            random: Random::new(seed, "arrivals"),
            spacing,
            gap_ns: NS_PER_SECOND / rate,
            next_ns: 0.0,
        }
    }

    /// When the next request arrives, without taking it.
    #[must_use]
    pub fn peek_ns(&self) -> u64 {
        self.next_ns as u64
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let due = self.peek_ns();
        self.next_ns += match self.spacing {
            Spacing::Uniform => self.gap_ns,
            Spacing::Poisson => -self.random.unit().ln() * self.gap_ns,
        };
        Some(due)
    }
}

impl FromStr for Spacing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "poisson" => Ok(Self::Poisson),
            "uniform" => Ok(Self::Uniform),
            _ => Err(format!("unknown spacing `{text}`; known: poisson, uniform")),
        }
    }
}

impl fmt::Display for Spacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poisson => "poisson",
            Self::Uniform => "uniform",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_arrivals_keep_their_gap() {
        let first: Vec<u64> = Arrivals::new(1000.0, Spacing::Uniform, 1).take(4).collect();
        assert_eq!(first, [0, 1_000_000, 2_000_000, 3_000_000]);
    }

    #[test]
    fn poisson_arrivals_keep_their_rate_and_spread() {
        let times: Vec<u64> = Arrivals::new(1000.0, Spacing::Poisson, 1).take(10_001).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 1e6 - 1.0).abs() < 0.05, "mean gap {mean} ns");
        // An exponential gap's deviation equals its mean.
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.05,
            "deviation {}",
            variance.sqrt()
        );
    }

    #[test]
    fn same_seed_same_arrivals() {
        let times = |seed| {
            Arrivals::new(50.0, Spacing::Poisson, seed)
                .take(100)
                .collect::<Vec<_>>()
        };
        assert_eq!(times(9), times(9));
        assert_ne!(times(9), times(10));
    }
}
