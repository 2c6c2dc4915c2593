//! What ends a command early.

use std::path::Path;

use thiserror::Error;

use crate::exit::Exit;

/// A failure with its exit code. A verdict is not a failure: it is a result.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line or the configuration asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file that was handed in cannot be used.
    #[error("{0}")]
    Input(String),
    /// The host lacks or forbids something, or an input or output failed.
    #[error("{problem}{}", mend_line(mend.as_deref()))]
    Host {
        /// What is wrong.
        problem: String,
        /// The one line that mends it, where there is one.
        mend: Option<String>,
    },
}

/// The result of a command.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure of the host that has no known mend.
    pub fn host(problem: impl Into<String>) -> Self {
        Self::Host {
            problem: problem.into(),
            mend: None,
        }
    }

    /// A file that could not be created or written.
    #[must_use]
    pub fn not_writable(path: &Path, error: &std::io::Error) -> Self {
        let why = match error.kind() {
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                "a file is in the place of a folder".to_owned()
            }
            _ => error.to_string(),
        };
        Self::Host {
            problem: format!("cannot write {}: {why}", path.display()),
            mend: Some("choose a writable folder with --store DIR".to_owned()),
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Input(_) => Exit::Usage,
            Self::Host { .. } => Exit::Host,
        }
    }
}

fn mend_line(mend: Option<&str>) -> String {
    mend.map(|mend| format!("\n  to mend it: {mend}"))
        .unwrap_or_default()
}
