//! The settings of a ZAB server.

use crate::mutants::Mutant;

/// Timeouts, limits, and the planted bug. Times are in microseconds of the server's own clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// ZooKeeper's unit of time (`tickTime`). A leader pings twice a tick.
    pub tick_us: u64,
    /// How many ticks a new leader and its learners may take until a quorum is synchronized, beyond the waits of the
    /// election.
    pub init_limit_ticks: u64,
    /// A leader that has heard from no quorum for so many ticks steps down; a learner not heard from for so long is
    /// forgotten.
    pub sync_limit_ticks: u64,
    /// A learner that has heard nothing from its leader for so many ticks looks for another. ZooKeeper has one limit
    /// for both sides; but there a leader whose process dies closes its connections, which here nobody hears.
    pub learner_limit_ticks: u64,
    /// How long a server that sees a quorum for its vote waits for a better one (`finalizeWait`, 200 ms).
    pub election_wait_us: u64,
    /// How long a server that looks for a leader waits before it sends its notifications again; the wait doubles up
    /// to fourfold.
    pub notification_us: u64,
    /// How long a packet waits for its acknowledgement before it is sent again.
    pub repeat_after_us: u64,
    /// Take a snapshot when this many transactions have been applied since the last one.
    pub snapshot_threshold_txns: u64,
    /// How many transactions before a snapshot are kept for learners that are a little behind.
    pub snapshot_trailing_txns: u64,
    /// The size of one piece of a snapshot sent to a learner, bytes.
    pub snapshot_piece_bytes: usize,
    /// The greatest counter of a zxid: a leader that has used it up steps down, and the next epoch begins at 1 again.
    pub counter_max: u32,
    /// The planted bug, if any.
    pub mutant: Option<Mutant>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tick_us: 200_000,
            init_limit_ticks: 10,
            sync_limit_ticks: 10,
            learner_limit_ticks: 3,
            election_wait_us: 200_000,
            notification_us: 100_000,
            repeat_after_us: 80_000,
            snapshot_threshold_txns: 20_000,
            snapshot_trailing_txns: 5_000,
            snapshot_piece_bytes: 64 * 1024,
            counter_max: u32::MAX,
            mutant: None,
        }
    }
}

impl Options {
    /// From an election to a synchronized quorum. Others may still be waiting for a better vote, which the voice of
    /// one who gives up too soon would be: they would wait anew, and the next round would end alike.
    pub(crate) fn init_limit_us(&self) -> u64 {
        self.tick_us.saturating_mul(self.init_limit_ticks) + 2 * self.election_wait_us
    }

    pub(crate) fn sync_limit_us(&self) -> u64 {
        self.tick_us.saturating_mul(self.sync_limit_ticks)
    }

    pub(crate) fn learner_limit_us(&self) -> u64 {
        self.tick_us.saturating_mul(self.learner_limit_ticks)
    }

    /// The greatest value that makes sense, and keeps arithmetic on times from overflowing.
    fn limit(name: &str) -> u64 {
        const HOUR_MS: u64 = 3_600_000;
        match name {
            "tick-ms" | "election-wait-ms" | "notification-ms" | "repeat-after-ms" => HOUR_MS,
            "init-limit" | "sync-limit" | "learner-limit" => 1_000_000,
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
        let limit = Self::limit(name);
        if number > limit {
            return Err(OptionError::TooLarge(name.into(), limit));
        }
        if number == 0 && !matches!(name, "election-wait-ms" | "snapshot-trailing-txns") {
            return Err(OptionError::Zero(name.into()));
        }
        match name {
            "tick-ms" => self.tick_us = number * 1000,
            "init-limit" => self.init_limit_ticks = number,
            "sync-limit" => self.sync_limit_ticks = number,
            "learner-limit" => self.learner_limit_ticks = number,
            "election-wait-ms" => self.election_wait_us = number * 1000,
            "notification-ms" => self.notification_us = number * 1000,
            "repeat-after-ms" => self.repeat_after_us = number * 1000,
            "snapshot-threshold-txns" => self.snapshot_threshold_txns = number,
            "snapshot-trailing-txns" => self.snapshot_trailing_txns = number,
            "snapshot-piece-bytes" => self.snapshot_piece_bytes = usize::try_from(number).expect("32 bits"),
            "counter-max" => self.counter_max = u32::try_from(number).expect("32 bits"),
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
        "unknown zab option `{0}`; known are tick-ms, init-limit, sync-limit, learner-limit, election-wait-ms, \
         notification-ms, repeat-after-ms, snapshot-threshold-txns, snapshot-trailing-txns, snapshot-piece-bytes, \
         counter-max"
    )]
    Unknown(String),
    /// The value is no number.
    #[error("zab option `{0}` takes a whole number, not `{1}`")]
    NotANumber(String, String),
    /// The value is too large.
    #[error("zab option `{0}` is at most {1}")]
    TooLarge(String, u64),
    /// The value makes no sense.
    #[error("zab option `{0}` must be at least 1")]
    Zero(String),
}
