//! Lines of a Jepsen log, as in the histories of etcd of Porcupine's suite: `INFO  jepsen.util - 0`, and between
//! tabs the kind, the function and the value. Other lines are passed over, as logs have many.

use std::io::Read;

use super::Collector;
use super::edn::Reader;
use super::source::Source;
use crate::call::{CallEvent, Datum, short};
use crate::history::{Outcome, Problem};

/// What stands before each event.
const MARK: &str = "jepsen.util - ";

pub(super) fn read(source: &mut Source<impl Read>, collector: &mut Collector) -> Result<(), (u64, Problem)> {
    loop {
        let (rest, number) = (source.rest(), source.line());
        let Some(end) = rest.find('\n') else {
            if source.is_ended() {
                break;
            }
            source.fill()?;
            continue;
        };
        if let Some((_, event)) = rest[..end].split_once(MARK)
            && let Some(event) = parse(event).map_err(|why| (number, Problem::Shape(why)))?
        {
            collector.push(event, number)?;
        }
        source.consume(end + 1);
    }
    if collector.lines.is_empty() {
        return Err((1, Problem::Empty));
    }
    // A last line without an end is not believed, even if it reads well: `write 4` may have been `write 42`.
    match source.rest().len() {
        0 => Ok(()),
        bytes => collector.cut_off(source.line(), bytes),
    }
}

/// `None` where the line says something else.
fn parse(text: &str) -> Result<Option<CallEvent>, String> {
    let fields: Vec<&str> = text.trim_end().split('\t').collect();
    let [process, kind, ref rest @ ..] = fields[..] else {
        return Ok(None);
    };
    let outcome = match kind {
        ":invoke" => None,
        ":ok" => Some(Outcome::Ok),
        ":fail" => Some(Outcome::Fail),
        ":info" => Some(Outcome::Info),
        other if other.starts_with(':') => {
            return Err(format!("`{}` is not :invoke, :ok, :fail or :info", short(other)));
        }
        _ => return Ok(None),
    };
    let process = datum(process)?.filter(|process| process.as_int().is_some() || process.as_name().is_some());
    let process = process.ok_or("the event has no process")?;
    let f = rest
        .first()
        .and_then(|f| f.strip_prefix(':'))
        .ok_or("the event has no function")?;
    let value = match rest.get(1) {
        Some(value) => datum(value)?,
        None => None,
    };
    // What a completion of unknown outcome gives instead of a value.
    let is_error =
        outcome.is_some_and(|outcome| outcome != Outcome::Ok) && matches!(value, Some(Datum::Keyword(_)));
    let (value, error) = if is_error { (None, value) } else { (value, None) };
    Ok(Some(CallEvent {
        outcome,
        process,
        f: f.into(),
        key: None,
        value,
        time_ns: None,
        error,
    }))
}

fn datum(text: &str) -> Result<Option<Datum>, String> {
    Reader::new(text)
        .next()
        .map_err(|error| format!("`{}` is no value: {}", short(text), error.message))
}
