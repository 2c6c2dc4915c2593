//! Judging the read modes that claim linearizability together. They show one register, so there must be one order
//! of ops that explains the reads of all of them; orders that each explain those of one mode need not agree.

use std::time::Duration;

use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::counterexample;
use splitbrain_checker::history::{Action, History, ReadModeId};
use splitbrain_reports::results::{Claim, ClaimVerdict, Counterexample};

use super::judge;

/// All updates, and the reads of the modes that `wanted` picks.
#[must_use]
pub fn part(history: &History, wanted: impl Fn(ReadModeId) -> bool) -> History {
    history.filter(|op| op.action != Action::Read || op.read_mode.is_some_and(&wanted))
}

/// Judges together the modes whose claims of linearizability held one by one; `claims` are in the order of the
/// history's read modes. What that finds goes to one claim: to that of the read which cannot be explained, where
/// there is one. Returns the counterexample.
pub(super) fn judge_together(
    history: &History,
    claims: &mut [Claim],
    time_limit: Duration,
) -> Option<Counterexample> {
    let held: Vec<usize> = (0..claims.len())
        .filter(|at| claims[*at].verdict == ClaimVerdict::Valid)
        .filter(|at| claims[*at].claim == Consistency::Linearizable.name())
        .collect();
    if held.len() < 2 {
        return None;
    }
    let names: Vec<&str> = held.iter().map(|at| claims[*at].read_mode.as_str()).collect();
    let names = names.join(" + ");
    let part = part(history, |mode| held.contains(&usize::from(mode.0)));
    let verdict = judge::verdict(&part, Consistency::Linearizable, time_limit);
    if verdict.is_valid() {
        return None;
    }
    let found = verdict.counterexample();
    let blamed = found.and_then(read_mode_of_culprit);
    let claim = &mut claims[blamed.filter(|at| held.contains(at)).unwrap_or(held[0])];
    claim.verdict = judge::claim_verdict(&verdict);
    claim.reason = format!("{names} together: {}", judge::reason(&verdict, &part));
    claim.strongest_model = judge::strongest(&part, Consistency::Linearizable, &verdict, time_limit)
        .map(|model| model.name().to_owned());
    found.map(|found| judge::counterexample(found, &names, Consistency::Linearizable))
}

/// The index of the read mode by which the op was read that cannot be explained.
fn read_mode_of_culprit(found: &counterexample::Counterexample) -> Option<usize> {
    let culprit = found
        .ops
        .iter()
        .find(|evidence| evidence.index == found.culprit)?;
    let mode = culprit
        .op
        .read_mode
        .filter(|_| culprit.op.action == Action::Read)?;
    Some(usize::from(mode.0))
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{Key, Op, Outcome, ProcessId, Value};
    use splitbrain_reports::results::{LatencyMs, StalenessFigures};

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
        let mut claims = [claim("log", "linearizable"), claim("lease", "linearizable")];
        let found = judge_together(&history, &mut claims, NO_LIMIT).unwrap();
        assert_eq!((found.read_mode.as_str(), found.ops.len()), ("log + lease", 3));
        let broken: Vec<&Claim> = claims
            .iter()
            .filter(|claim| claim.verdict == ClaimVerdict::Invalid)
            .collect();
        assert_eq!(broken.len(), 1);
        assert!(broken[0].reason.starts_with("log + lease together: "));
        assert_ne!(broken[0].strongest_model.as_deref(), Some("linearizable"));
    }

    #[test]
    fn a_mode_that_claims_less_is_not_held_to_the_order_of_the_others() {
        let mut claims = [claim("log", "linearizable"), claim("leader-local", "legal")];
        assert_eq!(judge_together(&history(), &mut claims, NO_LIMIT), None);
        assert!(claims.iter().all(|claim| claim.verdict == ClaimVerdict::Valid));
    }
}
