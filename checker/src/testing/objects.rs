//! Plain objects to hold the models against: what each answers, and what it then is, written down a second time.

use crate::call::Datum;
use crate::model::BuiltIn;

/// An object: registers, lists and counts by key. What a key holds depends on the model.
pub(crate) type Object = std::collections::BTreeMap<Datum, Datum>;

/// Calls that may be made of a model, each with a few possible answers if it returns.
pub(crate) fn repertoire(model: BuiltIn) -> Vec<(&'static str, Datum)> {
    let ints = || (1..4).map(Datum::Int);
    let with = |f: &'static str| ints().map(move |value| (f, value));
    let alone = |f: &'static str| (f, Datum::Nil);
    let list = |items: &[Datum]| Datum::Vector(items.to_vec());
    let key = |name: &str| Datum::Keyword(name.into());
    match model {
        BuiltIn::Register => with("write").chain([alone("read"), alone("read")]).collect(),
        BuiltIn::CasRegister => {
            let cas = [(1, 2), (2, 3), (2, 1)].map(|(a, b)| ("cas", list(&[Datum::Int(a), Datum::Int(b)])));
            with("write")
                .chain([alone("read"), alone("read")])
                .chain(cas)
                .collect()
        }
        BuiltIn::MultiRegister => {
            let read = |k| list(&[key("r"), key(k), Datum::Nil]);
            let write = |k, v| list(&[key("w"), key(k), Datum::Int(v)]);
            vec![
                ("txn", list(&[write("x", 1), write("y", 1)])),
                ("txn", list(&[write("x", 2)])),
                ("txn", list(&[read("x"), write("y", 2)])),
                ("txn", list(&[read("x"), read("y")])),
                ("txn", list(&[read("z")])),
                ("txn", list(&[write("z", 1), read("z")])),
            ]
        }
        BuiltIn::Kv => {
            let texts = || ["a", "b", "ab"].map(Datum::string).into_iter();
            let put = texts().map(|t| ("put", t));
            put.chain(texts().map(|t| ("append", t)))
                .chain([alone("get"), alone("get"), alone("get")])
                .collect()
        }
        BuiltIn::Set => {
            let two = |f: &'static str| [1, 2].map(|n| (f, Datum::Int(n)));
            let updates = two("add").into_iter().chain(two("remove")).chain(two("add"));
            updates
                .chain(two("contains"))
                .chain(two("contains"))
                .chain([alone("read"), alone("read")])
                .collect()
        }
        BuiltIn::Counter => {
            let add = [1, -2].map(|n| ("add", Datum::Int(n)));
            add.into_iter()
                .chain([
                    alone("increment"),
                    alone("decrement"),
                    alone("read"),
                    alone("read"),
                ])
                .collect()
        }
        BuiltIn::Queue | BuiltIn::FifoQueue | BuiltIn::Stack => with("enqueue")
            .chain([alone("dequeue"), alone("dequeue"), alone("dequeue")])
            .collect(),
        BuiltIn::Lock => vec![alone("acquire"), alone("release")],
        BuiltIn::FencedLock => {
            // The first tokens that are given, see `apply`.
            let given = (-19..-16).map(|token| ("release", Datum::Int(token)));
            let acquires = [alone("acquire"), alone("acquire"), alone("acquire")];
            given.chain(acquires).chain([alone("release")]).collect()
        }
        BuiltIn::ListAppend => {
            let step = |f: &str, v: Datum| list(&[key(f), Datum::Int(5), v]);
            vec![
                ("txn", list(&[step("append", Datum::Int(1))])),
                ("txn", list(&[step("append", Datum::Int(2))])),
                ("txn", list(&[step("r", Datum::Nil)])),
                (
                    "txn",
                    list(&[step("r", Datum::Nil), step("append", Datum::Int(3))]),
                ),
            ]
        }
    }
}

/// What the object may answer to a call, each with what it then is. Nothing where the call must wait.
pub(crate) fn apply(model: BuiltIn, object: &Object, f: &str, argument: &Datum) -> Vec<(Datum, Object)> {
    let held = object.get(&Datum::Nil).cloned().unwrap_or(Datum::Nil);
    let same = |answer: Datum| vec![(answer, object.clone())];
    let becomes = |answer: Datum, value: Datum| {
        let mut after = object.clone();
        after.insert(Datum::Nil, value);
        (answer, after)
    };
    let items = match &held {
        Datum::Vector(items) => items.clone(),
        _ => Vec::new(),
    };
    let text = |value: &Datum| value.as_name().unwrap_or_default().to_owned();
    match (model, f) {
        (BuiltIn::Register | BuiltIn::CasRegister, "read") => same(held),
        (BuiltIn::Register | BuiltIn::CasRegister, "write") => vec![becomes(Datum::Nil, argument.clone())],
        (BuiltIn::Register | BuiltIn::CasRegister, _) => match argument.elements().as_deref() {
            Some([from, to]) if **from == held => vec![becomes(argument.clone(), (*to).clone())],
            _ => Vec::new(),
        },
        (BuiltIn::Kv, "get") => same(Datum::string(&text(&held))),
        (BuiltIn::Kv, "put") => vec![becomes(Datum::Nil, argument.clone())],
        (BuiltIn::Kv, _) => vec![becomes(
            Datum::Nil,
            Datum::string(&(text(&held) + &text(argument))),
        )],
        (BuiltIn::Counter, "read") => same(Datum::Int(held.as_int().unwrap_or(0))),
        (BuiltIn::Counter, _) => {
            let by = match f {
                "add" => argument.as_int().unwrap_or(0),
                "increment" => 1,
                _ => -1,
            };
            vec![becomes(Datum::Nil, Datum::Int(held.as_int().unwrap_or(0) + by))]
        }
        (BuiltIn::Set, "read") => same(Datum::Vector(items)),
        (BuiltIn::Set, "contains") => same(Datum::Bool(items.contains(argument))),
        (BuiltIn::Set, _) => {
            let mut kept: Vec<Datum> = items.into_iter().filter(|item| item != argument).collect();
            kept.extend((f == "add").then(|| argument.clone()));
            vec![becomes(Datum::Nil, Datum::Vector(kept))]
        }
        (BuiltIn::Queue | BuiltIn::FifoQueue | BuiltIn::Stack, "enqueue") => {
            let more = items.into_iter().chain([argument.clone()]).collect();
            vec![becomes(Datum::Nil, Datum::Vector(more))]
        }
        (BuiltIn::Queue | BuiltIn::FifoQueue | BuiltIn::Stack, _) if items.is_empty() => same(Datum::Nil),
        (BuiltIn::Queue | BuiltIn::FifoQueue | BuiltIn::Stack, _) => (0..items.len())
            .filter(|at| match model {
                BuiltIn::FifoQueue => *at == 0,
                BuiltIn::Stack => *at + 1 == items.len(),
                _ => true,
            })
            .map(|at| {
                let mut rest = items.clone();
                let taken = rest.remove(at);
                becomes(taken, Datum::Vector(rest))
            })
            .collect(),
        (BuiltIn::Lock, f) => match (f == "acquire", held == Datum::Bool(true)) {
            (true, false) => vec![becomes(Datum::Nil, Datum::Bool(true))],
            (false, true) => vec![becomes(Datum::Nil, Datum::Bool(false))],
            _ => Vec::new(),
        },
        (BuiltIn::FencedLock, f) => {
            // Held while the token is marked as such.
            let is_held = object.contains_key(&Datum::Bool(true));
            if (f == "acquire") == is_held {
                return Vec::new();
            }
            let mut after = object.clone();
            if f == "release" && *argument != Datum::Nil && *argument != held {
                return Vec::new();
            }
            if f == "release" {
                after.remove(&Datum::Bool(true));
                return vec![(Datum::Nil, after)];
            }
            after.insert(Datum::Bool(true), Datum::Nil);
            // A token that nobody was told of may lie below any other, and leave room for more of its kind.
            let last = held.as_int();
            let below = last.is_none().then_some(-30..-19).into_iter().flatten();
            let tokens = (last.map_or(-19, |last| last + 1)..=3).chain(below);
            tokens
                .map(|token| {
                    let mut after = after.clone();
                    after.insert(Datum::Nil, Datum::Int(token));
                    (Datum::Int(token), after)
                })
                .collect()
        }
        (BuiltIn::MultiRegister | BuiltIn::ListAppend, _) => vec![transaction(object, argument)],
    }
}

fn transaction(object: &Object, argument: &Datum) -> (Datum, Object) {
    let mut after = object.clone();
    let mut answers = Vec::new();
    for step in argument.elements().unwrap_or_default() {
        let [f, key, value] = step.elements().unwrap_or_default()[..] else {
            continue;
        };
        let held = after.get(key).cloned().unwrap_or(Datum::Nil);
        let value = match f.as_name() {
            Some("r") => held,
            Some("w") => {
                after.insert(key.clone(), value.clone());
                value.clone()
            }
            _ => {
                let mut items = match held {
                    Datum::Vector(items) => items,
                    _ => Vec::new(),
                };
                items.push(value.clone());
                after.insert(key.clone(), Datum::Vector(items));
                value.clone()
            }
        };
        answers.push(Datum::Vector(vec![f.clone(), key.clone(), value]));
    }
    (Datum::Vector(answers), after)
}
