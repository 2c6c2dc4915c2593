//! What a run says when it is over.

use std::path::Path;

use splitbrain_reports::results::{Claim, ClaimVerdict, Fault, Results};

use super::plural;
use super::prose::wrap;
use super::{Table, claim_glyph, counterexample, run_badge};

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
        format!(
            "{}{}\n",
            claims(&results.claims).render(width),
            wrap(LEGEND, width)
        ),
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
    let observers = match results.observers {
        0 => String::new(),
        observers => format!(" ({observers} of them observers)"),
    };
    format!(
        "{}{mutant}, {}{observers}, {:.0} s, seed {}",
        results.system,
        plural(results.nodes.len() as u64, "node"),
        results.load_seconds,
        results.seed
    )
}

/// What the columns of the table mean.
const LEGEND: &str = "stale/M: provably stale reads per million; worst: the longest that a read was behind";

/// The table of claims: what each read mode promises, whether it held, how stale it was, and what it cost. It fits
/// 80 columns with the longest names that there are.
fn claims(claims: &[Claim]) -> Table {
    let mut table = Table::new()
        .text("read mode")
        .text("claim")
        .text("strongest held")
        .number("stale/M")
        .number("worst")
        .number("p50")
        .optional()
        .number("p99")
        .optional();
    for claim in claims {
        table.row(vec![
            format!("{} {}", claim_glyph(claim.verdict), claim.read_mode),
            format!("{}{}", claim.claim, if claim.claim_overridden { "*" } else { "" }),
            strongest(claim),
            format!("{:.0}", claim.staleness.stale_per_million),
            millis(claim.staleness.ms_behind_max),
            millis(claim.read_latency_ms.p50),
            millis(claim.read_latency_ms.p99),
        ]);
    }
    table
}

fn strongest(claim: &Claim) -> String {
    match (&claim.strongest_model, claim.verdict) {
        (Some(model), _) => model.clone(),
        (None, ClaimVerdict::Unknown) => "not known".to_owned(),
        (None, _) => "none".to_owned(),
    }
}

/// Milliseconds with their unit, in at most six columns below a day.
fn millis(ms: f64) -> String {
    if ms < 100.0 {
        format!("{ms:.1}ms")
    } else if ms < 10_000.0 {
        format!("{ms:.0}ms")
    } else {
        format!("{:.0}s", ms / 1e3)
    }
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
    if results.faults_scheduled > 0 {
        lines.push(faults(&results.faults, results.faults_scheduled));
    }
    if results.claims.iter().any(|claim| claim.claim_overridden) {
        lines.push("* judged against a claim that was set by --claim".to_owned());
    }
    lines.extend(results.notes.iter().cloned());
    lines.iter().map(|line| wrap(line, width) + "\n").collect()
}

/// The faults that were injected, and how many of the whole schedule are shown to have taken effect.
fn faults(faults: &[Fault], scheduled: usize) -> String {
    let proven = match faults.iter().filter(|fault| fault.proven).count() {
        1 if scheduled == 1 => "proven".to_owned(),
        all if all == scheduled => format!("all {all} proven"),
        some => format!("{some} of {scheduled} scheduled proven"),
    };
    if faults.is_empty() {
        return format!("faults: none; {proven} to have taken effect");
    }
    let mut kinds: Vec<&str> = faults.iter().map(|fault| fault.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let count = |kind: &&str| faults.iter().filter(|fault| fault.kind == **kind).count();
    let list: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{} {kind}", count(kind)))
        .collect();
    format!("faults: {}; {proven} to have taken effect", list.join(", "))
}

fn whereabouts(results: &Results, folder: &Path) -> String {
    format!(
        "report  {}\nagain   {}\n",
        folder.join("report.html").display(),
        results.command
    )
}

#[cfg(test)]
mod tests {
    use splitbrain_reports::results::{LatencyMs, OpCounts, RunVerdict, StalenessFigures};

    use super::*;

    fn results() -> Results {
        let claim = |read_mode: &str, claim: &str, held: &str, verdict| Claim {
            system: "raft".into(),
            read_mode: read_mode.into(),
            claim: claim.into(),
            claim_overridden: false,
            promise: String::new(),
            verdict,
            reason: String::new(),
            anomaly: None,
            strongest_model: Some(held.into()),
            staleness: StalenessFigures {
                stale_per_million: 20_635.4,
                ms_behind_max: 4798.8,
                ..StalenessFigures::default()
            },
            read_latency_ms: LatencyMs {
                p50: 2.11,
                p99: 7.5,
                max: 30.0,
            },
        };
        Results {
            verdict: RunVerdict::Pass,
            reason: "all 2 claims held".into(),
            seed: 7,
            command: "splitbrain run --seed 7".into(),
            system: "raft".into(),
            era: "term".into(),
            mutant: None,
            nodes: vec!["n1".into(), "n2".into(), "n3".into()],
            observers: 0,
            first_ok_ms: Some(250.0),
            teardown_ms: None,
            load_seconds: 20.0,
            ops: OpCounts {
                total: 12,
                ok: 10,
                fail: 1,
                info: 1,
                ok_per_second: 0.5,
                ..OpCounts::default()
            },
            latency_ms: LatencyMs {
                p50: 1.0,
                p99: 2.0,
                max: 3.0,
            },
            claims: vec![
                claim(
                    "follower-read-index",
                    "linearizable",
                    "linearizable",
                    ClaimVerdict::Valid,
                ),
                claim(
                    "leader-local",
                    "monotonic-per-leader",
                    "monotonic-per-node",
                    ClaimVerdict::Unknown,
                ),
            ],
            faults_scheduled: 0,
            faults: Vec::new(),
            counterexample: None,
            notes: Vec::new(),
            check_ms: 1.0,
        }
    }

    fn plain(width: usize) -> String {
        anstream::adapter::strip_str(&summary(&results(), Path::new("store/x"), width)).to_string()
    }

    #[test]
    fn the_table_of_claims_fits_80_columns() {
        let expected = "\
✓ pass  raft, 3 nodes, 20 s, seed 7
all 2 claims held

read mode              claim                 strongest held      stale/M   worst
─────────────────────  ────────────────────  ──────────────────  ───────  ──────
✓ follower-read-index  linearizable          linearizable          20635  4799ms
? leader-local         monotonic-per-leader  monotonic-per-node    20635  4799ms
";
        let text = plain(80);
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn faults_are_counted_against_the_schedule() {
        let fault = Fault {
            id: 0,
            kind: "kill".into(),
            variant: "one".into(),
            nodes: vec!["n1".into()],
            start_ns: 1,
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: Some(2),
            proven: true,
            evidence: Vec::new(),
        };
        let one = std::slice::from_ref(&fault);
        assert_eq!(faults(one, 1), "faults: 1 kill; proven to have taken effect");
        assert_eq!(
            faults(one, 3),
            "faults: 1 kill; 1 of 3 scheduled proven to have taken effect"
        );
        assert_eq!(
            faults(&[], 2),
            "faults: none; 0 of 2 scheduled proven to have taken effect"
        );
    }

    #[test]
    fn a_wide_terminal_shows_latencies_and_a_narrow_one_a_list() {
        assert!(plain(120).contains("  2.1ms  7.5ms\n"), "{}", plain(120));
        assert!(
            plain(50).contains("✓ follower-read-index\n  claim: linearizable\n"),
            "{}",
            plain(50)
        );
    }
}
