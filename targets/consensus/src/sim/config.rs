//! What is simulated.

use crate::sim::faults::Nemesis;

/// The size and length of a simulated run, and what may happen in it. Times are virtual microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimConfig {
    /// How many voting members.
    pub nodes: u16,
    /// How many nodes beside them that are no members: observers, of a protocol that has them.
    pub observers: u16,
    /// How long faults go on.
    pub safety_us: u64,
    /// How long the healed cluster may take to serve every client again.
    pub liveness_us: u64,
    /// The greatest pause of a client between two ops; the mean is half of it.
    pub think_us_max: u64,
    /// How long a client waits for an answer.
    pub op_timeout_us: u64,
    /// How fast or slow clocks may run, in parts per million. Leases hold only up to the bound that the protocol
    /// was told.
    pub clock_drift_ppm: u64,
    /// The families of faults that may happen. Without any, messages are only delayed.
    pub nemesis: Vec<Nemesis>,
    /// Whether to write down every event.
    pub trace: bool,
}

impl SimConfig {
    /// How many nodes there are in all.
    #[must_use]
    pub fn nodes_in_all(&self) -> u16 {
        self.nodes + self.observers
    }
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            nodes: 5,
            observers: 0,
            safety_us: 10_000_000,
            liveness_us: 20_000_000,
            think_us_max: 180_000,
            op_timeout_us: 1_000_000,
            clock_drift_ppm: 100_000,
            nemesis: Nemesis::ALL.map(|(family, _)| family).to_vec(),
            trace: false,
        }
    }
}
