//! The walk through the events. See the module's page for the rules, which are numbered there.

use rustc_hash::FxHashMap;

use super::paths::{Paths, START};
use super::table::{Layout, Table};
use super::{Model, TimedOp};
use crate::budget::{Budget, Spent};
use crate::lower::NEVER;

/// What the search found. Ops are given by their tags; orders of them only where they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is a linearization: this one.
    Linearizable(Vec<u32>),
    /// There is none.
    Stuck(Stuck),
}

/// Why there is no linearization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stuck {
    /// No configuration survives the return of this op.
    pub(crate) culprit: u32,
    /// The configurations until then, a few of them: the state, and the ops in the order that led to it.
    pub(crate) dead: Vec<(u32, Vec<u32>)>,
    /// The longest orders that have all that had returned before the culprit, one for each op that had not and could
    /// come before it: again the state that each leads to, and the ops.
    pub(crate) longest: Vec<(u32, Vec<u32>)>,
}

/// So many configurations are told at most of those that died.
const DEAD_MAX: usize = 8;
/// So many of the longest orders are told at most.
const LONGEST_MAX: usize = 16;

/// Searches for a linearization of `ops`, which are in the order of their starts. With `trace` it tells orders.
pub(crate) fn search<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    budget: &Budget,
    trace: bool,
) -> Result<Answer, Spent> {
    let mut returns: Vec<u32> = (0..)
        .zip(ops)
        .filter(|(_, op)| op.end != NEVER)
        .map(|(i, _)| i)
        .collect();
    returns.sort_unstable_by_key(|i| (ops[*i as usize].end, *i));
    let mut search = Search::new(model, ops, &returns, budget, trace);
    let mut next_call = 0;
    for op in returns {
        // Intervals are closed: a call at the very time of a return comes first.
        while next_call < ops.len() && ops[next_call].start <= ops[op as usize].end {
            search.call(next_call);
            next_call += 1;
        }
        if !search.complete(op as usize)? {
            return Ok(Answer::Stuck(Stuck {
                culprit: ops[op as usize].tag,
                dead: search.dead(),
                longest: match trace {
                    true => search.longest(),
                    false => Vec::new(),
                },
            }));
        }
    }
    Ok(Answer::Linearizable(search.order(search.current_paths[0])))
}

/// Optional ops that are all alike. Which of them were used does not matter, only how many: the used mask has a
/// run of bits for each kind, set from the first on, so that "used no more of any kind" is "is a subset".
struct Kind {
    first_bit: u32,
    /// Those called so far.
    called: Vec<u32>,
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
    kinds: Vec<Kind>,
    kind_of: FxHashMap<M::Op, usize>,
    /// The configurations after the events so far: rows, end to end, and their paths.
    current: Vec<u64>,
    current_paths: Vec<u32>,
    paths: Paths,
    /// Configurations with the op that returns.
    next: Table,
    /// Configurations without it, each to be expanded.
    open: Table,
    scratch: Vec<u64>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(
        model: &'a M,
        ops: &'a [TimedOp<M::Op>],
        returns: &[u32],
        budget: &'a Budget,
        trace: bool,
    ) -> Self {
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
            current_paths: vec![START],
            paths: Paths::new(trace),
            next: Table::new(layout),
            open: Table::new(layout),
            scratch: Vec::new(),
        }
    }

    fn call(&mut self, op: usize) {
        let TimedOp { op: action, end, .. } = self.ops[op];
        if end == NEVER {
            if let Some(kind) = self.kind_of.get(&action) {
                self.kinds[*kind].called.push(op as u32);
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
        let rows = self.current.chunks_exact_mut(self.layout.stride());
        for (row, path) in rows.zip(&mut self.current_paths) {
            if self.model.fits(state(row), action) {
                row[word] |= bit;
                *path = self.paths.extend(*path, op as u32);
            }
        }
    }

    /// The return of `op`: keeps what can have it linearized by now. False if nothing can.
    fn complete(&mut self, op: usize) -> Result<bool, Spent> {
        let (word, bit) = Layout::live_bit(self.slots[op]);
        let stride = self.layout.stride();
        if self.current.chunks_exact(stride).any(|row| row[word] & bit == 0) {
            self.expand(word, bit)?;
            if self.next.len() == 0 {
                // What died stays, to be told of.
                return Ok(false);
            }
            self.current.clear();
            self.current_paths.clear();
            for (row, path) in self.next.rows() {
                self.current.extend_from_slice(row);
                self.current_paths.push(path);
            }
            self.paths.collect_garbage(&mut self.current_paths);
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
        Ok(true)
    }

    /// The tags of the ops of a path.
    fn order(&self, path: u32) -> Vec<u32> {
        let order = self.paths.order(path);
        order.into_iter().map(|op| self.ops[op as usize].tag).collect()
    }

    /// The configurations that are left, those with the longest orders first.
    fn dead(&self) -> Vec<(u32, Vec<u32>)> {
        let rows = self.current.chunks_exact(self.layout.stride());
        let mut dead: Vec<(u32, Vec<u32>)> = rows
            .zip(&self.current_paths)
            .take(DEAD_MAX)
            .map(|(row, path)| (state(row), self.order(*path)))
            .collect();
        dead.sort_by_key(|(state, order)| (std::cmp::Reverse(order.len()), *state));
        dead
    }

    /// The longest orders, once the culprit is found: all that is reachable without it is still in `open`. Every
    /// configuration there has the same ops behind it that have returned, so that those with the most bits are longest.
    fn longest(&self) -> Vec<(u32, Vec<u32>)> {
        let masks = self.layout.stride() * 64;
        let mut best: Vec<Option<(u32, usize)>> = vec![None; masks];
        let mut longest: Option<(u32, usize)> = None;
        for number in 0..self.open.len() {
            let Some((row, _)) = self.open.row(number) else {
                continue;
            };
            let length: u32 = row[1..].iter().map(|word| word.count_ones()).sum();
            let better = |than: Option<(u32, usize)>| than.is_none_or(|(most, _)| length > most);
            if better(longest) {
                longest = Some((length, number));
            }
            for (at, word) in row.iter().enumerate().skip(1) {
                let mut bits = *word;
                while bits != 0 {
                    let bit = at * 64 + bits.trailing_zeros() as usize;
                    if better(best[bit]) {
                        best[bit] = Some((length, number));
                    }
                    bits &= bits - 1;
                }
            }
        }
        let mut numbers: Vec<(u32, usize)> = longest.into_iter().chain(best.into_iter().flatten()).collect();
        numbers.sort_by_key(|(length, number)| (std::cmp::Reverse(*length), *number));
        numbers.dedup();
        numbers.truncate(LONGEST_MAX);
        let told = numbers
            .into_iter()
            .filter_map(|(_, number)| self.open.row(number));
        told.map(|(row, path)| (state(row), self.order(path))).collect()
    }

    /// Fills `next` with all that is reachable from the current configurations and has the bit, each path ending
    /// where it gets it.
    fn expand(&mut self, word: usize, bit: u64) -> Result<(), Spent> {
        self.next.clear();
        self.open.clear();
        let rows = self.current.chunks_exact(self.layout.stride());
        for (row, path) in rows.zip(&self.current_paths) {
            if row[word] & bit == 0 {
                self.open.insert(row, *path);
            } else {
                self.next.insert(row, *path);
            }
        }
        let mut number = 0;
        let mut row = std::mem::take(&mut self.scratch);
        while number < self.open.len() {
            if let Some((stored, path)) = self.open.row(number) {
                row.clear();
                row.extend_from_slice(stored);
                self.successors(&row, path, word, bit);
                let tables = self.open.bytes() + self.next.bytes();
                self.budget
                    .spend(tables + self.paths.bytes() + self.model.bytes())?;
            }
            number += 1;
        }
        self.scratch = row;
        Ok(())
    }

    /// Applies every mutator that `row` allows, one at a time.
    fn successors(&mut self, row: &[u64], path: u32, word: usize, bit: u64) {
        for i in 0..self.live_mutators.len() {
            let op = self.live_mutators[i];
            let flag = Layout::live_bit(self.slots[op]);
            if row[flag.0] & flag.1 == 0 {
                self.apply(row, path, op, flag, (word, bit));
            }
        }
        for i in 0..self.kinds.len() {
            let kind = &self.kinds[i];
            let unused = (kind.first_bit..)
                .zip(&kind.called)
                .map(|(bit, op)| (*op, self.layout.used_bit(bit)))
                .find(|(_, f)| row[f.0] & f.1 == 0);
            if let Some((op, flag)) = unused {
                self.apply(row, path, op as usize, flag, (word, bit));
            }
        }
    }

    fn apply(&mut self, row: &[u64], path: u32, op: usize, flag: (usize, u64), wanted: (usize, u64)) {
        let before = state(row);
        let model = self.model;
        let mut path_with_op = None;
        model.each_step(before, self.ops[op].op, |after| {
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
            let mut path = *path_with_op.get_or_insert_with(|| self.paths.extend(path, op as u32));
            if after != before {
                path = self.linearize_pure(successor, after, path);
            }
            if successor[wanted.0] & wanted.1 == 0 {
                self.open.insert(successor, path);
            } else {
                self.next.insert(successor, path);
            }
        });
    }

    /// Rule 2: all live pure ops that fit.
    fn linearize_pure(&mut self, row: &mut [u64], state: u32, mut path: u32) -> u32 {
        for op in &self.live_pure {
            let (word, bit) = Layout::live_bit(self.slots[*op]);
            if row[word] & bit == 0 && self.model.fits(state, self.ops[*op].op) {
                row[word] |= bit;
                path = self.paths.extend(path, *op as u32);
            }
        }
        path
    }
}

fn state(row: &[u64]) -> u32 {
    u32::try_from(row[0]).expect("rows in use hold a state of the model")
}

/// The kinds of optional ops, and how many such ops there are.
fn kinds<O: Copy + Eq + std::hash::Hash>(ops: &[TimedOp<O>]) -> (Vec<Kind>, FxHashMap<O, usize>, usize) {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut counts: Vec<u32> = Vec::new();
    let mut kind_of = FxHashMap::default();
    for op in ops.iter().filter(|op| op.end == NEVER) {
        let kind = *kind_of.entry(op.op).or_insert_with(|| {
            kinds.push(Kind {
                first_bit: 0,
                called: Vec::new(),
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
