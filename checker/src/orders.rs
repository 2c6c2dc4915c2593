//! Linearizations to be looked at: for each object of a history an order of its ops, and where there is none, the
//! longest partial ones.
//!
//! A partial linearization is an order of some ops that keeps to real time and answers as they say, as far as it goes:
//! every op before the culprit is in it, and whatever else could come before it. Porcupine's visualiser draws the same.
//! They decide nothing: the verdict is that of [`crate::linearizable`] and [`crate::model`].

use crate::budget::{Budget, Spent};
use crate::frontier::{self, Register, register_ops};
use crate::history::{Action, History, Outcome, Value};
use crate::linearizable::Options;
use crate::lower::split;

/// The orders found of the ops on one object. Ops are given by their positions in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectOrders {
    /// The object, where there are several.
    pub object: Option<String>,
    /// Its ops, without those that demand nothing.
    pub ops: Vec<u32>,
    /// How the search ended.
    pub end: OrdersEnd,
    /// The orders, the longest first: one where the object is linearizable, none where the search gave up.
    pub orders: Vec<FoundOrder>,
}

/// How the search for the orders of one object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrdersEnd {
    /// The order is a linearization.
    Linearizable,
    /// No order goes beyond the return of this op.
    Stuck(u32),
    /// A limit was reached.
    Spent(Spent),
}

/// An order of ops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOrder {
    /// The ops.
    pub order: Vec<u32>,
    /// What the object is after them; empty after a whole linearization of an object that is no register.
    pub state: String,
}

/// The orders of the ops on each key of a history of registers, within the limits of `options` for all keys together.
/// Ops that demand nothing, such as reads that failed, are in none.
#[must_use]
pub fn register_orders(history: &History, options: &Options) -> Vec<ObjectOrders> {
    let deadline = options.time_limit.map(|limit| std::time::Instant::now() + limit);
    let of_key = |key: crate::lower::KeyOps| {
        let budget = Budget::new(deadline, options.memory_limit_bytes);
        let found =
            (budget.look()).and_then(|()| frontier::search(&Register, &register_ops(&key), &budget, true));
        let position = |tag: u32| key.ops[tag as usize].op;
        let order = |tags: Vec<u32>| {
            let order: Vec<u32> = tags.into_iter().map(position).collect();
            FoundOrder {
                state: held(history, &order).map_or_else(|| "nil".to_owned(), |value| value.to_string()),
                order,
            }
        };
        let (end, orders) = match found {
            Ok(frontier::Answer::Linearizable(tags)) => (OrdersEnd::Linearizable, vec![order(tags)]),
            Ok(frontier::Answer::Stuck(stuck)) => {
                let orders = stuck.longest.into_iter().map(|(_, tags)| order(tags));
                (OrdersEnd::Stuck(position(stuck.culprit)), orders.collect())
            }
            Err(spent) => (OrdersEnd::Spent(spent), Vec::new()),
        };
        ObjectOrders {
            object: Some(key.key.to_string()),
            ops: key.ops.iter().map(|op| op.op).collect(),
            end,
            orders,
        }
    };
    split(history).into_iter().map(of_key).collect()
}

/// What a register holds after an order of ops: what the last of them that changed it wrote.
fn held(history: &History, order: &[u32]) -> Option<Value> {
    let written = |at: &u32| {
        let op = &history.ops[*at as usize];
        match (op.action, op.outcome) {
            (Action::Write { value }, _) => Some(value),
            (Action::Cas { to, .. }, Outcome::Ok | Outcome::Info) => Some(to),
            (Action::Cas { .. }, Outcome::Fail) | (Action::Read, _) => None,
        }
    };
    order.iter().rev().find_map(written)
}

#[cfg(test)]
mod tests {
    use super::{OrdersEnd, held, register_orders};
    use crate::history::{Action, History, Op, Outcome, Value};
    use crate::linearizable::{Options, check_linearizable};
    use crate::lower::split;
    use crate::testing::cases;
    use crate::testing::generate::{Choices, Shape, linearizable, wild};

    /// What the op demands of the register before it, if anything.
    fn seen(op: &Op) -> Option<Option<Value>> {
        match (op.action, op.outcome) {
            (Action::Cas { from, .. }, Outcome::Ok | Outcome::Info) => Some(Some(from)),
            (Action::Write { .. }, _) => None,
            _ => op.observed,
        }
    }

    /// Whether the order keeps to real time, and each op answers as a register does: by the letter, without the search.
    fn is_legal(history: &History, order: &[u32]) -> bool {
        let op = |at: usize| &history.ops[order[at] as usize];
        (0..order.len()).all(|at| {
            let in_time = (0..at).all(|before| op(at).end_ns() >= op(before).invoked_ns);
            let held = held(history, &order[..at]);
            in_time && seen(op(at)).is_none_or(|seen| seen == held)
        })
    }

    #[test]
    fn orders_are_legal_and_as_long_as_they_must_be() {
        let (mut whole, mut stuck) = (0, 0);
        for round in 0..cases(4_000) {
            let mut choices = Choices::new(round);
            let shape = Shape::any(&mut choices);
            let history = match round % 2 {
                0 => linearizable(&mut choices, shape),
                _ => wild(&mut choices, shape),
            };
            let report = check_linearizable(&history, &Options::default());
            let found = register_orders(&history, &Options::default());
            assert_eq!(report.keys.len(), found.len());
            for ((key, found), ops) in report.keys.iter().zip(&found).zip(split(&history)) {
                for order in &found.orders {
                    assert!(
                        is_legal(&history, &order.order),
                        "{:?} of {history:?}",
                        order.order
                    );
                }
                let has = |at: u32| found.orders.iter().all(|order| order.order.contains(&at));
                match found.end {
                    OrdersEnd::Linearizable => {
                        assert_eq!(key.linearizable, Ok(true));
                        assert!(ops.ops.iter().all(|op| op.is_optional() || has(op.op)));
                        whole += 1;
                    }
                    OrdersEnd::Stuck(culprit) => {
                        assert_eq!(key.linearizable, Ok(false));
                        let end = history.ops[culprit as usize].end_ns();
                        let returned = ops
                            .ops
                            .iter()
                            .filter(|op| !op.is_optional() && history.ops[op.op as usize].end_ns() < end);
                        assert!(returned.into_iter().all(|op| has(op.op)));
                        assert!(!found.orders.is_empty());
                        assert!(found.orders.iter().all(|order| !order.order.contains(&culprit)));
                        stuck += 1;
                    }
                    OrdersEnd::Spent(spent) => panic!("{spent}"),
                }
            }
        }
        assert!(whole > 500 && stuck > 300, "{whole} whole, {stuck} stuck");
    }
}
