//! A made-up but plausible run: five nodes, a register service, partitions, a kill and a pause, and reads that a
//! deposed leader answered from its past. Shared by the tests and the example.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each user of this module uses a part of it"
)]

mod faults;
mod ops;
mod verdict;

use splitbrain_checker::history::History;
use splitbrain_reports::results::{ClaimVerdict, NemesisEvent, Results, RunVerdict};
use splitbrain_reports::{ReadStaleness, RunReport};

use faults::{faults, nemesis};
use ops::made_up_ops;
use verdict::results;

const MS: u64 = 1_000_000;
const NODES: usize = 5;
const THREADS: u64 = 10;
const KEYS: u64 = 8;
const MODES: [&str; 3] = ["read-index", "leader-local", "follower-local"];

/// Everything that a [`RunReport`] borrows.
pub struct MadeUp {
    pub results: Results,
    pub history: History,
    pub nemesis: Vec<NemesisEvent>,
    pub staleness: Vec<ReadStaleness>,
    pub configuration: Vec<(String, String)>,
    pub title: String,
    pub concurrency: u64,
}

impl MadeUp {
    pub fn report(&self) -> RunReport<'_> {
        RunReport {
            title: &self.title,
            started: "2026-01-31 03:00:12 UTC",
            version: "0.1.0",
            results: &self.results,
            history: &self.history,
            nemesis: &self.nemesis,
            staleness: &self.staleness,
            concurrency: self.concurrency,
            configuration: &self.configuration,
        }
    }

    /// The same run with another verdict.
    pub fn judged(mut self, verdict: &str) -> Self {
        let results = &mut self.results;
        let (verdict, reason) = match verdict {
            "pass" => (
                RunVerdict::Pass,
                "All 3 claims held, and all 5 faults took effect.",
            ),
            "unknown" => (
                RunVerdict::Unknown,
                "Fault 2 (kill) has no evidence that it took effect; nothing can be said.",
            ),
            "harness-error" => (
                RunVerdict::HarnessError,
                "Node n3 did not start: address already in use (see nodes/n3/stderr.log).",
            ),
            _ => return self,
        };
        results.verdict = verdict;
        results.reason = reason.into();
        results.counterexample = None;
        for claim in &mut results.claims {
            if claim.verdict == ClaimVerdict::Invalid {
                claim.verdict = ClaimVerdict::Valid;
                claim.reason = "prefix of the log, arbitrarily stale: held".into();
                claim.claim_overridden = false;
                claim.claim = "session-monotonic".into();
            }
        }
        if verdict == RunVerdict::Unknown {
            results.faults[2].proven = false;
            results.faults[2].evidence.clear();
            results.claims[0].verdict = ClaimVerdict::Unknown;
            results.claims[0].reason = "the checker's budget of 60 s was spent".into();
            results.claims[0].strongest_model = None;
        }
        self
    }
}

/// A run that ended before it began.
pub fn empty() -> MadeUp {
    MadeUp {
        title: "raft-registers".into(),
        concurrency: THREADS,
        results: Results {
            verdict: RunVerdict::HarnessError,
            reason: "No node ever answered.".into(),
            seed: 1,
            command: "splitbrain run --system raft --seed 1".into(),
            system: "raft".into(),
            era: "term".into(),
            ..Results::default()
        },
        history: History::default(),
        nemesis: Vec::new(),
        staleness: Vec::new(),
        configuration: Vec::new(),
    }
}

const HOSTILE: &str =
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}\u{2028}--!><!--";

/// A run with markup in every string.
pub fn hostile() -> MadeUp {
    let mut made_up = run(3, 2_000);
    let evil = || HOSTILE.to_owned();
    made_up.title = evil();
    let results = &mut made_up.results;
    results.reason = evil();
    results.command = evil();
    results.system = evil();
    results.mutant = Some(evil());
    results.nodes = vec![evil(); 5];
    results.notes = vec![evil()];
    for claim in &mut results.claims {
        claim.system = evil();
        claim.read_mode = evil();
        claim.claim = evil();
        claim.promise = evil();
        claim.reason = evil();
        claim.strongest_model = Some(evil());
    }
    for fault in &mut results.faults {
        fault.kind = evil();
        fault.variant = evil();
        fault.nodes = vec![evil()];
        fault.evidence = vec![evil()];
    }
    let found = results.counterexample.as_mut().expect("the made-up run has one");
    found.read_mode = evil();
    found.model = evil();
    found.reason = evil();
    for op in &mut found.ops {
        op.text = evil();
        op.outcome = evil();
    }
    made_up.history.nodes = vec![evil(); 5];
    made_up.history.read_modes = vec![evil(); 3];
    made_up.configuration = vec![(evil(), evil())];
    for event in &mut made_up.nemesis {
        match event {
            NemesisEvent::Start {
                kind, variant, nodes, ..
            } => {
                (*kind, *variant, *nodes) = (evil(), evil(), vec![evil()]);
            }
            NemesisEvent::Stop { evidence, .. } => *evidence = vec![evil()],
            NemesisEvent::Node { node, role, .. } => (*node, *role) = (evil(), evil()),
            NemesisEvent::Clock { node, .. } => *node = evil(),
        }
    }
    made_up
}

/// A run of about `count` ops over twenty seconds that ends in a violation.
pub fn run(seed: u64, count: usize) -> MadeUp {
    let end_ns = 20_000 * MS;
    let faults = faults();
    let nemesis = nemesis(&faults);
    let (ops, staleness) = made_up_ops(seed, count, end_ns);
    let history = History {
        ops,
        read_modes: MODES.map(str::to_owned).to_vec(),
        nodes: (1..=NODES).map(|n| format!("n{n}")).collect(),
        ..History::default()
    };
    let results = results(&history, &staleness, faults, seed);
    MadeUp {
        title: "raft-registers-partition-kill-pause".into(),
        concurrency: THREADS,
        results,
        history,
        nemesis,
        staleness,
        configuration: [
            ("nodes", "5"),
            ("concurrency", "10"),
            ("time limit", "20 s"),
            ("workload", "registers: 8 keys, 50 % reads, 40 % writes, 10 % cas"),
            ("nemesis", "partition, kill, pause"),
            ("election timeout", "150 ms to 300 ms"),
            ("fsync", "on"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
    }
}
