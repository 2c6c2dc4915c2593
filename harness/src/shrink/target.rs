//! The failure that is kept while all else goes.

use serde::{Deserialize, Serialize};
use splitbrain_nemesis::schedule::Schedule;
use splitbrain_reports::results::{Claim, ClaimVerdict, Counterexample, Results};

const NS_PER_MS: u64 = 1_000_000;

/// What a failure is known by here: as in the signatures of campaigns, without the shape of the counterexample, which
/// differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The read mode, or several judged together.
    pub read_mode: String,
    /// The model that it breaks.
    pub model: String,
    /// The kind of violation, `stale-read`; none where any is meant, or a run did not tell it.
    pub anomaly: Option<String>,
}

impl Target {
    fn of(claim: &Claim) -> Self {
        Self {
            read_mode: claim.read_mode.clone(),
            model: claim.claim.clone(),
            anomaly: claim.anomaly.clone(),
        }
    }

    /// All that a run broke, that of its counterexample first.
    pub(super) fn all(results: &Results) -> Vec<Self> {
        let broken = results
            .claims
            .iter()
            .filter(|claim| claim.verdict == ClaimVerdict::Invalid);
        let mut all: Vec<Self> = broken.map(Self::of).collect();
        all.sort_by_key(|target| {
            results
                .counterexample
                .as_ref()
                .is_none_or(|drawn| !target.is_of(drawn))
        });
        all
    }

    /// The same for any kind of violation.
    pub(super) fn of_any_kind(&self) -> Self {
        Self {
            anomaly: None,
            ..self.clone()
        }
    }

    /// Whether a run broke it.
    pub(super) fn is_in(&self, results: &Results) -> bool {
        Self::all(results).iter().any(|broken| self.covers(broken))
    }

    /// Whether another failure is the same.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_of_kind = self.anomaly.is_none() || self.anomaly == other.anomaly;
        is_of_kind && (&self.read_mode, &self.model) == (&other.read_mode, &other.model)
    }

    fn is_of(&self, drawn: &Counterexample) -> bool {
        (&drawn.read_mode, &drawn.model) == (&self.read_mode, &self.model)
    }

    /// When it was seen in a run of this schedule: the end of the last op of its counterexample, in milliseconds from the
    /// start of the load. None if another counterexample was drawn.
    pub(super) fn seen_ms(&self, results: &Results, schedule: &Schedule) -> Option<u64> {
        let drawn = results
            .counterexample
            .as_ref()
            .filter(|drawn| self.is_of(drawn))?;
        let ends = drawn.ops.iter().map(|op| op.end_ns.unwrap_or(op.start_ns));
        let seen_ns = ends.max()?.saturating_sub(load_start_ns(results, schedule));
        Some(seen_ns.div_ceil(NS_PER_MS))
    }
}

/// When load began, at the latest: so long before the first fault was asked for as the schedule says. Where that is not
/// known the clock's zero, which is earlier: what is counted from it is too long, never too short.
fn load_start_ns(results: &Results, schedule: &Schedule) -> u64 {
    let starts = results.faults.iter().filter_map(|fault| {
        let scheduled = schedule
            .events
            .iter()
            .find(|scheduled| scheduled.id == fault.id)?;
        fault.start_asked_ns?.checked_sub(scheduled.start_ms * NS_PER_MS)
    });
    starts.min().unwrap_or(0)
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} not {}", self.read_mode, self.model)?;
        match &self.anomaly {
            Some(anomaly) => write!(f, " ({anomaly})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use splitbrain_nemesis::schedule::{FaultKind, Intervals};
    use splitbrain_reports::results::{CounterexampleOp, Fault, LatencyMs, RunVerdict, StalenessFigures};

    use super::*;

    pub(crate) fn target(read_mode: &str, anomaly: &str) -> Target {
        Target {
            read_mode: read_mode.to_owned(),
            model: "linearizable".to_owned(),
            anomaly: Some(anomaly.to_owned()),
        }
    }

    /// What a run found that broke all these.
    pub(crate) fn broken(targets: &[Target]) -> Results {
        let claim = |target: &Target| Claim {
            system: "raft".to_owned(),
            read_mode: target.read_mode.clone(),
            claim: target.model.clone(),
            claim_overridden: false,
            promise: String::new(),
            verdict: ClaimVerdict::Invalid,
            reason: String::new(),
            anomaly: target.anomaly.clone(),
            strongest_model: None,
            staleness: StalenessFigures::default(),
            read_latency_ms: LatencyMs::default(),
        };
        Results {
            verdict: if targets.is_empty() {
                RunVerdict::Pass
            } else {
                RunVerdict::Violation
            },
            claims: targets.iter().map(claim).collect(),
            ..Results::default()
        }
    }

    fn drawn(read_mode: &str, ends_ns: &[Option<u64>]) -> Counterexample {
        let op = |end_ns: &Option<u64>| CounterexampleOp {
            index: 0,
            process: 0,
            process_name: None,
            text: "write 1".to_owned(),
            outcome: "ok".to_owned(),
            start_ns: 2_000_000_001,
            end_ns: *end_ns,
            culprit: false,
            counts_as: None,
        };
        Counterexample {
            read_mode: read_mode.to_owned(),
            model: "linearizable".to_owned(),
            key: 0,
            key_name: None,
            untimed: false,
            reason: String::new(),
            ops: ends_ns.iter().map(op).collect(),
        }
    }

    #[test]
    fn only_the_same_kind_of_violation_of_the_same_claim_is_the_same() {
        let lost = target("log", "lost-write");
        let results = broken(&[target("lease", "stale-read"), lost.clone()]);
        assert!(lost.is_in(&results));
        assert!(
            !target("log", "stale-read").is_in(&results) && !target("lease", "lost-write").is_in(&results)
        );
        assert!(!lost.is_in(&broken(&[])));
        let any = target("log", "stale-read").of_any_kind();
        assert!(any.is_in(&results) && !target("lease", "x").of_any_kind().covers(&lost));
        let mut held = results;
        held.claims[1].verdict = ClaimVerdict::Valid;
        assert!(!lost.is_in(&held), "a claim that held");
    }

    #[test]
    fn what_the_counterexample_shows_comes_first() {
        let (lost, stale) = (target("log", "lost-write"), target("lease", "stale-read"));
        let mut results = broken(&[stale.clone(), lost.clone()]);
        assert_eq!(Target::all(&results), [stale.clone(), lost.clone()]);
        results.counterexample = Some(drawn("log", &[]));
        assert_eq!(Target::all(&results), [lost, stale]);
    }

    #[test]
    fn the_moment_counts_from_the_start_of_the_load() {
        let kinds = [FaultKind::Partition];
        let schedule = Schedule::generate(1, &kinds, 10_000, &Intervals::for_time_limit(10_000), 5).unwrap();
        let first_ms = schedule.events[0].start_ms;
        let lost = target("log", "lost-write");
        let mut results = broken(std::slice::from_ref(&lost));
        results.counterexample = Some(drawn("log", &[Some(4_000_000_001), None]));
        assert_eq!(lost.seen_ms(&results, &schedule), Some(4_001));
        // Load began half a second after the clock.
        results.faults.push(Fault {
            id: 0,
            kind: String::new(),
            variant: String::new(),
            nodes: Vec::new(),
            start_asked_ns: Some(first_ms * NS_PER_MS + 500_000_000),
            start_ns: 0,
            stop_asked_ns: None,
            stop_ns: None,
            proven: true,
            evidence: Vec::new(),
        });
        assert_eq!(lost.seen_ms(&results, &schedule), Some(3_501));
        assert_eq!(target("lease", "lost-write").seen_ms(&results, &schedule), None);
    }
}
