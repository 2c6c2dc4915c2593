//! A night as Markdown, also for the step summaries of GitHub.

use splitbrain_reports::results::RunVerdict;

use super::{again, title};
use crate::campaign::findings::{Findings, verdict_name};

/// What GitHub takes for one step's summary, bytes; a longer one is not shown at all.
pub const STEP_SUMMARY_MAX: usize = 1 << 20;
/// Room for the line that tells what was left out.
const LEFT_OUT_MAX: usize = 200;

/// The night in at most so many bytes: what matters most stands first, and what no longer fits is counted.
#[must_use]
pub fn markdown(findings: &Findings, max: usize) -> String {
    let mut text = head(findings);
    let mut left_out = 0;
    for (title, heading, rows) in tables(findings) {
        if rows.is_empty() {
            continue;
        }
        let mut section = format!("\n### {title}\n\n{heading}\n");
        let mut fits = true;
        for row in &rows {
            fits = fits && text.len() + section.len() + row.len() + 1 + LEFT_OUT_MAX <= max;
            if fits {
                section += row;
                section.push('\n');
            } else {
                left_out += 1;
            }
        }
        if text.len() + section.len() + LEFT_OUT_MAX <= max {
            text += &section;
        }
    }
    if left_out > 0 {
        text += &format!("\n{left_out} rows are left out, which this page has no room for.\n");
    }
    text
}

fn head(findings: &Findings) -> String {
    let night = &findings.night;
    let (header, tally) = (&night.plan.header, night.tally());
    let glyph = match findings.verdict() {
        RunVerdict::Pass => "✓",
        RunVerdict::Unknown => "?",
        RunVerdict::HarnessError => "⊘",
        RunVerdict::Violation => "✗",
    };
    let mut text = format!(
        "## {glyph} {}: {}, night {}\n\n| system | units | pass | violation | unknown | harness error | not run |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
        verdict_name(findings.verdict()),
        cell(&header.campaign),
        cell(&header.night)
    );
    let subjects = night.subjects().into_iter().map(|subject| {
        let planted = if subject.planted { " (planted)" } else { "" };
        (format!("{}{planted}", cell(&subject.name)), subject.tally)
    });
    for (name, tally) in subjects.chain([("all".to_owned(), tally)]) {
        text += &format!(
            "| {name} | {} | {} | {} | {} | {} | {} |\n",
            tally.units, tally.pass, tally.violation, tally.unknown, tally.harness_error, tally.not_run
        );
    }
    for doubt in night.doubts() {
        text += &format!("\n- ? {}\n", cell(&doubt));
    }
    text
}

type Rows = Vec<String>;

/// The tables, the more important before the others.
fn tables(findings: &Findings) -> Vec<(&'static str, &'static str, Rows)> {
    let night = &findings.night;
    let violations = night.violations().map(|(unit, record)| {
        let signatures: Vec<&str> = record
            .signatures
            .iter()
            .map(|signature| signature.id.as_str())
            .collect();
        format!(
            "| {} | {} | {} | {} |",
            cell(&title(unit)),
            cell(&record.reason),
            signatures.join(" "),
            cell(&again(findings, record))
        )
    });
    let without = night.units().filter_map(|(unit, record)| Some((unit, record?)));
    let without = without
        .filter(|(_, record)| matches!(record.verdict, RunVerdict::Unknown | RunVerdict::HarnessError));
    let without = without.map(|(unit, record)| {
        format!(
            "| {} | {} | {} |",
            cell(&title(unit)),
            verdict_name(record.verdict),
            cell(&record.reason)
        )
    });
    let signatures = findings.sightings.iter().flatten().map(|sighting| {
        let signature = &sighting.signature;
        format!(
            "| {} | {} | {} {} not {}: {} | {} | {} | {} | {:.1} |",
            signature.id,
            sighting.state.text(),
            cell(&signature.subject),
            cell(&signature.read_mode),
            cell(&signature.model),
            cell(&signature.anomaly),
            sighting.first_seen,
            sighting.last_seen,
            sighting.count,
            sighting.per_hundred_runs
        )
    });
    vec![
        (
            "Violations",
            "| unit | what | signatures | again |\n|---|---|---|---|",
            violations.collect(),
        ),
        (
            "Signatures",
            "| signature | state | failure | first seen | last seen | runs | per 100 |\n|---|---|---|---|---|--:|--:|",
            signatures.collect(),
        ),
        (
            "Without a verdict",
            "| unit | verdict | why |\n|---|---|---|",
            without.collect(),
        ),
    ]
}

/// Text as it may stand in a cell: nothing in it is markup.
fn cell(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.push(' '),
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '~' | '@' | '(' | ')' => {
                safe.push_str(&format!("&#{};", u32::from(c)));
            }
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::night::Night;
    use crate::campaign::synthetic;

    fn findings(units: u64, reason: &str) -> Findings {
        let plan = synthetic::plan("2026-01-31", units);
        let records = plan.units.iter().map(|unit| {
            let mut record = synthetic::record(&plan, unit, RunVerdict::Violation, "a");
            reason.clone_into(&mut record.reason);
            Some(record)
        });
        let records = records.collect();
        Findings::of_nights(vec![Night { plan, records }], None, None).unwrap()
    }

    #[test]
    fn a_summary_keeps_within_its_limit_and_tells_what_it_leaves_out() {
        let findings = findings(400, &"long ".repeat(300));
        let whole = markdown(&findings, usize::MAX);
        assert!(whole.matches("\n| raft: ").count() == 200 && !whole.contains("left out"));
        for max in [2_000, 20_000, 100_000] {
            let cut = markdown(&findings, max);
            assert!(cut.len() <= max, "{} of {max}", cut.len());
            let shown = cut.matches("\n| raft: ").count();
            let told: usize = cut
                .lines()
                .last()
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert!(told >= 200 - shown, "{told} and {shown}");
            assert!(cut.contains("| all | 400 |"));
        }
    }

    #[test]
    fn nothing_that_a_run_said_is_markup() {
        let hostile = "<script>alert(1)</script> | x | [a](javascript:b) `c`\n# d @everyone";
        let text = markdown(&findings(2, hostile), usize::MAX);
        for markup in ["<script", "](", "`c`", "\n# d", "@everyone", "| x |"] {
            assert!(!text.contains(markup), "{markup}: {text}");
        }
    }
}
