//! Δ and k against their definitions: by brute force over every Δ that can matter, and every k.

use super::generate::{Choices, Shape, linearizable, spoil};
use super::replicated::{Faults, history};
use super::{brute_force, cases, show};
use crate::atomicity::{Atomicity, DeltaAtomicity, KAtomicity, atomicity};
use crate::consistency::{Consistency, strongest_model};
use crate::history::{Action, History, Key, Op, Outcome, ReadModeId, Value};
use crate::linearizable::Options;
use crate::staleness::staleness;

/// A small history of unique values, some of whose reads came later than they should have.
fn sample(seed: u64) -> History {
    let mut choices = Choices::new(seed);
    let shape = Shape {
        unique: true,
        silent_failures: false,
        ..Shape::any(&mut choices)
    };
    let mut history = linearizable(&mut choices, shape);
    for op in &mut history.ops {
        if op.action == Action::Read && choices.percent(60) {
            let late = choices.below(12);
            op.invoked_ns += late;
            op.completed_ns = op.completed_ns.map(|end| end + late);
        }
    }
    if choices.percent(15) {
        spoil(&mut choices, &mut history);
    }
    history.ops.sort_by_key(|op| op.invoked_ns);
    history
}

fn has_unique_values(history: &History) -> bool {
    let mut written: Vec<Value> = history
        .ops
        .iter()
        .filter(|op| op.outcome != Outcome::Fail)
        .filter_map(|op| match op.action {
            Action::Write { value } | Action::Cas { to: value, .. } => Some(value),
            Action::Read => None,
        })
        .collect();
    written.sort_unstable();
    written.windows(2).all(|pair| pair[0] != pair[1])
}

fn least_delta(ops: &[Op]) -> DeltaAtomicity {
    let reads = ops.iter().filter(|op| op.action == Action::Read);
    let ends = |read: &Op| {
        let start = read.invoked_ns;
        ops.iter()
            .map(move |op| start.saturating_sub(op.completed_ns.unwrap_or(start)))
    };
    let mut deltas: Vec<u64> = reads.flat_map(ends).chain([0]).collect();
    deltas.sort_unstable();
    let holds = |delta: &u64| {
        let mut earlier = ops.to_vec();
        for op in earlier.iter_mut().filter(|op| op.action == Action::Read) {
            op.invoked_ns = op.invoked_ns.saturating_sub(*delta);
        }
        brute_force::is_linearizable(&earlier)
    };
    deltas
        .into_iter()
        .find(holds)
        .map_or(DeltaAtomicity::Never, DeltaAtomicity::Least)
}

fn least_k(ops: &[Op]) -> KAtomicity {
    (1..=ops.len() + 1)
        .find(|k| brute_force::is_k_atomic(ops, *k))
        .map_or(KAtomicity::Never, |k| KAtomicity::Least(k as u64))
}

#[test]
fn delta_and_k_agree_with_brute_force() {
    let (mut stale, mut deep, mut never) = (0, 0, 0);
    for seed in 0..cases(60_000) {
        let history = sample(seed + (1 << 44));
        if !has_unique_values(&history) {
            continue;
        }
        let found = atomicity(&history, &Options::default());
        assert_eq!(
            found.delta,
            least_delta(&history.ops),
            "seed {seed}: {}",
            show(&history)
        );
        assert_eq!(found.k, least_k(&history.ops), "seed {seed}: {}", show(&history));
        stale += u64::from(matches!(found.delta, DeltaAtomicity::Least(1..)));
        deep += u64::from(matches!(found.k, KAtomicity::Least(3..)));
        never += u64::from(found.k == KAtomicity::Never);
    }
    assert!(
        stale > 5_000 && deep > 500 && never > 500,
        "{stale} stale, {deep} with k > 2, {never} never"
    );
}

/// Where nodes lag behind one log, versions give an order for which k is what staleness says.
#[test]
fn bounds_of_k_enclose_what_the_log_says() {
    let (mut exact, mut all) = (0, 0);
    for seed in 0..cases(2_000) {
        let mut choices = Choices::new(seed + (1 << 45));
        let faults = Faults {
            apply: 10,
            backward: 0,
            info: 10 * (seed % 2),
            mute: 0,
            lies: 0,
            misordered: 0,
        };
        let history = history(&mut choices, faults, 60, 4);
        for mode in (0..history.read_modes.len() as u8).map(ReadModeId) {
            let part = history.for_read_mode(mode);
            let by_versions = staleness(&part).summary().versions_behind_max + 1;
            let Atomicity { delta, k } = atomicity(&part, &Options::default());
            let (least, most) = k
                .bounds()
                .unwrap_or_else(|| panic!("seed {seed}, {mode:?}: {k:?}{}", show(&history)));
            let most = most.unwrap_or_else(|| panic!("seed {seed}, {mode:?}: {k:?}{}", show(&history)));
            // A value whose write did not return may report no version, and counts all the same.
            assert!(
                (faults.info > 0 || least <= by_versions) && least <= most,
                "seed {seed}, {mode:?}: {k:?}{}",
                show(&history)
            );
            let is_linearizable =
                strongest_model(&part, &Options::default()) == Some(Consistency::Linearizable);
            assert_eq!(is_linearizable, k == KAtomicity::Least(1));
            assert_eq!(is_linearizable, delta == DeltaAtomicity::Least(0));
            exact += u64::from(least == most);
            all += 1;
        }
    }
    assert!(exact * 10 > all * 9, "{exact} of {all} known exactly");
}

#[test]
fn a_value_written_twice_leaves_the_figures_open() {
    let mut choices = Choices::new(1);
    let shape = Shape {
        ops: 8,
        processes: 2,
        unique: true,
        silent_failures: false,
        reads: 0,
        info: 0,
    };
    let mut history = linearizable(&mut choices, shape);
    for op in &mut history.ops {
        op.action = Action::Write { value: Value(7) };
        op.outcome = Outcome::Ok;
        op.observed = None;
        op.key = Key(3);
    }
    let found = atomicity(&history, &Options::default());
    assert_eq!(
        (found.delta, found.k),
        (DeltaAtomicity::Unjudged, KAtomicity::Unjudged)
    );
    assert_eq!(found.k.to_string(), "?");
}
