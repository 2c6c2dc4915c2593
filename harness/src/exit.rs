//! How the process ends.

use std::process;

/// The exit codes, which scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything claimed held.
    Pass,
    /// A claim was broken.
    Violation,
    /// The command line, the configuration or an input file is wrong.
    Usage,
    /// A budget was spent, or too little was tested.
    Unknown,
    /// The harness or the host failed.
    Host,
    /// `doctor` found something missing.
    Missing,
    /// Interrupted from the terminal; faults healed, partial results kept.
    Interrupted,
    /// Asked to end by SIGTERM; faults healed, partial results kept.
    Terminated,
}

impl Exit {
    /// The code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Violation => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
            Self::Host => 4,
            Self::Missing => 5,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The worse of two, for a command over several inputs: a violation outranks a failure, which outranks an
    /// unusable input, which outranks an unknown.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        if self.rank() >= other.rank() { self } else { other }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Unknown => 1,
            Self::Missing => 2,
            Self::Usage => 3,
            Self::Host => 4,
            Self::Terminated => 5,
            Self::Interrupted => 6,
            Self::Violation => 7,
        }
    }
}

impl From<Exit> for process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
