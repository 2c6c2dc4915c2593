//! Zones: linearizability of a register whose values are all unique, in O(n log n).
//!
//! After Gibbons and Korach, "Testing shared memories" (SIAM J. Comput. 1997), section 3, extended by cas. Where
//! every value is written once, a linearization holds each value for one stretch of time: the *cluster* of a
//! value (its write and all ops that observe it) is contiguous. A successful cas from `a` to `b` ends the stretch
//! of `a` and begins that of `b`, so it glues the cluster of `b` right after that of `a`. A maximal chain of
//! glued clusters is a *block*; its inner order is given, and is checked by one sweep ([`blocks`]).
//!
//! Block A must come before block B iff some op of A precedes some op of B: iff `f_A < s_B`, with `f` the least
//! finish and `s` the greatest start of the block. Any cycle of such constraints contains a cycle of two: from
//! `f_i < s_{i+1}` and no two-cycle, so `s_i <= f_{i+1}`, follows `f_i < s_{i+1} <= f_{i+2}`, and going on by
//! twos around the cycle gives `f_i < f_i`. So pairs suffice, and they are found among intervals ([`order`]):
//! a block is a *forward zone* `[f, s]` if `f < s`, else a *backward zone* `[s, f]`; there is a two-cycle iff two
//! forward zones overlap or a backward zone lies inside a forward one.
//!
//! Nil is a value that was written before everything. An op of unknown outcome counts iff its value was seen,
//! directly or through further cas; then it must have happened, but its end bounds nothing. If it was not seen
//! it is left out: nothing but a write can follow it.

mod blocks;
mod clusters;
mod linearization;
mod order;
mod witness;

use blocks::Blocks;
use clusters::Clusters;
pub(crate) use linearization::linearize;

use crate::lower::KeyOps;

/// Evidence is collected for so many violations of a key at most; the smallest is shown.
const MAX_WITNESSES: usize = 16;

/// What zones say about a key.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Some value was written twice, or a failed compare asks what the register did not hold.
    NotApplicable,
    /// There is a linearization.
    Linearizable,
    /// There is none: some sets of ops that are evidence of it, at least one.
    Violations(Vec<Witness>),
}

/// Ops, by their position in their key, that admit no linearization whatever else happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    /// In ascending order.
    pub(crate) ops: Vec<u32>,
    /// Those cas among them of which only the effect counts, not what they expected: they are taken as writes.
    pub(crate) as_writes: Vec<u32>,
}

/// A contradiction, by the positions of the ops that make it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Violation {
    /// No register answers so.
    Never(u32),
    /// It observes a value that nobody wrote.
    NoWriter(u32),
    /// Two successful cas from one value.
    TwoCas(u32, u32),
    /// A chain of cas that has no beginning: this is one of them.
    Cycle(u32),
    /// `later` comes after `earlier` in the chain of their block, but returned before that was invoked.
    Inner { earlier: u32, later: u32 },
    /// `first.0` precedes `second.1`, and `second.0` precedes `first.1`, in two blocks.
    Cross { first: (u32, u32), second: (u32, u32) },
}

/// Checks the ops of a key.
pub(crate) fn check(key: &KeyOps) -> Answer {
    let Some(clusters) = Clusters::new(key) else {
        return Answer::NotApplicable;
    };
    let mut violations = clusters.violations();
    // Blocks are only defined where chains are.
    let blocks = if violations.is_empty() {
        let blocks = Blocks::new(key, &clusters, &mut violations);
        order::check(&blocks, &mut violations);
        Some(blocks)
    } else {
        None
    };
    if violations.is_empty() {
        return Answer::Linearizable;
    }
    violations.truncate(MAX_WITNESSES);
    let witnesses = violations
        .iter()
        .map(|v| witness::collect(key, &clusters, blocks.as_ref(), v));
    Answer::Violations(witnesses.collect())
}
