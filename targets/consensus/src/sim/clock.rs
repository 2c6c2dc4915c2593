//! A node's own clock: it shows any time to begin with, and runs a little fast or slow.

use crate::Time;

const MILLION: u64 = 1_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// A virtual time, and what the clock showed then.
    since_us: u64,
    shown: Time,
    /// How far it has run since, in a million microseconds of virtual time.
    rate_ppm: u64,
}

impl Clock {
    /// A clock that shows `shown` when virtual time begins.
    pub(super) fn new(shown: Time, rate_ppm: u64) -> Self {
        Self {
            since_us: 0,
            shown,
            rate_ppm,
        }
    }

    /// From now on it runs at another rate.
    pub(super) fn set_rate(&mut self, now_us: u64, rate_ppm: u64) {
        *self = Self {
            since_us: now_us,
            shown: self.local(now_us),
            rate_ppm,
        };
    }

    /// What it shows at virtual time `now_us`.
    pub(super) fn local(self, now_us: u64) -> Time {
        self.shown
            .plus_micros(scale(now_us - self.since_us, self.rate_ppm, MILLION))
    }

    /// The first virtual time, not before its rate was set, at which it shows `local`.
    pub(super) fn global(self, local: Time) -> u64 {
        let mut now = self.since_us + scale(local.micros_since(self.shown), MILLION, self.rate_ppm);
        while self.local(now) < local {
            now += 1;
        }
        now
    }
}

fn scale(value: u64, by: u64, over: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(by) / u128::from(over)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_deadline_has_passed_when_its_wake_up_comes(
            shown in 0..1_u64 << 40, rate_ppm in 500_000..2_000_000_u64, at in 0..1_u64 << 40,
        ) {
            let clock = Clock::new(Time(shown), rate_ppm);
            let deadline = Time(shown + at);
            let wake = clock.global(deadline);
            prop_assert!(clock.local(wake) >= deadline);
            prop_assert!(wake == 0 || clock.local(wake - 1) < deadline);
        }

        #[test]
        fn a_change_of_rate_is_no_jump(
            rate_ppm in 500_000..2_000_000_u64, then_ppm in 500_000..2_000_000_u64, at in 0..1_u64 << 40,
        ) {
            let mut clock = Clock::new(Time(7), rate_ppm);
            let before = clock.local(at);
            clock.set_rate(at, then_ppm);
            prop_assert_eq!(clock.local(at), before);
        }
    }
}
