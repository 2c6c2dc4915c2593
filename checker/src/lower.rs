//! Lowering: from a history to flat arrays of small integers, one per key.
//!
//! Linearizability is local (Herlihy and Wing 1990, theorem 1): a history is linearizable iff its part on each
//! key is. What cannot matter is left out: ops that did not happen and saw nothing, and reads without an answer.

use rustc_hash::FxHashMap;

use crate::history::{Action, History, Key, Op, Outcome, Value};

/// The id of nil, the initial value.
pub(crate) const NIL: u32 = 0;
/// The end of an op of unknown outcome.
pub(crate) const NEVER: u64 = u64::MAX;
/// "Precondition failed", the error code of a failed compare.
const PRECONDITION_FAILED: u16 = 22;

/// What an op does to a register, and what it demands of it. Values are ids into [`KeyOps::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    /// The register holds this. Reads, failed cas that carry what they found, and cas from a value to itself.
    Read(u32),
    /// The register holds this afterwards.
    Write(u32),
    /// The register holds `from` before and `to`, another value, afterwards.
    Cas { from: u32, to: u32 },
    /// The register holds anything but this: a failed cas that does not say what it found.
    NotHeld(u32),
    /// No register answers so: a cas that failed because it found the very value it expected.
    Never,
}

impl Effect {
    /// Whether it leaves every register as it is.
    pub(crate) fn is_pure(self) -> bool {
        matches!(self, Self::Read(_) | Self::NotHeld(_) | Self::Never)
    }

    /// The value that is in the register before, where the op tells.
    pub(crate) fn observes(self) -> Option<u32> {
        match self {
            Self::Read(value) | Self::Cas { from: value, .. } => Some(value),
            Self::Write(_) | Self::NotHeld(_) | Self::Never => None,
        }
    }

    /// The value that it leaves, where it changes the register.
    pub(crate) fn writes(self) -> Option<u32> {
        match self {
            Self::Write(value) | Self::Cas { to: value, .. } => Some(value),
            Self::Read(_) | Self::NotHeld(_) | Self::Never => None,
        }
    }
}

/// An op on one key, with its closed interval. `a` precedes `b` iff `a.end < b.start`. Times are nanoseconds plus
/// one, so that the virtual write of nil can end at 0, before everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyOp {
    /// Its position in [`History::ops`].
    pub(crate) op: u32,
    pub(crate) effect: Effect,
    pub(crate) start: u64,
    /// [`NEVER`] for an op of unknown outcome, which may also have had no effect.
    pub(crate) end: u64,
}

impl KeyOp {
    /// Whether it may have had no effect.
    pub(crate) fn is_optional(&self) -> bool {
        self.end == NEVER
    }
}

/// What matters of the ops on one key, in the order of their starts.
#[derive(Clone, Debug)]
pub(crate) struct KeyOps {
    pub(crate) key: Key,
    pub(crate) ops: Vec<KeyOp>,
    /// How many value ids there are, nil among them.
    pub(crate) values: u32,
}

impl KeyOps {
    /// The same ops, their values renumbered so that there are no more ids than ops need.
    pub(crate) fn compact(mut self) -> Self {
        let mut ids: FxHashMap<u32, u32> = FxHashMap::default();
        ids.insert(NIL, NIL);
        let mut id = |value: u32| {
            let next = u32::try_from(ids.len()).expect("no more values than before");
            *ids.entry(value).or_insert(next)
        };
        for op in &mut self.ops {
            op.effect = match op.effect {
                Effect::Read(value) => Effect::Read(id(value)),
                Effect::Write(value) => Effect::Write(id(value)),
                Effect::Cas { from, to } => Effect::Cas {
                    from: id(from),
                    to: id(to),
                },
                Effect::NotHeld(value) => Effect::NotHeld(id(value)),
                Effect::Never => Effect::Never,
            };
        }
        self.values = u32::try_from(ids.len()).expect("no more values than before");
        self
    }
}

/// Splits `history` by key, in ascending order of keys.
pub(crate) fn split(history: &History) -> Vec<KeyOps> {
    let mut slots: FxHashMap<Key, usize> = FxHashMap::default();
    let mut keys: Vec<Lowering> = Vec::new();
    for (position, op) in history.ops.iter().enumerate() {
        let slot = *slots.entry(op.key).or_insert_with(|| {
            keys.push(Lowering::new(op.key));
            keys.len() - 1
        });
        keys[slot].push(position, op);
    }
    let mut keys: Vec<KeyOps> = keys.into_iter().map(Lowering::finish).collect();
    keys.sort_unstable_by_key(|ops| ops.key);
    keys
}

struct Lowering {
    key: Key,
    ops: Vec<KeyOp>,
    ids: Ids,
}

impl Lowering {
    fn new(key: Key) -> Self {
        Self {
            key,
            ops: Vec::new(),
            ids: Ids::default(),
        }
    }

    fn push(&mut self, position: usize, op: &Op) {
        let Some(effect) = self.effect(op) else { return };
        let start = op.invoked_ns.saturating_add(1).min(NEVER - 1);
        let end = match op.outcome {
            Outcome::Info => NEVER,
            Outcome::Ok | Outcome::Fail => op
                .completed_ns
                .map_or(NEVER, |t| t.saturating_add(1).min(NEVER - 1).max(start)),
        };
        // A pure op without an end demands nothing.
        if end != NEVER || !effect.is_pure() {
            let op = u32::try_from(position).expect("an OpIndex counts the ops of a history");
            self.ops.push(KeyOp {
                op,
                effect,
                start,
                end,
            });
        }
    }

    fn effect(&mut self, op: &Op) -> Option<Effect> {
        match (op.action, op.outcome) {
            (Action::Read, Outcome::Ok) => op.observed.map(|value| Effect::Read(self.id(value))),
            (Action::Read, _) | (Action::Write { .. }, Outcome::Fail) => None,
            (Action::Write { value }, _) => Some(Effect::Write(self.id(Some(value)))),
            (Action::Cas { from, to }, Outcome::Ok | Outcome::Info) => {
                let (from, to) = (self.id(Some(from)), self.id(Some(to)));
                Some(if from == to {
                    Effect::Read(from)
                } else {
                    Effect::Cas { from, to }
                })
            }
            (Action::Cas { from, .. }, Outcome::Fail) => match op.observed {
                Some(found) if found == Some(from) => Some(Effect::Never),
                Some(found) => Some(Effect::Read(self.id(found))),
                None if op.error == Some(PRECONDITION_FAILED) => Some(Effect::NotHeld(self.id(Some(from)))),
                None => None,
            },
        }
    }

    fn id(&mut self, value: Option<Value>) -> u32 {
        value.map_or(NIL, |value| self.ids.of(value))
    }

    fn finish(mut self) -> KeyOps {
        if !self.ops.is_sorted_by_key(|op| op.start) {
            self.ops.sort_by_key(|op| op.start);
        }
        let values = self.ids.count + 1;
        KeyOps {
            key: self.key,
            ops: self.ops,
            values,
        }
    }
}

/// Values by the order in which they were met, from 1 on. Small numbers, as counters write them, are looked up in an
/// array, which takes a tenth of the time of a table that is too large for the cache.
#[derive(Debug, Default)]
struct Ids {
    /// 0 for those that were not met.
    dense: Vec<u32>,
    /// All values that are not below the length of the array.
    sparse: FxHashMap<Value, u32>,
    count: u32,
}

/// The array has room for so many times the values met, and some more.
const DENSE_ROOM: usize = 4;
const DENSE_MIN: usize = 64;

impl Ids {
    fn of(&mut self, value: Value) -> u32 {
        let place = usize::try_from(value.0).unwrap_or(usize::MAX);
        let room = DENSE_ROOM * self.count as usize + DENSE_MIN;
        // What went into the table stays there, so the array does not grow beyond it.
        if place >= self.dense.len() && place < room && self.sparse.is_empty() {
            self.dense.resize(room, 0);
        }
        let id = match self.dense.get_mut(place) {
            Some(id) => id,
            None => self.sparse.entry(value).or_insert(0),
        };
        if *id == 0 {
            self.count = self
                .count
                .checked_add(1)
                .expect("a value comes with an op, and ops are counted by a u32");
            *id = self.count;
        }
        *id
    }
}
