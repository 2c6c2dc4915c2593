//! What checks cost, in one table: the histories of others beside what Porcupine took, and generated ones of growing
//! size, concurrency and indeterminacy. Every figure is the best of a few rounds on this machine, now.
//!
//! `cargo run --release -p splitbrain-checker --example table -- [OPS_MAX]`, with the folder of histories named by
//! `SPLITBRAIN_HISTORIES`.

#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain_checker::call::{Call, Calls, Datum};
use splitbrain_checker::codec::{Content, read_file, to_registers};
use splitbrain_checker::history::{
    Action, Header, History, Key, NativeWriter, Op, Outcome, ProcessId, Value, read_native,
};
use splitbrain_checker::history::{Answer, Event, EventKind};
use splitbrain_checker::linearizable::{Options, check_linearizable};
use splitbrain_checker::model::{BuiltIn, CallVerdict, check_calls};

const ROUNDS: u32 = 5;

fn main() {
    let ops_max = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    println!(
        "{:<44} {:>9} {:>12} {:>12}  verdict",
        "history", "ops", "parse ms", "check ms"
    );
    recorded();
    unique(ops_max);
    duplicates();
    indeterminate();
    objects();
}

fn row(name: &str, ops: usize, parse: Option<Duration>, check: Duration, verdict: &str) {
    let ms = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
    let parse = parse.map_or("-".to_owned(), ms);
    println!("{name:<44} {ops:>9} {parse:>12} {:>12}  {verdict}", ms(check));
}

/// The best of some rounds, none of them when the first took long.
fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let started = Instant::now();
    let mut found = run();
    let mut least = started.elapsed();
    for _ in 1..ROUNDS {
        if least > Duration::from_secs(2) {
            break;
        }
        let started = Instant::now();
        found = run();
        least = least.min(started.elapsed());
    }
    (least, found)
}

fn options() -> Options {
    Options {
        // The explanation is no part of the check.
        shrink_time_limit: Duration::ZERO,
        time_limit: Some(Duration::from_secs(60)),
        ..Options::default()
    }
}

fn register_verdict(history: &History) -> (Duration, &'static str) {
    let (time, report) = best(|| check_linearizable(history, &options()));
    let verdict = match (report.verdict.is_valid(), report.verdict.is_invalid()) {
        (true, _) => "valid",
        (_, true) => "invalid",
        _ => "unknown",
    };
    (time, verdict)
}

fn calls_verdict(calls: &Calls, model: BuiltIn) -> (Duration, &'static str) {
    let (time, report) = best(|| check_calls(calls, model, &options()).expect("fits the model"));
    let verdict = match report.verdict {
        CallVerdict::Valid(_) => "valid",
        CallVerdict::Invalid(_) => "invalid",
        _ => "unknown",
    };
    (time, verdict)
}

fn recorded() {
    let Some(folder) = std::env::var_os("SPLITBRAIN_HISTORIES").map(PathBuf::from) else {
        println!("(the histories of others are left out: SPLITBRAIN_HISTORIES does not name their folder)");
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).expect("the folder has expected.tsv");
    // Valid ones, and invalid ones: the time of these includes two further algorithms that confirm the counterexample.
    let (mut etcd, mut porcupine) = ([Duration::ZERO; 2], [Duration::ZERO; 2]);
    let mut slower = Vec::new();
    for line in expected.lines().skip(1) {
        let [file, model, verdict, porcupine_ns] = line.split('\t').collect::<Vec<_>>()[..] else {
            continue;
        };
        let (parse, read) = best(|| read_file(&folder.join(file), None).expect("is a history"));
        let Content::Calls(calls) = read.content else {
            panic!("{file} holds calls");
        };
        let theirs = Duration::from_nanos(porcupine_ns.parse().expect("is a number"));
        let (ours, found) = match to_registers(&calls) {
            Some(history) => register_verdict(&history),
            None => calls_verdict(&calls, model.parse().expect("is built in")),
        };
        assert_eq!(found, verdict, "{file}");
        if ours > theirs {
            slower.push(file.to_owned());
        }
        if file.starts_with("etcd") {
            let at = usize::from(found != "valid");
            etcd[at] += ours;
            porcupine[at] += theirs;
        } else {
            let name = format!("{file} (Porcupine {:.3} ms)", theirs.as_secs_f64() * 1e3);
            row(&name, calls.calls.len(), Some(parse), ours, found);
        }
    }
    for (name, ours, theirs) in [
        ("valid", etcd[0], porcupine[0]),
        ("invalid", etcd[1], porcupine[1]),
        ("all", etcd[0] + etcd[1], porcupine[0] + porcupine[1]),
    ] {
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        let theirs = theirs.as_secs_f64() * 1e3;
        row(
            &format!("etcd logs, {name} (Porcupine {theirs:.1} ms)"),
            0,
            None,
            ours,
            &format!("{ratio:.0} times"),
        );
    }
    println!("slower than Porcupine: {slower:?}");
}

/// What a generated history is like.
#[derive(Clone, Copy)]
struct Shape {
    ops: u64,
    concurrency: u64,
    /// How many values there are; `None` for unique ones.
    values: Option<u64>,
    /// Of a hundred updates so many never return.
    info_percent: u64,
}

/// A linearizable history of one register: each op takes effect at a random moment of its interval.
fn registers(shape: Shape) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(shape.ops ^ shape.concurrency);
    let mut below = |n: u64| rng.next_u64() % n;
    let mut held: Option<Value> = None;
    let mut open: Vec<Option<(usize, bool)>> = vec![None; shape.concurrency as usize];
    let mut names: Vec<u64> = (0..shape.concurrency).collect();
    let mut ops: Vec<Op> = Vec::with_capacity(shape.ops as usize);
    let (mut now, mut completed) = (0, 0);
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
                let is_lost = ops[at].action != Action::Read && below(100) < shape.info_percent;
                if is_lost {
                    names[thread] += shape.concurrency;
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
fn written(history: &History) -> Vec<u8> {
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

fn unique(ops_max: u64) {
    let mut ops = 1_000;
    while ops <= ops_max {
        let history = registers(Shape {
            ops,
            concurrency: 16,
            values: None,
            info_percent: 0,
        });
        let text = written(&history);
        let (parse, _) = best(|| {
            read_native(&text[..], "generated")
                .expect("is a history")
                .history
                .ops
                .len()
        });
        drop(text);
        let (check, verdict) = register_verdict(&history);
        row(
            "register, unique values",
            ops as usize,
            Some(parse),
            check,
            verdict,
        );
        ops *= 10;
    }
}

fn duplicates() {
    for concurrency in [4, 16, 64] {
        let history = registers(Shape {
            ops: 10_000,
            concurrency,
            values: Some(5),
            info_percent: 0,
        });
        let (check, verdict) = register_verdict(&history);
        row(
            &format!("register, 5 values, concurrency {concurrency}"),
            10_000,
            None,
            check,
            verdict,
        );
    }
}

fn indeterminate() {
    for (name, values) in [("unique values", None), ("5 values", Some(5))] {
        for info_percent in [0, 5, 10, 20, 40] {
            let ops = 2_000;
            let history = registers(Shape {
                ops,
                concurrency: 16,
                values,
                info_percent,
            });
            let lost = history
                .ops
                .iter()
                .filter(|op| op.outcome == Outcome::Info)
                .count();
            let (check, verdict) = register_verdict(&history);
            row(
                &format!("register, {name}, {lost} indeterminate"),
                ops as usize,
                None,
                check,
                verdict,
            );
        }
    }
}

/// Calls of one object by some clients, each of which takes effect in the middle of its interval.
fn generated(
    ops: u64,
    clients: u64,
    mut call: impl FnMut(u64, u64) -> (&'static str, Option<Datum>, Datum, Datum),
) -> Calls {
    let calls = (0..ops).map(|number| {
        let (f, key, argument, answer) = call(number, number % clients);
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

fn objects() {
    for clients in [4, 10] {
        let mut held = String::new();
        let kv = generated(2_000, clients, |number, client| {
            if number % 2 == 0 {
                let piece = format!("x {client} {number} y");
                held.push_str(&piece);
                ("append", Some(Datum::Int(1)), Datum::string(&piece), Datum::Nil)
            } else {
                ("get", Some(Datum::Int(1)), Datum::Nil, Datum::string(&held))
            }
        });
        let (check, verdict) = calls_verdict(&kv, BuiltIn::Kv);
        row(
            &format!("kv, one key, append and get, {clients} clients"),
            2_000,
            None,
            check,
            verdict,
        );
        let mut elements: Vec<Datum> = Vec::new();
        let set = generated(1_000, clients, |number, _| {
            if number % 10 == 9 {
                ("read", None, Datum::Nil, Datum::Vector(elements.clone()))
            } else {
                elements.push(Datum::Int(number as i64));
                ("add", None, Datum::Int(number as i64), Datum::Nil)
            }
        });
        let (check, verdict) = calls_verdict(&set, BuiltIn::Set);
        row(
            &format!("set, add and read, {clients} clients"),
            1_000,
            None,
            check,
            verdict,
        );
        let queue = generated(2_000, clients, |number, _| {
            if number % 2 == 0 {
                ("enqueue", None, Datum::Int(number as i64), Datum::Nil)
            } else {
                ("dequeue", None, Datum::Nil, Datum::Int(number as i64 - 1))
            }
        });
        let (check, verdict) = calls_verdict(&queue, BuiltIn::FifoQueue);
        row(
            &format!("fifo-queue, {clients} clients"),
            2_000,
            None,
            check,
            verdict,
        );
    }
}
