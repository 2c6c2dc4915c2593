//! Ops in a few words, and what is found on a history of them.

use splitbrain_checker::counterexample::Counterexample;
use splitbrain_checker::history::{Action, History, Key, NodeName, Op, Outcome, ProcessId, Value, Version};
use splitbrain_checker::linearizable::{Options, check_linearizable};

/// An op of process `process`, from `start` to `end` ms, that ended ok.
pub(crate) fn op(process: u64, action: Action, start: u64, end: u64) -> Op {
    Op {
        process: ProcessId(process),
        key: Key(7),
        action,
        outcome: Outcome::Ok,
        invoked_ns: start * 1_000_000,
        completed_ns: Some(end * 1_000_000),
        observed: None,
        version: None,
        read_mode: None,
        node: None,
        served_by: None,
        term: None,
        error: None,
    }
}

pub(crate) fn read(process: u64, value: i64, start: u64, end: u64) -> Op {
    Op {
        observed: Some(Some(Value(value))),
        ..op(process, Action::Read, start, end)
    }
}

pub(crate) fn read_nil(process: u64, start: u64, end: u64) -> Op {
    Op {
        observed: Some(None),
        ..op(process, Action::Read, start, end)
    }
}

pub(crate) fn write(process: u64, value: i64, start: u64, end: u64) -> Op {
    op(process, Action::Write { value: Value(value) }, start, end)
}

pub(crate) fn cas(process: u64, from: i64, to: i64, start: u64, end: u64) -> Op {
    op(
        process,
        Action::Cas {
            from: Value(from),
            to: Value(to),
        },
        start,
        end,
    )
}

pub(crate) fn info(mut op: Op) -> Op {
    (op.outcome, op.completed_ns) = (Outcome::Info, None);
    op
}

pub(crate) fn failed(mut op: Op) -> Op {
    op.outcome = Outcome::Fail;
    op
}

pub(crate) fn compare_failed(mut op: Op) -> Op {
    (op.outcome, op.error) = (Outcome::Fail, Some(22));
    op
}

pub(crate) fn at(mut op: Op, version: u64, node: u16) -> Op {
    (op.version, op.served_by, op.term) = (Some(Version(version)), Some(NodeName(node)), Some(1));
    op
}

pub(crate) fn history(mut ops: Vec<Op>) -> History {
    ops.sort_by_key(|op| op.invoked_ns);
    History {
        ops,
        nodes: vec!["n1".to_owned(), "n2".to_owned()],
        ..History::default()
    }
}

pub(crate) fn found(ops: Vec<Op>) -> Counterexample {
    let report = check_linearizable(&history(ops), &Options::default());
    let counterexample = report
        .verdict
        .counterexample()
        .expect("it is not linearizable")
        .clone();
    assert!(counterexample.minimal);
    assert!(counterexample.verified_by.len() >= 2);
    counterexample
}

pub(crate) fn shown(counterexample: &Counterexample) -> Vec<String> {
    counterexample.ops.iter().map(|e| e.op.describe()).collect()
}
