//! When clients ask: at once, or when a request arrives.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time;

use crate::record::Clock;
use crate::workload::Arrivals;

/// How late the runtime's timer may wake a sleeper. Clients wake so much earlier, and what they ask before it is
/// due counts as having arrived then: arrivals blur by a millisecond, rather than latencies grow by one.
const TIMER_GRAIN_NS: u64 = 1_000_000;

/// The pace of a load.
pub enum Pace {
    /// Each client asks again as soon as it has its answer.
    Closed {
        /// But for those that only read, which wait so long from one read to the next.
        reader_interval: Duration,
    },
    /// Requests arrive by a schedule.
    Open(Box<OpenLoop>),
}

/// Requests that arrive by a schedule. Whoever is free takes the next one; it is asked when it is due, or at once
/// where it is overdue because nobody was free. It counts from its arrival either way.
pub struct OpenLoop {
    /// The arrivals not yet taken, in nanoseconds since the load started.
    arrivals: Mutex<Arrivals>,
    /// The clock of the history.
    clock: Clock,
    /// When the load started, on that clock.
    start_ns: u64,
}

impl Pace {
    /// An open loop that starts now.
    #[must_use]
    pub fn open(arrivals: Arrivals, clock: Clock) -> Self {
        Self::Open(Box::new(OpenLoop {
            arrivals: Mutex::new(arrivals),
            clock,
            start_ns: clock.now_ns(),
        }))
    }

    /// Waits until the caller shall ask. In an open loop, returns when its request arrived.
    pub(super) async fn next_due(&self) -> Option<u64> {
        let Self::Open(open) = self else { return None };
        let due_ns = open.start_ns.saturating_add(open.arrivals().next()?);
        time::sleep_until(open.clock.instant(due_ns.saturating_sub(TIMER_GRAIN_NS)).into()).await;
        Some(due_ns.min(open.clock.now_ns()))
    }

    /// How many requests had arrived by `end_ns` that no client was ever free to ask.
    #[must_use]
    pub fn never_asked(&self, end_ns: u64) -> u64 {
        let Self::Open(open) = self else { return 0 };
        let arrivals = open.arrivals().clone();
        arrivals
            .take_while(|due| open.start_ns.saturating_add(*due) < end_ns)
            .count() as u64
    }
}

impl OpenLoop {
    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Spacing;

    fn pace() -> Pace {
        let arrivals = Mutex::new(Arrivals::new(1e9, Spacing::Uniform, 1));
        Pace::Open(Box::new(OpenLoop {
            arrivals,
            clock: Clock::start(),
            start_ns: 100,
        }))
    }

    #[tokio::test]
    async fn an_overdue_request_counts_from_its_arrival() {
        let pace = pace();
        assert_eq!(pace.next_due().await, Some(100));
        assert_eq!(pace.next_due().await, Some(101));
    }

    #[tokio::test]
    async fn requests_that_nobody_took_are_counted() {
        let pace = pace();
        pace.next_due().await;
        // Taken: 100. Left: 101, 102, 103.
        assert_eq!(pace.never_asked(104), 3);
        let closed = Pace::Closed {
            reader_interval: Duration::ZERO,
        };
        assert_eq!(closed.never_asked(104), 0);
    }
}
