//! The record of a run, a line an event, for those who want to read it or to compare two runs.

use std::fmt;

#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: Option<String>,
}

impl Trace {
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            lines: wanted.then(String::new),
        }
    }

    pub(super) fn line(&mut self, now_us: u64, text: fmt::Arguments<'_>) {
        if let Some(lines) = &mut self.lines {
            use fmt::Write;
            writeln!(
                lines,
                "{:>4}.{:06} {text}",
                now_us / 1_000_000,
                now_us % 1_000_000
            )
            .expect("writing to a string does not fail");
        }
    }

    pub(super) fn into_lines(self) -> Option<String> {
        self.lines
    }
}
