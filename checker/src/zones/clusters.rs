//! Who wrote each value, who saw it, and which ops of unknown outcome must therefore have happened.

use super::{MAX_WITNESSES, Violation};
use crate::lower::{Effect, KeyOps, NIL};

pub(super) const NONE: u32 = u32::MAX;

/// Per value, ops by their position in the key, or [`NONE`].
#[derive(Debug)]
pub(super) struct Clusters {
    /// The op that wrote the value, a write or a cas.
    pub(super) writer: Vec<u32>,
    /// Whether the value was certainly in the register at some time. Nil always was.
    pub(super) needed: Vec<bool>,
    /// The cas that certainly replaced the value; if there are several, one of them.
    pub(super) next: Vec<u32>,
    /// Of the reads of the value, the one that ended first.
    pub(super) read_first_end: Vec<u32>,
    /// Of the reads of the value, the one that started last.
    pub(super) read_last_start: Vec<u32>,
    violations: Vec<Violation>,
}

impl Clusters {
    /// `None` where zones do not apply.
    pub(super) fn new(key: &KeyOps) -> Option<Self> {
        let values = key.values as usize;
        let mut clusters = Self {
            writer: vec![NONE; values],
            needed: vec![false; values],
            next: vec![NONE; values],
            read_first_end: vec![NONE; values],
            read_last_start: vec![NONE; values],
            violations: Vec::new(),
        };
        clusters.assign(key)?;
        clusters.mark_needed(key);
        clusters.glue(key);
        Some(clusters)
    }

    /// Contradictions that are apparent from the clusters alone.
    pub(super) fn violations(&self) -> Vec<Violation> {
        self.violations.clone()
    }

    fn report(&mut self, violation: Violation) {
        if self.violations.len() < MAX_WITNESSES {
            self.violations.push(violation);
        }
    }

    fn assign(&mut self, key: &KeyOps) -> Option<()> {
        for (i, op) in (0_u32..).zip(&key.ops) {
            if let Some(value) = op.effect.writes() {
                let writer = &mut self.writer[value as usize];
                if *writer != NONE {
                    return None;
                }
                *writer = i;
            }
            match op.effect {
                Effect::NotHeld(_) => return None,
                Effect::Never => self.report(Violation::Never(i)),
                Effect::Read(value) => {
                    let first = &mut self.read_first_end[value as usize];
                    if *first == NONE || op.end < key.ops[*first as usize].end {
                        *first = i;
                    }
                    // Ops are in the order of their starts.
                    self.read_last_start[value as usize] = i;
                }
                Effect::Write(_) | Effect::Cas { .. } => {}
            }
        }
        Some(())
    }

    fn mark_needed(&mut self, key: &KeyOps) {
        self.needed[NIL as usize] = true;
        let mut work: Vec<u32> = Vec::new();
        for value in 0..key.values {
            let writer = self.writer[value as usize];
            let happened = writer != NONE && !key.ops[writer as usize].is_optional();
            if happened || self.read_first_end[value as usize] != NONE {
                self.needed[value as usize] = true;
                work.push(value);
            }
        }
        // What a cas that must have happened replaced must have been there.
        while let Some(value) = work.pop() {
            let writer = self.writer[value as usize];
            if writer == NONE {
                continue;
            }
            if let Some(from) = key.ops[writer as usize].effect.observes()
                && !self.needed[from as usize]
            {
                self.needed[from as usize] = true;
                work.push(from);
            }
        }
    }

    fn glue(&mut self, key: &KeyOps) {
        for (i, op) in (0_u32..).zip(&key.ops) {
            let Some(seen) = op.effect.observes() else {
                continue;
            };
            if let Effect::Cas { from, to } = op.effect {
                if !self.needed[to as usize] {
                    continue;
                }
                match self.next[from as usize] {
                    NONE => self.next[from as usize] = i,
                    other => self.report(Violation::TwoCas(other, i)),
                }
            }
            if seen != NIL && self.writer[seen as usize] == NONE {
                self.report(Violation::NoWriter(i));
            }
        }
    }
}
