//! The file that a certificate is kept in: `docs/witness.md` describes it.

use serde::{Deserialize, Serialize};

use super::Certificate;

/// What the field `splitbrain` of a witness says.
const MAGIC: &str = "witness";
/// The version of the format.
const VERSION: u32 = 1;

/// A certificate, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    splitbrain: String,
    version: u32,
    /// The SHA-256 of the history's file, in hexadecimal digits.
    pub history_sha256: String,
    /// The format that the file was read in: its number of ops and their places depend on it.
    pub format: String,
    /// What the ops act on, by name.
    pub model: String,
    /// The read mode whose reads were judged, with all updates; none where all were.
    pub read_mode: Option<String>,
    /// The certificate.
    pub certificate: Certificate,
}

/// Why a text is no witness.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadWitness {
    /// It is not of the form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is something else.
    #[error("it says `{0}` of itself, not `{MAGIC}`")]
    SomethingElse(String),
    /// It is of a version that this program does not know.
    #[error("it is of version {0} of the format; this program knows version {VERSION}")]
    Version(u32),
}

impl Witness {
    /// A certificate about the history with this hash, read in this format and checked as this model.
    #[must_use]
    pub fn new(
        certificate: Certificate,
        history_sha256: String,
        format: &str,
        model: &str,
        read_mode: Option<String>,
    ) -> Self {
        Self {
            splitbrain: MAGIC.to_owned(),
            version: VERSION,
            history_sha256,
            format: format.to_owned(),
            model: model.to_owned(),
            read_mode,
            certificate,
        }
    }

    /// As JSON, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a witness is plain data") + "\n"
    }

    /// Reads what [`Witness::to_json`] wrote.
    ///
    /// # Errors
    /// Where the text is something else.
    pub fn from_json(text: &str) -> Result<Self, BadWitness> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Head {
            splitbrain: String,
            version: u32,
        }
        // What it is comes before what is wrong with it.
        let head: Head = serde_json::from_str(text)?;
        if head.splitbrain != MAGIC {
            return Err(BadWitness::SomethingElse(head.splitbrain));
        }
        if head.version != VERSION {
            return Err(BadWitness::Version(head.version));
        }
        Ok(serde_json::from_str(text)?)
    }
}
