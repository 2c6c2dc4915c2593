//! What was seen of each failure, night by night.

use std::collections::BTreeMap;

use serde::Serialize;
use splitbrain_reports::results::ClaimVerdict;

use super::night::Night;
use super::plan::Unit;
use super::record::Record;
use super::signature::Signature;

/// After so many nights without it, a failure that comes back has regressed. Fewer would call every failure so that
/// shows in one run of some.
pub const QUIET_NIGHTS_MIN: u64 = 3;

/// What a failure is, this night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// Seen for the first time.
    New,
    /// Seen as on nights before.
    Ongoing,
    /// Seen again after [`QUIET_NIGHTS_MIN`] nights or more without it.
    Regressed,
    /// Not seen.
    Quiet {
        /// On how many nights in a row runs could have shown it and did not. A night on which nothing of its kind was
        /// run says nothing.
        nights: u64,
    },
}

/// A failure, and what was seen of it up to a night.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sighting {
    /// What it is known by.
    pub signature: Signature,
    /// What it is this night.
    #[serde(flatten)]
    pub state: State,
    /// The first night with it.
    pub first_seen: String,
    /// The last night with it.
    pub last_seen: String,
    /// How many runs showed it, over all nights.
    pub count: u64,
    /// How many runs of a hundred that could have shown it did, over all nights.
    pub per_hundred_runs: f64,
    /// The units of this night that showed it.
    pub tonight: Vec<String>,
}

#[derive(Default)]
struct Seen {
    /// For each night, in how many runs it was seen, and in how many it could have been.
    nights: Vec<(u64, u64)>,
    tonight: Vec<String>,
}

/// What was seen of each failure on these nights, oldest first; the last one is the night that is told of. Those that were
/// seen on it stand first.
#[must_use]
pub fn sightings(nights: &[Night]) -> Vec<Sighting> {
    let mut all: BTreeMap<Signature, Seen> = BTreeMap::new();
    for (_, record) in nights.iter().flat_map(Night::units) {
        for signature in record.iter().flat_map(|record| &record.signatures) {
            all.entry(signature.clone()).or_default();
        }
    }
    for (at, night) in nights.iter().enumerate() {
        for (signature, seen) in &mut all {
            seen.nights.push((0, 0));
            for (unit, record) in night.units() {
                let Some(record) = record.filter(|record| could_show(unit, record, signature)) else {
                    continue;
                };
                seen.nights[at].1 += 1;
                if record.signatures.contains(signature) {
                    seen.nights[at].0 += 1;
                    if at + 1 == nights.len() {
                        seen.tonight.push(unit.id.clone());
                    }
                }
            }
        }
    }
    let mut found: Vec<Sighting> = all
        .into_iter()
        .filter_map(|(signature, seen)| sighting(signature, seen, nights))
        .collect();
    found.sort_by_key(|sighting| matches!(sighting.state, State::Quiet { .. }));
    found
}

fn sighting(signature: Signature, seen: Seen, nights: &[Night]) -> Option<Sighting> {
    let name = |at: usize| nights[at].plan.header.night.clone();
    let with: Vec<usize> = (0..nights.len()).filter(|at| seen.nights[*at].0 > 0).collect();
    let (first, last) = (*with.first()?, *with.last()?);
    let count: u64 = seen.nights.iter().map(|(shown, _)| shown).sum();
    let runs: u64 = seen.nights.iter().map(|(_, could)| could).sum();
    Some(Sighting {
        state: state(&seen.nights),
        first_seen: name(first),
        last_seen: name(last),
        count,
        per_hundred_runs: count as f64 * 100.0 / runs.max(1) as f64,
        tonight: seen.tonight,
        signature,
    })
}

/// What a failure is on the last of these nights, each with how often it was and could have been seen.
fn state(nights: &[(u64, u64)]) -> State {
    let quiet_before = |end: usize| {
        let quiet = nights[..end].iter().rev().take_while(|(shown, _)| *shown == 0);
        quiet.filter(|(_, could)| *could > 0).count() as u64
    };
    let Some(tonight) = nights.len().checked_sub(1) else {
        return State::Quiet { nights: 0 };
    };
    if nights[tonight].0 == 0 {
        State::Quiet {
            nights: quiet_before(nights.len()),
        }
    } else if nights[..tonight].iter().all(|(shown, _)| *shown == 0) {
        State::New
    } else if quiet_before(tonight) >= QUIET_NIGHTS_MIN {
        State::Regressed
    } else {
        State::Ongoing
    }
}

/// Whether a run could have shown a failure: it tested what failed, and each read mode concerned got a verdict.
fn could_show(unit: &Unit, record: &Record, signature: &Signature) -> bool {
    let is_decided = |mode: &str| {
        record
            .claims
            .iter()
            .any(|claim| claim.read_mode == mode && claim.verdict != ClaimVerdict::Unknown)
    };
    record.signatures.contains(signature)
        || unit.subject() == signature.subject && signature.read_mode.split(" + ").all(is_decided)
}

impl State {
    /// In a word or two.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::New => "new".to_owned(),
            Self::Ongoing => "ongoing".to_owned(),
            Self::Regressed => "regressed".to_owned(),
            Self::Quiet { nights } => format!("quiet for {}", crate::output::plural(nights, "night")),
        }
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_reports::results::RunVerdict;

    use super::*;
    use crate::campaign::synthetic;

    #[test]
    fn a_failure_is_new_then_ongoing_then_quiet_and_regresses() {
        let cases: &[(&[(u64, u64)], State)] = &[
            (&[(1, 9)], State::New),
            (&[(0, 9), (0, 9), (2, 9)], State::New),
            (&[(1, 9), (0, 9), (0, 9), (1, 9)], State::Ongoing),
            (&[(1, 9), (0, 9), (0, 9), (0, 9), (1, 9)], State::Regressed),
            // Nights on which nothing could show it are not quiet.
            (&[(1, 9), (0, 9), (0, 0), (0, 9), (0, 0), (1, 9)], State::Ongoing),
            (&[(1, 9), (0, 9), (0, 0), (0, 9)], State::Quiet { nights: 2 }),
            (&[(1, 9), (0, 0)], State::Quiet { nights: 0 }),
        ];
        for (nights, expected) in cases {
            assert_eq!(state(nights), *expected, "{nights:?}");
        }
    }

    #[test]
    fn detections_are_counted_among_the_runs_that_could_show_them() {
        let night = |date: &str, broken: usize| {
            let plan = synthetic::plan(date, 20);
            let records = plan.units.iter().enumerate().map(|(at, unit)| {
                let verdict = match at / 2 {
                    at if at < broken => RunVerdict::Violation,
                    9 => RunVerdict::Unknown,
                    _ => RunVerdict::Pass,
                };
                Some(synthetic::record(&plan, unit, verdict, "a"))
            });
            let records = records.collect();
            Night { plan, records }
        };
        let found = sightings(&[night("2026-01-30", 1), night("2026-01-31", 2)]);
        assert_eq!(found.len(), 2, "of the clean system and of the planted bug");
        for sighting in &found {
            assert_eq!((sighting.count, sighting.tonight.len()), (3, 2));
            // Ten runs a night, of which one has no verdict.
            assert!((sighting.per_hundred_runs - 300.0 / 18.0).abs() < 1e-9);
            assert_eq!(sighting.state, State::Ongoing);
            assert_eq!(
                (sighting.first_seen.as_str(), sighting.last_seen.as_str()),
                ("2026-01-30", "2026-01-31")
            );
        }
    }
}
