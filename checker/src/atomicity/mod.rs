//! How far a history is from atomic (linearizable), in time and in values, where every value is written once.
//!
//! After Golab, Li and Shah, "Analyzing consistency properties for fun and profit" (PODC 2011), section 3:
//!
//! - A history is *Δ-atomic* if it is atomic once every read is taken to have begun Δ earlier. The least Δ is how old
//!   an answer ever was: [`DeltaAtomicity`].
//! - It is *k-atomic* if some order of its ops respects real time and has each read return one of the last k values
//!   written: [`KAtomicity`].
//!
//! Both extend to cas: updates, and failed cas that say what they found, are held to the present; only reads may be
//! stale.

mod delta;
mod k;
mod order;
mod window;

use std::fmt;
use std::time::Instant;

use rayon::prelude::*;

use crate::history::{Action, History};
use crate::ledger::Ledger;
use crate::linearizable::Options;
use crate::lower::{KeyOps, split};

/// The least Δ, over all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaAtomicity {
    /// The least Δ in nanoseconds. 0 iff the history is linearizable.
    Least(u64),
    /// There is none: what breaks the history is no staleness of a read.
    Never,
    /// Some key has values that were written twice, or a failed cas that does not say what it found; on no other
    /// there is no Δ.
    Unjudged,
}

/// The least k, over all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KAtomicity {
    /// The least k. 1 iff the history is linearizable.
    Least(u64),
    /// The least k is not known exactly: for more than two, no efficient algorithm is (Golab, Hurwitz and Li, "On the
    /// k-atomicity-verification problem", ICDCS 2013). It is no less than `at_least`, which real time alone proves,
    /// and no more than `at_most`, for which an order is known.
    Between {
        /// The least that k can be.
        at_least: u64,
        /// The most that k can be, where any is known to do.
        at_most: Option<u64>,
    },
    /// There is none: what breaks the history is no staleness of a read.
    Never,
    /// As [`DeltaAtomicity::Unjudged`].
    Unjudged,
}

/// How far a history is from atomic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Atomicity {
    /// In time.
    pub delta: DeltaAtomicity,
    /// In values.
    pub k: KAtomicity,
}

/// Measures `history`: Δ in O(n log n log t) for times up to t, and k between bounds that take O(n log n) and are
/// then brought together by a search within the time limit of `options`.
#[must_use]
pub fn atomicity(history: &History, options: &Options) -> Atomicity {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let ledger = Ledger::new(history);
    let keys = split(history);
    let keys: Vec<(Key<'_>, DeltaAtomicity, KAtomicity)> = keys
        .par_iter()
        .map(|ops| {
            let is_read = |position: u32| history.ops[position as usize].action == Action::Read;
            let stale = ops.ops.iter().map(|op| is_read(op.op)).collect();
            let key = Key { ops, stale };
            let (delta, k) = (delta::least(&key), k::bounds(&key, &ledger));
            (key, delta, k)
        })
        .collect();
    let delta =
        (keys.iter().map(|(_, delta, _)| *delta)).fold(DeltaAtomicity::Least(0), DeltaAtomicity::worse);
    let keys: Vec<(Key<'_>, KAtomicity)> = keys.into_iter().map(|(key, _, k)| (key, k)).collect();
    Atomicity {
        delta,
        k: k::least(&keys, deadline),
    }
}

/// The ops of one key.
struct Key<'a> {
    ops: &'a KeyOps,
    /// Which of them are reads, and may be stale.
    stale: Vec<bool>,
}

impl DeltaAtomicity {
    /// The least Δ in milliseconds, if there is one.
    #[must_use]
    pub fn ms(self) -> Option<f64> {
        match self {
            Self::Least(ns) => Some(ns as f64 / 1e6),
            Self::Never | Self::Unjudged => None,
        }
    }

    /// That of two keys together.
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Unjudged, _) | (_, Self::Unjudged) => Self::Unjudged,
            (Self::Least(a), Self::Least(b)) => Self::Least(a.max(b)),
        }
    }
}

impl KAtomicity {
    /// The least k and the most that it can be; these are one where it is known exactly.
    #[must_use]
    pub fn bounds(self) -> Option<(u64, Option<u64>)> {
        match self {
            Self::Least(k) => Some((k, Some(k))),
            Self::Between { at_least, at_most } => Some((at_least, at_most)),
            Self::Never | Self::Unjudged => None,
        }
    }

    fn of_bounds(at_least: u64, at_most: Option<u64>) -> Self {
        if at_most == Some(at_least) {
            Self::Least(at_least)
        } else {
            Self::Between { at_least, at_most }
        }
    }

    /// That of two keys together.
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Unjudged, _) | (_, Self::Unjudged) => Self::Unjudged,
            _ => {
                let ((a, most), (b, other_most)) = (
                    self.bounds().expect("is judged"),
                    other.bounds().expect("is judged"),
                );
                let most = most.zip(other_most).map(|(a, b)| a.max(b));
                Self::of_bounds(a.max(b), most)
            }
        }
    }
}

impl fmt::Display for DeltaAtomicity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Least(ns) => write!(f, "{:.1} ms", *ns as f64 / 1e6),
            Self::Never => f.write_str("none"),
            Self::Unjudged => f.write_str("?"),
        }
    }
}

impl fmt::Display for KAtomicity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Least(k) => write!(f, "{k}"),
            Self::Between {
                at_least,
                at_most: Some(at_most),
            } => write!(f, "{at_least}–{at_most}"),
            Self::Between {
                at_least,
                at_most: None,
            } => write!(f, "≥ {at_least}"),
            Self::Never => f.write_str("none"),
            Self::Unjudged => f.write_str("?"),
        }
    }
}
