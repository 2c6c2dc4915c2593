//! Reads EDN (the data notation of Clojure), one value at a time: as much of it as histories hold.

use std::sync::Arc;

use crate::call::{Datum, whole};

/// Values nest no deeper: a history that does is none, and must not exhaust the stack.
pub(super) const MAX_DEPTH: u32 = 128;

/// Why some text is no EDN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct SyntaxError {
    /// The byte at which it was found.
    pub(super) at: usize,
    pub(super) message: String,
    /// Whether more text could mend it: then it may only be cut off.
    pub(super) is_unfinished: bool,
}

/// Reads values from text.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// The byte that is read next.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next value; `None` at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Datum>, SyntaxError> {
        self.skip_blank()?;
        if self.at == self.text.len() {
            return Ok(None);
        }
        self.value().map(Some)
    }

    /// Whether the next value is a vector or list; then what is in it is read by [`Reader::next_in`].
    pub(super) fn enter(&mut self) -> Result<Option<char>, SyntaxError> {
        self.skip_blank()?;
        let close = match self.peek() {
            Some('[') => ']',
            Some('(') => ')',
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(close))
    }

    /// The next value before `close`; `None` at that.
    pub(super) fn next_in(&mut self, close: char) -> Result<Option<Datum>, SyntaxError> {
        self.skip_blank()?;
        match self.peek() {
            None => Err(self.unfinished(&format!("`{close}` is missing"))),
            Some(c) if c == close => {
                self.at += 1;
                Ok(None)
            }
            Some(_) => self.value().map(Some),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn error(&self, message: &str) -> SyntaxError {
        SyntaxError {
            at: self.at,
            message: message.to_owned(),
            is_unfinished: false,
        }
    }

    fn unfinished(&self, message: &str) -> SyntaxError {
        SyntaxError {
            is_unfinished: true,
            ..self.error(message)
        }
    }

    /// White space, commas, comments, and values that `#_` leaves out.
    fn skip_blank(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = &self.text[self.at..];
            let skipped = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            self.at += rest.len() - skipped.len();
            if skipped.starts_with(';') {
                self.at += skipped.find('\n').unwrap_or(skipped.len());
            } else if skipped.starts_with("#_") {
                self.at += 2;
                self.nested(|reader| {
                    reader.skip_blank()?;
                    reader.value()
                })?;
            } else {
                return Ok(());
            }
        }
    }

    fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(&format!("values are nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn value(&mut self) -> Result<Datum, SyntaxError> {
        match self.peek() {
            None => Err(self.unfinished("a value is missing")),
            Some('[') => self.items(']').map(Datum::Vector),
            Some('(') => self.items(')').map(Datum::List),
            Some('{') => self.map(),
            Some('"') => self.string(),
            Some('\\') => self.character(),
            Some('#') => self.dispatch(),
            Some('^') => {
                self.at += 1;
                // What a value is annotated with does not matter.
                self.nested(|reader| {
                    reader.skip_blank()?;
                    reader.value()?;
                    reader.skip_blank()?;
                    reader.value()
                })
            }
            Some(c @ (']' | ')' | '}')) => Err(self.error(&format!("unexpected `{c}`"))),
            Some(_) => self.word(),
        }
    }

    fn items(&mut self, close: char) -> Result<Vec<Datum>, SyntaxError> {
        self.bump();
        self.nested(|reader| {
            let mut items = Vec::new();
            while let Some(item) = reader.next_in(close)? {
                items.push(item);
            }
            Ok(items)
        })
    }

    fn map(&mut self) -> Result<Datum, SyntaxError> {
        let mut items = self.items('}')?.into_iter();
        let mut entries = Vec::with_capacity(items.len() / 2);
        while let Some(key) = items.next() {
            let value = items
                .next()
                .ok_or_else(|| self.error("a map has a key without a value"))?;
            entries.push((key, value));
        }
        Ok(Datum::map(entries))
    }

    fn dispatch(&mut self) -> Result<Datum, SyntaxError> {
        self.bump();
        match self.peek() {
            Some('{') => self
                .items('}')
                .map(|items| Datum::Set(items.into_iter().collect())),
            None => Err(self.unfinished("a value is missing after `#`")),
            Some('#') => {
                // ##Inf, ##-Inf, ##NaN
                self.bump();
                let word = self.token();
                Ok(Datum::Number(format!("##{word}").into()))
            }
            Some(_) => {
                let tag = self.token();
                if tag.is_empty() {
                    return Err(self.error("a tag is missing after `#`"));
                }
                let tag: Arc<str> = tag.into();
                let value = self.nested(|reader| {
                    reader.skip_blank()?;
                    // A record, as Jepsen writes its ops and pairs: #jepsen.history.Op{...}
                    reader.value()
                })?;
                Ok(Datum::Tagged(tag, Box::new(value)))
            }
        }
    }

    fn token(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| c.is_whitespace() || "[](){}\",;".contains(c))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn word(&mut self) -> Result<Datum, SyntaxError> {
        let start = self.at;
        let word = self.token();
        if let Some(name) = word.strip_prefix(':') {
            if name.is_empty() {
                self.at = start;
                return Err(self.error("a keyword without a name"));
            }
            return Ok(Datum::Keyword(name.into()));
        }
        Ok(match word {
            "nil" => Datum::Nil,
            "true" => Datum::Bool(true),
            "false" => Datum::Bool(false),
            _ if is_number(word) => number(word),
            _ => Datum::Symbol(word.into()),
        })
    }

    fn character(&mut self) -> Result<Datum, SyntaxError> {
        self.bump();
        let start = self.at;
        if self.bump().is_none() {
            return Err(self.unfinished("a character is missing after `\\`"));
        }
        self.token();
        Ok(Datum::Char(self.text[start..self.at].into()))
    }

    fn string(&mut self) -> Result<Datum, SyntaxError> {
        self.bump();
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.find(['"', '\\']) else {
                self.at = self.text.len();
                return Err(self.unfinished("a string has no end"));
            };
            text.push_str(&rest[..stop]);
            self.at += stop + 1;
            if rest.as_bytes()[stop] == b'"' {
                return Ok(Datum::Str(text.into()));
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        Ok(match self.bump() {
            None => return Err(self.unfinished("a string has no end")),
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('u') => {
                let unit = self.hexadecimal()?;
                let mut code = Some(unit);
                // Beyond the basic plane characters are written as two.
                if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let low = self.hexadecimal()?;
                    let is_low = (0xdc00..0xe000).contains(&low);
                    code = is_low.then(|| 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
                }
                let found = code.and_then(char::from_u32);
                // Half a character would be equal to every other half.
                found.ok_or_else(|| self.error("`\\u` names half a character"))?
            }
            Some(c) => return Err(self.error(&format!("a string has no escape `\\{c}`"))),
        })
    }

    fn hexadecimal(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.text.get(self.at..self.at + 4);
        let all = |digits: &&str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let unit = digits
            .filter(all)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.error("`\\u` takes four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }
}

/// The first value of a text.
#[cfg(test)]
pub(crate) fn edn_value(text: &str) -> Option<Datum> {
    Reader::new(text).next().ok().flatten()
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// `12`, and `12N` and `24/2` where they fit; everything else as it was written.
fn number(word: &str) -> Datum {
    let digits = word.strip_suffix('N').unwrap_or(word);
    match digits.parse().ok().or_else(|| whole(word)) {
        Some(value) => Datum::Int(value),
        None => Datum::Number(word.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, Reader};
    use crate::call::Datum;

    fn read(text: &str) -> Result<Vec<Datum>, String> {
        let mut reader = Reader::new(text);
        let mut values = Vec::new();
        while let Some(value) = reader.next().map_err(|e| format!("{}: {}", e.at, e.message))? {
            values.push(value);
        }
        Ok(values)
    }

    #[test]
    fn values_are_read_and_written_back() {
        for text in [
            "nil",
            "true",
            "-7",
            "\"a\\n\\\"b\\\\\"",
            ":ok",
            "jepsen/x",
            "[1 [2] (3 4)]",
            "#{1 2}",
            "{:a 1, :b nil}",
            "#inst \"2020\"",
            "\\newline",
            "1.5M",
            "##NaN",
            "12345678901234567890N",
            "[]",
            "{}",
        ] {
            let values = read(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(values.len(), 1, "{text}");
            assert_eq!(values[0].to_string(), text);
        }
    }

    #[test]
    fn blanks_and_what_stands_for_others_are_understood() {
        assert_eq!(read("1,2 ; three\n#_ [4 5] 6 ^{:m 1} 7"), read("1 2 6 7"));
        assert_eq!(
            read("5N \"\\u00e9\\ud83d\\ude00\""),
            Ok(vec![Datum::Int(5), Datum::string("é😀")])
        );
        assert_eq!(read("#{2 1 2}"), read("#{1 2}"));
    }

    #[test]
    fn broken_text_is_refused_with_its_place() {
        for (text, at, message) in [
            ("[1 2", 4, "`]` is missing"),
            ("{:a}", 4, "a map has a key without a value"),
            ("1 ]", 2, "unexpected `]`"),
            ("\"abc", 4, "a string has no end"),
            (": x", 0, "a keyword without a name"),
            ("\"\\q\"", 3, "a string has no escape `\\q`"),
            ("\"\\u12\"", 3, "`\\u` takes four hexadecimal digits"),
            ("#", 1, "a value is missing after `#`"),
        ] {
            assert_eq!(read(text), Err(format!("{at}: {message}")), "{text}");
        }
        for open in ["[", "{", "#_ ", "#x ", "^"] {
            let deep = open.repeat(1_000_000);
            let error = read(&deep).expect_err("it has no end").to_string();
            assert!(error.contains(&MAX_DEPTH.to_string()), "{open}: {error}");
        }
    }
}
