//! The events of a history in the order of their recording, and their fields in the words of Jepsen.

use crate::call::{Call, Calls, Datum};
use crate::codec::keys;
use crate::history::Outcome;

/// An event of an op, by the op's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OneEvent {
    pub(super) time_ns: u64,
    pub(super) at: usize,
    pub(super) is_completion: bool,
}

/// The events of ops. At one time those of an op come before those of the next: a process may complete one op and
/// invoke another at one moment. Intervals are closed, so that otherwise the order at one time does not matter.
pub(super) fn events<T>(ops: &[T], interval: impl Fn(&T) -> (u64, Option<u64>)) -> Vec<OneEvent> {
    let mut events: Vec<OneEvent> = Vec::with_capacity(2 * ops.len());
    for (at, op) in ops.iter().enumerate() {
        let (start, end) = interval(op);
        let event = |time_ns, is_completion| OneEvent {
            time_ns,
            is_completion,
            at,
        };
        events.push(event(start, false));
        events.extend(end.map(|end| event(end, true)));
    }
    events.sort_unstable();
    events
}

/// An event of a call, or of a fault injector.
pub(super) enum AnyEvent {
    Call(OneEvent),
    Nemesis(usize),
}

pub(super) fn all_events(calls: &Calls) -> Vec<AnyEvent> {
    let mut all: Vec<(u64, u64, AnyEvent)> =
        events(&calls.calls, |call| (call.invoked_ns, call.completed_ns))
            .into_iter()
            .map(|event| {
                let (start, end) = calls.calls[event.at].events;
                let number = if event.is_completion {
                    end.unwrap_or(0)
                } else {
                    start
                };
                (event.time_ns, number, AnyEvent::Call(event))
            })
            .collect();
    let nemesis = calls.nemesis.iter().enumerate();
    all.extend(nemesis.map(|(at, event)| (event.time_ns, event.event, AnyEvent::Nemesis(at))));
    // A stable order: events of one time stay as they were recorded.
    all.sort_by_key(|(time, number, _)| (*time, *number));
    all.into_iter().map(|(.., event)| event).collect()
}

/// The fields of an event, in the order in which Jepsen has them.
pub(super) fn fields(
    calls: &Calls,
    event: &AnyEvent,
    number: u64,
    pairs: bool,
) -> Vec<(&'static str, Datum)> {
    let word = |word: &str| Datum::Keyword(word.into());
    // Where a name is no word, as other formats allow, a string will do: what reads them takes either.
    let name = |name: &str| match is_word(name) {
        true => word(name),
        false => Datum::string(name),
    };
    let time = |time_ns: u64| {
        calls
            .has_times
            .then(|| ("time", Datum::Int(time_ns.min(i64::MAX as u64) as i64)))
    };
    let (kind, process, f, key, value, time, error) = match event {
        AnyEvent::Nemesis(at) => {
            let event = &calls.nemesis[*at];
            (
                "info",
                &event.process,
                &event.f,
                None,
                Some(event.value.clone()),
                time(event.time_ns),
                None,
            )
        }
        AnyEvent::Call(event) => {
            let call = &calls.calls[event.at];
            let (kind, value) = match (event.is_completion, call.outcome) {
                (false, _) => ("invoke", Some(&call.argument)),
                (true, Outcome::Ok) => ("ok", call.answer.as_ref()),
                (true, Outcome::Fail) => ("fail", call.answer.as_ref()),
                (true, Outcome::Info) => ("info", call.answer.as_ref()),
            };
            let value = value.map(|value| match call.key.as_ref().filter(|_| pairs) {
                Some(key) => Datum::Vector(vec![key.clone(), value.clone()]),
                None => value.clone(),
            });
            let key = call.key.clone().filter(|_| !pairs);
            let error = call.error.clone().filter(|_| event.is_completion);
            (
                kind,
                &call.process,
                &call.f,
                key,
                value,
                time(event.time_ns),
                error,
            )
        }
    };
    let fields = [
        Some(("index", Datum::Int(number as i64))),
        time,
        Some(("type", word(kind))),
        Some(("process", process.clone())),
        Some(("f", name(f))),
        key.map(|key| ("key", key)),
        value.map(|value| ("value", value)),
        error.map(|error| ("error", error)),
    ];
    fields.into_iter().flatten().collect()
}

/// Whether EDN reads `:name` as a keyword of this name.
fn is_word(name: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "-_?!*+./<>=$%&".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}

/// Whether keys can be written as those of Jepsen's `independent` tests, as pairs with the values: what reads them must
/// tell from the ops that they are keys, see [`super::super::keys`].
pub(super) fn writes_pairs(calls: &Calls) -> bool {
    let is_pair = |value: &Datum| matches!(value, Datum::Vector(items) if items.len() == 2);
    let asks = |call: &Call| keys::asks(&call.f);
    let is_cas = |call: &Call| &*call.f == "cas";
    let tells = |call: &&Call| asks(call) || is_cas(call);
    let suits = |call: &Call| match (asks(call), is_cas(call)) {
        (true, _) => call.argument == Datum::Nil,
        (_, true) => is_pair(&call.argument),
        _ => true,
    };
    let mut all = calls.calls.iter();
    all.all(|call| call.key.is_some() && &*call.f != "txn" && suits(call))
        && calls.calls.iter().any(|call| tells(&call))
}
