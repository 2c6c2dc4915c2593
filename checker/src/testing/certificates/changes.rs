//! Changes to certificates, most of which make them wrong.

use super::super::generate::{Choices, spoil};
use crate::certificate::{Certificate, Counted, Cycle, Happened, Proof, Relation, Step};
use crate::counterexample::Weakening;
use crate::history::History;

#[derive(Debug, Default)]
pub(super) struct Tally {
    valid: u64,
    cycles: u64,
    answers: u64,
    parts: u64,
    pub(super) changes: u64,
    pub(super) refused: u64,
}

impl Tally {
    pub(super) fn count(&mut self, certificate: &Certificate) {
        *(match certificate {
            Certificate::Valid { .. } => &mut self.valid,
            Certificate::Invalid { proof, .. } => match proof {
                Proof::Cycle(_) => &mut self.cycles,
                Proof::SubHistory { .. } => &mut self.parts,
                Proof::UnwrittenValue { .. } | Proof::ImpossibleAnswer { .. } => &mut self.answers,
            },
        }) += 1;
    }

    pub(super) fn assert_fair(&self, total: u64) {
        let few = [self.cycles, self.answers, self.parts]
            .iter()
            .any(|n| n * 200 < total);
        assert!(!few && self.valid * 5 > total, "too few of a kind: {self:?}");
        // Many a change leaves a certificate right, and is then accepted rightly.
        assert!(
            self.refused * 2 > self.changes,
            "too few changes are refused: {self:?}"
        );
    }
}

/// One change to a certificate, or to what it is about.
pub(super) fn change(
    choices: &mut Choices,
    certificate: &Certificate,
    history: &History,
) -> (Certificate, History) {
    let (mut changed, mut other) = (certificate.clone(), history.clone());
    if choices.percent(25) {
        spoil(choices, &mut other);
        return (changed, other);
    }
    let any = |choices: &mut Choices| {
        let at = choices.below(history.ops.len() as u64 + 1) as usize;
        history.index_of(at).0
    };
    match &mut changed {
        Certificate::Valid { linearizations } => {
            let one = choices.below(linearizations.len().max(1) as u64) as usize;
            let op = any(choices);
            if let Some(one) = linearizations.get_mut(one) {
                change_order(choices, &mut one.order, op);
            }
            if choices.percent(5) {
                linearizations.pop();
            }
        }
        Certificate::Invalid { object, proof } => {
            if choices.percent(5) {
                *object =
                    [None, Some("0".to_owned()), Some("4".to_owned())][choices.below(3) as usize].clone();
            }
            change_proof(choices, proof, any);
        }
    }
    (changed, other)
}

/// Swaps two, drops one, doubles one or puts in another.
pub(super) fn change_order(choices: &mut Choices, order: &mut Vec<u32>, other: u32) {
    let at = choices.below(order.len().max(1) as u64) as usize;
    let to = choices.below(order.len().max(1) as u64) as usize;
    match choices.below(4) {
        _ if order.is_empty() => order.push(other),
        0 => order.swap(at, to),
        1 => drop(order.remove(at)),
        2 => order.insert(to, order[at]),
        _ => order[at] = other,
    }
}

pub(super) fn change_proof(choices: &mut Choices, proof: &mut Proof, any: impl Fn(&mut Choices) -> u32) {
    let pick = |choices: &mut Choices, len: usize| choices.below(len.max(1) as u64) as usize;
    match proof {
        Proof::UnwrittenValue { op, happened } => {
            *op = any(choices);
            change_happened(choices, happened, &any);
        }
        Proof::ImpossibleAnswer { op } => *op = any(choices),
        Proof::Cycle(Cycle {
            happened,
            steps,
            cycle,
        }) => {
            let at = pick(choices, steps.len());
            match choices.below(8) {
                0 => change_happened(choices, happened, &any),
                1 => steps[at].before = any(choices),
                2 => steps[at].after = any(choices),
                3 => {
                    use Relation::{ReadWrite, RealTime, Session, WriteRead, WriteWrite};
                    let all = [ReadWrite, RealTime, Session, WriteRead, WriteWrite];
                    steps[at].relation = all[choices.below(5) as usize];
                }
                4 => drop(steps.remove(at)),
                5 => {
                    let other = choices.below(steps.len() as u64) as u32;
                    change_order(choices, &mut steps[at].because, other);
                }
                6 => {
                    let other = choices.below(steps.len() as u64) as u32;
                    change_order(choices, cycle, other);
                }
                _ => {
                    // A forged edge, and the cycle that it would close.
                    let (before, after) = (any(choices), any(choices));
                    let number = steps.len() as u32;
                    let relation = [Relation::RealTime, Relation::WriteRead, Relation::ReadWrite];
                    for (before, after) in [(before, after), (after, before)] {
                        steps.push(Step {
                            before,
                            after,
                            relation: relation[choices.below(3) as usize],
                            because: Vec::new(),
                        });
                    }
                    *cycle = vec![number, number + 1];
                }
            }
        }
        Proof::SubHistory { ops } => {
            let at = pick(choices, ops.len());
            match choices.below(5) {
                0 => drop(ops.remove(at)),
                1 => ops.push(ops[at]),
                2 => ops[at].op = any(choices),
                3 => {
                    let all = [
                        None,
                        Some(Weakening::AsWrite),
                        Some(Weakening::Pending),
                        Some(Weakening::AsPendingWrite),
                    ];
                    ops[at].weakened = all[choices.below(4) as usize];
                }
                _ => ops.insert(
                    at,
                    Counted {
                        op: any(choices),
                        weakened: None,
                    },
                ),
            }
        }
    }
}

fn change_happened(choices: &mut Choices, happened: &mut Vec<Happened>, any: &impl Fn(&mut Choices) -> u32) {
    if choices.percent(50) && !happened.is_empty() {
        happened.remove(0);
    } else {
        happened.push(Happened {
            op: any(choices),
            seen_by: any(choices),
        });
    }
}
