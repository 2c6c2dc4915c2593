//! Made-up histories to measure with. All are functions of their sizes.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain_checker::call::{Call, Calls, Datum};
use splitbrain_checker::history::{
    Action, Answer, Event, EventKind, Header, History, Key, NativeWriter, Op, Outcome, ProcessId, Value,
};

/// What a history of one register is like.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) ops: u64,
    pub(crate) concurrency: u64,
    /// How many values there are; `None` for unique ones.
    pub(crate) values: Option<u64>,
    /// Of a hundred updates so many never return.
    pub(crate) info_percent: u64,
    /// No more than so many updates never return.
    pub(crate) info_max: u64,
}

impl Shape {
    /// Unique values, 16 clients, and every op returns.
    pub(crate) fn of(ops: u64) -> Self {
        Self {
            ops,
            concurrency: 16,
            values: None,
            info_percent: 0,
            info_max: u64::MAX,
        }
    }
}

/// A linearizable history of one register, half reads: each op takes effect at a random moment of its interval.
pub(crate) fn registers(shape: Shape) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(shape.ops ^ shape.concurrency);
    let mut below = |n: u64| rng.next_u64() % n;
    let mut held: Option<Value> = None;
    let mut open: Vec<Option<(usize, bool)>> = vec![None; shape.concurrency as usize];
    let mut names: Vec<u64> = (0..shape.concurrency).collect();
    let mut ops: Vec<Op> = Vec::with_capacity(shape.ops as usize + 2);
    let (mut now, mut completed, mut lost) = (0, 0, 0);
    while completed < shape.ops {
        now += 1;
        let thread = below(shape.concurrency) as usize;
        match open[thread] {
            None if (ops.len() as u64) < shape.ops => {
                let value = Value(shape.values.map_or(ops.len() as u64, &mut below) as i64);
                let action = if below(2) == 0 {
                    Action::Read
                } else {
                    Action::Write { value }
                };
                open[thread] = Some((ops.len(), false));
                ops.push(op(names[thread], action, now));
            }
            None => {}
            Some((at, false)) => {
                match ops[at].action {
                    Action::Read => ops[at].observed = Some(held),
                    Action::Write { value } => held = Some(value),
                    Action::Cas { .. } => {}
                }
                open[thread] = Some((at, true));
            }
            Some((at, true)) => {
                let may_lose = ops[at].action != Action::Read && lost < shape.info_max;
                if may_lose && below(100) < shape.info_percent {
                    names[thread] += shape.concurrency;
                    lost += 1;
                } else {
                    (ops[at].outcome, ops[at].completed_ns) = (Outcome::Ok, Some(now));
                }
                open[thread] = None;
                completed += 1;
            }
        }
    }
    History {
        ops,
        ..History::default()
    }
}

/// Adds an anomaly at the end: a write, and after it a read of what was there long before.
pub(crate) fn with_stale_read(mut history: History) -> History {
    let written = |op: &Op| match op.action {
        Action::Write { value } if op.outcome == Outcome::Ok => Some(value),
        _ => None,
    };
    let middle = history.ops.len() / 2;
    let old = history.ops[middle..].iter().find_map(written);
    let other = history
        .ops
        .iter()
        .rev()
        .find_map(|op| written(op).filter(|v| Some(*v) != old));
    let now = history
        .ops
        .iter()
        .filter_map(|op| op.completed_ns)
        .max()
        .unwrap_or(0);
    let process = history.ops.iter().map(|op| op.process.0).max().unwrap_or(0) + 1;
    let last = other.map_or(Value(-1), |value| match history.ops.len() {
        // Unique values stay unique.
        len if value.0 > 1_000.min(len as i64 / 2) => Value(len as i64 + 1),
        _ => value,
    });
    let actions = [(Action::Write { value: last }, None), (Action::Read, Some(old))];
    for (step, (action, observed)) in (0..).zip(actions) {
        let mut op = op(process, action, now + 10 * step + 1);
        (op.outcome, op.completed_ns, op.observed) = (Outcome::Ok, Some(now + 10 * step + 5), observed);
        history.ops.push(op);
    }
    history
}

fn op(process: u64, action: Action, now: u64) -> Op {
    Op {
        process: ProcessId(process),
        key: Key(0),
        action,
        outcome: Outcome::Info,
        invoked_ns: now,
        completed_ns: None,
        observed: None,
        version: None,
        read_mode: None,
        node: None,
        served_by: None,
        term: None,
        error: None,
    }
}

/// The history as a native file.
pub(crate) fn written(history: &History) -> Vec<u8> {
    let mut events: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * history.ops.len());
    for (at, op) in history.ops.iter().enumerate() {
        events.push((op.invoked_ns, false, at));
        events.extend(op.completed_ns.map(|end| (end, true, at)));
    }
    events.sort_unstable();
    let mut writer = NativeWriter::new(Vec::new(), &Header::default()).expect("memory takes all");
    for (time_ns, is_end, at) in events {
        let op = &history.ops[at];
        let kind = if is_end {
            EventKind::Ok(Answer {
                observed: op.observed,
                ..Answer::default()
            })
        } else {
            EventKind::Invoke {
                read_mode: None,
                node: None,
            }
        };
        let event = Event {
            time_ns,
            process: op.process,
            key: op.key,
            action: op.action,
            kind,
        };
        writer.write(&event).expect("memory takes all");
    }
    writer.finish().expect("memory takes all")
}

/// A call: its function, key, argument and answer.
type Asked = (&'static str, Option<Datum>, Datum, Datum);

/// Calls of one object by some clients that are under way all at once, each of which takes effect as it is invoked.
fn calls(ops: u64, clients: u64, mut call: impl FnMut(u64) -> Asked) -> Calls {
    let calls = (0..ops).map(|number| {
        let (f, key, argument, answer) = call(number);
        Call {
            process: Datum::Int((number % clients) as i64),
            f: f.into(),
            key,
            argument,
            answer: Some(answer),
            outcome: Outcome::Ok,
            invoked_ns: 10 * number,
            completed_ns: Some(10 * (number + clients) - 5),
            error: None,
            events: (0, None),
        }
    });
    Calls {
        calls: calls.collect(),
        has_times: true,
        ..Calls::default()
    }
}

/// One key of a key-value store: half appends, half gets.
pub(crate) fn kv(ops: u64, clients: u64) -> Calls {
    let key = || Some(Datum::Int(1));
    let mut held = String::new();
    calls(ops, clients, |number| {
        if number % 2 == 0 {
            let piece = format!("x {} {number} y", number % clients);
            held.push_str(&piece);
            ("append", key(), Datum::string(&piece), Datum::Nil)
        } else {
            ("get", key(), Datum::Nil, Datum::string(&held))
        }
    })
}

/// One list: a read after every ninth append.
pub(crate) fn list_append(ops: u64, clients: u64) -> Calls {
    let key = || Some(Datum::Int(1));
    let mut held: Vec<Datum> = Vec::new();
    calls(ops, clients, |number| {
        if number % 10 == 9 {
            ("read", key(), Datum::Nil, Datum::Vector(held.clone()))
        } else {
            held.push(Datum::Int(number as i64));
            ("append", key(), Datum::Int(number as i64), Datum::Nil)
        }
    })
}

/// A set of unique elements: every `every`th call reads them all, the others add.
pub(crate) fn set(ops: u64, clients: u64, every: u64) -> Calls {
    let mut elements: Vec<Datum> = Vec::new();
    calls(ops, clients, |number| {
        if number % every == every - 1 {
            ("read", None, Datum::Nil, Datum::Vector(elements.clone()))
        } else {
            elements.push(Datum::Int(number as i64));
            ("add", None, Datum::Int(number as i64), Datum::Nil)
        }
    })
}

/// A set of ten elements that come and go, asked one at a time.
pub(crate) fn set_by_element(ops: u64, clients: u64) -> Calls {
    let mut is_in = [false; 10];
    calls(ops, clients, |number| {
        let element = (number / 3 % 10) as usize;
        let value = Datum::Int(element as i64);
        match (number * 7 / 3) % 3 {
            0 => {
                is_in[element] = true;
                ("add", None, value, Datum::Nil)
            }
            1 => {
                is_in[element] = false;
                ("remove", None, value, Datum::Nil)
            }
            _ => ("contains", None, value, Datum::Bool(is_in[element])),
        }
    })
}

/// A queue or stack of unique elements: enqueue and dequeue by turns, now and then an answer that it is empty.
pub(crate) fn queue(ops: u64, clients: u64, is_stack: bool) -> Calls {
    let (insert, remove) = if is_stack {
        ("push", "pop")
    } else {
        ("enqueue", "dequeue")
    };
    calls(ops, clients, |number| match number % 7 {
        6 => (remove, None, Datum::Nil, Datum::Nil),
        even if even % 2 == 0 => (insert, None, Datum::Int(number as i64), Datum::Nil),
        _ => (remove, None, Datum::Nil, Datum::Int(number as i64 - 1)),
    })
}

/// A lock that is taken and given back by turns.
pub(crate) fn lock(ops: u64, clients: u64) -> Calls {
    calls(ops, clients, |number| {
        let f = if number % 2 == 0 { "acquire" } else { "release" };
        (f, None, Datum::Nil, Datum::Nil)
    })
}
