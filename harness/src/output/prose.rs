//! A counterexample in words.

use splitbrain_reports::results::{Counterexample, CounterexampleOp};

use super::Table;

const NS_PER_MS: f64 = 1e6;

/// Why an op can be shown as less than was recorded.
const WEAKENED: &str = "pending: it had not returned when the last op here did, and is not needed to have; the write of \
                        a cas: what it expected is not needed either";

/// The ops of a counterexample, with times in milliseconds since the first of them, or the numbers of events.
#[must_use]
pub fn counterexample(example: &Counterexample, width: usize) -> String {
    let zero = example.ops.iter().map(|op| op.start_ns).min().unwrap_or(0);
    let mut table = Table::new()
        .text("")
        .text("process")
        .text("op")
        .number(if example.untimed { "from event" } else { "from ms" })
        .number(if example.untimed { "to event" } else { "to ms" });
    for op in &example.ops {
        table.row(row(op, zero, example.untimed));
    }
    let what = match example.read_mode.as_str() {
        "" => "it",
        mode => mode,
    };
    let key = (example.shown_key()).map_or_else(String::new, |key| format!(": key {key}"));
    let heading = format!("Why {what} is not {}{key}", example.model);
    let weakened = example.ops.iter().any(|op| op.counts_as.is_some());
    format!(
        "{heading}\n{}\n\n{}{}",
        wrap(&example.reason, width),
        table.render(width),
        if weakened {
            wrap(WEAKENED, width) + "\n"
        } else {
            String::new()
        }
    )
}

fn row(op: &CounterexampleOp, zero: u64, untimed: bool) -> Vec<String> {
    let ms = |at: u64| match untimed {
        true => at.to_string(),
        false => format!("{:.3}", at.saturating_sub(zero) as f64 / NS_PER_MS),
    };
    let end = match (op.outcome.as_str(), op.end_ns) {
        ("info", _) | (_, None) => "never".to_owned(),
        (_, Some(end)) => ms(end),
    };
    let text = match (&op.counts_as, op.outcome.as_str()) {
        (Some(counts_as), _) => format!("{} ({counts_as})", op.text),
        (None, "ok") => op.text.clone(),
        (None, outcome) => format!("{} ({outcome})", op.text),
    };
    let mark = if op.culprit { "✗" } else { "" };
    vec![mark.to_owned(), op.shown_process(), text, ms(op.start_ns), end]
}

/// Breaks a text into lines of at most `width` columns, between words.
#[must_use]
pub fn wrap(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(text: &str, outcome: &str, start_ns: u64, end_ns: Option<u64>, culprit: bool) -> CounterexampleOp {
        CounterexampleOp {
            index: 0,
            process: 3,
            process_name: None,
            text: text.into(),
            outcome: outcome.into(),
            start_ns,
            end_ns,
            culprit,
            counts_as: None,
        }
    }

    #[test]
    fn a_counterexample_reads_as_a_story() {
        let example = Counterexample {
            read_mode: "leader-local".into(),
            model: "linearizable".into(),
            key: 4,
            key_name: None,
            untimed: false,
            reason: "process 3 read 4, but 4 was overwritten by write 5 before the read began".into(),
            ops: vec![
                op("write 5", "ok", 1_000_000, Some(2_500_000), false),
                op("write 6", "info", 1_500_000, Some(9_000_000), false),
                op("read -> 4", "ok", 3_000_000, Some(4_000_000), true),
            ],
        };
        let expected = "\
Why leader-local is not linearizable: key 4
process 3 read 4, but 4 was overwritten by write 5 before
the read began

   process  op              from ms  to ms
─  ───────  ──────────────  ───────  ─────
   3        write 5           0.000  1.500
   3        write 6 (info)    0.500  never
✗  3        read -> 4         2.000  3.000
";
        assert_eq!(counterexample(&example, 60), expected);
    }
}
