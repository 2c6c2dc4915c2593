//! Judging a run: each read mode on its own sub-history against its claim, and those that claim linearizability also
//! together.

use std::time::{Duration, Instant};

use splitbrain_checker::atomicity::{Atomicity, DeltaAtomicity, KAtomicity, atomicity};
use splitbrain_checker::consistency::{Consistency, check_consistency};
use splitbrain_checker::counterexample::{self, Weakening};
use splitbrain_checker::history::{Action, History, Op, Outcome, ReadModeId};
use splitbrain_checker::linearizable::{Options, Verdict};
use splitbrain_checker::staleness::{ReadStaleness, Staleness, staleness};
use splitbrain_reports::results::{
    Claim, ClaimVerdict, Counterexample, CounterexampleOp, LatencyMs, StalenessFigures,
};

use super::evidence::OK_OPS_MIN;
use super::together::judge_together;
use crate::catalog;
use crate::client::{Latencies, Quantiles};
use crate::failure::Result;
use crate::test_file::Test;

/// What the checkers found.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// One for each read mode; and one more where those that claim linearizability did not keep it together.
    pub claims: Vec<Claim>,
    /// How many read modes were judged together.
    pub judged_together: usize,
    /// The counterexample of the first broken claim.
    pub counterexample: Option<Counterexample>,
    /// The stale reads of all modes, by their positions in the whole history.
    pub stale_reads: Vec<splitbrain_reports::ReadStaleness>,
    /// How long it took.
    pub check_time: Duration,
}

/// Judges every read mode of `test` on its part of `history`: all updates, and the reads of that mode alone.
/// Leaving reads out is sound, since a linearization of all ops is one of any of them that keep the updates. A mode
/// with too few reads is not judged to have held: it had no occasion to break its claim.
///
/// # Errors
/// [`crate::failure::Failure::Usage`] if a claim is no known model.
pub fn judge(test: &Test, history: &History, latencies: &Latencies) -> Result<Judgement> {
    let started = Instant::now();
    let mut judgement = Judgement {
        claims: Vec::new(),
        judged_together: 0,
        counterexample: None,
        stale_reads: Vec::new(),
        check_time: Duration::ZERO,
    };
    for (index, mode) in test.read_modes.iter().enumerate() {
        let part = history.for_read_mode(ReadModeId(index as u8));
        let model = catalog::model(&mode.claim)?;
        let time_limit = test.check_time_limit.0;
        let verdict = verdict(&part, model, time_limit);
        let reads = ok_reads(&part);
        let is_enough = reads >= OK_OPS_MIN;
        let strongest = is_enough
            .then(|| strongest(&part, model, &verdict, time_limit))
            .flatten();
        let staleness = staleness(&part);
        judgement.stale_reads.extend(stale(&staleness));
        if judgement.counterexample.is_none()
            && let Some(found) = verdict.counterexample()
        {
            judgement.counterexample = Some(counterexample(found, &mode.name, model));
        }
        judgement.claims.push(Claim {
            system: test.system.clone(),
            read_mode: mode.name.clone(),
            claim: mode.claim.clone(),
            claim_overridden: mode.claim_overridden,
            promise: mode.promise.clone(),
            verdict: match verdict.is_valid() && !is_enough {
                true => ClaimVerdict::Unknown,
                false => claim_verdict(&verdict),
            },
            reason: match verdict.is_valid() && !is_enough {
                true => format!("too few reads to judge: {reads}"),
                false => reason(&verdict, &part),
            },
            anomaly: anomaly(&verdict),
            strongest_model: strongest.map(|model| model.name().to_owned()),
            staleness: with_atomicity(figures(&staleness), &part),
            read_latency_ms: latency_ms(latencies.reads(index)),
        });
    }
    let joint = judge_together(history, &judgement.claims, test.check_time_limit.0);
    judgement.judged_together = joint.modes;
    judgement.claims.extend(joint.claim);
    judgement.counterexample = judgement.counterexample.or(joint.counterexample);
    judgement.stale_reads.sort_by_key(|read| read.op_index);
    judgement.check_time = started.elapsed();
    Ok(judgement)
}

/// The kind of violation that a verdict found.
pub(super) fn anomaly(verdict: &Verdict) -> Option<String> {
    verdict
        .counterexample()
        .map(|found| found.class.name().to_owned())
}

/// Checks one history against `model` within a time limit.
#[must_use]
pub fn verdict(history: &History, model: Consistency, time_limit: Duration) -> Verdict {
    check_consistency(history, model, &options(time_limit))
}

/// The strongest model that holds, if that can be told, where `model` has the given verdict.
pub(super) fn strongest(
    history: &History,
    model: Consistency,
    verdict: &Verdict,
    time_limit: Duration,
) -> Option<Consistency> {
    // Only whether a model holds is asked: nobody will see the counterexamples of the others.
    let options = Options {
        shrink_time_limit: Duration::ZERO,
        ..options(time_limit)
    };
    for candidate in Consistency::ALL {
        let found = match candidate == model {
            true => claim_verdict(verdict),
            false => claim_verdict(&check_consistency(history, candidate, &options)),
        };
        match found {
            ClaimVerdict::Valid => return Some(candidate),
            // A stronger one may have held: which is the strongest is then not known.
            ClaimVerdict::Unknown => return None,
            ClaimVerdict::Invalid => {}
        }
    }
    None
}

fn options(time_limit: Duration) -> Options {
    Options {
        time_limit: Some(time_limit),
        ..Options::default()
    }
}

/// The verdict in the words of the results.
#[must_use]
pub fn claim_verdict(verdict: &Verdict) -> ClaimVerdict {
    match verdict {
        Verdict::Valid => ClaimVerdict::Valid,
        Verdict::Invalid(_) => ClaimVerdict::Invalid,
        Verdict::Unknown(_) => ClaimVerdict::Unknown,
    }
}

/// The reason of a verdict in a sentence or two.
#[must_use]
pub fn reason(verdict: &Verdict, history: &History) -> String {
    match verdict {
        Verdict::Valid => {
            let reads = ok_reads(history);
            format!("held over {} ops, {reads} of them ok reads", history.ops.len())
        }
        Verdict::Invalid(counterexample) => counterexample.reason.clone(),
        Verdict::Unknown(reason) => reason.to_string(),
    }
}

fn ok_reads(history: &History) -> u64 {
    let is_ok_read = |op: &&Op| op.outcome == Outcome::Ok && op.action == Action::Read;
    history.ops.iter().filter(is_ok_read).count() as u64
}

/// Quantiles in the words of the results.
#[must_use]
pub fn latency_ms(latency: Quantiles) -> LatencyMs {
    LatencyMs {
        p50: latency.p50,
        p99: latency.p99,
        max: latency.max,
    }
}

/// Staleness in the words of the results.
pub(crate) fn figures(staleness: &Staleness) -> StalenessFigures {
    let summary = staleness.summary();
    StalenessFigures {
        reads: summary.reads,
        stale_reads: summary.stale_reads,
        stale_per_million: summary.stale_per_million,
        versions_behind_max: summary.versions_behind_max,
        versions_behind_p99: summary.versions_behind_p99,
        ms_behind_max: summary.ms_behind_max,
        ms_behind_p99: summary.ms_behind_p99,
        future_reads: summary.future_reads,
        phantom_reads: summary.phantom_reads,
        delta_ms: None,
        k_at_least: None,
        k_at_most: None,
    }
}

/// How long the search for the least k may take. Its bounds need no search.
const K_SEARCH_LIMIT: Duration = Duration::from_millis(500);

/// Adds Δ and k (Golab, Li and Shah, PODC 2011) to the figures of a part of a history.
fn with_atomicity(mut figures: StalenessFigures, part: &History) -> StalenessFigures {
    let Atomicity { delta, k } = atomicity(part, &options(K_SEARCH_LIMIT));
    (figures.k_at_least, figures.k_at_most) = match k {
        KAtomicity::Least(k) => (Some(k), Some(k)),
        KAtomicity::Between { at_least, at_most } => (Some(at_least), at_most),
        KAtomicity::Never | KAtomicity::Unjudged => (None, None),
    };
    figures.delta_ms = match delta {
        DeltaAtomicity::Least(ns) => Some(ns as f64 / 1e6),
        DeltaAtomicity::Never | DeltaAtomicity::Unjudged => None,
    };
    figures
}

/// The stale reads of a part of a history, by their positions in the whole.
#[must_use]
pub fn stale_reads(part: &History) -> Vec<splitbrain_reports::ReadStaleness> {
    stale(&staleness(part)).collect()
}

/// The checker gives each read the index that it has in the whole history.
fn stale(staleness: &Staleness) -> impl Iterator<Item = splitbrain_reports::ReadStaleness> + '_ {
    staleness
        .reads
        .iter()
        .filter(|read| read.is_stale())
        .map(|read: &ReadStaleness| {
            let ReadStaleness {
                op, versions_behind, ..
            } = *read;
            let ms_behind = read.ms_behind();
            splitbrain_reports::ReadStaleness {
                op_index: op,
                versions_behind,
                ms_behind,
            }
        })
}

/// A counterexample in the words of the results.
#[must_use]
pub fn counterexample(
    found: &counterexample::Counterexample,
    read_mode: &str,
    model: Consistency,
) -> Counterexample {
    let is_of_one_key = found.ops.iter().all(|evidence| evidence.op.key == found.key);
    let text = |op: &Op| match is_of_one_key {
        true => op.describe(),
        false => format!("key {}: {}", op.key.0, op.describe()),
    };
    let ops = found.ops.iter().map(|evidence| CounterexampleOp {
        index: u64::from(evidence.index.0),
        process: evidence.op.process.0,
        process_name: None,
        text: text(&evidence.op),
        outcome: outcome_name(evidence.op.outcome).to_owned(),
        start_ns: evidence.op.invoked_ns,
        end_ns: if evidence.op.outcome == Outcome::Info {
            None
        } else {
            evidence.op.completed_ns
        },
        culprit: evidence.index == found.culprit,
        counts_as: evidence.weakened.map(|weakening| counts_as(weakening).to_owned()),
    });
    Counterexample {
        read_mode: read_mode.to_owned(),
        model: model.name().to_owned(),
        key: found.key.0,
        key_name: None,
        untimed: false,
        reason: found.reason.clone(),
        ops: ops.collect(),
    }
}

fn counts_as(weakening: Weakening) -> &'static str {
    match weakening {
        Weakening::AsWrite => "the write of a cas",
        Weakening::Pending => "pending",
        Weakening::AsPendingWrite => "the write of a pending cas",
    }
}

/// The outcome in the words of the results.
pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Fail => "fail",
        Outcome::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{Key, NodeName, ProcessId, Value, Version};

    use super::*;

    use ClaimVerdict::{Invalid, Unknown, Valid};

    /// A write of 1, then by each of two modes some reads: `log` sees the 1, `leader-local` still nil.
    fn history_with_stale_reads(reads: u64) -> History {
        let op = |process, action, mode, invoked_ns, observed| Op {
            process: ProcessId(process),
            key: Key(0),
            action,
            outcome: Outcome::Ok,
            invoked_ns,
            completed_ns: Some(invoked_ns + 5),
            observed,
            version: Some(Version(u64::from(observed != Some(None)))),
            read_mode: Some(ReadModeId(mode)),
            node: Some(NodeName(0)),
            // The stale read is answered by another node, which led in an earlier term.
            served_by: Some(NodeName(u16::from(mode))),
            term: Some(2 - u64::from(mode)),
            error: None,
        };
        let value = Value(1);
        let mut ops = vec![op(0, Action::Write { value }, 0, 10, None)];
        for at in (1..=reads).map(|read| read * 20) {
            ops.push(op(1, Action::Read, 0, at, Some(Some(value))));
            ops.push(op(2, Action::Read, 1, at + 10, Some(None)));
        }
        History {
            ops,
            read_modes: vec!["log".into(), "leader-local".into()],
            nodes: vec!["n1".into(), "n2".into()],
            ..History::default()
        }
    }

    fn judged(history: &History, claim: &str) -> Judgement {
        let line = format!("splitbrain run --read-mode log,leader-local {claim}");
        let test = crate::config::resolve(crate::cli::run_options(&line)).unwrap();
        judge(&test, history, &Latencies::new(2)).unwrap()
    }

    fn verdicts(judgement: &Judgement) -> Vec<ClaimVerdict> {
        judgement.claims.iter().map(|claim| claim.verdict).collect()
    }

    #[test]
    fn each_read_mode_is_judged_on_its_own_reads_against_its_own_claim() {
        let history = history_with_stale_reads(OK_OPS_MIN);
        let own = judged(&history, "");
        assert_eq!(verdicts(&own), [Valid, Valid]);
        assert_eq!(own.claims[0].staleness.stale_reads, 0);
        assert_eq!(own.claims[1].staleness.stale_reads, OK_OPS_MIN);
        // One write was overlooked; by the other mode, none.
        let k = |claim: &Claim| (claim.staleness.k_at_least, claim.staleness.k_at_most);
        assert_eq!(k(&own.claims[0]), (Some(1), Some(1)));
        assert_eq!(k(&own.claims[1]), (Some(2), Some(2)));
        assert_eq!(own.claims[0].staleness.delta_ms, Some(0.0));
        assert!(own.claims[1].staleness.delta_ms > Some(0.0));
        // The positions in the whole history, every other of them in its part.
        let expected: Vec<u32> = (1..=OK_OPS_MIN as u32).map(|read| 2 * read).collect();
        let stale: Vec<u32> = own.stale_reads.iter().map(|read| read.op_index.0).collect();
        assert_eq!(stale, expected);

        let overridden = judged(&history, "--claim linearizable");
        assert_eq!(verdicts(&overridden), [Valid, Invalid]);
        let counterexample = overridden.counterexample.unwrap();
        assert_eq!(
            (counterexample.read_mode.as_str(), counterexample.key),
            ("leader-local", 0)
        );
        let indices: Vec<u64> = counterexample.ops.iter().map(|op| op.index).collect();
        // The write, and one of the stale reads, which have the even places.
        assert!(
            matches!(indices[..], [0, read] if read > 0 && read % 2 == 0),
            "{indices:?}"
        );
    }

    #[test]
    fn a_mode_with_too_few_reads_has_not_held_but_may_be_broken() {
        let history = history_with_stale_reads(OK_OPS_MIN - 1);
        let own = judged(&history, "");
        assert_eq!(verdicts(&own), [Unknown, Unknown]);
        assert_eq!(own.claims[0].reason, "too few reads to judge: 9");
        assert_eq!(own.claims[0].strongest_model, None);
        assert_eq!(
            verdicts(&judged(&history, "--claim linearizable")),
            [Unknown, Invalid]
        );
    }
}
