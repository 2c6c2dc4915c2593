//! Registers that are read and written together: transactions of reads and writes, `[[:r key value] [:w key value]]`,
//! each of which takes effect at one moment. All registers are nil at first.
//!
//! Keys that no transaction ties together, directly or through others, are objects of their own.

use rustc_hash::FxHashMap;

use super::lower::{
    BadCall, Named, Names, Object, Part, Symbols, answer, may_have_happened, no_such, objects, wrong_value,
};
use super::{Model, TimedOp};
use crate::call::{Call, Calls, Datum};
use crate::history::Outcome;

/// One read or write of a transaction: the register and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Read(u32, u32),
    Write(u32, u32),
}

impl Step {
    fn key(&mut self) -> &mut u32 {
        let (Self::Read(key, _) | Self::Write(key, _)) = self;
        key
    }
}

pub(super) type Op = Vec<Step>;

pub(super) struct MultiRegister {
    keys: Vec<Datum>,
    names: Names,
}

impl Model for MultiRegister {
    /// The value of each register.
    type State = Vec<u32>;
    type Op = Op;

    fn initial(&self) -> Vec<u32> {
        vec![0; self.keys.len()]
    }

    fn step(&self, state: &Vec<u32>, op: &Op) -> Vec<Vec<u32>> {
        let mut after = state.clone();
        for step in op {
            match *step {
                Step::Read(key, value) if after[key as usize] != value => return vec![],
                Step::Read(..) => {}
                Step::Write(key, value) => after[key as usize] = value,
            }
        }
        vec![after]
    }

    fn is_pure(&self, op: &Op) -> bool {
        op.iter().all(|step| matches!(step, Step::Read(..)))
    }

    fn is_blind(&self, op: &Op) -> bool {
        op.iter().all(|step| matches!(step, Step::Write(..)))
    }

    fn overwrites(&self, op: &Op) -> bool {
        let writes = |key| (op.iter()).any(|step| matches!(step, Step::Write(k, _) if *k == key));
        self.is_blind(op) && (0..self.keys.len() as u32).all(writes)
    }

    fn state_bytes(&self, state: &Vec<u32>) -> usize {
        size_of::<Vec<u32>>() + 4 * state.len()
    }
}

impl Named for MultiRegister {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let (mut keys, mut symbols) = (Symbols::new(), Symbols::new());
        let all = objects(calls, |call| {
            let op = op(call, &mut keys, &mut symbols)?.filter(|op| !op.is_empty());
            Ok(op.map(|op| (None, op)))
        })?;
        let (keys, names) = (keys.names(), symbols.names());
        let parts = all
            .into_iter()
            .flat_map(|object| components(object, &keys, &names));
        Ok(parts.collect())
    }

    fn show(&self, state: &Vec<u32>) -> String {
        let held = self.keys.iter().zip(state);
        let held: Vec<String> = held
            .map(|(key, value)| format!("{key} {}", self.names.of(*value)))
            .collect();
        format!("{{{}}}", held.join(", "))
    }
}

/// Splits by what ties keys together.
fn components(object: Object<Op>, keys: &Names, names: &Names) -> Vec<Part<MultiRegister>> {
    let mut parent: FxHashMap<u32, u32> = FxHashMap::default();
    fn root(parent: &mut FxHashMap<u32, u32>, mut key: u32) -> u32 {
        while let Some(above) = parent.get(&key).copied().filter(|above| *above != key) {
            // Halve the way for those that come after.
            let top = parent.get(&above).copied().unwrap_or(above);
            parent.insert(key, top);
            key = above;
        }
        key
    }
    for op in &object.ops {
        let mut steps = op.op.clone();
        let first = *steps[0].key();
        for step in &mut steps {
            let (a, b) = (root(&mut parent, first), root(&mut parent, *step.key()));
            parent.insert(a, b);
        }
    }
    let mut slots: FxHashMap<u32, usize> = FxHashMap::default();
    let mut parts: Vec<(FxHashMap<u32, u32>, Part<MultiRegister>)> = Vec::new();
    for (mut op, call) in object.ops.into_iter().zip(object.calls) {
        let component = root(&mut parent, *op.op[0].key());
        let slot = *slots.entry(component).or_insert_with(|| {
            let model = MultiRegister {
                keys: Vec::new(),
                names: names.clone(),
            };
            let part = Part {
                label: None,
                model,
                ops: Vec::<TimedOp<Op>>::new(),
                calls: Vec::new(),
            };
            parts.push((FxHashMap::default(), part));
            parts.len() - 1
        });
        let (local, part) = &mut parts[slot];
        for step in &mut op.op {
            let key = step.key();
            let next = local.len() as u32;
            *key = *local.entry(*key).or_insert_with(|| {
                part.model.keys.push(keys.of(*key).clone());
                next
            });
        }
        part.ops.push(op);
        part.calls.push(call);
    }
    parts
        .into_iter()
        .map(|(_, mut part)| {
            let names: Vec<String> = part.model.keys.iter().map(Datum::to_string).collect();
            part.label = Some(names.join(" "));
            part
        })
        .collect()
}

fn op(call: &Call, keys: &mut Symbols, symbols: &mut Symbols) -> Result<Option<Op>, String> {
    if !may_have_happened(call) {
        return Ok(None);
    }
    let is_known = call.outcome == Outcome::Ok;
    let single = match &*call.f {
        "txn" => None,
        "read" | "r" | "write" | "w" if call.key.is_some() => Some(&*call.f),
        "read" | "r" | "write" | "w" => return Err(format!("`{}` names no key", call.f)),
        _ => return Err(no_such("multi-register", call, "txn, read and write")),
    };
    let mut steps = Vec::new();
    let mut push = |f: &str, key: &Datum, value: &Datum| {
        let (key, is_read) = (keys.number(key), f.starts_with('r'));
        if !is_read {
            steps.push(Step::Write(key, symbols.number(value)));
        } else if is_known {
            steps.push(Step::Read(key, symbols.number(value)));
        }
    };
    if let (Some(f), Some(key)) = (single, &call.key) {
        let value = if f.starts_with('r') {
            answer(call).unwrap_or(&Datum::Nil)
        } else {
            &call.argument
        };
        push(f, key, value);
        return Ok(Some(steps));
    }
    const EXPECTED: &str = "a list of [:r key value] and [:w key value]";
    let whole = answer(call)
        .filter(|value| **value != Datum::Nil)
        .unwrap_or(&call.argument);
    let bad = || wrong_value(call, EXPECTED, whole);
    for part in whole.elements().ok_or_else(bad)? {
        let part = part.elements().ok_or_else(bad)?;
        match (part[..].first().and_then(|f| f.as_name()), &part[..]) {
            (Some(f @ ("r" | "read" | "w" | "write")), [_, key, value]) => push(f, key, value),
            _ => return Err(bad()),
        }
    }
    Ok(Some(steps))
}
