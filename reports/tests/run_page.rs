//! What holds for every run page, whatever the run left behind.

mod made_up;

use splitbrain_checker::history::{
    Action, Key, NodeName, Op, Outcome, ProcessId, ReadModeId, Value, Version,
};
use splitbrain_reports::results::RunVerdict;
use splitbrain_reports::{plots, run_page};

/// The page without the scripts and styles that are our own.
fn without_assets(page: &str) -> String {
    let mut rest = page;
    let mut out = String::new();
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        out.clear();
        while let Some(at) = rest.find(open) {
            out.push_str(&rest[..at]);
            let end = rest[at..].find(close).expect("elements of our own are closed");
            rest = &rest[at + end + close.len()..];
        }
        out.push_str(rest);
        rest = out.clone().leak();
    }
    out
}

#[test]
fn hostile_strings_never_become_markup() {
    let run = made_up::hostile();
    let page = run_page(&run.report());
    let data = without_assets(&page);
    for markup in ["<script>", "<img", "<!--", "onerror=alert(2)>\""] {
        assert!(!data.contains(markup), "{markup}");
    }
    // One element for the data, and none besides our own scripts.
    let tags = page.to_lowercase().matches("<script").count();
    let honest = run_page(&made_up::run(3, 2_000).report())
        .to_lowercase()
        .matches("<script")
        .count();
    assert_eq!(tags, honest);
    for plot in plots(&run.report()) {
        assert!(
            !plot.svg.contains("<script") && !plot.svg.contains("<img"),
            "{}",
            plot.name
        );
    }
}

#[test]
fn pages_fetch_nothing() {
    for run in [made_up::run(1, 3_000), made_up::empty()] {
        let page = run_page(&run.report());
        let lower = page.to_lowercase();
        for reference in [
            "http:",
            "https:",
            "src=",
            "@import",
            "url(//",
            "href=\"//",
            "xlink:",
            "<iframe",
            "<link rel=\"stylesheet",
        ] {
            assert!(!lower.contains(reference), "{reference}");
        }
        assert!(
            lower.matches("href=").count()
                == lower.matches("href=\"#").count() + lower.matches("href=\"data:,\"").count()
        );
    }
}

#[test]
fn policy_admits_only_hashed_scripts_and_styles() {
    let page = run_page(&made_up::empty().report());
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let policy = policy.expect("a policy").replace("&#39;", "'");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let hashes = policy.matches("'sha256-").count();
    assert_eq!(
        hashes,
        page.matches("<script>").count() + page.matches("<style>").count()
    );
    assert!(
        !page.contains(" style=\""),
        "the policy would drop style attributes"
    );
    assert!(
        !page.contains(" onclick="),
        "the policy would drop handlers in markup"
    );
}

#[test]
fn verdict_comes_first_with_its_glyph_seed_and_command() {
    for (verdict, glyph) in [
        ("violation", "✗"),
        ("pass", "✓"),
        ("unknown", "?"),
        ("harness-error", "⊘"),
    ] {
        let run = made_up::run(42, 2_000).judged(verdict);
        let page = run_page(&run.report());
        let header = page
            .split("<header")
            .nth(1)
            .and_then(|rest| rest.split("</header>").next())
            .expect("a header");
        assert!(
            header.starts_with(&format!(" class=\"verdict {verdict}\"")),
            "{verdict}"
        );
        assert!(header.contains(&format!(">{glyph}<")), "{verdict}");
        assert!(header.contains("seed <strong>42</strong>") && header.contains("--seed 42"));
        let order = [
            "id=\"claims\"",
            "id=\"counterexample\"",
            "id=\"timeline\"",
            "id=\"plots\"",
            "id=\"faults\"",
            "id=\"notes\"",
        ];
        let places: Vec<usize> = order
            .iter()
            .map(|id| page.find(id).expect("every section is there"))
            .collect();
        assert!(places.is_sorted(), "{places:?}");
    }
}

#[test]
fn unknown_and_unproven_never_look_like_a_pass() {
    let mut run = made_up::run(5, 2_000).judged("unknown");
    assert_eq!(run.results.verdict, RunVerdict::Unknown);
    let page = run_page(&run.report());
    assert!(page.contains("4 of 5 scheduled faults are proven"));
    assert!(page.contains("4 of 5 scheduled proven to have taken effect"));
    run.results.claims.clear();
    assert!(run_page(&run.report()).contains("No claim was judged."));
}

#[test]
fn violation_without_counterexample_is_not_called_none() {
    let mut run = made_up::run(5, 2_000);
    run.results.counterexample = None;
    let page = run_page(&run.report());
    assert!(page.contains("no counterexample was recorded"));
    assert!(!page.contains("no claim was shown to be broken"));
}

#[test]
fn empty_run_gives_a_page_and_plots() {
    let run = made_up::empty();
    assert!(run_page(&run.report()).contains("No node ever answered."));
    for plot in plots(&run.report()) {
        assert!(plot.empty && plot.svg.starts_with("<svg"), "{}", plot.name);
    }
}

#[test]
fn plots_shade_every_fault() {
    let run = made_up::run(1, 5_000);
    for plot in plots(&run.report()) {
        // Once in the legend, twice for each fault: its shade and its edge.
        let marks = plot.svg.matches("\"#6F5B8C\"").count();
        assert_eq!(marks, 1 + 2 * run.results.faults.len(), "{}", plot.name);
        assert!(plot.svg.contains("fault in force"), "{}", plot.name);
        assert!(
            plot.svg.matches("\npartition\n").count() >= 2,
            "wide bands are named in {}",
            plot.name
        );
    }
}

#[test]
fn page_of_100_000_ops_stays_below_5_mb_and_carries_all() {
    let mut run = made_up::run(1, 120_000);
    assert!(run.history.ops.len() >= 100_000);
    run.history.ops.truncate(100_000);
    let page = run_page(&run.report());
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(!page.contains("Thinned:"));
}

#[test]
fn page_of_a_longer_history_says_that_it_is_thinned() {
    let run = made_up::run(1, 250_000);
    let page = run_page(&run.report());
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(page.contains("this page carries 100,000 of"));
    let stale = run.staleness.len();
    assert!(
        page.contains(&format!("stale reads: {stale} of {stale}")),
        "all stale reads are kept"
    );
}

/// An op with every number as wide as its type.
fn widest() -> Op {
    Op {
        process: ProcessId(u64::MAX),
        key: Key(u64::MAX),
        action: Action::Cas {
            from: Value(i64::MIN),
            to: Value(i64::MAX),
        },
        outcome: Outcome::Fail,
        invoked_ns: u64::MAX - 1,
        completed_ns: Some(0),
        observed: Some(Some(Value(i64::MIN))),
        version: Some(Version(u64::MAX)),
        read_mode: Some(ReadModeId(255)),
        node: Some(NodeName(u16::MAX)),
        served_by: Some(NodeName(u16::MAX)),
        term: Some(u64::MAX),
        error: Some(u16::MAX),
    }
}

#[test]
fn absurd_histories_do_not_panic() {
    let mut run = made_up::empty();
    run.history.ops = vec![
        widest(),
        Op {
            invoked_ns: 0,
            completed_ns: None,
            ..widest()
        },
        widest(),
    ];
    run.results.latency_ms.p50 = f64::NAN;
    run.results.load_seconds = f64::INFINITY;
    let page = run_page(&run.report());
    assert!(
        page.contains(&u64::MAX.to_string()),
        "wide numbers travel as text"
    );
    assert_eq!(plots(&run.report()).len(), 6);
}

#[test]
fn stale_reads_that_point_nowhere_are_ignored() {
    let mut run = made_up::run(1, 1_000);
    for read in &mut run.staleness {
        read.op_index.0 = u32::MAX;
    }
    let page = run_page(&run.report());
    assert!(page.contains("\"stale\":[]"));
}
