//! Who wrote each value, and the version that each op exhibits: reported by the op itself, or known from another
//! op that showed the same value.

use rustc_hash::FxHashMap;

use crate::history::{Action, History, Key, Op, Outcome, Value};

/// The writes of one value of one key that happened or may have happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writers {
    /// The first of them to be invoked, by position.
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// The version of the value, if it has one write and some op reported it; and that op, by position.
    version: Option<(u64, u32)>,
}

/// What is known of a history's values and versions. Ops are given by their position in it.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    pub(crate) history: &'a History,
    writers: FxHashMap<(Key, Value), Writers>,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(history: &'a History) -> Self {
        let mut writers: FxHashMap<(Key, Value), Writers> = FxHashMap::default();
        for (position, op) in (0..).zip(&history.ops) {
            if let Some(value) = written(op) {
                let entry = writers.entry((op.key, value));
                let writers = entry.or_insert(Writers {
                    first: position,
                    count: 0,
                    version: None,
                });
                writers.count += 1;
                if op.invoked_ns < history.ops[writers.first as usize].invoked_ns {
                    writers.first = position;
                }
            }
        }
        let mut ledger = Self { history, writers };
        // What a write says of itself comes before what others say of its value.
        ledger.learn(|op| op.outcome == Outcome::Ok && written(op).is_some());
        ledger.learn(|op| written(op).is_none());
        ledger
    }

    fn learn(&mut self, by: impl Fn(&Op) -> bool) {
        for (position, op) in (0..).zip(&self.history.ops).filter(|(_, op)| by(op)) {
            if let (Some(Some(value)), Some(version)) = (shown(op), op.version)
                && let Some(writers) = self.writers.get_mut(&(op.key, value))
                && writers.count == 1
            {
                writers.version.get_or_insert((version.0, position));
            }
        }
    }

    pub(crate) fn op(&self, position: u32) -> &'a Op {
        &self.history.ops[position as usize]
    }

    /// The writes of a value that may have happened, if any.
    pub(crate) fn writers(&self, key: Key, value: Value) -> Option<Writers> {
        self.writers.get(&(key, value)).copied()
    }

    /// The version of the value that `op` left or saw, if it is known. Nil has version 0. Also for a write of
    /// unknown outcome, where its value was seen.
    pub(crate) fn version(&self, op: &Op) -> Option<u64> {
        match shown(op) {
            Some(None) => Some(0),
            Some(Some(value)) => {
                let known = || self.writers(op.key, value).and_then(|writers| writers.version);
                op.version
                    .map(|version| version.0)
                    .or_else(|| known().map(|(version, _)| version))
            }
            None => None,
        }
    }

    /// The op that told the version of `op`, which does not tell it itself.
    pub(crate) fn teacher(&self, op: &Op) -> Option<u32> {
        if op.version.is_some() {
            return None;
        }
        self.writers(op.key, shown(op)??)?
            .version
            .map(|(_, teacher)| teacher)
    }

    /// What is wrong with the value that `op` saw, if anything.
    pub(crate) fn unwritten(&self, op: &Op, seen: Option<Value>) -> Option<Unwritten> {
        let value = seen?;
        match self.writers(op.key, value) {
            None => Some(Unwritten::Phantom),
            Some(writers) if op.end_ns() < self.op(writers.first).invoked_ns => Some(Unwritten::Future),
            Some(_) => None,
        }
    }
}

/// Why a value cannot have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// No write of it can have happened.
    Phantom,
    /// All its writes were invoked after it was seen.
    Future,
}

/// The value that `op` writes, unless it definitely did not happen.
pub(crate) fn written(op: &Op) -> Option<Value> {
    match op.action {
        Action::Write { value } | Action::Cas { to: value, .. } if op.outcome != Outcome::Fail => Some(value),
        _ => None,
    }
}

/// The value that is in the register after `op`, as far as `op` is concerned: what it wrote, or else observed.
pub(crate) fn shown(op: &Op) -> Option<Option<Value>> {
    written(op).map(Some).or_else(|| observed(op))
}

/// What an ok read or a failed cas observed.
pub(crate) fn observed(op: &Op) -> Option<Option<Value>> {
    match (op.action, op.outcome) {
        (Action::Read, Outcome::Ok) | (Action::Cas { .. }, Outcome::Fail) => op.observed,
        _ => None,
    }
}

/// The positions of the ops of each key, keys in ascending order.
pub(crate) fn by_key(history: &History) -> Vec<(Key, Vec<u32>)> {
    let mut slots: FxHashMap<Key, usize> = FxHashMap::default();
    let mut keys: Vec<(Key, Vec<u32>)> = Vec::new();
    for (position, op) in (0..).zip(&history.ops) {
        let slot = *slots.entry(op.key).or_insert_with(|| {
            keys.push((op.key, Vec::new()));
            keys.len() - 1
        });
        keys[slot].1.push(position);
    }
    keys.sort_unstable_by_key(|(key, _)| *key);
    keys
}
