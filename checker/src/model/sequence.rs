//! Sequences that grow at their end: the strings of a key-value store with get, put and append, and lists with
//! append and read.
//!
//! What no get ever returned, not even as the beginning of what it returned, no op tells from anything else of that
//! kind. So the states are the beginnings of all that was read, the nodes of a tree, and one more for everything
//! else. That makes the search near deterministic: the reads tell the order of the appends.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Model;
use super::lower::{BadCall, Named, Part, Symbols, answer, may_have_happened, no_such, objects, wrong_value};
use crate::call::{Call, Calls, Datum};

/// The empty sequence.
const EMPTY: u32 = 0;
/// Whatever is no beginning of anything that was read.
const UNREAD: u32 = u32::MAX;

/// What stands before the digits of a number in a key-value store: no byte of a string.
const NUMBER: u32 = 256;

/// What one step of an op does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The sequence is this.
    Is(u32),
    /// It becomes this.
    Put(u32),
    /// It grows by this.
    Append(Box<[u32]>),
}

/// Steps that are taken at one moment.
pub(super) type Op = Box<[Step]>;

/// The beginnings of all that was read.
#[derive(Default)]
struct Tree {
    children: FxHashMap<(u32, u32), u32>,
    /// Of each node but the empty one: its parent and last element.
    nodes: Vec<(u32, u32)>,
}

impl Tree {
    fn insert(&mut self, node: u32, sequence: &[u32]) -> u32 {
        sequence.iter().fold(node, |node, element| {
            *self.children.entry((node, *element)).or_insert_with(|| {
                self.nodes.push((node, *element));
                u32::try_from(self.nodes.len())
                    .ok()
                    .filter(|node| *node != UNREAD)
                    .expect("a file holds fewer elements")
            })
        })
    }

    /// Inserts all of `sequences`, and tells the node of each. Reads mostly return what the one before them returned, and
    /// a little more: that is compared at once, not element by element.
    fn insert_all<'a>(&mut self, sequences: impl Iterator<Item = &'a [u32]>) -> Vec<u32> {
        let mut last: (&[u32], u32) = (&[], EMPTY);
        let node = |sequence: &'a [u32]| {
            let (known, rest) = match sequence.strip_prefix(last.0) {
                Some(rest) => (last.1, rest),
                None => (EMPTY, sequence),
            };
            let node = self.insert(known, rest);
            last = (sequence, node);
            node
        };
        sequences.map(node).collect()
    }

    /// What becomes of `node` by `elements`.
    fn grow(&self, node: u32, elements: &[u32]) -> u32 {
        let step = |node: u32, element: &u32| self.children.get(&(node, *element)).copied();
        let grown = elements.iter().try_fold(node, step);
        grown.filter(|_| node != UNREAD).unwrap_or(UNREAD)
    }

    fn elements(&self, mut node: u32) -> Vec<u32> {
        let mut elements = Vec::new();
        while node != EMPTY {
            let (parent, element) = self.nodes[node as usize - 1];
            elements.push(element);
            node = parent;
        }
        elements.reverse();
        elements
    }
}

/// Sequences of one object, with how their elements are shown.
pub(super) struct Sequence<T> {
    tree: Tree,
    show: Arc<T>,
}

impl<T: Sync + Send> Model for Sequence<T> {
    type State = u32;
    type Op = Op;

    fn initial(&self) -> u32 {
        EMPTY
    }

    fn step(&self, state: &u32, op: &Op) -> Vec<u32> {
        let step = |state: u32, step: &Step| match step {
            Step::Is(node) => (state == *node).then_some(state),
            Step::Put(node) => Some(*node),
            Step::Append(elements) => Some(self.tree.grow(state, elements)),
        };
        op.iter().try_fold(*state, step).into_iter().collect()
    }

    fn is_pure(&self, op: &Op) -> bool {
        op.iter().all(|step| matches!(step, Step::Is(_)))
    }

    fn is_blind(&self, op: &Op) -> bool {
        op.iter().all(|step| !matches!(step, Step::Is(_)))
    }

    fn overwrites(&self, op: &Op) -> bool {
        matches!(op.first(), Some(Step::Put(_))) && self.is_blind(op)
    }

    /// What is not even the beginning of anything read becomes nothing of the kind by growing.
    fn sink(&self) -> Option<u32> {
        Some(UNREAD)
    }
}

/// A step as it was called for.
enum Asked {
    Read(Vec<u32>),
    Put(Vec<u32>),
    Append(Vec<u32>),
}

/// The parts of a history whose calls are `asked` for these steps, each of one key.
fn parts<T>(
    calls: &Calls,
    mut asked: impl FnMut(&Call) -> Result<Option<(Datum, Vec<Asked>)>, String>,
    show: impl FnOnce() -> T,
) -> Result<Vec<Part<Sequence<T>>>, BadCall>
where
    T: Sync + Send,
{
    let objects = objects(calls, |call| {
        let asked = asked(call)?.filter(|(_, steps)| !steps.is_empty());
        Ok(asked.map(|(key, steps)| (Some(key), steps)))
    })?;
    let show_elements = Arc::new(show());
    let part = |object: super::lower::Object<Vec<Asked>>| {
        let mut tree = Tree::default();
        let reads = object
            .ops
            .iter()
            .flat_map(|op| &op.op)
            .filter_map(|step| match step {
                Asked::Read(sequence) => Some(&sequence[..]),
                Asked::Put(_) | Asked::Append(_) => None,
            });
        let mut nodes = tree.insert_all(reads).into_iter();
        let mut step = |step: Asked| match step {
            Asked::Read(_) => Step::Is(nodes.next().expect("each read was inserted")),
            Asked::Put(sequence) => Step::Put(tree.grow(EMPTY, &sequence)),
            Asked::Append(elements) => Step::Append(elements.into()),
        };
        let ops = object.ops.into_iter().map(|op| super::TimedOp {
            op: op.op.into_iter().map(&mut step).collect::<Op>(),
            start_ns: op.start_ns,
            end_ns: op.end_ns,
        });
        let ops = ops.collect();
        Part {
            label: object.key.map(|key| key.to_string()),
            ops,
            calls: object.calls,
            model: Sequence {
                tree,
                show: Arc::clone(&show_elements),
            },
        }
    };
    Ok(objects.into_iter().map(part).collect())
}

/// How the bytes of strings are shown.
pub(super) struct Bytes;

/// A key-value store. Every key holds the empty string at first; to get nil is to get that.
pub(super) type KeyValue = Sequence<Bytes>;

impl Named for KeyValue {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        parts(calls, kv_step, || Bytes)
    }

    fn show(&self, state: &u32) -> String {
        if *state == UNREAD {
            return "something that was never read".to_owned();
        }
        let elements = self.tree.elements(*state);
        let bytes: Vec<u8> = elements.iter().filter_map(|b| u8::try_from(*b).ok()).collect();
        let text = String::from_utf8_lossy(&bytes);
        if elements.first() == Some(&NUMBER) {
            return text.into_owned();
        }
        Datum::string(&text).to_string()
    }
}

fn kv_step(call: &Call) -> Result<Option<(Datum, Vec<Asked>)>, String> {
    let text = |value: &Datum| match value {
        Datum::Nil => Ok(Vec::new()),
        Datum::Str(text) => Ok(text.bytes().map(u32::from).collect()),
        Datum::Int(number) if &*call.f != "append" => {
            let digits = number.to_string();
            Ok(std::iter::once(NUMBER)
                .chain(digits.bytes().map(u32::from))
                .collect())
        }
        other => Err(wrong_value(call, "a string", other)),
    };
    let step = match &*call.f {
        "get" | "read" => match answer(call) {
            Some(value) => vec![Asked::Read(text(value)?)],
            None => Vec::new(),
        },
        "put" | "write" if may_have_happened(call) => vec![Asked::Put(text(&call.argument)?)],
        "append" if may_have_happened(call) => vec![Asked::Append(text(&call.argument)?)],
        "put" | "write" | "append" => Vec::new(),
        _ => return Err(no_such("kv", call, "get, put and append")),
    };
    let key = call
        .key
        .clone()
        .ok_or_else(|| format!("`{}` names no key", call.f))?;
    Ok(Some((key, step)))
}

/// How the elements of lists are shown.
pub(super) struct Elements(super::lower::Names);

/// Lists that grow: append and read, on their own or in transactions on a single key.
pub(super) type ListAppend = Sequence<Elements>;

impl Named for ListAppend {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let symbols = std::cell::RefCell::new(Symbols::new());
        parts(
            calls,
            |call| list_steps(call, &mut symbols.borrow_mut()),
            || Elements(symbols.replace(Symbols::new()).names()),
        )
    }

    fn show(&self, state: &u32) -> String {
        if *state == UNREAD {
            return "something that was never read".to_owned();
        }
        format!("[{}]", self.show.0.list(self.tree.elements(*state)))
    }
}

fn list_steps(call: &Call, symbols: &mut Symbols) -> Result<Option<(Datum, Vec<Asked>)>, String> {
    let is_known = call.outcome == crate::history::Outcome::Ok;
    if !may_have_happened(call) {
        return Ok(None);
    }
    if let "append" | "read" | "r" = &*call.f {
        let key = call
            .key
            .clone()
            .ok_or_else(|| format!("`{}` names no key", call.f))?;
        let value = if &*call.f == "append" {
            &call.argument
        } else {
            answer(call).unwrap_or(&Datum::Nil)
        };
        let step = list_step(call, &call.f, value, is_known, symbols)?;
        return Ok(Some((key, step.into_iter().collect())));
    }
    if &*call.f != "txn" {
        return Err(no_such("list-append", call, "append, read and txn"));
    }
    const EXPECTED: &str = "a list of [:append key value] and [:r key list]";
    let whole = answer(call)
        .filter(|value| **value != Datum::Nil)
        .unwrap_or(&call.argument);
    let bad = || wrong_value(call, EXPECTED, whole);
    let (mut key, mut steps): (Option<Datum>, Vec<Asked>) = (None, Vec::new());
    for part in whole.elements().ok_or_else(bad)? {
        let part = part.elements().ok_or_else(bad)?;
        let [f, k, value] = part[..] else {
            return Err(bad());
        };
        if key.get_or_insert_with(|| k.clone()) != k {
            return Err(
                "the transaction touches several keys; this model takes those on a single key only"
                    .to_owned(),
            );
        }
        steps.extend(list_step(
            call,
            f.as_name().ok_or_else(bad)?,
            value,
            is_known,
            symbols,
        )?);
    }
    Ok(key.map(|key| (key, steps)))
}

fn list_step(
    call: &Call,
    f: &str,
    value: &Datum,
    is_known: bool,
    symbols: &mut Symbols,
) -> Result<Option<Asked>, String> {
    match f {
        "append" => Ok(Some(Asked::Append(vec![symbols.number(value)]))),
        "r" | "read" if !is_known => Ok(None),
        "r" | "read" => match (value, value.elements()) {
            (Datum::Nil, _) => Ok(Some(Asked::Read(Vec::new()))),
            (_, Some(list)) => Ok(Some(Asked::Read(
                list.into_iter().map(|v| symbols.number(v)).collect(),
            ))),
            (other, None) => Err(wrong_value(call, "a list or nil where it reads", other)),
        },
        other => Err(format!(
            "a transaction of the model `list-append` has no `{other}`, only append and r"
        )),
    }
}
