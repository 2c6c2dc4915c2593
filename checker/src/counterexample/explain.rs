//! From a decision to a counterexample: shrink the evidence, have other algorithms look at it, and name it.

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::classify::Case;
use super::shrink::{Shrunk, prefix, shrink};
use super::{Counterexample, DeadOrder, EvidenceOp, Weakening};
use crate::budget::Budget;
use crate::certificate::Proof;
use crate::frontier::{self, Register, register_ops};
use crate::graph;
use crate::history::{Action, History, Outcome, Value};
use crate::linearizable::{Algorithm, Decision, UnknownReason};
use crate::lower::{Effect, KeyOp, KeyOps};
use crate::wing_gong;
use crate::zones::{self, Witness};

/// What one look at a finished counterexample may cost. They are small: this is seldom felt.
const VERIFY_TIME: Duration = Duration::from_secs(5);
const VERIFY_MEMORY_BYTES: usize = 512 << 20;
/// What a reason says besides where no look came to an end.
const UNVERIFIED: &str = " (only the check that found the violation says so: looking at these ops again took too much time or memory)";

/// Explains why `key` is not linearizable, as `decision` says: shrinks within `shrinking`, and looks at what is left
/// within `budget`.
pub(crate) fn explain(
    history: &History,
    key: &KeyOps,
    decision: &Decision,
    shrinking: &Budget,
    budget: &Budget,
) -> Result<Counterexample, UnknownReason> {
    let parts: Vec<KeyOps> = match decision {
        Decision::Witnesses(witnesses) => witnesses.iter().map(|w| part(key, w)).collect(),
        Decision::Culprit(op) => vec![prefix(key, *op)],
        Decision::Linearizable | Decision::GaveUp(_) => Vec::new(),
    };
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let mut best: Option<(Counterexample, KeyOps)> = None;
    for (turn, part) in (0..).zip(parts) {
        let shrunk = shrink(part.compact(), &shrinking.share(1, count - turn));
        let counterexample = assess(history, key, &shrunk, budget)?;
        if best
            .as_ref()
            .is_none_or(|(b, _)| counterexample.rank() < b.rank())
        {
            best = Some((counterexample, shrunk.ops));
        }
    }
    let (mut best, part) = best.ok_or(UnknownReason::Disagreement { key: key.key })?;
    best.proof = proof(history, key, &part);
    Ok(best)
}

/// The ops of a witness.
fn part(key: &KeyOps, witness: &Witness) -> KeyOps {
    let ops = witness.ops.iter().map(|i| {
        let mut op = key.ops[*i as usize];
        if witness.as_writes.binary_search(i).is_ok()
            && let Effect::Cas { to, .. } = op.effect
        {
            op.effect = Effect::Write(to);
        }
        op
    });
    KeyOps {
        ops: ops.collect(),
        ..*key
    }
}

fn assess(
    history: &History,
    key: &KeyOps,
    shrunk: &Shrunk,
    budget: &Budget,
) -> Result<Counterexample, UnknownReason> {
    let Shrunk { ops: part, spent } = shrunk;
    let verified = verify(part, budget).ok_or(UnknownReason::Disagreement { key: key.key })?;
    let Verified {
        by: verified_by,
        culprit,
        dead,
    } = verified;
    let (class, mut reason) = Case::new(history, key, part, culprit).classify();
    if verified_by.is_empty() {
        reason.push_str(UNVERIFIED);
    }
    if let Some(spent) = spent {
        reason.push_str(&format!(" (the counterexample was not shrunk further: {spent})"));
    }
    let culprit = part.ops[culprit].op as usize;
    let ops = evidence(history, key, part);
    let dead = dead
        .into_iter()
        .map(|order| dead_order(history, part, &order))
        .collect();
    Ok(Counterexample {
        class,
        key: key.key,
        culprit: history.index_of(culprit),
        reason,
        ops,
        minimal: spent.is_none(),
        verified_by,
        proof: None,
        dead,
    })
}

/// What looking at a part alone told. Ops are positions in it.
struct Verified {
    /// The algorithms that find it not linearizable; none where all give up.
    by: Vec<Algorithm>,
    culprit: usize,
    /// Orders that explain what returned before the culprit.
    dead: Vec<Vec<u32>>,
}

/// Has all algorithms look at `part`. `None` if any of them finds that it is linearizable after all.
fn verify(part: &KeyOps, budget: &Budget) -> Option<Verified> {
    // Half of what is left for the first of the two that take time.
    let first = budget
        .share(1, 2)
        .within(VERIFY_TIME)
        .of_bytes(VERIFY_MEMORY_BYTES);
    let second = || budget.within(VERIFY_TIME).of_bytes(VERIFY_MEMORY_BYTES);
    let mut by = Vec::new();
    match zones::check(part) {
        zones::Answer::Linearizable => return None,
        zones::Answer::Violations(_) => by.push(Algorithm::Zones),
        zones::Answer::NotApplicable => {}
    }
    let (mut culprit, mut dead) = (None, Vec::new());
    match frontier::search(&Register, &register_ops(part), &first, true) {
        Ok(frontier::Answer::Linearizable(_)) => return None,
        Ok(frontier::Answer::Stuck(stuck)) => {
            by.push(Algorithm::Frontier);
            culprit = Some(stuck.culprit as usize);
            dead = stuck.dead.into_iter().map(|(_, order)| order).collect();
        }
        Err(_) => {}
    }
    match wing_gong::is_linearizable(part, &second()) {
        Ok(true) => return None,
        Ok(false) => by.push(Algorithm::WingGong),
        Err(_) => {}
    }
    let last = || {
        (0..part.ops.len())
            .filter(|i| !part.ops[*i].is_optional())
            .max_by_key(|i| part.ops[*i].end)
    };
    let culprit = culprit.or_else(last)?;
    Some(Verified { by, culprit, dead })
}

/// An order of ops of `part`, and what it leaves.
fn dead_order(history: &History, part: &KeyOps, order: &[u32]) -> DeadOrder {
    let position = |at: &u32| part.ops[*at as usize].op as usize;
    let last_write = order
        .iter()
        .rev()
        .find(|at| part.ops[**at as usize].effect.writes().is_some());
    let held = last_write.and_then(|at| match history.ops[position(at)].action {
        Action::Write { value } | Action::Cas { to: value, .. } => Some(value),
        Action::Read => None,
    });
    DeadOrder {
        held,
        order: order.iter().map(|at| history.index_of(position(at))).collect(),
    }
}

/// A proof by these ops, as they were recorded, that needs no search.
fn proof(history: &History, key: &KeyOps, part: &KeyOps) -> Option<Proof> {
    let of_part: FxHashSet<u32> = part.ops.iter().map(|op| op.op).collect();
    let positions = (0..).zip(&key.ops).filter(|(_, op)| of_part.contains(&op.op));
    let positions: Vec<u32> = positions.map(|(at, _)| at).collect();
    let proof = graph::prove(history, key, &positions)?;
    Some(proof.rename(|at| history.index_of(key.ops[at as usize].op as usize).0))
}

/// The ops of `part` as they count.
fn evidence(history: &History, key: &KeyOps, part: &KeyOps) -> Vec<EvidenceOp> {
    let recorded: FxHashMap<u32, &KeyOp> = key.ops.iter().map(|op| (op.op, op)).collect();
    let ops = part.ops.iter().map(|counted| {
        let position = counted.op as usize;
        let mut op = history.ops[position].clone();
        let recorded = recorded[&counted.op];
        let as_write = counted.effect.observes().is_none() && recorded.effect.observes().is_some();
        let pending = counted.is_optional() && !recorded.is_optional();
        if as_write && let Action::Cas { to: Value(to), .. } = op.action {
            op.action = Action::Write { value: Value(to) };
        }
        if pending {
            op.outcome = Outcome::Info;
        }
        let weakened = match (as_write, pending) {
            (false, false) => None,
            (true, false) => Some(Weakening::AsWrite),
            (false, true) => Some(Weakening::Pending),
            (true, true) => Some(Weakening::AsPendingWrite),
        };
        EvidenceOp {
            index: history.index_of(position),
            op,
            weakened,
        }
    });
    ops.collect()
}
