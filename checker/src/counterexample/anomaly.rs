//! The kinds of violation, by names that automation relies on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! anomalies {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What kind of violation it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum AnomalyClass {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl AnomalyClass {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, as in `results.json`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

anomalies! {
    /// A read returned a value that had been overwritten before the read began.
    StaleRead = "stale-read",
    /// A write that returned ok has left no trace: a cas succeeded on the value before it, or all later reads
    /// agree that it is not there.
    LostWrite = "lost-write",
    /// A read returned a newer value, and a later one an older value.
    NonMonotonicReads = "non-monotonic-reads",
    /// An op observed a value that nobody wrote.
    PhantomValue = "phantom-value",
    /// An op observed a value whose only write definitely failed.
    AbortedRead = "aborted-read",
    /// An op observed a value whose write was invoked only after it had returned.
    FutureRead = "future-read",
    /// Two cas succeeded on the same value, which was written only once.
    DoubleCas = "double-cas",
    /// A cas failed though the register held the value that it expected.
    ImpossibleCasFailure = "impossible-cas-failure",
    /// Each of two values must have come before the other.
    ConflictingOrder = "conflicting-order",
    /// No order of the ops explains them, in no way that has a name of its own.
    NoLinearization = "no-linearization",
    /// A value came with another version than that of its write, or one version stands for two values.
    VersionMismatch = "version-mismatch",
    /// A cas succeeded on another value than the write before it, by version, had left.
    IllegalCas = "illegal-cas",
    /// A write got a smaller version than one that had returned before it was invoked.
    WriteOrderInversion = "write-order-inversion",
    /// A session read an older version than that of its own earlier write.
    OwnWriteUnseen = "own-write-unseen",
    /// A write of a session is ordered before an earlier write of that session.
    NonMonotonicWrites = "non-monotonic-writes",
    /// A write of a session is ordered before what that session had read.
    WriteBeforeOwnRead = "write-before-own-read",
    /// A session saw less than it had seen or written before.
    SessionOrderViolation = "session-order-violation",
    /// A node showed less than it had shown before.
    NodeWentBackward = "node-went-backward",
    /// A node showed less than it had shown before in the same term.
    LeaderWentBackward = "leader-went-backward",
}

impl fmt::Display for AnomalyClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`AnomalyClass`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown anomaly class `{0}`")]
pub struct UnknownAnomaly(String);

impl FromStr for AnomalyClass {
    type Err = UnknownAnomaly;

    fn from_str(name: &str) -> Result<Self, UnknownAnomaly> {
        Self::ALL
            .iter()
            .copied()
            .find(|c| c.name() == name)
            .ok_or_else(|| UnknownAnomaly(name.to_owned()))
    }
}
