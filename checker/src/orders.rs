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
