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
//! Only the native format is streamed. The others are held in memory while they are read.

mod edn;
mod events;
mod export;
mod json;
mod keys;
mod knossos;
mod registers;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

pub use export::{ExportError, export_calls, export_history};
pub use registers::to_registers;

use crate::call::{CallError, Calls, CallsBuilder};
use crate::history::{Parsed, Problem, ReadError, Warning, read_native_file};

/// A file of another tool is no longer than this: 2 GiB.
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
    let at = |line: u64| {
        let file = name.clone();
        move |problem: Problem| ReadError { file, line, problem }
    };
    let mut file = File::open(path).map_err(|error| at(0)(error.into()))?;
    let format = match format {
        Some(format) => format,
        None => {
            let mut head = Vec::with_capacity(HEAD_BYTES);
            let limited = (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head);
            limited.map_err(|error| at(0)(error.into()))?;
            let text = String::from_utf8_lossy(&head);
            if text.trim().is_empty() && head.len() < HEAD_BYTES {
                return Err(at(1)(Problem::Empty));
            }
            Format::of_head(&text).ok_or_else(|| at(1)(Problem::UnknownFormat))?
        }
    };
    if format == Format::Native {
        let mut parsed = read_native_file(path)?;
        return Ok(Imported {
            format,
            warnings: std::mem::take(&mut parsed.warnings),
            content: Content::Native(parsed),
            lines: Vec::new(),
        });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| at(0)(error.into()))?;
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| at(0)(error.into()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(at(0)(Problem::FileTooLong));
    }
    read_bytes(&bytes, format, &name)
}

/// Reads a history in any format but the native one from memory. Errors call it `name`.
///
/// # Errors
/// As [`read_file`].
pub fn read_bytes(bytes: &[u8], format: Format, name: &str) -> Result<Imported, ReadError> {
    let mut collector = Collector::default();
    let read = match std::str::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => Err((1, Problem::Empty)),
        Ok(text) => read_text(text, format, &mut collector),
        Err(error) => Err((line_at(bytes, error.valid_up_to()), Problem::NotText)),
    };
    let failed = |(line, problem)| ReadError {
        file: name.to_owned(),
        line,
        problem,
    };
    read.map_err(failed)?;
    let mut calls = collector.builder.finish();
    calls.failed_cas_answers = format == Format::KnossosLog;
    keys::split(&mut calls).map_err(|(event, error)| {
        let line = collector.lines.get(event as usize).copied().unwrap_or(0);
        failed((line.into(), Problem::Call(error)))
    })?;
    Ok(Imported {
        format,
        content: Content::Calls(calls),
        warnings: collector.warnings,
        lines: collector.lines,
    })
}

fn read_text(text: &str, format: Format, collector: &mut Collector) -> Result<(), (u64, Problem)> {
    match format {
        Format::Native | Format::JepsenEdn | Format::PorcupineKv => events::read_edn(text, collector),
        Format::ElleJson => json::read(text, collector),
        Format::KnossosLog => knossos::read(text, collector),
    }
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

    /// That the last line is cut off. Without any event before it there is nothing left to use.
    fn cut_off(&mut self, text: &str, line: u64) -> Result<(), (u64, Problem)> {
        if self.lines.is_empty() {
            return Err((line, Problem::Empty));
        }
        let last = text.rfind('\n').map_or(0, |at| at + 1);
        self.warnings.push(Warning::CutOff {
            line,
            bytes: text.len() - last,
        });
        Ok(())
    }
}

/// Counts lines as it goes through a text.
struct LineCounter<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            line: 1,
        }
    }

    /// The line of a byte that is no earlier than the one asked for before.
    fn line(&mut self, at: usize) -> u64 {
        let passed = &self.bytes[self.at..at.max(self.at)];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = at.max(self.at);
        self.line
    }
}

fn line_at(bytes: &[u8], at: usize) -> u64 {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64
}
