//! Writes histories in the formats of other tools. What is read back is what was written, as far as the format can
//! hold it; what it cannot is told.

mod event;
mod loss;
mod native;
mod to_calls;

use std::io::{self, Write};

use serde_json::{Map, Number, Value as Json};

pub use loss::Loss;

use super::{Content, Format};
use crate::call::{Calls, Datum, short};
use crate::history::{DataModel, Header};
use event::{AnyEvent, all_events, events, fields, writes_pairs};

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
    #[error(
        "op {call}, `{what}`, is none of a register with integers as keys and values, which alone the native format can hold; write it as jepsen-edn"
    )]
    NotRegisters {
        /// The call's position.
        call: usize,
        /// The call.
        what: String,
    },
    /// JSON has fewer kinds of values than EDN.
    #[error("op {call} has {kind}, which JSON cannot hold; write it as jepsen-edn")]
    NotJson {
        /// The call's position.
        call: usize,
        /// What it has.
        kind: &'static str,
    },
}

/// Writes a history to `sink`, and tells what of it `format` cannot hold.
///
/// # Errors
/// If the sink fails, the format is only read, or it cannot hold an op at all.
pub fn export(content: &Content, format: Format, sink: impl Write) -> Result<Vec<Loss>, ExportError> {
    match (content, format) {
        (Content::Native(parsed), Format::Native) => {
            let header = Header {
                nodes: parsed.history.nodes.clone(),
                read_modes: parsed.history.read_modes.clone(),
                ..parsed.header.clone()
            };
            native::write(&parsed.history.ops, &header, sink)?;
            Ok(Vec::new())
        }
        (Content::Native(parsed), _) => {
            let mut losses = loss::of_history(&parsed.history);
            losses.extend(export_calls(&to_calls::to_calls(&parsed.history), format, sink)?);
            Ok(losses)
        }
        (Content::Calls(calls), _) => export_calls(calls, format, sink),
    }
}

/// Writes calls to `sink`, and tells what of them `format` cannot hold.
///
/// # Errors
/// As [`export`].
pub fn export_calls(calls: &Calls, format: Format, mut sink: impl Write) -> Result<Vec<Loss>, ExportError> {
    let pairs = writes_pairs(calls);
    match format {
        Format::Native => return to_native(calls, sink),
        Format::JepsenEdn => {
            for (number, event) in (0_u64..).zip(all_events(calls)) {
                writeln!(sink, "{}", edn(calls, &event, number, pairs))?;
            }
        }
        Format::ElleJson => {
            sink.write_all(b"[")?;
            for (number, event) in (0_u64..).zip(all_events(calls)) {
                sink.write_all(if number == 0 { b"\n" } else { b",\n" })?;
                let json = json(calls, &event, number, pairs)?;
                serde_json::to_writer(&mut sink, &json).map_err(io::Error::from)?;
            }
            sink.write_all(b"\n]\n")?;
        }
        Format::KnossosLog | Format::PorcupineKv => return Err(ExportError::ReadOnly(format)),
    }
    sink.flush()?;
    Ok(loss::of_calls(calls, format))
}

fn to_native(calls: &Calls, sink: impl Write) -> Result<Vec<Loss>, ExportError> {
    let Some(history) = super::to_registers(calls) else {
        let is_none = |call: &&crate::call::Call| super::registers::op(call, false).is_none();
        let at = calls.calls.iter().position(|call| is_none(&call)).unwrap_or(0);
        return Err(ExportError::NotRegisters {
            call: at,
            what: short(&calls.calls[at].to_string()).into_owned(),
        });
    };
    let has_cas = calls.calls.iter().any(|call| &*call.f == "cas");
    let header = Header {
        model: match has_cas {
            true => DataModel::CasRegister,
            false => DataModel::Register,
        },
        ..Header::default()
    };
    native::write(&history.ops, &header, sink)?;
    Ok(loss::to_native(calls, &history.ops))
}

fn edn(calls: &Calls, event: &AnyEvent, number: u64, pairs: bool) -> Datum {
    let key = |name: &str| Datum::Keyword(name.into());
    let fields = fields(calls, event, number, pairs).into_iter();
    // In an order that people are used to: it is only written.
    Datum::Map(fields.map(|(name, value)| (key(name), value)).collect())
}

fn json(calls: &Calls, event: &AnyEvent, number: u64, pairs: bool) -> Result<Json, ExportError> {
    let at = match event {
        AnyEvent::Call(event) => event.at,
        AnyEvent::Nemesis(at) => *at,
    };
    let fields = fields(calls, event, number, pairs).into_iter();
    let fields = fields.map(|(name, value)| match to_json(&value) {
        Ok(json) => Ok((name.to_owned(), json)),
        Err(kind) => Err(ExportError::NotJson { call: at, kind }),
    });
    Ok(Json::Object(fields.collect::<Result<Map<_, _>, _>>()?))
}

/// Whether what reads a number takes it for the value that it was: JSON has no integers beyond 64 bits.
fn is_read_back(number: &Number, value: &Datum) -> bool {
    serde_json::from_str::<Datum>(&number.to_string()).is_ok_and(|read| read == *value)
}

/// Names become strings: what reads them takes either.
fn to_json(value: &Datum) -> Result<Json, &'static str> {
    Ok(match value {
        Datum::Nil => Json::Null,
        Datum::Bool(value) => Json::Bool(*value),
        Datum::Int(value) => Json::from(*value),
        // EDN marks integers of any length.
        Datum::Number(text) => match serde_json::from_str::<Number>(text.strip_suffix('N').unwrap_or(text)) {
            Ok(number) if is_read_back(&number, value) => Json::Number(number),
            _ => return Err(value.kind()),
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
