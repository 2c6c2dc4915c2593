//! Events as maps: of Jepsen's EDN, and of JSON.

use super::edn::Reader;
use super::{Collector, LineCounter};
use crate::call::{CallEvent, Datum};
use crate::history::{Outcome, Problem};

/// Reads maps one after the other, or in one vector or list.
pub(super) fn read_edn(text: &str, collector: &mut Collector) -> Result<(), (u64, Problem)> {
    let mut lines = LineCounter::new(text);
    let mut reader = Reader::new(text.trim_start_matches('\u{feff}'));
    let syntax = |line: u64, error: &super::edn::SyntaxError| {
        let message = error.message.clone();
        (line, Problem::Syntax { column: 0, message })
    };
    let close = reader.enter().map_err(|error| syntax(1, &error))?;
    loop {
        let start = reader.position();
        let value = match close {
            Some(close) => reader.next_in(close),
            None => reader.next(),
        };
        match value {
            Ok(Some(value)) => {
                // The value began after blanks, and ends on the line that matters.
                let line = lines.line(reader.position());
                collector.push(event(&value).map_err(|why| (line, Problem::Shape(why)))?, line)?;
            }
            Ok(None) => break,
            Err(error) if error.is_unfinished => {
                let blanks = text[start..].len() - text[start..].trim_start().len();
                let line = lines.line((start + blanks).min(text.len()));
                return collector.cut_off(text, line);
            }
            Err(error) => return Err(syntax(lines.line(error.at), &error)),
        }
    }
    match (close, reader.next()) {
        (None, _) | (_, Ok(None)) => Ok(()),
        (Some(_), _) => {
            let line = lines.line(reader.position());
            let message = "there is more after the end of the list of ops".to_owned();
            Err((line, Problem::Syntax { column: 0, message }))
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
                "the `type` of the op is `{other}`, not invoke, ok, fail or info"
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
