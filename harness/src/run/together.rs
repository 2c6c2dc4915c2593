//! Judging the read modes that claim linearizability together. They show one register, so there must be one order
//! of ops that explains the reads of all of them; orders that each explain those of one mode need not agree.

use std::time::Duration;

use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::history::{Action, History, ReadModeId};
use splitbrain_checker::staleness::staleness;
use splitbrain_reports::results::{Claim, ClaimVerdict, Counterexample, LatencyMs};

use super::judge;

/// All updates, and the reads of the modes that `wanted` picks.
#[must_use]
pub fn part(history: &History, wanted: impl Fn(ReadModeId) -> bool) -> History {
    history.filter(|op| op.action != Action::Read || op.read_mode.is_some_and(&wanted))
}

/// What judging several modes together found.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Joint {
    /// How many modes were judged together; 0 if fewer than two claims of linearizability held one by one.
    pub(super) modes: usize,
    /// The claim that they make together, where it did not hold.
    pub(super) claim: Option<Claim>,
    /// Its counterexample.
    pub(super) counterexample: Option<Counterexample>,
}

/// Judges together the modes whose claims of linearizability held one by one; `claims` are in the order of the
/// history's read modes. Where that does not hold none of them is to blame alone, so it is a claim of its own.
pub(super) fn judge_together(history: &History, claims: &[Claim], time_limit: Duration) -> Joint {
    let held: Vec<usize> = (0..claims.len())
        .filter(|at| claims[*at].verdict == ClaimVerdict::Valid)
        .filter(|at| claims[*at].claim == Consistency::Linearizable.name())
        .collect();
    if held.len() < 2 {
        return Joint::default();
    }
    let part = part(history, |mode| held.contains(&usize::from(mode.0)));
    let verdict = judge::verdict(&part, Consistency::Linearizable, time_limit);
    let mut joint = Joint {
        modes: held.len(),
        ..Joint::default()
    };
    if verdict.is_valid() {
        return joint;
    }
    let names: Vec<&str> = held.iter().map(|at| claims[*at].read_mode.as_str()).collect();
    let names = names.join(" + ");
    let strongest = judge::strongest(&part, Consistency::Linearizable, &verdict, time_limit);
    let counterexample = verdict.counterexample();
    joint.counterexample =
        counterexample.map(|found| judge::counterexample(found, &names, Consistency::Linearizable));
    joint.claim = Some(Claim {
        system: claims[held[0]].system.clone(),
        read_mode: names,
        claim: Consistency::Linearizable.name().to_owned(),
        claim_overridden: held.iter().any(|at| claims[*at].claim_overridden),
        promise: "these read modes show one register: one order of all ops explains the reads of all of them"
            .into(),
        verdict: judge::claim_verdict(&verdict),
        reason: format!("together: {}", judge::reason(&verdict, &part)),
        anomaly: judge::anomaly(&verdict),
        strongest_model: strongest.map(|model| model.name().to_owned()),
        staleness: judge::figures(&staleness(&part)),
        read_latency_ms: LatencyMs::default(),
    });
    joint
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{Key, Op, Outcome, ProcessId, Value};
    use splitbrain_reports::results::StalenessFigures;

    use super::*;

    const NO_LIMIT: Duration = Duration::from_secs(60);

    fn claim(read_mode: &str, model: &str) -> Claim {
        Claim {
            system: "raft".into(),
            read_mode: read_mode.into(),
            claim: model.into(),
            claim_overridden: false,
            promise: String::new(),
            verdict: ClaimVerdict::Valid,
            reason: "held".into(),
            anomaly: None,
            strongest_model: Some(model.into()),
            staleness: StalenessFigures::default(),
            read_latency_ms: LatencyMs::default(),
        }
    }

    /// A write of 1 that takes long: `log` reads the 1 already, `lease` later still nil.
    fn history() -> History {
        let op = |process, action, mode, interval: (u64, u64), observed| Op {
            process: ProcessId(process),
            key: Key(0),
            action,
            outcome: Outcome::Ok,
            invoked_ns: interval.0,
            completed_ns: Some(interval.1),
            observed,
            version: None,
            read_mode: Some(ReadModeId(mode)),
            node: None,
            served_by: None,
            term: None,
            error: None,
        };
        let value = Value(1);
        History {
            ops: vec![
                op(0, Action::Write { value }, 0, (0, 100), None),
                op(1, Action::Read, 0, (10, 20), Some(Some(value))),
                op(2, Action::Read, 1, (30, 40), Some(None)),
            ],
            read_modes: vec!["log".into(), "lease".into()],
            nodes: Vec::new(),
            ..History::default()
        }
    }

    #[test]
    fn modes_that_hold_one_by_one_can_break_the_claim_together() {
        let history = history();
        for mode in [0, 1] {
            let alone = history.for_read_mode(ReadModeId(mode));
            assert!(judge::verdict(&alone, Consistency::Linearizable, NO_LIMIT).is_valid());
        }
        let claims = [claim("log", "linearizable"), claim("lease", "linearizable")];
        let joint = judge_together(&history, &claims, NO_LIMIT);
        let (broken, found) = (joint.claim.unwrap(), joint.counterexample.unwrap());
        assert_eq!((found.read_mode.as_str(), found.ops.len()), ("log + lease", 3));
        assert_eq!(
            (broken.read_mode.as_str(), broken.verdict),
            ("log + lease", ClaimVerdict::Invalid)
        );
        assert!(broken.reason.starts_with("together: "));
        assert_ne!(broken.strongest_model.as_deref(), Some("linearizable"));
    }

    #[test]
    fn a_mode_that_claims_less_is_not_held_to_the_order_of_the_others() {
        let claims = [claim("log", "linearizable"), claim("leader-local", "legal")];
        assert_eq!(judge_together(&history(), &claims, NO_LIMIT), Joint::default());
    }
}
