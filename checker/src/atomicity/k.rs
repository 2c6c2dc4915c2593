//! The least k: from below by what real time proves of each read, from above by the order of versions and by orders
//! that real time allows; and where these do not meet, by search.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::order::{by_zones, least_k};
use super::window::is_k_atomic;
use super::{KAtomicity, Key};
use crate::budget::Budget;
use crate::ledger::Ledger;
use crate::lower::{Effect, KeyOp, KeyOps, NIL};
use crate::staleness::versions_behind_max;
use crate::zones;

/// The greatest k that is searched for. Windows of k values may come in as many orders as there are concurrent
/// writes in them.
const SEARCHED_K_MAX: u64 = 8;
/// What the search may cost over all keys, lest the figure costs more than the verdict.
const SEARCH_TIME: Duration = Duration::from_millis(500);
const SEARCH_MEMORY_BYTES: usize = 32 << 20;

/// The least k of a key of the ledger's history, as far as bounds tell it.
pub(super) fn bounds(key: &Key<'_>, ledger: &Ledger<'_>) -> KAtomicity {
    match zones::check(key.ops) {
        zones::Answer::NotApplicable => return KAtomicity::Unjudged,
        zones::Answer::Linearizable => return KAtomicity::Least(1),
        zones::Answer::Violations(_) => {}
    }
    if !is_atomic_but_for_reads(key) {
        return KAtomicity::Never;
    }
    let needed = needed(key.ops);
    let positions: Vec<u32> = key.ops.ops.iter().map(|op| op.op).collect();
    let at_least = 2.max(1 + versions_behind_max(ledger, &positions));
    let at_most = (by_version(key, &needed, ledger).into_iter())
        .chain(by_zones(key, &needed))
        .filter_map(|order| least_k(key, &order))
        .min();
    KAtomicity::of_bounds(at_least, at_most)
}

/// The least k over all keys, from the bounds of each: only those keys are searched that can still decide it.
pub(super) fn least(keys: &[(Key<'_>, KAtomicity)], deadline: Option<Instant>) -> KAtomicity {
    let together = keys
        .iter()
        .map(|(_, k)| *k)
        .fold(KAtomicity::Least(1), KAtomicity::worse);
    let Some((mut at_least, _)) = together.bounds() else {
        return together;
    };
    let limit = Instant::now() + SEARCH_TIME;
    let budget = Budget::new(
        Some(deadline.map_or(limit, |d| d.min(limit))),
        SEARCH_MEMORY_BYTES,
    );
    let mut at_most = Some(at_least);
    for (key, bounds) in keys {
        let (_, mut most) = bounds
            .bounds()
            .expect("all keys have bounds if they have together");
        // With a window of all values ever, no greater one can help.
        let updates = key.ops.ops.iter().filter(|op| op.effect.writes().is_some());
        let all = updates.count() as u64 + 1;
        while most.is_none_or(|most| at_least < most) && at_least <= SEARCHED_K_MAX {
            match is_k_atomic(key, at_least as usize, &budget) {
                Ok(true) => most = Some(at_least),
                Ok(false) if most.is_none() && at_least >= all => return KAtomicity::Never,
                Ok(false) => at_least += 1,
                Err(_) => break,
            }
        }
        at_most = at_most.zip(most).map(|(a, b)| a.max(b));
    }
    KAtomicity::of_bounds(at_least, at_most.map(|most| most.max(at_least)))
}

/// Whether the ops that are held to the present are atomic, and no read saw what had not been written: else no
/// staleness explains the history. Leaving reads out cannot break one that is atomic.
fn is_atomic_but_for_reads(key: &Key<'_>) -> bool {
    let ops = key.ops.ops.iter().zip(&key.stale);
    let present = ops.filter(|(_, stale)| !**stale).map(|(op, _)| *op).collect();
    let present = KeyOps {
        ops: present,
        ..*key.ops
    };
    let mut starts = vec![u64::MAX; key.ops.values as usize];
    starts[NIL as usize] = 0;
    for op in &key.ops.ops {
        if let Some(value) = op.effect.writes() {
            starts[value as usize] = op.start;
        }
    }
    let reads_back = |op: &KeyOp| match op.effect {
        Effect::Read(value) => starts[value as usize] <= op.end,
        _ => true,
    };
    key.ops.ops.iter().all(reads_back) && matches!(zones::check(&present), zones::Answer::Linearizable)
}

/// The updates that happened for certain: they returned, or their value was seen, if only by a cas that happened.
fn needed(key: &KeyOps) -> Vec<u32> {
    let mut seen: FxHashSet<u32> = FxHashSet::default();
    let mut happened: Vec<bool> = key.ops.iter().map(|op| !op.is_optional()).collect();
    loop {
        let before = seen.len();
        // Backward, as a cas mostly starts after the one that it built on.
        for (at, op) in key.ops.iter().enumerate().rev() {
            happened[at] |= op.effect.writes().is_some_and(|value| seen.contains(&value));
            if happened[at] {
                seen.extend(op.effect.observes());
            }
        }
        if seen.len() == before {
            break;
        }
    }
    let updates = (0..).zip(&key.ops).filter(|(_, op)| op.effect.writes().is_some());
    updates
        .filter(|(at, _)| happened[*at as usize])
        .map(|(at, _)| at)
        .collect()
}

/// In the order of their versions, where all are known.
fn by_version(key: &Key<'_>, needed: &[u32], ledger: &Ledger<'_>) -> Option<Vec<u32>> {
    let version = |at: &u32| ledger.version(ledger.op(key.ops.ops[*at as usize].op));
    let mut order: Vec<(u64, u32)> = needed
        .iter()
        .map(|at| version(at).map(|version| (version, *at)))
        .collect::<Option<_>>()?;
    order.sort_unstable();
    Some(order.into_iter().map(|(_, at)| at).collect())
}
