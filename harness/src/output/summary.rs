//! What a run says when it is over.

use std::path::Path;

use splitbrain_reports::results::{Claim, Fault, Results};

use super::prose::wrap;
use super::{Table, claim_badge, counterexample, run_badge};

/// The end of a run in the terminal: verdict, claims, faults, and where everything is.
#[must_use]
pub fn summary(results: &Results, folder: &Path, width: usize) -> String {
    let mut parts = vec![
        format!(
            "{}  {}\n{}\n",
            run_badge(results.verdict),
            title(results),
            wrap(&results.reason, width)
        ),
        claims(&results.claims).render(width),
        load(results, width),
    ];
    parts.extend(
        results
            .counterexample
            .as_ref()
            .map(|example| counterexample(example, width)),
    );
    parts.push(whereabouts(results, folder));
    parts.join("\n")
}

fn title(results: &Results) -> String {
    let mutant = results
        .mutant
        .as_ref()
        .map(|mutant| format!(" with mutant {mutant}"))
        .unwrap_or_default();
    format!(
        "{}{mutant}, {} nodes, {:.0} s, seed {}",
        results.system,
        results.nodes.len(),
        results.load_seconds,
        results.seed
    )
}

/// The table of claims: what each read mode promises, whether it held, and what it cost.
fn claims(claims: &[Claim]) -> Table {
    let mut table = Table::new()
        .text("read mode")
        .text("claim")
        .text("verdict")
        .text("held")
        .number("stale/M")
        .number("worst ms")
        .number("p99 ms");
    for claim in claims {
        table.row(vec![
            claim.read_mode.clone(),
            format!("{}{}", claim.claim, if claim.claim_overridden { "*" } else { "" }),
            claim_badge(claim.verdict),
            claim.strongest_model.clone().unwrap_or_else(|| "—".to_owned()),
            format!("{:.0}", claim.staleness.stale_per_million),
            format!("{:.1}", claim.staleness.ms_behind_max),
            format!("{:.1}", claim.read_latency_ms.p99),
        ]);
    }
    table
}

fn load(results: &Results, width: usize) -> String {
    let (ops, latency) = (&results.ops, &results.latency_ms);
    let mut lines = vec![format!(
        "{} ops: {} ok ({:.0}/s), {} fail, {} info; latency p50 {:.1} ms, p99 {:.1} ms, max {:.0} ms",
        ops.total, ops.ok, ops.ok_per_second, ops.fail, ops.info, latency.p50, latency.p99, latency.max
    )];
    lines.extend(
        results
            .first_ok_ms
            .map(|ms| format!("first ok op {ms:.0} ms after the first node was started")),
    );
    if !results.faults.is_empty() {
        lines.push(faults(&results.faults));
    }
    if results.claims.iter().any(|claim| claim.claim_overridden) {
        lines.push("* judged against a claim that was set by --claim".to_owned());
    }
    lines.extend(results.notes.iter().cloned());
    lines.iter().map(|line| wrap(line, width) + "\n").collect()
}

fn faults(faults: &[Fault]) -> String {
    let proven = faults.iter().filter(|fault| fault.proven).count();
    let mut kinds: Vec<&str> = faults.iter().map(|fault| fault.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let count = |kind: &&str| faults.iter().filter(|fault| fault.kind == **kind).count();
    let list: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{} {kind}", count(kind)))
        .collect();
    format!(
        "{} faults ({}), {proven} of them proven to have taken effect",
        faults.len(),
        list.join(", ")
    )
}

fn whereabouts(results: &Results, folder: &Path) -> String {
    format!(
        "report  {}\nagain   {}\n",
        folder.join("report.html").display(),
        results.command
    )
}
