//! Lines of the native format in the very form in which [`NativeWriter`] writes them, read byte by byte: fields in
//! its order, no spaces, no escapes. Nearly every line of a file that this harness wrote is of that form.
//!
//! This is a shortcut, never an authority. Whatever differs in any byte, be it right or wrong, is left to the JSON
//! parser, whose word on what is an event, and what is wrong with it, is the only one. Here a line is either
//! understood as the parser would, or not at all.
//!
//! [`NativeWriter`]: super::NativeWriter

use std::borrow::Cow;

use super::native::{F, Field, Kind, Line, Name};

/// The line that `text` begins with, and its length with its newline, if it is of the form of our writer. A line that
/// `text` ends in needs no newline.
pub(super) fn parse_written(text: &[u8]) -> Option<(Line<'_>, usize)> {
    let mut at = Scanner { rest: text };
    at.expect(b"{\"index\":")?;
    let index = at.unsigned()?;
    at.expect(b",\"time\":")?;
    let time = at.unsigned()?;
    at.expect(b",\"type\":\"")?;
    let kind = at.kind()?;
    at.expect(b",\"process\":")?;
    let process = at.unsigned()?;
    at.expect(b",\"f\":\"")?;
    let f = at.f()?;
    at.expect(b",\"key\":")?;
    let key = at.unsigned()?;
    let value = if at.skip(b",\"value\":") {
        at.field()?
    } else {
        Field::Absent
    };
    let found = if at.skip(b",\"found\":") {
        at.field()?
    } else {
        Field::Absent
    };
    let read_mode = at.name_of(b",\"read_mode\":\"")?;
    let node = at.name_of(b",\"node\":\"")?;
    let version = at.number_of(b",\"version\":")?;
    let served_by = at.name_of(b",\"served_by\":\"")?;
    let term = at.number_of(b",\"term\":")?;
    let error = match at.number_of(b",\"error\":")? {
        Some(code) => Some(u16::try_from(code).ok()?),
        None => None,
    };
    at.expect(b"}")?;
    if !at.skip(b"\n") && !at.rest.is_empty() {
        return None;
    }
    let line = Line {
        index: Some(index),
        time,
        kind,
        process,
        f,
        key,
        value,
        read_mode,
        node,
        served_by,
        version,
        term,
        error,
        found,
    };
    Some((line, text.len() - at.rest.len()))
}

/// What of the text is still to be read. Each step takes what it understands; `None` is "not of our form".
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn skip(&mut self, text: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.skip(text).then_some(())
    }

    /// Digits without a leading zero, which JSON does not have. What follows them is for the caller to expect, so
    /// that fractions and exponents are not taken for their integers.
    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        let mut length = 0;
        while let Some(digit) = self.rest.get(length).map(|b| b.wrapping_sub(b'0'))
            && digit < 10
        {
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
            length += 1;
        }
        let has_leading_zero = length > 1 && self.rest[0] == b'0';
        if length == 0 || has_leading_zero {
            return None;
        }
        self.rest = &self.rest[length..];
        Some(value)
    }

    /// To the parser `-0` is no integer, so it is none here.
    fn signed(&mut self) -> Option<i64> {
        if !self.skip(b"-") {
            return i64::try_from(self.unsigned()?).ok();
        }
        match self.unsigned()? {
            0 => None,
            size => 0_i64.checked_sub_unsigned(size),
        }
    }

    fn field(&mut self) -> Option<Field> {
        if self.skip(b"null") {
            return Some(Field::Null);
        }
        if !self.skip(b"[") {
            return self.signed().map(Field::Int);
        }
        let from = self.signed()?;
        self.expect(b",")?;
        let to = self.signed()?;
        self.expect(b"]")?;
        Some(Field::Pair(from, to))
    }

    fn kind(&mut self) -> Option<Kind> {
        let kinds: [(&[u8], Kind); 4] = [
            (b"invoke\"", Kind::Invoke),
            (b"ok\"", Kind::Ok),
            (b"fail\"", Kind::Fail),
            (b"info\"", Kind::Info),
        ];
        let found = kinds.into_iter().find(|(name, _)| self.skip(name));
        found.map(|(_, kind)| kind)
    }

    fn f(&mut self) -> Option<F> {
        let fs: [(&[u8], F); 3] = [(b"read\"", F::Read), (b"write\"", F::Write), (b"cas\"", F::Cas)];
        let found = fs.into_iter().find(|(name, _)| self.skip(name));
        found.map(|(_, f)| f)
    }

    /// The number of a field that may be absent, which is `Some(None)`.
    fn number_of(&mut self, field: &[u8]) -> Option<Option<u64>> {
        if !self.skip(field) {
            return Some(None);
        }
        self.unsigned().map(Some)
    }

    /// The name of a field that may be absent, which is `Some(None)`; `field` ends with the quote before the name.
    fn name_of(&mut self, field: &[u8]) -> Option<Option<Name<'a>>> {
        if !self.skip(field) {
            return Some(None);
        }
        let is_plain = |b: &u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
        let end = self.rest.iter().position(|b| !is_plain(b))?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix(b"\"")?;
        let name = std::str::from_utf8(name).ok()?;
        Some(Some(Name(Cow::Borrowed(name))))
    }
}
