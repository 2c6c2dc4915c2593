//! Whole comparisons by the built program, with real processes in real namespaces.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use splitbrain::test_file::Test;
use splitbrain_nemesis::node::Node;
use splitbrain_reports::comparison::Comparison;
use splitbrain_reports::results::{ClaimVerdict, Results, RunVerdict};
use tempfile::TempDir;

use support::said;

fn start(store: &TempDir, args: &[&str]) -> Child {
    let compare = [
        "compare",
        "--nodes",
        "3",
        "--store",
        store.path().to_str().unwrap(),
    ];
    support::start(&[&compare[..], args].concat())
}

fn comparison(folder: &Path) -> Comparison {
    serde_json::from_slice(&fs::read(folder.join("comparison.json")).unwrap()).unwrap()
}

#[test]
fn a_system_is_compared_with_itself_run_by_run() {
    let store = tempfile::tempdir().unwrap();
    let args = ["--systems", "raft,raft", "--time-limit", "5s", "--seed", "7"];
    let output = start(&store, &args).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let folder = store.path().join("latest");
    let found = comparison(&folder);
    assert_eq!((found.verdict, found.runs.len()), (RunVerdict::Pass, 2));
    let labels: Vec<&str> = found.contestants.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["raft A", "raft B"]);

    let rows = &found.settings[0].rows;
    assert_eq!(rows.len(), 12);
    for row in rows {
        let name = format!("{}/{}", row.contestant, row.read_mode);
        assert_eq!(row.verdict, ClaimVerdict::Valid, "{name}: {}", row.reason);
        assert!(
            row.staleness.reads > 0 && row.availability.with_quorum.total > 0,
            "{name}"
        );
        let is_linearizable = row.claim == "linearizable";
        assert!(!is_linearizable || row.staleness.stale_reads == 0, "{name}");
        assert_eq!(
            row.stale_example.is_none(),
            row.staleness.stale_reads == 0,
            "{name}"
        );
    }
    assert!(
        found.settings[0]
            .updates
            .iter()
            .all(|updates| updates.acknowledged > 0 && updates.lost == 0)
    );

    let reports: Vec<_> = found
        .runs
        .iter()
        .map(|run| folder.join(run.report.as_ref().unwrap()))
        .collect();
    let tests: Vec<Test> = reports
        .iter()
        .inspect(|report| assert!(report.is_file(), "{report:?}"))
        .map(|report| Test::read(&report.with_file_name("test.json")).unwrap())
        .collect();
    assert_eq!(
        (&tests[0].schedule, &tests[0].threads),
        (&tests[1].schedule, &tests[1].threads)
    );
    for (report, test) in reports.iter().zip(&tests) {
        cuts_are_those_of_the_evidence(&report.with_file_name("results.json"), test);
    }
    redrawn(&folder);
}

/// What packets were dropped, as the firewall counted them, is what the comparison takes the cuts to be.
fn cuts_are_those_of_the_evidence(results: &Path, test: &Test) {
    let results: Results = serde_json::from_slice(&fs::read(results).unwrap()).unwrap();
    assert!(!results.faults.is_empty());
    for fault in &results.faults {
        // "n1 dropped 131 packets from n2", "n1 dropped a probe from n2, which …"
        let pair = |sentence: &String| {
            let (by, rest) = sentence.split_once(" dropped ")?;
            let from = rest.split_once(" from ")?.1.split([',', ' ']).next()?;
            Some((by.parse::<Node>().ok()?, from.parse::<Node>().ok()?))
        };
        let seen: BTreeSet<_> = fault.evidence.iter().filter_map(pair).collect();
        let nodes = Node::range(3);
        let struck: Vec<Node> = fault.nodes.iter().map(|name| name.parse().unwrap()).collect();
        let scheduled = test
            .schedule
            .events
            .iter()
            .find(|event| event.id == fault.id)
            .unwrap();
        let cut: BTreeSet<_> = scheduled.grudge(&nodes, &struck).pairs().collect();
        assert_eq!(cut, seen, "{:?}", fault.evidence);
    }
}

fn redrawn(folder: &Path) {
    let page = folder.join("comparison.html");
    let before = fs::read(&page).unwrap();
    fs::remove_file(&page).unwrap();
    let output = support::output(&["report", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(fs::read(&page).unwrap(), before);
}

#[test]
fn an_interrupted_comparison_keeps_what_it_has() {
    let store = tempfile::tempdir().unwrap();
    let args = [
        "--systems",
        "raft",
        "--read-modes",
        "log",
        "--time-limit",
        "5m",
        "--seed",
        "1",
    ];
    let mut child = start(&store, &args);
    let history = store.path().join("latest/runs/latest/history.jsonl");
    support::await_history(&history, &mut child, 100_000);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    let found = comparison(&store.path().join("latest"));
    assert_eq!((found.verdict, found.runs.len()), (RunVerdict::Unknown, 1));
    assert!(found.settings[0].rows[0].staleness.reads > 0);
    assert!(store.path().join("latest/comparison.html").is_file());
}
