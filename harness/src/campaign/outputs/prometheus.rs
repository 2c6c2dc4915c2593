//! A night as a text file for Prometheus, such as node_exporter's textfile collector reads.

use crate::campaign::findings::{Findings, verdict_name};
use crate::campaign::night::Tally;
use crate::campaign::sightings::State;
use crate::exit::Exit;

/// The file's text.
#[must_use]
pub fn prometheus(findings: &Findings) -> String {
    let night = &findings.night;
    let campaign = label(&night.plan.header.campaign);
    let mut text = String::new();
    family(
        &mut text,
        "splitbrain_campaign_units",
        "Units of the last night, by system and by what they came to.",
    );
    for subject in night.subjects() {
        let planted = subject.planted;
        for (verdict, count) in counts(&subject.tally) {
            text += &format!(
                "splitbrain_campaign_units{{campaign=\"{campaign}\",system=\"{}\",planted=\"{planted}\",verdict=\"{verdict}\"}} \
                 {count}\n",
                label(&subject.name)
            );
        }
    }
    family(
        &mut text,
        "splitbrain_campaign_verdict",
        "1 for the verdict of the last night, 0 for the others.",
    );
    for verdict in ["pass", "violation", "harness-error", "unknown"] {
        let is_it = u8::from(verdict == verdict_name(findings.verdict()));
        text += &format!(
            "splitbrain_campaign_verdict{{campaign=\"{campaign}\",verdict=\"{verdict}\"}} {is_it}\n"
        );
    }
    family(
        &mut text,
        "splitbrain_campaign_exit_code",
        "The exit code of the last night's status.",
    );
    let code = u8::from(night.exit() != Exit::Pass) * night.exit().code();
    text += &format!("splitbrain_campaign_exit_code{{campaign=\"{campaign}\"}} {code}\n");
    if let Some(sightings) = &findings.sightings {
        family(
            &mut text,
            "splitbrain_campaign_signatures",
            "Failure signatures by their state on the last night.",
        );
        for name in ["new", "ongoing", "regressed", "quiet"] {
            let count = sightings
                .iter()
                .filter(|sighting| state(sighting.state) == name)
                .count();
            text += &format!(
                "splitbrain_campaign_signatures{{campaign=\"{campaign}\",state=\"{name}\"}} {count}\n"
            );
        }
    }
    let walls = night.records.iter().flatten().filter_map(|record| record.wall_ms);
    family(
        &mut text,
        "splitbrain_campaign_run_seconds",
        "How long all runs of the last night took together.",
    );
    let seconds = walls.sum::<u64>() as f64 / 1e3;
    text += &format!("splitbrain_campaign_run_seconds{{campaign=\"{campaign}\"}} {seconds}\n");
    text
}

fn family(text: &mut String, name: &str, help: &str) {
    *text += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
}

fn counts(tally: &Tally) -> [(&'static str, u64); 5] {
    [
        ("pass", tally.pass),
        ("violation", tally.violation),
        ("unknown", tally.unknown),
        ("harness-error", tally.harness_error),
        ("not-run", tally.not_run),
    ]
}

fn state(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Ongoing => "ongoing",
        State::Regressed => "regressed",
        State::Quiet { .. } => "quiet",
    }
}

/// A label's value, escaped.
fn label(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::night::Night;
    use crate::campaign::synthetic;

    #[test]
    fn what_was_not_run_is_told_apart_and_each_line_is_a_sample() {
        let plan = synthetic::plan("2026-01-31", 6);
        let records = vec![None; plan.units.len()];
        let text = prometheus(&Findings::of_nights(vec![Night { plan, records }], None, None).unwrap());
        assert!(
            text.contains("system=\"raft\",planted=\"false\",verdict=\"not-run\"} 3\n"),
            "{text}"
        );
        assert!(text.contains("verdict=\"pass\"} 0\n") && text.contains("verdict=\"unknown\"} 1\n"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.ends_with("\"}") && value.parse::<f64>().is_ok(), "{line}");
        }
        assert_eq!(label("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
