//! The walk through the events. See the module's page for the rules, which are numbered there.

use rustc_hash::FxHashSet;

use super::live::{Choice, Live, LiveOp, Wanted};
use super::paths::{OPS_MAX, Paths, START};
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
/// So many states are followed at most along an order whose ops leave any of several.
const STATES_MAX: usize = 64;
/// So many of the longest orders are told at most.
const LONGEST_MAX: usize = 16;
/// Those are chosen from so many, counted by their ops.
const LOOKED_AT_OPS_MAX: usize = 4_000_000;

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

struct Search<'a, M: Model> {
    model: &'a M,
    sink: Option<u32>,
    ops: &'a [TimedOp<M::Op>],
    budget: &'a Budget,
    layout: Layout,
    live: Live,
    /// The configurations after the events so far: rows, end to end, and their paths.
    current: Vec<u64>,
    current_paths: Vec<u32>,
    paths: Paths,
    /// Configurations with the op that returns.
    next: Table,
    /// Configurations without it, each to be expanded.
    open: Table,
    row: Vec<u64>,
    successor: Vec<u64>,
    choices: Vec<Choice>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(
        model: &'a M,
        ops: &'a [TimedOp<M::Op>],
        returns: &[u32],
        budget: &'a Budget,
        trace: bool,
    ) -> Self {
        assert!(ops.len() < OPS_MAX, "a file holds fewer ops");
        let live = Live::new(model, ops, concurrency(ops, returns));
        let layout = live.layout();
        let mut current = vec![0; layout.stride()];
        current[0] = u64::from(model.initial());
        Self {
            model,
            sink: model.sink(),
            ops,
            budget,
            layout,
            live,
            current,
            current_paths: vec![START],
            paths: Paths::new(trace),
            next: Table::new(layout),
            open: Table::new(layout),
            row: Vec::new(),
            successor: Vec::new(),
            choices: Vec::new(),
        }
    }

    fn call(&mut self, op: usize) {
        let TimedOp { op: action, end, .. } = self.ops[op];
        if end == NEVER {
            self.live.begin_optional(op as u32);
            return;
        }
        let live = self.live.begin(op as u32, end);
        let missing = live.missing(self.layout);
        let rows = self.current.chunks_exact_mut(self.layout.stride());
        for (row, path) in rows.zip(&mut self.current_paths) {
            if live.traits.is_pure && self.model.fits(state(row), action) {
                *path = self.paths.extend(*path, op as u32);
            } else if !(live.traits.is_lazy && self.sink == Some(state(row))) {
                missing.set(row);
            }
        }
    }

    /// The return of `op`: keeps what can have it linearized by now. False if nothing can.
    fn complete(&mut self, op: usize) -> Result<bool, Spent> {
        let live = self.live.find(op as u32);
        let wanted = live.wanted(self.layout);
        let stride = self.layout.stride();
        if self.current.chunks_exact(stride).any(|row| !wanted.is_in(row)) {
            self.expand(wanted)?;
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
        }
        if live.traits.is_lazy {
            self.settle(live);
        }
        self.live.end(op as u32);
        // Ops that fit every configuration need no expansion, but their orders take time and memory as well.
        self.paths.collect_garbage(&mut self.current_paths);
        self.budget.spend(self.bytes())?;
        Ok(true)
    }

    /// The memory that it holds.
    fn bytes(&self) -> usize {
        let current = self.current.capacity() * 8 + self.current_paths.capacity() * 4;
        current + self.open.bytes() + self.next.bytes() + self.paths.bytes() + self.model.bytes()
    }

    /// Forgets whether an op that returns was taken or hidden.
    fn settle(&mut self, live: LiveOp) {
        let taken = self.layout.taken(live.slot);
        let rows = self.current.chunks_exact_mut(self.layout.stride());
        for (row, path) in rows.zip(&mut self.current_paths) {
            if taken.is_set(row) {
                taken.clear(row);
            } else if self.sink == Some(state(row)) {
                // It leaves the sink as it is. It may have been hidden before, but that is no matter.
                *path = self.paths.extend(*path, live.op);
            } else {
                *path = self.paths.hide(*path, live.op);
            }
        }
    }

    /// The tags of the ops of a path.
    fn order(&self, path: u32) -> Vec<u32> {
        let order = self.paths.order(path, |op| self.live.traits(op).overwrites);
        order.into_iter().map(|op| self.ops[op as usize].tag).collect()
    }

    /// The configurations that are left, those with the longest orders first.
    fn dead(&self) -> Vec<(u32, Vec<u32>)> {
        let rows = self.current.chunks_exact(self.layout.stride());
        let paths = rows.zip(&self.current_paths).take(DEAD_MAX);
        let dead = paths.map(|(row, path)| self.configuration(state(row), *path));
        let mut dead: Vec<(u32, Vec<u32>)> = dead.collect();
        dead.sort_by_key(|(state, order)| (std::cmp::Reverse(order.len()), *state));
        let mut seen: FxHashSet<(u32, Vec<u32>)> = FxHashSet::default();
        dead.retain(|configuration| seen.insert(configuration.clone()));
        for op in dead.iter_mut().flat_map(|(_, order)| order) {
            *op = self.ops[*op as usize].tag;
        }
        dead
    }

    /// The ops of a path, and the state that they lead to. That is the state of the row, but where an op that overwrites
    /// returned in the sink without having been taken: the row then stays in the sink, which all that may follow
    /// takes for the same, and the order ends with that op.
    fn configuration(&self, row_state: u32, path: u32) -> (u32, Vec<u32>) {
        let order = self.paths.order(path, |op| self.live.traits(op).overwrites);
        if self.sink != Some(row_state) {
            return (row_state, order);
        }
        let mut states = vec![self.model.initial()];
        for op in &order {
            let mut after: Vec<u32> = Vec::new();
            for state in states {
                self.model.each_step(state, self.ops[*op as usize].op, |next| {
                    if !after.contains(&next) && after.len() < STATES_MAX {
                        after.push(next);
                    }
                });
            }
            states = after;
        }
        let shown = match states.contains(&row_state) {
            true => row_state,
            false => *states.first().unwrap_or(&row_state),
        };
        (shown, order)
    }

    /// The longest orders, once the culprit is found: what is reachable without it is still in `open`. Of many, only the
    /// first are looked at.
    fn longest(&self) -> Vec<(u32, Vec<u32>)> {
        let mut orders: Vec<(u32, Vec<u32>)> = Vec::new();
        let mut room = LOOKED_AT_OPS_MAX;
        for number in 0..self.open.len() {
            let Some((row, path)) = self.open.row(number).filter(|_| room > 0) else {
                continue;
            };
            let (state, order) = self.configuration(state(row), path);
            room = room.saturating_sub(order.len().max(1));
            orders.push((state, order));
        }
        orders.sort_by_key(|(state, order)| (std::cmp::Reverse(order.len()), *state));
        // One that shows nothing which a longer one does not show is left out.
        let mut shown: FxHashSet<u32> = FxHashSet::default();
        let shows =
            |(_, order): &mut (u32, Vec<u32>)| order.iter().filter(|op| shown.insert(**op)).count() > 0;
        let mut told: Vec<(u32, Vec<u32>)> = orders.extract_if(.., shows).collect();
        if told.is_empty() {
            // Not even one op comes before the culprit.
            told = orders;
        }
        told.truncate(LONGEST_MAX);
        for op in told.iter_mut().flat_map(|(_, order)| order) {
            *op = self.ops[*op as usize].tag;
        }
        told
    }

    /// Fills `next` with all that is reachable from the current configurations and needs `wanted` no more, each path
    /// ending where it has it.
    fn expand(&mut self, wanted: Wanted) -> Result<(), Spent> {
        self.next.clear();
        self.open.clear();
        let rows = self.current.chunks_exact(self.layout.stride());
        for (row, path) in rows.zip(&self.current_paths) {
            if wanted.is_settled(row) {
                self.next.insert(row, *path);
            }
            if !wanted.is_in(row) {
                self.open.insert(row, *path);
            }
        }
        let mut number = 0;
        let mut row = std::mem::take(&mut self.row);
        while number < self.open.len() {
            if let Some((stored, path)) = self.open.row(number) {
                row.clear();
                row.extend_from_slice(stored);
                self.successors(&row, path, wanted);
                self.budget.spend(self.bytes())?;
            }
            number += 1;
        }
        self.row = row;
        Ok(())
    }

    /// Applies every mutator that `row` allows and that may be of use, one at a time.
    fn successors(&mut self, row: &[u64], path: u32, wanted: Wanted) {
        let mut choices = std::mem::take(&mut self.choices);
        self.live.choices(row, &mut choices);
        let is_blind_end = self.live.blind_end().is_set(row);
        for choice in &choices {
            let (Choice::Required(LiveOp { traits, .. }) | Choice::Optional(_, _, traits)) = choice;
            // Nobody has seen what it would overwrite: that might as well be hidden.
            if !(is_blind_end && traits.overwrites) {
                self.apply(row, path, *choice, wanted);
            }
        }
        self.choices = choices;
    }

    fn apply(&mut self, row: &[u64], path: u32, choice: Choice, wanted: Wanted) {
        let before = state(row);
        let model = self.model;
        let (Choice::Required(LiveOp { op, traits, .. }) | Choice::Optional(op, _, traits)) = choice;
        let mut successor = std::mem::take(&mut self.successor);
        let mut path_with_op = None;
        model.each_step(before, self.ops[op as usize].op, |after| {
            let is_owed = match choice {
                Choice::Required(live) => live.missing(self.layout).is_set(row),
                Choice::Optional(..) => false,
            };
            if !is_owed && after == before && !traits.overwrites {
                // It might as well not have happened, or not have been seen.
                return;
            }
            successor.clear();
            successor.extend_from_slice(row);
            successor[0] = u64::from(after);
            match choice {
                Choice::Required(live) => {
                    live.missing(self.layout).clear(&mut successor);
                    if live.traits.is_lazy {
                        self.layout.taken(live.slot).set(&mut successor);
                    }
                }
                Choice::Optional(_, used, _) => used.set(&mut successor),
            }
            if traits.overwrites || self.sink == Some(after) {
                self.live.hide_all(&mut successor);
            }
            let mut path = *path_with_op.get_or_insert_with(|| self.paths.extend(path, op));
            let mut is_seen = !traits.is_lazy;
            if after != before {
                let count = self.linearize_pure(&mut successor, after, &mut path);
                is_seen |= count > 0;
            }
            let blind_end = self.live.blind_end();
            blind_end.clear(&mut successor);
            // What nobody has seen yet can as well be taken later, unless it returns now.
            if wanted.is_settled(&successor) && (is_seen || op == wanted.op) {
                self.next.insert(&successor, path);
            }
            if !wanted.is_in(&successor) {
                if !is_seen {
                    blind_end.set(&mut successor);
                }
                self.open.insert(&successor, path);
            }
        });
        self.successor = successor;
    }

    /// Rule 2: all live pure ops that fit. Tells how many they were.
    fn linearize_pure(&mut self, row: &mut [u64], state: u32, path: &mut u32) -> usize {
        let mut count = 0;
        for live in self.live.pure() {
            let missing = live.missing(self.layout);
            if missing.is_set(row) && self.model.fits(state, self.ops[live.op as usize].op) {
                missing.clear(row);
                *path = self.paths.extend(*path, live.op);
                count += 1;
            }
        }
        count
    }
}

fn state(row: &[u64]) -> u32 {
    u32::try_from(row[0]).expect("rows in use hold a state of the model")
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
