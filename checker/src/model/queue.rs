//! Queues: `enqueue v` and `dequeue`, which returns an element, or nil from an empty queue. The plain queue returns
//! elements in any order, the fifo queue in the order of their insertion, the stack (`push`, `pop`) in the reverse.

use std::marker::PhantomData;

use super::collection::{self, Action};
use super::lower::{
    BadCall, Named, Names, Object, Part, Symbols, answer, may_have_happened, no_such, objects,
};
use super::{Model, Shortcut, TimedOp};
use crate::budget::{Budget, Spent};
use crate::call::{Call, Calls, Datum};
use crate::lower::NEVER;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Insert(u32),
    Remove(u32),
    /// Nobody knows what it removed, if anything. It never returned.
    RemoveSome,
    Empty,
}

/// Which element is removed.
pub(super) trait Discipline: Send + Sync {
    const NAME: &'static str;
    /// The positions of the elements that may be removed from `len` many.
    fn next(len: usize) -> std::ops::Range<usize>;
    /// Whether the order of elements matters.
    const IS_ORDERED: bool;
    /// Whether unique elements can be judged without a search, and if so, whether as those of a queue.
    const AS_QUEUE: Option<bool>;
}

/// In any order.
pub(super) struct Any;
/// First in, first out.
pub(super) struct First;
/// Last in, first out.
pub(super) struct Last;

impl Discipline for Any {
    const NAME: &'static str = "queue";
    const IS_ORDERED: bool = false;
    const AS_QUEUE: Option<bool> = Some(false);
    fn next(len: usize) -> std::ops::Range<usize> {
        0..len
    }
}

impl Discipline for First {
    const NAME: &'static str = "fifo-queue";
    const IS_ORDERED: bool = true;
    const AS_QUEUE: Option<bool> = Some(true);
    fn next(len: usize) -> std::ops::Range<usize> {
        0..len.min(1)
    }
}

impl Discipline for Last {
    const NAME: &'static str = "stack";
    const IS_ORDERED: bool = true;
    const AS_QUEUE: Option<bool> = None;
    fn next(len: usize) -> std::ops::Range<usize> {
        len.saturating_sub(1)..len
    }
}

pub(super) struct Queue<D> {
    names: Names,
    discipline: PhantomData<D>,
}

impl<D: Discipline> Model for Queue<D> {
    type State = Vec<u32>;
    type Op = Op;

    fn initial(&self) -> Vec<u32> {
        Vec::new()
    }

    fn step(&self, elements: &Vec<u32>, op: &Op) -> Vec<Vec<u32>> {
        let without = |at: usize| {
            let mut rest = elements.clone();
            rest.remove(at);
            rest
        };
        match *op {
            Op::Insert(value) => {
                let mut more = elements.clone();
                let at = if D::IS_ORDERED {
                    more.len()
                } else {
                    more.partition_point(|other| *other < value)
                };
                more.insert(at, value);
                vec![more]
            }
            Op::Remove(value) => {
                let mut next = D::next(elements.len());
                let at = next.find(|at| elements[*at] == value);
                at.map(without).into_iter().collect()
            }
            Op::RemoveSome => D::next(elements.len())
                .filter(|at| D::IS_ORDERED || *at == 0 || elements[*at - 1] != elements[*at])
                .map(without)
                .collect(),
            Op::Empty if elements.is_empty() => vec![Vec::new()],
            Op::Empty => vec![],
        }
    }

    fn is_pure(&self, op: &Op) -> bool {
        *op == Op::Empty
    }

    fn shortcut(&self, ops: &[TimedOp<Op>], budget: &Budget) -> Result<Option<Shortcut>, Spent> {
        let Some(is_queue) = D::AS_QUEUE else {
            return Ok(None);
        };
        let timed = ops.iter().map(|op| collection::Timed {
            action: match op.op {
                Op::Insert(value) => Action::Insert(value),
                Op::Remove(value) => Action::Remove(value),
                Op::RemoveSome => Action::RemoveSome,
                Op::Empty => Action::Empty,
            },
            start: op.start_ns,
            end: op.end_ns.unwrap_or(NEVER),
        });
        collection::decide(&timed.collect::<Vec<_>>(), is_queue, budget)
    }

    /// Without a value, what is left comes out in the same order as before, and what was empty still is. A removal of
    /// an unknown value that took it need not have happened.
    fn group(&self, op: &Op) -> Option<u32> {
        match op {
            Op::Insert(value) | Op::Remove(value) => Some(*value),
            Op::RemoveSome | Op::Empty => None,
        }
    }

    fn state_bytes(&self, elements: &Vec<u32>) -> usize {
        size_of::<Vec<u32>>() + 4 * elements.len()
    }
}

impl<D: Discipline> Named for Queue<D> {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        // Where nobody finds a bag empty, each of its values is an object of its own; and to remove an unknown one
        // helps nobody.
        let alone = D::AS_QUEUE == Some(false) && !calls.calls.iter().any(finds_nothing);
        let mut symbols = Symbols::new();
        let objects = objects(calls, |call| {
            let Some(op) = op::<D>(call, &mut symbols)? else {
                return Ok(None);
            };
            let value = match op {
                Op::RemoveSome if alone => return Ok(None),
                Op::Insert(_) => &call.argument,
                _ => answer(call).unwrap_or(&Datum::Nil),
            };
            let key = match (&call.key, alone) {
                (key, false) => key.clone(),
                (None, true) => Some(value.clone()),
                (Some(key), true) => Some(Datum::Vector(vec![key.clone(), value.clone()])),
            };
            Ok(Some((key, op)))
        })?;
        let names = symbols.names();
        let part = |object: Object<Op>| {
            let model = Self {
                names: names.clone(),
                discipline: PhantomData,
            };
            object.by(model)
        };
        Ok(objects.into_iter().map(part).collect())
    }

    fn show(&self, elements: &Vec<u32>) -> String {
        format!("[{}]", self.names.list(elements.iter().copied()))
    }
}

/// Whether the call found that there is nothing to remove.
fn finds_nothing(call: &Call) -> bool {
    matches!(&*call.f, "dequeue" | "pop") && answer(call) == Some(&Datum::Nil)
}

fn op<D: Discipline>(call: &Call, symbols: &mut Symbols) -> Result<Option<Op>, String> {
    if !may_have_happened(call) {
        return Ok(None);
    }
    match &*call.f {
        "enqueue" | "push" if call.argument == Datum::Nil => Err(format!(
            "{} of nil: a removal that returns nil found nothing",
            call.f
        )),
        "enqueue" | "push" => Ok(Some(Op::Insert(symbols.number(&call.argument)))),
        "dequeue" | "pop" => Ok(Some(match answer(call) {
            None => Op::RemoveSome,
            Some(Datum::Nil) => Op::Empty,
            Some(value) => Op::Remove(symbols.number(value)),
        })),
        _ => Err(no_such(D::NAME, call, "enqueue and dequeue, or push and pop")),
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use super::super::check::{Found, by_search};
    use super::super::culprit;
    use super::super::lower::Symbols;
    use super::super::{Model, Shortcut, TimedOp, validate};
    use super::{Any, Discipline, First, Op, Queue};
    use crate::budget::Budget;
    use crate::testing::cases;
    use crate::testing::generate::Choices;

    /// Each op takes effect at some moment of its interval. Then some intervals are exchanged or cut.
    fn sample<D: Discipline>(choices: &mut Choices, clients: u64, count: usize) -> Vec<TimedOp<Op>> {
        let (mut held, mut now): (Vec<u32>, u64) = (Vec::new(), 0);
        let mut ops: Vec<TimedOp<Op>> = Vec::new();
        let mut open: Vec<Option<(usize, bool)>> = vec![None; clients as usize];
        while ops.len() < count || open.iter().any(Option::is_some) {
            now += choices.below(3);
            let client = choices.below(clients) as usize;
            match open[client] {
                None if ops.len() < count => {
                    let insert = Op::Insert(ops.len() as u32 + 1);
                    ops.push(TimedOp {
                        op: if choices.percent(50) {
                            insert
                        } else {
                            Op::RemoveSome
                        },
                        start_ns: now,
                        end_ns: None,
                    });
                    open[client] = Some((ops.len() - 1, false));
                }
                None => {}
                Some((at, false)) => {
                    let next = D::next(held.len());
                    ops[at].op = match ops[at].op {
                        Op::Insert(value) => {
                            held.push(value);
                            Op::Insert(value)
                        }
                        _ if held.is_empty() => Op::Empty,
                        _ => Op::Remove(held.remove(next.start + choices.below(next.len() as u64) as usize)),
                    };
                    open[client] = Some((at, true));
                }
                Some((at, true)) => {
                    if choices.percent(95) {
                        ops[at].end_ns = Some(now);
                    } else if choices.percent(50) && !matches!(ops[at].op, Op::Insert(_)) {
                        ops[at].op = Op::RemoveSome;
                    }
                    open[client] = None;
                }
            }
        }
        for _ in 0..choices.below(4) {
            let (a, b) = (
                choices.below(count as u64) as usize,
                choices.below(count as u64) as usize,
            );
            match choices.below(2) {
                0 if ops[a].end_ns.is_some() && ops[b].end_ns.is_some() => {
                    let of = |op: &TimedOp<Op>| (op.start_ns, op.end_ns);
                    let (first, second) = (of(&ops[a]), of(&ops[b]));
                    (ops[a].start_ns, ops[a].end_ns) = second;
                    (ops[b].start_ns, ops[b].end_ns) = first;
                }
                _ => ops[a].end_ns = ops[a].end_ns.map(|_| ops[a].start_ns),
            }
        }
        ops
    }

    fn agree<D: Discipline>() {
        let queue: Queue<D> = Queue {
            names: Symbols::new().names(),
            discipline: PhantomData,
        };
        let (mut valid, mut invalid, mut by_few) = (0, 0, 0);
        for seed in 0..cases(5_000) {
            let mut choices = Choices::new(seed + (1 << 45));
            let clients = 1 + choices.below(4);
            let count = 4 + choices.below(if seed % 4 == 0 { 80 } else { 16 }) as usize;
            let mut ops = sample::<D>(&mut choices, clients, count);
            // As histories are. Of two ops that return at one moment the later one is to blame.
            ops.sort_by_key(|op| op.start_ns);
            let endless = Budget::new(None, usize::MAX);
            let Ok(Some(found)) = queue.shortcut(&ops, &endless) else {
                continue;
            };
            // Removals of unknown values can be too much for the search.
            let Ok(searched) = by_search(&queue, &ops, &Budget::new(None, 1 << 18), false) else {
                continue;
            };
            match (found, searched) {
                (Shortcut::Linearizable(order), Found::Linearizable(_)) => {
                    assert_eq!(validate(&queue, &ops, &order), Ok(()), "seed {seed}: {ops:#?}");
                    valid += 1;
                }
                (Shortcut::NotLinearizable(evidence), Found::Stuck { culprit, .. }) => {
                    let blame = culprit::find(&queue, &ops, &evidence, &endless);
                    assert_eq!(
                        (blame.culprit, blame.is_first),
                        (culprit, true),
                        "{}, seed {seed}: {ops:#?}",
                        D::NAME
                    );
                    if let Some(kept) = blame.kept {
                        let kept: Vec<TimedOp<Op>> =
                            kept.iter().map(|at| ops[*at as usize].clone()).collect();
                        let alone = by_search(&queue, &kept, &endless, false);
                        assert!(matches!(alone, Ok(Found::Stuck { .. })), "seed {seed}: {ops:#?}");
                        by_few += 1;
                    }
                    invalid += 1;
                }
                _ => panic!("{}, seed {seed}: {ops:#?}", D::NAME),
            }
        }
        let fair = valid.min(invalid) * 5 > valid.max(invalid) && by_few > 100;
        assert!(
            fair,
            "{}: {valid} valid, {invalid} invalid, {by_few} by a few ops",
            D::NAME
        );
    }

    #[test]
    fn nothing_cannot_be_inserted() {
        let text = r#"{"type":"invoke","process":0,"f":"enqueue","value":null,"index":0}
{"type":"ok","process":0,"f":"enqueue","value":null,"index":1}"#;
        let file = format!("[{}]", text.replace('\n', ","));
        let read = crate::codec::read_from(file.as_bytes(), None, "queue.json").unwrap();
        let crate::codec::Content::Calls(calls) = &read.content else {
            panic!("no calls")
        };
        let options = crate::linearizable::Options::default();
        let refused = crate::model::check_calls(calls, crate::model::BuiltIn::Queue, &options);
        assert!(refused.unwrap_err().to_string().contains("enqueue of nil"));
    }

    #[test]
    fn longer_histories_of_queues_agree_with_the_search() {
        agree::<First>();
    }

    #[test]
    fn longer_histories_of_bags_agree_with_the_search() {
        agree::<Any>();
    }
}
