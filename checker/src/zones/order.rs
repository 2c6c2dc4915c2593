//! The order of blocks: pairs that each must come before the other.

use super::blocks::{Block, Blocks};
use super::{MAX_WITNESSES, Violation};

/// Reports two-cycles, at least one if there is any.
pub(super) fn check(blocks: &Blocks, violations: &mut Vec<Violation>) {
    let (mut forward, backward): (Vec<Block>, Vec<Block>) =
        blocks.blocks.iter().partition(|b| b.finish < b.start);
    forward.sort_unstable_by_key(|b| (b.finish, b.start, b.finish_op));
    let disjoint = overlaps(&forward, violations);
    // Where forward zones overlap, the last one that finishes before a backward zone starts need not be the one
    // that reaches furthest; then `reach` finds that.
    let reach = if disjoint { Vec::new() } else { furthest(&forward) };
    for zone in &backward {
        if violations.len() >= MAX_WITNESSES {
            return;
        }
        let before = forward.partition_point(|f| f.finish < zone.start);
        let Some(last) = before.checked_sub(1) else {
            continue;
        };
        let around = if disjoint {
            &forward[last]
        } else {
            &forward[reach[last]]
        };
        if zone.finish < around.start {
            violations.push(cross(around, zone));
        }
    }
}

/// Reports forward zones that overlap one before them; true if there are none.
fn overlaps(forward: &[Block], violations: &mut Vec<Violation>) -> bool {
    let mut disjoint = true;
    let mut furthest: Option<&Block> = None;
    for zone in forward {
        if let Some(before) = furthest
            && zone.finish < before.start
        {
            disjoint = false;
            if violations.len() >= MAX_WITNESSES {
                break;
            }
            violations.push(cross(before, zone));
        }
        if furthest.is_none_or(|before| zone.start > before.start) {
            furthest = Some(zone);
        }
    }
    disjoint
}

/// For each zone, which of it and those before it starts its last op last.
fn furthest(forward: &[Block]) -> Vec<usize> {
    let mut best = 0;
    let mut reach = Vec::with_capacity(forward.len());
    for (i, zone) in forward.iter().enumerate() {
        if zone.start > forward[best].start {
            best = i;
        }
        reach.push(best);
    }
    reach
}

fn cross(a: &Block, b: &Block) -> Violation {
    Violation::Cross {
        first: (a.finish_op, a.start_op),
        second: (b.finish_op, b.start_op),
    }
}
