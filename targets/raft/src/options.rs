//! The settings of a Raft node.

use crate::mutants::Mutant;

/// Timeouts, limits, and the planted bug. Times are in microseconds of the node's own clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The least election timeout. A follower waits for a random time from this up to twice this (§5.2, §9.3).
    /// Also the time for which a node that heard from a leader refuses to depose it (thesis §4.2.3).
    pub election_timeout_us: u64,
    /// How often a leader without other traffic makes itself heard.
    pub heartbeat_interval_us: u64,
    /// A leader that has heard from no quorum for so long steps down (thesis §6.2, which leaves the time open).
    /// Only its own clients notice: the rest of the cluster elects another after the election timeout.
    pub leader_quorum_timeout_us: u64,
    /// The bound on how fast or slow any node's clock may run, in parts per million, below a million. The
    /// lease is shortened by it (thesis §6.4.1).
    pub clock_drift_bound_ppm: u64,
    /// Take a snapshot when this many entries have been applied since the last one.
    pub snapshot_threshold_entries: u64,
    /// How many entries before a snapshot are kept for followers that are a little behind.
    pub snapshot_trailing_entries: u64,
    /// The size of one piece of a snapshot sent to a follower, bytes.
    pub snapshot_piece_bytes: usize,
    /// The most entries in one `AppendEntries`.
    pub append_entries_max: usize,
    /// The most payload in one `AppendEntries`, bytes.
    pub append_bytes_max: usize,
    /// The most `AppendEntries` with entries on their way to one follower without an answer.
    pub append_window: usize,
    /// The planted bug, if any.
    pub mutant: Option<Mutant>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            election_timeout_us: 200_000,
            heartbeat_interval_us: 40_000,
            leader_quorum_timeout_us: 2_000_000,
            clock_drift_bound_ppm: 100_000,
            snapshot_threshold_entries: 20_000,
            snapshot_trailing_entries: 5_000,
            snapshot_piece_bytes: 64 * 1024,
            append_entries_max: 512,
            append_bytes_max: 128 * 1024,
            append_window: 16,
            mutant: None,
        }
    }
}

impl Options {
    /// How long after a round of heartbeats began, which a quorum then answered, the leader may answer reads
    /// alone. No follower of that quorum votes for another before its own clock has counted an election timeout
    /// since; the leader's clock may be slow and theirs fast by the bound each (thesis §6.4.1).
    #[must_use]
    pub fn lease_us(&self) -> u64 {
        const MILLION: u64 = 1_000_000;
        let drift = self.clock_drift_bound_ppm;
        if self.mutant == Some(Mutant::LeaseIgnoresDrift) {
            return self.election_timeout_us;
        }
        self.election_timeout_us * (MILLION - drift) / (MILLION + drift)
    }

    /// The greatest value that makes sense, and keeps arithmetic on times from overflowing.
    fn limit(name: &str) -> u64 {
        const HOUR_MS: u64 = 3_600_000;
        match name {
            "election-timeout-ms" | "heartbeat-interval-ms" | "leader-quorum-timeout-ms" => HOUR_MS,
            "clock-drift-bound-ppm" => 999_999,
            _ => u64::from(u32::MAX),
        }
    }

    /// Sets the option `name`, as `--option name=value` gives it.
    ///
    /// # Errors
    /// If there is no such option, or the value is not a number that it can take.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
        let number: u64 = value
            .parse()
            .map_err(|_| OptionError::NotANumber(name.into(), value.into()))?;
        let size = usize::try_from(number).map_err(|_| OptionError::NotANumber(name.into(), value.into()))?;
        let limit = Self::limit(name);
        if number > limit {
            return Err(OptionError::TooLarge(name.into(), limit));
        }
        if number == 0 && !matches!(name, "clock-drift-bound-ppm" | "snapshot-trailing-entries") {
            return Err(OptionError::Zero(name.into()));
        }
        match name {
            "election-timeout-ms" => self.election_timeout_us = number.saturating_mul(1000),
            "heartbeat-interval-ms" => self.heartbeat_interval_us = number.saturating_mul(1000),
            "leader-quorum-timeout-ms" => self.leader_quorum_timeout_us = number.saturating_mul(1000),
            "clock-drift-bound-ppm" => self.clock_drift_bound_ppm = number,
            "snapshot-threshold-entries" => self.snapshot_threshold_entries = number,
            "snapshot-trailing-entries" => self.snapshot_trailing_entries = number,
            "snapshot-piece-bytes" => self.snapshot_piece_bytes = size,
            "append-entries-max" => self.append_entries_max = size,
            "append-bytes-max" => self.append_bytes_max = size,
            "append-window" => self.append_window = size,
            _ => return Err(OptionError::Unknown(name.into())),
        }
        Ok(())
    }
}

/// Why an option was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is none of that name.
    #[error(
        "unknown raft option `{0}`; known are election-timeout-ms, heartbeat-interval-ms, \
         leader-quorum-timeout-ms, clock-drift-bound-ppm, snapshot-threshold-entries, \
         snapshot-trailing-entries, snapshot-piece-bytes, append-entries-max, append-bytes-max, append-window"
    )]
    Unknown(String),
    /// The value is no number.
    #[error("raft option `{0}` takes a whole number, not `{1}`")]
    NotANumber(String, String),
    /// The value is too large.
    #[error("raft option `{0}` is at most {1}")]
    TooLarge(String, u64),
    /// The value makes no sense.
    #[error("raft option `{0}` must be at least 1")]
    Zero(String),
}
