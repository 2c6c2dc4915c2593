//! The page of a checked history: whole, small enough, and deaf to what a file says.

use splitbrain_checker::history::Outcome;
use splitbrain_reports::check::{CheckReport, CheckedEnd, CheckedOp, CheckedOrders};
use splitbrain_reports::check_page;
use splitbrain_reports::results::{ClaimVerdict, Counterexample, CounterexampleOp};

const MARKUP: &str = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u{2028}&amp;'\"";

fn op(at: u64, text: &str) -> CheckedOp {
    CheckedOp {
        index: at,
        process: (at % 10).to_string(),
        object: (at % 3).to_string(),
        text: text.to_owned(),
        outcome: if at % 500 == 3 { Outcome::Info } else { Outcome::Ok },
        is_read: at.is_multiple_of(2),
        start: at * 1_000,
        end: Some(at * 1_000 + 9_000),
        error: String::new(),
    }
}

fn report<'a>(ops: &'a [CheckedOp], orders: &'a [CheckedOrders]) -> CheckReport<'a> {
    CheckReport {
        file: "history.edn",
        version: "0.0.0",
        format: "jepsen-edn",
        model: "kv",
        consistency: "linearizable",
        read_mode: None,
        verdict: ClaimVerdict::Valid,
        reason: "held",
        warnings: &[],
        parse_ms: 1.0,
        check_ms: 1.0,
        counterexample: None,
        certainty: "",
        cycle: &[],
        ops,
        is_timed: true,
        orders,
        orders_note: "",
    }
}

fn data(html: &str) -> serde_json::Value {
    let (_, rest) = html.split_once(r#"id="history-data">"#).expect("the data");
    serde_json::from_str(rest.split_once("</script>").expect("its end").0).expect("JSON")
}

/// Long texts that all differ, and an order of all ops: the worst that the limit of ops allows.
#[test]
fn a_hundred_thousand_ops_stay_below_ten_megabytes() {
    let ops: Vec<CheckedOp> = (0..100_000)
        .map(|at| op(at, &format!("append {at} {}", "x".repeat(500))))
        .collect();
    let orders: Vec<CheckedOrders> = (0..3)
        .map(|object| CheckedOrders {
            object: object.to_string(),
            end: CheckedEnd::Linearizable,
            orders: vec![((object..100_000).step_by(3).collect(), String::new())],
        })
        .collect();
    let html = check_page(&report(&ops, &orders));
    assert!(html.len() < 10_000_000, "{} bytes", html.len());
    let data = data(&html);
    assert_eq!(data["rows"], 100_000);
    assert_eq!(data["orders"][2]["orders"][0]["length"], 33_333);
}

#[test]
fn beyond_that_the_page_says_what_it_carries() {
    let ops: Vec<CheckedOp> = (0..150_000).map(|at| op(at, "read")).collect();
    let example = Counterexample {
        read_mode: String::new(),
        model: "linearizable".into(),
        key: 0,
        key_name: Some("\"k\"".into()),
        untimed: false,
        reason: "why".into(),
        ops: vec![CounterexampleOp {
            index: 140_000,
            process: 0,
            process_name: None,
            text: "read".into(),
            outcome: "ok".into(),
            start_ns: 140_000_000,
            end_ns: Some(140_009_000),
            culprit: true,
            counts_as: None,
        }],
    };
    let orders = [CheckedOrders {
        object: "2".into(),
        end: CheckedEnd::Stuck(140_000),
        orders: vec![((2..140_000).step_by(3).collect(), "9".into())],
    }];
    let page = CheckReport {
        verdict: ClaimVerdict::Invalid,
        counterexample: Some(&example),
        ..report(&ops, &orders)
    };
    let html = check_page(&page);
    assert!(html.contains("This page carries 100,000 of 150,000 ops: those from op 50000 to op 149999"));
    assert!(html.contains("Key &#34;k&#34;") || html.contains("Key &quot;k&quot;"));
    let data = data(&html);
    assert_eq!(data["culprits"], serde_json::json!([90_000]));
    assert_eq!(data["orders"][0]["culprit"], 90_000);
    assert_eq!(data["orders"][0]["orders"][0]["length"], 30_000);
}

#[test]
fn nothing_of_a_file_is_markup() {
    let hostile = CheckedOp {
        process: MARKUP.into(),
        object: MARKUP.into(),
        error: MARKUP.into(),
        ..op(0, MARKUP)
    };
    let ops = [hostile];
    let orders = [CheckedOrders {
        object: MARKUP.into(),
        end: CheckedEnd::Unknown(MARKUP.into()),
        orders: vec![(vec![0], MARKUP.into())],
    }];
    let warnings = [MARKUP.to_owned()];
    let page = CheckReport {
        file: MARKUP,
        model: MARKUP,
        reason: MARKUP,
        warnings: &warnings,
        read_mode: Some(MARKUP),
        orders_note: MARKUP,
        ..report(&ops, &orders)
    };
    let html = check_page(&page);
    for markup in ["<script>alert", "<img", "<!--<"] {
        assert!(!html.contains(markup), "{markup}");
    }
    let data = data(&html);
    for place in [
        &data["processes"][0],
        &data["objects"][0],
        &data["texts"][0],
        &data["errors"][0],
    ] {
        assert!(place.as_str().expect("text").starts_with("</script>"), "{place}");
    }
    assert_eq!(
        html.matches("<script>").count() + 1,
        html.matches("<script").count()
    );
}

/// The policy admits the page's own scripts and styles by their hash, and nothing else.
#[test]
fn the_page_fetches_nothing() {
    let ops = [op(0, "read")];
    // A gradient of the drawing's own is no source.
    let html = check_page(&report(&ops, &[])).replace("url(#fade)", "");
    assert!(
        html.contains("default-src &#39;none&#39;")
            || html.contains("default-src 'none'")
            || html.contains("default-src &apos;none&apos;")
    );
    for source in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(source), "{source}");
    }
}

#[test]
fn a_history_without_times_counts_events() {
    let ops: Vec<CheckedOp> = (0..4)
        .map(|at| CheckedOp {
            start: at,
            end: Some(at + 1),
            ..op(at, "read")
        })
        .collect();
    let page = CheckReport {
        is_timed: false,
        ..report(&ops, &[])
    };
    let html = check_page(&page);
    assert!(html.contains("5 events") && html.contains("the history has no times"));
    assert_eq!(data(&html)["timed"], false);
}

#[test]
fn an_empty_history_has_a_page() {
    let html = check_page(&report(&[], &[]));
    assert_eq!(data(&html)["rows"], 0);
}
