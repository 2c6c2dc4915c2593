//! Keys of Jepsen's `independent` tests: each value is a pair of the key and the value proper.

use crate::call::{Call, CallError, Calls, Datum};

/// Whether an op of this name is invoked without a value of its own, and so with `[key nil]` where it has a key.
pub(super) fn asks(f: &str) -> bool {
    matches!(
        f,
        "read" | "r" | "read-all" | "get" | "dequeue" | "pop" | "acquire" | "lock"
    )
}

/// Whether a call tells that values are pairs with a key, or that they are not; nothing where it may be either. A cas is
/// invoked with a pair, and so with a pair that holds one where it has a key.
fn tells(call: &Call) -> Option<bool> {
    match (&*call.f, pair(&call.argument)) {
        ("cas", found) => Some(found.is_some_and(|(_, value)| pair(value).is_some())),
        // Whoever wants a lock may be named by anything.
        ("acquire" | "lock", Some((_, value))) => (*value == Datum::Nil).then_some(true),
        ("release" | "unlock", None) => Some(false),
        (f, found) if asks(f) => Some(matches!(found, Some((_, Datum::Nil)))),
        _ => None,
    }
}

/// Splits pairs where every value is one. It tells them from values that are pairs themselves by ops that are invoked
/// without a value of their own.
pub(super) fn split(calls: &mut Calls) -> Result<(), (u64, CallError)> {
    let has_key = |call: &&Call| call.key.is_some();
    let is_txn = |call: &&Call| &*call.f == "txn";
    if calls.calls.iter().any(|call| has_key(&call) || is_txn(&call)) {
        return Ok(());
    }
    let mut telling = (calls.calls.iter()).filter_map(|call| Some((call, tells(call)?)));
    let Some((_, keyed)) = telling.next() else {
        return Ok(());
    };
    let other = telling.find(|(_, says)| *says != keyed).map(|(call, _)| call);
    let unpaired = (calls.calls.iter()).find(|call| keyed && pair(&call.argument).is_none());
    if let Some(call) = other.or(unpaired) {
        return Err((call.events.0, CallError::MixedKeys));
    }
    if !keyed {
        return Ok(());
    }
    for call in &mut calls.calls {
        if let Some((key, value)) = pair(&call.argument) {
            (call.key, call.argument) = (Some(key.clone()), value.clone());
        }
        if let Some(answer) = &call.answer {
            // A completion may give up its value for an error.
            let answer = match pair(answer) {
                Some((key, value)) if Some(key) == call.key.as_ref() => value.clone(),
                _ if *answer == Datum::Nil => Datum::Nil,
                _ => return Err((call.events.1.unwrap_or(call.events.0), CallError::MixedKeys)),
            };
            call.answer = Some(answer);
        }
    }
    Ok(())
}

fn pair(value: &Datum) -> Option<(&Datum, &Datum)> {
    match value {
        Datum::Vector(items) => match &items[..] {
            [key, value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}
