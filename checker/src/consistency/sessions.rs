//! The four session guarantees of Terry et al., "Session guarantees for weakly consistent replicated data" (PDIS
//! 1994), section 3, by versions. Writes have one order over all keys, so the guarantees on writes compare versions
//! of any keys; what a read must see is a matter of its own key, since it shows no other.
//!
//! A session is a process. The last op of a process may have an unknown outcome; as nothing of the session follows
//! it, it binds nothing.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::finding::Known;
use crate::counterexample::{AnomalyClass, Counterexample};
use crate::history::{Key, Op, ProcessId};
use crate::ledger::{observed, written};

/// What an op is to a guarantee.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Read,
    Write,
}

impl Side {
    fn has(self, op: &Op) -> bool {
        match self {
            Self::Read => observed(op).is_some(),
            Self::Write => written(op).is_some(),
        }
    }
}

/// The first violation of any of the four.
pub(super) fn all(known: &Known<'_>) -> Option<Counterexample> {
    let guarantees = [
        monotonic_reads,
        read_your_writes,
        monotonic_writes,
        writes_follow_reads,
    ];
    guarantees.into_iter().find_map(|guarantee| guarantee(known))
}

/// Reads of a key go forward.
pub(super) fn monotonic_reads(known: &Known<'_>) -> Option<Counterexample> {
    let (earlier, later, versions) = behind(known, Side::Read, Side::Read, of_key)?;
    let reason = tell(known, earlier, later, versions, "had read");
    Some(known.violation(AnomalyClass::NonMonotonicReads, later, &[earlier], reason))
}

/// Reads of a key see the session's own writes, or later ones.
pub(super) fn read_your_writes(known: &Known<'_>) -> Option<Counterexample> {
    let (earlier, later, versions) = behind(known, Side::Write, Side::Read, of_key)?;
    let reason = tell(known, earlier, later, versions, "had written");
    Some(known.violation(AnomalyClass::OwnWriteUnseen, later, &[earlier], reason))
}

/// The session's writes are ordered as it issued them.
pub(super) fn monotonic_writes(known: &Known<'_>) -> Option<Counterexample> {
    let (earlier, later, versions) = behind(known, Side::Write, Side::Write, of_session)?;
    let reason = tell(known, earlier, later, versions, "had written");
    Some(known.violation(AnomalyClass::NonMonotonicWrites, later, &[earlier], reason))
}

/// The session's writes are ordered after what it had read.
pub(super) fn writes_follow_reads(known: &Known<'_>) -> Option<Counterexample> {
    let (earlier, later, versions) = behind(known, Side::Read, Side::Write, of_session)?;
    let reason = tell(known, earlier, later, versions, "had read");
    Some(known.violation(AnomalyClass::WriteBeforeOwnRead, later, &[earlier], reason))
}

fn of_key(op: &Op) -> (ProcessId, Key) {
    (op.process, op.key)
}

fn of_session(op: &Op) -> ProcessId {
    op.process
}

/// The first op on the side `later` that is behind an op of its group on the side `earlier` before it: by version
/// less, or for a write, which makes a version of its own, no greater. With the positions and versions of both.
fn behind<G: Eq + Hash>(
    known: &Known<'_>,
    earlier: Side,
    later: Side,
    group: impl Fn(&Op) -> G,
) -> Option<(u32, u32, (u64, u64))> {
    let mut order: Vec<(u64, u32)> = known.ops().map(|(at, op)| (op.invoked_ns, at)).collect();
    order.sort_unstable();
    // Per group, the greatest version so far and the first op that showed it.
    let mut floors: FxHashMap<G, (u64, u32)> = FxHashMap::default();
    for (_, position) in order {
        let op = known.ledger.op(position);
        let Some(version) = known.ledger.version(op) else {
            continue;
        };
        if later.has(op)
            && let Some((floor, by)) = floors.get(&group(op)).copied()
            && (version < floor || (version == floor && later == Side::Write))
        {
            return Some((by, position, (floor, version)));
        }
        if earlier.has(op) {
            let floor = floors.entry(group(op)).or_insert((version, position));
            if version > floor.0 {
                *floor = (version, position);
            }
        }
    }
    None
}

/// "process 3 read 4 of key 1 with version 2, but before that it had written version 5 of key 1 (write 7)".
fn tell(known: &Known<'_>, earlier: u32, later: u32, versions: (u64, u64), had: &str) -> String {
    let teller = known.teller();
    let before = known.ledger.op(earlier);
    format!(
        "{} of key {} with version {}, but before that it {had} version {} of key {} ({})",
        teller.sentence(later),
        known.ledger.op(later).key,
        versions.1,
        versions.0,
        before.key,
        before.describe(),
    )
}
