//! What a check costs: zones on unique values from 10^3 to 10^6 ops, the frontier on duplicate values, and the
//! codec beside them.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain_checker::history::{
    Action, Answer, Event, EventKind, Header, History, HistoryBuilder, Key, NativeWriter, ProcessId, Value,
    read_native,
};
use splitbrain_checker::linearizable::{Options, check_linearizable};

/// A linearizable history of one register: half reads, the rest writes and cas. Ops take effect in the order of
/// their invocation, at a random moment of their interval. Values are unique, or of `values` many.
fn events(ops: u64, concurrency: u64, values: Option<u64>) -> Vec<Event> {
    let mut rng = ChaCha8Rng::seed_from_u64(ops ^ concurrency);
    let mut below = |n: u64| rng.next_u64() % n;
    let mut held: Option<Value> = None;
    let mut open: Vec<Option<(Action, Option<Answer>)>> = vec![None; concurrency as usize];
    let mut events = Vec::with_capacity(2 * ops as usize);
    let (mut invoked, mut completed) = (0, 0);
    while completed < ops {
        let process = below(concurrency);
        let slot = &mut open[process as usize];
        let event = |action, kind| Event {
            time_ns: events.len() as u64,
            process: ProcessId(process),
            key: Key(0),
            action,
            kind,
        };
        match *slot {
            None if invoked < ops => {
                let value = Value(values.map_or(invoked, &mut below) as i64);
                let action = match (below(4), held) {
                    (0 | 1, _) => Action::Read,
                    (2, Some(from)) if from != value => Action::Cas { from, to: value },
                    _ => Action::Write { value },
                };
                invoked += 1;
                *slot = Some((action, None));
                events.push(event(
                    action,
                    EventKind::Invoke {
                        read_mode: None,
                        node: None,
                    },
                ));
            }
            None => {}
            Some((action, None)) => {
                let mut answer = Answer::default();
                match action {
                    Action::Read => answer.observed = Some(held),
                    Action::Write { value } => held = Some(value),
                    Action::Cas { from, to } if held == Some(from) => held = Some(to),
                    Action::Cas { .. } => (answer.error, answer.observed) = (Some(22), Some(held)),
                }
                *slot = Some((action, Some(answer)));
            }
            Some((action, Some(answer))) => {
                let kind = if answer.error.is_some() {
                    EventKind::Fail(answer)
                } else {
                    EventKind::Ok(answer)
                };
                events.push(event(action, kind));
                *slot = None;
                completed += 1;
            }
        }
    }
    events
}

fn history(ops: u64, concurrency: u64, values: Option<u64>) -> History {
    let mut builder = HistoryBuilder::new(&Header::default());
    for event in events(ops, concurrency, values) {
        builder.push(&event).expect("events are in order");
    }
    builder.finish()
}

fn check(history: &History) {
    assert!(
        check_linearizable(history, &Options::default())
            .verdict
            .is_valid()
    );
}

fn zones(c: &mut Criterion) {
    let mut group = c.benchmark_group("zones");
    group.sample_size(10);
    for exponent in 3..=6 {
        let ops = 10_u64.pow(exponent);
        let history = history(ops, 16, None);
        group.throughput(Throughput::Elements(ops));
        group.bench_with_input(BenchmarkId::from_parameter(ops), &history, |b, h| {
            b.iter(|| check(h));
        });
    }
    group.finish();
}

fn frontier(c: &mut Criterion) {
    let mut group = c.benchmark_group("frontier");
    group.sample_size(10);
    for concurrency in [4, 8, 16] {
        let history = history(10_000, concurrency, Some(5));
        group.throughput(Throughput::Elements(10_000));
        group.bench_with_input(BenchmarkId::new("concurrency", concurrency), &history, |b, h| {
            b.iter(|| check(h));
        });
    }
    group.finish();
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    group.sample_size(10);
    let events = events(100_000, 16, None);
    let write = |sink: Vec<u8>| {
        let mut writer = NativeWriter::new(sink, &Header::default()).expect("writes to memory do not fail");
        for event in &events {
            writer.write(event).expect("writes to memory do not fail");
        }
        writer.finish().expect("writes to memory do not fail")
    };
    let text = write(Vec::new());
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("write", |b| {
        b.iter_batched(|| Vec::with_capacity(text.len()), write, BatchSize::LargeInput);
    });
    group.bench_function("read", |b| {
        b.iter(|| read_native(&text[..], "bench").expect("is a history"));
    });
    group.finish();
}

criterion_group!(benches, zones, frontier, codec);
criterion_main!(benches);
