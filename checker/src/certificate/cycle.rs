//! The validator of cycles: each step on its own, by the rules on the page of [`super`].

use std::collections::HashMap;

use super::register::{RegisterOps, Says};
use super::{Cycle, Happened, Refusal, Relation, Step};
use crate::history::Value;
use crate::model::TimedOp;

/// What steps rest on: which ops are in every linearization, and who may have written what.
pub(super) struct Facts<'a> {
    register: &'a RegisterOps,
    /// Per value the only op that may have written it, by its place; `None` where there are several.
    only_writers: HashMap<Value, Option<usize>>,
    /// By place: whether the op is in every linearization.
    happened: Vec<bool>,
}

impl<'a> Facts<'a> {
    /// Those of a register, with what is claimed of its ops of unknown outcome.
    pub(super) fn new(register: &'a RegisterOps, claimed: &[Happened]) -> Result<Self, Refusal> {
        let mut only_writers: HashMap<Value, Option<usize>> = HashMap::new();
        for (place, op) in register.ops.iter().enumerate() {
            if let Some(value) = op.op.writes {
                let first = only_writers.entry(value).or_insert(Some(place));
                *first = first.filter(|first| *first == place);
            }
        }
        let mut facts = Self {
            register,
            only_writers,
            happened: register.ops.iter().map(|op| op.end_ns.is_some()).collect(),
        };
        for Happened { op, seen_by } in claimed {
            let (writer, _) = facts.op(*op)?;
            let (_, reader) = facts.happened(*seen_by)?;
            if facts.writer_of_seen(&reader.op) != Some(writer) {
                let why = format!("op {seen_by} does not show that op {op} happened");
                return Err(Refusal::DoesNotFollow(why));
            }
            facts.happened[writer] = true;
        }
        Ok(facts)
    }

    fn op(&self, index: u32) -> Result<(usize, &'a TimedOp<Says>), Refusal> {
        let place = self.register.place(index).ok_or(Refusal::NoSuchOp(index))?;
        Ok((place, &self.register.ops[place]))
    }

    /// An op that is in every linearization, with its place.
    pub(super) fn happened(&self, index: u32) -> Result<(usize, &'a TimedOp<Says>), Refusal> {
        let found = self.op(index)?;
        match self.happened[found.0] {
            true => Ok(found),
            false => Err(Refusal::DoesNotFollow(format!(
                "op {index} need not have happened"
            ))),
        }
    }

    /// The only op that may have written what `says` saw.
    fn writer_of_seen(&self, says: &Says) -> Option<usize> {
        self.only_writers.get(&says.saw.flatten()?).copied().flatten()
    }

    /// Whether `step` follows by its rule, where `premise` are the places of the op that its reasons begin with and of
    /// the one that they end with.
    fn follows(&self, step: &Step, premise: Option<(usize, usize)>) -> Result<bool, Refusal> {
        let ((a, before), (b, after)) = (self.happened(step.before)?, self.happened(step.after)?);
        let returned_before = before.end_ns.is_some_and(|end| end < after.start_ns);
        let is_one_process = self.register.processes[a] == self.register.processes[b];
        Ok(match (step.relation, premise) {
            (Relation::RealTime, None) => returned_before,
            (Relation::Session, None) => returned_before && is_one_process,
            (Relation::WriteRead, None) => a != b && self.writer_of_seen(&after.op) == Some(a),
            // Nil is there before all writes.
            (Relation::ReadWrite, None) => a != b && before.op.saw == Some(None) && after.op.writes.is_some(),
            (Relation::ReadWrite, Some((w, x))) => {
                let is_overwritten = after.op.writes.is_some() && x == b && w != b;
                is_overwritten && a != b && self.writer_of_seen(&before.op) == Some(w)
            }
            (Relation::WriteWrite, Some((x, r))) => {
                let writes = before.op.writes.is_some() && x == a && r != a;
                writes && a != b && self.writer_of_seen(&self.register.ops[r].op) == Some(b)
            }
            _ => false,
        })
    }
}

/// Whether every step follows, and some of them close a cycle.
pub(super) fn verify(register: &RegisterOps, proof: &Cycle) -> Result<(), Refusal> {
    verify_steps(register, proof)?;
    match path(&proof.steps, &proof.cycle)? {
        (from, to) if from == to => Ok(()),
        (from, to) => Err(Refusal::DoesNotFollow(format!(
            "the cycle is not closed: it leads from op {from} to op {to}"
        ))),
    }
}

/// Whether every step follows from the history and from earlier steps.
fn verify_steps(register: &RegisterOps, proof: &Cycle) -> Result<(), Refusal> {
    let facts = Facts::new(register, &proof.happened)?;
    for (number, step) in proof.steps.iter().enumerate() {
        let premise = match step.because.is_empty() {
            true => None,
            false => {
                let (from, to) = path(&proof.steps[..number], &step.because)?;
                Some((facts.op(from)?.0, facts.op(to)?.0))
            }
        };
        if !facts.follows(step, premise)? {
            return Err(Refusal::DoesNotFollow(format!(
                "step {number}, that op {} comes before op {}, does not follow by the rule `{}`",
                step.before,
                step.after,
                step.relation.name()
            )));
        }
    }
    Ok(())
}

/// The ops that a path of steps leads from and to.
fn path(steps: &[Step], path: &[u32]) -> Result<(u32, u32), Refusal> {
    let step = |number: &u32| {
        let missing = || Refusal::DoesNotFollow(format!("step {number} is used before it is shown"));
        steps.get(*number as usize).ok_or_else(missing)
    };
    let (Some(first), Some(last)) = (path.first(), path.last()) else {
        return Err(Refusal::DoesNotFollow("the cycle has no steps".to_owned()));
    };
    for pair in path.windows(2) {
        if step(&pair[0])?.after != step(&pair[1])?.before {
            let why = format!("step {} does not go on from step {}", pair[1], pair[0]);
            return Err(Refusal::DoesNotFollow(why));
        }
    }
    Ok((step(first)?.before, step(last)?.after))
}

#[cfg(test)]
mod tests {
    use super::super::{Certificate, Cycle, Happened, Relation, Step, certify};
    use super::{RegisterOps, verify_steps};
    use crate::linearizable::{Options, Verdict};
    use crate::testing::generate::{Choices, Shape, linearizable};
    use crate::testing::{cases, show};

    /// The rules are sound: whatever they admit holds in a linearization, where there is one. Steps are tried at random,
    /// each on what was admitted before.
    #[test]
    fn every_step_that_is_admitted_holds_in_a_linearization() {
        const RELATIONS: [Relation; 5] = [
            Relation::Session,
            Relation::RealTime,
            Relation::WriteRead,
            Relation::ReadWrite,
            Relation::WriteWrite,
        ];
        let mut admitted = [0_u64; 5];
        let mut happened = 0_u64;
        for seed in 0..cases(4_000) {
            let mut choices = Choices::new(seed + (1 << 47));
            let shape = Shape {
                unique: choices.percent(80),
                ..Shape::any(&mut choices)
            };
            let history = linearizable(&mut choices, shape);
            let order = match certify(&history, &Verdict::Valid, &Options::default()) {
                Ok(Certificate::Valid { linearizations }) => linearizations[0].order.clone(),
                other => panic!("seed {seed}: {other:?}: {}", show(&history)),
            };
            let place = |op: u32| order.iter().position(|other| *other == op);
            let registers = RegisterOps::of(&history);
            let register = registers.values().next().expect("there is a key");
            let mut proof = Cycle::default();
            let any = |choices: &mut Choices| choices.below(history.ops.len() as u64) as u32;
            for attempt in 0..300 {
                let mut next = proof.clone();
                if attempt % 10 == 0 {
                    next.happened.push(Happened {
                        op: any(&mut choices),
                        seen_by: any(&mut choices),
                    });
                } else {
                    let which = choices.below(5) as usize;
                    let mut step = Step {
                        before: any(&mut choices),
                        after: any(&mut choices),
                        relation: RELATIONS[which],
                        because: Vec::new(),
                    };
                    for _ in 0..choices.below(3) {
                        step.because.extend(
                            proof
                                .steps
                                .len()
                                .checked_sub(1)
                                .map(|most| choices.below(most as u64 + 1) as u32),
                        );
                    }
                    // By chance alone reasons would seldom fit.
                    let reason = |number: Option<&u32>| number.map(|n| &proof.steps[*n as usize]);
                    match (reason(step.because.first()), reason(step.because.last())) {
                        (Some(first), _) if which == 4 => step.before = first.before,
                        (_, Some(last)) if which == 3 => step.after = last.after,
                        _ => {}
                    }
                    next.steps.push(step);
                }
                if verify_steps(register, &next).is_err() {
                    continue;
                }
                let about = || format!("seed {seed}: {next:?}, {order:?}{}", show(&history));
                if let Some(step) = next.steps.get(proof.steps.len()) {
                    let (before, after) = (place(step.before), place(step.after));
                    assert!(before.is_some() && before < after, "{}", about());
                    admitted[RELATIONS
                        .iter()
                        .position(|r| *r == step.relation)
                        .expect("is listed")] += 1;
                }
                if let Some(claim) = next.happened.get(proof.happened.len()) {
                    assert!(place(claim.op).is_some(), "{}", about());
                    let was_open = history.ops[claim.op as usize].outcome == crate::history::Outcome::Info;
                    happened += u64::from(was_open);
                }
                proof = next;
            }
        }
        assert!(
            admitted.iter().all(|n| *n > 500) && happened > 100,
            "{admitted:?}, {happened}"
        );
    }
}
