//! The order of writes respects real time.

use super::finding::Known;
use crate::counterexample::{AnomalyClass, Counterexample};
use crate::history::Outcome;
use crate::ledger::written;

/// A write whose version is not greater than that of a write which had returned before it was invoked.
pub(super) fn check(known: &Known<'_>) -> Option<Counterexample> {
    // (time, version, op), by invocation and by return. A write of unknown outcome has no return.
    let mut invoked: Vec<(u64, u64, u32)> = Vec::new();
    let mut returned: Vec<(u64, u64, u32)> = Vec::new();
    for (position, op) in known.ops() {
        if written(op).is_none() {
            continue;
        }
        let Some(version) = known.ledger.version(op) else {
            continue;
        };
        invoked.push((op.invoked_ns, version, position));
        if op.outcome == Outcome::Ok {
            returned.push((op.end_ns(), version, position));
        }
    }
    invoked.sort_unstable();
    returned.sort_unstable();
    let mut next = 0;
    let mut floor: Option<(u64, u32)> = None;
    for (start, version, op) in invoked {
        while next < returned.len() && returned[next].0 < start {
            floor = floor.max(Some((returned[next].1, returned[next].2)));
            next += 1;
        }
        if let Some((greatest, earlier)) = floor
            && version <= greatest
        {
            let teller = known.teller();
            let reason = format!(
                "{} of process {} got version {version}, but {} with version {greatest} had returned {} before it was invoked",
                teller.noun(op),
                known.ledger.op(op).process,
                teller.noun(earlier),
                teller.gap(earlier, op),
            );
            return Some(known.violation(AnomalyClass::WriteOrderInversion, op, &[earlier], reason));
        }
    }
    None
}
