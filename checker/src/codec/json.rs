//! elle-cli's JSON: one array of ops.

use std::fmt;
use std::io::Read;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::events::event;
use super::source::Source;
use super::{Collector, is_blank};
use crate::call::Datum;
use crate::history::Problem;

/// Where integers of 64 bits end, 2^63.
const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;

/// Reads an array of objects; one after the other without an array will do as well.
pub(super) fn read(source: &mut Source<impl Read>, collector: &mut Collector) -> Result<(), (u64, Problem)> {
    source.skip(is_blank)?;
    let in_array = source.rest().starts_with('[');
    source.consume(usize::from(in_array));
    let mut is_first = true;
    loop {
        source.skip(is_blank)?;
        if in_array && source.rest().starts_with(']') {
            source.consume(1);
            break;
        }
        if source.rest().is_empty() {
            return match in_array {
                true => collector.cut_off(source.line(), 0),
                false if collector.lines.is_empty() => Err((1, Problem::Empty)),
                false => Ok(()),
            };
        }
        if in_array && !is_first {
            if !source.rest().starts_with(',') {
                return Err(syntax(source.line(), "a comma is missing between two ops"));
            }
            source.consume(1);
            source.skip(is_blank)?;
        }
        is_first = false;
        match next(source)? {
            Some((value, end)) => {
                let line = source.line_of(end);
                source.consume(end);
                collector.push(event(&value).map_err(|why| (line, Problem::Shape(why)))?, line)?;
            }
            None => return collector.cut_off(source.line(), source.rest().len()),
        }
    }
    source.skip(is_blank)?;
    match (source.rest().is_empty(), collector.lines.is_empty()) {
        (false, _) => Err(syntax(
            source.line(),
            "there is more after the end of the array of ops",
        )),
        (true, true) => Err((1, Problem::Empty)),
        (true, false) => Ok(()),
    }
}

fn syntax(line: u64, message: &str) -> (u64, Problem) {
    let message = message.to_owned();
    (line, Problem::Syntax { column: 0, message })
}

/// The next value, and where it ends in the window; `None` where the input ends before it.
fn next(source: &mut Source<impl Read>) -> Result<Option<(Datum, usize)>, (u64, Problem)> {
    // What is wrong at the end of a window may be right with more of it.
    let mut is_sure = false;
    loop {
        let text = source.rest();
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Datum>();
        let found = stream.next();
        let end = stream.byte_offset();
        match found {
            Some(Ok(value)) if end < text.len() || source.is_ended() => return Ok(Some((value, end))),
            Some(Err(error)) if !error.is_eof() && (is_sure || source.is_ended()) => {
                // The parser counts lines from the start of the op.
                let line = source.line() + error.line().saturating_sub(1) as u64;
                let text = error.to_string();
                return Err(syntax(line, text.split(" at line ").next().unwrap_or(&text)));
            }
            Some(Err(_)) | None if source.is_ended() => return Ok(None),
            Some(Err(error)) => is_sure = !error.is_eof(),
            Some(Ok(_)) | None => {}
        }
        source.fill()?;
    }
}

impl<'de> Deserialize<'de> for Datum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DatumVisitor)
    }
}

struct DatumVisitor;

impl<'de> Visitor<'de> for DatumVisitor {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Datum, E> {
        Ok(Datum::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Datum, E> {
        Ok(Datum::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Datum, E> {
        Ok(Datum::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Datum, E> {
        Ok(i64::try_from(value).map_or_else(|_| Datum::Number(value.to_string().into()), Datum::Int))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Datum, E> {
        // An integer that long comes here as the double next to it, which is that of others as well.
        if value.abs() >= INTEGERS_END {
            return Err(E::custom(
                "a number beyond 64 bits cannot be told from the next one; write it as a string, or the history as EDN",
            ));
        }
        Ok(Datum::Number(format!("{value:?}").into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Datum, E> {
        Ok(Datum::string(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Datum, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Datum::Vector(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Datum, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Datum>()? {
            entries.push((Datum::Str(key.into()), value));
        }
        Ok(Datum::map(entries))
    }
}
