//! From calls of any shape to the ops of a model: what the built-in models share.

use std::fmt::Display;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Model, TimedOp};
use crate::call::{Call, Calls, Datum, short};
use crate::history::{Outcome, sane_interval};

/// A call that is none of its model's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct BadCall {
    /// Its position among the calls.
    pub call: u32,
    /// The event that shows it, by its place in the file.
    pub event: u64,
    /// What is wrong with it.
    pub why: String,
}

/// A model that has a name, made for one part of a history that can be checked on its own.
pub(super) trait Named: Model + Sized + Sync {
    /// The parts of a history.
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall>;

    /// A state in words.
    fn show(&self, state: &Self::State) -> String;
}

/// A part of a history: locality lets each be checked on its own (Herlihy and Wing 1990, theorem 1).
pub(super) struct Part<M: Model> {
    /// The object, where there are several.
    pub(super) label: Option<String>,
    pub(super) model: M,
    /// Within the bounds of time of [`sane_interval`].
    pub(super) ops: Vec<TimedOp<M::Op>>,
    /// Where each op is among the calls.
    pub(super) calls: Vec<u32>,
}

/// The calls of one object.
pub(super) struct Object<O> {
    pub(super) key: Option<Datum>,
    pub(super) ops: Vec<TimedOp<O>>,
    pub(super) calls: Vec<u32>,
}

impl<O> Object<O> {
    /// As a part, by a model.
    pub(super) fn by<M: Model<Op = O>>(self, model: M) -> Part<M> {
        Part {
            label: self.key.map(|key| key.to_string()),
            model,
            ops: self.ops,
            calls: self.calls,
        }
    }
}

/// Values by small numbers. 0 is nil.
pub(super) struct Symbols {
    numbers: FxHashMap<Datum, u32>,
    names: Vec<Datum>,
}

impl Symbols {
    pub(super) fn new() -> Self {
        Self {
            numbers: std::iter::once((Datum::Nil, 0)).collect(),
            names: vec![Datum::Nil],
        }
    }

    pub(super) fn number(&mut self, value: &Datum) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number =
            u32::try_from(self.names.len()).expect("a value comes with an op, and a u32 counts those");
        self.names.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// The values by number.
    pub(super) fn names(self) -> Names {
        Names(self.names.into())
    }
}

/// What the numbers of values stand for.
#[derive(Clone)]
pub(super) struct Names(Arc<[Datum]>);

impl Names {
    pub(super) fn of(&self, number: u32) -> &Datum {
        &self.0[number as usize]
    }

    /// Several, separated by commas.
    pub(super) fn list(&self, numbers: impl IntoIterator<Item = u32>) -> String {
        let names: Vec<String> = numbers.into_iter().map(|n| self.of(n).to_string()).collect();
        names.join(", ")
    }
}

/// Makes an op of every call that matters, and puts them together by `key`; the objects in the order of their first
/// call. `op` gives `None` for a call that demands nothing, and says what is wrong with one that is none.
pub(super) fn objects<O>(
    calls: &Calls,
    mut op: impl FnMut(&Call) -> Result<Option<(Option<Datum>, O)>, String>,
) -> Result<Vec<Object<O>>, BadCall> {
    let mut slots: FxHashMap<Option<Datum>, usize> = FxHashMap::default();
    let mut objects: Vec<Object<O>> = Vec::new();
    for (position, call) in (0..).zip(&calls.calls) {
        let made = op(call).map_err(|why| BadCall {
            call: position,
            event: call.events.1.unwrap_or(call.events.0),
            why,
        })?;
        let Some((key, op)) = made else { continue };
        let slot = *slots.entry(key.clone()).or_insert_with(|| {
            objects.push(Object {
                key,
                ops: Vec::new(),
                calls: Vec::new(),
            });
            objects.len() - 1
        });
        objects[slot].calls.push(position);
        let (start_ns, end_ns) = sane_interval(call.invoked_ns, call.end_ns());
        objects[slot].ops.push(TimedOp { op, start_ns, end_ns });
    }
    Ok(objects)
}

/// Whether the call had an effect, or may have had: else, as a rule, it demands nothing.
pub(super) fn may_have_happened(call: &Call) -> bool {
    call.outcome != Outcome::Fail
}

/// What the call answered, if it returned: its own value where the completion repeats none.
pub(super) fn answer(call: &Call) -> Option<&Datum> {
    (call.outcome == Outcome::Ok).then(|| call.answer.as_ref().unwrap_or(&Datum::Nil))
}

/// That the model has no such function.
pub(super) fn no_such(model: impl Display, call: &Call, has: &str) -> String {
    format!("the model `{model}` has no `{}`, only {has}", short(&call.f))
}

/// That a value is of the wrong kind.
pub(super) fn wrong_value(call: &Call, expected: &str, found: &Datum) -> String {
    format!(
        "the value of `{}` must be {expected}, but is {}, {}",
        short(&call.f),
        found.kind(),
        short(&found.to_string())
    )
}

/// The two elements of a pair.
pub(super) fn pair<'a>(
    call: &Call,
    value: &'a Datum,
    expected: &str,
) -> Result<(&'a Datum, &'a Datum), String> {
    match value.elements().as_deref() {
        Some([first, second]) => Ok((first, second)),
        _ => Err(wrong_value(call, expected, value)),
    }
}

/// An integer.
pub(super) fn int(call: &Call, value: &Datum) -> Result<i64, String> {
    value
        .as_int()
        .ok_or_else(|| wrong_value(call, "an integer", value))
}
