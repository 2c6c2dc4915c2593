//! The verdict of a whole run, out of the verdicts on its claims and of everything that speaks against trusting them.

use splitbrain_reports::results::{Claim, ClaimVerdict, Results, RunVerdict};

/// The doubt of a run that was cut short, in the reason of its verdict.
pub(crate) const INTERRUPTED: &str = "the run was interrupted";

/// The verdict of the whole run: a broken claim outranks a failure of the harness, which outranks everything that
/// keeps the run from having shown enough.
#[must_use]
pub fn run_verdict(
    claims: &[Claim],
    troubles: &[String],
    shortfalls: &[String],
    faults: usize,
    interrupted: bool,
) -> (RunVerdict, String) {
    let broken: Vec<&Claim> = with_verdict(claims, ClaimVerdict::Invalid);
    if let Some(first) = broken.first() {
        let more = match broken.len() {
            1 => String::new(),
            n => format!(" ({} more claims are broken)", n - 1),
        };
        let Claim {
            read_mode,
            claim,
            reason,
            ..
        } = first;
        return (
            RunVerdict::Violation,
            format!("{read_mode} is not {claim}: {reason}{more}"),
        );
    }
    if !troubles.is_empty() {
        return (RunVerdict::HarnessError, troubles.join("; "));
    }
    let mut doubts: Vec<String> = Vec::new();
    if interrupted {
        doubts.push(INTERRUPTED.to_owned());
    }
    let undecided = with_verdict(claims, ClaimVerdict::Unknown).into_iter();
    doubts
        .extend(undecided.map(|claim| format!("{} could not be judged: {}", claim.read_mode, claim.reason)));
    if !interrupted {
        // A run that was cut short misses what it had no time for, which is no news.
        doubts.extend(shortfalls.iter().cloned());
    }
    if doubts.is_empty() {
        let evidence = match faults {
            0 => "; no fault was scheduled".to_owned(),
            1 => ", and the fault is shown to have taken effect".to_owned(),
            n => format!(", and each of the {n} faults is shown to have taken effect"),
        };
        (
            RunVerdict::Pass,
            match claims.len() {
                1 => format!("the claim held{evidence}"),
                n => format!("all {n} claims held{evidence}"),
            },
        )
    } else {
        (RunVerdict::Unknown, doubts.join("; "))
    }
}

/// Takes into account what failed after the verdict: a broken claim stays one, and nothing else is more than a
/// failure of the harness.
pub(super) fn take_late_failures(results: &mut Results, failures: &[String]) {
    results.notes.extend_from_slice(failures);
    if failures.is_empty() || results.verdict >= RunVerdict::HarnessError {
        return;
    }
    results.verdict = RunVerdict::HarnessError;
    results.reason = failures.join("; ");
}

fn with_verdict(claims: &[Claim], verdict: ClaimVerdict) -> Vec<&Claim> {
    claims.iter().filter(|claim| claim.verdict == verdict).collect()
}

#[cfg(test)]
mod tests {
    use splitbrain_reports::results::{LatencyMs, StalenessFigures};

    use super::*;

    fn claim(read_mode: &str, verdict: ClaimVerdict) -> Claim {
        Claim {
            system: "raft".into(),
            read_mode: read_mode.into(),
            claim: "linearizable".into(),
            claim_overridden: false,
            promise: String::new(),
            verdict,
            reason: "because".into(),
            anomaly: None,
            strongest_model: None,
            staleness: StalenessFigures::default(),
            read_latency_ms: LatencyMs::default(),
        }
    }

    fn verdict(
        claims: &[ClaimVerdict],
        troubles: &[&str],
        shortfalls: &[&str],
        interrupted: bool,
    ) -> (RunVerdict, String) {
        let names = ["log", "lease", "leader-local"];
        let claims: Vec<Claim> = names
            .iter()
            .zip(claims)
            .map(|(name, verdict)| claim(name, *verdict))
            .collect();
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        run_verdict(&claims, &owned(troubles), &owned(shortfalls), 3, interrupted)
    }

    use ClaimVerdict::{Invalid, Unknown, Valid};

    #[test]
    fn a_pass_needs_every_claim_and_no_doubt() {
        assert_eq!(
            verdict(&[Valid, Valid], &[], &[], false),
            (
                RunVerdict::Pass,
                "all 2 claims held, and each of the 3 faults is shown to have taken effect".into()
            )
        );
    }

    #[test]
    fn a_violation_outranks_everything() {
        let (verdict, reason) = verdict(&[Valid, Invalid, Invalid], &["n1 died"], &["no writes"], true);
        assert_eq!(verdict, RunVerdict::Violation);
        assert_eq!(
            reason,
            "lease is not linearizable: because (1 more claims are broken)"
        );
    }

    #[test]
    fn a_trouble_outranks_a_doubt() {
        let found = verdict(
            &[Valid, Unknown],
            &["n1 died; its last lines: oops"],
            &["no writes"],
            false,
        );
        assert_eq!(
            found,
            (RunVerdict::HarnessError, "n1 died; its last lines: oops".into())
        );
    }

    #[test]
    fn a_late_failure_spoils_a_pass_but_hides_no_violation() {
        let results = |verdict| Results {
            verdict,
            reason: "as judged".into(),
            ..Results::default()
        };
        for (before, after) in [
            (RunVerdict::Pass, RunVerdict::HarnessError),
            (RunVerdict::Unknown, RunVerdict::HarnessError),
            (RunVerdict::Violation, RunVerdict::Violation),
        ] {
            let mut results = results(before);
            take_late_failures(&mut results, &[]);
            assert_eq!(results.verdict, before);
            take_late_failures(&mut results, &["the disk is full".to_owned()]);
            assert_eq!((results.verdict, results.notes.len()), (after, 1));
        }
    }

    #[test]
    fn each_doubt_alone_makes_a_run_unknown_and_is_named() {
        let cases: [(&[ClaimVerdict], &[&str], bool, &str); 3] = [
            (
                &[Valid, Unknown],
                &[],
                false,
                "lease could not be judged: because",
            ),
            (
                &[Valid],
                &["nothing shows that fault 0 took effect"],
                false,
                "nothing shows that fault 0 took effect",
            ),
            (&[Valid], &[], true, "the run was interrupted"),
        ];
        for (claims, shortfalls, interrupted, expected) in cases {
            let (verdict, reason) = verdict(claims, &[], shortfalls, interrupted);
            assert_eq!((verdict, reason.as_str()), (RunVerdict::Unknown, expected));
        }
    }
}
