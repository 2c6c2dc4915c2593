//! Weaker models than linearizability.

use splitbrain_checker::consistency::{Consistency, check_consistency, strongest_model};
use splitbrain_checker::counterexample::AnomalyClass;
use splitbrain_checker::history::{Key, Op, OpIndex};
use splitbrain_checker::linearizable::{Options, UnknownReason, Verdict};
use splitbrain_checker::staleness::staleness;

use crate::ops::{at, history, read, write};

#[test]
fn a_prefix_that_lags_is_sequential_but_not_linearizable() {
    let history = history(vec![
        at(write(1, 1, 0, 1), 1, 0),
        at(write(1, 2, 2, 3), 2, 0),
        at(read(2, 1, 4, 5), 1, 1),
        at(read(2, 2, 6, 7), 2, 1),
    ]);
    assert_eq!(
        strongest_model(&history, &Options::default()),
        Some(Consistency::OrderedSequential)
    );
    let summary = staleness(&history).summary();
    assert_eq!(
        (summary.reads, summary.stale_reads, summary.versions_behind_max),
        (2, 1, 1)
    );
    assert!((summary.ms_behind_max - 1.0).abs() < 1e-9);
}

#[test]
fn a_session_that_goes_backward_over_two_keys_is_not_sequential() {
    let other_key = |mut op: Op| {
        op.key = Key(8);
        op
    };
    let history = history(vec![
        at(write(1, 1, 0, 1), 1, 0),
        at(write(1, 2, 2, 3), 2, 0),
        at(other_key(write(1, 3, 4, 5)), 3, 0),
        at(other_key(read(2, 3, 6, 7)), 3, 1),
        at(read(2, 1, 8, 9), 1, 0),
    ]);
    let verdict = check_consistency(&history, Consistency::OrderedSequential, &Options::default());
    let c = verdict.counterexample().expect("version 2 was to be seen");
    assert_eq!(c.class, AnomalyClass::SessionOrderViolation);
    assert_eq!(
        c.reason,
        "process 2 read 1 with version 1 after its own read -> 3 on key 8, which has version 3: it should have \
         seen write 2 with version 2"
    );
    // Node n1 served the writes, and then the read of the first.
    let verdict = check_consistency(&history, Consistency::MonotonicPerNode, &Options::default());
    assert_eq!(
        verdict.counterexample().map(|c| c.class),
        Some(AnomalyClass::NodeWentBackward)
    );
    assert_eq!(
        strongest_model(&history, &Options::default()),
        Some(Consistency::Session)
    );
}

#[test]
fn a_history_that_does_not_report_versions_is_not_called_sequential() {
    let history = history(vec![write(1, 1, 0, 1), write(1, 2, 2, 3), read(2, 1, 4, 5)]);
    let verdict = check_consistency(&history, Consistency::OrderedSequential, &Options::default());
    match verdict {
        Verdict::Unknown(UnknownReason::NotReported {
            ops: 3,
            first: OpIndex(0),
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(
        strongest_model(&history, &Options::default()),
        Some(Consistency::Legal)
    );
}
