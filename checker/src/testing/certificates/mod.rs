//! Certificates: those of the checkers are accepted, and nothing that was tampered with is, unless brute force finds
//! that it is right all the same.

mod changes;

use changes::{Tally, change, change_order, change_proof};

use super::brute_force;
use super::cases;
use super::generate::{Choices, Shape, linearizable, spoil, wild};
use super::models::{brute, sample};
use super::show;
use crate::call::Call;
use crate::certificate::{Certificate, Counted, Linearization, Proof, Refusal, certify, verify_registers};
use crate::counterexample::{Counterexample, Weakening};
use crate::history::{Action, History, Key, Op, OpIndex, Outcome, ProcessId, Value};
use crate::linearizable::{Options, check_linearizable};
use crate::model::{BuiltIn, CallVerdict, Flaw, Model, TimedOp, check_calls, validate};

/// So many changes are made to each certificate.
const CHANGES: u64 = 12;

fn history(choices: &mut Choices, seed: u64) -> History {
    let shape = Shape::any(choices);
    let mut history = match seed % 4 {
        0 => linearizable(choices, shape),
        3 => wild(choices, shape),
        _ => {
            let mut history = linearizable(choices, shape);
            spoil(choices, &mut history);
            history
        }
    };
    if choices.percent(30) {
        for op in history.ops.iter_mut().skip(1).step_by(2) {
            op.key = Key(4);
        }
    }
    if choices.percent(30) {
        // As a part of a longer history, whose indices certificates go by.
        history.origin = (0..history.ops.len() as u32)
            .map(|at| OpIndex(3 * at + 5))
            .collect();
    }
    history
}

fn holds(history: &History) -> bool {
    [0, 4].iter().all(|key| {
        let part = history.filter(|op| op.key == Key(*key));
        brute_force::is_linearizable(&part.ops)
    })
}

#[test]
fn certificates_about_registers_are_accepted_unless_they_are_changed() {
    let mut tally = Tally::default();
    let total = cases(60_000);
    for seed in 0..total {
        let mut choices = Choices::new(seed + (1 << 45));
        let history = history(&mut choices, seed);
        let verdict = check_linearizable(&history, &Options::default()).verdict;
        let certificate = certify(&history, &verdict, &Options::default())
            .unwrap_or_else(|none| panic!("seed {seed}: {none}: {}", show(&history)));
        let verified = verify_registers(&history, &certificate);
        assert_eq!(verified, Ok(()), "seed {seed}: {certificate:?}{}", show(&history));
        let is_valid = matches!(certificate, Certificate::Valid { .. });
        let expected = holds(&history);
        assert_eq!(is_valid, expected, "seed {seed}: {}", show(&history));
        tally.count(&certificate);
        let impossible = |c: &&Counterexample| matches!(c.proof, Some(Proof::ImpossibleAnswer { .. }));
        if let Some(found) = verdict.counterexample().filter(|c| !impossible(c)) {
            // The ops of a counterexample are a proof of their own, whether or not there is a shorter one. Of an
            // impossible answer they lack the write, which the rules for parts would ask for.
            let part = as_part(found);
            let verified = verify_registers(&history, &part);
            assert_eq!(verified, Ok(()), "seed {seed}: {part:?}{}", show(&history));
        }
        if let Certificate::Invalid { .. } = &certificate {
            let forged = forged_order(&mut choices, &history);
            assert!(
                verify_registers(&history, &forged).is_err(),
                "seed {seed}: {forged:?}"
            );
        }
        for _ in 0..CHANGES {
            let (changed, other) = change(&mut choices, &certificate, &history);
            let holds = if other == history { expected } else { holds(&other) };
            tally.changes += 1;
            if verify_registers(&other, &changed).is_ok() {
                let is_valid = matches!(changed, Certificate::Valid { .. });
                assert_eq!(is_valid, holds, "seed {seed}: {changed:?}{}", show(&other));
            } else {
                tally.refused += 1;
            }
        }
    }
    tally.assert_fair(total);
}

/// The ops of each key in the order of some moments of their intervals.
fn forged_order(choices: &mut Choices, history: &History) -> Certificate {
    let demands = |op: &Op| op.outcome != Outcome::Fail || op.observed.is_some();
    let mut moments: Vec<(u64, usize)> = (history.ops.iter().enumerate().filter(|(_, op)| demands(op)))
        .map(|(at, op)| {
            let end = op.completed_ns.unwrap_or(op.invoked_ns + 9).max(op.invoked_ns);
            (op.invoked_ns + choices.below(end - op.invoked_ns + 1), at)
        })
        .collect();
    moments.sort_unstable();
    let mut linearizations = Vec::new();
    for key in [Key(0), Key(4)] {
        let of_key = |(_, at): &&(u64, usize)| history.ops[*at].key == key;
        if moments.iter().any(|moment| of_key(&moment)) {
            linearizations.push(Linearization {
                object: Some(key.to_string()),
                order: moments
                    .iter()
                    .filter(of_key)
                    .map(|(_, at)| history.index_of(*at).0)
                    .collect(),
            });
        }
    }
    Certificate::Valid { linearizations }
}

fn as_part(found: &Counterexample) -> Certificate {
    let counted = found.ops.iter().map(|evidence| Counted {
        op: evidence.index.0,
        weakened: evidence.weakened,
    });
    Certificate::Invalid {
        object: Some(found.key.to_string()),
        proof: Proof::SubHistory {
            ops: counted.collect(),
        },
    }
}

#[test]
fn certificates_about_calls_are_accepted_unless_they_are_changed() {
    for (number, model) in (0..).zip(BuiltIn::ALL) {
        let (mut valid, mut invalid, mut changes, mut refused) = (0_u64, 0_u64, 0_u64, 0_u64);
        for seed in 0..cases(3_000) {
            let mut choices = Choices::new(seed + (number << 40) + (1 << 51));
            let spoiled = choices.percent(60);
            let unique = choices.percent(50);
            let calls = sample(&mut choices, *model, spoiled, unique);
            let all: Vec<&Call> = calls.calls.iter().collect();
            let expected = brute(*model, &all);
            let report = check_calls(&calls, *model, &Options::default()).expect("they are the model's");
            assert!(!matches!(
                report.verdict,
                CallVerdict::Unknown { .. } | CallVerdict::Disagreement(_)
            ));
            let certificate = model
                .certificate(&calls, &report.verdict)
                .expect("they are the model's");
            let certificate = certificate.expect("there is a verdict");
            let verify = |certificate: &Certificate| {
                model
                    .verify_certificate(&calls, certificate)
                    .expect("they are the model's")
            };
            let about = || format!("{model}, seed {seed}: {certificate:?}{calls:#?}");
            assert_eq!(verify(&certificate), Ok(()), "{}", about());
            let is_valid = matches!(certificate, Certificate::Valid { .. });
            assert_eq!(is_valid, expected, "{}", about());
            *(if is_valid { &mut valid } else { &mut invalid }) += 1;
            if let Certificate::Valid { linearizations } = &certificate {
                for _ in 0..CHANGES {
                    let forged = forged_part(&mut choices, linearizations, calls.calls.len());
                    assert!(verify(&forged).is_err(), "{forged:?}; {}", about());
                }
            }
            for _ in 0..CHANGES {
                let mut changed = certificate.clone();
                let any = |choices: &mut Choices| choices.below(calls.calls.len() as u64 + 1) as u32;
                match &mut changed {
                    Certificate::Valid { linearizations } => {
                        let op = any(&mut choices);
                        let Some(Linearization { order, .. }) = linearizations.first_mut() else {
                            continue;
                        };
                        change_order(&mut choices, order, op);
                    }
                    Certificate::Invalid { proof, .. } => change_proof(&mut choices, proof, any),
                }
                changes += 1;
                // Whatever is accepted has the right verdict.
                if verify(&changed).is_err() {
                    refused += 1;
                    continue;
                }
                let is_valid = matches!(changed, Certificate::Valid { .. });
                assert_eq!(is_valid, expected, "changed to {changed:?}; {}", about());
            }
        }
        assert!(
            valid > 200 && invalid > 100,
            "{model}: {valid} valid, {invalid} invalid"
        );
        assert!(
            refused * 3 > changes,
            "{model}: {refused} of {changes} changes refused"
        );
    }
}

/// Some calls of one object of a linearizable history, that are said to have no linearization.
fn forged_part(choices: &mut Choices, linearizations: &[Linearization], calls: usize) -> Certificate {
    let of = linearizations.get(choices.below(linearizations.len().max(1) as u64) as usize);
    let order = of.map_or(&[][..], |of| &of.order);
    let keep = 40 + choices.below(60);
    let ops = (0..calls as u32).filter_map(|op| {
        let weakened = choices.percent(5).then_some(Weakening::Pending);
        let is_kept = order.contains(&op) && choices.percent(keep);
        is_kept.then_some(Counted { op, weakened })
    });
    Certificate::Invalid {
        object: of.and_then(|of| of.object.clone()),
        proof: Proof::SubHistory { ops: ops.collect() },
    }
}

/// The rules of the validator are what stands between a part and the whole, so it is held against brute force on parts
/// that nobody found, but chance put together.
#[test]
fn no_part_of_a_linearizable_history_is_accepted() {
    let (mut wrong, mut right) = (0_u64, 0_u64);
    for seed in 0..cases(60_000) {
        let mut choices = Choices::new(seed + (1 << 46));
        let mut history = history(&mut choices, 1 + seed % 3);
        history.origin.clear();
        for op in &mut history.ops {
            op.key = Key(0);
        }
        let ops = (0..history.ops.len() as u32).filter_map(|op| {
            let all = [None, Some(Weakening::AsWrite), Some(Weakening::Pending)];
            let weakened = all[choices.below(30).min(2) as usize].filter(|_| choices.percent(20));
            choices.percent(70).then_some(Counted { op, weakened })
        });
        let certificate = Certificate::Invalid {
            object: Some("0".to_owned()),
            proof: Proof::SubHistory { ops: ops.collect() },
        };
        if verify_registers(&history, &certificate).is_ok() {
            right += 1;
            assert!(
                !brute_force::is_linearizable(&history.ops),
                "seed {seed}: {certificate:?}{}",
                show(&history)
            );
        } else {
            wrong += 1;
        }
    }
    assert!(
        right > 1_000 && wrong > right,
        "{right} accepted, {wrong} refused"
    );
}

/// A long history of few values, of which the explanation cuts away the past: the last read is of a value that was
/// overwritten for good.
#[test]
fn certificates_of_long_histories_spare_what_a_kept_write_hides() {
    for seed in 0..cases(40) {
        let mut choices = Choices::new(seed + (1 << 47));
        let (values, threads) = (2 + choices.below(4) as i64, 1 + choices.below(4));
        let write = |at: u64, value: i64| Op {
            process: ProcessId(at % threads),
            key: Key(0),
            action: Action::Write { value: Value(value) },
            outcome: Outcome::Ok,
            // Those of other threads overlap.
            invoked_ns: 10 * at,
            completed_ns: Some(10 * at + 10 * threads - 1),
            ..plain()
        };
        let writes = 300 + choices.below(300);
        let mut ops: Vec<Op> = (0..writes)
            .map(|at| write(at, choices.below(values as u64) as i64))
            .collect();
        ops.push(write(writes + threads, values));
        ops.push(Op {
            process: ProcessId(threads),
            action: Action::Read,
            observed: Some(Some(Value(choices.below(values as u64) as i64))),
            invoked_ns: 10 * (writes + 3 * threads),
            completed_ns: Some(10 * (writes + 3 * threads) + 1),
            ..write(0, 0)
        });
        let history = History {
            ops,
            ..History::default()
        };
        let verdict = check_linearizable(&history, &Options::default()).verdict;
        assert!(verdict.is_invalid(), "seed {seed}");
        let certificate = certify(&history, &verdict, &Options::default()).unwrap();
        assert_eq!(
            verify_registers(&history, &certificate),
            Ok(()),
            "seed {seed}: {certificate:?}"
        );
        let part = as_part(verdict.counterexample().unwrap());
        assert_eq!(verify_registers(&history, &part), Ok(()), "seed {seed}: {part:?}");
    }
}

fn plain() -> Op {
    Op {
        process: ProcessId(0),
        key: Key(0),
        action: Action::Read,
        outcome: Outcome::Ok,
        invoked_ns: 0,
        completed_ns: None,
        observed: None,
        version: None,
        read_mode: None,
        node: None,
        served_by: None,
        term: None,
        error: None,
    }
}

/// Where ops may leave any of several states, an object may be in more than are followed: then the certificate is not
/// called wrong.
#[test]
fn an_order_with_too_many_states_is_not_decided() {
    /// A sum to which each op may have added its own number, or not.
    struct Maybe;

    impl Model for Maybe {
        type State = u32;
        type Op = u32;

        fn initial(&self) -> u32 {
            0
        }

        fn step(&self, sum: &u32, op: &u32) -> Vec<u32> {
            vec![*sum, sum + op]
        }
    }

    let op = |bit: u32| TimedOp {
        op: 1 << bit,
        start_ns: 0,
        end_ns: Some(9),
    };
    let verify = |ops: u32| {
        let order: Vec<u32> = (0..ops).collect();
        validate(&Maybe, &(0..ops).map(op).collect::<Vec<_>>(), &order)
    };
    assert_eq!(verify(8), Ok(()));
    let flaw = verify(16).expect_err("there are 2^16 sums");
    assert_eq!(flaw, Flaw::TooManyStates(12));
    assert!(Refusal::of_order(None, flaw).is_undecided());
}
