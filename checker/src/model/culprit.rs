//! Finds the op at whose return there is no linearization any more, where a [`Shortcut`] has found that there is none of
//! all ops: a search would have told.
//!
//! A history that is linearizable is so at every moment before its end (Herlihy and Wing 1990, section 3), so bisection
//! finds the op, in so many decisions as the number of ops has digits. Mostly two suffice: the few ops that the
//! shortcut gives as its reason have a culprit of their own, which is seldom not the first of all.

use rustc_hash::FxHashSet;

use super::check::holds;
use super::{Model, Shortcut, TimedOp};
use crate::budget::{Budget, Spent};

/// Who is to blame that there is no linearization. Ops are given by their positions.
pub(super) struct Blame {
    /// No order of the ops explains the history until the return of this op.
    pub(super) culprit: u32,
    /// Whether it is the first such op: else there was no time to find that.
    pub(super) is_first: bool,
    /// Ops that show it, and need none of the others, where some are known.
    pub(super) kept: Option<Vec<u32>>,
}

/// The evidence is looked into if it is so many times less than the whole.
const SMALLER: usize = 8;

/// Finds who is to blame, where `ops` have no linearization, and the reason is `evidence`. When `budget` is spent the best
/// is told that was found by then.
pub(super) fn find<M: Model>(model: &M, ops: &[TimedOp<M::Op>], evidence: &[u32], budget: &Budget) -> Blame {
    let mut returns: Vec<(u64, u32)> = (0..)
        .zip(ops)
        .filter_map(|(at, op)| Some((op.end_ns?, at)))
        .collect();
    returns.sort_unstable();
    let hunt = Hunt {
        model,
        ops,
        returns,
        budget,
    };
    hunt.run(evidence.to_vec())
}

/// Who is to blame for `part` alone, which was left of `ops` when there was no time to find who is first of all. The ops
/// that had not returned when the culprit of `blame` did count as of unknown outcome.
pub(super) fn of_part<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    part: &[u32],
    blame: &Blame,
    budget: &Budget,
) -> u32 {
    let until = ops[blame.culprit as usize].end_ns;
    let cut = |at: &u32| {
        let op = ops[*at as usize].clone();
        TimedOp {
            end_ns: op.end_ns.filter(|end| Some(*end) <= until),
            ..op
        }
    };
    let cut: Vec<TimedOp<M::Op>> = part.iter().map(cut).collect();
    part[find(model, &cut, &[], budget).culprit as usize]
}

struct Hunt<'a, M: Model> {
    model: &'a M,
    ops: &'a [TimedOp<M::Op>],
    /// The ends of all ops that returned, with their positions, in order.
    returns: Vec<(u64, u32)>,
    budget: &'a Budget,
}

impl<M: Model> Hunt<'_, M> {
    fn run(&self, mut evidence: Vec<u32>) -> Blame {
        // All of the first `low` returns can be explained, and not all of the first `high`.
        let (mut low, mut high) = (0, self.returns.len());
        let (mut kept, mut halves) = (None, false);
        while high - low > 1 {
            if let Some((by_then, part)) = self.culprit_of(&evidence, high) {
                high = by_then.max(low + 1);
                kept = Some(part);
            }
            evidence.clear();
            if high - low == 1 {
                break;
            }
            // The culprit of the evidence may be the first of all. Where it is not, halves are tried as well, so that a
            // history that is wrong from the first to the last op takes no more than twice the usual bisection.
            let tried = if kept.is_some() && !halves {
                high - 1
            } else {
                low + (high - low) / 2
            };
            halves = !halves;
            let (part, positions) = self.until(0..self.ops.len() as u32, tried);
            match refute(self.model, &part, self.budget) {
                Ok(None) => low = tried,
                Ok(Some(found)) => {
                    high = tried;
                    kept = None;
                    evidence = found.iter().map(|at| positions[*at as usize]).collect();
                }
                Err(_) => break,
            }
        }
        Blame {
            culprit: self.returns[high - 1].1,
            is_first: high - low == 1,
            kept,
        }
    }

    /// How many have returned when the `evidence` and what must be kept with it cannot be explained any more, `high` at
    /// most; and those ops. `None` where they are many, or can be explained.
    fn culprit_of(&self, evidence: &[u32], high: usize) -> Option<(usize, Vec<u32>)> {
        if evidence.is_empty() {
            return None;
        }
        let part = self.with_groups(evidence);
        if part.len() * SMALLER > self.ops.len() {
            return None;
        }
        let of_part: FxHashSet<u32> = part.iter().copied().collect();
        let ranks = (1..=high).filter(|rank| of_part.contains(&self.returns[rank - 1].1));
        let ranks: Vec<usize> = ranks.collect();
        let explained = |rank: usize| {
            let (ops, _) = self.until(part.iter().copied(), rank);
            holds(self.model, &ops, self.budget).ok()
        };
        if explained(*ranks.last()?)? {
            return None;
        }
        let (mut low, mut high) = (0, ranks.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match explained(ranks[middle - 1])? {
                true => low = middle,
                false => high = middle,
            }
        }
        Some((ranks[high - 1], part))
    }

    /// These ops, and what may not be left out while they stay.
    fn with_groups(&self, evidence: &[u32]) -> Vec<u32> {
        let kept: FxHashSet<u32> = evidence.iter().copied().collect();
        let group = |at: &u32| self.model.group(&self.ops[*at as usize].op);
        let groups: FxHashSet<u32> = evidence.iter().filter_map(group).collect();
        let stays = |(at, op): &(u32, &TimedOp<M::Op>)| {
            let stays_with_others = || match self.model.group(&op.op) {
                Some(group) => groups.contains(&group),
                None => !self.model.is_pure(&op.op),
            };
            kept.contains(at) || stays_with_others()
        };
        (0..).zip(self.ops).filter(stays).map(|(at, _)| at).collect()
    }

    /// Of these ops those that had begun by the return of that rank, from 1 on, with their positions. Of those that
    /// returned at one moment the later ones count as not yet returned: so the one is found that matters.
    fn until(&self, ops: impl Iterator<Item = u32>, rank: usize) -> (Vec<TimedOp<M::Op>>, Vec<u32>) {
        let last = self.returns[rank - 1];
        let begun = ops.filter(|at| self.ops[*at as usize].start_ns <= last.0);
        let cut = |at: u32| {
            let op = &self.ops[at as usize];
            let end_ns = op.end_ns.filter(|end| (*end, at) <= last);
            (TimedOp { end_ns, ..op.clone() }, at)
        };
        begun.map(cut).unzip()
    }
}

/// Why `ops` have no linearization; `None` where they have one.
fn refute<M: Model>(model: &M, ops: &[TimedOp<M::Op>], budget: &Budget) -> Result<Option<Vec<u32>>, Spent> {
    match model.shortcut(ops, budget)? {
        Some(Shortcut::Linearizable(_)) => Ok(None),
        Some(Shortcut::NotLinearizable(evidence)) => Ok(Some(evidence)),
        None => Ok((!holds(model, ops, budget)?).then(Vec::new)),
    }
}
