//! The results of a made-up run, out of its ops and its faults.

use splitbrain_checker::history::{Action, History, Op, Outcome, ReadModeId};
use splitbrain_reports::ReadStaleness;
use splitbrain_reports::results::{
    Claim, ClaimVerdict, Counterexample, CounterexampleOp, Fault, LatencyMs, OpCounts, Results, RunVerdict,
    StalenessFigures,
};

use super::MODES;

pub fn results(history: &History, staleness: &[ReadStaleness], faults: Vec<Fault>, seed: u64) -> Results {
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
        anomaly: None,
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
            process_name: None,
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
        key_name: None,
        untimed: false,
        reason:
            "process 1 read 2, but 2 was overwritten by write 3, which returned 412 ms before the read began"
                .into(),
        ops: rows.into_iter().map(op).collect(),
    })
}
