//! What is seen of a run while it runs: one live line on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// How often a line is written where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// The state of a run at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Since load began.
    pub elapsed: Duration,
    /// Until load ends.
    pub left: Duration,
    /// Ok ops per second since the snapshot before.
    pub ok_per_second: f64,
    /// Ok ops so far.
    pub ok: u64,
    /// Ops of unknown outcome so far.
    pub info: u64,
    /// The nodes that believe they lead, with their terms or epochs.
    pub leaders: Vec<(String, u64)>,
    /// What the system calls those.
    pub era: &'static str,
    /// The faults that are active now, `partition isolated-leader`.
    pub faults: Vec<String>,
}

/// Shows snapshots.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// When the next plain line is due, since load began.
    next_line: Duration,
}

impl Progress {
    /// A live line if stderr is a terminal, else plain lines.
    #[must_use]
    pub fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self {
            bar,
            next_line: PLAIN_INTERVAL,
        }
    }

    /// Shows the state of the run.
    pub fn show(&mut self, snapshot: &Snapshot) {
        if let Some(bar) = &self.bar {
            bar.set_message(line(snapshot));
            bar.tick();
        } else if snapshot.elapsed >= self.next_line {
            self.next_line = snapshot.elapsed + PLAIN_INTERVAL;
            output::note(&line(snapshot));
        }
    }

    /// Says what the run is doing besides load: starting, draining, checking.
    pub fn phase(&mut self, phase: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(phase.to_owned());
                bar.tick();
            }
            None => output::note(phase),
        }
    }

    /// Takes the live line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The state of the run in a line.
fn line(snapshot: &Snapshot) -> String {
    let Snapshot {
        elapsed,
        left,
        ok_per_second,
        ok,
        info,
        leaders,
        era,
        faults,
    } = snapshot;
    let leaders = match leaders.as_slice() {
        [] => "no leader".to_owned(),
        leaders => {
            let named: Vec<String> = leaders
                .iter()
                .map(|(node, number)| format!("{node} ({era} {number})"))
                .collect();
            format!("leader {}", named.join(" and "))
        }
    };
    let faults = if faults.is_empty() {
        "no fault".to_owned()
    } else {
        faults.join(" + ")
    };
    format!(
        "{:>3} s, {:>3} s left | {ok_per_second:>6.0} ops/s | {leaders} | {faults} | {ok} ok, {info} info",
        elapsed.as_secs(),
        left.as_secs(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_leader_and_faults() {
        let snapshot = Snapshot {
            elapsed: Duration::from_secs(7),
            left: Duration::from_secs(23),
            ok_per_second: 1234.4,
            ok: 8_000,
            info: 3,
            leaders: vec![("n1".into(), 2), ("n4".into(), 3)],
            era: "term",
            faults: vec!["partition isolated-leader".into(), "pause one".into()],
        };
        let expected = "  7 s,  23 s left |   1234 ops/s | leader n1 (term 2) and n4 (term 3) | partition isolated-leader + pause one | 8000 ok, 3 info";
        assert_eq!(line(&snapshot), expected);
        let quiet = line(&Snapshot::default());
        assert!(quiet.contains("| no leader | no fault |"), "{quiet}");
    }
}
