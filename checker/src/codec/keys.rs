//! Keys of Jepsen's `independent` tests: each value is a pair of the key and the value proper.

use crate::call::{Call, CallError, Calls, Datum};

/// Splits pairs where every value is one. It tells them from values that are pairs themselves, such as what a cas is
/// invoked with, by ops that are invoked without a value of their own: a keyed read is invoked with `[key nil]`.
pub(super) fn split(calls: &mut Calls) -> Result<(), (u64, CallError)> {
    let has_key = |call: &&Call| call.key.is_some();
    let is_txn = |call: &&Call| &*call.f == "txn";
    if calls.calls.iter().any(|call| has_key(&call) || is_txn(&call)) {
        return Ok(());
    }
    let is_cas = |call: &&Call| &*call.f == "cas";
    let asks = |call: &&Call| matches!(&*call.f, "read" | "get" | "dequeue" | "pop");
    let mut telling = (calls.calls.iter()).filter(|call| asks(call) || is_cas(call));
    let says_keyed = |call: &Call| match is_cas(&call) {
        true => pair(&call.argument).is_some_and(|(_, value)| pair(value).is_some()),
        false => matches!(pair(&call.argument), Some((_, Datum::Nil))),
    };
    let Some(first) = telling.next() else {
        return Ok(());
    };
    let keyed = says_keyed(first);
    let other = telling.find(|call| says_keyed(call) != keyed);
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
