//! The walk through the events. See the module's page for the rules, which are numbered there.

use rustc_hash::FxHashMap;

use super::table::{Layout, Table};
use super::{Model, TimedOp};
use crate::budget::{Budget, Spent};
use crate::lower::NEVER;

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is a linearization.
    Linearizable,
    /// There is none: no configuration survives the return of this op, given by its tag.
    Culprit(u32),
}

/// Searches for a linearization of `ops`, which are in the order of their starts.
pub(crate) fn search<M: Model>(model: &M, ops: &[TimedOp<M::Op>], budget: &Budget) -> Result<Answer, Spent> {
    let mut returns: Vec<u32> = (0..)
        .zip(ops)
        .filter(|(_, op)| op.end != NEVER)
        .map(|(i, _)| i)
        .collect();
    returns.sort_unstable_by_key(|i| (ops[*i as usize].end, *i));
    let mut search = Search::new(model, ops, &returns, budget);
    let mut next_call = 0;
    for op in returns {
        // Intervals are closed: a call at the very time of a return comes first.
        while next_call < ops.len() && ops[next_call].start <= ops[op as usize].end {
            search.call(next_call);
            next_call += 1;
        }
        if !search.complete(op as usize)? {
            return Ok(Answer::Culprit(ops[op as usize].tag));
        }
    }
    Ok(Answer::Linearizable)
}

/// Optional ops that are all alike. Which of them were used does not matter, only how many: the used mask has a
/// run of bits for each kind, set from the first on, so that "used no more of any kind" is "is a subset".
struct Kind<O> {
    op: O,
    first_bit: u32,
    /// How many were called so far.
    called: u32,
}

struct Search<'a, M: Model> {
    model: &'a M,
    ops: &'a [TimedOp<M::Op>],
    budget: &'a Budget,
    layout: Layout,
    /// The slot of each op that is live.
    slots: Vec<u32>,
    free_slots: Vec<u32>,
    live_pure: Vec<usize>,
    live_mutators: Vec<usize>,
    kinds: Vec<Kind<M::Op>>,
    kind_of: FxHashMap<M::Op, usize>,
    /// The configurations after the events so far: rows, end to end.
    current: Vec<u64>,
    /// Configurations with the op that returns.
    next: Table,
    /// Configurations without it, each to be expanded.
    open: Table,
    scratch: Vec<u64>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, ops: &'a [TimedOp<M::Op>], returns: &[u32], budget: &'a Budget) -> Self {
        let (kinds, kind_of, optional) = kinds(ops);
        let width = concurrency(ops, returns);
        let layout = Layout {
            live_words: width.div_ceil(64),
            used_words: optional.div_ceil(64),
        };
        let mut current = vec![0; layout.stride()];
        current[0] = u64::from(model.initial());
        Self {
            model,
            ops,
            budget,
            layout,
            slots: vec![u32::MAX; ops.len()],
            free_slots: (0..u32::try_from(width).expect("ops are counted by a u32"))
                .rev()
                .collect(),
            live_pure: Vec::new(),
            live_mutators: Vec::new(),
            kinds,
            kind_of,
            current,
            next: Table::new(layout),
            open: Table::new(layout),
            scratch: Vec::new(),
        }
    }

    fn call(&mut self, op: usize) {
        let TimedOp { op: action, end, .. } = self.ops[op];
        if end == NEVER {
            if let Some(kind) = self.kind_of.get(&action) {
                self.kinds[*kind].called += 1;
            }
            return;
        }
        let slot = self
            .free_slots
            .pop()
            .expect("there are as many slots as live ops at any time");
        self.slots[op] = slot;
        if !self.model.is_pure(action) {
            self.live_mutators.push(op);
            return;
        }
        self.live_pure.push(op);
        let (word, bit) = Layout::live_bit(slot);
        for row in self.current.chunks_exact_mut(self.layout.stride()) {
            if self.model.step(state(row), action).is_some() {
                row[word] |= bit;
            }
        }
    }

    /// The return of `op`: keeps what can have it linearized by now. False if nothing can.
    fn complete(&mut self, op: usize) -> Result<bool, Spent> {
        let (word, bit) = Layout::live_bit(self.slots[op]);
        let stride = self.layout.stride();
        if self.current.chunks_exact(stride).any(|row| row[word] & bit == 0) {
            self.expand(word, bit)?;
            self.current.clear();
            for row in self.next.rows() {
                self.current.extend_from_slice(row);
            }
        }
        for row in self.current.chunks_exact_mut(stride) {
            row[word] &= !bit;
        }
        self.free_slots.push(self.slots[op]);
        let live = if self.model.is_pure(self.ops[op].op) {
            &mut self.live_pure
        } else {
            &mut self.live_mutators
        };
        live.retain(|other| *other != op);
        Ok(!self.current.is_empty())
    }

    /// Fills `next` with all that is reachable from the current configurations and has the bit, each path ending
    /// where it gets it.
    fn expand(&mut self, word: usize, bit: u64) -> Result<(), Spent> {
        self.next.clear();
        self.open.clear();
        for row in self.current.chunks_exact(self.layout.stride()) {
            if row[word] & bit == 0 {
                self.open.insert(row);
            } else {
                self.next.insert(row);
            }
        }
        let mut number = 0;
        let mut row = std::mem::take(&mut self.scratch);
        while number < self.open.len() {
            if let Some(stored) = self.open.row(number) {
                row.clear();
                row.extend_from_slice(stored);
                self.successors(&mut row, word, bit);
                self.budget.spend(self.open.bytes() + self.next.bytes())?;
            }
            number += 1;
        }
        self.scratch = row;
        Ok(())
    }

    /// Applies every mutator that `row` allows, one at a time. `row` is as it was afterwards.
    fn successors(&mut self, row: &mut [u64], word: usize, bit: u64) {
        for i in 0..self.live_mutators.len() {
            let op = self.live_mutators[i];
            let flag = Layout::live_bit(self.slots[op]);
            if row[flag.0] & flag.1 == 0 {
                self.apply(row, self.ops[op].op, flag, (word, bit));
            }
        }
        for i in 0..self.kinds.len() {
            let Kind {
                op,
                first_bit,
                called,
            } = self.kinds[i];
            let unused = (0..called)
                .map(|n| self.layout.used_bit(first_bit + n))
                .find(|f| row[f.0] & f.1 == 0);
            if let Some(flag) = unused {
                self.apply(row, op, flag, (word, bit));
            }
        }
    }

    fn apply(&mut self, row: &mut [u64], op: M::Op, flag: (usize, u64), wanted: (usize, u64)) {
        let before = state(row);
        let Some(after) = self.model.step(before, op) else {
            return;
        };
        let stride = self.layout.stride();
        let mut successor = [0; 16];
        let mut wide;
        let successor = if stride <= successor.len() {
            &mut successor[..stride]
        } else {
            wide = vec![0; stride];
            &mut wide[..]
        };
        successor.copy_from_slice(row);
        successor[0] = u64::from(after);
        successor[flag.0] |= flag.1;
        if after != before {
            self.linearize_pure(successor, after);
        }
        if successor[wanted.0] & wanted.1 == 0 {
            self.open.insert(successor);
        } else {
            self.next.insert(successor);
        }
    }

    /// Rule 2: all live pure ops that fit.
    fn linearize_pure(&self, row: &mut [u64], state: u32) {
        for op in &self.live_pure {
            let (word, bit) = Layout::live_bit(self.slots[*op]);
            if row[word] & bit == 0 && self.model.step(state, self.ops[*op].op).is_some() {
                row[word] |= bit;
            }
        }
    }
}

fn state(row: &[u64]) -> u32 {
    u32::try_from(row[0]).expect("rows in use hold a state of the model")
}

/// The kinds of optional ops, and how many such ops there are.
fn kinds<O: Copy + Eq + std::hash::Hash>(ops: &[TimedOp<O>]) -> (Vec<Kind<O>>, FxHashMap<O, usize>, usize) {
    let mut kinds: Vec<Kind<O>> = Vec::new();
    let mut counts: Vec<u32> = Vec::new();
    let mut kind_of = FxHashMap::default();
    for op in ops.iter().filter(|op| op.end == NEVER) {
        let kind = *kind_of.entry(op.op).or_insert_with(|| {
            kinds.push(Kind {
                op: op.op,
                first_bit: 0,
                called: 0,
            });
            counts.push(0);
            kinds.len() - 1
        });
        counts[kind] += 1;
    }
    let mut total = 0;
    for (kind, count) in kinds.iter_mut().zip(counts) {
        kind.first_bit = total;
        total += count;
    }
    (kinds, kind_of, total as usize)
}

/// The greatest number of required ops that are live at once.
fn concurrency<O>(ops: &[TimedOp<O>], returns: &[u32]) -> usize {
    let (mut live, mut most, mut next_call) = (0_usize, 0, 0);
    for op in returns {
        while next_call < ops.len() && ops[next_call].start <= ops[*op as usize].end {
            live += usize::from(ops[next_call].end != NEVER);
            next_call += 1;
        }
        most = most.max(live);
        live -= 1;
    }
    most
}
