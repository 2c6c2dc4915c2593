//! Checks the parts of a history of calls, each on its own (Herlihy and Wing 1990, theorem 1), and puts together what was
//! found on them.

use std::time::Instant;

use rayon::prelude::*;

use super::check::{Decided, Found, Refuted, by_search, decide, explain, holds};
use super::lower::{BadCall, Named, Part};
use super::report::{CallReport, CallVerdict, CallsCounterexample, DeadConfiguration};
use super::{ModelVerdict, Shortcut, validate};
use crate::budget::{Budget, Spent};
use crate::call::Calls;
use crate::linearizable::{Options, is_worth_threads};
use crate::orders::{FoundOrder, ObjectOrders, OrdersEnd};

/// So many objects without a linearization are explained at most; the smallest counterexample is shown.
const MAX_EXPLAINED: usize = 8;

pub(super) fn decide_parts<M: Named>(
    calls: &Calls,
    options: &Options,
) -> Result<Result<bool, Spent>, BadCall> {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let budget = Budget::new(deadline, options.memory_limit_bytes);
    let mut spent = None;
    for part in M::parts(calls)? {
        match holds(&part.model, &part.ops, &budget) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(false)),
            Err(limit) => spent = Some(limit),
        }
    }
    Ok(spent.map_or(Ok(true), Err))
}

pub(super) fn check_parts<M: Named>(calls: &Calls, options: &Options) -> Result<CallReport, BadCall>
where
    M::State: Send,
    M::Op: Send + Sync,
{
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let parts = M::parts(calls)?;
    let in_parallel = is_worth_threads(parts.len(), calls.calls.len());
    let threads = match in_parallel {
        true => rayon::current_num_threads().max(1),
        // Asking for their number would start them.
        false => 1,
    };
    let budget = Budget::new(deadline, options.memory_limit_bytes / threads);
    // Longest first, so that no long one starts when all others are done.
    let mut longest: Vec<usize> = (0..parts.len()).collect();
    longest.sort_by_key(|at| std::cmp::Reverse(parts[*at].ops.len()));
    let decide_part = |budget: Budget, at: usize| {
        let decided = match budget.look() {
            Ok(()) => decide(&parts[at].model, &parts[at].ops, &budget),
            Err(spent) => Decided::Unknown(spent),
        };
        (at, decided)
    };
    let mut decided: Vec<(usize, Decided<M::State>)> = each(in_parallel, longest, &budget, decide_part);
    decided.sort_by_key(|(at, _)| *at);
    Ok(CallReport {
        objects: parts.len(),
        verdict: together(calls, &parts, decided, &budget, options),
    })
}

/// Does something with each of `items`, in parallel where that pays, each with a budget of its own to count in.
fn each<T: Send, R: Send>(
    in_parallel: bool,
    items: Vec<T>,
    budget: &Budget,
    act: impl Fn(Budget, T) -> R + Sync + Send,
) -> Vec<R> {
    if in_parallel {
        let items: Vec<(Budget, T)> = items.into_iter().map(|item| (budget.clone(), item)).collect();
        let items = items.into_par_iter();
        items.map(|(budget, item)| act(budget, item)).collect()
    } else {
        items.into_iter().map(|item| act(budget.clone(), item)).collect()
    }
}

/// The verdict on all parts together. Where some are refuted, these are explained, within what is left of the budget.
fn together<M: Named>(
    calls: &Calls,
    parts: &[Part<M>],
    decided: Vec<(usize, Decided<M::State>)>,
    budget: &Budget,
    options: &Options,
) -> CallVerdict
where
    M::State: Send,
    M::Op: Send + Sync,
{
    let mut orders = Vec::new();
    let (mut undecided, mut limit, mut disagreement) = (0, None, None);
    let mut refuted: Vec<(usize, Refuted<M::State>)> = Vec::new();
    for (at, found) in decided {
        match found {
            Decided::Linearizable(order) => orders.push(positions(&parts[at], &order)),
            Decided::Refuted(found) => refuted.push((at, found)),
            Decided::Unknown(spent) => {
                undecided += 1;
                limit = Some(spent);
            }
            Decided::Disagreement => disagreement = Some(parts[at].label.clone()),
        }
    }
    if !refuted.is_empty() {
        return explained(calls, parts, refuted, budget, options);
    }
    match (disagreement, limit) {
        (Some(object), _) => CallVerdict::Disagreement(object),
        (None, Some(spent)) => CallVerdict::Unknown {
            spent,
            objects: undecided,
        },
        (None, None) => CallVerdict::Valid(orders),
    }
}

/// The smallest counterexample of the parts that are refuted, of which the shortest are looked into.
fn explained<M: Named>(
    calls: &Calls,
    parts: &[Part<M>],
    mut refuted: Vec<(usize, Refuted<M::State>)>,
    budget: &Budget,
    options: &Options,
) -> CallVerdict
where
    M::State: Send,
    M::Op: Send + Sync,
{
    // Of a bag or a set with a thousand wrong values one is enough.
    refuted.sort_by_key(|(at, _)| (parts[*at].ops.len(), *at));
    refuted.truncate(MAX_EXPLAINED);
    let count = u32::try_from(refuted.len()).expect("a few");
    let limit = options.shrink_time_limit / count;
    let ops = refuted.iter().map(|(at, _)| parts[*at].ops.len()).sum();
    let in_parallel = is_worth_threads(refuted.len(), ops);
    let in_turn = (0..count).zip(refuted).collect();
    let explain_part = |budget: Budget, (turn, (at, found)): (u32, (usize, Refuted<M::State>))| {
        let part = &parts[at];
        let budget = budget.share(1, count - turn);
        (at, explain(&part.model, &part.ops, found, &budget, limit))
    };
    let mut best: Option<CallsCounterexample> = None;
    let mut disagreement = None;
    for (at, verdict) in each(in_parallel, in_turn, budget, explain_part) {
        match verdict {
            ModelVerdict::NotLinearizable(stuck) => {
                let found = counterexample(calls, &parts[at], &stuck);
                let rank = |c: &CallsCounterexample| (c.calls.len(), c.culprit);
                if best.as_ref().is_none_or(|best| rank(&found) < rank(best)) {
                    best = Some(found);
                }
            }
            ModelVerdict::Disagreement => disagreement = Some(parts[at].label.clone()),
            ModelVerdict::Linearizable(_) | ModelVerdict::Unknown(_) => {
                unreachable!("what is refuted is explained, or not")
            }
        }
    }
    match best {
        Some(best) => CallVerdict::Invalid(Box::new(best)),
        None => CallVerdict::Disagreement(disagreement.flatten()),
    }
}

fn positions<M: Named>(part: &Part<M>, ops: &[u32]) -> Vec<u32> {
    ops.iter().map(|op| part.calls[*op as usize]).collect()
}

fn counterexample<M: Named>(
    calls: &Calls,
    part: &Part<M>,
    stuck: &super::Stuck<M::State>,
) -> CallsCounterexample {
    let dead: Vec<DeadConfiguration> = (stuck.dead.iter())
        .map(|(state, order)| DeadConfiguration {
            state: part.model.show(state),
            order: positions(part, order),
        })
        .collect();
    let culprit = part.calls[stuck.culprit as usize];
    let call = &calls.calls[culprit as usize];
    let of = part.label.as_ref().filter(|_| call.key.is_none());
    let of = of.map_or(String::new(), |label| format!(" of {label}"));
    let state = dead.first().map_or(String::new(), |dead| {
        format!(
            ": one that explains all that had returned before leaves {}, and nothing under way leads from there to this answer",
            dead.state
        )
    });
    let unshrunk = stuck.spent.map_or(String::new(), |spent| {
        format!(" (the counterexample was not shrunk further: {spent})")
    });
    CallsCounterexample {
        object: part.label.clone(),
        culprit,
        reason: format!(
            "no order of the ops explains process {}'s `{call}`{of}{state}{unshrunk}",
            call.process
        ),
        calls: positions(part, &stuck.ops),
        minimal: stuck.minimal,
        verified: stuck.verified,
        dead,
    }
}

/// A shortcut tells a whole order, but no partial ones.
fn orders<M: Named>(part: &Part<M>, budget: &Budget) -> Result<Found<M::State>, Spent> {
    let ops = &part.ops;
    match part.model.shortcut(ops, budget)? {
        Some(Shortcut::Linearizable(order)) => Ok(Found::Linearizable(order)),
        Some(Shortcut::NotLinearizable(_)) | None => by_search(&part.model, ops, budget, true),
    }
}

pub(super) fn find_orders<M: Named>(calls: &Calls, options: &Options) -> Result<Vec<ObjectOrders>, BadCall> {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let of_part = |part: Part<M>| {
        let budget = Budget::new(deadline, options.memory_limit_bytes);
        let found = (budget.look()).and_then(|()| orders(&part, &budget));
        let order = |state: Option<&M::State>, ops: &[u32]| FoundOrder {
            order: positions(&part, ops),
            state: state.map_or_else(String::new, |state| part.model.show(state)),
        };
        let (end, orders) = match &found {
            Ok(Found::Linearizable(ops)) => (OrdersEnd::Linearizable, vec![order(None, ops)]),
            Ok(Found::Stuck { culprit, longest, .. }) => (
                OrdersEnd::Stuck(part.calls[*culprit as usize]),
                longest
                    .iter()
                    .map(|(state, ops)| order(Some(state), ops))
                    .collect(),
            ),
            // `orders` asks for a search where a shortcut finds none.
            Ok(Found::Refuted(_)) => unreachable!("a search tells where it got stuck"),
            Err(spent) => (OrdersEnd::Spent(*spent), Vec::new()),
        };
        ObjectOrders {
            object: part.label.clone(),
            ops: part.calls.clone(),
            end,
            orders,
        }
    };
    Ok(M::parts(calls)?.into_iter().map(of_part).collect())
}

pub(super) fn verify_parts<M: Named>(
    calls: &Calls,
    orders: &[Vec<u32>],
) -> Result<Result<(), String>, BadCall> {
    let parts = M::parts(calls)?;
    if parts.len() != orders.len() {
        return Ok(Err(format!(
            "it has {} orders for {} objects",
            orders.len(),
            parts.len()
        )));
    }
    for (part, order) in parts.iter().zip(orders) {
        let of = part.label.as_deref().unwrap_or("the object");
        let mut order_of_ops = Vec::with_capacity(order.len());
        for call in order {
            match part.calls.binary_search(call) {
                Ok(op) => order_of_ops.push(op as u32),
                Err(_) => return Ok(Err(format!("call {call} is none of {of}"))),
            }
        }
        if let Err(flaw) = validate(&part.model, &part.ops, &order_of_ops) {
            return Ok(Err(format!("{of}: {flaw}")));
        }
    }
    Ok(Ok(()))
}
