//! The one monotonic clock of a run.

use std::time::{Duration, Instant};

/// Nanoseconds since the clock was made. Copies of one clock agree; it never runs backward.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock that stands at zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { zero: Instant::now() }
    }

    /// The time. Wraps after 584 years.
    #[must_use]
    pub fn now_ns(self) -> u64 {
        self.zero.elapsed().as_nanos() as u64
    }

    /// The moment at which this clock shows `at_ns`.
    #[must_use]
    pub fn instant(self, at_ns: u64) -> Instant {
        self.zero + Duration::from_nanos(at_ns)
    }
}
