//! Orders of updates, and the least k for a given one, in O(n log n).
//!
//! Each op is put as early as it can be: after its own update, or that of the value it saw, and after all that
//! returned before it was invoked. Every order of all ops that keeps to the given order of updates has each op there
//! or later, so k is how far the reads then are behind.

use super::Key;
use crate::lower::{Effect, NEVER, NIL};

/// The least k if updates happened in this order (positions in the key); `None` if they cannot have.
pub(super) fn least_k(key: &Key<'_>, updates: &[u32]) -> Option<u64> {
    let place = places(key, updates)?;
    let ops = &key.ops.ops;
    let mut by_end: Vec<u32> = (0..).zip(ops).map(|(at, _)| at).collect();
    by_end.sort_unstable_by_key(|at| ops[*at as usize].end);
    let mut reached = vec![0_u64; ops.len()];
    let (mut ended, mut floor, mut k) = (0, 0, 1);
    for (at, op) in ops.iter().enumerate() {
        while let Some(before) = by_end.get(ended).filter(|b| ops[**b as usize].end < op.start) {
            floor = floor.max(reached[*before as usize]);
            ended += 1;
        }
        reached[at] = match op.effect {
            Effect::Write(value) | Effect::Cas { to: value, .. } => match place[value as usize] {
                // It was left out, since nobody saw it and it need not have happened.
                None if op.is_optional() => 0,
                None => return None,
                Some(own) if floor < own => own,
                Some(_) => return None,
            },
            Effect::Read(value) => {
                let seen = place[value as usize]?;
                let here = floor.max(seen);
                if here > seen && !key.stale[at] {
                    return None;
                }
                k = k.max(here - seen + 1);
                here
            }
            Effect::NotHeld(_) | Effect::Never => return None,
        };
    }
    Some(k)
}

/// Per value, the number of its update, from 1 on; nil has 0. `None` if a cas does not follow what it expected.
fn places(key: &Key<'_>, updates: &[u32]) -> Option<Vec<Option<u64>>> {
    let mut place = vec![None; key.ops.values as usize];
    place[NIL as usize] = Some(0);
    let mut held = NIL;
    for (number, at) in (1..).zip(updates) {
        let effect = key.ops.ops[*at as usize].effect;
        if effect.observes().is_some_and(|from| from != held) {
            return None;
        }
        held = effect.writes()?;
        place[held as usize] = Some(number);
    }
    Some(place)
}

/// A chain of updates, each but the first a cas from the one before, as an interval. See [`crate::zones`]; here
/// reads bound how late a value came, but not how long it stayed.
struct Chain {
    updates: Vec<u32>,
    finish: u64,
    start: u64,
}

impl Chain {
    fn is_forward(&self) -> bool {
        self.finish < self.start
    }
}

/// Orders of the updates that real time allows, if there are any: each chain at one moment of its interval, or the
/// whole of it where it must take that long.
pub(super) fn by_zones(key: &Key<'_>, updates: &[u32]) -> Vec<Vec<u32>> {
    let chains = chains(key, updates);
    let mut forward: Vec<(u64, u64)> = chains
        .iter()
        .filter(|c| c.is_forward())
        .map(|c| (c.finish, c.start))
        .collect();
    forward.sort_unstable();
    let around = |moment: u64| {
        let before = forward.partition_point(|(finish, _)| *finish < moment);
        before
            .checked_sub(1)
            .map(|last| forward[last])
            .filter(|(_, start)| moment < *start)
    };
    let order = |moment: &dyn Fn(&Chain) -> u64| {
        let mut order: Vec<(u64, bool, &Chain)> = chains
            .iter()
            .map(|c| {
                let at = if c.is_forward() { c.finish } else { moment(c) };
                (at, c.is_forward(), c)
            })
            .collect();
        order.sort_by_key(|(at, is_forward, _)| (*at, *is_forward));
        order
            .iter()
            .flat_map(|(.., c)| c.updates.iter().copied())
            .collect()
    };
    vec![
        order(&|c| around(c.finish).map_or(c.finish, |(finish, _)| finish)),
        order(&|c| around(c.start).map_or(c.start, |(_, start)| start)),
    ]
}

/// The chain of nil, and then those of all values that a plain write made.
fn chains(key: &Key<'_>, updates: &[u32]) -> Vec<Chain> {
    let (ops, values) = (&key.ops.ops, key.ops.values as usize);
    let (mut finish, mut start) = (vec![NEVER; values], vec![0; values]);
    for (op, stale) in ops.iter().zip(&key.stale) {
        let shown = op.effect.observes().into_iter().chain(op.effect.writes());
        for value in shown.map(|value| value as usize) {
            finish[value] = finish[value].min(op.end);
            if !stale {
                start[value] = start[value].max(op.start);
            }
        }
    }
    finish[NIL as usize] = 0;
    let mut next = vec![None; values];
    let mut roots = vec![(NIL, None)];
    for at in updates {
        match ops[*at as usize].effect {
            Effect::Cas { from, .. } => next[from as usize] = Some(*at),
            effect => roots.extend(effect.writes().map(|value| (value, Some(*at)))),
        }
    }
    let mut follow = |(mut value, root): (u32, Option<u32>)| {
        let mut chain = Chain {
            updates: root.into_iter().collect(),
            finish: finish[value as usize],
            start: start[value as usize],
        };
        // Each cas is taken once, so that a circle of them ends.
        while let Some(at) = next[value as usize].take() {
            chain.updates.push(at);
            value = ops[at as usize].effect.writes().unwrap_or(NIL);
            chain.finish = chain.finish.min(finish[value as usize]);
            chain.start = chain.start.max(start[value as usize]);
        }
        chain
    };
    roots.into_iter().map(&mut follow).collect()
}
