//! Times at the end of all time: whoever looks at a history takes them for the same.

use crate::call::{Call, Calls, Datum};
use crate::certificate::{certify, verify_registers};
use crate::history::{Action, History, Key, Op, Outcome, ProcessId, Value};
use crate::linearizable::{Options, check_linearizable};
use crate::model::{BuiltIn, CallVerdict, check_calls};
use crate::orders::OrdersEnd;

/// Beyond what algorithms tell apart.
const LATE: [u64; 4] = [u64::MAX - 3, u64::MAX - 2, u64::MAX - 1, u64::MAX];

fn calls() -> Calls {
    let call = |(number, (f, argument, answer, start, end)): (usize, (&str, Datum, Datum, u64, u64))| Call {
        process: Datum::Int(number as i64),
        f: f.into(),
        key: None,
        argument,
        answer: Some(answer),
        outcome: Outcome::Ok,
        invoked_ns: start,
        completed_ns: Some(end),
        error: None,
        events: (0, None),
    };
    let one = || Datum::Int(1);
    let calls = [
        ("pop", Datum::Nil, one(), LATE[2], LATE[2]),
        ("push", one(), Datum::Nil, LATE[3], LATE[0]),
        ("pop", Datum::Nil, Datum::Nil, LATE[3], LATE[3]),
    ];
    Calls {
        calls: calls.into_iter().enumerate().map(call).collect(),
        ..Calls::default()
    }
}

#[test]
fn orders_and_validators_take_late_calls_as_the_check_does() {
    for model in [BuiltIn::Stack, BuiltIn::FifoQueue, BuiltIn::Queue] {
        let calls = calls();
        let report = check_calls(&calls, model, &Options::default()).expect("they are of the model");
        let CallVerdict::Valid(orders) = &report.verdict else {
            panic!("{model}: {report:?}");
        };
        assert_eq!(model.verify_orders(&calls, orders), Ok(Ok(())));
        let certificate = model.certificate(&calls, &report.verdict);
        let certificate = certificate
            .expect("they are of the model")
            .expect("it is a verdict");
        assert_eq!(model.verify_certificate(&calls, &certificate), Ok(Ok(())));
        let found = model
            .find_orders(&calls, &Options::default())
            .expect("they are of the model");
        assert!(
            found.iter().all(|object| object.end == OrdersEnd::Linearizable),
            "{found:?}"
        );
    }
}

#[test]
fn certificates_of_registers_take_late_ops_as_the_check_does() {
    let op = |action: Action, start: u64, end: u64| Op {
        process: ProcessId(start),
        key: Key(0),
        action,
        outcome: Outcome::Ok,
        invoked_ns: start,
        completed_ns: Some(end),
        observed: (action == Action::Read).then_some(Some(Value(1))),
        version: None,
        read_mode: None,
        node: None,
        served_by: None,
        term: None,
        error: None,
    };
    let history = History {
        ops: vec![
            op(Action::Read, LATE[1], LATE[1]),
            op(Action::Write { value: Value(1) }, LATE[3], LATE[3]),
        ],
        ..History::default()
    };
    let verdict = check_linearizable(&history, &Options::default()).verdict;
    assert!(verdict.is_valid(), "{verdict:?}");
    let certificate = certify(&history, &verdict, &Options::default()).expect("it is valid");
    assert_eq!(verify_registers(&history, &certificate), Ok(()));
}
