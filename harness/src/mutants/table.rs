//! The detection table.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use splitbrain_systems::Venue;

use super::attempt::Attempt;
use super::options::Target;
use crate::output::{self, Table};

/// A mutant must be caught in so many of so many attempts.
const CAUGHT_OF: (usize, usize) = (9, 10);

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    name: String,
    breaks: &'static str,
    clean: bool,
    venue: Venue,
    faults: &'static str,
    attempts: usize,
    caught: usize,
    runs: u64,
    planned: u64,
    unit: &'static str,
    anomalies: BTreeMap<String, usize>,
    median: Option<Duration>,
    without_verdict: Vec<String>,
}

impl Row {
    pub(super) fn new(target: &Target, attempts: &[Attempt]) -> Self {
        let mut after: Vec<_> = attempts
            .iter()
            .filter_map(|attempt| Some(attempt.caught.as_ref()?.after))
            .collect();
        after.sort_unstable();
        let mut anomalies = BTreeMap::new();
        for caught in attempts.iter().filter_map(|attempt| attempt.caught.as_ref()) {
            *anomalies.entry(caught.anomaly.clone()).or_insert(0) += 1;
        }
        Self {
            name: target.name(),
            breaks: target.mutant.map_or("nothing", |mutant| mutant.breaks),
            clean: target.mutant.is_none(),
            venue: target.venue,
            faults: target.nemesis.unwrap_or("all"),
            attempts: attempts.len(),
            caught: after.len(),
            runs: attempts.iter().map(|attempt| attempt.runs).sum(),
            planned: attempts.iter().map(|attempt| attempt.planned).sum(),
            unit: attempts.first().map_or("runs", |attempt| attempt.unit),
            anomalies,
            median: after.get(after.len().saturating_sub(1) / 2).copied(),
            without_verdict: attempts
                .iter()
                .filter_map(|attempt| attempt.without_verdict.clone())
                .collect(),
        }
    }

    /// Whether the clean system was left alone with a verdict each time, or the mutant caught often enough.
    pub(super) fn is_as_it_should_be(&self) -> bool {
        match self.clean {
            true => self.caught == 0 && self.without_verdict.is_empty() && self.runs == self.planned,
            false => self.caught * CAUGHT_OF.1 >= self.attempts * CAUGHT_OF.0,
        }
    }

    /// Whether a system without a bug was accused.
    pub(super) fn is_false_accusation(&self) -> bool {
        self.clean && self.caught > 0
    }

    fn venue(&self) -> &'static str {
        match self.venue {
            Venue::Processes => "processes",
            Venue::Simulator => "simulator",
        }
    }

    /// The anomaly seen most often.
    fn anomaly(&self) -> String {
        let most = self.anomalies.iter().max_by_key(|(_, count)| **count);
        most.map_or("none".to_owned(), |(anomaly, _)| anomaly.clone())
    }
}

/// The table for a terminal of `width` columns.
pub(super) fn text(rows: &[Row], width: usize) -> String {
    let mut table = Table::new()
        .text("mutant")
        .text("where")
        .text("faults")
        .number("caught")
        .number("runs")
        .number("median s")
        .text("anomaly seen");
    for row in rows {
        table.row(vec![
            format!(
                "{} {}",
                if row.is_as_it_should_be() { "✓" } else { "✗" },
                row.name
            ),
            row.venue().to_owned(),
            row.faults.to_owned(),
            format!("{}/{}", row.caught, row.attempts),
            output::plural(row.runs, row.unit),
            row.median
                .map_or("–".to_owned(), |median| format!("{:.1}", median.as_secs_f64())),
            row.anomaly(),
        ]);
    }
    let mut text = table.render(width);
    for row in rows.iter().filter(|row| row.clean) {
        for reason in &row.without_verdict {
            text += &format!("\na clean run had no verdict: {reason}");
        }
    }
    text.push('\n');
    text
}

/// The table as one JSON object a row.
pub(super) fn json(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let object = json!({
            "mutant": row.name,
            "breaks": row.breaks,
            "venue": row.venue(),
            "faults": row.faults,
            "attempts": row.attempts,
            "caught": row.caught,
            "runs": row.runs,
            "unit": row.unit,
            "anomalies": row.anomalies,
            "median_seconds": row.median.map(|median| median.as_secs_f64()),
            "without_verdict": row.without_verdict,
            "as_it_should_be": row.is_as_it_should_be(),
        });
        format!("{object}\n")
    };
    rows.iter().map(line).collect()
}
