//! The validator's own search: all linearizations, one op after the other (Wing and Gong, "Testing and verifying
//! concurrent objects", JPDC 1993), without looking twice at the same ops done and the same state.

use std::collections::HashSet;

use crate::model::{Model, TimedOp};

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

/// Looks for a linearization of `ops`, until what was looked at takes more than `bytes_max`.
pub(crate) fn search<M: Model>(model: &M, ops: &[TimedOp<M::Op>], bytes_max: usize) -> Searched {
    let none_done = vec![0_u64; ops.len().div_ceil(64)];
    let mut seen: HashSet<(M::State, Vec<u64>)> = HashSet::new();
    let mut to_do = vec![(model.initial(), none_done)];
    let mut bytes = 0;
    while let Some((state, done)) = to_do.pop() {
        if bytes > bytes_max {
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

#[cfg(test)]
mod tests {
    use super::{Searched, search};
    use crate::model::{Model, TimedOp};

    /// A counter, which may be added to at will, and read.
    struct Sum;

    #[derive(Clone, PartialEq, Eq, Hash)]
    enum Op {
        Add(u32),
        Read(u32),
    }

    impl Model for Sum {
        type State = u32;
        type Op = Op;

        fn initial(&self) -> u32 {
            0
        }

        fn step(&self, sum: &u32, op: &Op) -> Vec<u32> {
            match op {
                Op::Add(more) => vec![sum + more],
                Op::Read(seen) => (seen == sum).then_some(*sum).into_iter().collect(),
            }
        }
    }

    #[test]
    fn a_search_ends_by_an_answer_or_at_its_bound() {
        let op = |op, start_ns, end_ns| TimedOp { op, start_ns, end_ns };
        // Sixteen ops of unknown outcome, any of which may have happened: 2^16 sums, none of them the one seen.
        let adds = (0..16).map(|bit| op(Op::Add(2 << bit), 0, None));
        let mut ops: Vec<TimedOp<Op>> = adds.collect();
        ops.push(op(Op::Read(1), 5, Some(9)));
        assert_eq!(search(&Sum, &ops, 1 << 16), Searched::TooMuch);
        assert_eq!(search(&Sum, &ops, usize::MAX), Searched::None);
        ops[16].op = Op::Read(6);
        assert_eq!(search(&Sum, &ops, usize::MAX), Searched::Found);
        // What is added only after the read has returned cannot be what it saw.
        ops[0].start_ns = 10;
        assert_eq!(search(&Sum, &ops, usize::MAX), Searched::None);
    }
}
