//! What checks cost, in one table: the histories of others beside what Porcupine took, and generated ones of growing
//! size, concurrency and indeterminacy. Every figure is the best of a few rounds on this machine, now.
//!
//! `make bench-table`, or `cargo run --release -p splitbrain-checker --example table -- [OPS_MAX]`, with the folder of
//! histories named by `SPLITBRAIN_HISTORIES`.

#![expect(clippy::print_stdout, reason = "it prints a table")]

mod histories;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use histories::Shape;
use splitbrain_checker::call::Calls;
use splitbrain_checker::codec::{Content, read_file, to_registers};
use splitbrain_checker::history::{History, read_native};
use splitbrain_checker::linearizable::{Options, check_linearizable, decide_linearizable};
use splitbrain_checker::model::{BuiltIn, check_calls, decide_calls};

const ROUNDS: u32 = 7;
/// What took longer is not measured again.
const ONCE: Duration = Duration::from_secs(2);

fn main() {
    let ops_max = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    println!("| history | ops | verdict | parse ms | check ms | explain ms | Porcupine ms | ratio |");
    println!("|---|--:|---|--:|--:|--:|--:|--:|");
    recorded();
    unique(ops_max);
    duplicates();
    indeterminate();
    objects();
    anomalies(ops_max.min(1_000_000));
    if let Some(peak) = peak_memory() {
        println!(
            "\nMost memory held at once, by the text and the history of the longest file among it all: {peak}"
        );
    }
}

/// A line of the table. Times that were not taken are left out.
#[derive(Default)]
struct Row {
    name: String,
    ops: usize,
    verdict: String,
    parse: Option<Duration>,
    check: Duration,
    explain: Option<Duration>,
    porcupine: Option<Duration>,
}

impl Row {
    fn print(&self) {
        let ms = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
        let ratio = self
            .porcupine
            .map(|theirs| theirs.as_secs_f64() / self.check.as_secs_f64());
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            self.ops,
            self.verdict,
            self.parse.map_or(String::new(), ms),
            ms(self.check),
            self.explain.map_or(String::new(), ms),
            self.porcupine.map_or(String::new(), ms),
            ratio.map_or(String::new(), |ratio| format!("{ratio:.1}")),
        );
    }
}

/// The best of some rounds, one only where the first took long.
fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let started = Instant::now();
    let mut found = run();
    let mut least = started.elapsed();
    for _ in 1..ROUNDS {
        if least > ONCE {
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
        time_limit: Some(Duration::from_secs(60)),
        ..Options::default()
    }
}

fn verdict_name(holds: Option<bool>) -> String {
    match holds {
        Some(true) => "valid",
        Some(false) => "invalid",
        None => "unknown",
    }
    .to_owned()
}

/// The row of a history of registers: the verdict, and where there is one the time of its explanation.
fn registers_row(name: &str, history: &History) -> Row {
    let (check, keys) = best(|| decide_linearizable(history, &options()));
    let is = |wanted| keys.iter().any(|key| key.linearizable == wanted);
    let holds = match (is(Ok(false)), keys.iter().all(|key| key.linearizable == Ok(true))) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    };
    let mut verdict = verdict_name(holds);
    let mut explain = None;
    if holds == Some(false) {
        let (whole, report) = best(|| check_linearizable(history, &options()));
        let counterexample = report.verdict.counterexample().expect("it is not linearizable");
        explain = Some(whole.saturating_sub(check));
        verdict = format!("{verdict}, by {} ops", counterexample.ops.len());
    }
    Row {
        name: name.to_owned(),
        ops: history.ops.len(),
        verdict,
        check,
        explain,
        ..Row::default()
    }
}

fn calls_row(name: &str, calls: &Calls, model: BuiltIn) -> Row {
    let (check, holds) = best(|| {
        decide_calls(calls, model, &options())
            .expect("fits the model")
            .ok()
    });
    let explain = (holds == Some(false)).then(|| {
        let (whole, _) = best(|| check_calls(calls, model, &options()));
        whole.saturating_sub(check)
    });
    Row {
        name: name.to_owned(),
        ops: calls.calls.len(),
        verdict: verdict_name(holds),
        check,
        explain,
        ..Row::default()
    }
}

fn recorded() {
    let Some(folder) = std::env::var_os("SPLITBRAIN_HISTORIES").map(PathBuf::from) else {
        println!(
            "| (the histories of others are left out: SPLITBRAIN_HISTORIES does not name their folder) |"
        );
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).expect("the folder has expected.tsv");
    let rows: Vec<Row> = (expected.lines().skip(1))
        .filter_map(|line| recorded_row(&folder, line))
        .collect();
    let is_etcd = |row: &&Row| row.name.starts_with("etcd");
    for (name, valid) in [("valid", Some(true)), ("invalid", Some(false)), ("all", None)] {
        let rows = rows.iter().filter(is_etcd);
        let rows: Vec<&Row> = rows
            .filter(|row| valid.is_none_or(|valid| row.verdict.starts_with("valid") == valid))
            .collect();
        let sum = |time: fn(&Row) -> Duration| rows.iter().map(|row| time(row)).sum::<Duration>();
        Row {
            name: format!("etcd logs, {name}, all {} together", rows.len()),
            ops: rows.iter().map(|row| row.ops).sum(),
            parse: Some(sum(|row| row.parse.unwrap_or_default())),
            check: sum(|row| row.check),
            explain: Some(sum(|row| row.explain.unwrap_or_default())),
            porcupine: Some(sum(|row| row.porcupine.unwrap_or_default())),
            ..Row::default()
        }
        .print();
    }
    rows.iter().filter(|row| !is_etcd(row)).for_each(Row::print);
    let ratio = |row: &Row| row.porcupine.unwrap_or_default().as_secs_f64() / row.check.as_secs_f64();
    let slowest = rows.iter().min_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    if let Some(slowest) = slowest {
        println!("| the file with the least ratio: |");
        slowest.print();
    }
}

/// A file and what is known of it: its name, model, verdict, and the time that Porcupine took.
fn recorded_row(folder: &Path, line: &str) -> Option<Row> {
    let [file, model, verdict, porcupine_ns] = line.split('\t').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (parse, read) = best(|| read_file(&folder.join(file), None).expect("is a history"));
    let Content::Calls(calls) = read.content else {
        panic!("{file} holds calls");
    };
    let row = match to_registers(&calls) {
        Some(history) => registers_row(file, &history),
        None => calls_row(file, &calls, model.parse().expect("is built in")),
    };
    assert!(
        row.verdict.starts_with(verdict),
        "{file} was found {}",
        row.verdict
    );
    Some(Row {
        parse: Some(parse),
        porcupine: Some(Duration::from_nanos(porcupine_ns.parse().expect("is a number"))),
        ..row
    })
}

fn unique(ops_max: u64) {
    let mut ops = 1_000;
    while ops <= ops_max {
        let text = histories::written(&histories::registers(Shape::of(ops)));
        let read = || read_native(&text[..], "generated").expect("is a history").history;
        let (parse, history) = best(read);
        drop(text);
        Row {
            parse: Some(parse),
            ..registers_row("register, unique values, 16 clients", &history)
        }
        .print();
        ops *= 10;
    }
}

fn duplicates() {
    for concurrency in [4, 16, 64] {
        for ops in [10_000, 100_000] {
            let history = histories::registers(Shape {
                concurrency,
                values: Some(5),
                ..Shape::of(ops)
            });
            registers_row(&format!("register, 5 values, {concurrency} clients"), &history).print();
        }
    }
}

fn indeterminate() {
    let row = |shape: Shape| {
        let history = histories::registers(shape);
        let lost = history.ops.iter().filter(|op| op.completed_ns.is_none()).count();
        let values = shape
            .values
            .map_or("unique".to_owned(), |values| values.to_string());
        let name = format!("register, {values} values, 16 clients, {lost} indeterminate");
        registers_row(&name, &history).print();
    };
    for values in [None, Some(5)] {
        for info_percent in [0, 5, 10, 20, 40] {
            row(Shape {
                values,
                info_percent,
                ..Shape::of(2_000)
            });
        }
    }
    for (ops, values, info_max) in [(2_000, Some(5), 64), (100_000, None, 1_000)] {
        row(Shape {
            values,
            info_percent: 10,
            info_max,
            ..Shape::of(ops)
        });
    }
}

fn objects() {
    for clients in [4, 16] {
        let named = |name: &str| format!("{name}, {clients} clients");
        let row = |name: &str, calls: Calls, model| calls_row(&named(name), &calls, model).print();
        row("kv, append and get", histories::kv(2_000, clients), BuiltIn::Kv);
        row(
            "list-append",
            histories::list_append(2_000, clients),
            BuiltIn::ListAppend,
        );
        row(
            "set, add and read",
            histories::set(10_000, clients, 100),
            BuiltIn::Set,
        );
        row(
            "set, add, remove and contains",
            histories::set_by_element(10_000, clients),
            BuiltIn::Set,
        );
        for ops in [2_000, 100_000] {
            row("queue", histories::queue(ops, clients, false), BuiltIn::Queue);
            row(
                "fifo-queue",
                histories::queue(ops, clients, false),
                BuiltIn::FifoQueue,
            );
        }
        row(
            "stack",
            histories::queue(2_000, clients.min(8), true),
            BuiltIn::Stack,
        );
        row("lock", histories::lock(10_000, clients), BuiltIn::Lock);
    }
}

fn anomalies(ops: u64) {
    for values in [None, Some(5)] {
        let shape = Shape {
            values,
            ..Shape::of(ops)
        };
        let history = histories::with_stale_read(histories::registers(shape));
        let values = values.map_or("unique".to_owned(), |values| values.to_string());
        registers_row(
            &format!("register, {values} values, 16 clients, stale at the end"),
            &history,
        )
        .print();
    }
}

/// The most memory that this process ever held, as the system tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{:.2} GB", kilobytes / f64::from(1 << 20)))
}
