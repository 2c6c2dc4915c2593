//! Writes the native format.

use std::io::Write;

use rustc_hash::FxHashMap;

use super::{ExportError, events};
use crate::history::{Answer, Event, EventKind, Header, NativeWriter, Op, Outcome, ProcessId};

/// Writes ops under `header`.
pub(super) fn write(ops: &[Op], header: &Header, sink: impl Write) -> Result<(), ExportError> {
    let mut writer = NativeWriter::new(sink, header)?;
    let processes = processes(ops);
    for event in events(ops, |op| (op.invoked_ns, op.completed_ns)) {
        let mut written = native_event(&ops[event.at], event.is_completion);
        written.process = processes[event.at];
        writer.write(&written)?;
    }
    writer.finish()?;
    Ok(())
}

/// How many ops get another process than they had.
pub(super) fn renamed(ops: &[Op]) -> usize {
    let processes = processes(ops);
    (ops.iter().zip(processes))
        .filter(|(op, process)| op.process != *process)
        .count()
}

/// The process of each op, where none goes on under its name after an op of unknown outcome: others may, ours do not.
fn processes(ops: &[Op]) -> Vec<ProcessId> {
    let mut next = ops.iter().map(|op| op.process.0).max().unwrap_or(0);
    let mut names: FxHashMap<ProcessId, (ProcessId, bool)> = FxHashMap::default();
    let mut order: Vec<usize> = (0..ops.len()).collect();
    order.sort_by_key(|at| ops[*at].invoked_ns);
    let mut processes = vec![ProcessId(0); ops.len()];
    for at in order {
        let (name, is_retired) = names.entry(ops[at].process).or_insert((ops[at].process, false));
        if *is_retired {
            next = next.wrapping_add(1);
            *name = ProcessId(next);
        }
        *is_retired = ops[at].outcome == Outcome::Info;
        processes[at] = *name;
    }
    processes
}

fn native_event(op: &Op, is_completion: bool) -> Event {
    let kind = if is_completion {
        let answer = Answer {
            observed: op.observed,
            version: op.version,
            served_by: op.served_by,
            term: op.term,
            error: op.error,
        };
        match op.outcome {
            Outcome::Ok => EventKind::Ok(answer),
            Outcome::Fail => EventKind::Fail(answer),
            Outcome::Info => EventKind::Info(answer),
        }
    } else {
        EventKind::Invoke {
            read_mode: op.read_mode,
            node: op.node,
        }
    };
    Event {
        time_ns: if is_completion {
            op.completed_ns.unwrap_or(op.invoked_ns)
        } else {
            op.invoked_ns
        },
        process: op.process,
        key: op.key,
        action: op.action,
        kind,
    }
}
