//! Shrinking: leaving out ops while what stays is not linearizable.
//!
//! What may be left out is what a history that *is* linearizable can always spare, so that evidence against the
//! part is evidence against the whole:
//! - a pure op (a read, a failed cas);
//! - a value with all that writes or observes it, and with the values that cas made from it. Every op that stays
//!   has the same write before it as it had. Not so while a failed compare stays that says only what the
//!   register did *not* hold: what is left out may be what kept that value away;
//! - the expectation of a cas, which makes it a plain write;
//! - whatever starts after a moment, if ops that have not returned by then count as of unknown outcome:
//!   linearizability is closed under prefixes (Herlihy and Wing 1990, section 3).

use crate::budget::{Budget, Spent};
use crate::linearizable::{Decision, decide};
use crate::lower::{Effect, KeyOp, KeyOps, NEVER};

/// Memory for one check of a candidate. Candidates are parts of what was checked already, mostly tiny ones.
const MEMORY_BYTES: usize = 256 << 20;

/// A part of a key that is not linearizable.
pub(super) struct Shrunk {
    pub(super) ops: KeyOps,
    /// The limit that was reached before nothing more could be left out.
    pub(super) spent: Option<Spent>,
}

/// The part of `key` up to the end of its op `culprit`.
pub(super) fn prefix(key: &KeyOps, culprit: u32) -> KeyOps {
    let end = key.ops[culprit as usize].end;
    let mut ops: Vec<KeyOp> = key.ops.iter().filter(|op| op.start <= end).copied().collect();
    for op in &mut ops {
        if op.end > end {
            op.end = NEVER;
        }
    }
    ops.retain(|op| !(op.is_optional() && op.effect.is_pure()));
    KeyOps { ops, ..*key }
}

/// Shrinks `ops`, which are not linearizable, within `limits`.
pub(super) fn shrink(ops: KeyOps, limits: &Budget) -> Shrunk {
    let mut shrinker = Shrinker {
        ops,
        limits: limits.clone().of_bytes(MEMORY_BYTES),
        spent: None,
    };
    while shrinker.round() && shrinker.spent.is_none() {}
    Shrunk {
        spent: shrinker.spent,
        ops: shrinker.ops,
    }
}

struct Shrinker {
    ops: KeyOps,
    limits: Budget,
    spent: Option<Spent>,
}

/// Something that might be left out.
#[derive(Clone, Copy)]
enum Spare {
    /// The pure op of that position in the history.
    Pure(u32),
    /// The value.
    Value(u32),
}

impl Shrinker {
    /// Tries everything once. True if something could be left out.
    fn round(&mut self) -> bool {
        let before = self.ops.ops.len();
        let pure = self
            .ops
            .ops
            .iter()
            .filter(|op| op.effect.is_pure())
            .map(|op| Spare::Pure(op.op))
            .collect();
        self.spare(pure);
        self.spare(values(&self.ops).into_iter().map(Spare::Value).collect());
        self.cut_chains();
        self.ops.ops.len() < before
    }

    /// Leaves out what it can, in ever smaller bunches (Zeller and Hildebrandt's ddmin, TSE 2002).
    fn spare(&mut self, mut spares: Vec<Spare>) {
        let mut bunch = spares.len().div_ceil(2);
        while bunch > 0 {
            let mut kept = Vec::new();
            for spare in spares.chunks(bunch) {
                if self.spent.is_some() {
                    return;
                }
                let candidate = without(&self.ops, spare);
                if !self.accept(candidate) {
                    kept.extend_from_slice(spare);
                }
            }
            spares = kept;
            bunch = if bunch == 1 { 0 } else { bunch.div_ceil(2) };
        }
    }

    /// Makes cas into writes, where the values that they came from can then be left out.
    fn cut_chains(&mut self) {
        let cas: Vec<(u32, u32, u32)> = self
            .ops
            .ops
            .iter()
            .filter_map(|op| match op.effect {
                Effect::Cas { from, to } => Some((op.op, from, to)),
                _ => None,
            })
            .collect();
        for (position, from, to) in cas {
            if self.spent.is_some() {
                return;
            }
            let mut candidate = self.ops.clone();
            for op in candidate.ops.iter_mut().filter(|op| op.op == position) {
                op.effect = Effect::Write(to);
            }
            let candidate = without(&candidate, &[Spare::Value(from)]);
            self.accept(candidate);
        }
    }

    fn accept(&mut self, candidate: Option<KeyOps>) -> bool {
        let Some(candidate) = candidate else { return false };
        if candidate.ops.len() == self.ops.ops.len() {
            return false;
        }
        if let Err(spent) = self.limits.spend_steps(candidate.ops.len(), 0) {
            self.spent = Some(spent);
            return false;
        }
        match decide(&candidate, &self.limits).1 {
            Decision::Witnesses(_) | Decision::Culprit(_) => {
                self.ops = candidate;
                true
            }
            Decision::Linearizable => false,
            Decision::GaveUp(spent) => {
                self.spent = Some(spent);
                false
            }
        }
    }
}

/// The values written, ascending.
fn values(key: &KeyOps) -> Vec<u32> {
    let mut values: Vec<u32> = key.ops.iter().filter_map(|op| op.effect.writes()).collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// `key` without those; `None` if they cannot be spared.
fn without(key: &KeyOps, spares: &[Spare]) -> Option<KeyOps> {
    let mut spared = vec![false; key.values as usize];
    let mut positions: Vec<u32> = Vec::new();
    let mut any_value = false;
    for spare in spares {
        match spare {
            Spare::Pure(position) => positions.push(*position),
            Spare::Value(value) => {
                spared[*value as usize] = true;
                any_value = true;
            }
        }
    }
    positions.sort_unstable();
    if any_value {
        if key.ops.iter().any(|op| matches!(op.effect, Effect::NotHeld(_))) {
            return None;
        }
        close(key, &mut spared);
    }
    let touches = |effect: Effect| {
        effect.observes().is_some_and(|v| spared[v as usize])
            || effect.writes().is_some_and(|v| spared[v as usize])
    };
    let keep = |op: &&KeyOp| !touches(op.effect) && positions.binary_search(&op.op).is_err();
    Some(KeyOps {
        ops: key.ops.iter().filter(keep).copied().collect(),
        ..*key
    })
}

/// Adds the values that cas made from those.
fn close(key: &KeyOps, spared: &mut [bool]) {
    let mut grown = true;
    while grown {
        grown = false;
        for op in &key.ops {
            if let Effect::Cas { from, to } = op.effect
                && spared[from as usize]
                && !spared[to as usize]
            {
                spared[to as usize] = true;
                grown = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Spare, prefix, values, without};
    use crate::budget::Budget;
    use crate::lower::{Effect, KeyOps, split};
    use crate::testing::generate::{Choices, Shape, linearizable};
    use crate::testing::{cases, show};
    use crate::wing_gong;

    fn holds(key: &KeyOps) -> bool {
        wing_gong::is_linearizable(key, &Budget::new(None, usize::MAX)) == Ok(true)
    }

    /// What makes evidence against a part evidence against the whole: no step turns a linearizable history into
    /// one that is not.
    #[test]
    fn a_linearizable_history_can_spare_whatever_shrinking_leaves_out() {
        let mut steps = 0_u64;
        for seed in 0..cases(20_000) {
            let mut choices = Choices::new(seed + (1 << 43));
            let shape = Shape {
                ops: 12,
                ..Shape::any(&mut choices)
            };
            let history = linearizable(&mut choices, shape);
            let Some(mut key) = split(&history).pop() else {
                continue;
            };
            assert!(holds(&key), "seed {seed}: {}", show(&history));
            while !key.ops.is_empty() {
                let op = key.ops[choices.below(key.ops.len() as u64) as usize];
                let mut next = key.clone();
                let written = values(&key);
                match choices.below(4) {
                    0 if op.effect.is_pure() => next = without(&key, &[Spare::Pure(op.op)]).expect("is pure"),
                    1 if !op.is_optional() => {
                        let at = key.ops.iter().position(|o| o.op == op.op).expect("is there");
                        next = prefix(&key, at as u32);
                    }
                    2 if !written.is_empty() => {
                        let value = written[choices.below(written.len() as u64) as usize];
                        next = without(&key, &[Spare::Value(value)]).unwrap_or(next);
                    }
                    3 => {
                        for o in next.ops.iter_mut().filter(|o| o.op == op.op) {
                            if let Effect::Cas { to, .. } = o.effect {
                                o.effect = Effect::Write(to);
                            }
                        }
                    }
                    _ => {}
                }
                assert!(holds(&next), "seed {seed}: {key:?} became {next:?}");
                steps += u64::from(next.ops != key.ops);
                // Some histories have nothing left that any step could change.
                if next.ops == key.ops && choices.percent(10) {
                    break;
                }
                key = next.compact();
            }
        }
        assert!(steps > cases(20_000), "only {steps} steps were taken");
    }
}
