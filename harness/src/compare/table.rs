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
        text += &format!("\n{}\n\n{}\n", heading(setting), rows(setting).render(width));
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

fn heading(setting: &Setting) -> String {
    match setting.observers {
        0 => format!("{} nodes", setting.voters),
        1 => format!("{} nodes and 1 observer", setting.voters),
        n => format!("{} nodes and {n} observers", setting.voters),
    }
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
        "{contestant}: {acknowledged} writes and cas acknowledged, {lost} lost; answered with a quorum {}, without {}",
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
