//! What can be wrong with a history file, and where.

use std::fmt;
use std::io;

use thiserror::Error;

use super::pair::EventError;
use crate::call::CallError;

/// A file that cannot be used: which line of it, and why.
#[derive(Debug, Error)]
#[error("{file}{}: {problem}", Line(*line))]
pub struct ReadError {
    /// The file, as it was named by the caller.
    pub file: String,
    /// The line, counted from 1; 0 where the file could not even be opened.
    pub line: u64,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// A place in a file, as it follows the file's name.
struct Line(u64);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            line => write!(f, ":{line}"),
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// There is nothing in the file.
    #[error("the file is empty")]
    Empty,
    /// The first line is not the header of a native history.
    #[error("not the header of a native history: {0}")]
    Header(String),
    /// The file is of a version that this program does not know.
    #[error("history version {0} is not supported, only {supported}", supported = super::native::VERSION)]
    Version(u32),
    /// The line is longer than any event can be.
    #[error("the line is longer than {max} bytes", max = super::native::MAX_LINE_BYTES)]
    LineTooLong,
    /// The line is not a JSON object with the fields of an event.
    #[error("not an event: {message} (column {column})")]
    Syntax {
        /// The column, counted from 1; 0 where unknown.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// An event whose index is not the number of events before it: some were left out, repeated or moved.
    #[error("the event has the index {index}, but {expected} events come before it")]
    Index {
        /// The index on the line.
        index: u64,
        /// The index that its place in the file gives it.
        expected: u64,
    },
    /// A value that does not go with its op.
    #[error("the value of a {f} must be {expected}")]
    WrongValue {
        /// The op: `read`, `write` or `cas`.
        f: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// An op that the data model of the header does not have.
    #[error("the model `register` has no cas")]
    NoCas,
    /// A name that the header does not list.
    #[error("the {what} `{name}` is not in the header")]
    UnknownName {
        /// `node` or `read mode`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An event that cannot follow those before it.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The same, of a history of another tool.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A value that is no event, or lacks what events have.
    #[error("not an event: {0}")]
    Shape(String),
    /// The file looks like none of the known formats.
    #[error("the format is none of the known ones; name it if it is one")]
    UnknownFormat,
    /// The file is of another tool, and longer than any history of these.
    #[error("the file is longer than 2 GiB, and only the native format may be so long")]
    FileTooLong,
    /// An op, or what stands between two, is longer than any can be.
    #[error("an op, or what stands before it, is longer than 16 MiB")]
    OpTooLong,
    /// The file is no text.
    #[error("not text in UTF-8")]
    NotText,
}

/// Something that was lost, though the rest can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The last line has no end and is no whole event: the recording was cut off. All that comes before it counts.
    CutOff {
        /// The line, counted from 1.
        line: u64,
        /// The length of what was cut off, in bytes; 0 where only the end of a list of events is missing.
        bytes: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { line, bytes: 0 } => {
                write!(
                    f,
                    "the end of the list of ops is missing on line {line}; what comes before it is whole"
                )
            }
            Self::CutOff { line, bytes } => {
                write!(
                    f,
                    "line {line} is cut off after {bytes} bytes and left out; what comes before it is whole"
                )
            }
        }
    }
}
