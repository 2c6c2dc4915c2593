//! elle-cli's JSON: one array of ops.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::events::event;
use super::{Collector, LineCounter};
use crate::call::Datum;
use crate::history::Problem;

/// Reads an array of objects; one after the other without an array will do as well.
pub(super) fn read(text: &str, collector: &mut Collector) -> Result<(), (u64, Problem)> {
    let mut lines = LineCounter::new(text);
    let mut at = text.len() - text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).len();
    let in_array = text[at..].starts_with('[');
    at += usize::from(in_array);
    let syntax = |line: u64, message: String| (line, Problem::Syntax { column: 0, message });
    let mut is_first = true;
    loop {
        at += blanks(&text[at..]);
        if in_array && text[at..].starts_with(']') {
            at += 1;
            break;
        }
        if text[at..].is_empty() {
            let line = lines.line(at);
            return if in_array {
                collector.cut_off(text, line)
            } else {
                Ok(())
            };
        }
        if in_array && !is_first {
            if !text[at..].starts_with(',') {
                return Err(syntax(
                    lines.line(at),
                    "a comma is missing between two ops".to_owned(),
                ));
            }
            at += 1;
            at += blanks(&text[at..]);
        }
        is_first = false;
        let mut stream = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Datum>();
        match stream.next() {
            Some(Ok(value)) => {
                at += stream.byte_offset();
                let line = lines.line(at);
                collector.push(event(&value).map_err(|why| (line, Problem::Shape(why)))?, line)?;
            }
            Some(Err(error)) if error.is_eof() => {
                let line = lines.line(at);
                return collector.cut_off(text, line);
            }
            None => {
                let line = lines.line(at);
                return collector.cut_off(text, line);
            }
            Some(Err(error)) => {
                // The parser counts lines from the start of the op.
                let line = lines.line(at) + error.line().saturating_sub(1) as u64;
                let text = error.to_string();
                let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
                return Err(syntax(line, message));
            }
        }
    }
    at += blanks(&text[at..]);
    if at < text.len() {
        return Err(syntax(
            lines.line(at),
            "there is more after the end of the array of ops".to_owned(),
        ));
    }
    Ok(())
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
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

    fn visit_f64<E>(self, value: f64) -> Result<Datum, E> {
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
        Ok(Datum::Map(entries))
    }
}
