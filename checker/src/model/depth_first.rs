//! The second opinion on models: a plain depth-first search (Wing and Gong 1993, with Lowe's memory of visited
//! configurations), written to be checked by eye. It shares nothing with the frontier but the model itself.

use rustc_hash::FxHashSet;

use super::{Model, TimedOp};
use crate::budget::{Budget, Spent};

/// Whether there is a linearization of `ops`.
pub(super) fn is_linearizable<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    budget: &Budget,
) -> Result<bool, Spent> {
    let mut visited: FxHashSet<(M::State, Box<[u64]>)> = FxHashSet::default();
    let start = (
        model.initial(),
        vec![0_u64; ops.len().div_ceil(64)].into_boxed_slice(),
    );
    let row_bytes = start.1.len() * 8 + 48;
    let (mut open, mut held) = (vec![start], 0);
    while let Some((state, done)) = open.pop() {
        // Each look at a configuration goes through all ops.
        budget.spend_steps(1 + ops.len() / 16, held)?;
        let is_done = |at: usize| done[at / 64] >> (at % 64) & 1 == 1;
        let required = (ops.iter().enumerate()).filter(|(at, op)| !is_done(*at) && op.end_ns.is_some());
        // None may start after this moment and come before the op that then returned.
        let Some(limit) = required.map(|(_, op)| op.end_ns).min().flatten() else {
            return Ok(true);
        };
        for (at, op) in ops.iter().enumerate() {
            if is_done(at) || op.start_ns > limit {
                continue;
            }
            let mut with = done.clone();
            with[at / 64] |= 1 << (at % 64);
            for after in model.step(&state, &op.op) {
                let configuration = (after, with.clone());
                if visited.insert(configuration.clone()) {
                    held += row_bytes + model.state_bytes(&configuration.0);
                    open.push(configuration);
                }
            }
        }
    }
    Ok(false)
}
