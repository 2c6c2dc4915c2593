//! Staleness by reported versions.

use super::{KeyReads, Staleness};
use crate::ledger::observed;

/// A version that was certainly there at a moment.
struct Sighting {
    version: u64,
    end: u64,
}

/// Measures the reads of a key whose ops report versions.
pub(super) fn measure(key: &KeyReads<'_>, found: &mut Staleness) {
    let sightings = sightings(key);
    let versions = distinct_versions(&sightings);
    let first_ends = first_ends(&sightings, &versions);
    let greatest = greatest_by_end(sightings);
    for position in key.reads() {
        let read = key.ledger.op(position);
        if key.anomaly(position).is_some() {
            found.reads.push(key.finding(position, 0, 0));
            continue;
        }
        let Some(version) = key.ledger.version(read) else {
            found.unjudged += 1;
            continue;
        };
        let next = versions.partition_point(|v| *v <= version);
        let seen = greatest.partition_point(|s| s.end < read.invoked_ns);
        let newest = seen.checked_sub(1).map_or(0, |last| greatest[last].version);
        let behind = versions.partition_point(|v| *v <= newest).saturating_sub(next) as u64;
        let behind_ns = first_ends
            .get(next)
            .map_or(0, |end| read.invoked_ns.saturating_sub(*end));
        found.reads.push(key.finding(position, behind, behind_ns));
    }
}

fn sightings(key: &KeyReads<'_>) -> Vec<Sighting> {
    let ops = key.positions.iter().map(|p| (*p, key.ledger.op(*p)));
    ops.filter_map(|(position, op)| {
        // An op that saw what was not there is no witness.
        if observed(op).is_some() && key.anomaly(position).is_some() {
            return None;
        }
        let version = key.ledger.version(op)?;
        (version > 0 && op.end_ns() != u64::MAX).then_some(Sighting {
            version,
            end: op.end_ns(),
        })
    })
    .collect()
}

/// Ascending.
fn distinct_versions(sightings: &[Sighting]) -> Vec<u64> {
    let mut versions: Vec<u64> = sightings.iter().map(|s| s.version).collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// For each of `versions`, when it or a greater one was first certainly there.
fn first_ends(sightings: &[Sighting], versions: &[u64]) -> Vec<u64> {
    let mut ends = vec![u64::MAX; versions.len()];
    for sighting in sightings {
        let at = versions.partition_point(|v| *v < sighting.version);
        ends[at] = ends[at].min(sighting.end);
    }
    for at in (1..ends.len()).rev() {
        ends[at - 1] = ends[at - 1].min(ends[at]);
    }
    ends
}

/// By end, each with the greatest version until then.
fn greatest_by_end(mut sightings: Vec<Sighting>) -> Vec<Sighting> {
    sightings.sort_unstable_by_key(|s| (s.end, s.version));
    let mut greatest = 0;
    for sighting in &mut sightings {
        greatest = sighting.version.max(greatest);
        sighting.version = greatest;
    }
    sightings
}
