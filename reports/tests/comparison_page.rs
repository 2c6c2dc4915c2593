//! What holds for every comparison page.

use splitbrain_reports::comparison::{
    AroundCut, Availability, Comparison, Contestant, Example, Row, Run, Setting, Slots, Updates,
    comparison_page,
};
use splitbrain_reports::results::{
    ClaimVerdict, Counterexample, CounterexampleOp, LatencyMs, RunVerdict, StalenessFigures,
};

const HOSTILE: &str =
    "</title></script><script>alert(1)</script>\"'&--!><img src=x onerror=alert(2)>\u{2028}";

fn op(index: u64, text: &str, start_ns: u64, end_ns: u64, culprit: bool) -> CounterexampleOp {
    CounterexampleOp {
        index,
        process: index,
        process_name: None,
        text: text.into(),
        outcome: "ok".into(),
        start_ns,
        end_ns: Some(end_ns),
        culprit,
        counts_as: None,
    }
}

fn example() -> Example {
    Example {
        seed: 8,
        report: "runs/raft-3n/20260131T030012Z-8/report.html".into(),
        ops: Counterexample {
            read_mode: "follower-local".into(),
            model: "linearizable".into(),
            key: 3,
            key_name: None,
            untimed: false,
            reason: "process 2 read 10 from key 3, though 11 was there already".into(),
            ops: vec![
                op(0, "write 10", 1_000_000, 2_000_000, false),
                op(1, "write 11", 3_000_000, 4_000_000, false),
                op(2, "read -> 10", 29_000_000, 30_000_000, true),
            ],
        },
    }
}

fn slots(served: u64, total: u64) -> Slots {
    Slots { served, total }
}

fn availability(without: u64) -> Availability {
    Availability {
        with_quorum: slots(399, 400),
        without_quorum: slots(without, 200),
        around_cut: (-10..20)
            .map(|slot| AroundCut {
                at_ms: slot * 100,
                with_quorum: slots(if slot == 1 { 2 } else { 4 }, 4),
                without_quorum: slots(if slot < 0 { 2 } else { without / 100 }, 2),
            })
            .collect(),
    }
}

fn row(read_mode: &str, claim: &str, stale: u64) -> Row {
    let curve = |points: &[(f64, f64)]| if stale > 0 { points.to_vec() } else { Vec::new() };
    Row {
        contestant: "raft".into(),
        read_mode: read_mode.into(),
        claim: claim.into(),
        promise: "a prefix of the log, arbitrarily stale".into(),
        verdict: ClaimVerdict::Valid,
        reason: "held in each of 2 runs, over 20000 reads".into(),
        strongest_model: Some(claim.into()),
        staleness: StalenessFigures {
            reads: 20_000,
            stale_reads: stale,
            stale_per_million: stale as f64 * 50.0,
            versions_behind_max: stale / 10,
            versions_behind_p99: stale / 100,
            ms_behind_max: stale as f64 * 2.5,
            ms_behind_p99: stale as f64 / 8.0,
            ..StalenessFigures::default()
        },
        read_latency_ms: LatencyMs {
            p50: if stale > 0 { 0.3 } else { 2.1 },
            p99: 7.25,
            max: 40.0,
        },
        availability: availability(if stale > 0 { 200 } else { 0 }),
        staleness_ms_ccdf: curve(&[(0.5, 0.05), (20.0, 0.01), (2_500.0, 0.00005)]),
        staleness_versions_ccdf: curve(&[(1.0, 0.05), (100.0, 0.00005)]),
        stale_example: (stale > 0).then(example),
        counterexample: None,
    }
}

fn run(seed: u64) -> Run {
    Run {
        contestant: "raft".into(),
        voters: 3,
        observers: 0,
        seed,
        verdict: RunVerdict::Pass,
        reason: "all 2 claims held".into(),
        report: Some(format!("runs/raft-3n/20260131T030012Z-{seed}/report.html")),
        command: format!("splitbrain run --system raft --seed {seed}"),
        ok: 40_000,
        faults_scheduled: 3,
        faults_proven: 3,
    }
}

fn comparison() -> Comparison {
    Comparison {
        verdict: RunVerdict::Pass,
        reason: "every claim held in each of 2 runs, and every fault is shown to have taken effect".into(),
        name: "raft-modes".into(),
        started: "2026-01-31 03:00:12 UTC".into(),
        version: "0.1.0".into(),
        seed: 7,
        command: "splitbrain compare --systems raft --seed 7".into(),
        faults_scheduled: 6,
        contestants: vec![Contestant {
            label: "raft".into(),
            system: "raft".into(),
            mutant: None,
            summary: "Raft".into(),
        }],
        settings: vec![Setting {
            voters: 3,
            observers: 0,
            rows: vec![
                row("read-index", "linearizable", 0),
                row("follower-local", "monotonic-per-node", 1_000),
            ],
            updates: vec![Updates {
                contestant: "raft".into(),
                acknowledged: 12_345,
                ok_cas: 1,
                lost: 0,
                lost_reason: None,
                latency_ms: LatencyMs::default(),
                availability: availability(0),
            }],
        }],
        runs: vec![run(7), run(8)],
        configuration: vec![("nemesis".into(), "partition".into())],
        notes: Vec::new(),
    }
}

/// The page without what is the same on all: scripts, styles and their hashes; and without the shapes of plots.
fn essence(page: &str) -> String {
    let mut out = page.to_owned();
    for (open, close) in [
        ("<style>", "</style>"),
        ("<script>", "</script>"),
        ("<svg width=", "</svg>"),
        ("<meta http-equiv=", ">"),
    ] {
        while let Some(at) = out.find(open) {
            let end = at + out[at..].find(close).expect("elements are closed") + close.len();
            out.replace_range(at..end, "…");
        }
    }
    out
}

#[test]
fn a_comparison_as_it_is_shown() {
    insta::assert_snapshot!(essence(&comparison_page(&comparison())));
}

#[test]
fn every_plot_is_drawn_where_there_is_something_to_draw() {
    let page = comparison_page(&comparison());
    assert_eq!(page.matches("<svg width=").count(), 5);
    assert!(!page.contains("NaN") && !page.contains("could not be drawn"));
    assert!(!page.contains("No read was provably stale"));
}

#[test]
fn nothing_to_show_is_said_in_words() {
    let mut empty = comparison();
    empty.faults_scheduled = 0;
    empty.settings[0].rows = vec![Row {
        availability: Availability::default(),
        ..row("read-index", "linearizable", 0)
    }];
    let page = comparison_page(&empty);
    for text in [
        "Nothing was at stake",
        "No read was provably stale.",
        "The network was never cut",
        "None: no read was stale, and no claim was broken.",
    ] {
        assert!(page.contains(text), "{text}");
    }
    empty.settings[0].rows.clear();
    empty.runs.clear();
    assert!(comparison_page(&empty).contains("No run left anything to compare."));
}

#[test]
fn hostile_strings_never_become_markup() {
    let honest = comparison_page(&comparison());
    let mut hostile = comparison();
    hostile.reason = HOSTILE.into();
    hostile.command = HOSTILE.into();
    hostile.notes = vec![HOSTILE.into()];
    hostile.configuration = vec![(HOSTILE.into(), HOSTILE.into())];
    hostile.contestants[0].label = HOSTILE.into();
    hostile.runs[0].report = Some(HOSTILE.into());
    hostile.runs[0].reason = HOSTILE.into();
    for row in &mut hostile.settings[0].rows {
        row.contestant = HOSTILE.into();
        row.read_mode = HOSTILE.into();
        row.promise = HOSTILE.into();
        row.reason = HOSTILE.into();
        if let Some(example) = &mut row.stale_example {
            example.report = HOSTILE.into();
            example.ops.reason = HOSTILE.into();
            example.ops.ops[0].text = HOSTILE.into();
        }
    }
    hostile.settings[0].updates[0].lost_reason = Some(HOSTILE.into());
    let page = comparison_page(&hostile);
    let tags = |page: &str| page.to_lowercase().matches("<script").count();
    assert_eq!(tags(&page), tags(&honest));
    assert!(!page.contains("<img") && !page.contains("alert(1)</script>"));
}

#[test]
fn pages_fetch_nothing_and_link_only_beside_themselves() {
    let page = comparison_page(&comparison());
    let lower = page.to_lowercase();
    for reference in [
        "http:",
        "https:",
        "src=",
        "@import",
        "url(//",
        "xlink:",
        "<iframe",
        "<link rel=\"stylesheet",
    ] {
        assert!(!lower.contains(reference), "{reference}");
    }
    let all = lower.matches("href=").count();
    let known = ["href=\"#", "href=\"data:,\"", "href=\"./runs/"];
    assert_eq!(
        all,
        known
            .iter()
            .map(|start| lower.matches(start).count())
            .sum::<usize>()
    );
    assert!(!page.contains(" style=\"") && !page.contains(" onclick="));
    let hashes = page.matches("&#39;sha256-").count() + page.matches("'sha256-").count();
    let own = page.matches("<script>").count() + page.matches("<style>").count();
    assert_eq!(hashes, own);
}

#[test]
fn a_broken_claim_and_a_lost_write_catch_the_eye() {
    let mut broken = comparison();
    broken.verdict = RunVerdict::Violation;
    broken.settings[0].rows[0].verdict = ClaimVerdict::Invalid;
    broken.settings[0].rows[0].counterexample = Some(example());
    broken.settings[0].updates[0].lost = 3;
    let page = comparison_page(&broken);
    assert!(page.contains("<header class=\"verdict violation\">"));
    assert!(page.contains("What broke the claim: raft, read-index"));
    assert!(page.contains("lost-cell\">✗ 3<"));
}

#[test]
fn a_comparison_survives_its_file() {
    let json = serde_json::to_string(&comparison()).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison());
}
