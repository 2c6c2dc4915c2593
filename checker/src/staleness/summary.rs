//! Figures over many reads.

use super::{ReadAnomaly, ReadStaleness, Staleness};

/// How stale the reads of a history were, in a few figures. All are lower bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StalenessSummary {
    /// Reads judged.
    pub reads: u64,
    /// Reads that were provably stale.
    pub stale_reads: u64,
    /// Stale reads per million reads.
    pub stale_per_million: f64,
    /// Worst staleness, in versions of the key.
    pub versions_behind_max: u64,
    /// 99th percentile over all reads (nearest rank), in versions.
    pub versions_behind_p99: u64,
    /// Worst staleness, in milliseconds.
    pub ms_behind_max: f64,
    /// 99th percentile over all reads (nearest rank), in milliseconds.
    pub ms_behind_p99: f64,
    /// Reads of a value whose write was invoked after they returned.
    pub future_reads: u64,
    /// Reads of a value that nobody wrote.
    pub phantom_reads: u64,
}

impl ReadStaleness {
    /// Whether newer values had certainly been exhibited before the read was invoked.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.versions_behind > 0
    }

    /// [`ReadStaleness::behind_ns`] in milliseconds.
    #[must_use]
    pub fn ms_behind(&self) -> f64 {
        ms(self.behind_ns)
    }
}

impl Staleness {
    /// The figures over all reads.
    #[must_use]
    pub fn summary(&self) -> StalenessSummary {
        self.summary_of(|_| true)
    }

    /// The figures over the reads for which `which` holds, such as those of one read mode.
    #[must_use]
    pub fn summary_of(&self, which: impl Fn(&ReadStaleness) -> bool) -> StalenessSummary {
        let reads: Vec<&ReadStaleness> = self.reads.iter().filter(|read| which(read)).collect();
        let count = |of: fn(&ReadStaleness) -> bool| reads.iter().filter(|read| of(read)).count() as u64;
        let stale_reads = count(ReadStaleness::is_stale);
        let versions = sorted(reads.iter().map(|read| read.versions_behind));
        let times = sorted(reads.iter().map(|read| read.behind_ns));
        StalenessSummary {
            reads: reads.len() as u64,
            stale_reads,
            stale_per_million: stale_reads as f64 * 1e6 / (reads.len().max(1) as f64),
            versions_behind_max: versions.last().copied().unwrap_or(0),
            versions_behind_p99: percentile_99(&versions),
            ms_behind_max: ms(times.last().copied().unwrap_or(0)),
            ms_behind_p99: ms(percentile_99(&times)),
            future_reads: count(|read| read.anomaly == Some(ReadAnomaly::Future)),
            phantom_reads: count(|read| read.anomaly == Some(ReadAnomaly::Phantom)),
        }
    }
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

/// Nearest rank: the least value that 99 % of all do not exceed. 0 of none.
fn percentile_99(sorted: &[u64]) -> u64 {
    let rank = (sorted.len() * 99).div_ceil(100);
    rank.checked_sub(1).map_or(0, |at| sorted[at])
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::percentile_99;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        assert_eq!(percentile_99(&[]), 0);
        assert_eq!(percentile_99(&[7]), 7);
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile_99(&hundred), 99);
        let thousand: Vec<u64> = (1..=1000).collect();
        assert_eq!(percentile_99(&thousand), 990);
    }
}
