//! Prefixes: whoever was shown the writes up to a version is shown no fewer later on.
//!
//! An op that saw version `v` of its key saw a prefix of the order of writes that ends at `v` or later, but
//! before the next write of that key. So prefixes that never shrink exist iff the greedy ones do: each ends at
//! the greatest version seen so far, the *floor*; and they do unless the next write of the key, after the
//! version seen, lies at or below the floor.

use rustc_hash::FxHashMap;

use super::finding::{Known, KnownWrite};
use crate::counterexample::{AnomalyClass, Counterexample};
use crate::history::{NodeName, Op, Outcome, ProcessId};
use crate::ledger::written;

/// What was seen up to now: the greatest version, and by which op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Floor {
    version: u64,
    op: u32,
}

/// Per session, in the order of its ops.
pub(super) fn sessions(known: &Known<'_>) -> Option<Counterexample> {
    growing(known, |_| true)
}

/// Per session, in the order of its ops, where only what it read counts, not what it wrote.
pub(super) fn reads(known: &Known<'_>) -> Option<Counterexample> {
    growing(known, |op| written(op).is_none())
}

/// Whether the prefixes of each session grow, over the ops that count.
fn growing(known: &Known<'_>, counts: impl Fn(&Op) -> bool) -> Option<Counterexample> {
    let mut order: Vec<(u64, u32)> = known
        .ops()
        .filter(|(_, op)| counts(op))
        .map(|(position, op)| (op.invoked_ns, position))
        .collect();
    order.sort_unstable();
    let mut floors: FxHashMap<ProcessId, Floor> = FxHashMap::default();
    for (_, position) in order {
        let op = known.ledger.op(position);
        let Some(version) = known.ledger.version(op) else {
            continue;
        };
        if let Some(floor) = floors.get(&op.process).copied() {
            if written(op).is_some() && version <= floor.version {
                return Some(own_write_behind(known, floor, position, version));
            }
            if let Some(missed) = missed(known, floor, op, version) {
                return Some(session_behind(known, floor, position, version, missed));
            }
        }
        let here = Floor {
            version,
            op: position,
        };
        let floor = floors.entry(op.process).or_insert(here);
        // Of ops that saw the same version the first is kept: it is the older evidence.
        if here.version > floor.version {
            *floor = here;
        }
    }
    None
}

/// Per node that serves.
pub(super) fn nodes(known: &Known<'_>) -> Option<Counterexample> {
    let group = |op: &Op| Some((op.served_by?, 0));
    backward(known, AnomalyClass::NodeWentBackward, group)
}

/// Per node and term.
pub(super) fn leaders(known: &Known<'_>) -> Option<Counterexample> {
    let group = |op: &Op| Some((op.served_by?, op.term?));
    backward(known, AnomalyClass::LeaderWentBackward, group)
}

/// The write of the op's key that it did not see, though it is at or below the floor.
fn missed(known: &Known<'_>, floor: Floor, op: &Op, version: u64) -> Option<KnownWrite> {
    known
        .next_write(op.key, version)
        .filter(|next| next.version <= floor.version)
}

fn own_write_behind(known: &Known<'_>, floor: Floor, position: u32, version: u64) -> Counterexample {
    let reason = format!(
        "process {}'s {} got version {version} after {}, which has version {}",
        known.ledger.op(position).process,
        known.teller().noun(position),
        earlier(known, floor),
        floor.version,
    );
    known.violation(
        AnomalyClass::SessionOrderViolation,
        position,
        &[floor.op, position],
        reason,
    )
}

fn session_behind(
    known: &Known<'_>,
    floor: Floor,
    position: u32,
    version: u64,
    missed: KnownWrite,
) -> Counterexample {
    let (before, op) = (known.ledger.op(floor.op), known.ledger.op(position));
    let class = if written(before).is_none() && before.key == op.key {
        AnomalyClass::NonMonotonicReads
    } else {
        AnomalyClass::SessionOrderViolation
    };
    let reason = format!(
        "{} with version {version} after {}, which has version {}: it should have seen {} with version {}",
        known.teller().sentence(position),
        earlier(known, floor),
        floor.version,
        known.teller().noun(missed.op),
        missed.version,
    );
    known.violation(class, position, &[floor.op, missed.op, position], reason)
}

/// "its own write 5", "its own read of key 7", where the floor comes from.
fn earlier(known: &Known<'_>, floor: Floor) -> String {
    let op = known.ledger.op(floor.op);
    format!("its own {} on key {}", op.describe(), op.key)
}

/// Within each group, ops that returned before another was invoked set its floor.
fn backward(
    known: &Known<'_>,
    class: AnomalyClass,
    group: impl Fn(&Op) -> Option<(NodeName, u64)>,
) -> Option<Counterexample> {
    // (group, time, op): by invocation, and by return with the version shown.
    let mut invoked: Vec<((NodeName, u64), u64, u32)> = Vec::new();
    let mut returned: Vec<((NodeName, u64), u64, Floor)> = Vec::new();
    for (position, op) in known.ops().filter(|(_, op)| op.outcome != Outcome::Info) {
        let (Some(group), Some(version)) = (group(op), known.ledger.version(op)) else {
            continue;
        };
        invoked.push((group, op.invoked_ns, position));
        returned.push((
            group,
            op.end_ns(),
            Floor {
                version,
                op: position,
            },
        ));
    }
    invoked.sort_unstable();
    returned.sort_unstable();
    let mut next = 0;
    let mut floor: Option<((NodeName, u64), Floor)> = None;
    for (group, start, position) in invoked {
        while next < returned.len() && (returned[next].0, returned[next].1) < (group, start) {
            let (of, _, here) = returned[next];
            floor = match floor {
                Some((same, before)) if same == of && before.version >= here.version => floor,
                _ => Some((of, here)),
            };
            next += 1;
        }
        let Some((_, floor)) = floor.filter(|(of, _)| *of == group) else {
            continue;
        };
        let op = known.ledger.op(position);
        let Some(version) = known.ledger.version(op) else {
            continue;
        };
        if let Some(missed) = missed(known, floor, op, version) {
            return Some(node_behind(known, class, floor, position, version, missed));
        }
    }
    None
}

fn node_behind(
    known: &Known<'_>,
    class: AnomalyClass,
    floor: Floor,
    position: u32,
    version: u64,
    missed: KnownWrite,
) -> Counterexample {
    let teller = known.teller();
    let op = known.ledger.op(position);
    let nodes = &known.history().nodes;
    let node = op
        .served_by
        .and_then(|n| nodes.get(usize::from(n.0)))
        .map_or("the node", String::as_str);
    let term = op.term.filter(|_| class == AnomalyClass::LeaderWentBackward);
    let term = term.map_or(String::new(), |term| format!(" in term {term}"));
    let reason = format!(
        "{node}{term} showed version {} by {}, and {} later {} there with version {version}: it should have seen {} with version {}",
        floor.version,
        teller.noun(floor.op),
        teller.gap(floor.op, position),
        teller.sentence(position),
        teller.noun(missed.op),
        missed.version,
    );
    known.violation(class, position, &[floor.op, missed.op, position], reason)
}
