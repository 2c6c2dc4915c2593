//! Reads the native format: JSON Lines, a header and then one event a line. The file is streamed, and is of use
//! up to its last whole line however the recording ended.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::native_lines::{Sizes, for_each_line};
use super::{
    Action, Answer, DataModel, Event, EventKind, Header, History, HistoryBuilder, Key, NodeName, Problem,
    ProcessId, ReadError, ReadModeId, Value, Version, Warning,
};

/// What the field `splitbrain` of the header says.
pub(super) const MAGIC: &str = "history";
/// The version of the format.
pub(super) const VERSION: u32 = 1;
/// No event comes near this length; a longer line is no history, and must not fill the memory.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Its header.
    pub header: Header,
    /// Its ops.
    pub history: History,
    /// What was lost.
    pub warnings: Vec<Warning>,
}

/// Reads the file at `path`.
///
/// # Errors
/// When it cannot be read, is no native history, or breaks a rule of histories: with the line, and why.
pub fn read_native_file(path: &Path) -> Result<Parsed, ReadError> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => read_native(BufReader::with_capacity(1 << 18, file), &name),
        Err(error) => Err(ReadError {
            file: name,
            line: 0,
            problem: error.into(),
        }),
    }
}

/// Reads a history from `input`, which errors call `name`.
///
/// # Errors
/// As [`read_native_file`].
pub fn read_native(input: impl BufRead, name: &str) -> Result<Parsed, ReadError> {
    read_in_pieces(input, name, Sizes::default())
}

/// Reads a history that is cut to pieces of these sizes.
fn read_in_pieces(mut input: impl BufRead, name: &str, sizes: Sizes) -> Result<Parsed, ReadError> {
    let mut line = 0;
    read_lines(&mut input, sizes, &mut line).map_err(|problem| ReadError {
        file: name.to_owned(),
        line,
        problem,
    })
}

fn read_lines(input: &mut impl BufRead, sizes: Sizes, number: &mut u64) -> Result<Parsed, Problem> {
    *number = 1;
    let header = read_header(input)?;
    let mut builder = HistoryBuilder::new(&header);
    let names = Names::new(&header);
    let mut events = 0;
    let warning = for_each_line(input, sizes, number, |line| {
        line.check_index(events)?;
        builder.push(&line.into_event(&header, &names, &builder)?)?;
        events += 1;
        Ok(())
    })?;
    Ok(Parsed {
        header,
        history: builder.finish(),
        warnings: warning.into_iter().collect(),
    })
}

fn read_header(input: &mut impl BufRead) -> Result<Header, Problem> {
    let mut line = Vec::new();
    let mut bounded = input.take(MAX_LINE_BYTES as u64 + 1);
    let read = bounded.read_until(b'\n', &mut line)?;
    if read == 0 {
        return Err(Problem::Empty);
    }
    if read > MAX_LINE_BYTES && line.last() != Some(&b'\n') {
        return Err(Problem::LineTooLong);
    }
    parse_header(&line)
}

#[derive(Deserialize)]
struct HeaderLine {
    splitbrain: String,
    version: u32,
    #[serde(flatten)]
    header: Header,
}

fn parse_header(line: &[u8]) -> Result<Header, Problem> {
    let parsed: HeaderLine = serde_json::from_slice(line).map_err(|e| Problem::Header(e.to_string()))?;
    if parsed.splitbrain != MAGIC {
        return Err(Problem::Header(format!(
            "`splitbrain` is `{}`, not `{MAGIC}`",
            parsed.splitbrain
        )));
    }
    if parsed.version != VERSION {
        return Err(Problem::Version(parsed.version));
    }
    if parsed.header.nodes.len() > usize::from(u16::MAX)
        || parsed.header.read_modes.len() > usize::from(u8::MAX)
    {
        return Err(Problem::Header("too many nodes or read modes".to_owned()));
    }
    for (what, names) in [
        ("node", &parsed.header.nodes),
        ("read mode", &parsed.header.read_modes),
    ] {
        let mut seen = FxHashSet::default();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(Problem::Header(format!("the {what} `{twice}` is named twice")));
        }
    }
    Ok(parsed.header)
}

/// Parses one line as JSON.
pub(super) fn parse_line(line: &[u8]) -> Result<Line<'_>, Problem> {
    serde_json::from_slice(line).map_err(|error| syntax(&error))
}

fn syntax(error: &serde_json::Error) -> Problem {
    // The parser sees one line at a time: its own "at line 1" would mislead.
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    Problem::Syntax {
        column: error.column(),
        message,
    }
}

/// The ids of the names in the header.
struct Names {
    nodes: FxHashMap<String, NodeName>,
    read_modes: FxHashMap<String, ReadModeId>,
}

impl Names {
    fn new(header: &Header) -> Self {
        let nodes = (0..).map(NodeName);
        let read_modes = (0..).map(ReadModeId);
        Self {
            nodes: header.nodes.iter().cloned().zip(nodes).collect(),
            read_modes: header.read_modes.iter().cloned().zip(read_modes).collect(),
        }
    }

    fn node(&self, name: Option<Name<'_>>) -> Result<Option<NodeName>, Problem> {
        look_up(&self.nodes, "node", name)
    }

    fn read_mode(&self, name: Option<Name<'_>>) -> Result<Option<ReadModeId>, Problem> {
        look_up(&self.read_modes, "read mode", name)
    }
}

fn look_up<T: Copy>(
    ids: &FxHashMap<String, T>,
    what: &'static str,
    name: Option<Name<'_>>,
) -> Result<Option<T>, Problem> {
    let Some(Name(name)) = name else { return Ok(None) };
    match ids.get(name.as_ref()) {
        Some(id) => Ok(Some(*id)),
        None => Err(Problem::UnknownName {
            what,
            name: name.into_owned(),
        }),
    }
}

/// One line, before its names and its invocation are looked up. Fields that are not known are passed over.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Line<'a> {
    pub(super) index: Option<u64>,
    pub(super) time: u64,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) process: u64,
    pub(super) f: F,
    pub(super) key: u64,
    #[serde(default)]
    pub(super) value: Field,
    #[serde(borrow, default)]
    pub(super) read_mode: Option<Name<'a>>,
    #[serde(borrow, default)]
    pub(super) node: Option<Name<'a>>,
    #[serde(borrow, default)]
    pub(super) served_by: Option<Name<'a>>,
    pub(super) version: Option<u64>,
    pub(super) term: Option<u64>,
    pub(super) error: Option<u16>,
    #[serde(default)]
    pub(super) found: Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum F {
    Read,
    Write,
    Cas,
}

impl Line<'_> {
    /// A line that was lost could turn a history that breaks its model into one that keeps it, or the other way.
    fn check_index(&self, expected: u64) -> Result<(), Problem> {
        match self.index {
            Some(index) if index != expected => Err(Problem::Index { index, expected }),
            _ => Ok(()),
        }
    }

    fn into_event(self, header: &Header, names: &Names, builder: &HistoryBuilder) -> Result<Event, Problem> {
        let process = ProcessId(self.process);
        if self.f == F::Cas && header.model == DataModel::Register {
            return Err(Problem::NoCas);
        }
        let action = if self.kind == Kind::Invoke {
            self.invoked_action()?
        } else {
            self.completed_action(builder.open_op(process).map(|op| op.action))?
        };
        let kind = if self.kind == Kind::Invoke {
            EventKind::Invoke {
                read_mode: names.read_mode(self.read_mode)?,
                node: names.node(self.node)?,
            }
        } else {
            let observed = if self.f == F::Read { self.value } else { self.found };
            let answer = Answer {
                observed: observed.observed(if self.f == F::Read { "read" } else { "failed cas" })?,
                version: self.version.map(Version),
                served_by: names.node(self.served_by)?,
                term: self.term,
                error: self.error,
            };
            match self.kind {
                Kind::Ok => EventKind::Ok(answer),
                Kind::Fail => EventKind::Fail(answer),
                Kind::Invoke | Kind::Info => EventKind::Info(answer),
            }
        };
        Ok(Event {
            time_ns: self.time,
            process,
            key: Key(self.key),
            action,
            kind,
        })
    }

    fn invoked_action(&self) -> Result<Action, Problem> {
        match (self.f, self.value) {
            (F::Read, Field::Absent | Field::Null) => Ok(Action::Read),
            (F::Read, _) => Err(Problem::WrongValue {
                f: "read that is invoked",
                expected: "absent or null",
            }),
            (F::Write, Field::Int(value)) => Ok(Action::Write { value: Value(value) }),
            (F::Write, _) => Err(Problem::WrongValue {
                f: "write",
                expected: "an integer",
            }),
            (F::Cas, Field::Pair(from, to)) => Ok(Action::Cas {
                from: Value(from),
                to: Value(to),
            }),
            (F::Cas, _) => Err(Problem::WrongValue {
                f: "cas",
                expected: "two integers, [from, to]",
            }),
        }
    }

    /// A completion may leave the value of its write or cas to the invocation.
    fn completed_action(&self, open: Option<Action>) -> Result<Action, Problem> {
        match (self.f, self.value, open) {
            (F::Read, ..) => Ok(Action::Read),
            (F::Write, Field::Absent, Some(action @ Action::Write { .. }))
            | (F::Cas, Field::Absent, Some(action @ Action::Cas { .. })) => Ok(action),
            _ => self.invoked_action(),
        }
    }
}

/// A string of the line, without a copy where it has no escapes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// A field that tells "absent" from "null", and holds what a value may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Field {
    #[default]
    Absent,
    Null,
    Int(i64),
    Pair(i64, i64),
}

impl Field {
    fn observed(self, f: &'static str) -> Result<Option<Option<Value>>, Problem> {
        match self {
            Self::Absent => Ok(None),
            Self::Null => Ok(Some(None)),
            Self::Int(value) => Ok(Some(Some(Value(value)))),
            Self::Pair(..) => Err(Problem::WrongValue {
                f,
                expected: "an integer or null",
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, an integer, or [from, to]")
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Field, E> {
        Ok(Field::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Field, E> {
        i64::try_from(value)
            .map(Field::Int)
            .map_err(|_| E::custom("the value is beyond 64-bit signed integers"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
        let mut next = || {
            seq.next_element::<i64>()?
                .ok_or_else(|| A::Error::custom("expected [from, to]"))
        };
        let (from, to) = (next()?, next()?);
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(Field::Pair(from, to)),
            Some(_) => Err(A::Error::custom("expected [from, to]")),
        }
    }
}
