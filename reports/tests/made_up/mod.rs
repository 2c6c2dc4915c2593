//! A made-up but plausible run: five nodes, a register service, partitions, a kill and a pause, and reads that a
//! deposed leader answered from its past. Shared by the tests and the example.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each user of this module uses a part of it"
)]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain_checker::history::{
    Action, History, Key, NodeName, Op, OpIndex, Outcome, ProcessId, ReadModeId, Value, Version,
};
use splitbrain_reports::results::{
    Claim, ClaimVerdict, Counterexample, CounterexampleOp, Fault, LatencyMs, NemesisEvent, OpCounts, Results,
    RunVerdict, StalenessFigures,
};
use splitbrain_reports::{ReadStaleness, RunReport};

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
            mutant: None,
            nodes: Vec::new(),
            observers: 0,
            first_ok_ms: None,
            teardown_ms: None,
            load_seconds: 0.0,
            ops: OpCounts::default(),
            latency_ms: LatencyMs::default(),
            claims: Vec::new(),
            faults_scheduled: 0,
            faults: Vec::new(),
            counterexample: None,
            notes: Vec::new(),
            check_ms: 0.0,
        },
        history: History::default(),
        nemesis: Vec::new(),
        staleness: Vec::new(),
        configuration: Vec::new(),
    }
}

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}\u{2028}<!--";

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
        }
    }
    made_up
}

struct Dice {
    generator: ChaCha8Rng,
    /// Latencies are so many thousandths of the usual ones, so that dense runs have room for their ops.
    scale: u64,
}

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.generator.next_u64() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A latency with a long tail, nanoseconds.
    fn latency(&mut self, typical_us: u64) -> u64 {
        let spread = typical_us * self.scale / 2 + self.below(typical_us * self.scale);
        if self.chance(1) {
            spread * (2 + self.below(12))
        } else {
            spread
        }
    }
}

/// A run of about `count` ops over twenty seconds that ends in a violation.
pub fn run(seed: u64, count: usize) -> MadeUp {
    let end_ns = 20_000 * MS;
    let step = end_ns * THREADS / count.max(1) as u64;
    let mut dice = Dice {
        generator: ChaCha8Rng::seed_from_u64(seed),
        scale: (step / 2_000).clamp(10, 1_000),
    };
    let faults = faults();
    let nemesis = nemesis(&faults);
    let mut maker = OpMaker {
        ops: Vec::with_capacity(count),
        stale: Vec::new(),
        step,
        registers: vec![(None, 0); KEYS as usize],
        next_value: 1,
        version: 1,
    };
    maker.run(end_ns, &mut dice);
    let (ops, staleness) = maker.sorted();
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

struct OpMaker {
    ops: Vec<Op>,
    stale: Vec<(u64, u64, u64, f64)>,
    step: u64,
    registers: Vec<(Option<Value>, u64)>,
    next_value: i64,
    version: u64,
}

impl OpMaker {
    /// Steps whichever thread is earliest, so that values are written in the order of time.
    fn run(&mut self, end_ns: u64, dice: &mut Dice) {
        let mut threads: Vec<(u64, u64)> = (0..THREADS).map(|p| (200 * MS + dice.below(2 * MS), p)).collect();
        while let Some(thread) = threads.iter_mut().min().filter(|thread| thread.0 < end_ns) {
            let (now, process) = *thread;
            let number = (process % THREADS) as usize;
            let (op, took) = self.op(process, number % NODES, number % MODES.len(), now, dice);
            if op.outcome == Outcome::Info {
                thread.1 += THREADS;
            }
            thread.0 += took + 1 + dice.below(self.step.saturating_sub(took).max(1_000) * 2);
            self.ops.push(op);
        }
    }

    fn op(&mut self, process: u64, node: usize, mode: usize, now: u64, dice: &mut Dice) -> (Op, u64) {
        let key = dice.below(KEYS);
        let cut = is_cut_off(node, now);
        let kind = dice.below(10);
        let mut op = Op {
            process: ProcessId(process),
            key: Key(key),
            action: Action::Read,
            outcome: Outcome::Ok,
            invoked_ns: now,
            completed_ns: None,
            observed: None,
            version: None,
            read_mode: Some(ReadModeId(mode as u8)),
            node: Some(NodeName(node as u16)),
            served_by: None,
            term: Some(2 + now / (5_000 * MS)),
            error: None,
        };
        let register = self.registers[key as usize];
        if kind >= 5 {
            let value = Value(self.next_value);
            self.next_value += 1;
            op.action = match register.0 {
                Some(from) if kind == 9 => Action::Cas { from, to: value },
                _ => Action::Write { value },
            };
        }
        let local = mode > 0 && kind < 5;
        let took = match (cut, local) {
            (true, false) if dice.chance(30) => {
                op.outcome = if kind >= 5 { Outcome::Info } else { Outcome::Fail };
                op.error = Some(0);
                250 * MS + dice.below(10 * MS)
            }
            (true, false) => {
                op.outcome = Outcome::Fail;
                op.error = Some(11);
                5 * MS + dice.latency(400)
            }
            (_, true) => dice.latency(120),
            _ => dice.latency(if kind >= 5 { 1_400 } else { 700 }),
        };
        op.completed_ns = Some(now + took);
        if op.outcome == Outcome::Ok {
            op.served_by = op.node;
            self.take_effect(&mut op, cut, dice);
        }
        (op, took)
    }

    fn take_effect(&mut self, op: &mut Op, cut: bool, dice: &mut Dice) {
        let register = &mut self.registers[op.key.0 as usize];
        match op.action {
            Action::Read if cut && register.0.is_some() => {
                let behind = 1 + dice.below(12);
                op.observed = register
                    .0
                    .map(|value| Some(Value((value.0 - behind as i64).max(1))));
                op.version = Some(Version(register.1.saturating_sub(behind)));
                let ms = 1.0 + dice.below(2_500_000) as f64 / 1e3;
                self.stale.push((op.process.0, op.invoked_ns, behind, ms));
            }
            Action::Read => {
                op.observed = Some(register.0);
                op.version = Some(Version(register.1));
            }
            Action::Write { value } | Action::Cas { to: value, .. } => {
                self.version += 1;
                *register = (Some(value), self.version);
                op.version = Some(Version(self.version));
            }
        }
    }

    fn sorted(mut self) -> (Vec<Op>, Vec<ReadStaleness>) {
        self.ops.sort_by_key(|op| (op.invoked_ns, op.process));
        let index_of = |process: u64, at: u64| {
            self.ops
                .binary_search_by_key(&(at, ProcessId(process)), |op| (op.invoked_ns, op.process))
                .expect("it is there")
        };
        let mut stale: Vec<ReadStaleness> = self
            .stale
            .iter()
            .map(|&(process, at, versions_behind, ms_behind)| ReadStaleness {
                op_index: OpIndex(index_of(process, at) as u32),
                versions_behind,
                ms_behind,
            })
            .collect();
        stale.sort_by_key(|read| read.op_index);
        (self.ops, stale)
    }
}

/// Whether the clients of a node cannot reach a majority: the partitions, the kill and the pause of [`faults`].
fn is_cut_off(node: usize, now: u64) -> bool {
    let at = now / MS;
    match node {
        0 => (3_000..5_400).contains(&at) || (14_000..15_000).contains(&at),
        1 => (8_000..10_000).contains(&at) || (14_000..15_000).contains(&at),
        2 => (11_500..12_600).contains(&at),
        4 => (16_500..16_620).contains(&at),
        _ => false,
    }
}

fn faults() -> Vec<Fault> {
    let fault =
        |id, kind: &str, variant: &str, nodes: &[&str], start: u64, stop: u64, evidence: &[&str]| Fault {
            id,
            kind: kind.into(),
            variant: variant.into(),
            nodes: nodes.iter().map(|&node| node.into()).collect(),
            start_ns: start * MS,
            stop_ns: Some(stop * MS),
            proven: true,
            evidence: evidence.iter().map(|&line| line.into()).collect(),
        };
    vec![
        fault(
            0,
            "partition",
            "isolated-leader",
            &["n1"],
            3_000,
            5_400,
            &[
                "n1 dropped 131 packets from n2, 128 from n3, 130 from n4, 127 from n5",
                "a probe from n1 to n2 was not answered within 200 ms",
            ],
        ),
        fault(
            1,
            "partition",
            "one-node",
            &["n2"],
            8_000,
            10_000,
            &["n2 dropped 97 packets from n1, n3, n4, n5"],
        ),
        fault(
            2,
            "kill",
            "one",
            &["n3"],
            11_500,
            12_600,
            &["pid 4711 was gone 0.3 ms after SIGKILL"],
        ),
        fault(
            3,
            "partition",
            "halves",
            &["n1", "n2"],
            14_000,
            15_000,
            &["n1 dropped 61 packets from n3, n4, n5"],
        ),
        fault(
            4,
            "pause",
            "one",
            &["n5"],
            16_500,
            16_620,
            &["pid 4802 was in state T for 119 ms"],
        ),
    ]
}

fn nemesis(faults: &[Fault]) -> Vec<NemesisEvent> {
    let mut events = Vec::new();
    for fault in faults {
        events.push(NemesisEvent::Start {
            time: fault.start_ns,
            fault: fault.id,
            kind: fault.kind.clone(),
            variant: fault.variant.clone(),
            nodes: fault.nodes.clone(),
        });
        events.push(NemesisEvent::Stop {
            time: fault.stop_ns.unwrap_or(fault.start_ns),
            fault: fault.id,
            proven: fault.proven,
            evidence: fault.evidence.clone(),
        });
    }
    for (at, node, role, term) in ROLES {
        events.push(NemesisEvent::Node {
            time: at * MS,
            node: format!("n{node}"),
            role: role.into(),
            term,
        });
    }
    events.sort_by_key(|event| match event {
        NemesisEvent::Start { time, .. }
        | NemesisEvent::Stop { time, .. }
        | NemesisEvent::Node { time, .. } => *time,
    });
    events
}

/// When (ms) which node took which role in which term.
const ROLES: [(u64, u32, &str, u64); 27] = [
    (40, 1, "follower", 0),
    (41, 2, "follower", 0),
    (42, 3, "follower", 0),
    (43, 4, "follower", 0),
    (44, 5, "follower", 0),
    (150, 1, "candidate", 1),
    (190, 1, "leader", 1),
    (192, 2, "follower", 1),
    (192, 3, "follower", 1),
    (193, 4, "follower", 1),
    (193, 5, "follower", 1),
    (3_250, 2, "candidate", 2),
    (3_300, 2, "leader", 2),
    (3_301, 3, "follower", 2),
    (5_410, 1, "follower", 2),
    (8_010, 2, "candidate", 3),
    (8_200, 3, "leader", 3),
    (10_020, 2, "follower", 3),
    (11_500, 3, "down", 3),
    (11_700, 4, "candidate", 4),
    (11_760, 4, "leader", 4),
    (12_600, 3, "follower", 4),
    (14_200, 1, "candidate", 5),
    (15_010, 1, "follower", 4),
    (15_020, 2, "follower", 4),
    (16_500, 5, "paused", 4),
    (16_620, 5, "follower", 4),
];

fn results(history: &History, staleness: &[ReadStaleness], faults: Vec<Fault>, seed: u64) -> Results {
    let count = |keep: &dyn Fn(&Op) -> bool| history.ops.iter().filter(|op| keep(op)).count() as u64;
    let ok = |op: &Op| op.outcome == Outcome::Ok;
    let ok_ops = count(&ok);
    Results {
        verdict: RunVerdict::Violation,
        reason: "Read mode leader-local is not linearizable: process 1 read 2 from key 3, but 2 was overwritten by \
                 write 3, which returned 412 ms before the read began."
            .into(),
        seed,
        command: format!(
            "splitbrain run --system raft --read-mode read-index,leader-local,follower-local --nemesis \
             partition,kill,pause --time-limit 20s --claim leader-local=linearizable --seed {seed}"
        ),
        system: "raft".into(),
        era: "term".into(),
        mutant: None,
        nodes: history.nodes.clone(),
        observers: 0,
        first_ok_ms: Some(412.0),
        teardown_ms: None,
        load_seconds: 20.0,
        ops: OpCounts {
            total: history.ops.len() as u64,
            ok: ok_ops,
            fail: count(&|op| op.outcome == Outcome::Fail),
            info: count(&|op| op.outcome == Outcome::Info),
            ok_reads: count(&|op| ok(op) && op.action == Action::Read),
            ok_writes: count(&|op| ok(op) && matches!(op.action, Action::Write { .. })),
            ok_cas: count(&|op| ok(op) && matches!(op.action, Action::Cas { .. })),
            ok_per_second: ok_ops as f64 / 20.0,
        },
        latency_ms: LatencyMs { p50: 0.81, p99: 6.4, max: 24.3 },
        claims: (0..MODES.len()).map(|mode| claim(history, staleness, mode)).collect(),
        faults_scheduled: faults.len(),
        faults,
        counterexample: counterexample(history, staleness),
        notes: vec![
            "ops before, during and after faults: 31 %, 34 %, 35 %".into(),
            "no node died by itself".into(),
        ],
        check_ms: 38.2,
    }
}

fn claim(history: &History, staleness: &[ReadStaleness], mode: usize) -> Claim {
    let of_mode = |op: &&Op| op.read_mode == Some(ReadModeId(mode as u8)) && op.action == Action::Read;
    let reads = history
        .ops
        .iter()
        .filter(of_mode)
        .filter(|op| op.outcome == Outcome::Ok)
        .count() as u64;
    let stale: Vec<&ReadStaleness> = staleness
        .iter()
        .filter(|read| of_mode(&&history.ops[read.op_index.0 as usize]))
        .collect();
    let worst = |value: fn(&ReadStaleness) -> f64| stale.iter().map(|read| value(read)).fold(0.0, f64::max);
    let (claim, verdict, reason, strongest) = match mode {
        0 => (
            "linearizable",
            ClaimVerdict::Valid,
            "a linearization was found for each of 8 keys",
            "linearizable",
        ),
        1 => (
            "linearizable",
            ClaimVerdict::Invalid,
            "a read returned an overwritten value",
            "ordered sequential",
        ),
        _ => (
            "prefix",
            ClaimVerdict::Valid,
            "every read fits a prefix of the log",
            "prefix",
        ),
    };
    Claim {
        system: "raft".into(),
        read_mode: MODES[mode].into(),
        claim: claim.into(),
        claim_overridden: mode == 1,
        promise: "linearizable while a majority of the nodes can talk to each other".into(),
        verdict,
        reason: reason.into(),
        strongest_model: Some(strongest.into()),
        staleness: StalenessFigures {
            reads,
            stale_reads: stale.len() as u64,
            stale_per_million: stale.len() as f64 * 1e6 / reads.max(1) as f64,
            versions_behind_max: worst(|read| read.versions_behind as f64) as u64,
            versions_behind_p99: if stale.is_empty() { 0 } else { 7 },
            ms_behind_max: worst(|read| read.ms_behind),
            ms_behind_p99: if stale.is_empty() { 0.0 } else { 1_204.0 },
            future_reads: 0,
            phantom_reads: u64::from(mode == 1),
            delta_ms: None,
            k_at_least: None,
            k_at_most: None,
        },
        read_latency_ms: LatencyMs {
            p50: 0.12 + 0.6 / (1 + mode) as f64,
            p99: 2.4 / (1 + mode) as f64,
            max: 25.0,
        },
    }
}

/// Built around a real stale read of the history, so that the timeline can jump to it.
fn counterexample(history: &History, staleness: &[ReadStaleness]) -> Option<Counterexample> {
    let of_mode =
        |read: &&ReadStaleness| history.ops[read.op_index.0 as usize].read_mode == Some(ReadModeId(1));
    let stale: Vec<&ReadStaleness> = staleness.iter().filter(of_mode).collect();
    let read = *stale.get(stale.len() / 2)?;
    let culprit = read.op_index.0 as usize;
    let key = history.ops[culprit].key;
    let writes = (0..culprit).rev().filter(|&at| {
        let op = &history.ops[at];
        op.key == key && op.outcome != Outcome::Fail && op.action != Action::Read
    });
    let mut rows: Vec<usize> = writes.take(4).collect();
    rows.push(culprit);
    rows.sort_unstable();
    let op = |at: usize| {
        let op = &history.ops[at];
        CounterexampleOp {
            index: at as u64,
            process: op.process.0,
            text: match (op.action, op.observed) {
                (Action::Write { value }, _) => format!("write {value}"),
                (Action::Cas { from, to }, _) => format!("cas {from} -> {to}"),
                (Action::Read, Some(Some(value))) => format!("read -> {value}"),
                (Action::Read, _) => "read -> nil".into(),
            },
            outcome: if op.outcome == Outcome::Info {
                "info".into()
            } else {
                "ok".into()
            },
            start_ns: op.invoked_ns,
            end_ns: op.completed_ns.filter(|_| op.outcome != Outcome::Info),
            culprit: at == culprit,
            counts_as: None,
        }
    };
    Some(Counterexample {
        read_mode: MODES[1].into(),
        model: "linearizable".into(),
        key: key.0,
        reason:
            "process 1 read 2, but 2 was overwritten by write 3, which returned 412 ms before the read began"
                .into(),
        ops: rows.into_iter().map(op).collect(),
    })
}
