//! Calls of registers as a [`History`], which the fast algorithms and the prose of registers are for.

use crate::call::{Call, Calls, Datum};
use crate::history::{Action, History, Key, Op, OpIndex, Outcome, ProcessId, Value};

/// "Precondition failed": what a cas fails with that says that the register held something else.
const PRECONDITION_FAILED: u16 = 22;

/// The history of registers that these calls are; `None` where it is none, or where keys or values are not integers.
/// Its ops have the positions of the calls.
#[must_use]
pub fn to_registers(calls: &Calls) -> Option<History> {
    let ops = calls.calls.iter().map(|call| op(call, calls.failed_cas_answers));
    Some(History {
        ops: ops.collect::<Option<_>>()?,
        origin: Vec::<OpIndex>::new(),
        read_modes: Vec::new(),
        nodes: Vec::new(),
        is_untimed: !calls.has_times,
    })
}

/// The op of a register that a call is, if it is one.
pub(super) fn op(call: &Call, failed_cas_answers: bool) -> Option<Op> {
    let int = |value: &Datum| value.as_int().map(Value);
    let action = match &*call.f {
        "read" | "r" => Action::Read,
        "write" | "w" => Action::Write {
            value: int(&call.argument)?,
        },
        "cas" => match call.argument.elements().as_deref() {
            Some([from, to]) => Action::Cas {
                from: int(from)?,
                to: int(to)?,
            },
            _ => return None,
        },
        _ => return None,
    };
    let observed = match (action, call.outcome, call.answer.as_ref()) {
        (Action::Read, Outcome::Ok, None | Some(Datum::Nil)) => Some(None),
        (Action::Read, Outcome::Ok, Some(value)) => Some(Some(int(value)?)),
        _ => None,
    };
    let key = match &call.key {
        None => 0,
        Some(key) => u64::try_from(key.as_int()?).ok()?,
    };
    let is_answer =
        failed_cas_answers && matches!(action, Action::Cas { .. }) && call.outcome == Outcome::Fail;
    Some(Op {
        process: ProcessId(u64::try_from(call.process.as_int()?).ok()?),
        key: Key(key),
        action,
        outcome: call.outcome,
        invoked_ns: call.invoked_ns,
        completed_ns: call.completed_ns,
        observed,
        version: None,
        read_mode: None,
        node: None,
        served_by: None,
        term: None,
        error: is_answer.then_some(PRECONDITION_FAILED),
    })
}
