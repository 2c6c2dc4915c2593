//! What is said first: what is new tonight.

use crate::campaign::findings::Findings;
use crate::campaign::outputs;
use crate::campaign::sightings::Sighting;
use crate::output::plural;

/// So many failures are named; the table has all.
const NAMED_MAX: usize = 3;
/// Longer reasons of runs are cut.
const REASON_MAX: usize = 300;

/// The night's verdict in a few sentences.
pub(super) fn reason(findings: &Findings) -> String {
    let night = &findings.night;
    let (clean, tally) = (night.clean(), night.tally());
    let mut said = Vec::new();
    if clean.violation > 0 {
        said.push(violations(findings));
    } else {
        let verdict = clean.pass + clean.violation;
        said.push(match (clean.units, verdict) {
            (0, _) => "Every unit is of a planted bug: nothing is said of a clean system.".to_owned(),
            (_, 0) => "Nothing is known: no run of a clean system has a verdict.".to_owned(),
            (units, passed) => format!(
                "No violation: {passed} of {} of clean systems passed.",
                plural(units, "unit")
            ),
        });
    }
    if clean.harness_error > 0 {
        said.push(format!(
            "{} of a clean system failed by the harness or the host{}.",
            plural(clean.harness_error, "run"),
            first_error(findings)
        ));
    }
    let left = [(clean.unknown, "without a verdict"), (tally.not_run, "not run")];
    let left: Vec<String> = left
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, how)| format!("{count} {how}"))
        .collect();
    if !left.is_empty() {
        said.push(format!("Besides: {}.", left.join(", ")));
    }
    said.join(" ")
}

fn violations(findings: &Findings) -> String {
    let violated: Vec<_> = findings.night.violations().collect();
    let runs = plural(violated.len() as u64, "run");
    let unsigned = violated
        .iter()
        .filter(|(_, record)| record.signatures.is_empty())
        .count();
    let unsigned = match unsigned {
        0 => String::new(),
        // What nothing is known by is not known.
        count => format!(
            " {} told no signature and count as new.",
            plural(count as u64, "run")
        ),
    };
    let (Some(sightings), Some(new)) = (&findings.sightings, &findings.new) else {
        let (unit, record) = violated[0];
        return format!(
            "{runs} of a clean system broke a claim; the first: {}: {}. What is new can be told from all nights: merge \
             them.",
            outputs::title(unit),
            short(&record.reason)
        );
    };
    let of_clean = |sighting: &&Sighting| {
        violated
            .iter()
            .any(|(_, record)| record.signatures.contains(&sighting.signature))
    };
    let tonight: Vec<&Sighting> = sightings.iter().filter(of_clean).collect();
    let (new, known): (Vec<&Sighting>, Vec<&Sighting>) = tonight
        .iter()
        .partition(|sighting| new.contains(&sighting.signature.id));
    let mut said = match (new.len(), known.len()) {
        (0, 0) => format!("{runs} of a clean system broke a claim."),
        (0, _) => format!(
            "Nothing new: {runs} of a clean system showed {} seen before: {}.",
            plural(known.len() as u64, "failure"),
            named(&known)
        ),
        (_, 0) => format!(
            "{} new tonight: {}.",
            plural(new.len() as u64, "failure"),
            named(&new)
        ),
        (_, others) => format!(
            "{} new tonight: {}. Seen before, and seen again: {}.",
            plural(new.len() as u64, "failure"),
            named(&new),
            plural(others as u64, "failure")
        ),
    };
    said += &unsigned;
    said
}

fn named(sightings: &[&Sighting]) -> String {
    let name = |sighting: &&Sighting| {
        let signature = &sighting.signature;
        format!(
            "{} {} is not {} ({}, in {})",
            signature.subject,
            signature.read_mode,
            signature.model,
            signature.anomaly,
            plural(sighting.tonight.len() as u64, "run")
        )
    };
    let mut names: Vec<String> = sightings.iter().take(NAMED_MAX).map(name).collect();
    if sightings.len() > NAMED_MAX {
        names.push(format!("{} more", sightings.len() - NAMED_MAX));
    }
    names.join("; ")
}

fn first_error(findings: &Findings) -> String {
    use splitbrain_reports::results::RunVerdict::HarnessError;
    let mut units = findings.night.units();
    let first = units.find_map(|(unit, record)| {
        record.filter(|record| unit.mutant.is_none() && record.verdict == HarnessError)
    });
    first.map_or_else(String::new, |record| format!(": {}", short(&record.reason)))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.trim_end_matches('.').to_owned(),
    }
}
