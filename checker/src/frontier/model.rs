//! What the search must know of a data type.

use std::hash::Hash;

use crate::lower::{Effect, KeyOps, NIL};

/// A sequential specification with states numbered by `u32`.
pub(crate) trait Model {
    /// An op together with its answer.
    type Op: Copy + Eq + Hash;

    /// The state before all ops.
    fn initial(&self) -> u32;

    /// Every state that the object may be in after `op`: none if `op` does not answer so in `state`.
    fn each_step(&self, state: u32, op: Self::Op, each: impl FnMut(u32));

    /// Whether `op` never changes any state.
    fn is_pure(&self, op: Self::Op) -> bool;

    /// Whether `op` answers so in every state.
    fn is_blind(&self, op: Self::Op) -> bool {
        let _ = op;
        false
    }

    /// Whether `op` is blind, and leaves the same state whatever was before.
    fn overwrites(&self, op: Self::Op) -> bool {
        let _ = op;
        false
    }

    /// A state that no op changes but one that overwrites, if there is such a state.
    fn sink(&self) -> Option<u32> {
        None
    }

    /// Whether `op`, which is pure, answers so in `state`.
    fn fits(&self, state: u32, op: Self::Op) -> bool {
        let mut fits = false;
        self.each_step(state, op, |_| fits = true);
        fits
    }

    /// What the states themselves take, in bytes.
    fn bytes(&self) -> usize {
        0
    }
}

/// An op with its closed interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimedOp<O> {
    pub(crate) op: O,
    pub(crate) start: u64,
    /// [`crate::lower::NEVER`] for an op that may have happened at any time after its start, or not at all.
    pub(crate) end: u64,
    /// Whatever the caller wants to find it by.
    pub(crate) tag: u32,
}

/// A register with read, write and compare-and-set. The state is the id of its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Register;

impl Model for Register {
    type Op = Effect;

    fn initial(&self) -> u32 {
        NIL
    }

    fn each_step(&self, state: u32, op: Effect, mut each: impl FnMut(u32)) {
        let after = match op {
            Effect::Read(value) => (state == value).then_some(state),
            Effect::Write(value) => Some(value),
            Effect::Cas { from, to } => (state == from).then_some(to),
            Effect::NotHeld(value) => (state != value).then_some(state),
            Effect::Never => None,
        };
        if let Some(after) = after {
            each(after);
        }
    }

    fn is_pure(&self, op: Effect) -> bool {
        op.is_pure()
    }

    fn is_blind(&self, op: Effect) -> bool {
        matches!(op, Effect::Write(_))
    }

    fn overwrites(&self, op: Effect) -> bool {
        matches!(op, Effect::Write(_))
    }

    fn fits(&self, state: u32, op: Effect) -> bool {
        match op {
            Effect::Read(value) => state == value,
            Effect::NotHeld(value) => state != value,
            Effect::Never => false,
            Effect::Write(_) => true,
            Effect::Cas { from, .. } => state == from,
        }
    }
}

/// The ops of a key, tagged by their position in it, made ready for [`Register`]: all values that nobody asks
/// for become one, and ops of unknown outcome that could only leave such a value are dropped.
///
/// Both keep the verdict. No op tells two such values apart. And where no failed compare asks what the register
/// does *not* hold, nothing but a write can follow an op that leaves such a value, so that it might as well not
/// have happened.
pub(crate) fn register_ops(key: &KeyOps) -> Vec<TimedOp<Effect>> {
    let mut asked = vec![false; key.values as usize];
    let mut any_not_held = false;
    for op in &key.ops {
        if let Effect::NotHeld(value) = op.effect {
            any_not_held = true;
            asked[value as usize] = true;
        }
        if let Some(value) = op.effect.observes() {
            asked[value as usize] = true;
        }
    }
    let other = key.values;
    let mut ops = Vec::with_capacity(key.ops.len());
    for (tag, op) in (0..).zip(&key.ops) {
        let unasked = op.effect.writes().is_some_and(|value| !asked[value as usize]);
        if unasked && op.is_optional() && !any_not_held {
            continue;
        }
        let effect = match op.effect {
            Effect::Write(_) if unasked => Effect::Write(other),
            Effect::Cas { from, .. } if unasked => Effect::Cas { from, to: other },
            effect => effect,
        };
        ops.push(TimedOp {
            op: effect,
            start: op.start,
            end: op.end,
            tag,
        });
    }
    ops
}
