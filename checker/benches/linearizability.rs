//! What a check costs: recorded histories (of the folder that `SPLITBRAIN_HISTORIES` names), registers of unique and of
//! few values, ops of unknown outcome, key-value stores, sets, queues; and the codec beside them.

#[path = "../examples/table/histories.rs"]
#[expect(dead_code, reason = "the table uses what is not used here")]
mod histories;

use std::path::PathBuf;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use histories::Shape;
use splitbrain_checker::call::Calls;
use splitbrain_checker::codec::{Content, read_file, to_registers};
use splitbrain_checker::history::{History, read_native};
use splitbrain_checker::linearizable::{Options, decide_linearizable};
use splitbrain_checker::model::{BuiltIn, decide_calls};

/// The longest generated history, unless `SPLITBRAIN_BENCH_OPS_MAX` says otherwise. 10,000,000 need some 4 GB.
const OPS_MAX: u64 = 1_000_000;

fn ops_max() -> u64 {
    let set = std::env::var("SPLITBRAIN_BENCH_OPS_MAX").ok();
    set.and_then(|n| n.parse().ok()).unwrap_or(OPS_MAX)
}

fn decide(history: &History) -> usize {
    decide_linearizable(history, &Options::default())
        .iter()
        .filter(|key| key.linearizable == Ok(true))
        .count()
}

fn decide_by(calls: &Calls, model: BuiltIn) -> bool {
    decide_calls(calls, model, &Options::default()).expect("fits the model") == Ok(true)
}

fn recorded(c: &mut Criterion) {
    let Some(folder) = std::env::var_os("SPLITBRAIN_HISTORIES").map(PathBuf::from) else {
        eprintln!("skipped: no recorded histories; set SPLITBRAIN_HISTORIES to their folder");
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).expect("the folder has expected.tsv");
    let mut group = c.benchmark_group("recorded");
    for line in expected.lines().skip(1) {
        let [file, model, ..] = line.split('\t').collect::<Vec<_>>()[..] else {
            continue;
        };
        let read = read_file(&folder.join(file), None).expect("is a history");
        let Content::Calls(calls) = read.content else {
            panic!("{file} holds calls");
        };
        let model = model.parse().expect("is built in");
        group.bench_function(file, |b| match to_registers(&calls) {
            Some(history) => b.iter(|| decide(&history)),
            None => b.iter(|| usize::from(decide_by(&calls, model))),
        });
    }
    group.finish();
}

fn unique(c: &mut Criterion) {
    let mut group = c.benchmark_group("unique");
    group.sample_size(10);
    let sizes = std::iter::successors(Some(1_000), |ops| Some(ops * 10));
    for ops in sizes.take_while(|ops| *ops <= ops_max()) {
        let text = histories::written(&histories::registers(Shape::of(ops)));
        group.throughput(Throughput::Elements(ops));
        group.bench_function(BenchmarkId::new("read", ops), |b| {
            b.iter(|| {
                read_native(&text[..], "bench")
                    .expect("is a history")
                    .history
                    .ops
                    .len()
            });
        });
        let history = read_native(&text[..], "bench").expect("is a history").history;
        drop(text);
        group.bench_function(BenchmarkId::new("check", ops), |b| b.iter(|| decide(&history)));
    }
    group.finish();
}

fn few_values(c: &mut Criterion) {
    let mut group = c.benchmark_group("five values");
    group.sample_size(10);
    for concurrency in [4, 16, 64] {
        let history = histories::registers(Shape {
            concurrency,
            values: Some(5),
            ..Shape::of(10_000)
        });
        group.throughput(Throughput::Elements(10_000));
        group.bench_function(BenchmarkId::new("clients", concurrency), |b| {
            b.iter(|| decide(&history));
        });
    }
    group.finish();
}

fn indeterminate(c: &mut Criterion) {
    let mut group = c.benchmark_group("indeterminate percent");
    group.sample_size(10);
    for (name, values) in [("unique values", None), ("five values", Some(5))] {
        for info_percent in [0, 5, 10, 20, 40] {
            let history = histories::registers(Shape {
                values,
                info_percent,
                ..Shape::of(2_000)
            });
            group.bench_function(BenchmarkId::new(name, info_percent), |b| {
                b.iter(|| decide(&history));
            });
        }
    }
    group.finish();
}

fn objects(c: &mut Criterion) {
    let mut group = c.benchmark_group("objects");
    group.sample_size(10);
    for clients in [4, 16] {
        let cases = [
            (BuiltIn::Kv, histories::kv(2_000, clients)),
            (BuiltIn::ListAppend, histories::list_append(2_000, clients)),
            (BuiltIn::Set, histories::set(10_000, clients, 100)),
            (BuiltIn::Queue, histories::queue(10_000, clients, false)),
            (BuiltIn::FifoQueue, histories::queue(10_000, clients, false)),
            (BuiltIn::Stack, histories::queue(2_000, clients.min(8), true)),
            (BuiltIn::Lock, histories::lock(10_000, clients)),
        ];
        for (model, calls) in cases {
            group.bench_function(BenchmarkId::new(model.name(), clients), |b| {
                b.iter(|| decide_by(&calls, model));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, recorded, unique, few_values, indeterminate, objects);
criterion_main!(benches);
