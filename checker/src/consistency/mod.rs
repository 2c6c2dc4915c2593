//! Weaker models than linearizability, judged from the versions that ops report, in O(n log n).
//!
//! A version is the place of a write in the system's own total order of writes. The checks hold the system to
//! that order: they trust it no further than the history confirms. What an op does not report can only keep a
//! violation from being found; so where something that a model needs is missing, a history without a violation
//! is [`Verdict::Unknown`], not valid. Versions are compared and never subtracted: they need not be dense.

mod finding;
mod legal;
mod model;
mod order;
mod prefix;
mod sessions;

use finding::{Known, missing};

pub use model::{Consistency, UnknownConsistency};

use crate::counterexample::Counterexample;
use crate::history::History;
use crate::ledger::Ledger;
use crate::linearizable::{Options, Verdict, check_linearizable};

/// Whether `history` satisfies `model`. `options` matter to [`Consistency::Linearizable`] only.
#[must_use]
pub fn check_consistency(history: &History, model: Consistency, options: &Options) -> Verdict {
    if model == Consistency::Linearizable {
        return check_linearizable(history, options).verdict;
    }
    let known = Known::new(Ledger::new(history));
    let legality = legal::check(&known);
    verdict(&known, legality, model)
}

/// The verdict on one of the weaker models, where `legality` is what was found about [`Consistency::Legal`].
fn verdict(known: &Known<'_>, legality: Option<Counterexample>, model: Consistency) -> Verdict {
    let found = legality.or_else(|| beyond_legality(known, model));
    match (found, missing(known, model)) {
        (Some(counterexample), _) => Verdict::Invalid(Box::new(counterexample)),
        (None, Some(reason)) => Verdict::Unknown(reason),
        (None, None) => Verdict::Valid,
    }
}

fn beyond_legality(known: &Known<'_>, model: Consistency) -> Option<Counterexample> {
    match model {
        Consistency::Linearizable | Consistency::Legal => None,
        Consistency::OrderedSequential => {
            order::check(known).or_else(|| beyond_legality(known, Consistency::Sequential))
        }
        // Growing prefixes imply the guarantees where every write that was seen is known; else these see more.
        Consistency::Sequential => prefix::sessions(known).or_else(|| sessions::all(known)),
        Consistency::Prefix => prefix::reads(known).or_else(|| sessions::monotonic_reads(known)),
        Consistency::Session => sessions::all(known),
        Consistency::MonotonicPerNode => prefix::nodes(known),
        Consistency::MonotonicPerLeader => prefix::leaders(known),
        Consistency::MonotonicReads => sessions::monotonic_reads(known),
        Consistency::ReadYourWrites => sessions::read_your_writes(known),
        Consistency::MonotonicWrites => sessions::monotonic_writes(known),
        Consistency::WritesFollowReads => sessions::writes_follow_reads(known),
    }
}

/// The first of [`Consistency::ALL`] that `history` certainly satisfies, so none that it satisfies is stronger;
/// `None` if there is none.
#[must_use]
pub fn strongest_model(history: &History, options: &Options) -> Option<Consistency> {
    strongest_models(history, options).first().copied()
}

/// All models that `history` certainly satisfies, and that none of the others implies, in the order of
/// [`Consistency::ALL`]. Empty if there is none.
#[must_use]
pub fn strongest_models(history: &History, options: &Options) -> Vec<Consistency> {
    if check_linearizable(history, options).verdict.is_valid() {
        return vec![Consistency::Linearizable];
    }
    let known = Known::new(Ledger::new(history));
    // Without legality nothing holds.
    if legal::check(&known).is_some() {
        return Vec::new();
    }
    let mut held: Vec<Consistency> = Vec::new();
    for model in &Consistency::ALL[1..] {
        if !held.iter().any(|stronger| stronger.implies(*model)) && verdict(&known, None, *model).is_valid() {
            held.push(*model);
        }
    }
    held
}
