//! The minimal counterexample as a page shows it: drawn, and as a table.

mod drawing;

use crate::format;
use crate::report::Span;
use crate::results::{Counterexample, CounterexampleOp};
pub(crate) use drawing::draw;

/// What the ops' times mean, and how they are shown.
#[derive(Clone, Copy)]
struct Clock {
    span: Span,
    is_untimed: bool,
}

impl Clock {
    fn new(counterexample: &Counterexample, span: Span) -> Self {
        Self {
            span,
            is_untimed: counterexample.untimed,
        }
    }

    /// A moment: seconds of the history's clock, or the number of an event.
    fn moment(self, at: u64) -> String {
        match self.is_untimed {
            true => format!("event {at}"),
            false => format::moment(self.span.seconds(at)),
        }
    }

    /// The time between two moments.
    fn length(self, from: u64, to: u64) -> String {
        let length = to.saturating_sub(from);
        match self.is_untimed {
            true => format::plural(length, "event", "events"),
            false => format::duration_ms(length as f64 / 1e6),
        }
    }

    /// What is short: a microsecond, or an event.
    fn unit(self) -> f64 {
        match self.is_untimed {
            true => 1.0,
            false => 1_000.0,
        }
    }
}

/// The counterexample with its drawing and its table.
pub(crate) struct CounterexampleView<'a> {
    pub(crate) found: &'a Counterexample,
    /// Of which key and read mode it is.
    pub(crate) about: String,
    pub(crate) drawing: String,
    /// Ops that the drawing leaves out.
    pub(crate) undrawn: usize,
    pub(crate) rows: Vec<CounterexampleRow<'a>>,
}

pub(crate) struct CounterexampleRow<'a> {
    pub(crate) index: u64,
    pub(crate) process: String,
    pub(crate) text: &'a str,
    pub(crate) counts_as: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) outcome_class: &'static str,
    pub(crate) invoked: String,
    pub(crate) completed: String,
    pub(crate) length: String,
    pub(crate) culprit: bool,
}

impl<'a> CounterexampleView<'a> {
    pub(crate) fn new(found: &'a Counterexample, span: Span) -> Self {
        let (drawing, drawn) = draw(found, span).unwrap_or_default();
        let clock = Clock::new(found, span);
        let row = |op: &'a CounterexampleOp| {
            let ended = op.end_ns.filter(|_| op.outcome != "info");
            CounterexampleRow {
                index: op.index,
                process: op.shown_process(),
                text: &op.text,
                counts_as: op.counts_as.as_deref().unwrap_or_default(),
                outcome: &op.outcome,
                outcome_class: outcome_class(&op.outcome),
                invoked: clock.moment(op.start_ns),
                completed: ended.map_or_else(|| "never known".into(), |end| clock.moment(end)),
                length: ended.map_or_else(|| "–".into(), |end| clock.length(op.start_ns, end)),
                culprit: op.culprit,
            }
        };
        Self {
            found,
            about: about(found),
            drawing,
            undrawn: found.ops.len() - drawn,
            rows: found.ops.iter().map(row).collect(),
        }
    }
}

/// "Key 3, read mode log".
fn about(found: &Counterexample) -> String {
    let key = found.shown_key().map(|key| format!("Key {key}"));
    let mode = (!found.read_mode.is_empty()).then(|| format!("read mode {}", found.read_mode));
    match (key, mode) {
        (Some(key), Some(mode)) => format!("{key}, {mode}"),
        (None, Some(mode)) => format!("Read mode {}", &mode["read mode ".len()..]),
        (Some(key), None) => key,
        (None, None) => "All ops are on one object".to_owned(),
    }
}

/// The CSS class of an outcome; anything unknown is drawn as `info`.
pub(crate) fn outcome_class(outcome: &str) -> &'static str {
    match outcome {
        "ok" => "ok",
        "fail" => "fail",
        _ => "info",
    }
}
