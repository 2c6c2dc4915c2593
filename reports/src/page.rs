//! The run page: results turned into the words and figures of the templates.

use askama::Template;
use serde::Serialize;

use crate::assets;
use crate::counterexample::CounterexampleView;
use crate::format::{count, duration_ms, moment, plural, quantity};
use crate::plots::{self, plots};
use crate::report::{RunReport, Span};
use crate::results::{Claim, ClaimVerdict, Fault, Results, RunVerdict, StalenessFigures};
use crate::timeline::{self, Selection};

/// The page of a run: one HTML document that fetches nothing and runs no script but its own.
#[must_use]
pub fn run_page(report: &RunReport<'_>) -> String {
    let selection = timeline::select(report, timeline::MAX_OPS);
    let data = timeline::build(report, &selection);
    let span = report.span();
    let results = report.results;
    let page = RunPage {
        policy: assets::policy(&assets::SCRIPTS, &assets::STYLES),
        styles: &assets::STYLES,
        scripts: &assets::SCRIPTS,
        report,
        verdict: verdict_badge(results.verdict),
        mutant: results.mutant.as_deref().unwrap_or_default(),
        facts: facts(results),
        claims: results.claims.iter().map(ClaimRow::new).collect(),
        counterexample: results
            .counterexample
            .as_ref()
            .map(|found| CounterexampleView::new(found, span)),
        timeline_json: json_for_script(&data),
        shown: shown(&selection, report.history.ops.len()),
        plots: plots(report).into_iter().map(PlotView::new).collect(),
        faults: results
            .faults
            .iter()
            .map(|fault| FaultRow::new(fault, span))
            .collect(),
        scheduled: scheduled(results),
        proven: proven(results),
    };
    page.render().expect("rendering into a String cannot fail")
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    policy: String,
    styles: &'static [&'static str],
    scripts: &'static [&'static str],
    report: &'a RunReport<'a>,
    verdict: Badge,
    mutant: &'a str,
    facts: Vec<Fact>,
    claims: Vec<ClaimRow<'a>>,
    counterexample: Option<CounterexampleView<'a>>,
    timeline_json: String,
    shown: Shown,
    plots: Vec<PlotView>,
    faults: Vec<FaultRow<'a>>,
    scheduled: usize,
    proven: usize,
}

/// The faults of the schedule; of an older run, whose results did not say, those that were injected.
fn scheduled(results: &Results) -> usize {
    results.faults_scheduled.max(results.faults.len())
}

fn proven(results: &Results) -> usize {
    results.faults.iter().filter(|fault| fault.proven).count()
}

/// A verdict with its glyph, since colour alone does not reach everybody.
#[derive(Clone, Copy)]
pub(crate) struct Badge {
    pub(crate) class: &'static str,
    pub(crate) glyph: &'static str,
    pub(crate) text: &'static str,
}

pub(crate) fn verdict_badge(verdict: RunVerdict) -> Badge {
    match verdict {
        RunVerdict::Pass => Badge {
            class: "pass",
            glyph: "✓",
            text: "Pass",
        },
        RunVerdict::Unknown => Badge {
            class: "unknown",
            glyph: "?",
            text: "Unknown",
        },
        RunVerdict::HarnessError => Badge {
            class: "harness-error",
            glyph: "⊘",
            text: "Harness error",
        },
        RunVerdict::Violation => Badge {
            class: "violation",
            glyph: "✗",
            text: "Violation",
        },
    }
}

pub(crate) fn claim_badge(verdict: ClaimVerdict) -> Badge {
    match verdict {
        ClaimVerdict::Valid => Badge {
            class: "pass",
            glyph: "✓",
            text: "valid",
        },
        ClaimVerdict::Unknown => Badge {
            class: "unknown",
            glyph: "?",
            text: "unknown",
        },
        ClaimVerdict::Invalid => Badge {
            class: "violation",
            glyph: "✗",
            text: "invalid",
        },
    }
}

/// A figure at the top of the page.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) more: String,
}

fn nodes(results: &Results) -> String {
    let nodes = plural(results.nodes.len() as u64, "node", "nodes");
    match results.observers {
        0 => nodes,
        observers => format!("{nodes}, {}", plural(observers as u64, "observer", "observers")),
    }
}

fn facts(results: &Results) -> Vec<Fact> {
    let fact = |name, value, more| Fact { name, value, more };
    let ops = &results.ops;
    let first_ok = match results.first_ok_ms {
        Some(ms) => format!("first ok op after {}", duration_ms(ms)),
        None => "no op was ever ok".into(),
    };
    vec![
        fact("System", results.system.clone(), nodes(results)),
        fact("Load", format!("{} s", quantity(results.load_seconds)), first_ok),
        fact(
            "Ops",
            count(ops.total),
            format!(
                "{} ok · {} fail · {} info",
                count(ops.ok),
                count(ops.fail),
                count(ops.info)
            ),
        ),
        fact(
            "Rate",
            format!("{} ok/s", quantity(ops.ok_per_second)),
            format!(
                "{} reads · {} writes · {} cas",
                count(ops.ok_reads),
                count(ops.ok_writes),
                count(ops.ok_cas)
            ),
        ),
        fact(
            "Latency of ok ops",
            format!("{} p50", latency(results.latency_ms.p50, ops.ok)),
            format!(
                "{} p99 · {} max",
                latency(results.latency_ms.p99, ops.ok),
                latency(results.latency_ms.max, ops.ok)
            ),
        ),
        fact(
            "Faults",
            count(results.faults.len() as u64),
            match (scheduled(results), proven(results)) {
                (0, _) => "none scheduled".into(),
                (all, proven) if all == proven => "all proven to have taken effect".into(),
                (all, proven) => format!("{proven} of {all} scheduled proven to have taken effect"),
            },
        ),
        fact(
            "Checked in",
            duration_ms(results.check_ms),
            plural(results.claims.len() as u64, "claim", "claims"),
        ),
    ]
}

/// A latency, unless there was no op to take it of.
pub(crate) fn latency(ms: f64, ops: u64) -> String {
    if ops == 0 { "–".into() } else { duration_ms(ms) }
}

/// A row of the claims table.
struct ClaimRow<'a> {
    claim: &'a Claim,
    badge: Badge,
    strongest: &'a str,
    reads: String,
    stale: String,
    per_million: String,
    worst: String,
    p99: String,
    latency: [String; 2],
    /// Reads of values from the future or from nowhere, in words; empty when there were none.
    impossible: String,
    /// Δ and k, in words; empty where no read was stale.
    atomicity: String,
}

/// Δ- and k-atomicity (Golab, Li and Shah, PODC 2011) of a mode with stale reads.
fn atomicity(staleness: &StalenessFigures) -> String {
    let k = match (staleness.k_at_least, staleness.k_at_most) {
        (Some(least), Some(most)) if least == most => format!("k = {least}"),
        (Some(least), Some(most)) => format!("k between {least} and {most}"),
        (Some(least), None) => format!("k at least {least}"),
        (None, _) => return String::new(),
    };
    match staleness.delta_ms {
        Some(delta_ms) if delta_ms > 0.0 => format!("Δ = {}, {k}", duration_ms(delta_ms)),
        _ => String::new(),
    }
}

impl<'a> ClaimRow<'a> {
    fn new(claim: &'a Claim) -> Self {
        let staleness = &claim.staleness;
        let versions = |n| plural(n, "version", "versions");
        let mut impossible = Vec::new();
        if staleness.future_reads > 0 {
            impossible.push(plural(staleness.future_reads, "future read", "future reads"));
        }
        if staleness.phantom_reads > 0 {
            impossible.push(plural(staleness.phantom_reads, "phantom read", "phantom reads"));
        }
        Self {
            claim,
            atomicity: atomicity(staleness),
            badge: claim_badge(claim.verdict),
            strongest: match (&claim.strongest_model, claim.verdict) {
                (Some(model), _) => model,
                (None, ClaimVerdict::Unknown) => "not known",
                (None, _) => "none",
            },
            reads: count(staleness.reads),
            stale: count(staleness.stale_reads),
            per_million: quantity(staleness.stale_per_million),
            worst: format!(
                "{}, {}",
                duration_ms(staleness.ms_behind_max),
                versions(staleness.versions_behind_max)
            ),
            p99: format!(
                "{}, {}",
                duration_ms(staleness.ms_behind_p99),
                versions(staleness.versions_behind_p99)
            ),
            latency: [claim.read_latency_ms.p50, claim.read_latency_ms.p99]
                .map(|ms| latency(ms, staleness.reads)),
            impossible: impossible.join(", "),
        }
    }
}

/// How much of the history the timeline carries, in words.
struct Shown {
    total: String,
    /// Empty when every op is there.
    thinned: Vec<String>,
    kept: String,
}

fn shown(selection: &Selection, total: usize) -> Shown {
    let line = |kept: &timeline::Kept| {
        format!(
            "{}: {} of {}",
            kept.class,
            count(kept.kept as u64),
            count(kept.of as u64)
        )
    };
    Shown {
        total: count(total as u64),
        thinned: selection.kept.iter().map(line).collect(),
        kept: count(selection.rows.len() as u64),
    }
}

/// A plot as the page shows it.
pub(crate) struct PlotView {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) caption: String,
    /// Empty when there was nothing to draw.
    pub(crate) svg: String,
}

impl PlotView {
    pub(crate) fn new(plot: plots::Plot) -> Self {
        Self {
            name: plot.name,
            title: plot.title,
            svg: plots::for_page(&plot.svg),
            caption: plot.caption,
        }
    }
}

/// A row of the table of faults.
struct FaultRow<'a> {
    fault: &'a Fault,
    nodes: String,
    start: String,
    stop: String,
    length: String,
}

impl<'a> FaultRow<'a> {
    fn new(fault: &'a Fault, span: Span) -> Self {
        let length = fault
            .stop_ns
            .map(|stop| duration_ms(stop.saturating_sub(fault.start_ns) as f64 / 1e6));
        Self {
            fault,
            nodes: fault.nodes.join(", "),
            start: moment(span.seconds(fault.start_ns)),
            stop: fault
                .stop_ns
                .map_or_else(|| "not healed".into(), |stop| moment(span.seconds(stop))),
            length: length.unwrap_or_else(|| "–".into()),
        }
    }
}

/// JSON that cannot end the `<script>` element that carries it, whatever strings it holds.
pub(crate) fn json_for_script(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).expect("numbers and strings always serialise");
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// A path from the page's folder as a reference: nothing in it can lead to another scheme or host.
pub(crate) fn href(path: &str) -> String {
    let mut out = String::from("./");
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_beside_the_page() {
        assert_eq!(
            href("runs/raft-a-3n/x-1/report.html"),
            "./runs/raft-a-3n/x-1/report.html"
        );
        assert_eq!(href("javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(href("//evil.example/a b"), "./evil.example/a%20b");
    }
}
