//! Lines of a Jepsen log, as in the histories of etcd of Porcupine's suite: `INFO  jepsen.util - 0`, and between
//! tabs the kind, the function and the value. Other lines are passed over, as logs have many.

use super::Collector;
use super::edn::Reader;
use crate::call::{CallEvent, Datum};
use crate::history::{Outcome, Problem};

/// What stands before each event.
const MARK: &str = "jepsen.util - ";

pub(super) fn read(text: &str, collector: &mut Collector) -> Result<(), (u64, Problem)> {
    let ends_whole = text.ends_with('\n');
    let mut lines = (1_u64..).zip(text.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        let Some((_, event)) = line.split_once(MARK) else {
            continue;
        };
        if lines.peek().is_none() && !ends_whole {
            // Even if it reads well: `write 4` may have been `write 42`.
            return collector.cut_off(text, number);
        }
        if let Some(event) = parse(event).map_err(|why| (number, Problem::Shape(why)))? {
            collector.push(event, number)?;
        }
    }
    if collector.lines.is_empty() {
        return Err((1, Problem::Empty));
    }
    Ok(())
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
            return Err(format!("`{other}` is not :invoke, :ok, :fail or :info"));
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
        .map_err(|error| format!("`{text}` is no value: {}", error.message))
}
