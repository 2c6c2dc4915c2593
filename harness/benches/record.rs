//! How fast the harness itself is: real clients, generator and recorder against a system that answers at once,
//! recorded to disk. The bar is 200,000 ops a second; `cargo bench -p splitbrain` fails below it.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use splitbrain::client::{Called, Caller, Client, Latencies, Load, Pace};
use splitbrain::record::{Clock, Recorder};
use splitbrain::workload::{Layout, Mix, Request, Thread, Workload};
use splitbrain_checker::history::{Action, Answer, Header, Outcome, Value, Version, read_native_file};
use tokio::sync::watch;

const NODES: usize = 5;
const READ_MODES: usize = 6;
const CONCURRENCY: usize = 30;
const TIME: Duration = Duration::from_secs(5);
const OPS_PER_SECOND_MIN: f64 = 200_000.0;

/// Answers everything at once. Its answers are as long as real ones.
struct NullSystem;

impl Caller for NullSystem {
    fn node(&self) -> usize {
        0
    }

    async fn call(&mut self, request: &Request) -> Called {
        tokio::task::yield_now().await;
        let observed = (request.action == Action::Read).then_some(Some(Value(123_456)));
        let answer = Answer {
            observed,
            version: Some(Version(123_456)),
            term: Some(3),
            ..Answer::default()
        };
        Called {
            outcome: Outcome::Ok,
            answer,
            refused: false,
            session_over: false,
        }
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("history.jsonl");
    let header = Header {
        nodes: (1..=NODES).map(|n| format!("n{n}")).collect(),
        read_modes: (1..=READ_MODES).map(|n| format!("read-mode-{n}")).collect(),
        ..Header::default()
    };
    let clock = Clock::start();
    let recorder = Recorder::create(&path, &header, clock).expect("a history file");
    let workload = Workload::named("register").expect("the register workload");
    let load = Arc::new(Load {
        pen: recorder.pen(),
        generator: Mutex::new(workload.generator(&Mix::default(), 1)),
        pace: Pace::Closed {
            reader_interval: Duration::ZERO,
        },
        latencies: Mutex::new(Latencies::new(READ_MODES)),
        concurrency: CONCURRENCY,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let started = Instant::now();
    runtime.block_on(drive(&load));
    let tally = recorder.finish().expect("a history on disk");
    let seconds = started.elapsed().as_secs_f64();
    let rate = tally.ok as f64 / seconds;
    let bytes = path.metadata().expect("the file").len();
    let read = Instant::now();
    let ops = read_native_file(&path)
        .expect("a readable history")
        .history
        .ops
        .len();
    let mut out = std::io::stdout();
    let _ = writeln!(
        out,
        "recorded {} ops in {seconds:.2} s: {rate:.0} ops/s, {:.0} bytes an op; read back {ops} ops in {:.2} s",
        tally.ok,
        bytes as f64 / tally.ok as f64,
        read.elapsed().as_secs_f64(),
    );
    assert_eq!(ops as u64, tally.invoked);
    assert!(
        rate >= OPS_PER_SECOND_MIN,
        "{rate:.0} ops/s are fewer than {OPS_PER_SECOND_MIN:.0}"
    );
}

async fn drive(load: &Arc<Load>) {
    let (stop, stopped) = watch::channel(false);
    let clients: Vec<_> = Layout::of_voters(NODES, READ_MODES)
        .place(CONCURRENCY, 0)
        .into_iter()
        .enumerate()
        .map(|(thread, place)| Client::new(Thread(thread), place, NullSystem, Arc::clone(load)))
        .map(|client| tokio::spawn(client.run(stopped.clone())))
        .collect();
    tokio::time::sleep(TIME).await;
    stop.send_replace(true);
    for client in clients {
        client
            .await
            .expect("a client that does not panic")
            .expect("a history that can be written");
    }
}
