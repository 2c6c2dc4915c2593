//! Limits of time and memory: what is not decided within them is unknown, and what is decided but not explained says so.

use std::time::Duration;

use splitbrain_checker::call::{Call, Calls, Datum};
use splitbrain_checker::history::Outcome;
use splitbrain_checker::linearizable::{Options, Spent};
use splitbrain_checker::model::{BuiltIn, CallVerdict, CallsCounterexample, check_calls};

const OPS: i64 = 4_000;

fn call(number: u64, f: &str, argument: Datum, answer: Datum) -> Call {
    Call {
        process: Datum::Int(0),
        f: f.into(),
        key: None,
        argument,
        answer: Some(answer),
        outcome: Outcome::Ok,
        invoked_ns: 10 * number,
        completed_ns: Some(10 * number + 5),
        error: None,
        events: (0, None),
    }
}

fn calls(calls: impl Iterator<Item = (&'static str, Datum, Datum)>) -> Calls {
    let calls = (0..).zip(calls);
    Calls {
        calls: calls
            .map(|(at, (f, argument, answer))| call(at, f, argument, answer))
            .collect(),
        ..Calls::default()
    }
}

/// A queue in which each element comes out before the next goes in.
fn queue() -> Calls {
    calls((0..OPS).map(|at| match at % 2 {
        0 => ("enqueue", Datum::Int(at), Datum::Int(at)),
        _ => ("dequeue", Datum::Nil, Datum::Int(at - 1)),
    }))
}

/// A set to which elements are added, that is read now and then, and the last time without what was added long ago.
fn set() -> Calls {
    let all = |until: i64| Datum::Vector((0..until).filter(|at| at % 100 > 0).map(Datum::Int).collect());
    let mut set = calls((0..OPS).map(|at| match at % 100 {
        0 => ("read", Datum::Nil, all(at)),
        _ => ("add", Datum::Int(at), Datum::Int(at)),
    }));
    set.calls.push(call(OPS as u64, "read", Datum::Nil, all(OPS / 2)));
    set
}

fn check(calls: &Calls, model: BuiltIn, options: &Options) -> CallVerdict {
    check_calls(calls, model, options)
        .expect("they are of the model")
        .verdict
}

fn counterexample(calls: &Calls, model: BuiltIn, options: &Options) -> CallsCounterexample {
    match check(calls, model, options) {
        CallVerdict::Invalid(found) => *found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_needs_no_search_keeps_to_the_limits_too() {
    let (no_time, no_memory) = (
        Options {
            time_limit: Some(Duration::ZERO),
            ..Options::default()
        },
        Options {
            memory_limit_bytes: 1 << 10,
            ..Options::default()
        },
    );
    let mut long_set = set();
    long_set.calls.pop();
    for (model, calls) in [
        (BuiltIn::FifoQueue, queue()),
        (BuiltIn::Queue, queue()),
        (BuiltIn::Set, long_set),
    ] {
        let whole = check(&calls, model, &Options::default());
        assert!(matches!(whole, CallVerdict::Valid(_)), "{model}: {whole:?}");
        let found = check(&calls, model, &no_time);
        assert!(
            matches!(
                found,
                CallVerdict::Unknown {
                    spent: Spent::Time,
                    ..
                }
            ),
            "{model}: {found:?}"
        );
        // Each value of a bag is an object of its own, and takes next to nothing.
        if model != BuiltIn::Queue {
            let found = check(&calls, model, &no_memory);
            assert!(
                matches!(
                    found,
                    CallVerdict::Unknown {
                        spent: Spent::Memory,
                        ..
                    }
                ),
                "{model}: {found:?}"
            );
        }
    }
}

#[test]
fn a_verdict_stands_when_there_is_no_time_to_shrink() {
    let hurried = Options {
        shrink_time_limit: Duration::ZERO,
        ..Options::default()
    };
    let found = counterexample(&set(), BuiltIn::Set, &hurried);
    assert!(!found.minimal && found.calls.len() > 100, "{found:?}");
    let said = "(the counterexample was not shrunk further: the time limit passed)";
    assert!(found.reason.ends_with(said), "{}", found.reason);
    let found = counterexample(&set(), BuiltIn::Set, &Options::default());
    assert!(found.minimal && !found.reason.contains("not shrunk"), "{found:?}");
}

/// The two values that came out in the wrong order tell all.
#[test]
fn a_long_queue_needs_no_time_to_be_explained() {
    let mut queue = queue();
    let last = queue.calls.len() as u64;
    for (at, value) in (last..).zip([1, 2]) {
        queue
            .calls
            .push(call(at, "enqueue", Datum::Int(-value), Datum::Nil));
    }
    for (at, value) in (last + 2..).zip([2, 1]) {
        queue
            .calls
            .push(call(at, "dequeue", Datum::Nil, Datum::Int(-value)));
    }
    let hurried = Options {
        shrink_time_limit: Duration::ZERO,
        ..Options::default()
    };
    let found = counterexample(&queue, BuiltIn::FifoQueue, &hurried);
    let last = last as u32;
    assert!(
        found.minimal && found.verified && found.calls.len() < 5,
        "{}",
        found.calls.len()
    );
    assert_eq!(found.calls, [last, last + 1, last + 2]);
    assert_eq!(found.culprit, last + 2);
}
