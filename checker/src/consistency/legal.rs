//! Legality: what was seen had been written, and values, versions and cas fit together.

use rustc_hash::FxHashMap;

use super::finding::Known;
use crate::counterexample::{AnomalyClass, Counterexample, Shown};
use crate::history::{Action, Key, Op, Outcome, Value};
use crate::ledger::{Unwritten, observed, shown};

/// The first violation of legality, if any.
pub(super) fn check(known: &Known<'_>) -> Option<Counterexample> {
    let seen = known
        .ops()
        .find_map(|(position, op)| unwritten(known, position, op));
    seen.or_else(|| {
        known
            .ops()
            .find_map(|(position, op)| impossible_failure(known, position, op))
    })
    .or_else(|| mismatch(known))
    .or_else(|| {
        known
            .ops()
            .find_map(|(position, op)| illegal_cas(known, position, op))
    })
}

/// A value that nobody had written.
fn unwritten(known: &Known<'_>, position: u32, op: &Op) -> Option<Counterexample> {
    let value = match (op.action, op.outcome) {
        (Action::Cas { from, .. }, Outcome::Ok) => from,
        _ => observed(op)??,
    };
    let sentence = known.teller().sentence(position);
    match known.ledger.unwritten(op, Some(value))? {
        Unwritten::Future => {
            let write = known.ledger.writers(op.key, value)?.first;
            let gap = known.teller().gap(position, write);
            let short = known.teller().short(position);
            let reason = format!(
                "{sentence}, but {} was invoked only {gap} after {short} had returned",
                known.teller().noun(write)
            );
            Some(known.violation(AnomalyClass::FutureRead, position, &[write], reason))
        }
        Unwritten::Phantom => {
            let writes = |other: &Op| match other.action {
                Action::Write { value: v } | Action::Cas { to: v, .. } => v == value,
                Action::Read => false,
            };
            let failed = known
                .ops()
                .find(|(_, other)| other.key == op.key && writes(other));
            let Some((failed, write)) = failed else {
                let reason = format!("{sentence}, but nobody ever wrote {value}");
                return Some(known.violation(AnomalyClass::PhantomValue, position, &[], reason));
            };
            let reason = format!(
                "{sentence}, but process {}'s {} had failed",
                write.process, write.action
            );
            Some(known.violation(AnomalyClass::AbortedRead, position, &[failed], reason))
        }
    }
}

fn impossible_failure(known: &Known<'_>, position: u32, op: &Op) -> Option<Counterexample> {
    let Action::Cas { from, .. } = op.action else {
        return None;
    };
    (op.outcome == Outcome::Fail && op.observed == Some(Some(from))).then(|| {
        let reason = format!(
            "process {}'s {} failed, though what it found was the value that it expected, {from}",
            op.process, op.action
        );
        known.violation(AnomalyClass::ImpossibleCasFailure, position, &[], reason)
    })
}

/// One version for two values, or two versions for a value that was written once.
fn mismatch(known: &Known<'_>) -> Option<Counterexample> {
    let mut value_of: FxHashMap<(Key, u64), (Value, u32)> = FxHashMap::default();
    let mut version_of: FxHashMap<(Key, Value), (u64, u32)> = FxHashMap::default();
    for (position, op) in known.ops() {
        let (Some(Some(value)), Some(version)) = (shown(op), op.version) else {
            continue;
        };
        if op.outcome == Outcome::Info {
            continue;
        }
        let (first_value, other) = *value_of.entry((op.key, version.0)).or_insert((value, position));
        if first_value != value {
            let reason = format!(
                "version {} of key {} is {value} by {}, but {first_value} by {}",
                version.0,
                op.key,
                known.teller().noun(position),
                known.teller().noun(other),
            );
            return Some(known.violation(
                AnomalyClass::VersionMismatch,
                position,
                &[position, other],
                reason,
            ));
        }
        if known
            .ledger
            .writers(op.key, value)
            .is_none_or(|writers| writers.count > 1)
        {
            continue;
        }
        let (first_version, other) = *version_of.entry((op.key, value)).or_insert((version.0, position));
        if first_version != version.0 {
            let reason = format!(
                "the value {value} of key {} was written once, but has version {} by {} and version {first_version} by {}",
                op.key,
                version.0,
                known.teller().noun(position),
                known.teller().noun(other),
            );
            return Some(known.violation(
                AnomalyClass::VersionMismatch,
                position,
                &[position, other],
                reason,
            ));
        }
    }
    None
}

/// A cas that succeeded on another value than the write before it left. A write of unknown version may have come
/// between, so this only accuses where every write of the expected value has a known version.
fn illegal_cas(known: &Known<'_>, position: u32, op: &Op) -> Option<Counterexample> {
    let (Action::Cas { from, .. }, Outcome::Ok, Some(version)) = (op.action, op.outcome, op.version) else {
        return None;
    };
    let previous = known.previous_write(op.key, version.0);
    let held = previous.and_then(|w| shown(known.ledger.op(w.op)).flatten());
    let writers = known.ledger.writers(op.key, from)?;
    let write_is_known = writers.count == 1 && known.ledger.version(known.ledger.op(writers.first)).is_some();
    if held == Some(from) || !write_is_known {
        return None;
    }
    let sentence = known.teller().sentence(position);
    let before = previous.map_or("no write came before it".to_owned(), |w| {
        format!(
            "the write before it is {} with version {}",
            known.teller().noun(w.op),
            w.version
        )
    });
    let reason = format!(
        "{sentence} with version {}, but {before}, which left {}",
        version.0,
        Shown(held)
    );
    let ops: Vec<u32> = previous.iter().map(|w| w.op).chain([position]).collect();
    Some(known.violation(AnomalyClass::IllegalCas, position, &ops, reason))
}
