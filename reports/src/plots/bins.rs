//! Ops by window of time, and the outages that windows alone would blur.

use splitbrain_checker::history::{Op, Outcome};

use super::frame::Scene;
use crate::report::Span;

/// The most windows that a plot is cut into: about three pixels each.
const MAX_WINDOWS: u64 = 280;
/// No window is shorter, or a rate would be that of a handful of ops.
const SHORTEST_WINDOW_NS: u64 = 50_000_000;
/// No gap between ok ops that is shorter counts as an outage.
const SHORTEST_OUTAGE_NS: u64 = 100_000_000;
/// A gap counts as an outage only if it is so many times the usual one.
const OUTAGE_FACTOR: u64 = 10;

/// The windows of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    span: Span,
    length_ns: u64,
    pub(super) count: usize,
}

impl Windows {
    pub(super) fn new(span: Span) -> Self {
        let whole = span.end_ns - span.start_ns;
        let length_ns = whole.div_ceil(MAX_WINDOWS).max(SHORTEST_WINDOW_NS);
        Self {
            span,
            length_ns,
            count: whole.div_ceil(length_ns).max(1) as usize,
        }
    }

    /// The window that a moment falls into.
    pub(super) fn of(self, at_ns: u64) -> usize {
        let at = at_ns.saturating_sub(self.span.start_ns) / self.length_ns;
        usize::try_from(at).unwrap_or(usize::MAX).min(self.count - 1)
    }

    /// Start and end of a window, in seconds of the run. The last one may be cut short.
    pub(super) fn bounds(self, window: usize) -> (f64, f64) {
        let start = (window as u64).saturating_mul(self.length_ns);
        let end = start
            .saturating_add(self.length_ns)
            .min(self.span.end_ns - self.span.start_ns);
        (start as f64 / 1e9, end as f64 / 1e9)
    }

    /// The length of a window in milliseconds.
    pub(super) fn length_ms(self) -> f64 {
        self.length_ns as f64 / 1e6
    }
}

/// The moment at which an op counts: its end, or its invocation where no end was recorded.
pub(super) fn moment_ns(op: &Op) -> u64 {
    op.completed_ns.unwrap_or(op.invoked_ns)
}

/// Time from invocation to completion in milliseconds, where a completion was recorded.
pub(super) fn latency_ms(op: &Op) -> Option<f64> {
    op.completed_ns
        .map(|end| end.saturating_sub(op.invoked_ns) as f64 / 1e6)
}

/// A time without a single ok op although ops were attempted, exact and not rounded to windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outage {
    /// Seconds of the run.
    pub(super) start: f64,
    /// Seconds of the run.
    pub(super) stop: f64,
}

impl Outage {
    pub(super) fn length_ms(self) -> f64 {
        (self.stop - self.start) * 1e3
    }
}

/// The gaps between ok completions that are far longer than usual, from the first invocation to the last event.
pub(super) fn outages<'a>(scene: &Scene<'_>, ops: impl Iterator<Item = &'a Op>) -> Vec<Outage> {
    let (mut first, mut last) = (u64::MAX, 0);
    let mut moments = Vec::new();
    for op in ops {
        first = first.min(op.invoked_ns);
        last = last.max(moment_ns(op));
        if op.outcome == Outcome::Ok {
            moments.push(moment_ns(op));
        }
    }
    if first > last {
        return Vec::new();
    }
    moments.extend([first, last]);
    moments.sort_unstable();
    let mut gaps: Vec<u64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let usual = gaps[gaps.len() / 2];
    // With two gaps or fewer there is no telling what is usual.
    let least = if gaps.len() < 3 {
        SHORTEST_OUTAGE_NS
    } else {
        SHORTEST_OUTAGE_NS.max(usual.saturating_mul(OUTAGE_FACTOR))
    };
    let outage = |pair: &[u64]| Outage {
        start: scene.span.seconds(pair[0]),
        stop: scene.span.seconds(pair[1]),
    };
    moments
        .windows(2)
        .filter(|pair| pair[1] - pair[0] >= least)
        .map(outage)
        .collect()
}

/// The value at share `q` of sorted numbers (nearest rank).
pub(super) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}
