//! Which values are equal, however they were written: as Clojure's `=` has it (Clojure's "Equality" guide), which made
//! most histories.
//!
//! A vector and a list of equal elements are equal. So are numbers of one kind and one value: integers of any length, doubles
//! (`1.0` and `1.00`, 0 of either sign), decimals (`1.0M` and `1.00M`) and ratios. Numbers of different kinds are not: 1 is
//! neither `1.0` nor `1M`. Other than in Clojure `##NaN` equals itself, as a value that is read must be known again. Text
//! and kind stay as they were read, so that what is written is what was read.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Datum;

/// A value as it counts for equality.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Canon<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Number(Number<'a>),
    Str(&'a str),
    Keyword(&'a str),
    Symbol(&'a str),
    Char(Char<'a>),
    Sequence(&'a [Datum]),
    Set(&'a std::collections::BTreeSet<Datum>),
    Map(&'a [(Datum, Datum)]),
    Tagged(&'a str, &'a Datum),
}

impl<'a> Canon<'a> {
    fn of(value: &'a Datum) -> Self {
        match value {
            Datum::Nil => Self::Nil,
            Datum::Bool(value) => Self::Bool(*value),
            Datum::Int(value) => Self::Int(*value),
            Datum::Number(text) => Self::Number(Number::of(text)),
            Datum::Str(text) => Self::Str(text),
            Datum::Keyword(name) => Self::Keyword(name),
            Datum::Symbol(name) => Self::Symbol(name),
            Datum::Char(name) => Self::Char(Char::of(name)),
            Datum::Vector(items) | Datum::List(items) => Self::Sequence(items),
            Datum::Set(items) => Self::Set(items),
            Datum::Map(entries) => Self::Map(entries),
            Datum::Tagged(tag, value) => Self::Tagged(tag, value),
        }
    }
}

impl PartialEq for Datum {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // What is compared most.
            (Self::Int(a), Self::Int(b)) => a == b,
            _ => Canon::of(self) == Canon::of(other),
        }
    }
}

impl Eq for Datum {}

impl PartialOrd for Datum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Datum {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            _ => Canon::of(self).cmp(&Canon::of(other)),
        }
    }
}

impl Hash for Datum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Canon::of(self).hash(state);
    }
}

/// A number that is no integer of 64 bits, by its value.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Number<'a> {
    /// Whether it is negative, and its digits without leading zeros.
    Integer(bool, &'a str),
    /// Whether it is negative, its digits without zeros around them, and the power of ten of the last of these.
    Decimal(bool, String, i64),
    /// In lowest terms.
    Ratio(i128, i128),
    /// The bits of a double; one zero, and one that is no number.
    Double(u64),
    /// As it was written.
    Unknown(&'a str),
}

impl<'a> Number<'a> {
    fn of(text: &'a str) -> Self {
        Self::known(text).unwrap_or(Self::Unknown(text))
    }

    fn known(text: &'a str) -> Option<Self> {
        match text {
            "##NaN" => return Some(Self::double(f64::NAN)),
            "##Inf" => return Some(Self::double(f64::INFINITY)),
            "##-Inf" => return Some(Self::double(f64::NEG_INFINITY)),
            _ => {}
        }
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let integer = unsigned.strip_suffix('N').unwrap_or(unsigned);
        if are_digits(integer) {
            return Some(Self::Integer(is_negative, integer.trim_start_matches('0')));
        }
        if let Some((over, under)) = unsigned.split_once('/') {
            return ratio(over, under).map(|(over, under)| {
                let over = if is_negative { -over } else { over };
                Self::Ratio(over, under)
            });
        }
        if let Some(decimal) = unsigned.strip_suffix('M') {
            return decimal_of(is_negative, decimal);
        }
        let is_double = unsigned.starts_with(|c: char| c.is_ascii_digit())
            && unsigned.bytes().all(|byte| b"0123456789.eE+-".contains(&byte));
        is_double.then(|| text.parse().ok().map(Self::double)).flatten()
    }

    fn double(value: f64) -> Self {
        Self::Double(match value {
            value if value.is_nan() => f64::NAN.to_bits(),
            // Both zeros.
            0.0 => 0,
            value => value.to_bits(),
        })
    }
}

/// A ratio in lowest terms.
fn ratio(over: &str, under: &str) -> Option<(i128, i128)> {
    let (over, under): (u64, u64) = (over.parse().ok()?, under.parse().ok()?);
    let (mut a, mut b) = (over, under);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    (under > 0).then(|| (i128::from(over / a), i128::from(under / a)))
}

/// The integer that a ratio of integers is, where it is one of 64 bits: `4/2` is read as 2.
pub(crate) fn whole(text: &str) -> Option<i64> {
    match Number::known(text) {
        Some(Number::Ratio(over, 1)) => i64::try_from(over).ok(),
        _ => None,
    }
}

fn decimal_of<'a>(is_negative: bool, text: &str) -> Option<Number<'a>> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{before}{after}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = all.trim_end_matches('0');
    let exponent = exponent.checked_add((all.len() - kept.len()) as i64 - after.len() as i64)?;
    let kept = kept.trim_start_matches('0');
    Some(match kept.is_empty() {
        true => Number::Decimal(false, String::new(), 0),
        false => Number::Decimal(is_negative, kept.to_owned(), exponent),
    })
}

/// A character: `\newline` is `\u000a`.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Char<'a> {
    Known(char),
    Unknown(&'a str),
}

impl<'a> Char<'a> {
    fn of(name: &'a str) -> Self {
        let mut chars = name.chars();
        let known = match (chars.next(), chars.as_str()) {
            (Some(only), "") => Some(only),
            (Some('u'), code) if code.len() == 4 => {
                u32::from_str_radix(code, 16).ok().and_then(char::from_u32)
            }
            (Some('o'), code) => u32::from_str_radix(code, 8).ok().and_then(char::from_u32),
            _ => match name {
                "newline" => Some('\n'),
                "space" => Some(' '),
                "tab" => Some('\t'),
                "return" => Some('\r'),
                "formfeed" => Some('\u{c}'),
                "backspace" => Some('\u{8}'),
                _ => None,
            },
        };
        known.map_or(Self::Unknown(name), Self::Known)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, RandomState};

    use crate::call::Datum;
    use crate::codec::edn_value;

    fn read(text: &str) -> Datum {
        edn_value(text).unwrap_or_else(|| panic!("{text} is no value"))
    }

    #[test]
    fn what_clojure_calls_equal_is_equal() {
        let hash = RandomState::new();
        for (a, b) in [
            ("(1 2)", "[1 2]"),
            ("[[1] (2)]", "((1) [2])"),
            ("{(1) 2}", "{[1] 2}"),
            ("#{[1]}", "#{(1)}"),
            ("#x (1)", "#x [1]"),
            ("1.0", "1.00"),
            ("1e2", "100.0"),
            ("0.0", "-0.0"),
            ("##Inf", "1e999"),
            ("##NaN", "##NaN"),
            ("1.0M", "1.00M"),
            ("100M", "1e2M"),
            ("0M", "-0.00M"),
            ("12345678901234567890", "+12345678901234567890N"),
            ("1/2", "2/4"),
            ("4/2", "2"),
            ("5N", "5"),
            ("\\newline", "\\u000a"),
            ("\\A", "\\u0041"),
        ] {
            let (first, second) = (read(a), read(b));
            assert_eq!(first, second, "{a} and {b}");
            assert!(first.cmp(&second).is_eq(), "{a} and {b}");
            assert_eq!(hash.hash_one(&first), hash.hash_one(&second), "{a} and {b}");
        }
    }

    #[test]
    fn what_differs_is_not_equal() {
        let values = [
            "1",
            "1.0",
            "1M",
            "1.5",
            "1.5M",
            "3/2",
            "-3/2",
            "12345678901234567890",
            "-12345678901234567890",
            "12345678901234567891",
            "##Inf",
            "##-Inf",
            "##NaN",
            "10M",
            "-10M",
            "0.1M",
            "[1]",
            "#{1}",
            "{1 1}",
            "[1 2]",
            "[2 1]",
            "nil",
            "true",
            "\"a\"",
            ":a",
            "a",
            "\\a",
            "\\newline",
            "\\u000b",
            "#x 1",
            "#y 1",
            "0x10",
            "0x11",
        ];
        let all: BTreeSet<Datum> = values.iter().map(|text| read(text)).collect();
        assert_eq!(all.len(), values.len());
        for (at, a) in values.iter().enumerate() {
            for b in &values[at + 1..] {
                assert_ne!(read(a), read(b), "{a} and {b}");
            }
        }
    }
}
