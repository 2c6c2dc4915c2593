//! A register whose values are of any kind, with read, write and compare-and-set. It is nil at first.

use super::Model;
use super::lower::{BadCall, Named, Names, Part, Symbols, answer, may_have_happened, no_such, objects, pair};
use crate::call::{Call, Calls};
use crate::history::Outcome;

/// What an op does to the register. Values are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Read(u32),
    Write(u32),
    Cas {
        from: u32,
        to: u32,
    },
    /// A cas that failed, since the register held something else.
    NotHeld(u32),
}

pub(super) struct Register {
    names: Names,
    /// Where there is no cas, nothing ties one value to another.
    values_stand_alone: bool,
}

impl Model for Register {
    type State = u32;
    type Op = Op;

    fn initial(&self) -> u32 {
        0
    }

    fn step(&self, held: &u32, op: &Op) -> Vec<u32> {
        match *op {
            Op::Write(value) => vec![value],
            Op::Read(value) if value == *held => vec![value],
            Op::Cas { from, to } if from == *held => vec![to],
            Op::NotHeld(value) if value != *held => vec![*held],
            Op::Read(_) | Op::Cas { .. } | Op::NotHeld(_) => vec![],
        }
    }

    fn is_pure(&self, op: &Op) -> bool {
        matches!(op, Op::Read(_) | Op::NotHeld(_))
    }

    fn overwrites(&self, op: &Op) -> bool {
        matches!(op, Op::Write(_))
    }

    fn group(&self, op: &Op) -> Option<u32> {
        match op {
            Op::Read(value) | Op::Write(value) if self.values_stand_alone && *value > 0 => Some(*value),
            _ => None,
        }
    }
}

impl Named for Register {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let mut symbols = Symbols::new();
        let objects = objects(calls, |call| {
            Ok(op(call, calls.failed_cas_answers, &mut symbols)?.map(|op| (call.key.clone(), op)))
        })?;
        let names = symbols.names();
        let part = |object: super::lower::Object<Op>| {
            let plain = |op: &super::TimedOp<Op>| matches!(op.op, Op::Read(_) | Op::Write(_));
            let model = Self {
                names: names.clone(),
                values_stand_alone: object.ops.iter().all(plain),
            };
            object.by(model)
        };
        Ok(objects.into_iter().map(part).collect())
    }

    fn show(&self, held: &u32) -> String {
        self.names.of(*held).to_string()
    }
}

fn op(call: &Call, failed_cas_answers: bool, symbols: &mut Symbols) -> Result<Option<Op>, String> {
    match &*call.f {
        "read" | "r" => Ok(answer(call).map(|value| Op::Read(symbols.number(value)))),
        "write" | "w" => Ok(may_have_happened(call).then(|| Op::Write(symbols.number(&call.argument)))),
        "cas" => {
            let (from, to) = pair(call, &call.argument, "a pair, [from to]")?;
            let (from, to) = (symbols.number(from), symbols.number(to));
            Ok(match call.outcome {
                Outcome::Fail if failed_cas_answers => Some(Op::NotHeld(from)),
                Outcome::Fail => None,
                Outcome::Ok | Outcome::Info => Some(Op::Cas { from, to }),
            })
        }
        _ => Err(no_such("cas-register", call, "read, write and cas")),
    }
}
