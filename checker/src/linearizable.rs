//! The façade: is a history linearizable, key by key, by whichever algorithm suits the key.

use std::time::{Duration, Instant};

use rayon::prelude::*;

pub use crate::budget::{Budget, Spent};
use crate::counterexample::{Counterexample, explain};
use crate::frontier::{self, Register, register_ops};
use crate::history::{History, Key, OpIndex};
use crate::lower::{KeyOps, split};
use crate::recent;
use crate::zones::{self, Witness};

/// So many keys with violations are explained at most; the smallest counterexample is shown.
const MAX_EXPLAINED_KEYS: usize = 8;

/// How long a short window may be looked for in a long history that is not linearizable.
const RECENT_TIME: Duration = Duration::from_secs(5);

/// What a check may cost.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads to use; `None` is one per core.
    pub threads: Option<usize>,
    /// How long a check may take over all keys, its explanation included; `None` is without limit.
    pub time_limit: Option<Duration>,
    /// Memory that the search may take over all threads, in bytes.
    pub memory_limit_bytes: usize,
    /// How long counterexamples may be shrunk, in what is left of the time limit. A verdict does not depend on it, only its
    /// explanation.
    pub shrink_time_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: None,
            time_limit: None,
            memory_limit_bytes: 4 << 30,
            shrink_time_limit: Duration::from_secs(10),
        }
    }
}

/// What a checker says of a history.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The model holds.
    Valid,
    /// It does not, and this shows it.
    Invalid(Box<Counterexample>),
    /// Nobody can tell.
    Unknown(UnknownReason),
}

impl Verdict {
    /// Whether the model holds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid)
    }

    /// Whether the model is violated.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid(_))
    }

    /// The counterexample of an invalid history.
    #[must_use]
    pub fn counterexample(&self) -> Option<&Counterexample> {
        match self {
            Self::Invalid(counterexample) => Some(counterexample),
            Self::Valid | Self::Unknown(_) => None,
        }
    }
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownReason {
    /// A limit was reached.
    #[error("{spent} before {keys} of {of} keys were decided")]
    Spent {
        /// Which limit.
        spent: Spent,
        /// Keys without a verdict.
        keys: usize,
        /// All keys.
        of: usize,
    },
    /// The history does not say what the model needs to know.
    #[error(
        "{ops} ops do not report {what}, without which this model cannot be judged; the first is op {first}"
    )]
    NotReported {
        /// What is missing.
        what: &'static str,
        /// How many ops lack it.
        ops: usize,
        /// The first of them.
        first: OpIndex,
    },
    /// Two algorithms contradict each other on what should be a counterexample: a bug of this crate.
    #[error(
        "two algorithms disagree on key {key}, which is a bug in the checker: please report this history"
    )]
    Disagreement {
        /// The key.
        key: Key,
    },
}

/// An algorithm that decides linearizability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Gibbons and Korach's zones, for unique values.
    Zones,
    /// Lowe's just-in-time linearization with dominance.
    Frontier,
    /// Wing and Gong's depth-first search.
    WingGong,
}

impl Algorithm {
    /// Its name, as in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zones => "zones",
            Self::Frontier => "frontier",
            Self::WingGong => "wing-gong",
        }
    }
}

/// What was found on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// The key.
    pub key: Key,
    /// How many of its ops mattered.
    pub ops: usize,
    /// The algorithm that decided.
    pub algorithm: Algorithm,
    /// What it decided; `Err` where it gave up.
    pub linearizable: Result<bool, Spent>,
}

/// What was found on a history.
#[derive(Clone, Debug)]
pub struct Report {
    /// The verdict: invalid if any key is, else unknown if any key is.
    pub verdict: Verdict,
    /// Every key, in ascending order.
    pub keys: Vec<KeyReport>,
}

/// Checks that every key of `history` is a linearizable register with read, write and compare-and-set.
#[must_use]
pub fn check_linearizable(history: &History, options: &Options) -> Report {
    in_pool(options, || {
        let deadline = options.time_limit.map(|limit| Instant::now() + limit);
        let decided = decide_all(history, options, deadline);
        Report {
            keys: reports(&decided),
            verdict: verdict(history, &decided, options, deadline),
        }
    })
}

/// As [`check_linearizable`], but only decides and explains nothing: what was found on every key, in ascending order.
#[must_use]
pub fn decide_linearizable(history: &History, options: &Options) -> Vec<KeyReport> {
    in_pool(options, || {
        let deadline = options.time_limit.map(|limit| Instant::now() + limit);
        reports(&decide_all(history, options, deadline))
    })
}

/// Runs `check` on as many threads as `options` want.
pub(crate) fn in_pool<T: Send>(options: &Options, check: impl FnOnce() -> T + Send) -> T {
    let pool = options
        .threads
        .map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build());
    match pool {
        Some(Ok(pool)) => pool.install(check),
        // A pool that cannot be built is no reason to withhold a verdict: the global one serves as well.
        None | Some(Err(_)) => check(),
    }
}

fn decide_all(
    history: &History,
    options: &Options,
    deadline: Option<Instant>,
) -> Vec<(KeyOps, Algorithm, Decision)> {
    let mut keys = split(history);
    let threads = match is_worth_threads(keys.len(), history.ops.len()) {
        true => rayon::current_num_threads().max(1),
        // Asking for their number would start them.
        false => 1,
    };
    let memory_bytes = options.memory_limit_bytes / threads;
    // Longest first, so that no long key starts when all others are done.
    keys.sort_by_key(|key| std::cmp::Reverse(key.ops.len()));
    let decide_key = |key: KeyOps| {
        let (algorithm, decision) = decide(&key, &Budget::new(deadline, memory_bytes));
        (key, algorithm, decision)
    };
    let mut decided: Vec<(KeyOps, Algorithm, Decision)> = if threads > 1 {
        keys.into_par_iter().map(decide_key).collect()
    } else {
        keys.into_iter().map(decide_key).collect()
    };
    decided.sort_by_key(|(key, ..)| key.key);
    decided
}

fn reports(decided: &[(KeyOps, Algorithm, Decision)]) -> Vec<KeyReport> {
    let report = |(key, algorithm, decision): &(KeyOps, Algorithm, Decision)| KeyReport {
        key: key.key,
        ops: key.ops.len(),
        algorithm: *algorithm,
        linearizable: decision.linearizable(),
    };
    decided.iter().map(report).collect()
}

/// Below so many ops waking a thread takes longer than the check.
const THREADED_OPS_MIN: usize = 4096;

/// Whether objects are better checked in parallel: not one alone, nor a handful of ops.
pub(crate) fn is_worth_threads(objects: usize, ops: usize) -> bool {
    objects > 1 && ops >= THREADED_OPS_MIN
}

/// What an algorithm found on a key.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    Linearizable,
    /// Not linearizable: any of these shows it.
    Witnesses(Vec<Witness>),
    /// Not linearizable: no configuration survives the return of this op.
    Culprit(u32),
    GaveUp(Spent),
}

impl Decision {
    fn linearizable(&self) -> Result<bool, Spent> {
        match self {
            Self::Linearizable => Ok(true),
            Self::Witnesses(_) | Self::Culprit(_) => Ok(false),
            Self::GaveUp(spent) => Err(*spent),
        }
    }
}

/// Decides a key by zones where they apply, and by the frontier search elsewhere.
pub(crate) fn decide(key: &KeyOps, budget: &Budget) -> (Algorithm, Decision) {
    if let Err(spent) = budget.look() {
        return (Algorithm::Zones, Decision::GaveUp(spent));
    }
    match zones::check(key) {
        zones::Answer::Linearizable => (Algorithm::Zones, Decision::Linearizable),
        zones::Answer::Violations(witnesses) => (Algorithm::Zones, Decision::Witnesses(witnesses)),
        zones::Answer::NotApplicable => (Algorithm::Frontier, by_frontier(key, budget)),
    }
}

/// Decides a key by the frontier search.
pub(crate) fn by_frontier(key: &KeyOps, budget: &Budget) -> Decision {
    match frontier::search(&Register, &register_ops(key), budget, false) {
        Ok(frontier::Answer::Linearizable(_)) => Decision::Linearizable,
        Ok(frontier::Answer::Stuck(stuck)) => Decision::Culprit(stuck.culprit),
        Err(spent) => Decision::GaveUp(spent),
    }
}

fn verdict(
    history: &History,
    decided: &[(KeyOps, Algorithm, Decision)],
    options: &Options,
    deadline: Option<Instant>,
) -> Verdict {
    let mut invalid: Vec<(&KeyOps, &Decision)> = decided
        .iter()
        .filter(|(.., decision)| decision.linearizable() == Ok(false))
        .map(|(key, _, decision)| (key, decision))
        .collect();
    if !invalid.is_empty() {
        // Where the evidence is small already, the counterexample will be.
        invalid.sort_by_key(|(key, decision)| (evidence_len(key, decision), key.key));
        invalid.truncate(MAX_EXPLAINED_KEYS);
        return explained(history, &invalid, options, deadline);
    }
    let gave_up: Vec<Spent> = decided
        .iter()
        .filter_map(|(.., decision)| decision.linearizable().err())
        .collect();
    match gave_up.first() {
        None => Verdict::Valid,
        Some(spent) => Verdict::Unknown(UnknownReason::Spent {
            spent: *spent,
            keys: gave_up.len(),
            of: decided.len(),
        }),
    }
}

fn evidence_len(key: &KeyOps, decision: &Decision) -> usize {
    match decision {
        Decision::Witnesses(witnesses) => witnesses.iter().map(|w| w.ops.len()).min().unwrap_or(usize::MAX),
        Decision::Culprit(_) | Decision::Linearizable | Decision::GaveUp(_) => key.ops.len(),
    }
}

fn explained(
    history: &History,
    invalid: &[(&KeyOps, &Decision)],
    options: &Options,
    deadline: Option<Instant>,
) -> Verdict {
    let count = u32::try_from(invalid.len()).unwrap_or(u32::MAX);
    let limit = options.shrink_time_limit / count;
    let in_parallel = is_worth_threads(invalid.len(), history.ops.len());
    let threads = match in_parallel {
        true => rayon::current_num_threads().max(1),
        false => 1,
    };
    let memory_bytes = options.memory_limit_bytes / threads;
    let explain_key = |(turn, (key, decision)): (usize, &(&KeyOps, &Decision))| {
        let budget = Budget::new(deadline, memory_bytes).share(1, count - turn as u32);
        // What is left of the time is for the other algorithms.
        let shrinking = budget.share(3, 4).within(limit);
        let recent = match decision {
            Decision::Culprit(culprit) if key.ops.len() >= recent::OPS_MIN => {
                recent::witness(key, *culprit, &shrinking.within(RECENT_TIME))
            }
            _ => None,
        };
        match recent {
            Some(witness) => {
                let decision = Decision::Witnesses(vec![witness]);
                explain(history, key, &decision, &shrinking, &budget)
            }
            None => explain(history, key, decision, &shrinking, &budget),
        }
    };
    let counterexamples: Vec<Result<Counterexample, UnknownReason>> = match in_parallel {
        true => invalid.par_iter().enumerate().map(explain_key).collect(),
        false => invalid.iter().enumerate().map(explain_key).collect(),
    };
    let mut best: Option<Counterexample> = None;
    let mut doubt = None;
    for counterexample in counterexamples {
        match counterexample {
            Ok(c) if best.as_ref().is_none_or(|b| c.rank() < b.rank()) => best = Some(c),
            Ok(_) => {}
            Err(reason) => doubt = Some(reason),
        }
    }
    match (best, doubt) {
        (Some(best), _) => Verdict::Invalid(Box::new(best)),
        (None, Some(reason)) => Verdict::Unknown(reason),
        (None, None) => unreachable!("there is at least one invalid key, and each gives one or the other"),
    }
}
