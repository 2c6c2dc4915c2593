//! Writes the native format: JSON Lines, a header and then one event a line.
//!
//! The recorder of a run sits in its busiest path, so lines are formatted by hand into one buffer: no allocation
//! and no serialiser per event.

use std::io::{self, Write};

use serde::Serialize;

use super::native::{MAGIC, VERSION};
use super::{Action, Answer, Event, EventKind, Header, Value};

/// How much is collected before it goes to the sink.
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Serialize)]
struct HeaderLine<'a> {
    splitbrain: &'static str,
    version: u32,
    #[serde(flatten)]
    header: &'a Header,
}

/// A streaming writer. It hands whole lines to its sink, in blocks: call [`NativeWriter::flush`] as often as the
/// tail of the history is dear, and [`NativeWriter::finish`] at the end. What was not flushed is lost on drop.
#[derive(Debug)]
pub struct NativeWriter<W: Write> {
    sink: W,
    buffer: Vec<u8>,
    next_index: u64,
    /// Names as JSON strings, quotes included.
    nodes: Vec<Vec<u8>>,
    read_modes: Vec<Vec<u8>>,
}

impl<W: Write> NativeWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn new(sink: W, header: &Header) -> io::Result<Self> {
        let quoted = |names: &[String]| {
            names
                .iter()
                .map(serde_json::to_vec)
                .collect::<Result<Vec<_>, _>>()
        };
        let mut writer = Self {
            sink,
            buffer: Vec::with_capacity(BUFFER_BYTES + 1024),
            next_index: 0,
            nodes: quoted(&header.nodes)?,
            read_modes: quoted(&header.read_modes)?,
        };
        serde_json::to_writer(
            &mut writer.buffer,
            &HeaderLine {
                splitbrain: MAGIC,
                version: VERSION,
                header,
            },
        )?;
        writer.buffer.push(b'\n');
        writer.flush()?;
        Ok(writer)
    }

    /// Appends one event. Its index in the file is the number of events before it.
    ///
    /// # Errors
    /// When the sink fails, or when the event has a node or read mode that the header does not name.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        let start = self.buffer.len();
        if let Err(error) = self.format(event) {
            self.buffer.truncate(start);
            return Err(error);
        }
        self.next_index += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.drain()
        } else {
            Ok(())
        }
    }

    /// Hands everything to the sink, and flushes that.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.sink.flush()
    }

    /// Flushes, and gives the sink back.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.sink)
    }

    fn drain(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn format(&mut self, event: &Event) -> io::Result<()> {
        let out = &mut self.buffer;
        let (kind, f) = (kind_name(&event.kind), f_name(event.action));
        number(out, b"{\"index\":", self.next_index);
        number(out, b",\"time\":", event.time_ns);
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(kind);
        number(out, b"\",\"process\":", event.process.0);
        out.extend_from_slice(b",\"f\":\"");
        out.extend_from_slice(f);
        number(out, b"\",\"key\":", event.key.0);
        match event.action {
            Action::Read => {}
            Action::Write { value } => signed(out, b",\"value\":", value.0),
            Action::Cas { from, to } => {
                signed(out, b",\"value\":[", from.0);
                signed(out, b",", to.0);
                out.push(b']');
            }
        }
        match event.kind {
            EventKind::Invoke { read_mode, node } => {
                name(
                    out,
                    b",\"read_mode\":",
                    &self.read_modes,
                    read_mode.map(|m| usize::from(m.0)),
                )?;
                name(out, b",\"node\":", &self.nodes, node.map(|n| usize::from(n.0)))?;
            }
            EventKind::Ok(answer) | EventKind::Fail(answer) | EventKind::Info(answer) => {
                format_answer(out, &self.nodes, event.action, &answer)?;
            }
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

fn format_answer(out: &mut Vec<u8>, nodes: &[Vec<u8>], action: Action, answer: &Answer) -> io::Result<()> {
    if let Some(observed) = answer.observed {
        let field: &[u8] = if action == Action::Read {
            b",\"value\":"
        } else {
            b",\"found\":"
        };
        match observed {
            Some(Value(value)) => signed(out, field, value),
            None => {
                out.extend_from_slice(field);
                out.extend_from_slice(b"null");
            }
        }
    }
    if let Some(version) = answer.version {
        number(out, b",\"version\":", version.0);
    }
    name(
        out,
        b",\"served_by\":",
        nodes,
        answer.served_by.map(|n| usize::from(n.0)),
    )?;
    if let Some(term) = answer.term {
        number(out, b",\"term\":", term);
    }
    if let Some(error) = answer.error {
        number(out, b",\"error\":", u64::from(error));
    }
    Ok(())
}

fn kind_name(kind: &EventKind) -> &'static [u8] {
    match kind {
        EventKind::Invoke { .. } => b"invoke",
        EventKind::Ok(_) => b"ok",
        EventKind::Fail(_) => b"fail",
        EventKind::Info(_) => b"info",
    }
}

fn f_name(action: Action) -> &'static [u8] {
    match action {
        Action::Read => b"read",
        Action::Write { .. } => b"write",
        Action::Cas { .. } => b"cas",
    }
}

fn name(out: &mut Vec<u8>, field: &[u8], names: &[Vec<u8>], id: Option<usize>) -> io::Result<()> {
    let Some(id) = id else { return Ok(()) };
    let Some(name) = names.get(id) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("id {id} is not named by the header"),
        ));
    };
    out.extend_from_slice(field);
    out.extend_from_slice(name);
    Ok(())
}

fn signed(out: &mut Vec<u8>, field: &[u8], value: i64) {
    out.extend_from_slice(field);
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs());
}

fn number(out: &mut Vec<u8>, field: &[u8], value: u64) {
    out.extend_from_slice(field);
    digits(out, value);
}

fn digits(out: &mut Vec<u8>, mut value: u64) {
    // 20 digits hold u64::MAX.
    let mut text = [0_u8; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}
