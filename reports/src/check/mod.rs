//! The page of a checked history: verdict, counterexample, and every op on a timeline, with the linearizations.

mod data;
mod report;

use askama::Template;

pub use report::{CheckReport, CheckedEnd, CheckedOp, CheckedOrders};

use crate::assets;
use crate::counterexample::CounterexampleView;
use crate::format::{count, duration_ms, plural, shorten};
use crate::page::{Badge, Fact, json_for_script};
use crate::report::Span;
use crate::results::ClaimVerdict;
use splitbrain_checker::history::Outcome;

/// So many ops are told of the end of an order.
const ORDER_SHOWN: usize = 8;
/// So many orders are told of.
const DEAD_SHOWN: usize = 8;

/// The page of a checked history: one HTML document that fetches nothing and runs no script but its own.
#[must_use]
pub fn check_page(report: &CheckReport<'_>) -> String {
    let window = data::window(report);
    let data = data::build(report, &window);
    let page = CheckPage {
        policy: assets::policy(&assets::CHECK_SCRIPTS, &assets::CHECK_STYLES),
        styles: &assets::CHECK_STYLES,
        scripts: &assets::CHECK_SCRIPTS,
        report,
        verdict: badge(report.verdict),
        facts: facts(report),
        counterexample: report
            .counterexample
            .map(|found| CounterexampleView::new(found, span(report))),
        dead: dead(report).unwrap_or_default(),
        thinned: thinned(report, &window),
        history_json: json_for_script(&data),
    };
    page.render().expect("rendering into a String cannot fail")
}

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage<'a> {
    policy: String,
    styles: &'static [&'static str],
    scripts: &'static [&'static str],
    report: &'a CheckReport<'a>,
    verdict: Badge,
    facts: Vec<Fact>,
    counterexample: Option<CounterexampleView<'a>>,
    dead: DeadEnds,
    thinned: String,
    history_json: String,
}

fn badge(verdict: ClaimVerdict) -> Badge {
    match verdict {
        ClaimVerdict::Valid => Badge {
            class: "pass",
            glyph: "✓",
            text: "Valid",
        },
        ClaimVerdict::Unknown => Badge {
            class: "unknown",
            glyph: "?",
            text: "Unknown",
        },
        ClaimVerdict::Invalid => Badge {
            class: "violation",
            glyph: "✗",
            text: "Invalid",
        },
    }
}

/// The clock begins with the first op, unless its own zero is close by.
fn span(report: &CheckReport<'_>) -> Span {
    let first = report.ops.iter().map(|op| op.start).min().unwrap_or(0);
    let last = (report
        .ops
        .iter()
        .flat_map(|op| [Some(op.start), op.end])
        .flatten()
        .max())
    .unwrap_or(first);
    Span {
        start_ns: first,
        end_ns: last.max(first.saturating_add(1)),
    }
}

fn facts(report: &CheckReport<'_>) -> Vec<Fact> {
    let fact = |name, value, more| Fact { name, value, more };
    let ops = report.ops;
    let of = |outcome| ops.iter().filter(|op| op.outcome == outcome).count() as u64;
    let (mut objects, mut processes): (Vec<&str>, Vec<&str>) =
        ops.iter().map(|op| (&*op.object, &*op.process)).unzip();
    for names in [&mut objects, &mut processes] {
        names.sort_unstable();
        names.dedup();
    }
    let length = span(report).end_ns - span(report).start_ns;
    vec![
        fact(
            "Ops",
            count(ops.len() as u64),
            format!(
                "{} ok · {} fail · {} info",
                count(of(Outcome::Ok)),
                count(of(Outcome::Fail)),
                count(of(Outcome::Info))
            ),
        ),
        fact(
            "Objects",
            count(objects.len() as u64),
            plural(processes.len() as u64, "process", "processes"),
        ),
        match report.is_timed {
            true => fact(
                "Length",
                duration_ms(length as f64 / 1e6),
                "from the first op to the last".into(),
            ),
            false => fact(
                "Length",
                plural(length + 1, "event", "events"),
                "the history has no times".into(),
            ),
        },
        fact(
            "Format",
            report.format.to_owned(),
            format!("read in {}", duration_ms(report.parse_ms)),
        ),
        fact(
            "Checked in",
            duration_ms(report.check_ms),
            format!("against {}", report.consistency),
        ),
    ]
}

/// The orders that nothing leads on from.
#[derive(Default)]
struct DeadEnds {
    /// The op that continues none of them.
    culprit: String,
    orders: Vec<Dead>,
}

/// A configuration that nothing leads on from.
struct Dead {
    state: String,
    length: String,
    is_cut: bool,
    last: Vec<String>,
}

/// Those of the object that the counterexample is of.
fn dead(report: &CheckReport<'_>) -> Option<DeadEnds> {
    let culprit = report.counterexample?.ops.iter().find(|op| op.culprit)?;
    let object = &report.ops.iter().find(|op| op.index == culprit.index)?.object;
    let found = report.orders.iter().find(|found| found.object == *object)?;
    let CheckedEnd::Stuck(at) = found.end else {
        return None;
    };
    let told = |op: &u32| {
        let op = &report.ops[*op as usize];
        shorten(&format!("process {}'s {}", op.process, op.text), 80)
    };
    let orders = found.orders.iter().take(DEAD_SHOWN);
    let orders = orders.map(|(order, state)| Dead {
        state: shorten(state, 300),
        length: plural(order.len() as u64, "op", "ops"),
        is_cut: order.len() > ORDER_SHOWN,
        last: order[order.len().saturating_sub(ORDER_SHOWN)..]
            .iter()
            .map(told)
            .collect(),
    });
    Some(DeadEnds {
        culprit: told(&at),
        orders: orders.collect(),
    })
}

fn thinned(report: &CheckReport<'_>, window: &std::ops::Range<usize>) -> String {
    if window.len() == report.ops.len() {
        return String::new();
    }
    format!(
        "This page carries {} of {} ops: those from op {} to op {}{}. The verdict is about all of them; numbers in a linearization count the ops on this page.",
        count(window.len() as u64),
        count(report.ops.len() as u64),
        report.ops[window.start].index,
        report.ops[window.end - 1].index,
        if report.counterexample.is_some() {
            ", around the counterexample"
        } else {
            ""
        }
    )
}
