//! The one JSON document that the scripts of a checked history's page read.

use std::collections::BTreeMap;

use serde::Serialize;
use splitbrain_checker::history::Outcome;

use super::report::{CheckReport, CheckedEnd, CheckedOp, CheckedOrders};
use crate::format::shorten;
use crate::timeline::{Column, PackedColumn};

/// The most ops that a page carries.
pub(super) const MAX_OPS: usize = 100_000;
/// What the texts of all ops take together, in characters, about; and one of them, at most and at least.
const TEXT_CHARS: usize = 3_000_000;
const TEXT_CHARS_MOST: usize = 300;
const TEXT_CHARS_LEAST: usize = 24;
/// The most characters of the name of an object or process.
const NAME_CHARS: usize = 80;
/// What all orders take together, in ops that they do not share: those of the smallest objects are left out.
const MAX_ORDER_OPS: usize = 1_000_000;

/// Bits of the `flags` column, read by `assets/history_ops.js`; the outcome is in bits 0 and 1.
mod flag {
    /// A completion was recorded.
    pub(super) const COMPLETED: u64 = 1 << 2;
    /// It only reads.
    pub(super) const READ: u64 = 1 << 3;
}

/// Everything that the scripts need. Times are nanoseconds from the start of the page, or numbers of events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct HistoryData {
    pub(super) rows: usize,
    timed: bool,
    /// The length of the page.
    end: u64,
    /// Where it starts, for histories without times.
    origin: u64,
    processes: Vec<String>,
    objects: Vec<String>,
    texts: Vec<String>,
    errors: Vec<String>,
    members: Vec<u32>,
    culprits: Vec<u32>,
    orders: Vec<Orders>,
    columns: BTreeMap<&'static str, PackedColumn>,
}

/// The orders of an object.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Orders {
    object: u32,
    end: &'static str,
    /// The row of the op that nothing explains.
    culprit: Option<u32>,
    note: String,
    orders: Vec<Order>,
}

/// An order, as its beginning, shared with the first of its object, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Order {
    shared: usize,
    length: usize,
    tail: PackedColumn,
    state: String,
}

/// Strings by number, in the order in which they come.
struct Names<'a> {
    numbers: BTreeMap<&'a str, u64>,
    names: Vec<String>,
    most_chars: usize,
}

impl<'a> Names<'a> {
    fn new(most_chars: usize) -> Self {
        Self {
            numbers: BTreeMap::new(),
            names: Vec::new(),
            most_chars,
        }
    }

    fn number(&mut self, name: &'a str) -> u64 {
        let (names, most) = (&mut self.names, self.most_chars);
        *self.numbers.entry(name).or_insert_with(|| {
            names.push(shorten(name, most));
            names.len() as u64 - 1
        })
    }
}

/// Which ops a page carries: a stretch of the history.
pub(super) fn window(report: &CheckReport<'_>) -> std::ops::Range<usize> {
    let count = report.ops.len();
    if count <= MAX_OPS {
        return 0..count;
    }
    let culprit = report
        .counterexample
        .and_then(|found| found.ops.iter().find(|op| op.culprit));
    let at = culprit.and_then(|op| position(report.ops, op.index)).unwrap_or(0);
    // Most of what led to it comes before it.
    let from = at.saturating_sub(MAX_OPS * 3 / 4).min(count - MAX_OPS);
    from..from + MAX_OPS
}

fn position(ops: &[CheckedOp], index: u64) -> Option<usize> {
    ops.binary_search_by_key(&index, |op| op.index).ok()
}

/// Packs the ops of `window`.
pub(super) fn build(report: &CheckReport<'_>, window: &std::ops::Range<usize>) -> HistoryData {
    let ops = &report.ops[window.clone()];
    let origin = ops.iter().map(|op| op.start).min().unwrap_or(0);
    let end = (ops.iter().flat_map(|op| [Some(op.start), op.end]).flatten().max()).unwrap_or(origin);
    let chars = (TEXT_CHARS / ops.len().max(1)).clamp(TEXT_CHARS_LEAST, TEXT_CHARS_MOST);
    let (mut processes, mut objects) = (Names::new(NAME_CHARS), Names::new(NAME_CHARS));
    // Processes and objects have their lanes in the order of their names.
    let mut names: Vec<&str> = ops.iter().map(|op| &*op.process).collect();
    in_order(&mut names);
    for name in names {
        processes.number(name);
    }
    let mut names: Vec<&str> = ops.iter().map(|op| &*op.object).collect();
    in_order(&mut names);
    for name in names {
        objects.number(name);
    }
    let (mut texts, mut errors) = (Names::new(chars), Names::new(chars));
    let mut columns: BTreeMap<&'static str, Column> = BTreeMap::new();
    let (mut last_index, mut last_start) = (0, 0);
    for op in ops {
        let mut push = |name, n: u64| columns.entry(name).or_default().push(n);
        let start = (op.start - origin) as i64;
        push("length", op.end.unwrap_or(op.start).saturating_sub(op.start));
        push("flags", flags(op));
        push("process", processes.number(&op.process));
        push("object", objects.number(&op.object));
        push("text", texts.number(&op.text));
        push(
            "error",
            if op.error.is_empty() {
                0
            } else {
                errors.number(&op.error) + 1
            },
        );
        let mut push = |name, n: i64| columns.entry(name).or_default().push_signed(n);
        push("index", op.index as i64 - last_index);
        push("start", start - last_start);
        (last_index, last_start) = (op.index as i64, start);
    }
    for name in [
        "length", "flags", "process", "object", "text", "error", "index", "start",
    ] {
        columns.entry(name).or_default();
    }
    let row = |index: u64| {
        let at = position(report.ops, index).filter(|at| window.contains(at));
        at.map(|at| (at - window.start) as u32)
    };
    let example = report.counterexample.iter().flat_map(|found| &found.ops);
    HistoryData {
        rows: ops.len(),
        timed: report.is_timed,
        end: (end - origin).max(1),
        origin,
        members: example.clone().filter_map(|op| row(op.index)).collect(),
        culprits: example
            .filter(|op| op.culprit)
            .filter_map(|op| row(op.index))
            .collect(),
        orders: orders(report, window, &objects.numbers),
        processes: processes.names,
        objects: objects.names,
        texts: texts.names,
        errors: errors.names,
        columns: columns
            .into_iter()
            .map(|(name, column)| (name, column.pack()))
            .collect(),
    }
}

/// Numbers by their size, and before all other names.
fn in_order(names: &mut Vec<&str>) {
    names.sort_unstable_by(|a, b| match (a.parse::<i128>(), b.parse::<i128>()) {
        (Ok(x), Ok(y)) => x.cmp(&y).then_with(|| a.cmp(b)),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    });
    names.dedup();
}

fn flags(op: &CheckedOp) -> u64 {
    let outcome = match op.outcome {
        Outcome::Ok => 0,
        Outcome::Fail => 1,
        Outcome::Info => 2,
    };
    let completed = if op.end.is_some() { flag::COMPLETED } else { 0 };
    outcome | completed | if op.is_read { flag::READ } else { 0 }
}

fn orders(
    report: &CheckReport<'_>,
    window: &std::ops::Range<usize>,
    objects: &BTreeMap<&str, u64>,
) -> Vec<Orders> {
    let mut left = MAX_ORDER_OPS;
    let of_object = |found: &CheckedOrders| {
        let object = *objects.get(&*found.object)? as u32;
        let (end, culprit, note) = match &found.end {
            CheckedEnd::Linearizable => ("linearizable", None, String::new()),
            CheckedEnd::Stuck(op) => ("stuck", Some(*op), String::new()),
            CheckedEnd::Unknown(why) => ("unknown", None, why.clone()),
        };
        let culprit = culprit.map(|op| op as usize).filter(|op| window.contains(op));
        let mut packed: Vec<Order> = Vec::new();
        let mut first: Vec<u32> = Vec::new();
        for (order, state) in &found.orders {
            let rows: Vec<u32> = (order.iter())
                .filter(|op| window.contains(&(**op as usize)))
                .map(|op| op - window.start as u32)
                .collect();
            let shared = first.iter().zip(&rows).take_while(|(a, b)| a == b).count();
            if rows.len() - shared > left {
                break;
            }
            left -= rows.len() - shared;
            packed.push(pack(&rows, shared, state));
            if packed.len() == 1 {
                first = rows;
            }
        }
        Some(Orders {
            object,
            end,
            culprit: culprit.map(|op| (op - window.start) as u32),
            note: if packed.is_empty() && note.is_empty() {
                "none found".to_owned()
            } else {
                note
            },
            orders: packed,
        })
    };
    report.orders.iter().filter_map(of_object).collect()
}

fn pack(rows: &[u32], shared: usize, state: &str) -> Order {
    let mut tail = Column::default();
    let mut last = 0;
    for row in &rows[shared..] {
        tail.push_signed(i64::from(*row) - last);
        last = i64::from(*row);
    }
    Order {
        shared,
        length: rows.len() - shared,
        tail: tail.pack(),
        state: shorten(state, TEXT_CHARS_MOST),
    }
}
