//! Shrinks histories that are not linearizable, by what a linearizable one can always spare: pure ops, whole groups
//! (see [`Model::group`]), and whatever was invoked after the culprit returned, since linearizability is closed under
//! prefixes (Herlihy and Wing 1990, section 3).

use std::time::{Duration, Instant};

use super::check::holds;
use super::{Model, TimedOp, depth_first};
use crate::budget::Budget;

/// Memory for one look at a candidate.
const MEMORY_BYTES: usize = 256 << 20;
/// How long the second algorithm may look at what stays.
const VERIFY_TIME: Duration = Duration::from_secs(5);

/// Ops, by their positions, that are not linearizable.
pub(super) struct Shrunk {
    pub(super) ops: Vec<u32>,
    pub(super) minimal: bool,
    pub(super) verified: bool,
}

/// Shrinks `ops`, which get stuck at `culprit`, for `limit` at most. `None` if a second algorithm finds what is left
/// linearizable.
pub(super) fn shrink<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    culprit: u32,
    limit: Duration,
) -> Option<Shrunk> {
    let end = ops[culprit as usize].end_ns.unwrap_or(u64::MAX);
    let positions = (0..).zip(ops).filter(|(_, op)| op.start_ns <= end);
    let mut shrinker = Shrinker {
        model,
        ops,
        end,
        kept: positions.map(|(at, _)| at).collect(),
        deadline: Instant::now() + limit,
        out_of_time: false,
    };
    let mut before = usize::MAX;
    while shrinker.kept.len() < before && !shrinker.out_of_time {
        before = shrinker.kept.len();
        shrinker.spare(|op| model.is_pure(op).then_some(None));
        shrinker.spare(|op| model.group(op).map(Some));
    }
    let budget = Budget::new(Some(Instant::now() + VERIFY_TIME), MEMORY_BYTES);
    let part = shrinker.part(&shrinker.kept);
    let second = depth_first::is_linearizable(model, &part, &budget);
    (second != Ok(true)).then(|| Shrunk {
        verified: second == Ok(false),
        minimal: !shrinker.out_of_time,
        ops: shrinker.kept,
    })
}

struct Shrinker<'a, M: Model> {
    model: &'a M,
    ops: &'a [TimedOp<M::Op>],
    /// Ops that returned later count as of unknown outcome.
    end: u64,
    kept: Vec<u32>,
    deadline: Instant,
    out_of_time: bool,
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
                if self.out_of_time {
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
        let mut spared: Vec<u32> = units.concat();
        spared.sort_unstable();
        let kept: Vec<u32> = (self.kept.iter().copied())
            .filter(|at| spared.binary_search(at).is_err())
            .collect();
        let budget = Budget::new(Some(self.deadline), MEMORY_BYTES);
        match holds(self.model, &self.part(&kept), &budget) {
            Ok(false) => {
                self.kept = kept;
                true
            }
            Ok(true) => false,
            Err(_) => {
                self.out_of_time = true;
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
