//! The results of a run, from what was recorded and judged to the files of its folder.

use splitbrain_checker::history::{Action, History, Op, Outcome};
use splitbrain_reports::results::{NemesisEvent, OpCounts, Results};
use splitbrain_reports::{ReadStaleness, RunReport, plots, run_page};

use crate::failure::Result;
use crate::store::RunFolder;
use crate::test_file::Test;

const NS_PER_SECOND: f64 = 1e9;

/// Counts the ops of a history, with the rate over the time of load.
#[must_use]
pub fn op_counts(history: &History, load_seconds: f64) -> OpCounts {
    let mut counts = OpCounts {
        total: history.ops.len() as u64,
        ..OpCounts::default()
    };
    for op in &history.ops {
        match op.outcome {
            Outcome::Ok => count_ok(&mut counts, op),
            Outcome::Fail => counts.fail += 1,
            Outcome::Info => counts.info += 1,
        }
    }
    if load_seconds > 0.0 {
        counts.ok_per_second = counts.ok as f64 / load_seconds;
    }
    counts
}

fn count_ok(counts: &mut OpCounts, op: &Op) {
    counts.ok += 1;
    match op.action {
        Action::Read => counts.ok_reads += 1,
        Action::Write { .. } => counts.ok_writes += 1,
        Action::Cas { .. } => counts.ok_cas += 1,
    }
}

/// Seconds between two moments of the history's clock.
#[must_use]
pub fn seconds_between(start_ns: u64, end_ns: u64) -> f64 {
    end_ns.saturating_sub(start_ns) as f64 / NS_PER_SECOND
}

/// Writes `results.json`.
///
/// # Errors
/// If it cannot be written.
pub fn write_results(folder: &RunFolder, results: &Results) -> Result<()> {
    let json = serde_json::to_string_pretty(results).expect("results are plain data");
    RunFolder::write(&folder.results(), format!("{json}\n").as_bytes())
}

/// Draws `report.html` and the plots.
///
/// # Errors
/// If one cannot be written.
pub fn write_report(
    folder: &RunFolder,
    test: &Test,
    results: &Results,
    history: &History,
    nemesis: &[NemesisEvent],
    staleness: &[ReadStaleness],
) -> Result<()> {
    let configuration = test.configuration();
    let report = RunReport {
        title: &test.name,
        started: &test.started,
        version: &test.splitbrain,
        results,
        history,
        nemesis,
        staleness,
        concurrency: test.concurrency as u64,
        configuration: &configuration,
    };
    RunFolder::write(&folder.report(), run_page(&report).as_bytes())?;
    for plot in plots(&report) {
        RunFolder::write(
            &folder.plots().join(format!("{}.svg", plot.name)),
            plot.svg.as_bytes(),
        )?;
    }
    Ok(())
}
