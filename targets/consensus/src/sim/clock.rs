//! A node's own clock: it starts anywhere and runs a little fast or slow.

use crate::Time;

const MILLION: u64 = 1_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// What it shows when virtual time begins, microseconds.
    pub(super) offset_us: u64,
    /// How far it runs in a million microseconds of virtual time.
    pub(super) rate_ppm: u64,
}

impl Clock {
    /// What it shows at virtual time `now_us`.
    pub(super) fn local(self, now_us: u64) -> Time {
        Time(self.offset_us + scale(now_us, self.rate_ppm, MILLION))
    }

    /// The first virtual time at which it shows `local`.
    pub(super) fn global(self, local: Time) -> u64 {
        let elapsed = local.0.saturating_sub(self.offset_us);
        let mut now = scale(elapsed, MILLION, self.rate_ppm);
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
            offset_us in 0..1_u64 << 40, rate_ppm in 500_000..2_000_000_u64, at in 0..1_u64 << 40,
        ) {
            let clock = Clock { offset_us, rate_ppm };
            let deadline = Time(offset_us + at);
            let wake = clock.global(deadline);
            prop_assert!(clock.local(wake) >= deadline);
            prop_assert!(wake == 0 || clock.local(wake - 1) < deadline);
        }
    }
}
