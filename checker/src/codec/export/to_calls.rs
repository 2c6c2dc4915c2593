//! Registers as calls.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::call::{Call, Calls, Datum};
use crate::history::{Action, History, Op, Outcome, ProcessId, Value};

/// A history of registers as calls. Versions, nodes and read modes have no place there.
pub(super) fn to_calls(history: &History) -> Calls {
    let value = |value: Value| Datum::Int(value.0);
    let mut processes = Processes::new(history);
    let call = |op: &Op| {
        let (f, argument) = match op.action {
            Action::Read => ("read", Datum::Nil),
            Action::Write { value: written } => ("write", value(written)),
            Action::Cas { from, to } => ("cas", Datum::Vector(vec![value(from), value(to)])),
        };
        let answer = match (op.action, op.outcome) {
            (Action::Read, Outcome::Ok) => op.observed.flatten().map_or(Datum::Nil, value),
            _ => argument.clone(),
        };
        Call {
            process: Datum::Int(processes.number(op.process)),
            f: f.into(),
            key: Some(integer(op.key.0)),
            argument,
            answer: op.completed_ns.map(|_| answer),
            outcome: op.outcome,
            invoked_ns: op.invoked_ns,
            completed_ns: op.completed_ns,
            error: op.error.map(|code| Datum::Int(code.into())),
            events: (0, None),
        }
    };
    Calls {
        calls: history.ops.iter().map(call).collect(),
        has_times: true,
        ..Calls::default()
    }
}

/// An integer that may be beyond those of 64 bits with a sign.
fn integer(value: u64) -> Datum {
    i64::try_from(value).map_or_else(|_| Datum::Number(format!("{value}N").into()), Datum::Int)
}

/// The numbers of processes, as signed integers.
struct Processes {
    given: FxHashMap<ProcessId, i64>,
    taken: FxHashSet<i64>,
    next: i64,
}

impl Processes {
    fn new(history: &History) -> Self {
        let own = history
            .ops
            .iter()
            .filter_map(|op| i64::try_from(op.process.0).ok());
        Self {
            given: FxHashMap::default(),
            taken: own.collect(),
            next: 0,
        }
    }

    /// Its own number, or where that is too great one that no other has.
    fn number(&mut self, process: ProcessId) -> i64 {
        if let Ok(number) = i64::try_from(process.0) {
            return number;
        }
        *self.given.entry(process).or_insert_with(|| {
            while !self.taken.insert(self.next) {
                self.next += 1;
            }
            self.next
        })
    }
}
