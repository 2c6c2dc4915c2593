//! From a contradiction to the ops that prove it, and no more than a few others: each value that is seen comes
//! with its write, each op of unknown outcome with an op that saw its effect.
//!
//! A chain is cut above the first value that matters: the cas that wrote it is taken as a plain write. That is
//! sound, since a linearization of the history stays one when a cas forgets what it expected.

use super::blocks::Blocks;
use super::clusters::{Clusters, NONE};
use super::{Violation, Witness};
use crate::lower::{Effect, KeyOps, NIL};

pub(super) fn collect(
    key: &KeyOps,
    clusters: &Clusters,
    blocks: Option<&Blocks>,
    violation: &Violation,
) -> Witness {
    let mut collector = Collector {
        key,
        clusters,
        ops: Vec::new(),
        as_writes: Vec::new(),
        observers: Vec::new(),
    };
    match *violation {
        Violation::Never(op) | Violation::NoWriter(op) => collector.add_seen(op),
        Violation::TwoCas(first, second) => {
            collector.add_seen(first);
            collector.add_seen(second);
            let from = key.ops[first as usize].effect.observes().expect("a cas observes");
            collector.add_top(from);
        }
        Violation::Cycle(op) => collector.add_cycle(op),
        Violation::Inner { earlier, later } => {
            collector.add_stretch(
                blocks.expect("inner orders are found in blocks"),
                &[earlier, later],
            );
        }
        Violation::Cross { first, second } => {
            let blocks = blocks.expect("orders of blocks are found in blocks");
            collector.add_stretch(blocks, &[first.0, first.1]);
            collector.add_stretch(blocks, &[second.0, second.1]);
        }
    }
    collector.finish()
}

struct Collector<'a> {
    key: &'a KeyOps,
    clusters: &'a Clusters,
    ops: Vec<u32>,
    as_writes: Vec<u32>,
    /// Cas that count because of what they observed.
    observers: Vec<u32>,
}

impl Collector<'_> {
    fn effect(&self, op: u32) -> Effect {
        self.key.ops[op as usize].effect
    }

    /// The value by which an op belongs to its block.
    fn value(&self, op: u32) -> u32 {
        let effect = self.effect(op);
        effect
            .writes()
            .or(effect.observes())
            .expect("ops of blocks have values")
    }

    /// An op, and who saw its effect.
    fn add_seen(&mut self, op: u32) {
        self.ops.push(op);
        if self.key.ops[op as usize].is_optional() {
            self.add_observer(self.value(op));
        }
    }

    /// An op that shows that the value was in the register: a read of it, or else the cas that replaced it, and
    /// who saw the effect of that, if need be.
    fn add_observer(&mut self, mut value: u32) {
        // A chain that leads back to its start ends here; its other ops are then added by `add_cycle`.
        for _ in 0..self.key.values {
            let read = self.clusters.read_first_end[value as usize];
            if read != NONE {
                self.ops.push(read);
                return;
            }
            let cas = self.clusters.next[value as usize];
            if cas == NONE {
                return;
            }
            self.ops.push(cas);
            self.observers.push(cas);
            if !self.key.ops[cas as usize].is_optional() {
                return;
            }
            value = self.value(cas);
        }
    }

    /// The write of the value at which the evidence begins.
    fn add_top(&mut self, value: u32) {
        let writer = self.clusters.writer[value as usize];
        if value == NIL || writer == NONE {
            return;
        }
        self.ops.push(writer);
        if matches!(self.effect(writer), Effect::Cas { .. }) {
            self.as_writes.push(writer);
        }
    }

    /// These ops of one block, and the stretch of its chain from the first of their values to the last.
    fn add_stretch(&mut self, blocks: &Blocks, seeds: &[u32]) {
        let seeds: Vec<u32> = seeds.iter().copied().filter(|op| *op != NONE).collect();
        let place = |value: u32| blocks.place[value as usize];
        let Some(top) = seeds.iter().map(|op| self.value(*op)).min_by_key(|v| place(*v)) else {
            return;
        };
        let bottom = seeds
            .iter()
            .map(|op| self.value(*op))
            .max_by_key(|v| place(*v))
            .unwrap_or(top);
        let mut value = top;
        self.add_top(value);
        while value != bottom {
            let cas = self.clusters.next[value as usize];
            self.ops.push(cas);
            value = self.value(cas);
        }
        for op in seeds {
            self.add_seen(op);
        }
        let last = self.clusters.writer[bottom as usize];
        if last != NONE && self.key.ops[last as usize].is_optional() {
            self.add_observer(bottom);
        }
    }

    fn add_cycle(&mut self, start: u32) {
        let mut op = start;
        loop {
            self.add_seen(op);
            let from = self.effect(op).observes().expect("a cycle is made of cas");
            op = self.clusters.writer[from as usize];
            if op == start {
                return;
            }
        }
    }

    fn finish(mut self) -> Witness {
        self.ops.sort_unstable();
        self.ops.dedup();
        self.as_writes.sort_unstable();
        self.as_writes.dedup();
        // Chains that lead back into themselves have no top: there an observer may be the write of the first value.
        self.as_writes.retain(|op| !self.observers.contains(op));
        Witness {
            ops: self.ops,
            as_writes: self.as_writes,
        }
    }
}
