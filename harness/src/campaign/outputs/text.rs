//! A night in the terminal.

use splitbrain_reports::results::RunVerdict;

use super::{again, title};
use crate::campaign::findings::Findings;
use crate::campaign::night::Tally;
use crate::output::{self, Table, wrap};

/// The night as text for a terminal of so many columns.
#[must_use]
pub fn text(findings: &Findings, width: usize) -> String {
    let night = &findings.night;
    let header = &night.plan.header;
    let mut text = format!(
        "{}  {}, night {}\n\n",
        output::run_badge(findings.verdict()),
        header.campaign,
        header.night
    );
    let mut table = Table::new().text("system");
    for title in ["units", "pass", "violation", "unknown", "error", "not run"] {
        table = table.number(title);
    }
    for subject in night.subjects() {
        let name = if subject.planted {
            format!("{} (planted)", subject.name)
        } else {
            subject.name
        };
        table.row(row(name, &subject.tally));
    }
    table.row(row("all".to_owned(), &night.tally()));
    text += &table.render(width);
    for doubt in night.doubts() {
        text += &format!("\n? {doubt}");
    }
    for (unit, record) in night.violations() {
        let said = wrap(
            &format!("{}: {}", title(unit), record.reason),
            width.saturating_sub(2),
        );
        text += &format!(
            "\n✗ {}\n  {}",
            said.replace('\n', "\n  "),
            again(findings, record)
        );
    }
    for (unit, record) in night.units() {
        if let Some(record) = record.filter(|record| record.verdict == RunVerdict::HarnessError) {
            let said = wrap(
                &format!("{}: {}", title(unit), record.reason),
                width.saturating_sub(2),
            );
            text += &format!("\n⊘ {}", said.replace('\n', "\n  "));
        }
    }
    if let Some(sightings) = findings
        .sightings
        .as_ref()
        .filter(|sightings| !sightings.is_empty())
    {
        text += "\n\n";
        text += &signatures(sightings, width);
    }
    text.trim_end().to_owned() + "\n"
}

fn row(name: String, tally: &Tally) -> Vec<String> {
    let counts = [
        tally.units,
        tally.pass,
        tally.violation,
        tally.unknown,
        tally.harness_error,
        tally.not_run,
    ];
    std::iter::once(name)
        .chain(counts.map(|count| count.to_string()))
        .collect()
}

fn signatures(sightings: &[crate::campaign::sightings::Sighting], width: usize) -> String {
    let mut table = Table::new()
        .text("signature")
        .text("state")
        .text("first seen")
        .text("last seen")
        .number("runs")
        .number("per 100")
        .text("failure");
    for sighting in sightings {
        let signature = &sighting.signature;
        table.row(vec![
            signature.id.clone(),
            sighting.state.text(),
            sighting.first_seen.clone(),
            sighting.last_seen.clone(),
            sighting.count.to_string(),
            format!("{:.1}", sighting.per_hundred_runs),
            format!(
                "{} {} not {}: {}",
                signature.subject, signature.read_mode, signature.model, signature.anomaly
            ),
        ]);
    }
    table.render(width)
}
