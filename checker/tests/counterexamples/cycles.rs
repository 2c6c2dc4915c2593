//! Cycles of what must come before what, and orders that came to nothing.

use splitbrain_checker::certificate::{certify, verify_registers};
use splitbrain_checker::history::{Op, OpIndex, Value};
use splitbrain_checker::linearizable::{Options, Verdict};

use crate::ops::{cas, found, history, info, read, read_nil, write};

/// The cycle on one line, and its steps; certificates of this and the ops alone are accepted.
fn cycle(ops: Vec<Op>) -> (String, Vec<String>) {
    let c = found(ops.clone());
    let history = history(ops);
    let verdict = Verdict::Invalid(Box::new(c.clone()));
    let certificate = certify(&history, &verdict, &Options::default()).expect("there is a verdict");
    assert_eq!(verify_registers(&history, &certificate), Ok(()));
    let steps = c.cycle_in_words(&history).into_iter();
    let steps = steps.map(|step| format!("{}{}", "> ".repeat(step.depth), step.text));
    (
        c.cycle_on_a_line(&history).expect("there is a cycle"),
        steps.collect(),
    )
}

#[test]
fn cycles_tell_what_must_come_before_what() {
    let (line, steps) = cycle(vec![read_nil(2, 3, 4), write(1, 5, 0, 1)]);
    assert_eq!(
        line,
        "write 5 -> returned before -> the read of nil by process 2 -> saw what was overwritten by -> write 5"
    );
    assert_eq!(
        steps,
        [
            "write 5 returned 2.0 ms before the read of nil by process 2 began",
            "the read of nil by process 2 saw nil, which is there before write 5 only",
        ]
    );
    // Two reads that disagree on which of two concurrent writes came last; one of these is of unknown outcome.
    let (line, steps) = cycle(vec![
        info(write(1, 5, 0, 9)),
        write(2, 6, 0, 9),
        read(3, 5, 1, 2),
        read(3, 6, 3, 4),
        read(3, 5, 5, 6),
    ]);
    assert_eq!(
        line,
        "write 5 -> wrote before -> write 6 -> wrote before -> write 5"
    );
    let of = |first: i64, then: i64| {
        [
            format!(
                "write {first} comes before write {then}, since the read of {then} by process 3 saw what only write \
                 {then} wrote, and write {first} comes before that"
            ),
            format!("> the read of {first} by process 3 saw what only write {first} wrote"),
            format!(
                "> the read of {first} by process 3 returned 1.0 ms before the read of {then} by process 3 began, both \
                 of process 3"
            ),
        ]
    };
    assert_eq!(steps, [of(5, 6), of(6, 5)].concat());
    // Two cas from one value.
    let (line, _) = cycle(vec![write(1, 1, 0, 1), cas(2, 1, 2, 2, 5), cas(3, 1, 3, 2, 5)]);
    assert_eq!(
        line,
        "cas 1 -> 2 -> saw what was overwritten by -> cas 1 -> 3 -> saw what was overwritten by -> cas 1 -> 2"
    );
}

#[test]
fn a_register_has_dead_orders() {
    let c = found(vec![write(1, 4, 0, 1), write(1, 5, 2, 3), read(2, 4, 4, 5)]);
    let dead: Vec<(Option<Value>, &[OpIndex])> = c.dead.iter().map(|d| (d.held, &d.order[..])).collect();
    assert_eq!(dead, [(Some(Value(5)), &[OpIndex(0), OpIndex(1)][..])]);
}
