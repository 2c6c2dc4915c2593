//! Writes histories in the formats of other tools. What is read back is what was written, as far as the format can
//! hold it.

use std::io::{self, Write};

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use super::Format;
use crate::call::{Call, Calls, Datum};
use crate::history::{
    Action, Answer, DataModel, Event, EventKind, Header, History, NativeWriter, Op, Outcome, ProcessId, Value,
};

/// Why a history cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The sink failed.
    #[error("cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The format is only read.
    #[error("histories are not written as {0}, only as native, jepsen-edn and elle-json")]
    ReadOnly(Format),
    /// The native format holds registers of integers alone.
    #[error("the history is none of registers with integers, which alone the native format can hold")]
    NotRegisters,
    /// A name that stands for several values, for JSON has fewer kinds of them than EDN.
    #[error("op {call} has {kind}, which JSON cannot hold; write it as jepsen-edn")]
    NotJson {
        /// The call's position.
        call: usize,
        /// What it has.
        kind: &'static str,
    },
}

/// Writes a history of registers.
///
/// # Errors
/// If the sink fails, or the format is only read.
pub fn export_history(history: &History, format: Format, sink: impl Write) -> Result<(), ExportError> {
    if format != Format::Native {
        return export_calls(&to_calls(history), format, sink);
    }
    let header = Header {
        model: DataModel::CasRegister,
        nodes: history.nodes.clone(),
        read_modes: history.read_modes.clone(),
    };
    let mut writer = NativeWriter::new(sink, &header)?;
    let processes = processes(&history.ops);
    for event in events(&history.ops, |op| (op.invoked_ns, op.completed_ns)) {
        let mut written = native_event(&history.ops[event.at], event.is_completion);
        written.process = processes[event.at];
        writer.write(&written)?;
    }
    writer.finish()?;
    Ok(())
}

/// Writes calls.
///
/// # Errors
/// If the sink fails, or the format cannot hold them.
pub fn export_calls(calls: &Calls, format: Format, mut sink: impl Write) -> Result<(), ExportError> {
    match format {
        Format::Native => {
            let history = super::to_registers(calls).ok_or(ExportError::NotRegisters)?;
            export_history(&history, format, sink)
        }
        Format::JepsenEdn => {
            for (number, event) in (0_u64..).zip(all_events(calls)) {
                writeln!(sink, "{}", edn(calls, &event, number))?;
            }
            Ok(sink.flush()?)
        }
        Format::ElleJson => {
            sink.write_all(b"[")?;
            for (number, event) in (0_u64..).zip(all_events(calls)) {
                sink.write_all(if number == 0 { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut sink, &json(calls, &event, number)?).map_err(io::Error::from)?;
            }
            sink.write_all(b"\n]\n")?;
            Ok(sink.flush()?)
        }
        Format::KnossosLog | Format::PorcupineKv => Err(ExportError::ReadOnly(format)),
    }
}

/// An event of an op, by the op's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OneEvent {
    time_ns: u64,
    /// At one time what ends comes after what begins, as intervals are closed.
    is_completion: bool,
    at: usize,
}

fn events<T>(ops: &[T], interval: impl Fn(&T) -> (u64, Option<u64>)) -> Vec<OneEvent> {
    let mut events: Vec<OneEvent> = Vec::with_capacity(2 * ops.len());
    for (at, op) in ops.iter().enumerate() {
        let (start, end) = interval(op);
        let event = |time_ns, is_completion| OneEvent {
            time_ns,
            is_completion,
            at,
        };
        events.push(event(start, false));
        events.extend(end.map(|end| event(end, true)));
    }
    events.sort_unstable();
    events
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

/// A history of registers as calls. Versions, nodes and read modes have no place there.
fn to_calls(history: &History) -> Calls {
    let value = |value: Value| Datum::Int(value.0);
    let call = |op: &Op| {
        let (f, argument) = match op.action {
            Action::Read => ("read", Datum::Nil),
            Action::Write { value: written } => ("write", value(written)),
            Action::Cas { from, to } => ("cas", Datum::Vector(vec![value(from), value(to)])),
        };
        let answer = match (op.action, op.outcome) {
            (Action::Read, Outcome::Ok) => op.observed.flatten().map_or(Datum::Nil, value),
            _ => argument.clone(),
        };
        Call {
            process: Datum::Int(op.process.0 as i64),
            f: f.into(),
            key: Some(Datum::Int(op.key.0 as i64)),
            argument,
            answer: op.completed_ns.map(|_| answer),
            outcome: op.outcome,
            invoked_ns: op.invoked_ns,
            completed_ns: op.completed_ns,
            error: op.error.map(|code| Datum::Int(code.into())),
            events: (0, None),
        }
    };
    Calls {
        calls: history.ops.iter().map(call).collect(),
        has_times: true,
        ..Calls::default()
    }
}

/// An event of a call, or of a fault injector.
enum AnyEvent {
    Call(OneEvent),
    Nemesis(usize),
}

fn all_events(calls: &Calls) -> Vec<AnyEvent> {
    let mut all: Vec<(u64, u64, AnyEvent)> =
        events(&calls.calls, |call| (call.invoked_ns, call.completed_ns))
            .into_iter()
            .map(|event| {
                let (start, end) = calls.calls[event.at].events;
                let number = if event.is_completion {
                    end.unwrap_or(0)
                } else {
                    start
                };
                (event.time_ns, number, AnyEvent::Call(event))
            })
            .collect();
    let nemesis = calls.nemesis.iter().enumerate();
    all.extend(nemesis.map(|(at, event)| (event.time_ns, event.event, AnyEvent::Nemesis(at))));
    // A stable order: events of one time stay as they were recorded.
    all.sort_by_key(|(time, number, _)| (*time, *number));
    all.into_iter().map(|(.., event)| event).collect()
}

/// The fields of an event, in the order in which Jepsen has them.
fn fields(calls: &Calls, event: &AnyEvent, number: u64) -> Vec<(&'static str, Datum)> {
    let word = |word: &str| Datum::Keyword(word.into());
    let time = |time_ns: u64| {
        calls
            .has_times
            .then(|| ("time", Datum::Int(time_ns.min(i64::MAX as u64) as i64)))
    };
    let (kind, process, f, value, time, error) = match event {
        AnyEvent::Nemesis(at) => {
            let event = &calls.nemesis[*at];
            (
                "info",
                &event.process,
                &event.f,
                Some(event.value.clone()),
                time(event.time_ns),
                None,
            )
        }
        AnyEvent::Call(event) => {
            let call = &calls.calls[event.at];
            let (kind, value) = match (event.is_completion, call.outcome) {
                (false, _) => ("invoke", Some(&call.argument)),
                (true, Outcome::Ok) => ("ok", call.answer.as_ref()),
                (true, Outcome::Fail) => ("fail", call.answer.as_ref()),
                (true, Outcome::Info) => ("info", call.answer.as_ref()),
            };
            let value = value.map(|value| match &call.key {
                Some(key) => Datum::Vector(vec![key.clone(), value.clone()]),
                None => value.clone(),
            });
            let error = call.error.clone().filter(|_| event.is_completion);
            (kind, &call.process, &call.f, value, time(event.time_ns), error)
        }
    };
    let fields = [
        Some(("index", Datum::Int(number as i64))),
        time,
        Some(("type", word(kind))),
        Some(("process", process.clone())),
        Some(("f", word(f))),
        value.map(|value| ("value", value)),
        error.map(|error| ("error", error)),
    ];
    fields.into_iter().flatten().collect()
}

fn edn(calls: &Calls, event: &AnyEvent, number: u64) -> Datum {
    let key = |name: &str| Datum::Keyword(name.into());
    let fields = fields(calls, event, number);
    Datum::Map(
        fields
            .into_iter()
            .map(|(name, value)| (key(name), value))
            .collect(),
    )
}

fn json(calls: &Calls, event: &AnyEvent, number: u64) -> Result<Json, ExportError> {
    let at = match event {
        AnyEvent::Call(event) => event.at,
        AnyEvent::Nemesis(at) => *at,
    };
    let fields = fields(calls, event, number).into_iter();
    let fields = fields.map(|(name, value)| match to_json(&value) {
        Ok(json) => Ok((name.to_owned(), json)),
        Err(kind) => Err(ExportError::NotJson { call: at, kind }),
    });
    Ok(Json::Object(fields.collect::<Result<Map<_, _>, _>>()?))
}

/// Names become strings: what reads them takes either.
fn to_json(value: &Datum) -> Result<Json, &'static str> {
    Ok(match value {
        Datum::Nil => Json::Null,
        Datum::Bool(value) => Json::Bool(*value),
        Datum::Int(value) => Json::from(*value),
        Datum::Number(text) => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => Json::Number(number),
            Err(_) => return Err(value.kind()),
        },
        Datum::Str(text) | Datum::Keyword(text) | Datum::Symbol(text) => Json::String(text.to_string()),
        Datum::Vector(items) | Datum::List(items) => {
            Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?)
        }
        Datum::Set(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Datum::Map(entries) => {
            let entry = |(key, value): &(Datum, Datum)| {
                let key = key.as_name().map_or_else(|| key.to_string(), str::to_owned);
                Ok::<_, &'static str>((key, to_json(value)?))
            };
            Json::Object(entries.iter().map(entry).collect::<Result<_, _>>()?)
        }
        Datum::Char(_) | Datum::Tagged(..) => return Err(value.kind()),
    })
}
