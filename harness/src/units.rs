//! Quantities as people write them: durations, and a concurrency that grows with the cluster.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time, written `500ms`, `30s`, `2m`, `1h`, or as a plain number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

/// The longest span: a year. Longer ones are slips, and would overflow clocks.
const SPAN_MAX_SECONDS: f64 = 365.0 * 86_400.0;

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The whole milliseconds in it.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        // At most a year.
        self.0.as_millis() as u64
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit_seconds = match &text[digits.len()..] {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            unit => return Err(format!("unknown unit `{unit}`; known: ms, s, m, h")),
        };
        let number: f64 = digits
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is no time; write 500ms, 30s or 2m"))?;
        let seconds = number * unit_seconds;
        if !(0.0..=SPAN_MAX_SECONDS).contains(&seconds) {
            return Err(format!("`{text}` lies outside 0 to 1 year"));
        }
        let millis = seconds * 1e3;
        if (millis - millis.round()).abs() > 1e-6 {
            return Err(format!("`{text}` is no whole number of milliseconds"));
        }
        Ok(Self(Duration::from_millis(millis.round() as u64)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            _ if millis.is_multiple_of(60_000) => write!(f, "{}m", millis / 60_000),
            _ if millis.is_multiple_of(1000) => write!(f, "{}s", millis / 1000),
            _ => write!(f, "{millis}ms"),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// A least and a greatest length of time, written `1s-4s`, or `2s` where both are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpanRange {
    /// The least.
    pub low: Span,
    /// The greatest.
    pub high: Span,
}

impl SpanRange {
    /// Both ends in milliseconds.
    #[must_use]
    pub fn millis(self) -> (u64, u64) {
        (self.low.as_millis(), self.high.as_millis())
    }
}

impl FromStr for SpanRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let (low, high): (Span, Span) = (low.parse()?, high.parse()?);
        if low > high {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(Self { low, high })
    }
}

impl fmt::Display for SpanRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.low, self.high)
    }
}

impl TryFrom<String> for SpanRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<SpanRange> for String {
    fn from(range: SpanRange) -> Self {
        range.to_string()
    }
}

/// When the faults of a run strike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// At the times of the schedule.
    #[default]
    Scheduled,
    /// From those on, when the cluster is in a state in which a fault hurts.
    Targeted,
}

impl FromStr for Timing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "scheduled" => Ok(Self::Scheduled),
            "targeted" => Ok(Self::Targeted),
            _ => Err(format!("`{text}` is neither `scheduled` nor `targeted`")),
        }
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "scheduled",
            Self::Targeted => "targeted",
        })
    }
}

/// A number of client threads: absolute (`10`), or per node (`2n`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Concurrency {
    /// That many.
    Threads(usize),
    /// That many for each node.
    PerNode(usize),
}

/// The most client threads of one run.
pub const CONCURRENCY_MAX: usize = 10_000;

impl Concurrency {
    /// How many threads that is with `nodes` nodes.
    #[must_use]
    pub fn threads(self, nodes: usize) -> usize {
        match self {
            Self::Threads(threads) => threads,
            Self::PerNode(threads) => threads.saturating_mul(nodes),
        }
    }
}

impl FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, of): (_, fn(usize) -> Self) = match text.trim().strip_suffix('n') {
            Some(digits) => (digits, Self::PerNode),
            None => (text.trim(), Self::Threads),
        };
        digits
            .parse()
            .map(of)
            .map_err(|_| format!("`{text}` is no concurrency; write 10, or 2n for 2 per node"))
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads(threads) => write!(f, "{threads}"),
            Self::PerNode(threads) => write!(f, "{threads}n"),
        }
    }
}

impl TryFrom<String> for Concurrency {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Concurrency> for String {
    fn from(concurrency: Concurrency) -> Self {
        concurrency.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let cases = [
            ("30s", 30_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("7", 7_000),
            ("1.5s", 1_500),
        ];
        for (text, millis) in cases {
            assert_eq!(
                text.parse::<Span>().unwrap().0,
                Duration::from_millis(millis),
                "{text}"
            );
        }
    }

    #[test]
    fn spans_print_what_reads_back() {
        for text in ["30s", "500ms", "2m", "0s", "90s"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
    }

    #[test]
    fn bad_spans_are_refused() {
        for text in ["-1s", "soon", "", "5 parsecs", "NaN", "inf", "1e300h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn concurrency_may_grow_with_the_cluster() {
        assert_eq!("10".parse::<Concurrency>().unwrap().threads(5), 10);
        assert_eq!("2n".parse::<Concurrency>().unwrap().threads(5), 10);
        for text in ["n", "-1", "2.5n", "many", ""] {
            assert!(text.parse::<Concurrency>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_of_time_has_two_ends_in_order() {
        let range: SpanRange = "300ms-2s".parse().unwrap();
        assert_eq!(
            (range.millis(), range.to_string().as_str()),
            ((300, 2_000), "300ms-2s")
        );
        assert_eq!("2s".parse::<SpanRange>().unwrap().millis(), (2_000, 2_000));
        assert!(
            "2s-1s"
                .parse::<SpanRange>()
                .unwrap_err()
                .contains("ends before it begins")
        );
        assert!("soon-2s".parse::<SpanRange>().is_err());
    }
}
