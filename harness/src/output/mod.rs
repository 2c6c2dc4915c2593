//! What people see in the terminal: data on stdout, progress on stderr.

mod prose;
mod style;
mod summary;
mod table;

use std::io::{self, Write as _};

pub use prose::{counterexample, wrap};
pub use style::{claim_badge, claim_glyph, run_badge};
pub use summary::summary;
pub use table::Table;

use crate::exit::Exit;

/// The width that output is laid out for where the terminal does not tell its own.
const WIDTH_DEFAULT: usize = 80;
/// Wider lines are hard to read, whatever the terminal.
const WIDTH_MAX: usize = 120;

/// Writes a block of text to stdout, without colours where nobody wants them. A reader that went away, as `head`
/// does, is no failure; any other error ends the program, since its result would be lost without a word.
pub fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            note(&format!("error: the result cannot be written: {error}"));
            std::process::exit(Exit::Host.code().into());
        }
        _ => {}
    }
}

/// A number of things: `1 run`, `3 runs`.
#[must_use]
pub fn plural(count: u64, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {one}{s}")
}

/// Writes a line to stderr.
pub fn note(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// How many columns output may take: those of the terminal, else of `COLUMNS`, else 80.
#[must_use]
pub fn width() -> usize {
    let asked = || std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| usize::from(width));
    let columns = terminal
        .filter(|columns| *columns > 0)
        .or_else(asked)
        .filter(|columns| *columns > 0);
    columns.unwrap_or(WIDTH_DEFAULT).min(WIDTH_MAX)
}
