//! One run: a cluster under load and faults, judged and reported.
//!
//! ```text
//! resolve ─▶ preflight ─▶ sandbox ─▶ conduct ──────────────▶ tear down ─▶ judge ─▶ write ─▶ summary
//! options    exit 2, 4    a world     start, load, faults,     kill all     each    files    stdout
//!                         of its own  heal, drain                           mode
//! ```
//!
//! Once the cluster is built, nothing that fails makes the run give up: it goes on to judge what was recorded, and the
//! failure becomes part of the verdict. A run that cannot begin leaves a `results.json` that says why.

pub mod evidence;
pub(crate) mod interrupt;
pub mod judge;
pub mod progress;
pub mod redraw;
pub mod together;
pub mod verdict;
pub mod write;

mod clocks;
mod cluster;
mod conduct;
mod load;
mod moments;
mod nemesis;
mod watch;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use splitbrain_checker::history::{DataModel, Header, History, read_native_file};
use splitbrain_nemesis::facility::Facility;
use splitbrain_nemesis::process::Death;
use splitbrain_nemesis::sandbox::{self, Entered, SandboxError};
use splitbrain_nemesis::schedule::FaultKind;
use splitbrain_reports::results::{NemesisEvent, Results, RunVerdict};
use tokio::runtime;

use crate::catalog;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use crate::record::{Clock, Recorder, Tally};
use crate::schedule_file;
use crate::store::{self, RunFolder};
use crate::test_file::Test;
use crate::utc::Utc;
use cluster::Cluster;
use conduct::{Aftermath, Stage};
use evidence::Plan;
use nemesis::NemesisLog;
use progress::Progress;

/// Carries out `test` and prints its results: as a summary, or as one line of JSON. Must be called before the
/// program has started a thread.
///
/// # Errors
/// [`Failure::Host`] if the host does not allow a run.
pub fn run(test: &Test, json: bool) -> Result<ExitCode> {
    preflight(test)?;
    output::note(&format!("seed {}", test.seed));
    match sandbox::enter() {
        Ok(Entered::Finished(code)) => Ok(code),
        Ok(Entered::Inside) => Ok(inside(test, json)?.into()),
        Err(error) => Err(no_sandbox(&error)),
    }
}

/// Finds out what is missing before anything is set up.
fn preflight(test: &Test) -> Result<()> {
    store::check_writable(&test.store)?;
    let needs: Vec<(FaultKind, Facility)> = test
        .nemesis
        .iter()
        .flat_map(|kind| kind.needs().iter().map(|facility| (*kind, *facility)))
        .collect();
    if needs.is_empty() {
        return Ok(());
    }
    let probe = sandbox::probe().map_err(|error| no_sandbox(&error))?;
    if let Err(error) = &probe.world {
        return Err(no_sandbox(error));
    }
    for (kind, facility) in needs {
        if let Some(error) = probe.lacks(facility) {
            return Err(Failure::Host {
                problem: format!("the fault {kind} is impossible here: {error}"),
                mend: error.mend().map(str::to_owned),
            });
        }
    }
    Ok(())
}

fn no_sandbox(error: &SandboxError) -> Failure {
    let mend = error.mend().map(str::to_owned);
    Failure::Host {
        problem: format!("no sandbox: {error}"),
        mend,
    }
}

/// The run itself, inside of the sandbox.
fn inside(test: &Test, json: bool) -> Result<Exit> {
    let folder = RunFolder::create(
        &test.store,
        &test.name,
        &Utc::now().compact(),
        test.seed,
        &test.nodes,
    )?;
    RunFolder::write(&folder.test_json(), test.to_json().as_bytes())?;
    log_to(&folder.log())?;
    warn_of_gaps(test);
    // Threads beyond the clients' own work do not help: the nodes need the processors.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| cluster::host("starting the runtime", &error))?;
    let recorded = runtime.block_on(record(test, &folder)).inspect_err(|failure| {
        // There is nothing to judge; the folder still says why. That this fails too would be no news.
        let _ = write::write_results(&folder, &abandoned(test, failure));
    })?;
    let interrupted = recorded.after.interrupted;
    let (results, unwritten) = conclude(test, &folder, &recorded)?;
    if json {
        let line = serde_json::to_string(&results).expect("results are plain data");
        output::print(&format!("{line}\n"));
    } else {
        output::print(&output::summary(&results, folder.path(), output::width()));
    }
    for failure in &unwritten {
        output::note(&format!("error: {failure}"));
    }
    // A signal may have come while the run was judged. A violation that was found all the same outranks it.
    let interrupted = interrupted.or(*recorded.interrupts.borrow());
    Ok(exit(results.verdict).worst(interrupted.unwrap_or(Exit::Pass)))
}

/// The exit code of a verdict.
pub(crate) fn exit(verdict: RunVerdict) -> Exit {
    match verdict {
        RunVerdict::Pass => Exit::Pass,
        RunVerdict::Unknown => Exit::Unknown,
        RunVerdict::HarnessError => Exit::Host,
        RunVerdict::Violation => Exit::Violation,
    }
}

/// The results of a run that could not begin.
fn abandoned(test: &Test, failure: &Failure) -> Results {
    Results {
        verdict: RunVerdict::HarnessError,
        reason: failure.to_string(),
        seed: test.seed,
        command: test.command.clone(),
        system: test.system.clone(),
        era: catalog::system(&test.system).map_or_else(|_| String::new(), |system| system.era().to_owned()),
        nodes: test.nodes.clone(),
        observers: test.observers,
        faults_scheduled: test.schedule.events.len(),
        ..Results::default()
    }
}

/// What the live part leaves, beside the files.
struct Recorded {
    after: Aftermath,
    tally: Tally,
    log: Arc<NemesisLog>,
    deaths: Vec<Death>,
    teardown: Duration,
    interrupts: tokio::sync::watch::Receiver<Option<Exit>>,
}

/// Brings the cluster up, plays the run, and takes everything down again.
async fn record(test: &Test, folder: &RunFolder) -> Result<Recorded> {
    let interrupts = interrupt::listen().map_err(|error| cluster::host("listening for signals", &error))?;
    let system = catalog::system(&test.system)?;
    let clock = Clock::start();
    let cannot_write = |path: &Path, error: std::io::Error| Failure::not_writable(path, &error);
    let recorder = Recorder::create(&folder.history(), &header(test), clock)
        .map_err(|error| cannot_write(&folder.history(), error))?;
    let log =
        NemesisLog::create(&folder.nemesis()).map_err(|error| cannot_write(&folder.nemesis(), error))?;
    let cluster = Arc::new(Cluster::build(test, system, folder)?);
    let stage = Stage {
        test,
        cluster: Arc::clone(&cluster),
        pen: recorder.pen(),
        log: Arc::clone(&log),
        interrupted: interrupts.clone(),
        progress: Progress::start(),
    };
    let mut after = stage.play().await;
    let tally = recorder_tally(recorder, &mut after);
    let teardown = Instant::now();
    let (deaths, killed) = cluster.kill();
    let teardown = teardown.elapsed();
    if let Err(failure) = killed.and_then(|()| cluster.keep_data()) {
        after.troubles.push(failure.to_string());
    }
    after.troubles.extend(deaths.iter().map(ToString::to_string));
    after.troubles.extend(
        log.failure()
            .map(|error| format!("nemesis.jsonl cannot be written: {error}")),
    );
    Ok(Recorded {
        after,
        tally,
        log,
        deaths,
        teardown,
        interrupts,
    })
}

fn recorder_tally(recorder: Recorder, after: &mut Aftermath) -> Tally {
    let pen = recorder.pen();
    recorder.finish().unwrap_or_else(|error| {
        after
            .troubles
            .push(format!("the history cannot be written: {error}"));
        pen.tally()
    })
}

fn header(test: &Test) -> Header {
    let read_modes = test.read_modes.iter().map(|mode| mode.name.clone()).collect();
    Header {
        model: DataModel::CasRegister,
        nodes: test.nodes.clone(),
        read_modes,
    }
}

/// Judges what was recorded and writes everything that the run's folder holds. What cannot be written is returned
/// beside the results: it keeps a run from passing, but hides no verdict.
fn conclude(test: &Test, folder: &RunFolder, recorded: &Recorded) -> Result<(Results, Vec<String>)> {
    output::note("judging");
    let Recorded { after, log, .. } = recorded;
    // What cannot be read back is a trouble of the harness; the run still says what else it knows.
    let mut troubles = after.troubles.clone();
    let (history, warnings) = match read_native_file(&folder.history()) {
        Ok(parsed) => (parsed.history, parsed.warnings),
        Err(error) => {
            troubles.push(format!("the history cannot be read back: {error}"));
            (History::default(), Vec::new())
        }
    };
    let history = &history;
    let faults = log.faults();
    let judgement = judge::judge(test, history, &after.latencies)?;
    let read_modes: Vec<String> = test.read_modes.iter().map(|mode| mode.name.clone()).collect();
    let plan = Plan {
        voters: test.layout().voters,
        observers: test.observers,
        weights: test.mix.weights,
        read_modes: &read_modes,
        schedule: &test.schedule,
    };
    let shortfalls = evidence::shortfalls(&plan, history, &faults);
    let (verdict, reason) = verdict::run_verdict(
        &judgement.claims,
        &troubles,
        &shortfalls,
        faults.len(),
        after.interrupted.is_some(),
    );
    let load_seconds = after
        .load_start_ns
        .map_or(0.0, |start| write::seconds_between(start, after.load_end_ns));
    let first_ok_ns = recorded.tally.first_ok_ns;
    let mut results = Results {
        verdict,
        reason,
        seed: test.seed,
        command: test.command.clone(),
        system: test.system.clone(),
        era: catalog::system(&test.system)?.era().to_owned(),
        mutant: test.mutant.clone(),
        nodes: test.nodes.clone(),
        observers: test.observers,
        first_ok_ms: first_ok_ns.map(|at| write::seconds_between(after.cluster_start_ns, at) * 1e3),
        teardown_ms: Some(recorded.teardown.as_secs_f64() * 1e3),
        load_seconds,
        ops: write::op_counts(history, load_seconds),
        latency_ms: judge::latency_ms(after.latencies.all()),
        notes: notes(test, recorded, history, &warnings, judgement.judged_together),
        claims: judgement.claims,
        faults_scheduled: test.schedule.events.len(),
        faults,
        counterexample: judgement.counterexample,
        check_ms: judgement.check_time.as_secs_f64() * 1e3,
    };
    let mut unwritten = Vec::new();
    let nemesis = read_nemesis(&folder.nemesis()).unwrap_or_else(|failure| {
        unwritten.push(failure.to_string());
        Vec::new()
    });
    let drawn = write::write_report(folder, test, &results, history, &nemesis, &judgement.stale_reads);
    unwritten.extend(drawn.err().map(|failure| failure.to_string()));
    if !test.schedule.events.is_empty() {
        let recorded = schedule_file::recorded(&test.schedule, &results.faults);
        let kept = RunFolder::write(&folder.schedule(), recorded.as_bytes());
        unwritten.extend(kept.err().map(|failure| failure.to_string()));
    }
    // Last, so that the file tells of what else could not be written.
    verdict::take_late_failures(&mut results, &unwritten);
    if let Err(failure) = write::write_results(folder, &results) {
        let failure = failure.to_string();
        verdict::take_late_failures(&mut results, std::slice::from_ref(&failure));
        unwritten.push(failure);
    }
    Ok((results, unwritten))
}

/// What a reader should know besides.
fn notes(
    test: &Test,
    recorded: &Recorded,
    history: &History,
    warnings: &[splitbrain_checker::history::Warning],
    judged_together: usize,
) -> Vec<String> {
    let Recorded {
        after,
        tally,
        log,
        deaths,
        ..
    } = recorded;
    let mut notes = vec![evidence::note(history, &log.faults())];
    if judged_together > 0 {
        notes.push(format!(
            "the {judged_together} read modes that kept linearizability one by one were also judged together"
        ));
    }
    if test.rate.is_some() {
        let waits = after.latencies.waits();
        notes.push(format!(
            "open loop: latencies count from the arrival of a request; requests waited {:.1} ms (p50), {:.1} ms \
             (p99), {:.0} ms (max) for a free client, and {} were never asked",
            waits.p50, waits.p99, waits.max, after.never_asked
        ));
    }
    if tally.open() > 0 {
        notes.push(format!(
            "{} ops had no answer at the end and count as of unknown outcome",
            tally.open()
        ));
    }
    notes.extend(
        deaths
            .iter()
            .map(|death| format!("{} died by itself", death.node)),
    );
    notes.extend(warnings.iter().map(|warning| format!("history.jsonl: {warning}")));
    notes
}

/// Reads `nemesis.jsonl` as far as it has whole lines.
///
/// # Errors
/// [`Failure::Input`], with the line, if one is no event.
pub fn read_nemesis(path: &Path) -> Result<Vec<NemesisEvent>> {
    let fail = |place: String, error: &dyn std::fmt::Display| {
        Failure::Input(format!("{}{place}: {error}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(String::new(), &error))?;
    // What follows the last newline is a line that was cut off.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = (1..).zip(whole.lines());
    lines
        .map(|(number, line)| serde_json::from_str(line).map_err(|error| fail(format!(":{number}"), &error)))
        .collect()
}

/// Says which nodes have no client of some read mode.
fn warn_of_gaps(test: &Test) {
    let layout = test.layout();
    let gaps = layout.uncovered(&test.placements());
    if gaps == 0 {
        return;
    }
    output::note(&format!(
        "note: {} client threads leave {gaps} pairs of node and read mode without a client; {} would cover all",
        test.concurrency,
        layout.pairs()
    ));
}

fn log_to(path: &Path) -> Result<()> {
    let file = std::fs::File::create(path).map_err(|error| Failure::not_writable(path, &error))?;
    let log = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file));
    // There may be a subscriber already, in a test; the log is then its business.
    let _ = log.try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nemesis_file(text: &str) -> Result<Vec<NemesisEvent>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nemesis.jsonl");
        std::fs::write(&path, text).unwrap();
        read_nemesis(&path)
    }

    const LINE: &str = r#"{"type":"node","time":1,"node":"n1","role":"leader","term":2}"#;

    #[test]
    fn a_line_that_was_cut_off_is_left_out() {
        assert_eq!(
            nemesis_file(&format!("{LINE}\n{}", &LINE[..20])).unwrap().len(),
            1
        );
        assert_eq!(nemesis_file("").unwrap().len(), 0);
    }

    #[test]
    fn a_line_that_is_no_event_is_named() {
        let failure = nemesis_file(&format!("{LINE}\nnonsense\n"))
            .unwrap_err()
            .to_string();
        assert!(failure.contains("nemesis.jsonl:2: "), "{failure}");
    }
}
