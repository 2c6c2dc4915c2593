//! Shrinks histories that are not linearizable, by what a linearizable one can always spare: pure ops, whole groups
//! (see [`Model::group`]), and whatever was invoked after the culprit returned, since linearizability is closed under
//! prefixes (Herlihy and Wing 1990, section 3).

use std::time::Duration;

use super::check::holds;
use super::culprit::Blame;
use super::{Model, TimedOp, depth_first};
use crate::budget::{Budget, Spent};

/// Memory for one look at a candidate.
const MEMORY_BYTES: usize = 256 << 20;
/// How long the second algorithm may look at what stays.
const VERIFY_TIME: Duration = Duration::from_secs(5);

/// Ops, by their positions, that are not linearizable.
pub(super) struct Shrunk {
    pub(super) ops: Vec<u32>,
    /// The limit that was reached before nothing more could be left out.
    pub(super) spent: Option<Spent>,
    pub(super) verified: bool,
}

/// Shrinks `ops`, of which `blame` is known, within `limits`, and has a second algorithm look at what is left, within
/// those of `budget`. `None` if that finds it linearizable.
pub(super) fn shrink<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    blame: &Blame,
    limits: &Budget,
    budget: &Budget,
) -> Option<Shrunk> {
    let end = ops[blame.culprit as usize].end_ns.unwrap_or(u64::MAX);
    let is_in_time = |at: &u32| ops[*at as usize].start_ns <= end;
    let kept = match &blame.kept {
        Some(kept) => kept.iter().copied().filter(is_in_time).collect(),
        None => (0..ops.len() as u32).filter(is_in_time).collect(),
    };
    let mut shrinker = Shrinker {
        model,
        ops,
        end,
        kept,
        limits: limits.clone().of_bytes(MEMORY_BYTES),
        spent: None,
    };
    let mut before = usize::MAX;
    while shrinker.kept.len() < before && shrinker.spent.is_none() {
        before = shrinker.kept.len();
        shrinker.spare(|op| model.is_pure(op).then_some(None));
        shrinker.spare(|op| model.group(op).map(Some));
    }
    let budget = budget.within(VERIFY_TIME).of_bytes(MEMORY_BYTES);
    let part = shrinker.part(&shrinker.kept);
    let second = depth_first::is_linearizable(model, &part, &budget);
    (second != Ok(true)).then(|| Shrunk {
        verified: second == Ok(false),
        spent: shrinker.spent,
        ops: shrinker.kept,
    })
}

struct Shrinker<'a, M: Model> {
    model: &'a M,
    ops: &'a [TimedOp<M::Op>],
    /// Ops that returned later count as of unknown outcome.
    end: u64,
    kept: Vec<u32>,
    limits: Budget,
    spent: Option<Spent>,
}

impl<M: Model> Shrinker<'_, M> {
    /// Leaves out what it can of the ops for which `unit` tells something: those of one group together, or each on
    /// its own; in ever smaller bunches (Zeller and Hildebrandt's ddmin, TSE 2002).
    fn spare(&mut self, unit: impl Fn(&M::Op) -> Option<Option<u32>>) {
        let mut units: Vec<(u64, u32)> = (self.kept.iter())
            .filter_map(|at| {
                let unit = unit(&self.ops[*at as usize].op)?;
                Some((unit.map_or(u64::from(*at) << 32, u64::from), *at))
            })
            .collect();
        units.sort_unstable();
        let mut units: Vec<Vec<u32>> = units
            .chunk_by(|a, b| a.0 == b.0)
            .map(|unit| unit.iter().map(|(_, at)| *at).collect())
            .collect();
        let mut bunch = units.len().div_ceil(2);
        while bunch > 0 {
            let mut stay = Vec::new();
            for part in units.chunks(bunch) {
                if self.spent.is_some() {
                    return;
                }
                if !self.try_without(part) {
                    stay.extend_from_slice(part);
                }
            }
            units = stay;
            bunch = if bunch == 1 { 0 } else { bunch.div_ceil(2) };
        }
    }

    fn try_without(&mut self, units: &[Vec<u32>]) -> bool {
        if let Err(spent) = self.limits.spend_steps(self.kept.len(), 0) {
            self.spent = Some(spent);
            return false;
        }
        let mut spared: Vec<u32> = units.concat();
        spared.sort_unstable();
        let kept: Vec<u32> = (self.kept.iter().copied())
            .filter(|at| spared.binary_search(at).is_err())
            .collect();
        match holds(self.model, &self.part(&kept), &self.limits) {
            Ok(false) => {
                self.kept = kept;
                true
            }
            Ok(true) => false,
            Err(spent) => {
                self.spent = Some(spent);
                false
            }
        }
    }

    fn part(&self, kept: &[u32]) -> Vec<TimedOp<M::Op>> {
        let op = |at: &u32| {
            let mut op = self.ops[*at as usize].clone();
            op.end_ns = op.end_ns.filter(|end| *end <= self.end);
            op
        };
        kept.iter().map(op).collect()
    }
}
