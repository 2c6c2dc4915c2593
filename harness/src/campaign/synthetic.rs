//! Made-up nights for the tests: real plans, with results that no run gave.

use splitbrain_reports::results::{ClaimVerdict, RunVerdict};

use super::file::CampaignFile;
use super::plan::{Plan, Unit};
use super::record::{Circumstances, Judged, Record};
use super::signature::Signature;

/// A plan of so many units, half of them of a planted bug.
pub(super) fn plan(night: &str, units: u64) -> Plan {
    let text = format!(
        "name = \"made-up\"\n[[matrix]]\nsystems = [\"raft\", \"raft/answer-before-commit\"]\n\
         nemeses = [[\"partition\"]]\nread-modes = [\"log\"]\ntime-limit = \"5s\"\nfirst-seed = 1\nrepeats = {}",
        units.div_ceil(2)
    );
    Plan::make(&CampaignFile::parse(&text).unwrap(), night, None).unwrap()
}

/// What a unit found: a verdict, and for a violation a signature by name.
pub(super) fn record(plan: &Plan, unit: &Unit, verdict: RunVerdict, shape: &str) -> Record {
    let at = Circumstances {
        started: format!("{}T030000Z", plan.header.night.replace('-', "")),
        wall_ms: Some(7_000),
        run: None,
    };
    let mut record = Record::without_results(plan, unit, "made up", at);
    record.verdict = verdict;
    let (claim, read_mode) = ("linearizable".to_owned(), "log".to_owned());
    record.claims = vec![Judged {
        read_mode: read_mode.clone(),
        claim: claim.clone(),
        verdict: match verdict {
            RunVerdict::Violation => ClaimVerdict::Invalid,
            RunVerdict::Pass => ClaimVerdict::Valid,
            RunVerdict::Unknown | RunVerdict::HarnessError => ClaimVerdict::Unknown,
        },
    }];
    if verdict == RunVerdict::Violation {
        record.signatures = vec![Signature {
            id: format!("{}-{shape}", unit.subject()),
            subject: unit.subject(),
            read_mode,
            model: claim,
            anomaly: "stale-read".to_owned(),
            shape: vec![shape.to_owned()],
        }];
    }
    record
}
