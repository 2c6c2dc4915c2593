//! Certificates about calls, made and verified for one model. What they rely on is on the page of
//! [`crate::certificate`].

use rustc_hash::FxHashSet;

use super::lower::{BadCall, Named, Part};
use super::report::CallsCounterexample;
use super::{TimedOp, validate};
use crate::call::Calls;
use crate::certificate::sub_history::{Kept, refute};
use crate::certificate::{Certificate, Counted, Linearization, Proof, Refusal};
use crate::counterexample::Weakening;

/// The objects of a history, in the order of their first call.
pub(super) fn labels<M: Named>(calls: &Calls) -> Result<Vec<Option<String>>, BadCall> {
    Ok(M::parts(calls)?.into_iter().map(|part| part.label).collect())
}

/// That `orders` are linearizations of these objects.
pub(super) fn valid(labels: Vec<Option<String>>, orders: &[Vec<u32>]) -> Certificate {
    let pairs = labels.into_iter().zip(orders);
    Certificate::Valid {
        linearizations: pairs
            .map(|(object, order)| Linearization {
                object,
                order: order.clone(),
            })
            .collect(),
    }
}

/// That the calls of a counterexample have no linearization.
pub(super) fn invalid(calls: &Calls, found: &CallsCounterexample) -> Certificate {
    let until = calls.calls[found.culprit as usize].end_ns();
    let counted = |call: &u32| {
        let end = calls.calls[*call as usize].end_ns();
        Counted {
            op: *call,
            // What had not returned when the culprit did may yet happen.
            weakened: (end.is_some() && end > until).then_some(Weakening::Pending),
        }
    };
    Certificate::Invalid {
        object: found.object.clone(),
        proof: Proof::SubHistory {
            ops: found.calls.iter().map(counted).collect(),
        },
    }
}

/// Whether a certificate shows its verdict.
pub(super) fn verify<M: Named>(
    calls: &Calls,
    certificate: &Certificate,
) -> Result<Result<(), Refusal>, BadCall> {
    let parts = M::parts(calls)?;
    Ok(match certificate {
        Certificate::Valid { linearizations } => {
            Refusal::of_objects(parts.iter().map(|part| part.label.as_deref()), linearizations).and_then(
                |()| {
                    let mut pairs = parts.iter().zip(linearizations);
                    pairs.try_for_each(|(part, claimed)| verify_order(part, claimed))
                },
            )
        }
        Certificate::Invalid { object, proof } => {
            let mut named = parts.iter().filter(|part| part.label == *object);
            match (named.next(), proof) {
                (None, _) => Err(Refusal::of_object(object.as_deref())),
                (Some(part), Proof::SubHistory { ops }) => verify_part(part, ops),
                (Some(_), Proof::Cycle(_)) => Err(Refusal::NotForModel("a cycle")),
                (Some(_), _) => Err(Refusal::NotForModel("one answer")),
            }
        }
    })
}

fn verify_order<M: Named>(part: &Part<M>, claimed: &Linearization) -> Result<(), Refusal> {
    let mut ops = Vec::with_capacity(claimed.order.len());
    for call in &claimed.order {
        ops.push(place(part, *call)? as u32);
    }
    validate(&part.model, &part.ops, &ops).map_err(|flaw| {
        Refusal::of_order(
            claimed.object.as_deref(),
            flaw.rename(|op| part.calls[op as usize]),
        )
    })
}

fn verify_part<M: Named>(part: &Part<M>, ops: &[Counted]) -> Result<(), Refusal> {
    let mut kept: Vec<Kept<M::Op>> = Vec::with_capacity(ops.len());
    for counted in ops {
        let place = place(part, counted.op)?;
        let pending = match counted.weakened {
            None => false,
            Some(Weakening::Pending) => true,
            Some(Weakening::AsWrite | Weakening::AsPendingWrite) => {
                return Err(Refusal::NotForModel("a cas that counts as a write"));
            }
        };
        kept.push(Kept {
            place,
            op: part.ops[place].op.clone(),
            pending,
        });
    }
    let groups: FxHashSet<u32> = kept.iter().filter_map(|k| part.model.group(&k.op)).collect();
    let may_be_left_out = |op: &TimedOp<M::Op>| {
        let is_spared = |group: u32| !groups.contains(&group);
        part.model.is_pure(&op.op) || part.model.group(&op.op).is_some_and(is_spared)
    };
    refute(&part.model, &part.ops, &kept, may_be_left_out, |place| {
        part.calls[place]
    })
}

/// The place of a call among the ops of its part.
fn place<M: Named>(part: &Part<M>, call: u32) -> Result<usize, Refusal> {
    part.calls
        .binary_search(&call)
        .map_err(|_| Refusal::NoSuchOp(call))
}
