//! The comparison in the terminal.

use std::path::Path;

use splitbrain_reports::comparison::{Availability, Comparison, Row, Setting, Slots, Updates};

use crate::output::{Table, claim_glyph, run_badge, wrap};

/// What the columns of the tables mean.
const LEGEND: &str = "stale/M: provably stale reads per million; worst: the longest that a read was behind; maj and \
                      min: how available reads were to clients of nodes with and without a quorum, while the network \
                      was cut (share of 100 ms slots with an answer)";

/// The end of a comparison: verdict, a table for each shape of the cluster, and where everything is.
pub(super) fn text(comparison: &Comparison, page: &Path, width: usize) -> String {
    let mut text = format!(
        "{}  {}\n{}\n",
        run_badge(comparison.verdict),
        title(comparison),
        wrap(&comparison.reason, width)
    );
    for setting in &comparison.settings {
        text += &format!("\n{}\n\n{}\n", setting.describe(), rows(setting).render(width));
        for updates in &setting.updates {
            text += &format!("{}\n", wrap(&of_updates(updates), width));
        }
    }
    text += &format!("\n{}\n", wrap(LEGEND, width));
    for note in &comparison.notes {
        text += &format!("{}\n", wrap(note, width));
    }
    text + &format!("\nreport  {}\nagain   {}\n", page.display(), comparison.command)
}

fn title(comparison: &Comparison) -> String {
    let label = |contestant: &splitbrain_reports::comparison::Contestant| match &contestant.mutant {
        Some(mutant) => format!("{} with mutant {mutant}", contestant.label),
        None => contestant.label.clone(),
    };
    let labels: Vec<String> = comparison.contestants.iter().map(label).collect();
    let runs = comparison.runs.len();
    format!(
        "{}, {runs} {}, seed {}",
        labels.join(" against "),
        if runs == 1 { "run" } else { "runs" },
        comparison.seed
    )
}

fn rows(setting: &Setting) -> Table {
    let mut table = Table::new()
        .text("read mode")
        .text("claim")
        .optional()
        .text("strongest held")
        .number("stale/M")
        .number("worst")
        .number("maj")
        .number("min")
        .number("p50")
        .optional()
        .number("p99")
        .optional();
    for row in &setting.rows {
        table.row(cells(row));
    }
    table
}

fn cells(row: &Row) -> Vec<String> {
    let Availability {
        with_quorum,
        without_quorum,
        ..
    } = row.availability;
    vec![
        format!(
            "{} {}/{}",
            claim_glyph(row.verdict),
            row.contestant,
            row.read_mode
        ),
        row.claim.clone(),
        row.strongest_model.clone().unwrap_or_else(|| "none".to_owned()),
        format!("{:.0}", row.staleness.stale_per_million),
        millis(row.staleness.ms_behind_max),
        share(with_quorum),
        share(without_quorum),
        millis(row.read_latency_ms.p50),
        millis(row.read_latency_ms.p99),
    ]
}

fn of_updates(updates: &Updates) -> String {
    let Updates {
        contestant,
        acknowledged,
        lost,
        ..
    } = updates;
    let availability = &updates.availability;
    let mut text = format!(
        "{contestant}: {acknowledged} writes and cas acknowledged, {}; answered with a quorum {}, without {}",
        match (updates.ok_cas, lost) {
            (0, 0) => "losses not measured without cas".to_owned(),
            (_, 0) => "none shown to be lost".to_owned(),
            (_, lost) => format!("at least {lost} lost"),
        },
        share(availability.with_quorum),
        share(availability.without_quorum)
    );
    if let Some(reason) = &updates.lost_reason {
        text += &format!(" ({reason})");
    }
    text
}

/// A share in per cent; a dash where nothing was asked for. What is not all is never rounded up to it, nor what is
/// not nothing down to that.
fn share(slots: Slots) -> String {
    match slots.share() {
        None => "–".to_owned(),
        Some(share) if share > 0.99 && slots.served < slots.total => "99%".to_owned(),
        Some(share) if share < 0.01 && slots.served > 0 => "<1%".to_owned(),
        Some(share) => format!("{:.0}%", share * 100.0),
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

#[cfg(test)]
mod tests {
    use splitbrain_reports::comparison::{Contestant, Run};
    use splitbrain_reports::results::{ClaimVerdict, LatencyMs, RunVerdict, StalenessFigures};

    use super::*;

    fn row(read_mode: &str, claim: &str, held: &str) -> Row {
        Row {
            contestant: "raft B".into(),
            read_mode: read_mode.into(),
            claim: claim.into(),
            promise: String::new(),
            verdict: ClaimVerdict::Valid,
            reason: String::new(),
            strongest_model: Some(held.into()),
            staleness: StalenessFigures {
                stale_per_million: 120_635.4,
                ms_behind_max: 4798.8,
                ..StalenessFigures::default()
            },
            read_latency_ms: LatencyMs {
                p50: 0.25,
                p99: 17.5,
                max: 30.0,
            },
            availability: Availability {
                with_quorum: Slots { served: 9, total: 9 },
                without_quorum: Slots {
                    served: 998,
                    total: 999,
                },
                around_cut: Vec::new(),
            },
            staleness_ms_ccdf: Vec::new(),
            staleness_versions_ccdf: Vec::new(),
            stale_example: None,
            counterexample: None,
        }
    }

    fn comparison() -> Comparison {
        let contestant = Contestant {
            label: "raft B".into(),
            system: "raft".into(),
            mutant: None,
            summary: String::new(),
        };
        let run = Run {
            contestant: "raft B".into(),
            voters: 3,
            observers: 0,
            seed: 7,
            verdict: RunVerdict::Pass,
            reason: String::new(),
            report: None,
            command: String::new(),
            ok: 1,
            faults_scheduled: 1,
            faults_proven: 1,
        };
        let updates = Updates {
            contestant: "raft B".into(),
            acknowledged: 5,
            ok_cas: 1,
            lost: 0,
            lost_reason: None,
            latency_ms: LatencyMs::default(),
            availability: Availability::default(),
        };
        Comparison {
            verdict: RunVerdict::Pass,
            reason: "every claim held in each of 1 runs".into(),
            name: "x".into(),
            started: String::new(),
            version: String::new(),
            seed: 7,
            command: "splitbrain compare --seed 7".into(),
            faults_scheduled: 1,
            contestants: vec![contestant],
            settings: vec![Setting {
                voters: 3,
                observers: 1,
                rows: vec![
                    row("follower-read-index", "linearizable", "linearizable"),
                    row("leader-local", "monotonic-per-leader", "monotonic-per-leader"),
                ],
                updates: vec![updates],
            }],
            runs: vec![run],
            configuration: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn plain(width: usize) -> String {
        let text = text(&comparison(), Path::new("store/x/comparison.html"), width);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn the_table_fits_80_columns() {
        let expected = "\
✓ pass  raft B, 1 run, seed 7
every claim held in each of 1 runs

3 nodes and 1 observer

read mode                     strongest held        stale/M   worst   maj  min
────────────────────────────  ────────────────────  ───────  ──────  ────  ───
✓ raft B/follower-read-index  linearizable           120635  4799ms  100%  99%
✓ raft B/leader-local         monotonic-per-leader   120635  4799ms  100%  99%

raft B: 5 writes and cas acknowledged, none shown to be lost; answered with a
quorum –, without –
";
        let text = plain(80);
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn a_wide_terminal_shows_claims_and_latencies_and_a_narrow_one_a_list() {
        for column in ["claim", "p50", "p99"] {
            assert!(plain(120).contains(column), "{column}");
        }
        let narrow = plain(40);
        assert!(
            narrow.contains("✓ raft B/leader-local\n  strongest held: monotonic-per-leader\n"),
            "{narrow}"
        );
        // Only what must stay whole, to be copied, may be longer.
        let long = narrow.lines().filter(|line| line.chars().count() > 44);
        assert!(
            long.into_iter()
                .all(|line| line.starts_with("report") || line.starts_with("again"))
        );
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        let share = |served, total| share(Slots { served, total });
        let found = [
            share(0, 0),
            share(0, 9),
            share(1, 999),
            share(998, 999),
            share(9, 9),
        ];
        assert_eq!(found, ["–", "0%", "<1%", "99%", "100%"]);
    }
}
