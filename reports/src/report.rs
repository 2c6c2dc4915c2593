//! What a page is made from.

use splitbrain_checker::history::{History, OpIndex};

use crate::faults::{self, Band};
use crate::results::{NemesisEvent, Results};

/// How stale one read was. Both figures are provable lower bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadStaleness {
    /// The read, by its position in [`History::ops`].
    pub op_index: OpIndex,
    /// How many newer versions of the key had been exhibited before the read was invoked.
    pub versions_behind: u64,
    /// For how long a newer version had been exhibited when the read was invoked, in milliseconds.
    pub ms_behind: f64,
}

impl ReadStaleness {
    /// Whether the read was provably stale at all.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.versions_behind > 0 || self.ms_behind > 0.0
    }
}

/// Everything that a run left behind, as the page needs it.
#[derive(Clone, Copy, Debug)]
pub struct RunReport<'a> {
    /// The run's name, `raft-registers-partition`.
    pub title: &'a str,
    /// When the run began, on the wall clock, ready to be shown: `2026-01-31 03:00:12 UTC`.
    pub started: &'a str,
    /// The version of Splitbrain that ran it.
    pub version: &'a str,
    /// What the run found.
    pub results: &'a Results,
    /// The ops.
    pub history: &'a History,
    /// What the nemesis did, and the roles that the nodes were seen in.
    pub nemesis: &'a [NemesisEvent],
    /// Staleness of the reads that were judged. Reads that were not stale may be left out.
    pub staleness: &'a [ReadStaleness],
    /// Client threads. A retired process `p` goes on as `p + concurrency`, so this says which processes share a
    /// lane. 0 gives each process its own lane.
    pub concurrency: u64,
    /// The configuration of the run, name and value, in the order to be shown.
    pub configuration: &'a [(String, String)],
}

/// The stretch of the history's clock that a page covers, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

impl Span {
    /// Seconds from the start of the span; negative before it.
    pub(crate) fn seconds(self, at_ns: u64) -> f64 {
        if at_ns >= self.start_ns {
            (at_ns - self.start_ns) as f64 / 1e9
        } else {
            -((self.start_ns - at_ns) as f64 / 1e9)
        }
    }

    /// Whole microseconds from the start of the span, 0 before it.
    pub(crate) fn micros(self, at_ns: u64) -> u64 {
        at_ns.saturating_sub(self.start_ns) / 1_000
    }

    /// The length in seconds.
    pub(crate) fn length_seconds(self) -> f64 {
        self.seconds(self.end_ns)
    }
}

impl RunReport<'_> {
    /// The span of everything on the page. It begins at the clock's own zero, so that times agree with the files of
    /// the run, unless that zero is further away than the run is long (a foreign history with absolute times).
    pub(crate) fn span(&self) -> Span {
        let ops = self
            .history
            .ops
            .iter()
            .flat_map(|op| [Some(op.invoked_ns), op.completed_ns]);
        let events = self.nemesis.iter().map(|event| Some(faults::time_ns(event)));
        let (mut first, mut last) = (u64::MAX, 0);
        for at in ops.chain(events).flatten() {
            first = first.min(at);
            last = last.max(at);
        }
        if first > last {
            return Span {
                start_ns: 0,
                end_ns: 1_000_000_000,
            };
        }
        let length = last - first;
        let start_ns = if first > length.max(1_000_000_000) {
            first
        } else {
            0
        };
        Span {
            start_ns,
            end_ns: last.max(start_ns.saturating_add(1_000_000)),
        }
    }

    /// The faults as bands of time.
    pub(crate) fn bands(&self) -> Vec<Band> {
        faults::bands(self.results, self.nemesis)
    }
}
