//! Checks the parts of a history of calls, each on its own (Herlihy and Wing 1990, theorem 1), and puts together what was
//! found on them.

use std::time::Instant;

use rayon::prelude::*;

use super::check::{Found, by_search, holds, sane};
use super::lower::{BadCall, Named, Part};
use super::report::{CallReport, CallVerdict, CallsCounterexample, DeadConfiguration};
use super::{ModelVerdict, Shortcut, check_model, validate};
use crate::budget::{Budget, Spent};
use crate::call::Calls;
use crate::linearizable::{Options, is_worth_threads};
use crate::orders::{FoundOrder, ObjectOrders, OrdersEnd};

pub(super) fn decide_parts<M: Named>(
    calls: &Calls,
    options: &Options,
) -> Result<Result<bool, Spent>, BadCall> {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let budget = Budget::new(deadline, options.memory_limit_bytes);
    let mut spent = None;
    for part in M::parts(calls)? {
        match holds(&part.model, &sane(&part.ops), &budget) {
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
    let parts = M::parts(calls)?;
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let in_parallel = is_worth_threads(parts.len(), calls.calls.len());
    let threads = match in_parallel {
        true => rayon::current_num_threads().max(1),
        // Asking for their number would start them.
        false => 1,
    };
    // Longest first, so that no long one starts when all others are done.
    let mut longest: Vec<usize> = (0..parts.len()).collect();
    longest.sort_by_key(|at| std::cmp::Reverse(parts[*at].ops.len()));
    let check_part = |at: &usize| {
        let options = Options {
            time_limit: deadline.map(|d| d.saturating_duration_since(Instant::now())),
            memory_limit_bytes: options.memory_limit_bytes / threads,
            ..options.clone()
        };
        (*at, check_model(&parts[*at].model, &parts[*at].ops, &options))
    };
    let mut verdicts: Vec<(usize, ModelVerdict<M::State>)> = if in_parallel {
        longest.par_iter().map(check_part).collect()
    } else {
        longest.iter().map(check_part).collect()
    };
    verdicts.sort_by_key(|(at, _)| *at);
    Ok(CallReport {
        objects: parts.len(),
        verdict: together(calls, &parts, verdicts),
    })
}

fn together<M: Named>(
    calls: &Calls,
    parts: &[Part<M>],
    verdicts: Vec<(usize, ModelVerdict<M::State>)>,
) -> CallVerdict {
    let mut orders = Vec::new();
    let (mut undecided, mut limit, mut disagreement) = (0, None, None);
    let mut best: Option<CallsCounterexample> = None;
    for (at, verdict) in verdicts {
        let part = &parts[at];
        match verdict {
            ModelVerdict::Linearizable(order) => orders.push(positions(part, &order)),
            ModelVerdict::NotLinearizable(stuck) => {
                let found = counterexample(calls, part, &stuck);
                let rank = |c: &CallsCounterexample| (c.calls.len(), c.culprit);
                if best.as_ref().is_none_or(|best| rank(&found) < rank(best)) {
                    best = Some(found);
                }
            }
            ModelVerdict::Unknown(spent) => {
                undecided += 1;
                limit = Some(spent);
            }
            ModelVerdict::Disagreement => disagreement = Some(part.label.clone()),
        }
    }
    match (best, disagreement, limit) {
        (Some(best), ..) => CallVerdict::Invalid(Box::new(best)),
        (None, Some(object), _) => CallVerdict::Disagreement(object),
        (None, None, Some(spent)) => CallVerdict::Unknown {
            spent,
            objects: undecided,
        },
        (None, None, None) => CallVerdict::Valid(orders),
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
    CallsCounterexample {
        object: part.label.clone(),
        culprit,
        reason: format!(
            "no order of the ops explains process {}'s `{call}`{of}{state}",
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
    match part.model.shortcut(&part.ops) {
        Some(Shortcut::Linearizable(order)) => Ok(Found::Linearizable(order)),
        Some(Shortcut::NotLinearizable) | None => by_search(&part.model, &part.ops, budget, true),
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
