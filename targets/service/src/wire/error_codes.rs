//! The error codes of the client protocol, and what each says about the fate of its request.

use std::fmt;

/// The code of an `error` reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// No answer in time.
    pub const TIMEOUT: Self = Self(0);
    /// The request was for a node that is not there.
    pub const NODE_NOT_FOUND: Self = Self(1);
    /// The node does not do that.
    pub const NOT_SUPPORTED: Self = Self(10);
    /// The node cannot serve at present, and did not begin to.
    pub const TEMPORARILY_UNAVAILABLE: Self = Self(11);
    /// The request could not be understood.
    pub const MALFORMED_REQUEST: Self = Self(12);
    /// Something broke while the request was under way.
    pub const CRASH: Self = Self(13);
    /// The request was given up without effect.
    pub const ABORT: Self = Self(14);
    /// The register was never written.
    pub const KEY_DOES_NOT_EXIST: Self = Self(20);
    /// The register exists already.
    pub const KEY_ALREADY_EXISTS: Self = Self(21);
    /// The register held something other than the `from` of the cas.
    pub const PRECONDITION_FAILED: Self = Self(22);
    /// The transaction met another one.
    pub const TXN_CONFLICT: Self = Self(30);

    /// The code's row in [`ERROR_CODES`], if it has one.
    #[must_use]
    pub fn info(self) -> Option<&'static ErrorInfo> {
        ERROR_CODES.iter().find(|info| info.code == self)
    }

    /// Whether a request answered by this code certainly had no effect. Codes that the table does not know are
    /// indefinite.
    #[must_use]
    pub fn is_definite(self) -> bool {
        self.info().is_some_and(|info| info.definite)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(info) => write!(f, "{} ({})", self.0, info.name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// One row of the table of error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The code.
    pub code: ErrorCode,
    /// Maelstrom's name of it.
    pub name: &'static str,
    /// Whether the request certainly had no effect, and never will.
    pub definite: bool,
}

const fn row(code: ErrorCode, name: &'static str, definite: bool) -> ErrorInfo {
    ErrorInfo { code, name, definite }
}

/// All known codes with their *definite* bit: the one place that decides between `fail` and `info`.
pub const ERROR_CODES: &[ErrorInfo] = &[
    row(ErrorCode::TIMEOUT, "timeout", false),
    row(ErrorCode::NODE_NOT_FOUND, "node-not-found", true),
    row(ErrorCode::NOT_SUPPORTED, "not-supported", true),
    row(
        ErrorCode::TEMPORARILY_UNAVAILABLE,
        "temporarily-unavailable",
        true,
    ),
    row(ErrorCode::MALFORMED_REQUEST, "malformed-request", true),
    row(ErrorCode::CRASH, "crash", false),
    row(ErrorCode::ABORT, "abort", true),
    row(ErrorCode::KEY_DOES_NOT_EXIST, "key-does-not-exist", true),
    row(ErrorCode::KEY_ALREADY_EXISTS, "key-already-exists", true),
    row(ErrorCode::PRECONDITION_FAILED, "precondition-failed", true),
    row(ErrorCode::TXN_CONFLICT, "txn-conflict", true),
];

/// How an op ended, as its client can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows.
    Info,
}

/// The outcome of an op that ended in an error. A read has no effect, so one that brought no value may be called
/// failed whatever the reason.
#[must_use]
pub fn outcome_of(code: ErrorCode, is_read: bool) -> Outcome {
    if is_read || code.is_definite() {
        Outcome::Fail
    } else {
        Outcome::Info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row() {
        for (at, info) in ERROR_CODES.iter().enumerate() {
            assert!(
                ERROR_CODES[..at].iter().all(|earlier| earlier.code < info.code),
                "{}",
                info.code
            );
        }
    }

    #[test]
    fn writes_of_unknown_fate_are_info() {
        let indefinite = (0..=u16::MAX)
            .map(ErrorCode)
            .filter(|&code| outcome_of(code, false) == Outcome::Info);
        let definite = [1, 10, 11, 12, 14, 20, 21, 22, 30];
        assert!(
            indefinite.eq((0..=u16::MAX)
                .filter(|code| !definite.contains(code))
                .map(ErrorCode))
        );
    }

    #[test]
    fn reads_without_a_value_fail_whatever_the_code() {
        assert_eq!(outcome_of(ErrorCode::TIMEOUT, true), Outcome::Fail);
        assert_eq!(outcome_of(ErrorCode(999), true), Outcome::Fail);
    }
}
