//! What can be asked of the registers and what they answer, and the encoding of both inside the replicated log.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use splitbrain_consensus::Version;

/// A change, which every replica applies in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Store `value`.
    Write {
        /// Which register.
        key: u64,
        /// The value to store.
        value: i64,
    },
    /// Store `to` if the register holds `from`.
    Cas {
        /// Which register.
        key: u64,
        /// The value expected.
        from: i64,
        /// The value to store.
        to: i64,
    },
}

/// A question, which changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// What does the register hold?
    Read {
        /// Which register.
        key: u64,
    },
}

/// What a replica answers to a command or a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The register as it is: `None` at version 0 where it was never written.
    Value {
        /// What it holds.
        value: Option<i64>,
        /// The version of the write that put it there.
        version: Version,
    },
    /// The write took effect.
    Written {
        /// The version of this write.
        version: Version,
    },
    /// The compare succeeded and the new value is stored.
    Swapped {
        /// The version of this write.
        version: Version,
    },
    /// The register held something else; nothing changed.
    Mismatch {
        /// What it held.
        found: i64,
        /// The version of the write that put it there.
        version: Version,
    },
    /// The register of a cas was never written; nothing changed.
    Missing,
    /// The command or query could not be decoded; nothing changed.
    Malformed,
}

/// The bytes are not the encoding of what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an encoded {what}: {reason}")]
pub struct DecodeError {
    what: &'static str,
    reason: String,
}

impl Command {
    /// The encoding that goes into the replicated log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes what [`encode`](Self::encode) gave.
    ///
    /// # Errors
    /// If the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("command", bytes)
    }
}

impl Query {
    /// The encoding that goes through the protocol.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes what [`encode`](Self::encode) gave.
    ///
    /// # Errors
    /// If the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("query", bytes)
    }
}

impl Answer {
    /// The encoding that goes back through the protocol.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes what [`encode`](Self::encode) gave.
    ///
    /// # Errors
    /// If the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("answer", bytes)
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain integers always encode into a vector")
}

pub(crate) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, DecodeError> {
    let failed = |reason: String| DecodeError { what, reason };
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(failed(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn commands_survive_the_round_trip(key: u64, from: i64, to: i64) {
            for command in [Command::Write { key, value: to }, Command::Cas { key, from, to }] {
                prop_assert_eq!(Command::decode(&command.encode()), Ok(command));
            }
        }

        #[test]
        fn answers_survive_the_round_trip(value: Option<i64>, found: i64, version: u64) {
            let version = Version(version);
            for answer in [
                Answer::Value { value, version },
                Answer::Written { version },
                Answer::Swapped { version },
                Answer::Mismatch { found, version },
                Answer::Missing,
                Answer::Malformed,
            ] {
                prop_assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(command) = Command::decode(&bytes) {
                prop_assert_eq!(Command::decode(&command.encode()), Ok(command));
            }
            if let Ok(query) = Query::decode(&bytes) {
                prop_assert_eq!(Query::decode(&query.encode()), Ok(query));
            }
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = Query::Read { key: 7 }.encode();
        bytes.push(0);
        let error = Query::decode(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "not an encoded query: 1 bytes too many");
    }
}
