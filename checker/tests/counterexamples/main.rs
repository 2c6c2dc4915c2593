//! Counterexamples of known violations: how many ops they take, what they are called, and what they say.

mod cycles;
mod ops;
mod weaker;

use ops::{cas, compare_failed, failed, found, history, info, read, read_nil, shown, write};
use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::counterexample::{AnomalyClass, Weakening};
use splitbrain_checker::history::{Op, OpIndex, ProcessId, ReadModeId, Value};
use splitbrain_checker::linearizable::{Options, Spent, UnknownReason, Verdict, check_linearizable};

#[test]
fn a_stale_read_is_shown_by_three_ops() {
    let c = found(vec![
        read_nil(9, 0, 1),
        write(1, 4, 2, 5),
        read(2, 4, 6, 7),
        write(2, 5, 8, 10),
        read(4, 5, 11, 12),
        write(4, 6, 13, 40),
        read(3, 4, 22, 23),
        read(5, 5, 24, 25),
    ]);
    assert_eq!(c.class, AnomalyClass::StaleRead);
    assert_eq!(shown(&c), ["write 4", "write 5", "read -> 4"]);
    assert_eq!(
        c.reason,
        "process 3 read 4, but 4 was overwritten by write 5, which returned 12 ms before the read began"
    );
    assert_eq!(c.culprit, OpIndex(6));
}

#[test]
fn a_cas_of_unknown_outcome_did_not_happen_because_others_write_its_value() {
    let c = found(vec![
        write(1, 1, 0, 1),
        cas(2, 1, 0, 2, 3),
        info(cas(3, 1, 0, 4, 5)),
        info(write(4, 0, 6, 7)),
        write(5, 4, 8, 9),
        read(6, 0, 10, 11),
        read(6, 4, 12, 13),
    ]);
    assert_ne!(c.class, AnomalyClass::DoubleCas, "{}", c.reason);
}

#[test]
fn a_write_that_began_later_and_failed_explains_no_read() {
    let c = found(vec![read(1, 7, 0, 1), failed(write(2, 7, 2, 3))]);
    assert_eq!(c.class, AnomalyClass::PhantomValue);
    assert_eq!(c.reason, "process 1 read 7, but nobody ever wrote 7");
}

#[test]
fn a_stale_read_of_nil_is_shown_by_two_ops() {
    let c = found(vec![write(1, 5, 0, 1), read_nil(2, 2, 3), read(2, 5, 4, 5)]);
    assert_eq!(c.class, AnomalyClass::StaleRead);
    assert_eq!(
        c.reason,
        "process 2 read nil, but write 5 had returned 1.0 ms before the read began"
    );
}

#[test]
fn a_value_that_was_replaced_by_cas_is_stale_too() {
    let c = found(vec![
        write(1, 1, 0, 1),
        cas(1, 1, 2, 2, 3),
        cas(2, 2, 3, 4, 5),
        read(3, 2, 6, 7),
        read(1, 3, 8, 9),
    ]);
    assert_eq!(c.class, AnomalyClass::StaleRead);
    assert_eq!(
        c.reason,
        "process 3 read 2, but 2 was overwritten by cas 2 -> 3, which returned 1.0 ms before the read began"
    );
    // Of the first cas only the effect counts, so that its own past need not be shown.
    assert_eq!(shown(&c), ["write 2", "cas 2 -> 3", "read -> 2"]);
    assert_eq!(c.ops[0].weakened, Some(Weakening::AsWrite));
    assert_eq!(c.ops[0].index, OpIndex(1));
}

#[test]
fn a_long_chain_of_cas_is_cut_on_both_sides() {
    let mut ops = vec![write(0, 1, 0, 1)];
    ops.extend((1..2_000).map(|i| cas(0, i, i + 1, 2 * i as u64, 2 * i as u64 + 1)));
    ops.push(read(1, 1_000, 3_000, 3_001));
    let c = found(ops);
    assert_eq!(c.class, AnomalyClass::StaleRead);
    assert_eq!(shown(&c), ["write 1000", "cas 1000 -> 1001", "read -> 1000"]);
}

#[test]
fn a_write_of_unknown_outcome_counts_from_when_it_was_seen() {
    let c = found(vec![
        info(write(1, 1, 0, 0)),
        read(2, 1, 1, 2),
        write(3, 2, 3, 4),
        read(2, 1, 5, 6),
        read(3, 2, 7, 8),
    ]);
    assert_eq!(c.class, AnomalyClass::StaleRead);
    assert_eq!(shown(&c), ["write 1", "read -> 1", "write 2", "read -> 1"]);
}

#[test]
fn a_newer_value_followed_by_an_older_one_is_non_monotonic() {
    let c = found(vec![
        write(1, 1, 0, 1),
        write(2, 2, 2, 30),
        read(3, 2, 4, 5),
        read(4, 1, 8, 9),
    ]);
    assert_eq!(c.class, AnomalyClass::NonMonotonicReads);
    assert_eq!(
        c.reason,
        "process 4 read 1, 3.0 ms after process 3 read 2, though 2 is newer than 1"
    );
    assert_eq!(c.ops.len(), 4);
}

#[test]
fn values_from_nowhere_and_from_failed_writes_are_told_apart() {
    let c = found(vec![write(1, 1, 0, 1), read(2, 9, 2, 3)]);
    assert_eq!((c.class, c.ops.len()), (AnomalyClass::PhantomValue, 1));
    assert_eq!(c.reason, "process 2 read 9, but nobody ever wrote 9");
    let c = found(vec![
        write(1, 1, 0, 1),
        failed(write(1, 9, 2, 3)),
        read(2, 9, 4, 5),
    ]);
    assert_eq!((c.class, c.ops.len()), (AnomalyClass::AbortedRead, 1));
    assert_eq!(c.reason, "process 2 read 9, but process 1's write 9 had failed");
    let c = found(vec![write(1, 1, 0, 1), cas(2, 9, 3, 2, 3)]);
    assert_eq!(c.class, AnomalyClass::PhantomValue);
    assert_eq!(
        c.reason,
        "process 2's cas 9 -> 3 succeeded, but nobody ever wrote 9"
    );
}

#[test]
fn a_read_of_what_is_yet_to_be_written_comes_from_the_future() {
    let c = found(vec![read(2, 5, 0, 1), write(1, 5, 4, 5)]);
    assert_eq!((c.class, c.ops.len()), (AnomalyClass::FutureRead, 2));
    assert_eq!(
        c.reason,
        "process 2 read 5, but write 5 was invoked only 3.0 ms after the read had returned"
    );
}

#[test]
fn two_cas_cannot_replace_one_value() {
    let c = found(vec![write(1, 1, 0, 1), cas(1, 1, 2, 2, 9), cas(2, 1, 3, 2, 9)]);
    assert_eq!((c.class, c.ops.len()), (AnomalyClass::DoubleCas, 3));
    assert_eq!(
        c.reason,
        "process 1's cas 1 -> 2 and process 2's cas 1 -> 3 both succeeded, though 1 was written only once"
    );
}

#[test]
fn a_cas_that_succeeds_on_an_overwritten_value_loses_the_write() {
    let c = found(vec![
        write(1, 1, 0, 1),
        write(2, 2, 2, 3),
        cas(3, 1, 4, 5, 6),
        read(3, 4, 7, 8),
    ]);
    assert_eq!(c.class, AnomalyClass::LostWrite);
    assert_eq!(
        c.reason,
        "process 3's cas 1 -> 4 succeeded, but 1 was overwritten by write 2, which returned 2.0 ms before the cas \
         began: write 2 was lost"
    );
}

#[test]
fn a_write_that_no_later_read_knows_of_is_lost() {
    let c = found(vec![
        write(1, 1, 0, 1),
        write(2, 2, 2, 3),
        read(3, 1, 4, 5),
        read(4, 1, 6, 7),
    ]);
    assert_eq!(c.class, AnomalyClass::LostWrite);
}

#[test]
fn a_compare_cannot_fail_on_the_value_that_it_expects() {
    let c = found(vec![
        write(1, 1, 0, 1),
        Op {
            observed: Some(Some(Value(1))),
            ..compare_failed(cas(2, 1, 2, 2, 3))
        },
    ]);
    assert_eq!((c.class, c.ops.len()), (AnomalyClass::ImpossibleCasFailure, 1));
    let c = found(vec![
        write(1, 1, 0, 1),
        compare_failed(cas(2, 1, 2, 2, 3)),
        read(3, 1, 4, 5),
    ]);
    assert_eq!(c.class, AnomalyClass::ImpossibleCasFailure);
    assert_eq!(shown(&c), ["write 1", "cas 1 -> 2"]);
    let fine = vec![
        compare_failed(cas(2, 1, 2, 0, 3)),
        write(1, 1, 0, 3),
        failed(cas(3, 1, 2, 5, 6)),
    ];
    assert!(
        check_linearizable(&history(fine), &Options::default())
            .verdict
            .is_valid()
    );
}

#[test]
fn the_anomaly_at_the_end_of_a_long_history_is_found_and_shrunk() {
    let mut ops = Vec::new();
    for i in 0..100_000 {
        let start = 10 * i as u64;
        ops.push(write(0, i, start, start + 4));
        ops.push(read(1, i, start + 5, start + 6));
    }
    ops.push(read(2, 77_777, 1_000_005, 1_000_006));
    let c = found(ops);
    assert_eq!(c.class, AnomalyClass::StaleRead);
    assert_eq!(c.ops.len(), 3);
}

#[test]
fn a_part_of_a_history_names_ops_by_their_place_in_the_whole() {
    let mut ops = vec![
        write(1, 4, 0, 1),
        read(9, 4, 2, 3),
        write(2, 5, 4, 5),
        read(9, 5, 6, 7),
        read(3, 4, 8, 9),
    ];
    for op in &mut ops {
        op.read_mode = Some(ReadModeId(u8::from(op.process == ProcessId(3))));
    }
    let whole = history(ops);
    let verdict =
        |mode| check_linearizable(&whole.for_read_mode(ReadModeId(mode)), &Options::default()).verdict;
    assert!(verdict(0).is_valid());
    let stale = verdict(1);
    assert_eq!(stale.counterexample().map(|c| c.culprit), Some(OpIndex(4)));
}

#[test]
fn a_spent_budget_is_unknown_and_never_valid() {
    // 24 concurrent writes of the same few values, and reads that ask which came when.
    let mut ops: Vec<Op> = (0..48).map(|i| write(i, i as i64 % 5, 0, 1_000)).collect();
    ops.extend((0..40).map(|i| read(100, (i * i) as i64 % 5, 10 * i + 1, 10 * i + 2)));
    let history = history(ops);
    let options = Options {
        memory_limit_bytes: 1 << 8,
        threads: Some(1),
        ..Options::default()
    };
    match check_linearizable(&history, &options).verdict {
        Verdict::Unknown(UnknownReason::Spent {
            spent,
            keys: 1,
            of: 1,
        }) => assert_eq!(spent, Spent::Memory),
        other => panic!("{other:?}"),
    }
    let options = Options {
        time_limit: Some(std::time::Duration::ZERO),
        ..Options::default()
    };
    match check_linearizable(&history, &options).verdict {
        Verdict::Unknown(UnknownReason::Spent { spent, .. }) => assert_eq!(spent, Spent::Time),
        other => panic!("{other:?}"),
    }
}

#[test]
fn never_returned_unique_writes_cost_nothing() {
    let mut ops: Vec<Op> = (0..1_000)
        .map(|i| info(write(1_000 + i, 1_000_000 + i as i64, i, i)))
        .collect();
    for i in 0..20_000 {
        let start = 10 * i as u64;
        ops.push(write(0, i, start, start + 4));
        // A compare that does not say what it found keeps zones away.
        ops.push(compare_failed(cas(1, i + 1, -1, start + 5, start + 6)));
    }
    let options = Options {
        memory_limit_bytes: 64 << 20,
        ..Options::default()
    };
    assert!(check_linearizable(&history(ops), &options).verdict.is_valid());
}

#[test]
fn names_can_be_parsed_back() {
    for model in Consistency::ALL {
        assert_eq!(model.to_string().parse(), Ok(model));
        assert_eq!(serde_json::to_string(&model).ok(), Some(format!("\"{model}\"")));
    }
    for class in AnomalyClass::ALL {
        assert_eq!(class.to_string().parse(), Ok(*class));
        assert_eq!(serde_json::to_string(class).ok(), Some(format!("\"{class}\"")));
    }
    let error = "strong"
        .parse::<Consistency>()
        .expect_err("no such model")
        .to_string();
    assert!(
        error.contains("`strong`") && error.contains("monotonic-per-node"),
        "{error}"
    );
}
