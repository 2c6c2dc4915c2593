//! Events as maps: of Jepsen's EDN, and of JSON.

use std::io::Read;

use super::edn::{Reader, SyntaxError};
use super::source::Source;
use super::{Collector, is_blank};
use crate::call::{CallEvent, Datum, short};
use crate::history::{Outcome, Problem};

/// What is wrong so close to the end of a window may be right with more of it: the length of an escape, `\\ud83d`.
const ESCAPE_BYTES: usize = 8;

/// Reads maps one after the other, or in one vector or list.
pub(super) fn read_edn(
    source: &mut Source<impl Read>,
    collector: &mut Collector,
) -> Result<(), (u64, Problem)> {
    let close = enter(source)?;
    loop {
        source.skip(|c| is_blank(c) || c == ',')?;
        match next(source, close) {
            Next::Op(value, end) => {
                // The value began after blanks, and ends on the line that matters.
                let line = source.line_of(end);
                source.consume(end);
                collector.push(event(&value).map_err(|why| (line, Problem::Shape(why)))?, line)?;
            }
            Next::End(end) => {
                source.consume(end);
                break;
            }
            Next::Unfinished if !source.is_ended() => source.fill()?,
            Next::Unfinished => return collector.cut_off(source.line(), source.rest().len()),
            Next::Broken(error) => return Err(syntax(source.line_of(error.at), error.message)),
        }
    }
    if close.is_some() {
        nothing_more(source)?;
    }
    match collector.lines.is_empty() {
        true => Err((1, Problem::Empty)),
        false => Ok(()),
    }
}

fn syntax(line: u64, message: String) -> (u64, Problem) {
    (line, Problem::Syntax { column: 0, message })
}

/// Whether the ops are in a vector or list: what closes it.
fn enter(source: &mut Source<impl Read>) -> Result<Option<char>, (u64, Problem)> {
    loop {
        source.skip(|c| is_blank(c) || c == ',')?;
        let mut reader = Reader::new(source.rest());
        match reader.enter() {
            // A comment that goes on to the end of the window may go on beyond it.
            Ok(_) if reader.position() == source.rest().len() && !source.is_ended() => {}
            Ok(close) => {
                let end = reader.position();
                source.consume(end);
                return Ok(close);
            }
            Err(error) if error.is_unfinished && !source.is_ended() => {}
            Err(error) if error.at + ESCAPE_BYTES > source.rest().len() && !source.is_ended() => {}
            Err(error) => return Err(syntax(source.line_of(error.at), error.message)),
        }
        source.fill()?;
    }
}

/// What comes next in the window, with where it ends there.
enum Next {
    Op(Datum, usize),
    End(usize),
    Unfinished,
    Broken(SyntaxError),
}

fn next(source: &Source<impl Read>, close: Option<char>) -> Next {
    let mut reader = Reader::new(source.rest());
    let found = match close {
        Some(close) => reader.next_in(close),
        None => reader.next(),
    };
    let end = reader.position();
    let is_closed = close.is_some() && matches!(found, Ok(None));
    // A word that goes on to the end of the window may go on beyond it.
    if end == source.rest().len() && !source.is_ended() && !is_closed {
        return Next::Unfinished;
    }
    match found {
        Ok(Some(value)) => Next::Op(value, end),
        Ok(None) => Next::End(end),
        Err(error) if error.is_unfinished => Next::Unfinished,
        // So is a colon, or the beginning of an escape.
        Err(error) if error.at + ESCAPE_BYTES > source.rest().len() && !source.is_ended() => Next::Unfinished,
        Err(error) => Next::Broken(error),
    }
}

/// That nothing but blanks and comments follows.
fn nothing_more(source: &mut Source<impl Read>) -> Result<(), (u64, Problem)> {
    loop {
        source.skip(|c| is_blank(c) || c == ',')?;
        let line = source.line();
        match next(source, None) {
            Next::End(_) => return Ok(()),
            Next::Unfinished if !source.is_ended() => source.fill()?,
            _ => {
                let message = "there is more after the end of the list of ops".to_owned();
                return Err(syntax(line, message));
            }
        }
    }
}

/// The event that a map stands for.
pub(super) fn event(value: &Datum) -> Result<CallEvent, String> {
    let map = match value {
        // Records, as newer versions of Jepsen write them.
        Datum::Tagged(_, inner) => inner,
        other => other,
    };
    let Datum::Map(_) = map else {
        return Err(format!("an op must be a map, but is {}", value.kind()));
    };
    let field = |name: &str| map.get(name).filter(|value| **value != Datum::Nil);
    let name = |name: &str| match field(name) {
        None => Err(format!("the op has no `{name}`")),
        Some(value) => value
            .as_name()
            .ok_or_else(|| format!("the `{name}` of the op must be a name, but is {}", value.kind())),
    };
    let outcome = match name("type")? {
        "invoke" => None,
        "ok" => Some(Outcome::Ok),
        "fail" => Some(Outcome::Fail),
        "info" => Some(Outcome::Info),
        other => {
            return Err(format!(
                "the `type` of the op is `{}`, not invoke, ok, fail or info",
                short(other)
            ));
        }
    };
    let process = field("process").ok_or("the op has no `process`")?;
    if process.as_int().is_none() && process.as_name().is_none() {
        return Err(format!(
            "the `process` of the op must be a number or a name, but is {}",
            process.kind()
        ));
    }
    let (key, value) = keyed(map.get("value").cloned());
    Ok(CallEvent {
        outcome,
        process: process.clone(),
        f: name("f")?.into(),
        key: field("key").cloned().or(key),
        value,
        time_ns: time(field("time"))?,
        error: field("error").cloned(),
    })
}

/// Pairs of a key and a value are tagged by newer versions of Jepsen.
fn keyed(value: Option<Datum>) -> (Option<Datum>, Option<Datum>) {
    match value {
        Some(Datum::Tagged(tag, pair)) if tag.ends_with("uple") || tag.ends_with("MapEntry") => {
            match pair.elements().as_deref() {
                Some([key, value]) => (Some((*key).clone()), Some((*value).clone())),
                _ => (None, Some(Datum::Tagged(tag, pair))),
            }
        }
        value => (None, value),
    }
}

fn time(value: Option<&Datum>) -> Result<Option<u64>, String> {
    match value {
        None => Ok(None),
        Some(Datum::Int(time)) => match u64::try_from(*time) {
            Ok(time) => Ok(Some(time)),
            // Not a measurement: Jepsen marks unknown times so.
            Err(_) if *time == -1 => Ok(None),
            Err(_) => Err(format!(
                "the `time` of the op is {time}, but must not be negative"
            )),
        },
        Some(other) => Err(format!(
            "the `time` of the op must be an integer of nanoseconds, but is {}",
            other.kind()
        )),
    }
}
