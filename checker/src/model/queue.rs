//! Queues: `enqueue v` and `dequeue`, which returns an element, or nil from an empty queue. The plain queue returns
//! elements in any order, the fifo queue in the order of their insertion, the stack (`push`, `pop`) in the reverse.

use std::marker::PhantomData;

use super::collection::{self, Action};
use super::lower::{
    BadCall, Named, Names, Object, Part, Symbols, answer, may_have_happened, no_such, objects,
};
use super::{Model, Shortcut, TimedOp};
use crate::call::{Call, Calls, Datum};
use crate::lower::NEVER;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Insert(u32),
    Remove(u32),
    /// Nobody knows what it removed, if anything.
    RemoveSome,
    Empty,
}

/// Which element is removed.
pub(super) trait Discipline: Send + Sync {
    const NAME: &'static str;
    /// The positions of the elements that may be removed from `len` many.
    fn next(len: usize) -> std::ops::Range<usize>;
    /// Whether the order of elements matters.
    const IS_ORDERED: bool;
    /// Whether unique elements can be judged without a search, and if so, whether as those of a queue.
    const AS_QUEUE: Option<bool>;
}

/// In any order.
pub(super) struct Any;
/// First in, first out.
pub(super) struct First;
/// Last in, first out.
pub(super) struct Last;

impl Discipline for Any {
    const NAME: &'static str = "queue";
    const IS_ORDERED: bool = false;
    const AS_QUEUE: Option<bool> = Some(false);
    fn next(len: usize) -> std::ops::Range<usize> {
        0..len
    }
}

impl Discipline for First {
    const NAME: &'static str = "fifo-queue";
    const IS_ORDERED: bool = true;
    const AS_QUEUE: Option<bool> = Some(true);
    fn next(len: usize) -> std::ops::Range<usize> {
        0..len.min(1)
    }
}

impl Discipline for Last {
    const NAME: &'static str = "stack";
    const IS_ORDERED: bool = true;
    const AS_QUEUE: Option<bool> = None;
    fn next(len: usize) -> std::ops::Range<usize> {
        len.saturating_sub(1)..len
    }
}

pub(super) struct Queue<D> {
    names: Names,
    /// Where it is known what every removal removed, nothing ties one value to another.
    values_stand_alone: bool,
    discipline: PhantomData<D>,
}

impl<D: Discipline> Model for Queue<D> {
    type State = Vec<u32>;
    type Op = Op;

    fn initial(&self) -> Vec<u32> {
        Vec::new()
    }

    fn step(&self, elements: &Vec<u32>, op: &Op) -> Vec<Vec<u32>> {
        let without = |at: usize| {
            let mut rest = elements.clone();
            rest.remove(at);
            rest
        };
        match *op {
            Op::Insert(value) => {
                let mut more = elements.clone();
                let at = if D::IS_ORDERED {
                    more.len()
                } else {
                    more.partition_point(|other| *other < value)
                };
                more.insert(at, value);
                vec![more]
            }
            Op::Remove(value) => {
                let mut next = D::next(elements.len());
                let at = next.find(|at| elements[*at] == value);
                at.map(without).into_iter().collect()
            }
            Op::RemoveSome => D::next(elements.len())
                .filter(|at| D::IS_ORDERED || *at == 0 || elements[*at - 1] != elements[*at])
                .map(without)
                .collect(),
            Op::Empty if elements.is_empty() => vec![Vec::new()],
            Op::Empty => vec![],
        }
    }

    fn is_pure(&self, op: &Op) -> bool {
        *op == Op::Empty
    }

    fn shortcut(&self, ops: &[TimedOp<Op>]) -> Option<Shortcut> {
        let is_queue = D::AS_QUEUE?;
        let timed = ops.iter().map(|op| collection::Timed {
            action: match op.op {
                Op::Insert(value) => Action::Insert(value),
                Op::Remove(value) => Action::Remove(value),
                Op::RemoveSome => Action::RemoveSome,
                Op::Empty => Action::Empty,
            },
            start: op.start_ns,
            end: op.end_ns.unwrap_or(NEVER),
        });
        collection::decide(&timed.collect::<Vec<_>>(), is_queue)
    }

    fn group(&self, op: &Op) -> Option<u32> {
        match op {
            Op::Insert(value) | Op::Remove(value) if self.values_stand_alone => Some(*value),
            _ => None,
        }
    }

    fn state_bytes(&self, elements: &Vec<u32>) -> usize {
        size_of::<Vec<u32>>() + 4 * elements.len()
    }
}

impl<D: Discipline> Named for Queue<D> {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        // Where nobody finds a bag empty, each of its values is an object of its own; and to remove an unknown one
        // helps nobody.
        let alone = D::AS_QUEUE == Some(false) && !calls.calls.iter().any(finds_nothing);
        let mut symbols = Symbols::new();
        let objects = objects(calls, |call| {
            let Some(op) = op::<D>(call, &mut symbols)? else {
                return Ok(None);
            };
            let value = match op {
                Op::RemoveSome if alone => return Ok(None),
                Op::Insert(_) => &call.argument,
                _ => answer(call).unwrap_or(&Datum::Nil),
            };
            let key = match (&call.key, alone) {
                (key, false) => key.clone(),
                (None, true) => Some(value.clone()),
                (Some(key), true) => Some(Datum::Vector(vec![key.clone(), value.clone()])),
            };
            Ok(Some((key, op)))
        })?;
        let names = symbols.names();
        let part = |object: Object<Op>| {
            let model = Self {
                names: names.clone(),
                values_stand_alone: object.ops.iter().all(|op| op.op != Op::RemoveSome),
                discipline: PhantomData,
            };
            object.by(model)
        };
        Ok(objects.into_iter().map(part).collect())
    }

    fn show(&self, elements: &Vec<u32>) -> String {
        format!("[{}]", self.names.list(elements.iter().copied()))
    }
}

/// Whether the call found that there is nothing to remove.
fn finds_nothing(call: &Call) -> bool {
    matches!(&*call.f, "dequeue" | "pop") && answer(call) == Some(&Datum::Nil)
}

fn op<D: Discipline>(call: &Call, symbols: &mut Symbols) -> Result<Option<Op>, String> {
    if !may_have_happened(call) {
        return Ok(None);
    }
    match &*call.f {
        "enqueue" | "push" => Ok(Some(Op::Insert(symbols.number(&call.argument)))),
        "dequeue" | "pop" => Ok(Some(match answer(call) {
            None => Op::RemoveSome,
            Some(Datum::Nil) => Op::Empty,
            Some(value) => Op::Remove(symbols.number(value)),
        })),
        _ => Err(no_such(D::NAME, call, "enqueue and dequeue, or push and pop")),
    }
}
