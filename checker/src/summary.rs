//! What the reads of a history are worth, in a few figures: a row of a table that compares read modes.

use crate::atomicity::{Atomicity, DeltaAtomicity, KAtomicity, atomicity};
use crate::consistency::{Consistency, strongest_models};
use crate::history::{Action, History, Outcome, ReadModeId};
use crate::linearizable::Options;
use crate::staleness::{StalenessSummary, staleness};

/// The figures of one read mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Ops of the history: all updates, and the reads of the mode.
    pub ops: u64,
    /// Ok reads among them.
    pub ok_reads: u64,
    /// The models that certainly held and that none of the others implies, in the order of [`Consistency::ALL`]; the
    /// first is [`crate::consistency::strongest_model`]. Empty where not even legality held.
    pub strongest_models: Vec<Consistency>,
    /// Stale reads; worst and p99 staleness in versions and milliseconds; future and phantom reads.
    pub staleness: StalenessSummary,
    /// The least Δ by which reads must be taken to have begun earlier for all to be linearizable.
    pub delta: DeltaAtomicity,
    /// The least k such that all reads returned one of the last k values.
    pub k: KAtomicity,
}

/// The figures of `history`, all of whose reads count alike. See [`History::for_read_mode`].
#[must_use]
pub fn summarize(history: &History, options: &Options) -> Summary {
    let is_ok_read = |op: &&crate::history::Op| op.action == Action::Read && op.outcome == Outcome::Ok;
    let Atomicity { delta, k } = atomicity(history, options);
    Summary {
        ops: history.ops.len() as u64,
        ok_reads: history.ops.iter().filter(is_ok_read).count() as u64,
        strongest_models: strongest_models(history, options),
        staleness: staleness(history).summary(),
        delta,
        k,
    }
}

/// The figures of each read mode of `history`, by its name, each from all updates and its own reads.
#[must_use]
pub fn summarize_read_modes(history: &History, options: &Options) -> Vec<(String, Summary)> {
    let modes = history.read_modes.iter().zip((0..).map(ReadModeId));
    modes
        .map(|(name, mode)| (name.clone(), summarize(&history.for_read_mode(mode), options)))
        .collect()
}

impl Summary {
    /// The strongest model that held, or all of them where several do that are not comparable: `prefix + session`;
    /// `none` where not even legality did.
    #[must_use]
    pub fn strongest(&self) -> String {
        let names: Vec<&str> = self.strongest_models.iter().map(|model| model.name()).collect();
        if names.is_empty() {
            return "none".to_owned();
        }
        names.join(" + ")
    }
}
