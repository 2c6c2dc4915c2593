//! A night as a JUnit report.
//!
//! JUnit knows passed, failed, broken and skipped. A violation is a failure; a run without a verdict and a failure of the
//! host are errors; what was not run is skipped: neither looks like a pass. A planted bug is one case: whether it was
//! caught as often as it must be.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use splitbrain_reports::results::RunVerdict;

use super::{again, title};
use crate::campaign::findings::{Findings, verdict_name};
use crate::campaign::plan::Unit;
use crate::campaign::record::Record;
use crate::failure::{Failure, Result};

/// The report.
///
/// # Errors
/// [`Failure::Host`] if it cannot be made.
pub fn junit(findings: &Findings) -> Result<String> {
    let night = &findings.night;
    let header = &night.plan.header;
    let mut report = Report::new(format!("{} {}", header.campaign, header.night));
    for subject in night.subjects().iter().filter(|subject| !subject.planted) {
        let mut suite = TestSuite::new(subject.name.clone());
        for (unit, record) in night.units().filter(|(unit, _)| unit.subject() == subject.name) {
            suite.add_test_case(case(findings, unit, record));
        }
        report.add_test_suite(suite);
    }
    let mut thresholds = TestSuite::new("campaign");
    let doubts = night.doubts();
    let status = if doubts.is_empty() {
        TestCaseStatus::success()
    } else {
        not_passed(NonSuccessKind::Error, "unknown", &doubts.join("; "))
    };
    thresholds.add_test_case(TestCase::new(
        "thresholds are kept and planted bugs are caught",
        status,
    ));
    report.add_test_suite(thresholds);
    report
        .to_string()
        .map_err(|error| Failure::host(format!("the JUnit report cannot be made: {error}")))
}

fn case(findings: &Findings, unit: &Unit, record: Option<&Record>) -> TestCase {
    let status = match record.map(|record| (record.verdict, record)) {
        None => {
            let mut status = TestCaseStatus::skipped();
            status.set_type("not-run").set_message("not run");
            status
        }
        Some((RunVerdict::Pass, _)) => TestCaseStatus::success(),
        Some((RunVerdict::Violation, record)) => {
            let mut status = not_passed(NonSuccessKind::Failure, "violation", &record.reason);
            status.set_description(format!("{}\n{}", record.reason, again(findings, record)));
            status
        }
        Some((verdict, record)) => not_passed(NonSuccessKind::Error, verdict_name(verdict), &record.reason),
    };
    let mut case = TestCase::new(title(unit), status);
    case.set_classname(unit.subject());
    if let Some(wall) = record.and_then(|record| record.wall_ms) {
        case.set_time(Duration::from_millis(wall));
    }
    case
}

fn not_passed(kind: NonSuccessKind, of: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of).set_message(message);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::night::Night;
    use crate::campaign::synthetic;

    #[test]
    fn only_a_pass_looks_like_one() {
        let plan = synthetic::plan("2026-01-31", 10);
        let mut verdicts = [
            Some(RunVerdict::Pass),
            Some(RunVerdict::Violation),
            Some(RunVerdict::Unknown),
            Some(RunVerdict::HarnessError),
            None,
        ]
        .into_iter();
        let records = plan.units.iter().map(|unit| {
            if unit.mutant.is_some() {
                return Some(synthetic::record(&plan, unit, RunVerdict::Violation, "a"));
            }
            let mut record = synthetic::record(&plan, unit, verdicts.next().flatten()?, "a");
            record.reason = "</failure> \u{1b}[31m & \"so\"".to_owned();
            Some(record)
        });
        let records = records.collect();
        let report = junit(&Findings::of_night(Night { plan, records }, None)).unwrap();
        let parsed = Report::deserialize_from_str(&report).unwrap();
        assert_eq!(
            (parsed.tests, parsed.failures, parsed.errors),
            (6, 1, 3),
            "{report}"
        );
        assert_eq!(report.matches("<skipped").count(), 1);
        assert!(!report.contains("</failure> ") && !report.contains('\u{1b}'));
    }
}
