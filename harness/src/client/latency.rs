//! Latencies of ok ops, in constant memory.

use hdrhistogram::Histogram;

/// The longest latency that is told from longer ones: an hour, in microseconds.
const LATENCY_US_MAX: u64 = 3_600_000_000;
/// Significant decimal digits that a histogram keeps.
const DIGITS: u8 = 3;
const NS_PER_US: u64 = 1_000;

/// Latencies by what was asked.
#[derive(Clone, Debug)]
pub struct Latencies {
    all: Histogram<u64>,
    /// Of reads, by read mode.
    reads: Vec<Histogram<u64>>,
    /// Of requests in an open loop, from their arrival until a client was free.
    waits: Histogram<u64>,
}

/// A distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

impl Latencies {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(read_modes: usize) -> Self {
        let empty = || {
            Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS).expect("the bounds are constants that fit")
        };
        Self {
            all: empty(),
            reads: (0..read_modes).map(|_| empty()).collect(),
            waits: empty(),
        }
    }

    /// Takes an ok op into account: a read of the given mode, or an update. It counts from `due_ns`.
    pub fn record(&mut self, read_mode: Option<usize>, due_ns: u64, invoked_ns: u64, completed_ns: u64) {
        let latency_us = completed_ns.saturating_sub(due_ns) / NS_PER_US;
        self.all.saturating_record(latency_us);
        if let Some(read_mode) = read_mode {
            self.reads[read_mode].saturating_record(latency_us);
        }
        self.waits
            .saturating_record(invoked_ns.saturating_sub(due_ns) / NS_PER_US);
    }

    /// Of all ok ops.
    #[must_use]
    pub fn all(&self) -> Quantiles {
        quantiles(&self.all)
    }

    /// Of the ok reads of one mode.
    #[must_use]
    pub fn reads(&self, read_mode: usize) -> Quantiles {
        quantiles(&self.reads[read_mode])
    }

    /// How long requests waited for a free client, which their latencies contain.
    #[must_use]
    pub fn waits(&self) -> Quantiles {
        quantiles(&self.waits)
    }
}

fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    let ms = |us: u64| us as f64 / 1_000.0;
    let [p50, p99] = [0.50, 0.99].map(|q| ms(histogram.value_at_quantile(q)));
    Quantiles {
        p50,
        p99,
        max: ms(histogram.max()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_counts_from_the_arrival() {
        let mut latencies = Latencies::new(2);
        latencies.record(Some(1), 1_000_000, 6_000_000, 8_000_000);
        assert!((latencies.all().p50 - 7.0).abs() < 0.01);
        assert!((latencies.reads(1).max - 7.0).abs() < 0.01);
        assert!((latencies.waits().p99 - 5.0).abs() < 0.01);
        assert_eq!(latencies.reads(0), Quantiles::default());
    }

    #[test]
    fn quantiles_are_those_of_the_ops() {
        let mut latencies = Latencies::new(0);
        for ms in 1..=1000 {
            latencies.record(None, 0, 0, ms * 1_000_000);
        }
        let Quantiles { p50, p99, max } = latencies.all();
        assert!((p50 - 500.0).abs() < 1.0 && (p99 - 990.0).abs() < 1.5 && (max - 1000.0).abs() < 1.0);
    }
}
