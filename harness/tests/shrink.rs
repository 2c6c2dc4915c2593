//! `shrink` of the built program: what it refuses, and what it makes of a real failure.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use splitbrain::cli::RunOptions;
use splitbrain::config::resolve;
use splitbrain::shrink::record::{End, Shrunk};
use splitbrain::shrink::target::Target;
use splitbrain::test_file::Test;
use splitbrain_reports::results::{Claim, ClaimVerdict, LatencyMs, Results, RunVerdict, StalenessFigures};
use tempfile::TempDir;

use support::{output, said};

/// The faults of a run as a file: the leader is cut off twice.
const ISOLATED_TWICE: &str = r#"
[[fault]]
kind = "partition"
variant = "isolated-leader"
start = "1s"
stop = "2s"

[[fault]]
kind = "partition"
variant = "isolated-leader"
start = "3s"
stop = "4s"
"#;

/// A made-up stored run under two partitions, with such a verdict.
fn made_up(root: &TempDir, name: &str, verdict: RunVerdict) -> PathBuf {
    let folder = root.path().join("store/raft-register").join(name);
    fs::create_dir_all(&folder).unwrap();
    let schedule = folder.join("schedule.toml");
    fs::write(&schedule, ISOLATED_TWICE).unwrap();
    let options = RunOptions {
        schedule: Some(schedule),
        ..RunOptions::default()
    };
    let test = resolve(options).unwrap();
    fs::write(folder.join("test.json"), test.to_json()).unwrap();
    let results = Results {
        verdict,
        reason: "as it is".to_owned(),
        claims: match verdict {
            RunVerdict::Violation => vec![broken()],
            _ => Vec::new(),
        },
        ..Results::default()
    };
    fs::write(
        folder.join("results.json"),
        serde_json::to_string(&results).unwrap(),
    )
    .unwrap();
    folder
}

fn broken() -> Claim {
    Claim {
        system: "raft".to_owned(),
        read_mode: "log".to_owned(),
        claim: "linearizable".to_owned(),
        claim_overridden: false,
        promise: String::new(),
        verdict: ClaimVerdict::Invalid,
        reason: String::new(),
        anomaly: Some("lost-write".to_owned()),
        strongest_model: None,
        staleness: StalenessFigures::default(),
        read_latency_ms: LatencyMs::default(),
    }
}

fn refused(args: &[&str], expected: &[&str]) {
    let output = output(&[&["shrink"], args].concat());
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    for part in expected {
        assert!(text.contains(part), "{args:?}: `{part}` is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

/// What is done to a stored run.
type Spoil = fn(&Path);

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn what_is_no_failed_run_is_refused_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    for (verdict, expected) in [
        (RunVerdict::Pass, "passed; only a run that broke a claim"),
        (RunVerdict::Unknown, "has no verdict (as it is)"),
        (
            RunVerdict::HarnessError,
            "failed by the harness or the host (as it is)",
        ),
    ] {
        let run = made_up(&root, "other", verdict);
        refused(&[run.to_str().unwrap()], &[expected]);
    }
    let cases: [(&str, Spoil, &[&str]); 8] = [
        (
            "newer",
            |run| {
                edit(
                    &run.join("test.json"),
                    "\"splitbrain\": \"0.",
                    "\"splitbrain\": \"9.",
                );
            },
            &["was kept by Splitbrain 9.", "use that version or a newer one"],
        ),
        (
            "without-schedule",
            |run| fs::remove_file(run.join("schedule.toml")).unwrap(),
            &[
                "has no schedule.toml, though the run had 2 faults",
                "splitbrain repro",
            ],
        ),
        (
            "other-schedule",
            |run| {
                let first = ISOLATED_TWICE.split("\n\n").next().unwrap();
                fs::write(run.join("schedule.toml"), first).unwrap();
            },
            &["schedule.toml has 1 faults, and the run had 2"],
        ),
        (
            "bad-schedule",
            |run| edit(&run.join("schedule.toml"), "isolated-leader", "isolated-lieder"),
            &["schedule.toml", "did you mean `isolated-leader`"],
        ),
        (
            "cut-off",
            |run| {
                let text = fs::read_to_string(run.join("test.json")).unwrap();
                fs::write(run.join("test.json"), &text[..text.len() / 2]).unwrap();
            },
            &["test.json:"],
        ),
        (
            "never-judged",
            |run| fs::remove_file(run.join("results.json")).unwrap(),
            &["results.json", "the run was never judged"],
        ),
        (
            "no-run",
            |run| fs::remove_file(run.join("test.json")).unwrap(),
            &["is not the folder of a run"],
        ),
        (
            "comparison",
            |run| fs::write(run.join("comparison.json"), "{}").unwrap(),
            &["is a comparison; make one of its runs smaller", "comparison/runs"],
        ),
    ];
    for (name, spoil, expected) in cases {
        let run = made_up(&root, name, RunVerdict::Violation);
        spoil(&run);
        refused(&[run.to_str().unwrap()], expected);
    }
    let run = made_up(&root, "options", RunVerdict::Violation);
    let run = run.to_str().unwrap();
    refused(&[run, "--times", "0"], &["--times must be more than 0"]);
    refused(
        &[run, "--time-limit", "0s"],
        &["--time-limit must be more than 0"],
    );
    // Its load alone takes half a minute.
    refused(
        &[run, "--time-limit", "1s"],
        &["--time-limit 1s is not enough to run it once"],
    );
    assert!(!root.path().join("store/raft-register-shrunk").join("x").exists());
    let left = fs::read_dir(root.path().join("store/raft-register-shrunk")).unwrap();
    assert_eq!(left.count(), 0, "nothing is left of what could not begin");
}

/// A stored run of a planted bug, under two faults, that broke its claim.
fn failed_run(root: &TempDir) -> PathBuf {
    let faults = root.path().join("faults.toml");
    fs::write(&faults, ISOLATED_TWICE).unwrap();
    let store = root.path().join("store");
    for seed in ["1", "2", "3", "4", "5"] {
        let output = output(&[
            "run",
            "--mutant=raft/answer-before-commit",
            "--read-mode=log",
            "--nodes=3",
            "--time-limit=5s",
            "--schedule",
            faults.to_str().unwrap(),
            "--seed",
            seed,
            "--store",
            store.to_str().unwrap(),
        ]);
        if output.status.code() == Some(1) {
            return store.join("latest").canonicalize().unwrap();
        }
    }
    panic!("the planted bug was never caught");
}

#[test]
fn a_planted_bugs_failure_becomes_a_smaller_run_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let run = failed_run(&root);
    // Nobody needs the file that the faults came from.
    fs::remove_file(root.path().join("faults.toml")).unwrap();
    interrupted_early_it_leaves_nothing(&root, &run);
    let before = fs::read(run.join("results.json")).unwrap();
    let output = output(&["shrink", run.to_str().unwrap(), "--json", "--time-limit", "45s"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let shrunk: Shrunk = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        matches!(shrunk.end, End::Minimal | End::Budget | End::Rounds),
        "{}",
        said(&output)
    );
    assert_eq!((shrunk.before.faults, shrunk.before.time_limit_ms), (2, 5_000));
    assert!(shrunk.after.faults <= 2 && shrunk.after.time_limit_ms <= 5_000);
    assert_eq!(shrunk.subject, "raft/answer-before-commit");
    assert_eq!(
        (shrunk.from.as_path(), &before),
        (run.as_path(), &fs::read(run.join("results.json")).unwrap())
    );
    assert!(shrunk.whole.failed > 0 && shrunk.runs as usize >= shrunk.steps.len());
    // A smaller run is taken for nothing but two failures of the same kind.
    for step in shrunk.steps.iter().filter(|step| step.taken) {
        assert_eq!(step.tally.failed, 2, "{step:?}");
    }
    is_a_run_of_its_own(&shrunk);
    let repro = support::output(&["repro", shrunk.run.to_str().unwrap(), "--times", "1"]);
    assert!(said(&repro).contains("of 1 run failed again"), "{}", said(&repro));
    assert_ne!(repro.status.code(), Some(2), "{}", said(&repro));
}

fn is_a_run_of_its_own(shrunk: &Shrunk) {
    let read = |name: &str| fs::read_to_string(shrunk.run.join(name)).unwrap();
    let results: Results = serde_json::from_str(&read("results.json")).unwrap();
    assert_eq!(results.verdict, RunVerdict::Violation);
    let broken = results
        .claims
        .iter()
        .filter(|claim| claim.verdict == ClaimVerdict::Invalid);
    let broken: Vec<Target> = broken
        .map(|claim| Target {
            read_mode: claim.read_mode.clone(),
            model: claim.claim.clone(),
            anomaly: claim.anomaly.clone(),
        })
        .collect();
    assert!(broken.contains(&shrunk.target), "{broken:?}, {:?}", shrunk.target);
    let test = Test::read(&shrunk.run.join("test.json")).unwrap();
    assert_eq!(test.shrunk_from.as_ref(), Some(&shrunk.from));
    assert_eq!(test.schedule.events.len(), shrunk.after.faults);
    assert_eq!(test.time_limit.as_millis(), shrunk.after.time_limit_ms);
    assert!(read("report.html").contains("shrunk from"));
    let kept: Shrunk = serde_json::from_str(&read("shrunk.json")).unwrap();
    assert_eq!(&kept, shrunk);
    let tried = shrunk.run.join("tried");
    assert_eq!(
        tried.exists(),
        !shrunk.others.is_empty(),
        "only other failures are kept"
    );
    for other in &shrunk.others {
        assert!(other.run.join("results.json").is_file());
    }
}

fn interrupted_early_it_leaves_nothing(root: &TempDir, run: &Path) {
    let child = support::start(&["shrink", run.to_str().unwrap()]);
    // It runs the whole by now; where it does not yet, the signal ends it all the same.
    thread::sleep(Duration::from_secs(2));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    let left = fs::read_dir(root.path().join("store/raft-register-shrunk")).unwrap();
    assert_eq!(left.count(), 0, "{}", said(&output));
}
