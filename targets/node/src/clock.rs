//! The shell's clock: the only source of a core's time. A core sees time through it alone, so whatever bends this
//! clock bends the node's whole idea of time, with no preloaded library and no privilege.

use std::str::FromStr;
use std::time::{Duration, Instant};

use splitbrain_consensus::Time;

/// How fast a node's clock runs: 1 is right, 1.05 gains 5 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockRate(f64);

impl ClockRate {
    const MIN: f64 = 0.01;
    const MAX: f64 = 100.0;
}

impl Default for ClockRate {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for ClockRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(rate) if (Self::MIN..=Self::MAX).contains(&rate) => Ok(Self(rate)),
            _ => Err(format!(
                "a clock rate is a number from {} to {}",
                Self::MIN,
                Self::MAX
            )),
        }
    }
}

/// A monotonic clock in microseconds since the node started, at a rate of its own.
#[derive(Clone, Copy, Debug)]
pub struct ShellClock {
    started: Instant,
    rate: ClockRate,
}

impl ShellClock {
    /// A clock that shows 0 now.
    #[must_use]
    pub fn start(rate: ClockRate) -> Self {
        Self {
            started: Instant::now(),
            rate,
        }
    }

    /// The time that the clock shows.
    #[must_use]
    pub fn now(&self) -> Time {
        self.at(self.started.elapsed())
    }

    /// The earliest real moment at which the clock shows `time` or later.
    #[must_use]
    pub fn instant_of(&self, time: Time) -> Instant {
        // Far enough off never to matter, near enough never to overflow: a core may ask for Time(u64::MAX).
        const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);
        let micros = (time.0 as f64 / self.rate.0).ceil();
        let mut elapsed = Duration::try_from_secs_f64(micros / 1e6).unwrap_or(Duration::MAX);
        if elapsed < HORIZON && self.at(elapsed) < time {
            elapsed += Duration::from_micros(1);
        }
        self.started + elapsed.min(self.started.elapsed() + HORIZON)
    }

    fn at(&self, elapsed: Duration) -> Time {
        Time((elapsed.as_micros() as f64 * self.rate.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clock(rate: f64) -> ShellClock {
        ShellClock {
            started: Instant::now(),
            rate: ClockRate(rate),
        }
    }

    #[test]
    fn a_rate_bends_the_time_shown() {
        let second = Duration::from_secs(1);
        assert_eq!(clock(1.0).at(second), Time(1_000_000));
        assert_eq!(clock(0.5).at(second), Time(500_000));
        assert_eq!(clock(2.0).at(second), Time(2_000_000));
    }

    #[test]
    fn a_time_that_never_comes_is_an_instant_still() {
        let clock = clock(0.01);
        assert!(clock.instant_of(Time(u64::MAX)) > Instant::now());
    }

    #[test]
    fn only_sensible_rates_are_taken() {
        assert_eq!("1.05".parse(), Ok(ClockRate(1.05)));
        for text in ["0", "-1", "NaN", "inf", "1e9", "fast", ""] {
            assert!(text.parse::<ClockRate>().is_err(), "{text}");
        }
    }

    proptest! {
        // Up to where even the slowest clock stays within the horizon of a day.
        #[test]
        fn at_the_instant_of_a_time_the_clock_shows_it(rate in 0.01..100.0f64, micros in 0..860_000_000u64) {
            let clock = clock(rate);
            let instant = clock.instant_of(Time(micros));
            prop_assert!(clock.at(instant - clock.started) >= Time(micros));
        }
    }
}
