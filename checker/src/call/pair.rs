//! Pairs events into calls, and checks every rule that a history has to obey.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::{Call, Calls, Datum, NemesisEvent, Process, short};
use crate::history::Outcome;

/// Why an event cannot follow the events before it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// A completion without an invocation.
    #[error("process {process} completes an op that it has not invoked")]
    NotInvoked {
        /// The process.
        process: Process,
    },
    /// A second invocation while the first is open.
    #[error("process {process} invokes an op while its {open} is still open")]
    StillOpen {
        /// The process.
        process: Process,
        /// The call that is open.
        open: String,
    },
    /// A completion of another function or object than was invoked.
    #[error("process {process} completes {completed}, but what it has open is {invoked}")]
    OtherCall {
        /// The process.
        process: Process,
        /// What was invoked.
        invoked: String,
        /// What the completion says.
        completed: String,
    },
    /// An event earlier than the one before it.
    #[error("time goes backward, from {before} ns to {now} ns")]
    TimeBackward {
        /// The time of the event before.
        before: u64,
        /// The time of this event.
        now: u64,
    },
    /// Some events have a time, and this one differs.
    #[error("some events have a time and some have none")]
    MixedTimes,
    /// Some values belong to a key, and this one differs.
    #[error("some ops name a key and some do not")]
    MixedKeys,
    /// More calls than can be counted.
    #[error("more than {} ops in one history", u32::MAX - 1)]
    TooManyCalls,
}

/// One event, as read.
#[derive(Clone, Debug)]
pub(crate) struct CallEvent {
    /// `None` for an invocation.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) process: Process,
    pub(crate) f: Arc<str>,
    pub(crate) key: Option<Datum>,
    /// `None` where the event has no value at all.
    pub(crate) value: Option<Datum>,
    pub(crate) time_ns: Option<u64>,
    pub(crate) error: Option<Datum>,
}

/// Builds [`Calls`] from events in the order of their recording.
#[derive(Debug, Default)]
pub(crate) struct CallsBuilder {
    calls: Calls,
    /// Per process its open call.
    open: FxHashMap<Process, u32>,
    events: u64,
    last_time_ns: u64,
    /// Whether calls name a key, once there is one.
    keyed: Option<bool>,
}

impl CallsBuilder {
    /// Takes the next event. Events of a process that is not a number are those of a fault injector.
    ///
    /// A process may be used again after its call ended as info: that call stays open to the end of the history, and
    /// a later completion is of the later call.
    pub(crate) fn push(&mut self, event: CallEvent) -> Result<(), CallError> {
        let time_ns = self.time(&event)?;
        let at = self.events;
        self.events += 1;
        if event.process.as_int().is_none() {
            self.calls.nemesis.push(NemesisEvent {
                event: at,
                time_ns,
                process: event.process,
                f: event.f,
                value: event.value.unwrap_or(Datum::Nil),
            });
            return Ok(());
        }
        match event.outcome {
            None => self.invoke(event, at, time_ns),
            Some(outcome) => self.complete(event, outcome, at, time_ns),
        }
    }

    /// The calls. Those that were never completed have the outcome [`Outcome::Info`].
    pub(crate) fn finish(self) -> Calls {
        self.calls
    }

    fn time(&mut self, event: &CallEvent) -> Result<u64, CallError> {
        if self.events == 0 {
            self.calls.has_times = event.time_ns.is_some();
        }
        if self.calls.has_times != event.time_ns.is_some() {
            return Err(CallError::MixedTimes);
        }
        let now = event.time_ns.unwrap_or(self.events);
        if now < self.last_time_ns {
            let before = self.last_time_ns;
            return Err(CallError::TimeBackward { before, now });
        }
        self.last_time_ns = now;
        Ok(now)
    }

    fn invoke(&mut self, event: CallEvent, at: u64, time_ns: u64) -> Result<(), CallError> {
        if let Some(open) = self.open.get(&event.process) {
            return Err(CallError::StillOpen {
                open: short(&self.calls.calls[*open as usize].to_string()).into_owned(),
                process: event.process,
            });
        }
        if *self.keyed.get_or_insert(event.key.is_some()) != event.key.is_some() {
            return Err(CallError::MixedKeys);
        }
        let number = u32::try_from(self.calls.calls.len()).ok();
        let number = number.filter(|n| *n < u32::MAX).ok_or(CallError::TooManyCalls)?;
        self.open.insert(event.process.clone(), number);
        self.calls.calls.push(Call {
            process: event.process,
            f: event.f,
            key: event.key,
            argument: event.value.unwrap_or(Datum::Nil),
            answer: None,
            outcome: Outcome::Info,
            invoked_ns: time_ns,
            completed_ns: None,
            error: None,
            events: (at, None),
        });
        Ok(())
    }

    fn complete(
        &mut self,
        event: CallEvent,
        outcome: Outcome,
        at: u64,
        time_ns: u64,
    ) -> Result<(), CallError> {
        let Some(open) = self.open.remove(&event.process) else {
            let process = event.process;
            return Err(CallError::NotInvoked { process });
        };
        let call = &mut self.calls.calls[open as usize];
        // A completion without a value need not repeat the key either.
        let other_key = event.key.is_some() && event.key != call.key;
        if event.f != call.f || other_key {
            let name = |f: &str, key: &Option<Datum>| match key {
                Some(key) => format!("`{}` of key {}", short(f), short(&key.to_string())),
                None => format!("`{}`", short(f)),
            };
            return Err(CallError::OtherCall {
                invoked: name(&call.f, &call.key),
                completed: name(&event.f, &event.key),
                process: event.process,
            });
        }
        call.outcome = outcome;
        call.completed_ns = Some(time_ns);
        call.answer = event.value;
        call.error = event.error;
        call.events.1 = Some(at);
        Ok(())
    }
}
