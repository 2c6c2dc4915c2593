//! Checks histories of a model by the frontier search.

use std::borrow::Cow;
use std::time::Instant;

use super::interned::Interned;
use super::shrink::shrink;
use super::validate::Flaw;
use super::{Model, Shortcut, TimedOp, validate};
use crate::budget::{Budget, Spent};
use crate::frontier;
use crate::linearizable::Options;
use crate::lower::NEVER;

/// Ops are taken to be invoked and to return no later than this.
const TIME_MAX: u64 = NEVER - 2;

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

/// Checks whether `ops` have a linearization by `model`, within the limits of time and memory of `options`.
#[must_use]
pub fn check_model<M: Model>(model: &M, ops: &[TimedOp<M::Op>], options: &Options) -> ModelVerdict<M::State> {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let budget = Budget::new(deadline, options.memory_limit_bytes);
    let ops = &*sane(ops);
    match search(model, ops, &budget) {
        Err(spent) => ModelVerdict::Unknown(spent),
        // A model that breaks its own contract must not make a history pass.
        Ok(Found::Linearizable(order)) => match validate(model, ops, &order) {
            Ok(()) | Err(Flaw::TooManyStates(_)) => ModelVerdict::Linearizable(order),
            Err(_) => ModelVerdict::Disagreement,
        },
        Ok(Found::Stuck { culprit, dead, .. }) => {
            let Some(shrunk) = shrink(model, ops, culprit, options.shrink_time_limit) else {
                return ModelVerdict::Disagreement;
            };
            ModelVerdict::NotLinearizable(Stuck {
                culprit,
                dead,
                ops: shrunk.ops,
                minimal: shrunk.minimal,
                verified: shrunk.verified,
            })
        }
    }
}

/// What a search found; ops by their positions.
pub(super) enum Found<S> {
    Linearizable(Vec<u32>),
    Stuck {
        culprit: u32,
        dead: Vec<(S, Vec<u32>)>,
        longest: Vec<(S, Vec<u32>)>,
    },
}

/// Whether `ops` have a linearization: by the model's shortcut, or else by a search.
pub(super) fn holds<M: Model>(model: &M, ops: &[TimedOp<M::Op>], budget: &Budget) -> Result<bool, Spent> {
    match model.shortcut(ops) {
        Some(found) => Ok(found != Shortcut::NotLinearizable),
        None => Ok(matches!(
            by_search(model, ops, budget, false)?,
            Found::Linearizable(_)
        )),
    }
}

/// Finds a linearization of `ops`, or the op that prevents it: by the model's shortcut, or else by a search.
pub(super) fn search<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    budget: &Budget,
) -> Result<Found<M::State>, Spent> {
    match model.shortcut(ops) {
        None => by_search(model, ops, budget, true),
        Some(Shortcut::Linearizable(order)) => Ok(Found::Linearizable(order)),
        Some(Shortcut::NotLinearizable) => Ok(Found::Stuck {
            culprit: culprit(model, ops, budget)?,
            dead: Vec::new(),
            longest: Vec::new(),
        }),
    }
}

/// The ops in the bounds of time that algorithms take for granted.
pub(super) fn sane<O: Clone>(ops: &[TimedOp<O>]) -> Cow<'_, [TimedOp<O>]> {
    let bounded = |op: &TimedOp<O>| {
        let start_ns = op.start_ns.min(TIME_MAX);
        (start_ns, op.end_ns.map(|end| end.clamp(start_ns, TIME_MAX)))
    };
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

/// The first op at whose return there is no linearization any more, where there is none of all `ops`. A history that
/// is linearizable is so at every moment before its end (Herlihy and Wing 1990, section 3), so bisection finds it.
fn culprit<M: Model>(model: &M, ops: &[TimedOp<M::Op>], budget: &Budget) -> Result<u32, Spent> {
    let mut returns: Vec<(u64, u32)> = (0..)
        .zip(ops)
        .filter_map(|(at, op)| Some((op.end_ns?, at)))
        .collect();
    returns.sort_unstable();
    // All of the first `low` returns can be explained, and not all of the first `high`.
    let (mut low, mut high) = (0, returns.len());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let last = returns[middle - 1];
        let by_then = (0..).zip(ops).filter(|(_, op)| op.start_ns <= last.0);
        // Of those that returned at one moment the later ones count as not yet returned: so the one is found that matters.
        let until = by_then.map(|(at, op)| TimedOp {
            end_ns: op.end_ns.filter(|end| (*end, at) <= last),
            ..op.clone()
        });
        if holds(model, &until.collect::<Vec<_>>(), budget)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(returns[high - 1].1)
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
