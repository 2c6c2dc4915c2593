//! Histories of objects of any kind: calls of named functions with values of any shape. Registers have a type of
//! their own, [`crate::history::History`], which holds more (versions, nodes, read modes) in less.

mod datum;
mod equal;
mod pair;

pub use datum::Datum;
pub(crate) use equal::whole;
pub use pair::CallError;
pub(crate) use pair::{CallEvent, CallsBuilder};

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::history::Outcome;

/// Who calls. A number, mostly; the fault injector of Jepsen calls itself by a name.
pub type Process = Datum;

/// One call with its interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who called.
    pub process: Process,
    /// The function.
    pub f: Arc<str>,
    /// Which object, where there are several.
    pub key: Option<Datum>,
    /// What was called for: the value of the invocation.
    pub argument: Datum,
    /// What came of it: the value of the completion, if that had any.
    pub answer: Option<Datum>,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was invoked, nanoseconds on the history's clock; of a history without times, the number of the event.
    pub invoked_ns: u64,
    /// When it completed. For `Info` the moment the client gave up; `None` where no completion was recorded.
    pub completed_ns: Option<u64>,
    /// What the completion gave as the cause of a failure.
    pub error: Option<Datum>,
    /// The places of its events in the file: the invocation, and the completion.
    pub events: (u64, Option<u64>),
}

/// Calls in the order of their invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// The calls.
    pub calls: Vec<Call>,
    /// Whether a cas that failed is an answer: the compare failed, so at some moment of the call the register did
    /// not hold the value expected. Else it says only that it had no effect.
    pub failed_cas_answers: bool,
    /// Whether the events had times. Else they have numbers, which order them but measure nothing.
    pub has_times: bool,
    /// Events of the fault injector, which are no calls of a client, as they were.
    pub nemesis: Vec<NemesisEvent>,
}

/// An event of whoever injected faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NemesisEvent {
    /// Its place in the file.
    pub event: u64,
    /// When it was recorded.
    pub time_ns: u64,
    /// Who.
    pub process: Process,
    /// What it did.
    pub f: Arc<str>,
    /// With which value.
    pub value: Datum,
}

impl Call {
    /// When its interval ends: its completion, or `None` for a call of unknown outcome.
    #[must_use]
    pub fn end_ns(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Info => None,
            Outcome::Ok | Outcome::Fail => self.completed_ns,
        }
    }
}

/// `enqueue 4`, `dequeue -> 4`, `get "x" -> "ab"`, `cas [1 2] failed`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.f)?;
        if let Some(key) = &self.key {
            write!(f, " {key}")?;
        }
        if self.argument != Datum::Nil {
            write!(f, " {}", self.argument)?;
        }
        match (self.outcome, &self.answer) {
            (Outcome::Fail, _) => f.write_str(" failed"),
            (Outcome::Ok, Some(answer)) if *answer != self.argument => write!(f, " -> {answer}"),
            (Outcome::Ok, Some(Datum::Nil)) => f.write_str(" -> nil"),
            _ => Ok(()),
        }
    }
}

/// The beginning of a text, for messages: what a file holds may be of any length.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    const MAX: usize = 60;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}
