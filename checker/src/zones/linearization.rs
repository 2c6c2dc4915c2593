//! The linearization of a key that zones find linearizable.
//!
//! Blocks by the lesser end of their zones, `min(f, s)`, and those first that are no forward zones where two are equal,
//! are in a topological order of all constraints. For let A have to come before B, so `f_A < s_B`, and B not before A,
//! so `s_A <= f_B`. Where the lesser end of B is `s_B`, that of A is less, since `f_A` is. Else it is `f_B < s_B`, and B is
//! forward; that of A is at most `s_A <= f_B`, and where it is equal it is `s_A <= f_A`, so that A is not forward.

use super::blocks::Blocks;
use super::clusters::{Clusters, NONE};
use crate::lower::KeyOps;

/// An order of the ops of `key`, by their positions, that is a linearization if there is one; `None` where zones do not
/// apply. Ops of unknown outcome whose effect nobody saw are left out. Takes O(n log n).
pub(crate) fn linearize(key: &KeyOps) -> Option<Vec<u32>> {
    let clusters = Clusters::new(key)?;
    let blocks = Blocks::new(key, &clusters, &mut Vec::new());
    let mut order: Vec<u32> = (0..key.ops.len() as u32)
        .filter(|op| block_of(key, &clusters, &blocks, *op).is_some())
        .collect();
    order.sort_by_cached_key(|op| {
        let block = block_of(key, &clusters, &blocks, *op).unwrap_or(NONE);
        let zone = &blocks.blocks[block as usize];
        let effect = key.ops[*op as usize].effect;
        // Within a block: value by value, and first of all the op that brings the value; the rest as they began.
        let value = effect.writes().or(effect.observes()).unwrap_or(NONE);
        (
            zone.finish.min(zone.start),
            zone.finish < zone.start,
            block,
            blocks.place[value as usize],
            effect.writes().is_none(),
            *op,
        )
    });
    Some(order)
}

/// The block that an op belongs to; `None` for one that need not have happened.
fn block_of(key: &KeyOps, clusters: &Clusters, blocks: &Blocks, op: u32) -> Option<u32> {
    let effect = key.ops[op as usize].effect;
    let value = effect.writes().or(effect.observes())? as usize;
    Some(blocks.block_of[value]).filter(|block| clusters.needed[value] && *block != NONE)
}
