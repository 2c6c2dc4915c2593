//! The least Δ, by halving: a greater Δ only takes orders in real time away, so it can only help.

use super::{DeltaAtomicity, Key};
use crate::lower::{KeyOp, KeyOps};
use crate::zones;

/// The least Δ of a key.
pub(super) fn least(key: &Key<'_>) -> DeltaAtomicity {
    match zones::check(key.ops) {
        zones::Answer::NotApplicable => return DeltaAtomicity::Unjudged,
        zones::Answer::Linearizable => return DeltaAtomicity::Least(0),
        zones::Answer::Violations(_) => {}
    }
    // Atomic with the greatest of these, if with any: every read then begins before all.
    let (mut broken, mut enough) = (0, key.ops.ops.iter().map(|op| op.start).max().unwrap_or(0));
    if !is_atomic(key, enough) {
        return DeltaAtomicity::Never;
    }
    while broken + 1 < enough {
        let middle = broken + (enough - broken) / 2;
        if is_atomic(key, middle) {
            enough = middle;
        } else {
            broken = middle;
        }
    }
    DeltaAtomicity::Least(enough)
}

fn is_atomic(key: &Key<'_>, delta: u64) -> bool {
    let shift = |(op, stale): (&KeyOp, &bool)| {
        // Nothing begins before time 1: nil is written at 0.
        let start = if *stale {
            op.start.saturating_sub(delta).max(1)
        } else {
            op.start
        };
        KeyOp { start, ..*op }
    };
    let mut ops: Vec<KeyOp> = key.ops.ops.iter().zip(&key.stale).map(shift).collect();
    ops.sort_by_key(|op| op.start);
    let shifted = KeyOps { ops, ..*key.ops };
    matches!(zones::check(&shifted), zones::Answer::Linearizable)
}
