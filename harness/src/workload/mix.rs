//! The mix of a workload, as data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Layout, Placement};
use crate::units::Span;

/// The most keys that may be live at once: a bound on the generator's memory.
const KEYS_MAX: usize = 1_000_000;
/// The greatest share of clients that only read.
const READERS_PERCENT_MAX: u8 = 90;

/// What a workload asks for, how often, and of which keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mix {
    /// How often each action is chosen.
    pub weights: Weights,
    /// How many keys are live at once.
    pub keys: usize,
    /// After how many requests a key is retired and a fresh one takes its place. Bounds what the checker must
    /// hold together, and keeps fresh registers, whose value is nil, coming all through the run.
    pub ops_per_key: u64,
    /// How a key is chosen among the live ones.
    pub key_distribution: KeyDistribution,
    /// How many of a hundred client threads only read, where there are enough for every node and read mode to have
    /// some of both. They go on reading at a cut-off node, where others wait for their writes.
    pub readers_percent: u8,
    /// How many client threads write, the first of them, where that is said instead: all others only read. With fewer
    /// writers than nodes some node has none.
    #[serde(default)]
    pub writers: Option<usize>,
    /// How long such a reader waits from one read to the next, at least: often enough to see how stale a node is,
    /// seldom enough to leave the machine to the others.
    pub reader_interval: Span,
}

/// Relative frequencies; only their ratios matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Weights {
    /// Of reads.
    #[serde(default)]
    pub read: u32,
    /// Of writes.
    #[serde(default)]
    pub write: u32,
    /// Of compare-and-set.
    #[serde(default)]
    pub cas: u32,
}

/// How a key is chosen among the live ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyDistribution {
    /// All alike.
    Uniform,
    /// The k-th live key with weight 1/k: a few hot keys, many cold ones.
    Zipf,
}

/// Why a mix cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MixError {
    /// A part is not `action=weight`.
    #[error("`{0}` is not ACTION=WEIGHT with a whole number, such as read=50")]
    Syntax(String),
    /// No such action.
    #[error("unknown action `{0}`; known: read, write, cas")]
    UnknownAction(String),
    /// An action is given twice.
    #[error("action `{0}` is given twice")]
    Repeated(String),
    /// Nothing would ever be asked.
    #[error("all weights are 0: nothing would be asked")]
    NoWeight,
    /// Nothing would ever be written, so every read would say nil.
    #[error("the mix has no writes: every read would return nil and prove nothing")]
    NoWrites,
    /// The weights cannot be added up.
    #[error("the weights add up to more than {}", u32::MAX)]
    TooHeavy,
    /// No key at all, or too many.
    #[error("the number of keys must lie between 1 and {KEYS_MAX}, not {0}")]
    Keys(usize),
    /// Nobody would write.
    #[error(
        "at most {READERS_PERCENT_MAX} % of the clients can be readers, not {0} %: somebody has to write"
    )]
    Readers(u8),
    /// Nobody would write.
    #[error("no client would write: every read would return nil and prove nothing")]
    NoWriters,
    /// A key would be retired before its first request.
    #[error("a key must serve at least 1 op before it is retired")]
    OpsPerKey,
}

impl Default for Mix {
    /// Half reads, so that staleness shows; enough cas that write order is pinned down; few enough keys that
    /// clients meet on them, and enough that a lost write is not overwritten before anybody can miss it.
    fn default() -> Self {
        Self {
            weights: Weights {
                read: 50,
                write: 35,
                cas: 15,
            },
            keys: 100,
            ops_per_key: 5000,
            key_distribution: KeyDistribution::Uniform,
            readers_percent: 50,
            writers: None,
            reader_interval: Span::millis(5),
        }
    }
}

impl Mix {
    /// The places of so many client threads.
    #[must_use]
    pub fn place(&self, layout: &Layout, threads: usize) -> Vec<Placement> {
        let mut places = layout.place(threads, self.readers_percent);
        if let Some(writers) = self.writers {
            for (thread, place) in places.iter_mut().enumerate() {
                place.reader = thread >= writers;
            }
        }
        places
    }

    /// Which of the clients write, in prose.
    #[must_use]
    pub fn who_writes(&self) -> String {
        match self.writers {
            Some(1) => "1 of them writes".to_owned(),
            Some(writers) => format!("{writers} of them write"),
            None => format!("{} % of them only read", self.readers_percent),
        }
    }

    /// Whether the mix can be used.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn validate(&self) -> Result<(), MixError> {
        let Weights { read, write, cas } = self.weights;
        let total = read
            .checked_add(write)
            .and_then(|sum| sum.checked_add(cas))
            .ok_or(MixError::TooHeavy)?;
        match () {
            () if total == 0 => Err(MixError::NoWeight),
            () if write == 0 && cas == 0 => Err(MixError::NoWrites),
            () if self.keys == 0 || self.keys > KEYS_MAX => Err(MixError::Keys(self.keys)),
            () if self.readers_percent > READERS_PERCENT_MAX => Err(MixError::Readers(self.readers_percent)),
            () if self.writers == Some(0) => Err(MixError::NoWriters),
            () if self.ops_per_key == 0 => Err(MixError::OpsPerKey),
            () => Ok(()),
        }
    }
}

impl FromStr for Weights {
    type Err = MixError;

    /// Reads `read=50,write=35,cas=15`. An action left out has weight 0.
    fn from_str(text: &str) -> Result<Self, MixError> {
        let mut parts: [(&str, Option<u32>); 3] = [("read", None), ("write", None), ("cas", None)];
        for part in text.split(',') {
            let syntax = || MixError::Syntax(part.trim().to_owned());
            let (action, weight) = part.split_once('=').ok_or_else(syntax)?;
            let (action, weight) = (action.trim(), weight.trim().parse().map_err(|_| syntax())?);
            let slot = parts.iter_mut().find(|(name, _)| *name == action);
            let (_, slot) = slot.ok_or_else(|| MixError::UnknownAction(action.to_owned()))?;
            if slot.replace(weight).is_some() {
                return Err(MixError::Repeated(action.to_owned()));
            }
        }
        let [read, write, cas] = parts.map(|(_, weight)| weight.unwrap_or(0));
        Ok(Self { read, write, cas })
    }
}

impl FromStr for KeyDistribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "uniform" => Ok(Self::Uniform),
            "zipf" => Ok(Self::Zipf),
            _ => Err(format!("unknown key distribution `{text}`; known: uniform, zipf")),
        }
    }
}

impl fmt::Display for KeyDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        })
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read={},write={},cas={}", self.read, self.write, self.cas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_are_the_first_threads() {
        let mix = Mix {
            writers: Some(2),
            ..Mix::default()
        };
        let places = mix.place(&Layout::of_voters(5, 1), 20);
        let writers: Vec<usize> = (0..20).filter(|thread| !places[*thread].reader).collect();
        assert_eq!(writers, [0, 1]);
    }

    #[test]
    fn weights_read_back_what_they_print() {
        let weights = Weights {
            read: 5,
            write: 3,
            cas: 0,
        };
        assert_eq!(weights.to_string().parse(), Ok(weights));
        assert_eq!(
            " write=1 , read=2 ".parse(),
            Ok(Weights {
                read: 2,
                write: 1,
                cas: 0
            })
        );
    }

    #[test]
    fn bad_weights_say_what_is_wrong() {
        let cases = [
            ("read", MixError::Syntax("read".into())),
            ("read=-1", MixError::Syntax("read=-1".into())),
            ("read=1.5", MixError::Syntax("read=1.5".into())),
            ("", MixError::Syntax(String::new())),
            ("append=1", MixError::UnknownAction("append".into())),
            ("read=1,read=2", MixError::Repeated("read".into())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Weights>(), Err(error), "{text}");
        }
    }

    #[test]
    fn useless_mixes_are_refused() {
        let with = |change: fn(&mut Mix)| {
            let mut mix = Mix::default();
            change(&mut mix);
            mix.validate()
        };
        let weights = |read, write, cas| Weights { read, write, cas };
        assert_eq!(Mix::default().validate(), Ok(()));
        assert_eq!(with(|m| m.keys = 0), Err(MixError::Keys(0)));
        assert_eq!(with(|m| m.readers_percent = 100), Err(MixError::Readers(100)));
        assert_eq!(with(|m| m.ops_per_key = 0), Err(MixError::OpsPerKey));
        assert_eq!(with(|m| m.writers = Some(0)), Err(MixError::NoWriters));
        let mut mix = Mix {
            weights: weights(0, 0, 0),
            ..Mix::default()
        };
        assert_eq!(mix.validate(), Err(MixError::NoWeight));
        mix.weights = weights(1, 0, 0);
        assert_eq!(mix.validate(), Err(MixError::NoWrites));
        mix.weights = weights(u32::MAX, 1, 0);
        assert_eq!(mix.validate(), Err(MixError::TooHeavy));
    }
}
