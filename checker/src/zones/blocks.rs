//! Blocks: chains of values, each replaced by a cas with the next.

use super::clusters::{Clusters, NONE};
use super::{MAX_WITNESSES, Violation};
use crate::lower::{Effect, KeyOps, NEVER, NIL};

/// All blocks of a key, and where each value is in them.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) blocks: Vec<Block>,
    /// Per value: its block, or [`NONE`].
    pub(super) block_of: Vec<u32>,
    /// Per value: its place in the chain of its block.
    pub(super) place: Vec<u32>,
}

/// A block as an interval. The ops that define it are positions in the key, [`NONE`] for the virtual write of nil.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The least finish, and whose it is.
    pub(super) finish: u64,
    pub(super) finish_op: u32,
    /// The greatest start, and whose it is.
    pub(super) start: u64,
    pub(super) start_op: u32,
}

impl Blocks {
    /// Builds all blocks. Violations of an inner order, and chains without a beginning, are reported.
    pub(super) fn new(key: &KeyOps, clusters: &Clusters, violations: &mut Vec<Violation>) -> Self {
        let values = key.values as usize;
        let mut blocks = Self {
            blocks: Vec::new(),
            block_of: vec![NONE; values],
            place: vec![0; values],
        };
        for value in 0..key.values {
            let writer = clusters.writer[value as usize];
            let is_root = value == NIL
                || (writer != NONE && matches!(key.ops[writer as usize].effect, Effect::Write(_)));
            if is_root && clusters.needed[value as usize] {
                blocks.follow(key, clusters, value, violations);
            }
        }
        for value in 0..key.values {
            // Every value has at most one cas from it by now, and each that is needed has a writer: what no root
            // leads to is on a cycle.
            if clusters.needed[value as usize]
                && blocks.block_of[value as usize] == NONE
                && violations.len() < MAX_WITNESSES
            {
                violations.push(Violation::Cycle(clusters.writer[value as usize]));
            }
        }
        blocks
    }

    fn follow(&mut self, key: &KeyOps, clusters: &Clusters, root: u32, violations: &mut Vec<Violation>) {
        let number = u32::try_from(self.blocks.len()).expect("no more blocks than values");
        let mut sweep = Sweep::new();
        let mut value = root;
        let mut place = 0;
        loop {
            self.block_of[value as usize] = number;
            self.place[value as usize] = place;
            if value == NIL {
                sweep.nil();
            } else {
                let writer = clusters.writer[value as usize];
                sweep.group(key, writer, writer);
            }
            let first = clusters.read_first_end[value as usize];
            if first != NONE {
                sweep.group(key, first, clusters.read_last_start[value as usize]);
            }
            match clusters.next[value as usize] {
                NONE => break,
                cas => value = key.ops[cas as usize].effect.writes().expect("a cas writes"),
            }
            place += 1;
        }
        if let Some(violation) = sweep.violation
            && violations.len() < MAX_WITNESSES
        {
            violations.push(violation);
        }
        self.blocks.push(sweep.block);
    }
}

/// Goes through the chain: write, reads, cas, reads, cas, reads. No op may end before an op of an earlier group
/// started.
struct Sweep {
    block: Block,
    violation: Option<Violation>,
}

impl Sweep {
    fn new() -> Self {
        Self {
            block: Block {
                finish: NEVER,
                finish_op: NONE,
                start: 0,
                start_op: NONE,
            },
            violation: None,
        }
    }

    /// The virtual write of nil, which ends before everything.
    fn nil(&mut self) {
        self.block.finish = 0;
    }

    /// A group of ops in any order, of which `first` ends first and `last` starts last.
    fn group(&mut self, key: &KeyOps, first: u32, last: u32) {
        let (finish, start) = (key.ops[first as usize].end, key.ops[last as usize].start);
        if finish < self.block.start && self.violation.is_none() {
            self.violation = Some(Violation::Inner {
                earlier: self.block.start_op,
                later: first,
            });
        }
        if finish < self.block.finish {
            self.block.finish = finish;
            self.block.finish_op = first;
        }
        if start > self.block.start {
            self.block.start = start;
            self.block.start_op = last;
        }
    }
}
