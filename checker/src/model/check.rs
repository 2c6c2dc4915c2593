//! Checks histories of a model by the frontier search.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::culprit::{self, Blame};
use super::interned::Interned;
use super::shrink::shrink;
use super::validate::Flaw;
use super::{Model, Shortcut, TimedOp, validate};
use crate::budget::{Budget, Spent};
use crate::frontier;
use crate::history::sane_interval;
use crate::linearizable::Options;
use crate::lower::NEVER;

/// A verdict on a history of a model. Ops are given by their positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelVerdict<S> {
    /// There is a linearization: this one, which [`super::validate()`] accepts.
    Linearizable(Vec<u32>),
    /// There is none.
    NotLinearizable(Stuck<S>),
    /// A limit was reached.
    Unknown(Spent),
    /// Two algorithms contradict each other on what should be a counterexample: a bug of this crate, or a model whose
    /// `is_pure` or `group` is wrong.
    Disagreement,
}

/// Why there is no linearization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck<S> {
    /// No order of the ops explains the history until the return of this op.
    pub culprit: u32,
    /// What the object may have been by then, each with the order of ops that leads to it; a few of all.
    pub dead: Vec<(S, Vec<u32>)>,
    /// Ops that admit no linearization even alone, in the order of their invocation.
    pub ops: Vec<u32>,
    /// Whether none of them can be left out by the rules of [`Model::group`].
    pub minimal: bool,
    /// The limit that was reached before that.
    pub spent: Option<Spent>,
    /// Whether a second algorithm found the same of them; `false` where that took too much time or memory.
    pub verified: bool,
}

impl<S> ModelVerdict<S> {
    /// Whether there is a linearization.
    #[must_use]
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable(_))
    }

    /// What shows that there is none.
    #[must_use]
    pub fn stuck(&self) -> Option<&Stuck<S>> {
        match self {
            Self::NotLinearizable(stuck) => Some(stuck),
            _ => None,
        }
    }
}

/// Checks whether `ops` have a linearization by `model`, within the limits of time and memory of `options`. Where there is
/// none, and no time to find out what can be left out of them, the verdict says so.
#[must_use]
pub fn check_model<M: Model>(model: &M, ops: &[TimedOp<M::Op>], options: &Options) -> ModelVerdict<M::State> {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let budget = Budget::new(deadline, options.memory_limit_bytes);
    let ops = &*sane(ops);
    match decide(model, ops, &budget) {
        Decided::Linearizable(order) => ModelVerdict::Linearizable(order),
        Decided::Unknown(spent) => ModelVerdict::Unknown(spent),
        Decided::Disagreement => ModelVerdict::Disagreement,
        Decided::Refuted(refuted) => explain(model, ops, refuted, &budget, options.shrink_time_limit),
    }
}

/// A verdict without an explanation.
pub(super) enum Decided<S> {
    Linearizable(Vec<u32>),
    Refuted(Refuted<S>),
    Unknown(Spent),
    Disagreement,
}

/// What is known of a history without a linearization once that is known.
pub(super) enum Refuted<S> {
    /// A search got stuck.
    BySearch { culprit: u32, dead: Vec<(S, Vec<u32>)> },
    /// A shortcut gave this evidence.
    ByShortcut(Vec<u32>),
}

/// Decides, and has the order validated. The times of `ops` are [`sane`].
pub(super) fn decide<M: Model>(model: &M, ops: &[TimedOp<M::Op>], budget: &Budget) -> Decided<M::State> {
    match search(model, ops, budget) {
        Err(spent) => Decided::Unknown(spent),
        // A model that breaks its own contract must not make a history pass.
        Ok(Found::Linearizable(order)) => match validate(model, ops, &order) {
            Ok(()) | Err(Flaw::TooManyStates(_)) => Decided::Linearizable(order),
            Err(_) => Decided::Disagreement,
        },
        Ok(Found::Stuck { culprit, dead, .. }) => Decided::Refuted(Refuted::BySearch { culprit, dead }),
        Ok(Found::Refuted(evidence)) => Decided::Refuted(Refuted::ByShortcut(evidence)),
    }
}

/// Explains why `ops` have no linearization, within `budget`, and for `limit` at most but for a last look.
pub(super) fn explain<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    refuted: Refuted<M::State>,
    budget: &Budget,
    limit: Duration,
) -> ModelVerdict<M::State> {
    // What is left of the time is for the second algorithm.
    let shrinking = budget.share(3, 4).within(limit);
    let (blame, dead) = match refuted {
        Refuted::BySearch { culprit, dead } => {
            let blame = Blame {
                culprit,
                is_first: true,
                kept: None,
            };
            (blame, dead)
        }
        Refuted::ByShortcut(evidence) => {
            // Half of the time is for shrinking, which is worth as much.
            let blame = culprit::find(model, ops, &evidence, &shrinking.share(1, 2));
            (blame, Vec::new())
        }
    };
    let Some(shrunk) = shrink(model, ops, &blame, &shrinking, budget) else {
        return ModelVerdict::Disagreement;
    };
    let culprit = match blame.is_first {
        true => blame.culprit,
        false => culprit::of_part(model, ops, &shrunk.ops, &blame, budget),
    };
    ModelVerdict::NotLinearizable(Stuck {
        culprit,
        dead,
        minimal: shrunk.spent.is_none(),
        spent: shrunk.spent,
        ops: shrunk.ops,
        verified: shrunk.verified,
    })
}

/// What a search found; ops by their positions.
pub(super) enum Found<S> {
    Linearizable(Vec<u32>),
    Stuck {
        culprit: u32,
        dead: Vec<(S, Vec<u32>)>,
        longest: Vec<(S, Vec<u32>)>,
    },
    /// A shortcut found that there is no linearization, because of these.
    Refuted(Vec<u32>),
}

/// Whether `ops` have a linearization: by the model's shortcut, or else by a search.
pub(super) fn holds<M: Model>(model: &M, ops: &[TimedOp<M::Op>], budget: &Budget) -> Result<bool, Spent> {
    match model.shortcut(ops, budget)? {
        Some(found) => Ok(matches!(found, Shortcut::Linearizable(_))),
        None => Ok(matches!(
            by_search(model, ops, budget, false)?,
            Found::Linearizable(_)
        )),
    }
}

/// Finds a linearization of `ops`, or what prevents it: by the model's shortcut, or else by a search.
pub(super) fn search<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    budget: &Budget,
) -> Result<Found<M::State>, Spent> {
    match model.shortcut(ops, budget)? {
        None => by_search(model, ops, budget, true),
        Some(Shortcut::Linearizable(order)) => Ok(Found::Linearizable(order)),
        Some(Shortcut::NotLinearizable(evidence)) => Ok(Found::Refuted(evidence)),
    }
}

/// The ops in the bounds of time that algorithms take for granted.
fn sane<O: Clone>(ops: &[TimedOp<O>]) -> Cow<'_, [TimedOp<O>]> {
    let bounded = |op: &TimedOp<O>| sane_interval(op.start_ns, op.end_ns);
    if ops.iter().all(|op| bounded(op) == (op.start_ns, op.end_ns)) {
        return Cow::Borrowed(ops);
    }
    let ops = ops.iter().map(|op| {
        let (start_ns, end_ns) = bounded(op);
        TimedOp {
            op: op.op.clone(),
            start_ns,
            end_ns,
        }
    });
    ops.collect()
}

/// Searches for a linearization. With `trace` it tells orders.
pub(super) fn by_search<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    budget: &Budget,
    trace: bool,
) -> Result<Found<M::State>, Spent> {
    let (interned, numbers) = Interned::new(model, ops.iter().map(|op| &op.op));
    let mut timed: Vec<frontier::TimedOp<u32>> = (0..)
        .zip(ops.iter().zip(numbers))
        .map(|(tag, (op, number))| frontier::TimedOp {
            op: number,
            start: op.start_ns.min(NEVER - 1),
            end: op.end_ns.map_or(NEVER, |end| end.clamp(op.start_ns, NEVER - 1)),
            tag,
        })
        // A pure op that need not have happened demands nothing.
        .filter(|op| op.end != NEVER || !frontier::Model::is_pure(&interned, op.op))
        .collect();
    timed.sort_by_key(|op| op.start);
    Ok(match frontier::search(&interned, &timed, budget, trace)? {
        frontier::Answer::Linearizable(order) => Found::Linearizable(order),
        frontier::Answer::Stuck(stuck) => Found::Stuck {
            culprit: stuck.culprit,
            dead: with_states(&interned, stuck.dead),
            longest: with_states(&interned, stuck.longest),
        },
    })
}

fn with_states<M: Model>(
    interned: &Interned<'_, M>,
    orders: Vec<(u32, Vec<u32>)>,
) -> Vec<(M::State, Vec<u32>)> {
    let orders = orders.into_iter();
    orders
        .map(|(state, order)| (interned.state(state), order))
        .collect()
}
