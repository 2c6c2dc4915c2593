//! Whole runs of the built program, with real processes in real namespaces.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use splitbrain_reports::results::{ClaimVerdict, Fault, Results, RunVerdict};
use tempfile::TempDir;

use support::{PATIENCE, said};

fn start(store: &TempDir, args: &[&str]) -> Child {
    let run = ["run", "--nodes", "3", "--store", store.path().to_str().unwrap()];
    support::start(&[&run[..], args].concat())
}

fn latest(store: &TempDir) -> PathBuf {
    store.path().join("latest")
}

fn results(store: &TempDir) -> Results {
    serde_json::from_slice(&fs::read(latest(store).join("results.json")).unwrap()).unwrap()
}

fn await_history(store: &TempDir, child: &mut Child) {
    support::await_history(&latest(store).join("history.jsonl"), child, 100_000);
}

/// The processes whose command line names this store: the nodes of the run in it.
fn nodes_of(store: &TempDir) -> Vec<(Pid, String)> {
    let needle = store.path().to_str().unwrap();
    let command_line = |pid: i32| {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
        (text.contains(" node ") && text.contains(needle)).then_some((Pid::from_raw(pid), text))
    };
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(command_line).collect()
}

#[test]
fn a_run_without_faults_passes_and_leaves_all_its_files() {
    let store = tempfile::tempdir().unwrap();
    let output = start(&store, &["--time-limit", "3s", "--seed", "7"])
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("seed 7"));
    let folder = latest(&store);
    for file in [
        "test.json",
        "history.jsonl",
        "nemesis.jsonl",
        "results.json",
        "report.html",
        "splitbrain.log",
    ] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    assert!(folder.join("nodes/n1/stderr.log").is_file());
    assert!(fs::read_dir(folder.join("plots")).unwrap().count() > 3);
    let results = results(&store);
    assert_eq!((results.verdict, results.seed), (RunVerdict::Pass, 7));
    assert!(
        results.claims.len() == 6
            && results
                .claims
                .iter()
                .all(|claim| claim.verdict == ClaimVerdict::Valid)
    );
    assert!(nodes_of(&store).is_empty(), "nodes are left behind");
    rejudge(&folder);
}

/// What `check` and `report` make of a stored run.
fn rejudge(folder: &Path) {
    let history = folder.join("history.jsonl");
    let check = support::output(&["check", "--read-mode", "log", history.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    fs::remove_file(folder.join("report.html")).unwrap();
    let report = support::output(&["report", folder.to_str().unwrap()]);
    assert_eq!(report.status.code(), Some(0), "{}", said(&report));
    assert!(folder.join("report.html").is_file());
}

#[test]
fn every_fault_of_a_schedule_is_proven_and_no_linearizable_claim_is_broken() {
    for (nemesis, time_limit) in [
        ("partition,kill,pause", "10s"),
        ("loss,drift,clock", "12s"),
        ("cut,delay,reorder", "12s"),
        ("duplicate,corrupt,slow", "12s"),
        ("terminate,crash-loop,slow-cpu,memory", "12s"),
    ] {
        every_fault_is_proven(nemesis, time_limit);
    }
}

#[test]
fn every_fault_of_disks_is_proven_and_what_was_on_them_is_kept() {
    if !disks_can_fail() {
        return;
    }
    for (nemesis, time_limit) in [
        ("power,slow-disk", "10s"),
        ("torn-write,disk-full,disk-error,corrupt-file", "12s"),
    ] {
        let store = every_fault_is_proven(nemesis, time_limit);
        let data = latest(&store).join("nodes/n1/data");
        let logs = fs::read_dir(&data)
            .unwrap()
            .filter_map(|entry| entry.ok()?.metadata().ok());
        assert!(
            logs.map(|log| log.len()).sum::<u64>() > 1000,
            "{data:?} is as good as empty"
        );
    }
}

/// Whether disks can be made to fail on this host: many give FUSE to nobody but root. Where they cannot the test is
/// skipped, and says so; so does `make test` at its end.
fn disks_can_fail() -> bool {
    let doctor = support::output(&["doctor", "--json"]);
    let findings: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let mut checks = findings["checks"].as_array().unwrap().iter();
    let power = checks.find(|check| check["name"] == "power").unwrap();
    if power["possible"] == true {
        return true;
    }
    eprintln!("SKIPPED: {power}");
    false
}

#[test]
fn a_killed_run_leaves_no_disk_behind() {
    if !disks_can_fail() {
        return;
    }
    let store = tempfile::tempdir().unwrap();
    let mut child = start(&store, &["--time-limit", "10m", "--nemesis", "power,slow-disk"]);
    await_history(&store, &mut child);
    // The supervisor is outside of the sandbox: its own child is inside.
    let inside = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let mounts = format!("/proc/{}/mounts", inside.trim());
    let disks =
        |mounts: &str| fs::read_to_string(mounts).map_or(0, |text| text.matches("/run/disks/").count());
    assert_eq!(disks(&mounts), 3, "{mounts}");
    assert_eq!(disks("/proc/self/mounts"), 0, "a disk is seen outside");
    child.kill().unwrap();
    child.wait().unwrap();
    let started = Instant::now();
    while disks(&mounts) > 0 {
        assert!(started.elapsed() < PATIENCE, "disks are left behind");
        thread::sleep(Duration::from_millis(10));
    }
}

fn every_fault_is_proven(nemesis: &str, time_limit: &str) -> TempDir {
    let store = tempfile::tempdir().unwrap();
    let args = ["--nemesis", nemesis, "--time-limit", time_limit, "--seed", "3"];
    let output = start(&store, &args).wait_with_output().unwrap();
    let results = results(&store);
    // On a machine that is busy with other tests too few ops may get through, which is `unknown` and honest.
    assert!(
        matches!(results.verdict, RunVerdict::Pass | RunVerdict::Unknown),
        "{}",
        said(&output)
    );
    assert!(
        results
            .claims
            .iter()
            .all(|claim| claim.verdict == ClaimVerdict::Valid),
        "{}",
        said(&output)
    );
    assert!(results.faults.len() >= 3);
    for fault in &results.faults {
        assert!(
            fault.proven && fault.stop_ns.is_some() && !fault.evidence.is_empty(),
            "{fault:?}"
        );
    }
    store
}

/// Both clusters have the same addresses and write the same values: whatever passed from one to the other would show.
#[test]
fn two_runs_at_a_time_do_not_disturb_each_other() {
    let stores = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let args = |nemesis| ["--nemesis", nemesis, "--time-limit", "6s", "--seed", "4"];
    let struck = start(&stores[0], &args("partition,kill,delay,clock"));
    let spared = start(&stores[1], &["--time-limit", "6s", "--seed", "4"]);
    let outputs = [struck, spared].map(|child| child.wait_with_output().unwrap());
    for (store, output) in stores.iter().zip(&outputs) {
        let results = results(store);
        assert_ne!(results.verdict, RunVerdict::HarnessError, "{}", said(output));
        let valid = |claim: &splitbrain_reports::results::Claim| claim.verdict == ClaimVerdict::Valid;
        assert!(results.claims.iter().all(valid), "{}", said(output));
        assert!(results.ops.ok > 100, "{}", said(output));
    }
    assert!(
        results(&stores[0]).faults.iter().all(|fault| fault.proven),
        "{}",
        said(&outputs[0])
    );
    // A node that another run's nemesis had struck would be seen down, or paused.
    let seen = fs::read_to_string(latest(&stores[1]).join("nemesis.jsonl")).unwrap();
    assert!(seen.contains(r#""role":"leader""#), "{seen}");
    assert!(
        !seen.contains(r#""role":"down""#) && !seen.contains(r#""role":"paused""#),
        "{seen}"
    );
}

#[test]
fn a_schedule_is_played_as_written_and_again_as_recorded() {
    let by_hand = tempfile::tempdir().unwrap();
    let file = by_hand.path().join("faults.toml");
    let text = "[[fault]]\nkind = \"kill\"\nvariant = \"named\"\nnodes = [\"n2\"]\nstart = \"1s\"\nstop = \"2s\"\n\
                [[fault]]\nkind = \"partition\"\nvariant = \"isolated-leader\"\nstart = \"2500ms\"\nstop = \"3500ms\"\n\
                [[fault]]\nkind = \"pause\"\nvariant = \"one\"\nwhen = \"before-commit\"\nstart = \"4s\"\nstop = \"5s\"\n";
    fs::write(&file, text).unwrap();
    let faults = played(&file);
    let named: Vec<&str> = faults.iter().map(|(fault, _)| fault.as_str()).collect();
    assert_eq!(named, ["kill named", "partition isolated-leader", "pause one"]);
    assert_eq!(faults[0].1, ["n2"]);
    // Who led is part of what was recorded.
    assert_eq!(played(&by_hand.path().join("schedule.toml")), faults);
}

/// Runs a schedule, leaves what the run recorded of it beside it, and returns the faults with the nodes struck.
fn played(schedule: &Path) -> Vec<(String, Vec<String>)> {
    let store = tempfile::tempdir().unwrap();
    let args = ["--schedule", schedule.to_str().unwrap(), "--time-limit", "6s"];
    let output = start(&store, &args).wait_with_output().unwrap();
    let faults = results(&store).faults;
    assert!(faults.iter().all(|fault| fault.proven), "{}", said(&output));
    // Under load a leader always has something uncommitted.
    let moments = faults.iter().flat_map(|fault| &fault.evidence);
    let struck = moments.filter(|evidence| evidence.starts_with("it struck when n"));
    assert_eq!(struck.count(), 1, "{faults:?}");
    fs::copy(
        latest(&store).join("schedule.toml"),
        schedule.with_file_name("schedule.toml"),
    )
    .unwrap();
    let what = |fault: &Fault| format!("{} {}", fault.kind, fault.variant);
    faults
        .iter()
        .map(|fault| (what(fault), fault.nodes.clone()))
        .collect()
}

#[test]
fn an_open_loop_tells_how_long_requests_waited() {
    let store = tempfile::tempdir().unwrap();
    let args = ["--time-limit", "2s", "--rate", "300", "--arrivals", "uniform"];
    let output = start(&store, &args).wait_with_output().unwrap();
    let results = results(&store);
    // One arrives every 1/300 s from the start of the load on, and none may be asked much before that.
    let arrived = results.load_seconds * 300.0 + 2.0;
    assert!(
        results.ops.total > 0 && results.ops.total as f64 <= arrived,
        "{}",
        said(&output)
    );
    assert!(
        results.notes.iter().any(|note| note.starts_with("open loop: ")),
        "{:?}",
        results.notes
    );
}

#[test]
fn an_interrupted_run_heals_judges_reports_and_exits_130() {
    let store = tempfile::tempdir().unwrap();
    let mut child = start(&store, &["--time-limit", "10m", "--nemesis", "kill"]);
    await_history(&store, &mut child);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    let results = results(&store);
    assert_eq!(results.verdict, RunVerdict::Unknown);
    assert!(
        results.reason.starts_with("the run was interrupted"),
        "{}",
        results.reason
    );
    assert!(results.faults.iter().all(|fault| fault.stop_ns.is_some()));
    assert!(latest(&store).join("report.html").is_file());
}

#[test]
fn a_terminated_run_exits_143() {
    let store = tempfile::tempdir().unwrap();
    let mut child = start(&store, &["--time-limit", "10m"]);
    await_history(&store, &mut child);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
    assert!(latest(&store).join("results.json").is_file());
}

#[test]
fn a_killed_harness_leaves_no_process_and_a_history_that_can_be_read() {
    let store = tempfile::tempdir().unwrap();
    let mut child = start(&store, &["--time-limit", "10m"]);
    await_history(&store, &mut child);
    assert_eq!(nodes_of(&store).len(), 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let started = Instant::now();
    while !nodes_of(&store).is_empty() {
        assert!(started.elapsed() < PATIENCE, "nodes are left behind");
        thread::sleep(Duration::from_millis(10));
    }
    let history = latest(&store).join("history.jsonl");
    let args = ["check", "--json", "--read-mode", "log", history.to_str().unwrap()];
    let check = support::output(&args);
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    let report: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert!(report["ops"].as_u64().unwrap() > 100, "{report}");
}

#[test]
fn a_node_that_dies_by_itself_is_reported_and_not_as_a_timeout() {
    let store = tempfile::tempdir().unwrap();
    let mut child = start(&store, &["--time-limit", "4s"]);
    await_history(&store, &mut child);
    let nodes = nodes_of(&store);
    let (pid, _) = nodes.iter().find(|(_, line)| line.contains("--id=2 ")).unwrap();
    kill(*pid, Signal::SIGKILL).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let results = results(&store);
    assert_eq!(results.verdict, RunVerdict::HarnessError);
    assert!(
        results.reason.contains("n2 was ended by signal 9"),
        "{}",
        results.reason
    );
}

#[test]
fn a_claim_that_a_mode_never_made_is_broken_with_a_small_counterexample() {
    let store = tempfile::tempdir().unwrap();
    let args = [
        "--read-mode",
        "follower-local",
        "--claim",
        "linearizable",
        "--nemesis",
        "partition",
        "--time-limit",
        "8s",
        "--json",
    ];
    let output = start(&store, &args).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let results: Results = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results.verdict, RunVerdict::Violation);
    let counterexample = results.counterexample.unwrap();
    assert!(counterexample.ops.len() <= 6, "{counterexample:?}");
    assert_eq!(counterexample.ops.iter().filter(|op| op.culprit).count(), 1);
}
