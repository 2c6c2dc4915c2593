//! A counter: `add n`, `increment`, `decrement`, and `read`. It is 0 at first.

use super::Model;
use super::lower::{BadCall, Named, Part, answer, int, may_have_happened, no_such, objects};
use crate::call::{Call, Calls, Datum};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Add(i64),
    Read(i64),
}

pub(super) struct Counter;

impl Model for Counter {
    type State = i64;
    type Op = Op;

    fn initial(&self) -> i64 {
        0
    }

    fn step(&self, count: &i64, op: &Op) -> Vec<i64> {
        match op {
            Op::Add(more) => vec![count.wrapping_add(*more)],
            Op::Read(seen) if seen == count => vec![*count],
            Op::Read(_) => vec![],
        }
    }

    fn is_pure(&self, op: &Op) -> bool {
        matches!(op, Op::Read(_) | Op::Add(0))
    }
}

impl Named for Counter {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let objects = objects(calls, |call| Ok(op(call)?.map(|op| (call.key.clone(), op))))?;
        Ok(objects.into_iter().map(|object| object.by(Self)).collect())
    }

    fn show(&self, count: &i64) -> String {
        count.to_string()
    }
}

fn op(call: &Call) -> Result<Option<Op>, String> {
    let by = |default: i64| match &call.argument {
        Datum::Nil => Ok(default),
        value => int(call, value).map(|n| n.wrapping_mul(default)),
    };
    Ok(match &*call.f {
        "read" => match answer(call) {
            Some(value) => Some(Op::Read(int(call, value)?)),
            None => None,
        },
        "add" | "inc" | "increment" if may_have_happened(call) => Some(Op::Add(by(1)?)),
        "dec" | "decrement" if may_have_happened(call) => Some(Op::Add(by(-1)?)),
        "add" | "inc" | "increment" | "dec" | "decrement" => None,
        _ => return Err(no_such("counter", call, "add, increment, decrement and read")),
    })
}
