//! A [`Model`] as the frontier search wants it: states and ops are numbers, and no step is taken twice.

use std::cell::{Cell, RefCell};
use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::Model;
use crate::frontier;

/// Things by the order in which they were first met.
struct Numbers<T> {
    numbers: FxHashMap<T, u32>,
    things: Vec<T>,
}

impl<T: Clone + Eq + Hash> Numbers<T> {
    fn new() -> Self {
        Self {
            numbers: FxHashMap::default(),
            things: Vec::new(),
        }
    }

    /// Its number, and whether it was met before.
    fn number(&mut self, thing: &T) -> (u32, bool) {
        if let Some(number) = self.numbers.get(thing) {
            return (*number, true);
        }
        let number = u32::try_from(self.things.len()).expect("the memory budget ends a search long before");
        self.things.push(thing.clone());
        self.numbers.insert(thing.clone(), number);
        (number, false)
    }
}

/// A model whose states and ops are numbered as they come.
pub(super) struct Interned<'a, M: Model> {
    model: &'a M,
    ops: Vec<M::Op>,
    pure: Vec<bool>,
    blind: Vec<bool>,
    overwrites: Vec<bool>,
    sink: Cell<Option<u32>>,
    states: RefCell<Numbers<M::State>>,
    /// Per state and op where its successors begin, and how many they are.
    steps: RefCell<FxHashMap<(u32, u32), (u32, u32)>>,
    successors: RefCell<Vec<u32>>,
    bytes: Cell<usize>,
}

/// What a number takes beside the thing: an entry of the table, with room to grow.
const ENTRY_BYTES: usize = 48;

impl<'a, M: Model> Interned<'a, M> {
    /// The model, and for each of `ops` its number.
    pub(super) fn new<'o>(model: &'a M, ops: impl Iterator<Item = &'o M::Op>) -> (Self, Vec<u32>)
    where
        M::Op: 'o,
    {
        let mut known = Numbers::new();
        let numbers = ops.map(|op| known.number(op).0).collect();
        let interned = Self {
            model,
            pure: known.things.iter().map(|op| model.is_pure(op)).collect(),
            blind: known.things.iter().map(|op| model.is_blind(op)).collect(),
            overwrites: known.things.iter().map(|op| model.overwrites(op)).collect(),
            sink: Cell::new(None),
            ops: known.things,
            states: RefCell::new(Numbers::new()),
            steps: RefCell::default(),
            successors: RefCell::default(),
            bytes: Cell::new(0),
        };
        interned.number(&model.initial());
        let sink = model.sink().map(|sink| interned.number(&sink));
        interned.sink.set(sink);
        (interned, numbers)
    }

    fn number(&self, state: &M::State) -> u32 {
        let (number, is_known) = self.states.borrow_mut().number(state);
        if !is_known {
            let bytes = 2 * self.model.state_bytes(state) + ENTRY_BYTES;
            self.bytes.set(self.bytes.get() + bytes);
        }
        number
    }

    fn take_step(&self, state: u32, op: u32) -> (u32, u32) {
        let after = self.model.step(&self.state(state), &self.ops[op as usize]);
        let after: Vec<u32> = after.iter().map(|state| self.number(state)).collect();
        let mut successors = self.successors.borrow_mut();
        let first = u32::try_from(successors.len()).expect("the memory budget ends a search long before");
        let step = (first, after.len() as u32);
        successors.extend(after);
        self.steps.borrow_mut().insert((state, op), step);
        self.bytes.set(self.bytes.get() + ENTRY_BYTES);
        step
    }

    /// The state of that number.
    pub(super) fn state(&self, number: u32) -> M::State {
        self.states.borrow().things[number as usize].clone()
    }
}

impl<M: Model> frontier::Model for Interned<'_, M> {
    type Op = u32;

    fn initial(&self) -> u32 {
        0
    }

    fn each_step(&self, state: u32, op: u32, mut each: impl FnMut(u32)) {
        // Nothing is borrowed while `each` runs: it may take further steps.
        let known = self.steps.borrow().get(&(state, op)).copied();
        let (first, count) = known.unwrap_or_else(|| self.take_step(state, op));
        for at in first..first + count {
            let after = self.successors.borrow()[at as usize];
            each(after);
        }
    }

    fn is_pure(&self, op: u32) -> bool {
        self.pure[op as usize]
    }

    fn is_blind(&self, op: u32) -> bool {
        self.blind[op as usize]
    }

    fn overwrites(&self, op: u32) -> bool {
        self.overwrites[op as usize]
    }

    fn sink(&self) -> Option<u32> {
        self.sink.get()
    }

    fn bytes(&self) -> usize {
        self.bytes.get()
    }
}
