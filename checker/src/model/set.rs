//! A set: `add v`, `remove v`, `contains v` (true or false), and `read` of all elements. It is empty at first. Where
//! nobody reads all elements, each is an object of its own.

use super::lower::{
    BadCall, Named, Names, Object, Part, Symbols, answer, may_have_happened, no_such, objects, wrong_value,
};
use super::{Model, Shortcut, TimedOp, grow_only};
use crate::budget::{Budget, Spent};
use crate::call::{Call, Calls, Datum};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Add(u32),
    Remove(u32),
    Contains(u32, bool),
    /// All elements, in order.
    Read(Box<[u32]>),
}

pub(super) struct Set {
    names: Names,
}

impl Model for Set {
    /// In order.
    type State = Vec<u32>;
    type Op = Op;

    fn initial(&self) -> Vec<u32> {
        Vec::new()
    }

    fn step(&self, elements: &Vec<u32>, op: &Op) -> Vec<Vec<u32>> {
        match op {
            Op::Add(value) => {
                let mut more = elements.clone();
                if let Err(at) = more.binary_search(value) {
                    more.insert(at, *value);
                }
                vec![more]
            }
            Op::Remove(value) => {
                let mut less = elements.clone();
                if let Ok(at) = less.binary_search(value) {
                    less.remove(at);
                }
                vec![less]
            }
            Op::Contains(value, answer) if elements.binary_search(value).is_ok() == *answer => {
                vec![elements.clone()]
            }
            Op::Read(all) if **all == **elements => vec![elements.clone()],
            Op::Contains(..) | Op::Read(_) => vec![],
        }
    }

    fn is_pure(&self, op: &Op) -> bool {
        matches!(op, Op::Contains(..) | Op::Read(_))
    }

    fn shortcut(&self, ops: &[TimedOp<Op>], budget: &Budget) -> Result<Option<Shortcut>, Spent> {
        grow_only::decide(ops, budget)
    }

    fn state_bytes(&self, elements: &Vec<u32>) -> usize {
        size_of::<Vec<u32>>() + 4 * elements.len()
    }
}

impl Named for Set {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let is_read = |call: &Call| matches!(&*call.f, "read" | "read-all");
        let alone = !calls
            .calls
            .iter()
            .any(|call| is_read(call) && answer(call).is_some());
        let mut symbols = Symbols::new();
        let objects = objects(calls, |call| {
            let Some(op) = op(call, &mut symbols)? else {
                return Ok(None);
            };
            let key = match (&call.key, alone) {
                (key, false) => key.clone(),
                (None, true) => Some(call.argument.clone()),
                (Some(key), true) => Some(Datum::Vector(vec![key.clone(), call.argument.clone()])),
            };
            Ok(Some((key, op)))
        })?;
        let names = symbols.names();
        let part = |object: Object<Op>| object.by(Self { names: names.clone() });
        Ok(objects.into_iter().map(part).collect())
    }

    fn show(&self, elements: &Vec<u32>) -> String {
        format!("#{{{}}}", self.names.list(elements.iter().copied()))
    }
}

fn op(call: &Call, symbols: &mut Symbols) -> Result<Option<Op>, String> {
    Ok(match &*call.f {
        "add" if may_have_happened(call) => Some(Op::Add(symbols.number(&call.argument))),
        "remove" if may_have_happened(call) => Some(Op::Remove(symbols.number(&call.argument))),
        "add" | "remove" => None,
        "contains" => match answer(call) {
            Some(Datum::Bool(answer)) => Some(Op::Contains(symbols.number(&call.argument), *answer)),
            Some(other) => return Err(wrong_value(call, "true or false", other)),
            None => None,
        },
        "read" | "read-all" => match answer(call) {
            Some(Datum::Nil) => Some(Op::Read(Box::new([]))),
            Some(all) => {
                let elements = all
                    .elements()
                    .ok_or_else(|| wrong_value(call, "a collection", all))?;
                let mut elements: Vec<u32> =
                    elements.into_iter().map(|value| symbols.number(value)).collect();
                elements.sort_unstable();
                // A collection that says an element twice is still a set.
                elements.dedup();
                Some(Op::Read(elements.into()))
            }
            None => None,
        },
        _ => return Err(no_such("set", call, "add, remove, contains and read")),
    })
}
