//! The timelines of both pages in a browser: they move by keys, buttons and wheel, and no string is injected.

mod browser;
mod made_up;

use std::fs;

use serde_json::{Value, json};
use splitbrain_checker::history::Outcome;
use splitbrain_reports::check::{CheckReport, CheckedOp};
use splitbrain_reports::results::ClaimVerdict;
use splitbrain_reports::{check_page, run_page};

const MARKUP: &str = "\"'`></title></script><script>window.injected=1</script><img src=x onerror=window.injected=2>--!>\u{2028}";

fn check(text: &str) -> String {
    let ops: Vec<CheckedOp> = (0..400)
        .map(|at| CheckedOp {
            index: at,
            process: format!("{}{text}", at % 4),
            object: format!("{}{text}", at % 2),
            text: format!("read {at}{text}"),
            outcome: if at % 50 == 3 { Outcome::Info } else { Outcome::Ok },
            is_read: true,
            start: at * 1_000_000,
            end: Some(at * 1_000_000 + 900_000),
            error: text.to_owned(),
        })
        .collect();
    check_page(&CheckReport {
        file: text,
        version: "0.0.0",
        format: "jepsen-edn",
        model: "kv",
        consistency: "linearizable",
        read_mode: None,
        verdict: ClaimVerdict::Valid,
        reason: text,
        warnings: &[],
        parse_ms: 1.0,
        check_ms: 1.0,
        counterexample: None,
        certainty: "",
        cycle: &[],
        ops: &ops,
        is_timed: true,
        orders: &[],
        orders_note: "",
    })
}

/// Both pages, each with what it is called by in the browser.
fn pages(run: &made_up::MadeUp, text: &str) -> [(&'static str, String); 2] {
    [
        ("timeline", run_page(&run.report())),
        ("historyView", check(text)),
    ]
}

#[test]
fn windows_lanes_and_ops_are_moved_through() {
    let Some(mut browser) = browser::start(1280, 900) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, html) in pages(&made_up::run(7, 3_000), "") {
        let page = folder.path().join(format!("{name}.html"));
        fs::write(&page, html).unwrap();
        browser.open_file(&page, &format!("window.{name} && window.{name}.layout"));
        let length = format!("{name}.view.length");
        browser.eval(&format!(
            "{name}.command('all'); document.getElementById('canvas').focus()"
        ));
        let whole = browser.eval(&length).as_f64().unwrap();
        browser.press("+");
        browser.press("+");
        assert!(
            browser.eval(&length).as_f64().unwrap() < whole / 2.0,
            "{name}: keys zoom"
        );
        let from = browser.eval(&format!("{name}.view.from"));
        browser.press("ArrowRight");
        assert_ne!(
            browser.eval(&format!("{name}.view.from")),
            from,
            "{name}: keys pan"
        );
        browser.eval("document.querySelector('[data-act=all]').click()");
        assert_eq!(browser.eval(&length), whole, "{name}: buttons too");
        browser.press("ArrowDown");
        let first = browser.eval(&format!("{name}.selected")).as_u64().unwrap();
        browser.press(".");
        let second = browser.eval(&format!("{name}.selected")).as_u64().unwrap();
        assert_ne!(first, second, "{name}: the next op");
        let lane = format!("{name}.laneOf({name}.selected)");
        let before = browser.eval(&lane).as_u64().unwrap();
        browser.press("ArrowDown");
        assert_eq!(browser.eval(&lane), before + 1, "{name}: the next lane");
        assert_eq!(browser.eval("document.getElementById('details').hidden"), false);
        browser.press("Escape");
        assert_eq!(browser.eval(&format!("{name}.selected")), Value::Null);
        let wheel = "document.getElementById('canvas').dispatchEvent(new WheelEvent('wheel', { deltaY: -200, clientX: 700, clientY: 300, bubbles: true, cancelable: true }))";
        browser.eval(wheel);
        assert!(
            browser.eval(&length).as_f64().unwrap() < whole,
            "{name}: the wheel zooms"
        );
        // Dark and light are drawn anew.
        let pixel = "(() => { const c = document.getElementById('canvas'); return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].reduce((sum, each) => (sum * 31 + each) % 1000003, 7); })()";
        let light = browser.eval(pixel);
        browser.dark(true);
        browser.wait(&format!("{pixel} !== {light}"));
        browser.dark(false);
        assert!(browser.complaints.is_empty(), "{name}: {:?}", browser.complaints);
    }
}

#[test]
fn in_a_browser_nothing_is_injected() {
    let Some(mut browser) = browser::start(1280, 900) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, html) in pages(&made_up::hostile(), MARKUP) {
        let page = folder.path().join(format!("{name}.html"));
        fs::write(&page, html).unwrap();
        browser.open_file(&page, &format!("window.{name} && window.{name}.layout"));
        // Details, tooltips and the table show what the ops say.
        browser.eval(&format!(
            "document.getElementById('ops-details').open = true; {name}.command('all'); {name}.changeLane(0)"
        ));
        browser.wait("document.querySelector('#ops tr')");
        browser.call(
            "Input.dispatchMouseEvent",
            &json!({"type": "mouseMoved", "x": 640, "y": 450}),
        );
        assert_eq!(browser.eval("window.injected ?? null"), Value::Null, "{name}");
        assert_eq!(
            browser.eval("document.querySelectorAll('main img, main iframe, main script').length"),
            0,
            "{name}"
        );
        assert!(browser.complaints.is_empty(), "{name}: {:?}", browser.complaints);
    }
}
