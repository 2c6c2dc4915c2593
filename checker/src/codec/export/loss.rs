//! What a format cannot hold of a history.

use std::fmt;

use super::native;
use crate::call::{Call, Calls, Datum};
use crate::codec::Format;
use crate::history::{Action, History, Op, Outcome};

/// Something that a history has and the format that it was written in has no place for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What, in the plural.
    pub what: &'static str,
    /// Of how many ops, or of how many events where it is about these.
    pub count: usize,
}

/// `the versions of 12 ops`.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.count == 1 { "" } else { "s" };
        write!(f, "{} of {} op{s}", self.what, self.count)
    }
}

fn losses<const N: usize>(counts: [(&'static str, usize); N]) -> Vec<Loss> {
    let lost = counts.into_iter().filter(|(_, count)| *count > 0);
    lost.map(|(what, count)| Loss { what, count }).collect()
}

/// What calls have no place for.
pub(super) fn of_history(history: &History) -> Vec<Loss> {
    let count = |is: fn(&Op) -> bool| history.ops.iter().filter(|op| is(op)).count();
    let too_great = |op: &Op| op.completed_ns.unwrap_or(op.invoked_ns) > i64::MAX as u64;
    losses([
        ("the versions", count(|op| op.version.is_some())),
        ("the read modes", count(|op| op.read_mode.is_some())),
        (
            "the nodes",
            count(|op| op.node.is_some() || op.served_by.is_some()),
        ),
        ("the terms", count(|op| op.term.is_some())),
        (
            "the values found by failed cas",
            count(|op| op.action != Action::Read && op.observed.is_some()),
        ),
        (
            "the meaning of the error 22 (the compare failed)",
            count(|op| matches!(op.action, Action::Cas { .. }) && op.error == Some(22)),
        ),
        (
            "the numbers of processes beyond 63 bits",
            count(|op| op.process.0 > i64::MAX as u64),
        ),
        ("the times beyond 63 bits", count(too_great)),
    ])
}

/// What EDN or JSON have no place for.
pub(super) fn of_calls(calls: &Calls, format: Format) -> Vec<Loss> {
    let count = |is: &dyn Fn(&Call) -> bool| calls.calls.iter().filter(|call| is(call)).count();
    let failed_cas =
        |call: &Call| calls.failed_cas_answers && &*call.f == "cas" && call.outcome == Outcome::Fail;
    let is_json = format == Format::ElleJson;
    let kinds = |call: &Call| {
        let values = [
            call.key.as_ref(),
            Some(&call.argument),
            call.answer.as_ref(),
            call.error.as_ref(),
        ];
        is_json && values.into_iter().flatten().any(has_other_kind)
    };
    losses([
        (
            "the meaning of a failure (the compare failed)",
            count(&failed_cas),
        ),
        (
            "the kinds of values (JSON knows keywords and symbols only as strings, lists and sets only as arrays)",
            count(&kinds),
        ),
    ])
}

/// What the native format has no place for.
pub(super) fn to_native(calls: &Calls, ops: &[Op]) -> Vec<Loss> {
    let count = |is: fn(&Call) -> bool| calls.calls.iter().filter(|call| is(call)).count();
    let other_answer = |call: &Call| {
        let is_read = matches!(&*call.f, "read" | "r") && call.outcome == Outcome::Ok;
        !is_read
            && call
                .answer
                .as_ref()
                .is_some_and(|answer| *answer != call.argument && *answer != Datum::Nil)
    };
    let untimed = if calls.has_times { 0 } else { calls.calls.len() };
    losses([
        ("the errors", count(|call| call.error.is_some())),
        (
            "the values of completions that tell nothing of the register",
            count(other_answer),
        ),
        (
            "the names of processes that went on after an op of unknown outcome",
            native::renamed(ops),
        ),
        ("the lack of times (events are counted as nanoseconds)", untimed),
        (
            "the events of the fault injector, which come to those",
            calls.nemesis.len(),
        ),
    ])
}

/// Whether JSON has no such value.
fn has_other_kind(value: &Datum) -> bool {
    match value {
        Datum::Nil | Datum::Bool(_) | Datum::Int(_) | Datum::Str(_) => false,
        Datum::Number(text) => serde_json::from_str::<serde_json::Number>(text)
            .map_or(true, |number| number.to_string() != **text),
        Datum::Vector(items) => items.iter().any(has_other_kind),
        Datum::Map(entries) => {
            let is_other =
                |(key, value): &(Datum, Datum)| !matches!(key, Datum::Str(_)) || has_other_kind(value);
            entries.iter().any(is_other)
        }
        Datum::Keyword(_)
        | Datum::Symbol(_)
        | Datum::Char(_)
        | Datum::List(_)
        | Datum::Set(_)
        | Datum::Tagged(..) => true,
    }
}
