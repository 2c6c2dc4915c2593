//! The validator of proofs by a part of a history: that it has no linearization, and that what is left out cannot be
//! why. The argument is on the page of [`super`].

use super::Refusal;
use super::search::{Searched, search};
use crate::model::{Model, TimedOp};

/// So much memory, in bytes, may go into the search.
const BYTES_MAX: usize = 512 << 20;

/// An op that was kept.
pub(crate) struct Kept<O> {
    /// Its place among the ops of its object.
    pub(crate) place: usize,
    /// What of it counts.
    pub(crate) op: O,
    /// Whether it counts as of unknown outcome.
    pub(crate) pending: bool,
}

/// Whether the `kept` of `ops` have no linearization, nor therefore the whole. `may_be_left_out` says it of an op that
/// is not kept, by rules 3 to 6. `name` is how an op is called by its place.
pub(crate) fn refute<M: Model>(
    model: &M,
    ops: &[TimedOp<M::Op>],
    kept: &[Kept<M::Op>],
    may_be_left_out: impl Fn(&TimedOp<M::Op>) -> bool,
    name: impl Fn(usize) -> u32,
) -> Result<(), Refusal> {
    let mut is_kept = vec![false; ops.len()];
    let mut part: Vec<TimedOp<M::Op>> = Vec::with_capacity(kept.len());
    for one in kept {
        if std::mem::replace(&mut is_kept[one.place], true) {
            let why = format!("op {} comes twice", name(one.place));
            return Err(Refusal::DoesNotFollow(why));
        }
        let recorded = &ops[one.place];
        part.push(TimedOp {
            op: one.op.clone(),
            start_ns: recorded.start_ns,
            end_ns: recorded.end_ns.filter(|_| !one.pending),
        });
    }
    let until = part.iter().filter_map(|op| op.end_ns).max();
    let by_then = |op: &TimedOp<M::Op>| until.is_some_and(|until| op.start_ns <= until);
    for (place, op) in ops.iter().enumerate() {
        if !is_kept[place] && by_then(op) && !may_be_left_out(op) {
            return Err(Refusal::LeftOut(name(place)));
        }
    }
    match search(model, &part, BYTES_MAX) {
        Searched::None => Ok(()),
        Searched::Found => Err(Refusal::Linearizable(part.len())),
        Searched::TooMuch => Err(Refusal::Undecided(format!(
            "the search among the orders of its {} ops has a bound, which was reached",
            part.len()
        ))),
    }
}
