//! From a counterexample to a proof of it that needs no search, where there is one.

use rustc_hash::FxHashMap;

use super::walk::{Graph, Hop, Paths};
use crate::certificate::{Cycle, Happened, Proof, Relation, Step};
use crate::history::History;
use crate::lower::{Effect, KeyOps, NIL};

/// For more ops no cycle is looked for: each round takes the cube of their number.
const OPS_MAX: usize = 128;

/// A proof that `key` is not linearizable, out of the ops at these positions of it, which the proof names by their
/// positions too. `None` if none was found; always found where every value is written once and the ops, as recorded, are
/// not linearizable.
pub(crate) fn prove(history: &History, key: &KeyOps, ops: &[u32]) -> Option<Proof> {
    let effect = |op: u32| key.ops[op as usize].effect;
    if let Some(op) = ops.iter().find(|op| effect(**op) == Effect::Never) {
        return Some(Proof::ImpossibleAnswer { op: *op });
    }
    let writers = Writers::new(key);
    let (ops, happened) = certain(key, &writers, ops);
    let is_unwritten = |op: &&u32| {
        let seen = effect(**op).observes();
        seen.is_some_and(|value| value != NIL && !writers.is_written[value as usize])
    };
    if let Some(op) = ops.iter().find(is_unwritten) {
        return Some(Proof::UnwrittenValue { op: *op, happened });
    }
    if ops.len() > OPS_MAX {
        return None;
    }
    let found = Rounds::new(history, key, &writers, &ops).run()?;
    Some(Proof::Cycle(found.needed_only(happened)))
}

/// Who may have written each value, among all ops of the key.
struct Writers {
    is_written: Vec<bool>,
    /// The position of the only one.
    only: Vec<Option<u32>>,
}

impl Writers {
    fn new(key: &KeyOps) -> Self {
        let mut writers = Self {
            is_written: vec![false; key.values as usize],
            only: vec![None; key.values as usize],
        };
        for (position, op) in (0..).zip(&key.ops) {
            if let Some(value) = op.effect.writes() {
                let is_first = !std::mem::replace(&mut writers.is_written[value as usize], true);
                writers.only[value as usize] = is_first.then_some(position);
            }
        }
        writers
    }

    /// The only op that may have written what this one saw.
    fn of_seen(&self, effect: Effect) -> Option<u32> {
        effect.observes().and_then(|value| self.only[value as usize])
    }
}

/// Those ops that are in every linearization, and why those of unknown outcome are.
fn certain(key: &KeyOps, writers: &Writers, ops: &[u32]) -> (Vec<u32>, Vec<Happened>) {
    let (mut open, mut certain): (Vec<u32>, Vec<u32>) =
        ops.iter().partition(|op| key.ops[**op as usize].is_optional());
    let mut happened = Vec::new();
    let mut next = 0;
    while let Some(seen_by) = certain.get(next).copied() {
        next += 1;
        let writer = writers.of_seen(key.ops[seen_by as usize].effect);
        if let Some(at) = open.iter().position(|op| Some(*op) == writer) {
            let op = open.swap_remove(at);
            certain.push(op);
            happened.push(Happened { op, seen_by });
        }
    }
    certain.sort_unstable();
    (certain, happened)
}

/// The rounds in which edges are added. Ops are places in `ops` here, but positions of the key in steps.
struct Rounds<'a> {
    history: &'a History,
    key: &'a KeyOps,
    ops: &'a [u32],
    /// Per place: the place of the only op that wrote what this one saw.
    seen: Vec<Option<usize>>,
    graph: Graph,
    steps: Vec<Step>,
    known: FxHashMap<(usize, usize, Relation), u32>,
}

/// Steps, some of which close a cycle.
struct Found {
    steps: Vec<Step>,
    cycle: Vec<u32>,
}

impl<'a> Rounds<'a> {
    fn new(history: &'a History, key: &'a KeyOps, writers: &Writers, ops: &'a [u32]) -> Self {
        let seen = |op: &u32| {
            let writer = writers.of_seen(key.ops[*op as usize].effect)?;
            ops.binary_search(&writer).ok()
        };
        let mut rounds = Self {
            history,
            key,
            ops,
            seen: ops.iter().map(seen).collect(),
            graph: Graph::new(key, ops),
            steps: Vec::new(),
            known: FxHashMap::default(),
        };
        for at in 0..ops.len() {
            if let Some(writer) = rounds.seen[at] {
                rounds.add(writer, at, Relation::WriteRead, Vec::new());
            }
            if rounds.effect(at).observes() == Some(NIL) {
                for x in (0..ops.len()).filter(|x| *x != at) {
                    if rounds.effect(x).writes().is_some() {
                        rounds.add(at, x, Relation::ReadWrite, Vec::new());
                    }
                }
            }
        }
        rounds
    }

    fn effect(&self, at: usize) -> Effect {
        self.key.ops[self.ops[at] as usize].effect
    }

    fn run(mut self) -> Option<Found> {
        loop {
            let paths: Vec<Paths> = (0..self.ops.len()).map(|at| self.graph.paths(at)).collect();
            if let Some(cycle) = self.shortest_cycle(&paths) {
                let Self { steps, .. } = self;
                return Some(Found { steps, cycle });
            }
            if !self.round(&paths) {
                return None;
            }
        }
    }

    /// Adds what follows from the paths there are. False if nothing new does.
    fn round(&mut self, paths: &[Paths]) -> bool {
        let before = self.steps.len();
        for r in 0..self.ops.len() {
            let Some(w) = self.seen[r] else { continue };
            for x in 0..self.ops.len() {
                if x == w || x == r || self.effect(x).writes().is_none() {
                    continue;
                }
                if paths[w].steps_to(x).is_some() && !self.known.contains_key(&(r, x, Relation::ReadWrite)) {
                    let because = self.path(&paths[w], x);
                    self.add(r, x, Relation::ReadWrite, because);
                }
                if paths[x].steps_to(r).is_some() && !self.known.contains_key(&(x, w, Relation::WriteWrite)) {
                    let because = self.path(&paths[x], r);
                    self.add(x, w, Relation::WriteWrite, because);
                }
            }
        }
        self.steps.len() > before
    }

    /// Adds a step that is an edge.
    fn add(&mut self, before: usize, after: usize, relation: Relation, because: Vec<u32>) {
        let step = self.step(before, after, relation, because);
        self.graph.add(before, after, step);
    }

    /// The number of a step, a new one if there is none.
    fn step(&mut self, before: usize, after: usize, relation: Relation, because: Vec<u32>) -> u32 {
        let next = u32::try_from(self.steps.len()).expect("few ops have few steps");
        let number = *self.known.entry((before, after, relation)).or_insert(next);
        if number == next {
            self.steps.push(Step {
                before: self.ops[before],
                after: self.ops[after],
                relation,
                because,
            });
        }
        number
    }

    /// The steps of the shortest path to `to`.
    fn path(&mut self, paths: &Paths, to: usize) -> Vec<u32> {
        let hops = self.graph.hops(paths, to);
        let step = |hop| match hop {
            Hop::Step(number) => number,
            Hop::RealTime(before, after) => {
                let process = |at: usize| {
                    let op = &self.key.ops[self.ops[at] as usize];
                    self.history.ops[op.op as usize].process
                };
                let relation = match process(before) == process(after) {
                    true => Relation::Session,
                    false => Relation::RealTime,
                };
                self.step(before, after, relation, Vec::new())
            }
        };
        hops.into_iter().map(step).collect()
    }

    /// The shortest cycle: of those the one that rests on the fewest steps, and on the fewest of the rule that is least
    /// obvious.
    fn shortest_cycle(&mut self, paths: &[Paths]) -> Option<Vec<u32>> {
        let length = (0..self.ops.len())
            .filter_map(|at| paths[at].steps_to(at))
            .min()?;
        let mut best: Option<((usize, usize), Vec<u32>)> = None;
        for at in (0..self.ops.len()).filter(|at| paths[*at].steps_to(*at) == Some(length)) {
            let cycle = self.path(&paths[at], at);
            let needed = needed(&self.steps, &cycle);
            let of_writes = |step: &&u32| self.steps[**step as usize].relation == Relation::WriteWrite;
            let rank = (needed.len(), needed.iter().filter(of_writes).count());
            if best.as_ref().is_none_or(|(best, _)| rank < *best) {
                best = Some((rank, cycle));
            }
        }
        best.map(|(_, cycle)| cycle)
    }
}

/// The steps that `cycle` rests on, ascending.
fn needed(steps: &[Step], cycle: &[u32]) -> Vec<u32> {
    let mut is_needed = vec![false; steps.len()];
    let mut open = cycle.to_vec();
    while let Some(step) = open.pop() {
        if !std::mem::replace(&mut is_needed[step as usize], true) {
            open.extend_from_slice(&steps[step as usize].because);
        }
    }
    (0..)
        .zip(is_needed)
        .filter(|(_, needed)| *needed)
        .map(|(step, _)| step)
        .collect()
}

impl Found {
    /// Without steps that the cycle does not rest on, and what only those need.
    fn needed_only(self, happened: Vec<Happened>) -> Cycle {
        let needed = needed(&self.steps, &self.cycle);
        let number = |old: &u32| needed.binary_search(old).expect("what is needed stays") as u32;
        let numbers = |old: &[u32]| -> Vec<u32> { old.iter().map(number).collect() };
        let steps: Vec<Step> = needed
            .iter()
            .map(|old| {
                let step = &self.steps[*old as usize];
                Step {
                    because: numbers(&step.because),
                    ..step.clone()
                }
            })
            .collect();
        // Each op of unknown outcome was seen by one that comes later in `happened`, or returned.
        let mut ops: Vec<u32> = steps.iter().flat_map(|step| [step.before, step.after]).collect();
        let mut kept: Vec<Happened> = Vec::new();
        for claim in happened.into_iter().rev() {
            if ops.contains(&claim.op) {
                ops.push(claim.seen_by);
                kept.push(claim);
            }
        }
        kept.reverse();
        Cycle {
            happened: kept,
            cycle: numbers(&self.cycle),
            steps,
        }
    }
}
