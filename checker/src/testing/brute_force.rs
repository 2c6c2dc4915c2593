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
