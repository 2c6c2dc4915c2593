//! The validator's own search: all linearizations, one op after the other (Wing and Gong, "Testing and verifying
//! concurrent objects", JPDC 1993), without looking twice at the same ops done and the same state.

use std::collections::HashSet;

use crate::model::{Model, TimedOp};

/// So much memory at most, in bytes, may go into what was looked at.
const BYTES_MAX: usize = 512 << 20;
/// What an entry takes beside its state and its ops.
const ENTRY_BYTES: usize = 64;

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Searched {
    /// There is a linearization.
    Found,
    /// There is none.
    None,
    /// The bound was reached.
    TooMuch,
}

/// Looks for a linearization of `ops`.
pub(crate) fn search<M: Model>(model: &M, ops: &[TimedOp<M::Op>]) -> Searched {
    let none_done = vec![0_u64; ops.len().div_ceil(64)];
    let mut seen: HashSet<(M::State, Vec<u64>)> = HashSet::new();
    let mut to_do = vec![(model.initial(), none_done)];
    let mut bytes = 0;
    while let Some((state, done)) = to_do.pop() {
        if bytes > BYTES_MAX {
            return Searched::TooMuch;
        }
        let is_open = |at: usize| done[at / 64] & (1 << (at % 64)) == 0;
        // The first return of all ops that must still come: what was invoked later cannot come before that one.
        let open_ends = (0..ops.len())
            .filter(|at| is_open(*at))
            .filter_map(|at| ops[at].end_ns);
        let Some(first_return) = open_ends.min() else {
            return Searched::Found;
        };
        for at in (0..ops.len()).filter(|at| is_open(*at) && ops[*at].start_ns <= first_return) {
            for after in model.step(&state, &ops[at].op) {
                let mut done = done.clone();
                done[at / 64] |= 1 << (at % 64);
                let size = ENTRY_BYTES + 2 * (8 * done.len() + model.state_bytes(&after));
                if seen.insert((after.clone(), done.clone())) {
                    bytes += size;
                    to_do.push((after, done));
                }
            }
        }
    }
    Searched::None
}
