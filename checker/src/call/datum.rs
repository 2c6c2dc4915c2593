//! Values of any shape, as histories of other tools hold them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A value: what JSON and EDN can both say, and what EDN says beyond that.
///
/// Values are equal that Clojure calls equal, such as `(1 2)` and `[1 2]`, or `1.0` and `1.00`, though they keep the form
/// in which they were written.
#[derive(Clone, Debug)]
pub enum Datum {
    /// `nil` or `null`.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A number that is no such integer, as it was written.
    Number(Arc<str>),
    /// A string.
    Str(Arc<str>),
    /// `:name`, without the colon.
    Keyword(Arc<str>),
    /// A bare word of EDN.
    Symbol(Arc<str>),
    /// A character of EDN, as it was written after the backslash.
    Char(Arc<str>),
    /// `[...]`.
    Vector(Vec<Datum>),
    /// `(...)`.
    List(Vec<Datum>),
    /// `#{...}`, in order and without repetition.
    Set(BTreeSet<Datum>),
    /// `{...}`: keys and values, in the order of the keys, since that of the file means nothing. See [`Datum::map`].
    Map(Vec<(Datum, Datum)>),
    /// `#tag value`.
    Tagged(Arc<str>, Box<Datum>),
}

impl Datum {
    /// A map of these entries, in whatever order they come.
    #[must_use]
    pub fn map(mut entries: Vec<(Self, Self)>) -> Self {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Map(entries)
    }

    /// A string.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::Str(text.into())
    }

    /// The integer that it is.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The text of a string, keyword or symbol. Tools differ in which of them they use for names.
    #[must_use]
    pub fn as_name(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Keyword(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a vector, list or set, in order.
    #[must_use]
    pub fn elements(&self) -> Option<Vec<&Datum>> {
        match self {
            Self::Vector(items) | Self::List(items) => Some(items.iter().collect()),
            Self::Set(items) => Some(items.iter().collect()),
            _ => None,
        }
    }

    /// The value under a key of a map that is a keyword or string of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Datum> {
        let Self::Map(entries) = self else { return None };
        let named = |key: &Datum| matches!(key, Self::Keyword(k) | Self::Str(k) if **k == *name);
        entries.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
    }

    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "an integer",
            Self::Number(_) => "a number that is no 64-bit integer",
            Self::Str(_) => "a string",
            Self::Keyword(_) => "a keyword",
            Self::Symbol(_) => "a symbol",
            Self::Char(_) => "a character",
            Self::Vector(_) => "a vector",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Tagged(..) => "a tagged value",
        }
    }
}

impl From<i64> for Datum {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// As EDN.
impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Number(text) | Self::Symbol(text) => f.write_str(text),
            Self::Str(text) => quoted(f, text),
            Self::Keyword(name) => write!(f, ":{name}"),
            Self::Char(name) => write!(f, "\\{name}"),
            Self::Vector(items) => sequence(f, "[", items, "]"),
            Self::List(items) => sequence(f, "(", items, ")"),
            Self::Set(items) => sequence(f, "#{", items, "}"),
            Self::Map(entries) => {
                f.write_str("{")?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}{key} {value}")?;
                }
                f.write_str("}")
            }
            Self::Tagged(tag, value) => write!(f, "#{tag} {value}"),
        }
    }
}

fn sequence<'a>(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    items: impl IntoIterator<Item = &'a Datum>,
    close: &str,
) -> fmt::Result {
    f.write_str(open)?;
    for (at, item) in items.into_iter().enumerate() {
        let space = if at > 0 { " " } else { "" };
        write!(f, "{space}{item}")?;
    }
    f.write_str(close)
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            c if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::Datum;

    #[test]
    fn the_order_of_the_entries_makes_no_other_map() {
        let entry = |key: &str, value| (Datum::string(key), Datum::Int(value));
        let one = Datum::map(vec![entry("a", 1), entry("b", 2)]);
        assert_eq!(one, Datum::map(vec![entry("b", 2), entry("a", 1)]));
    }
}
