//! Locks: `acquire` and `release`. The lock is free at first; who holds it does not matter, only that it is held at
//! most once. With fencing, each acquisition returns a greater token than all before it (Kleppmann, "How to do
//! distributed locking", 2016).

use super::Model;
use super::lower::{BadCall, Named, Part, answer, int, may_have_happened, no_such, objects};
use crate::call::{Call, Calls, Datum};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// With its token, where that is known.
    Acquire(Option<i64>),
    /// With the token that is given back, where the call names one.
    Release(Option<i64>),
}

pub(super) struct Lock;

impl Model for Lock {
    type State = bool;
    type Op = Op;

    fn initial(&self) -> bool {
        false
    }

    fn step(&self, held: &bool, op: &Op) -> Vec<bool> {
        match (op, held) {
            (Op::Acquire(_), false) => vec![true],
            (Op::Release(_), true) => vec![false],
            _ => vec![],
        }
    }
}

impl Named for Lock {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let objects = objects(calls, |call| {
            let op = op("lock", call, |_, _| Ok(None))?;
            Ok(op.map(|op| (call.key.clone(), op)))
        })?;
        Ok(objects.into_iter().map(|object| object.by(Self)).collect())
    }

    fn show(&self, held: &bool) -> String {
        if *held { "held" } else { "free" }.to_owned()
    }
}

pub(super) struct FencedLock;

/// Whether it is held, and the last token.
type Fenced = (bool, Option<i64>);

impl Model for FencedLock {
    type State = Fenced;
    type Op = Op;

    fn initial(&self) -> Fenced {
        (false, None)
    }

    fn step(&self, (held, last): &Fenced, op: &Op) -> Vec<Fenced> {
        match *op {
            Op::Acquire(Some(token)) if !held && last.is_none_or(|last| token > last) => {
                vec![(true, Some(token))]
            }
            // Whatever token it got, it was at least the next; and a smaller one never stands in the way.
            Op::Acquire(None) if !held => {
                let next = last.map(|last| last.checked_add(1));
                match next {
                    Some(None) => vec![],
                    next => vec![(true, next.flatten())],
                }
            }
            Op::Release(token) if *held && (token.is_none() || token == *last) => vec![(false, *last)],
            _ => vec![],
        }
    }
}

impl Named for FencedLock {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let objects = objects(calls, |call| {
            let op = op("fenced-lock", call, |call, value| int(call, value).map(Some))?;
            // A release of a token that nobody was told of releases whatever is held.
            Ok(op.map(|op| (call.key.clone(), op)))
        })?;
        Ok(objects.into_iter().map(|object| object.by(Self)).collect())
    }

    fn show(&self, (held, last): &Fenced) -> String {
        let held = if *held { "held" } else { "free" };
        last.map_or(held.to_owned(), |last| format!("{held}, last token {last}"))
    }
}

fn op(
    model: &str,
    call: &Call,
    token: impl Fn(&Call, &Datum) -> Result<Option<i64>, String>,
) -> Result<Option<Op>, String> {
    let is_acquire = match &*call.f {
        "acquire" | "lock" => true,
        "release" | "unlock" => false,
        _ => return Err(no_such(model, call, "acquire and release")),
    };
    if !may_have_happened(call) {
        return Ok(None);
    }
    Ok(Some(if is_acquire {
        match answer(call) {
            Some(value) => Op::Acquire(token(call, value)?),
            None => Op::Acquire(None),
        }
    } else {
        match &call.argument {
            Datum::Nil => Op::Release(None),
            value => Op::Release(token(call, value)?),
        }
    }))
}
