//! Histories in the formats of other tools, read and written.
//!
//! | format | what it is |
//! |---|---|
//! | `native` | JSON Lines of this harness: see [`crate::history::read_native`] |
//! | `jepsen-edn` | `history.edn` of Jepsen: maps, one after the other or in one vector or list |
//! | `elle-json` | one JSON array of ops, as elle-cli takes it |
//! | `knossos-log` | lines of a Jepsen log with `:invoke`, `:ok`, `:fail`, `:info` between tabs |
//! | `porcupine-kv` | Porcupine's key-value histories: EDN maps with a `:key`, without times |
//!
//! All are streamed: beside the ops that were read, one op's text is in memory at a time, and that has a bound.

mod edn;
mod events;
mod export;
mod json;
mod keys;
mod knossos;
mod registers;
mod source;

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::str::FromStr;

#[cfg(test)]
pub(crate) use edn::edn_value;
pub use export::{ExportError, Loss, export, export_calls};
pub use registers::to_registers;

use crate::call::{CallError, Calls, CallsBuilder};
use crate::history::{Parsed, Problem, ReadError, Warning, read_native};

use source::Source;

/// A file of another tool is shorter than this: 2 GiB.
const MAX_BYTES: u64 = 2 << 30;
/// So much of a file is looked at to find out its format.
const HEAD_BYTES: usize = 4096;

/// A format of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON Lines of this harness.
    Native,
    /// Jepsen's EDN.
    JepsenEdn,
    /// elle-cli's JSON.
    ElleJson,
    /// Lines of a Jepsen log.
    KnossosLog,
    /// Porcupine's key-value histories.
    PorcupineKv,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Native,
        Self::JepsenEdn,
        Self::ElleJson,
        Self::KnossosLog,
        Self::PorcupineKv,
    ];

    /// Its name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::JepsenEdn => "jepsen-edn",
            Self::ElleJson => "elle-json",
            Self::KnossosLog => "knossos-log",
            Self::PorcupineKv => "porcupine-kv",
        }
    }

    /// The format that a file begins like, if any.
    fn of_head(head: &str) -> Option<Self> {
        let start = head.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == '\u{feff}');
        let inner = start.strip_prefix(['[', '(']).map_or(start, str::trim_start);
        if head.contains("jepsen.util - ") {
            return Some(Self::KnossosLog);
        }
        if start.starts_with('{') && start.trim_start_matches('{').trim_start().starts_with('"') {
            return Some(Self::Native);
        }
        if start.starts_with('[')
            && (inner.starts_with("{\"") || inner.starts_with("{}") || inner.starts_with(']'))
        {
            return Some(Self::ElleJson);
        }
        if start.starts_with('[')
            && inner
                .strip_prefix('{')
                .is_some_and(|map| map.trim_start().starts_with('"'))
        {
            return Some(Self::ElleJson);
        }
        let first = inner.lines().next().unwrap_or_default();
        if !(inner.starts_with(['{', '#', ';']) || start.starts_with(['[', '('])) {
            return None;
        }
        let is_porcupine = first.contains(":key ") && !first.contains(":time ");
        Some(if is_porcupine {
            Self::PorcupineKv
        } else {
            Self::JepsenEdn
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`; known are {known}", known = Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its format.
    pub format: Format,
    /// What it holds.
    pub content: Content,
    /// What was lost.
    pub warnings: Vec<Warning>,
    /// The line of each event, where these are calls.
    lines: Vec<u32>,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// A native history, of registers.
    Native(Parsed),
    /// Calls of whatever they are.
    Calls(Calls),
}

impl Imported {
    /// The line of an event of [`Content::Calls`], counted from 1.
    #[must_use]
    pub fn line_of(&self, event: u64) -> Option<u64> {
        let at = usize::try_from(event).ok()?;
        self.lines.get(at).map(|line| u64::from(*line))
    }
}

/// Reads the file at `path`, in `format` or whatever it looks like.
///
/// # Errors
/// When it cannot be read, looks like none of the formats, or breaks a rule of histories: with the line, and why.
pub fn read_file(path: &Path, format: Option<Format>) -> Result<Imported, ReadError> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => read_from(file, format, &name),
        Err(error) => Err(ReadError {
            file: name,
            line: 0,
            problem: error.into(),
        }),
    }
}

/// Reads a history from memory. Errors call it `name`.
///
/// # Errors
/// As [`read_file`].
pub fn read_bytes(bytes: &[u8], format: Format, name: &str) -> Result<Imported, ReadError> {
    read_from(bytes, Some(format), name)
}

/// Reads a history from `input`, in `format` or whatever it looks like. Errors call it `name`.
///
/// Of input that has no end, such as a device or a file that somebody made to be read for ever, no more than a window
/// of some megabytes is held before it is refused, unless it really is a history without an end.
///
/// # Errors
/// As [`read_file`].
pub fn read_from(mut input: impl Read, format: Option<Format>, name: &str) -> Result<Imported, ReadError> {
    let failed = |(line, problem)| ReadError {
        file: name.to_owned(),
        line,
        problem,
    };
    let mut head = Vec::new();
    let format = match format {
        Some(format) => format,
        None => detect(&mut input, &mut head).map_err(failed)?,
    };
    let input = Cursor::new(head).chain(input);
    if format == Format::Native {
        let mut parsed = read_native(BufReader::with_capacity(1 << 18, input), name)?;
        return Ok(Imported {
            format,
            warnings: std::mem::take(&mut parsed.warnings),
            content: Content::Native(parsed),
            lines: Vec::new(),
        });
    }
    let mut collector = Collector::default();
    let mut source = Source::new(input, MAX_BYTES);
    let read = match format {
        Format::Native | Format::JepsenEdn | Format::PorcupineKv => {
            events::read_edn(&mut source, &mut collector)
        }
        Format::ElleJson => json::read(&mut source, &mut collector),
        Format::KnossosLog => knossos::read(&mut source, &mut collector),
    };
    read.map_err(failed)?;
    collector.finish(format).map_err(failed)
}

/// Finds out the format by the beginning of the input, which is left in `head`.
fn detect(input: &mut impl Read, head: &mut Vec<u8>) -> Result<Format, (u64, Problem)> {
    let read = input.take(HEAD_BYTES as u64).read_to_end(head);
    read.map_err(|error| (0, error.into()))?;
    let text = String::from_utf8_lossy(head);
    if text.trim().is_empty() && head.len() < HEAD_BYTES {
        return Err((1, Problem::Empty));
    }
    Format::of_head(&text).ok_or((1, Problem::UnknownFormat))
}

/// Takes events with their lines.
#[derive(Debug, Default)]
struct Collector {
    builder: CallsBuilder,
    lines: Vec<u32>,
    warnings: Vec<Warning>,
}

impl Collector {
    fn push(&mut self, event: crate::call::CallEvent, line: u64) -> Result<(), (u64, Problem)> {
        self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
        self.builder
            .push(event)
            .map_err(|error: CallError| (line, Problem::Call(error)))
    }

    /// That the input ends within an op that began on `line`, of which there are `bytes`. Without any event before it
    /// there is nothing left to use.
    fn cut_off(&mut self, line: u64, bytes: usize) -> Result<(), (u64, Problem)> {
        if self.lines.is_empty() {
            return Err((line, Problem::Empty));
        }
        self.warnings.push(Warning::CutOff { line, bytes });
        Ok(())
    }

    /// What was read, its keys told from its values.
    fn finish(self, format: Format) -> Result<Imported, (u64, Problem)> {
        let mut calls = self.builder.finish();
        calls.failed_cas_answers = format == Format::KnossosLog;
        keys::split(&mut calls).map_err(|(event, error)| {
            let line = usize::try_from(event).ok().and_then(|at| self.lines.get(at));
            (line.map_or(0, |line| u64::from(*line)), Problem::Call(error))
        })?;
        Ok(Imported {
            format,
            content: Content::Calls(calls),
            warnings: self.warnings,
            lines: self.lines,
        })
    }
}

/// White space, and what stands at the beginning of some files to say that they are text.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}
