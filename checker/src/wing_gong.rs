//! A plain depth-first search for a linearization: Wing and Gong, "Testing and verifying concurrent objects"
//! (JPDC 1993), with the memory of visited configurations that Lowe added (2017, section 3).
//!
//! It is the second opinion on counterexamples, which are small. So it shares nothing with the other algorithms
//! but the lowered ops, and is written to be checked by eye rather than to be fast.

use rustc_hash::FxHashSet;

use crate::budget::{Budget, Spent};
use crate::lower::{Effect, KeyOps, NIL};

/// Whether there is a linearization.
pub(crate) fn is_linearizable(key: &KeyOps, budget: &Budget) -> Result<bool, Spent> {
    let words = key.ops.len().div_ceil(64);
    let mut done = vec![0_u64; words];
    let mut visited: FxHashSet<(u32, Box<[u64]>)> = FxHashSet::default();
    let mut path = vec![Frame {
        value: NIL,
        chosen: None,
        next: 0,
        limit: first_end(key, &done),
    }];
    while let Some(frame) = path.last_mut() {
        // Each step goes through all ops.
        budget.spend_steps(1 + key.ops.len() / 16, visited.len() * (words * 8 + 24))?;
        if frame.limit.is_none() {
            return Ok(true);
        }
        match frame.advance(key, &done) {
            Some((op, value)) => {
                done[op / 64] |= 1 << (op % 64);
                if visited.insert((value, done.clone().into_boxed_slice())) {
                    path.push(Frame {
                        value,
                        chosen: Some(op),
                        next: 0,
                        limit: first_end(key, &done),
                    });
                } else {
                    done[op / 64] &= !(1 << (op % 64));
                }
            }
            None => {
                if let Some(op) = frame.chosen {
                    done[op / 64] &= !(1 << (op % 64));
                }
                path.pop();
            }
        }
    }
    Ok(false)
}

struct Frame {
    value: u32,
    /// The op that led here.
    chosen: Option<usize>,
    /// The first op not yet tried from here.
    next: usize,
    /// The first end of all ops that still have to be linearized: none may start after it and come before them.
    limit: Option<u64>,
}

impl Frame {
    /// The next op that can come here, and the value after it.
    fn advance(&mut self, key: &KeyOps, done: &[u64]) -> Option<(usize, u32)> {
        let limit = self.limit?;
        while let Some(op) = key.ops.get(self.next) {
            let at = self.next;
            self.next += 1;
            if op.start > limit {
                self.next = key.ops.len();
                return None;
            }
            if done[at / 64] >> (at % 64) & 1 == 1 {
                continue;
            }
            if let Some(value) = apply(self.value, op.effect) {
                return Some((at, value));
            }
        }
        None
    }
}

fn first_end(key: &KeyOps, done: &[u64]) -> Option<u64> {
    let open = key
        .ops
        .iter()
        .enumerate()
        .filter(|(i, op)| !op.is_optional() && done[i / 64] >> (i % 64) & 1 == 0);
    open.map(|(_, op)| op.end).min()
}

fn apply(held: u32, effect: Effect) -> Option<u32> {
    match effect {
        Effect::Write(value) => Some(value),
        Effect::Read(value) if value == held => Some(held),
        Effect::Cas { from, to } if from == held => Some(to),
        Effect::NotHeld(value) if value != held => Some(held),
        Effect::Read(_) | Effect::Cas { .. } | Effect::NotHeld(_) | Effect::Never => None,
    }
}
