//! Zones, frontier, depth-first search and brute force agree, and so does everything that is built on them.

use std::time::Duration;

use super::generate::{Choices, Shape, linearizable, spoil, wild};
use super::{brute_force, cases, show};
use crate::budget::Budget;
use crate::counterexample::{AnomalyClass, Counterexample};
use crate::history::History;
use crate::linearizable::{Algorithm, Decision, Options, Verdict, by_frontier, check_linearizable, decide};
use crate::lower::{KeyOps, split};
use crate::{wing_gong, zones};

const MEMORY_BYTES: usize = 1 << 30;

/// One history of each seed: linearizable, spoiled or wild by turns.
fn history(seed: u64) -> History {
    let mut choices = Choices::new(seed);
    let shape = Shape::any(&mut choices);
    match seed % 4 {
        0 => linearizable(&mut choices, shape),
        1 | 2 => {
            let mut history = linearizable(&mut choices, shape);
            spoil(&mut choices, &mut history);
            history
        }
        _ => wild(&mut choices, shape),
    }
}

fn budget() -> Budget {
    Budget::new(None, MEMORY_BYTES)
}

fn key_of(history: &History) -> Option<KeyOps> {
    split(history).pop()
}

#[derive(Debug, Default)]
struct Tally {
    valid: u64,
    invalid: u64,
    zones_valid: u64,
    zones_invalid: u64,
}

#[test]
fn all_algorithms_agree_on_random_small_histories() {
    let mut tally = Tally::default();
    let total = cases(1_000_000);
    for seed in 0..total {
        let history = history(seed);
        let Some(key) = key_of(&history) else { continue };
        let expected = brute_force::is_linearizable(&history.ops);
        assert_eq!(
            wing_gong::is_linearizable(&key, &budget()),
            Ok(expected),
            "depth-first, seed {seed}: {}",
            show(&history)
        );
        let frontier = matches!(by_frontier(&key, &budget()), Decision::Linearizable);
        assert_eq!(frontier, expected, "frontier, seed {seed}: {}", show(&history));
        match zones::check(&key) {
            zones::Answer::NotApplicable => {}
            zones::Answer::Linearizable => {
                assert!(expected, "zones, seed {seed}: {}", show(&history));
                tally.zones_valid += 1;
            }
            zones::Answer::Violations(witnesses) => {
                assert!(!expected, "zones, seed {seed}: {}", show(&history));
                assert!(!witnesses.is_empty());
                tally.zones_invalid += 1;
            }
        }
        *(if expected {
            &mut tally.valid
        } else {
            &mut tally.invalid
        }) += 1;
    }
    eprintln!(
        "{} histories, {} of them valid and {} invalid; zones decided {}",
        tally.valid + tally.invalid,
        tally.valid,
        tally.invalid,
        tally.zones_valid + tally.zones_invalid
    );
    let fair = |part: u64| part * 5 > total;
    assert!(
        fair(tally.valid) && fair(tally.invalid),
        "too few of a verdict: {tally:?}"
    );
    assert!(
        tally.zones_valid * 20 > total && tally.zones_invalid * 20 > total,
        "zones hardly used: {tally:?}"
    );
}

#[test]
fn counterexamples_of_random_histories_are_evidence() {
    let options = Options {
        threads: Some(1),
        shrink_time_limit: Duration::from_secs(60),
        ..Options::default()
    };
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..cases(100_000) {
        let history = history(seed + (1 << 40));
        let expected = brute_force::is_linearizable(&history.ops);
        match check_linearizable(&history, &options).verdict {
            Verdict::Valid => assert!(expected, "seed {seed}: {}", show(&history)),
            Verdict::Unknown(reason) => panic!("seed {seed}: {reason}: {}", show(&history)),
            Verdict::Invalid(counterexample) => {
                assert!(!expected, "seed {seed}: {}", show(&history));
                assert_is_evidence(&history, &counterexample, seed);
                *seen.entry(counterexample.class).or_insert(0_u64) += 1;
            }
        }
    }
    for class in [
        AnomalyClass::StaleRead,
        AnomalyClass::PhantomValue,
        AnomalyClass::AbortedRead,
        AnomalyClass::FutureRead,
        AnomalyClass::NonMonotonicReads,
        AnomalyClass::DoubleCas,
        AnomalyClass::ImpossibleCasFailure,
        AnomalyClass::LostWrite,
    ] {
        assert!(seen.contains_key(&class), "{class} never seen: {seen:?}");
    }
}

fn assert_is_evidence(history: &History, counterexample: &Counterexample, seed: u64) {
    let part = counterexample.history(history);
    assert!(
        !brute_force::is_linearizable(&part.ops),
        "not evidence, seed {seed}: {counterexample:#?}"
    );
    assert!(counterexample.minimal, "seed {seed}");
    assert!(
        counterexample.verified_by.len() >= 2,
        "seed {seed}: {counterexample:#?}"
    );
    assert!(
        counterexample.verified_by.contains(&Algorithm::WingGong),
        "seed {seed}"
    );
    assert!(
        counterexample
            .ops
            .iter()
            .any(|e| e.index == counterexample.culprit),
        "seed {seed}"
    );
    for evidence in &counterexample.ops {
        let recorded = &history.ops[evidence.index.0 as usize];
        assert_eq!(
            (evidence.op.process, evidence.op.invoked_ns),
            (recorded.process, recorded.invoked_ns)
        );
        assert_eq!(
            evidence.op == *recorded,
            evidence.weakened.is_none(),
            "seed {seed}: {counterexample:#?}"
        );
    }
    // 1-minimal in its reads: brute force needs each of them.
    for i in 0..part.ops.len() {
        let mut rest = part.ops.clone();
        let dropped = rest.remove(i);
        if dropped.observed.is_some() {
            assert!(
                brute_force::is_linearizable(&rest),
                "op {i} can go, seed {seed}: {counterexample:#?}"
            );
        }
    }
}

#[test]
fn longer_histories_of_many_clients_agree_between_frontier_and_zones() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..cases(3_000) {
        let mut choices = Choices::new(seed + (1 << 41));
        let shape = Shape {
            ops: 20 + choices.below(100) as usize,
            processes: 1 + choices.below(12),
            unique: true,
            silent_failures: false,
            reads: 40,
            info: choices.below(20),
        };
        let mut history = linearizable(&mut choices, shape);
        if seed % 3 > 0 {
            spoil(&mut choices, &mut history);
        }
        let Some(key) = key_of(&history) else { continue };
        let by_zones = match decide(&key, &budget()) {
            (Algorithm::Zones, Decision::Linearizable) => true,
            (Algorithm::Zones, Decision::Witnesses(_)) => false,
            other => panic!("seed {seed}: {other:?}"),
        };
        let frontier = matches!(by_frontier(&key, &budget()), Decision::Linearizable);
        assert_eq!(by_zones, frontier, "seed {seed}: {}", show(&history));
        *(if frontier { &mut valid } else { &mut invalid }) += 1;
    }
    assert!(
        valid * 5 > invalid && invalid * 5 > valid,
        "{valid} valid, {invalid} invalid"
    );
}

#[test]
fn histories_with_more_live_ops_than_a_word_has_bits_are_decided() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..cases(60) {
        let mut choices = Choices::new(seed + (1 << 42));
        let shape = Shape {
            ops: 400,
            processes: 150,
            unique: true,
            silent_failures: false,
            reads: 97,
            info: 20,
        };
        let mut history = linearizable(&mut choices, shape);
        for _ in 0..(seed % 2) * 5 {
            spoil(&mut choices, &mut history);
        }
        let Some(key) = key_of(&history) else { continue };
        let frontier = matches!(by_frontier(&key, &budget()), Decision::Linearizable);
        if let (Algorithm::Zones, decision) = decide(&key, &budget()) {
            assert_eq!(
                frontier,
                matches!(decision, Decision::Linearizable),
                "seed {seed}: {}",
                show(&history)
            );
        }
        *(if frontier { &mut valid } else { &mut invalid }) += 1;
    }
    assert!(valid > 0 && invalid > 0, "{valid} valid, {invalid} invalid");
}
