//! Made-up nights, to look at and to measure: no run gave them.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this module"
)]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use splitbrain_reports::campaign::{Campaign, Failure, FailureState, Kept, Night, State, Unit};
use splitbrain_reports::results::RunVerdict;

const SYSTEMS: [(&str, &[&str]); 4] = [
    ("raft", &["log", "read-index", "lease", "leader-local"]),
    ("zab", &["quorum", "sync-local", "local"]),
    ("raft/commit-older-term", &["log"]),
    ("zab/commit-without-quorum", &["quorum", "local"]),
];
const FAULTS: [&str; 6] = [
    "no faults",
    "partition",
    "partition+kill",
    "partition+kill targeted",
    "clock+drift",
    "loss+delay+reorder",
];

/// Nights of so many units each.
pub fn campaign(nights: usize, units: usize) -> Campaign {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let nights: Vec<Night> = (0..nights)
        .map(|at| night(at, at + 1 == nights, units, &mut random))
        .collect();
    let last = nights.last().map_or_else(String::new, |night| night.name.clone());
    Campaign {
        name: "nightly".into(),
        part: None,
        version: "0.1.0".into(),
        plan: "0123456789abcdef".into(),
        verdict: nights.last().map_or(RunVerdict::Unknown, |night| night.verdict),
        reason: "1 failure new tonight: raft lease is not linearizable (stale-read, in 2 runs). Seen before, and seen \
                 again: 1 failure. Besides: 7 without a verdict, 12 not run."
            .into(),
        doubts: vec!["12 of 334 units not run; at least 100 % must be".into()],
        command: "splitbrain campaign status nights.sqlite".into(),
        failures: failures(&last),
        nights,
    }
}

fn night(at: usize, is_last: bool, units: usize, random: &mut ChaCha8Rng) -> Night {
    let name = format!("2026-{:02}-{:02}", 1 + at / 28, 1 + at % 28);
    let units: Vec<Unit> = (0..units)
        .map(|place| unit(&name, at, place, is_last, random))
        .collect();
    let worst = units
        .iter()
        .filter(|unit| !unit.planted)
        .map(|unit| unit.state)
        .max();
    Night {
        verdict: match worst {
            Some(State::Violation) => RunVerdict::Violation,
            Some(State::HarnessError) => RunVerdict::HarnessError,
            Some(State::Pass) => RunVerdict::Pass,
            _ => RunVerdict::Unknown,
        },
        name,
        units,
    }
}

fn unit(night: &str, at: usize, place: usize, is_last: bool, random: &mut ChaCha8Rng) -> Unit {
    let (subject, modes) = SYSTEMS[place % SYSTEMS.len()];
    let planted = subject.contains('/');
    let drawn = random.next_u32() % 1_000;
    // The failures of the table are seen on the last night.
    let chance = if is_last && [4, 28, 5].contains(&place) {
        0
    } else {
        drawn
    };
    // Most nights are quiet, as nights should be.
    let troubled = is_last || at % 7 == 3;
    let state = match chance {
        0..500 if planted => State::Violation,
        0..8 if troubled => State::Violation,
        8..12 if troubled => State::HarnessError,
        12..40 if troubled => State::Unknown,
        40..75 if is_last => State::NotRun,
        _ => State::Pass,
    };
    let id = format!("{:016x}", random.next_u64());
    let run = format!(
        "../{night}/runs/{id}/nightly/{}T030000Z-{place}",
        night.replace('-', "")
    );
    let broken = random.next_u32() as usize % modes.len();
    Unit {
        subject: subject.into(),
        planted,
        workload: if place % 9 == 8 {
            "register-hot"
        } else {
            "register"
        }
        .into(),
        faults: FAULTS[place / SYSTEMS.len() % FAULTS.len()].into(),
        shape: if place.is_multiple_of(2) {
            "5 nodes, 30s"
        } else {
            "3 nodes and 1 observer, 30s"
        }
        .into(),
        seed: u64::from(random.next_u32()),
        state,
        modes: modes
            .iter()
            .enumerate()
            .map(|(at, mode)| ((*mode).into(), of_mode(state, at == broken)))
            .collect(),
        reason: reason(state, modes[broken], random),
        detected_ms: (state == State::Violation).then(|| 400 + u64::from(random.next_u32() % 20_000)),
        check_ms: (state != State::NotRun).then(|| 5 + u64::from(random.next_u32() % 900)),
        wall_ms: (state != State::NotRun).then(|| 31_000 + u64::from(random.next_u32() % 2_000)),
        failures: if state == State::Violation {
            vec![signature(subject)]
        } else {
            Vec::new()
        },
        command: format!("splitbrain repro {run}"),
        kept: match state {
            State::NotRun => Kept::Nothing,
            State::Pass if !place.is_multiple_of(3) => Kept::Smaller,
            _ => Kept::Page(format!("{run}/report.html")),
        },
        id,
    }
}

fn of_mode(state: State, broken: bool) -> State {
    match state {
        State::Violation if !broken => State::Unknown,
        state => state,
    }
}

fn reason(state: State, mode: &str, random: &mut ChaCha8Rng) -> String {
    let mut value = || random.next_u32() % 20_000;
    match state {
        State::Pass => "every claim held, and every fault is shown to have taken effect".into(),
        State::NotRun => String::new(),
        State::Unknown => {
            "2 of 5 scheduled faults are not shown to have taken effect: partition, partition".into()
        }
        State::HarnessError => {
            "the run gave no results; it said: error: cannot write the history: No space left".into()
        }
        State::Violation => format!(
            "{mode} is not linearizable: process {} read {}, but that was overwritten by write {}, which returned {} ms \
             before the read began",
            value() % 60,
            value(),
            value(),
            value() % 2_000
        ),
    }
}

fn signature(subject: &str) -> String {
    format!(
        "{:012x}",
        subject
            .bytes()
            .fold(7_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3)
                ^ u64::from(byte))
            & 0xffff_ffff_ffff
    )
}

fn failures(last: &str) -> Vec<Failure> {
    let failure = |subject: &str, mode: &str, state, tonight| Failure {
        id: signature(subject),
        subject: subject.into(),
        planted: subject.contains('/'),
        read_mode: mode.into(),
        model: "linearizable".into(),
        anomaly: "stale-read".into(),
        shape: ["p1: write v1 ok", "p1: write v2 ok", "p2: read -> v1 ok !"]
            .map(String::from)
            .to_vec(),
        state,
        first_seen: "2026-01-04".into(),
        last_seen: last.into(),
        count: 2 + tonight,
        tonight,
        per_hundred_runs: 0.37,
        command: "splitbrain repro ../2026-02-02/runs/0123456789abcdef/nightly/20260202T030000Z-17".into(),
        kept: Kept::Page(
            "../2026-02-02/runs/0123456789abcdef/nightly/20260202T030000Z-17/report.html".into(),
        ),
    };
    let mut all = vec![
        failure("raft", "lease", FailureState::New, 2),
        failure("zab", "quorum", FailureState::Ongoing, 1),
        failure("raft/commit-older-term", "log", FailureState::Ongoing, 40),
        failure("zab/commit-without-quorum", "quorum", FailureState::Quiet(4), 0),
    ];
    all[3].kept = Kept::Nothing;
    all
}

/// A campaign each of whose texts is this.
pub fn hostile(text: &str) -> Campaign {
    let mut campaign = campaign(2, 24);
    let set = |field: &mut String| field.clone_from(&text.to_owned());
    for field in [
        &mut campaign.name,
        &mut campaign.version,
        &mut campaign.plan,
        &mut campaign.reason,
        &mut campaign.command,
    ] {
        set(field);
    }
    campaign.doubts = vec![text.into()];
    campaign.part = Some(text.into());
    for failure in &mut campaign.failures {
        for field in [
            &mut failure.id,
            &mut failure.subject,
            &mut failure.read_mode,
            &mut failure.model,
            &mut failure.anomaly,
            &mut failure.first_seen,
            &mut failure.last_seen,
            &mut failure.command,
        ] {
            set(field);
        }
        failure.shape = vec![text.into()];
        failure.kept = Kept::Page(text.into());
    }
    for (at, night) in campaign.nights.iter_mut().enumerate() {
        night.name = format!("{at}{text}");
        for unit in &mut night.units {
            for field in [
                &mut unit.id,
                &mut unit.subject,
                &mut unit.workload,
                &mut unit.faults,
                &mut unit.shape,
                &mut unit.reason,
                &mut unit.command,
            ] {
                set(field);
            }
            unit.modes.iter_mut().for_each(|(mode, _)| set(mode));
            unit.failures.iter_mut().for_each(set);
            unit.kept = Kept::Page(text.into());
        }
    }
    campaign
}
