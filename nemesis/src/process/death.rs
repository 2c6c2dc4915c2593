//! How processes end by themselves.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::node::Node;

/// What a process may say of its end that got no more memory.
const WANT_OF_MEMORY: [&str; 7] = [
    "memory allocation",
    "allocate memory",
    "out of memory",
    "outofmemory",
    "spawn thread",
    "spawn worker thread",
    "create native thread",
];

/// A node's process that ended without being asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The node.
    pub node: Node,
    /// The process.
    pub pid: u32,
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines that it wrote to stderr, or to stdout where stderr is empty.
    pub last_lines: Vec<String>,
    /// Whether it had been denied memory by a fault.
    pub had_no_memory: bool,
}

impl Death {
    /// How it ended, and only the line that names the want of memory or, if there is none, the last one: where the cause is
    /// known.
    #[must_use]
    pub fn in_short(&self) -> String {
        let telling = self
            .last_lines
            .iter()
            .find(|line| self.had_no_memory && names_want_of_memory(line));
        match telling.or(self.last_lines.last()) {
            Some(line) => format!("{}: {line}", self.ending()),
            None => self.ending(),
        }
    }

    /// Whether it is the doing of a fault that had denied it memory: it names the want of memory in its last words, or of
    /// a thread, whose stack is memory. The words are those of Rust, of the C library's errors, of Go and of Java.
    #[must_use]
    pub fn is_for_want_of_memory(&self) -> bool {
        self.had_no_memory && self.last_lines.iter().any(|line| names_want_of_memory(line))
    }

    fn ending(&self) -> String {
        let Self { node, status, .. } = self;
        match (status.code(), status.signal()) {
            (Some(code), _) => format!("{node} exited by itself with status {code}"),
            (None, Some(signal)) => format!("{node} was ended by signal {signal}, which was not ours"),
            (None, None) => format!("{node} ended by itself ({status})"),
        }
    }
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.ending())?;
        match self.last_lines.as_slice() {
            [] => f.write_str("; it wrote nothing"),
            lines => write!(f, "; its last lines: {}", lines.join(" | ")),
        }
    }
}

fn names_want_of_memory(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    WANT_OF_MEMORY.iter().any(|words| line.contains(words))
}
