//! Cuts away the past: from the op at which the search got stuck to the few ops before it that suffice.
//!
//! A long history is mostly past. What is left out here is what a linearizable history can always spare:
//! - pure ops (reads, failed compares);
//! - whatever began after the culprit had returned, as linearizability is closed under prefixes (Herlihy and Wing 1990,
//!   section 3). A read under way at that moment goes too, and a cas under way counts as a plain write: then it fits
//!   at the end of any order;
//! - the expectation of a cas, which makes it a plain write;
//! - a write that precedes another one, the *anchor*, which precedes all that observe the value of the former and
//!   stay. In any linearization the anchor lies between the two, so none of those observed the write.

use rustc_hash::FxHashMap;

use crate::budget::Budget;
use crate::linearizable::{Decision, by_frontier};
use crate::lower::{Effect, KeyOp, KeyOps};
use crate::zones::Witness;

/// Histories of fewer ops have no past to speak of.
pub(crate) const OPS_MIN: usize = 256;
/// The first window that is tried, in ops; each further one is four times as long.
const WINDOW_MIN: usize = 64;
/// Longer windows are left to the general shrinking: it halves, where this tries one op after the other.
const THINNED_MAX: usize = 1024;
/// Memory for one look at a window.
const MEMORY_BYTES: usize = 256 << 20;

/// A few ops that are not linearizable, where `culprit` is the op at which the search of the whole key got stuck. `None`
/// if no window that is much shorter than the key shows it, or not within `budget`.
pub(crate) fn witness(key: &KeyOps, culprit: u32, budget: &Budget) -> Option<Witness> {
    let budget = budget.clone().of_bytes(MEMORY_BYTES);
    let mut window = WINDOW_MIN;
    while window * 4 < culprit as usize {
        budget.look().ok()?;
        let since = key.ops[culprit as usize - window].start;
        let mut part = Part::new(key, since, key.ops[culprit as usize].end);
        if part.is_stuck(&budget)? {
            part.thin(&budget);
            return Some(part.witness());
        }
        window *= 4;
    }
    None
}

/// Some ops of a key.
struct Part<'a> {
    key: &'a KeyOps,
    /// Positions in the key, and the ops as they count.
    ops: Vec<(u32, KeyOp)>,
}

impl<'a> Part<'a> {
    /// What happened between `since` and `until`, and of what was before only what must stay.
    fn new(key: &'a KeyOps, since: u64, until: u64) -> Self {
        let anchor = key
            .ops
            .iter()
            .filter(|op| op.effect.writes().is_some() && op.end < since);
        let anchor = anchor.map(|op| op.start).max().unwrap_or(0);
        let mut ops: Vec<(u32, KeyOp)> = Vec::new();
        // Of each value the last write that the anchor hides: it says that the value was not made up.
        let mut hidden: FxHashMap<u32, (u32, KeyOp)> = FxHashMap::default();
        for (at, op) in (0..).zip(&key.ops).take_while(|(_, op)| op.start <= until) {
            let mut op = *op;
            if op.effect.is_pure() {
                if op.start >= since && op.end <= until {
                    ops.push((at, op));
                }
                continue;
            }
            if op.start < since || (op.end > until && !op.is_optional()) {
                op.effect = as_write(op.effect);
            }
            if op.end >= anchor {
                ops.push((at, op));
            } else if let Some(value) = op.effect.writes() {
                hidden.insert(value, (at, op));
            }
        }
        let observed: Vec<u32> = ops.iter().filter_map(|(_, op)| op.effect.observes()).collect();
        ops.extend(observed.into_iter().filter_map(|value| hidden.remove(&value)));
        ops.sort_unstable_by_key(|(at, _)| *at);
        Self { key, ops }
    }

    /// Whether it is not linearizable; `None` where that takes too much.
    fn is_stuck(&self, budget: &Budget) -> Option<bool> {
        let part = KeyOps {
            ops: self.ops.iter().map(|(_, op)| *op).collect(),
            ..*self.key
        };
        match by_frontier(&part.compact(), budget) {
            Decision::GaveUp(_) => None,
            decision => Some(matches!(decision, Decision::Culprit(_))),
        }
    }

    /// Leaves out one op after the other, as long as the rest is not linearizable.
    fn thin(&mut self, budget: &Budget) {
        let mut before = usize::MAX;
        while self.ops.len() < before && self.ops.len() <= THINNED_MAX {
            before = self.ops.len();
            let mut at = 0;
            while at < self.ops.len() {
                if self.can_spare(at) {
                    let op = self.ops.remove(at);
                    match self.is_stuck(budget) {
                        Some(true) => continue,
                        Some(false) => self.ops.insert(at, op),
                        None => return self.ops.insert(at, op),
                    }
                }
                at += 1;
            }
        }
    }

    /// Whether a linearizable history could spare the op of that number, and evidence does not need it to be understood.
    fn can_spare(&self, at: usize) -> bool {
        let (_, spared) = self.ops[at];
        if spared.effect.is_pure() {
            return true;
        }
        let Effect::Write(value) = spared.effect else {
            return false;
        };
        let observes = |op: &KeyOp| match op.effect {
            Effect::NotHeld(_) => true,
            effect => effect.observes() == Some(value),
        };
        let observed = self.ops.iter().filter(|(_, op)| observes(op));
        let Some(first) = observed.map(|(_, op)| op.start).min() else {
            // Nobody asks for its value.
            return true;
        };
        let hides = |op: &KeyOp| op.effect.writes().is_some() && spared.end < op.start && op.end < first;
        // One write of the value stays, so that nobody takes it for one that was never written.
        let is_later = |op: &KeyOp| op.effect.writes() == Some(value) && op.start > spared.start;
        let any = |is: &dyn Fn(&KeyOp) -> bool| self.ops.iter().any(|(_, op)| is(op));
        any(&hides) && any(&is_later)
    }

    fn witness(&self) -> Witness {
        let is_weakened = |(at, op): &&(u32, KeyOp)| self.key.ops[*at as usize].effect != op.effect;
        Witness {
            ops: self.ops.iter().map(|(at, _)| *at).collect(),
            as_writes: self.ops.iter().filter(is_weakened).map(|(at, _)| *at).collect(),
        }
    }
}

fn as_write(effect: Effect) -> Effect {
    match effect {
        Effect::Cas { to, .. } => Effect::Write(to),
        effect => effect,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Part, witness};
    use crate::budget::Budget;
    use crate::history::{Action, History, Key, Op, Outcome, ProcessId, Value};
    use crate::lower::{KeyOps, split};
    use crate::testing::generate::{Choices, Shape, linearizable};
    use crate::testing::{cases, show};
    use crate::wing_gong;

    #[test]
    fn a_spent_budget_leaves_the_past_uncut() {
        let mut ops: Vec<Op> = (0..1000).map(|at| write(at % 2, at as u64)).collect();
        ops.push(Op {
            action: Action::Read,
            observed: Some(Some(Value(7))),
            ..write(0, 1000)
        });
        // It was written once, long ago.
        ops[3].action = Action::Write { value: Value(7) };
        let key = split(&History {
            ops,
            ..History::default()
        });
        let witness = |budget: &Budget| witness(&key[0], 1000, budget);
        let endless = Budget::new(None, usize::MAX);
        assert!(witness(&endless).is_some_and(|found| found.ops.len() < 10));
        assert!(witness(&Budget::new(Some(Instant::now()), usize::MAX)).is_none());
        assert!(witness(&Budget::new(None, 1)).is_none());
    }

    fn write(value: i64, at_ns: u64) -> Op {
        Op {
            process: ProcessId(0),
            key: Key(0),
            action: Action::Write { value: Value(value) },
            outcome: Outcome::Ok,
            invoked_ns: 10 * at_ns,
            completed_ns: Some(10 * at_ns + 5),
            observed: None,
            version: None,
            read_mode: None,
            node: None,
            served_by: None,
            term: None,
            error: None,
        }
    }

    /// What makes evidence against a part evidence against the whole.
    #[test]
    fn a_linearizable_history_can_spare_its_past() {
        let (mut cut, mut spared) = (0_u64, 0_u64);
        for seed in 0..cases(50_000) {
            let mut choices = Choices::new(seed + (1 << 44));
            let shape = Shape {
                ops: 14,
                ..Shape::any(&mut choices)
            };
            let history = linearizable(&mut choices, shape);
            let Some(key) = split(&history).pop() else {
                continue;
            };
            let end = key.ops.iter().map(|op| op.start).max().unwrap_or(0) + 2;
            let since = choices.below(end);
            let until = since + choices.below(end - since + 1);
            let mut part = Part::new(&key, since, until);
            let all = key
                .ops
                .iter()
                .filter(|op| op.start <= until && !op.effect.is_pure());
            let stay = part.ops.iter().filter(|(_, op)| !op.effect.is_pure());
            cut += u64::from(stay.count() < all.count());
            loop {
                let ops = KeyOps {
                    ops: part.ops.iter().map(|(_, op)| *op).collect(),
                    ..key
                };
                let holds = wing_gong::is_linearizable(&ops, &Budget::new(None, usize::MAX));
                assert_eq!(
                    holds,
                    Ok(true),
                    "seed {seed}, {since} to {until}: {ops:?}{}",
                    show(&history)
                );
                let may: Vec<usize> = (0..part.ops.len()).filter(|at| part.can_spare(*at)).collect();
                let Some(last) = may.len().checked_sub(1) else {
                    break;
                };
                part.ops.remove(may[choices.below(last as u64 + 1) as usize]);
                spared += 1;
            }
        }
        assert!(
            cut > cases(10_000) && spared > cases(50_000),
            "{cut} cut, {spared} spared"
        );
    }
}
