//! Linearizability by trying all orders of all subsets, straight from the definition (Herlihy and Wing 1990) and
//! from whole ops: it shares nothing with the algorithms, not even the lowering.

use crate::history::{Action, Op, Outcome, Value};

/// Whether some order of `ops`, all on one key, respects real time and is what a register would answer.
pub(crate) fn is_linearizable(ops: &[Op]) -> bool {
    let relevant: Vec<&Op> = ops.iter().filter(|op| demands(op) || may_act(op)).collect();
    extend(&relevant, &mut vec![false; relevant.len()], None)
}

/// It must be in the order.
fn demands(op: &Op) -> bool {
    match (op.action, op.outcome) {
        (Action::Read, Outcome::Ok) => op.observed.is_some(),
        (_, Outcome::Ok) => true,
        (Action::Cas { .. }, Outcome::Fail) => op.observed.is_some() || op.error == Some(22),
        _ => false,
    }
}

/// It may be in the order.
fn may_act(op: &Op) -> bool {
    op.outcome == Outcome::Info && op.action != Action::Read
}

fn extend(ops: &[&Op], placed: &mut [bool], held: Option<Value>) -> bool {
    if ops
        .iter()
        .zip(&*placed)
        .all(|(op, placed)| *placed || !demands(op))
    {
        return true;
    }
    for i in 0..ops.len() {
        let preceded =
            |j: usize| !placed[j] && demands(ops[j]) && ops[j].completed_ns < Some(ops[i].invoked_ns);
        if placed[i] || (0..ops.len()).any(preceded) {
            continue;
        }
        if let Some(after) = answer(ops[i], held) {
            placed[i] = true;
            let found = extend(ops, placed, after);
            placed[i] = false;
            if found {
                return true;
            }
        }
    }
    false
}

/// What a register that holds `held` holds after `op`, if it would answer so.
#[expect(clippy::option_option, reason = "the inner one is nil")]
fn answer(op: &Op, held: Option<Value>) -> Option<Option<Value>> {
    match (op.action, op.outcome) {
        (Action::Read, _) => (op.observed == Some(held)).then_some(held),
        (Action::Write { value }, _) => Some(Some(value)),
        (Action::Cas { from, to }, Outcome::Ok | Outcome::Info) => (held == Some(from)).then_some(Some(to)),
        (Action::Cas { from, .. }, Outcome::Fail) => {
            let found = op.observed.is_none_or(|found| found == held);
            (held != Some(from) && found).then_some(held)
        }
    }
}

/// Whether some order of `ops`, all on one key, respects real time, and is what a register would answer whose reads
/// may return any of its last `k` values (Golab, Li and Shah 2011). Nil is the first of them.
pub(crate) fn is_k_atomic(ops: &[Op], k: usize) -> bool {
    let relevant: Vec<&Op> = ops.iter().filter(|op| demands(op) || may_act(op)).collect();
    extend_k(&relevant, &mut vec![false; relevant.len()], &mut vec![None], k)
}

/// As [`extend`]; `values` are all that the register held, the newest last.
fn extend_k(ops: &[&Op], placed: &mut [bool], values: &mut Vec<Option<Value>>, k: usize) -> bool {
    if (0..ops.len()).all(|i| placed[i] || !demands(ops[i])) {
        return true;
    }
    for i in 0..ops.len() {
        let preceded =
            |j: usize| !placed[j] && demands(ops[j]) && ops[j].completed_ns < Some(ops[i].invoked_ns);
        if placed[i] || (0..ops.len()).any(preceded) {
            continue;
        }
        let before = values.len();
        let held = values[before - 1];
        let fits = if ops[i].action == Action::Read {
            values.iter().rev().take(k).any(|v| ops[i].observed == Some(*v))
        } else {
            match answer(ops[i], held) {
                Some(after) if may_act(ops[i]) || ops[i].outcome == Outcome::Ok => {
                    if after != held {
                        values.push(after);
                    }
                    true
                }
                found => found.is_some(),
            }
        };
        if fits {
            placed[i] = true;
            let found = extend_k(ops, placed, values, k);
            placed[i] = false;
            values.truncate(before);
            if found {
                return true;
            }
        }
    }
    false
}
