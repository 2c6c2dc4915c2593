//! ZAB under the simulator, with its invariants. (The harness runs the same seeds with a checked history.)

use splitbrain_consensus::sim::{
    ClientOutcome, ClientRequest, Clients, Failure, Outcome, SimConfig, simulate,
};
use splitbrain_service::{Command, Query, Registers};
use splitbrain_zab::{Mutant, Options, ReadMode, Zab};

/// Clients that write and read a few keys, in every read mode.
struct Simple {
    ops: Vec<u64>,
    answers: u64,
}

impl Simple {
    fn new() -> Self {
        Self {
            ops: vec![0; 10],
            answers: 0,
        }
    }
}

impl Clients<ReadMode> for Simple {
    fn threads(&self) -> usize {
        self.ops.len()
    }

    fn invoke(&mut self, thread: usize, _now_us: u64) -> ClientRequest<ReadMode> {
        self.ops[thread] += 1;
        let op = self.ops[thread];
        let key = op % 4;
        if op.is_multiple_of(2) {
            let value = (thread as u64 * 1_000_000 + op).cast_signed();
            return ClientRequest::Write(Command::Write { key, value }.encode());
        }
        let (mode, _) = ReadMode::ALL[(op / 2) as usize % ReadMode::ALL.len()];
        ClientRequest::Read {
            mode,
            query: Query::Read { key }.encode(),
        }
    }

    fn complete(&mut self, _thread: usize, _now_us: u64, outcome: ClientOutcome) {
        self.answers += u64::from(matches!(outcome, ClientOutcome::Result { .. }));
    }
}

fn run(seed: u64, config: &SimConfig, mutant: Option<Mutant>) -> Outcome {
    let options = Options {
        mutant,
        snapshot_threshold_txns: 100,
        snapshot_trailing_txns: 10,
        ..Options::default()
    };
    simulate::<Zab, Registers, _>(seed, config, options, &mut Simple::new())
}

#[test]
fn clean_zab_keeps_its_invariants_and_recovers() {
    for observers in [0, 2] {
        let config = SimConfig {
            observers,
            ..SimConfig::default()
        };
        let mut answers = 0;
        for seed in 0..100 {
            let outcome = run(seed, &config, None);
            assert_eq!(
                outcome.failure, None,
                "seed {seed} at {} us: {:#?}",
                outcome.at_us, outcome.faults
            );
            answers += outcome.stats.answers;
        }
        assert!(answers > 20_000, "the seeds tested little: {answers} answers");
    }
}

#[test]
fn a_cluster_without_faults_answers_nearly_everything() {
    let config = SimConfig {
        nemesis: Vec::new(),
        ..SimConfig::default()
    };
    let outcome = run(1, &config, None);
    assert_eq!(outcome.failure, None);
    assert_eq!(outcome.stats.elections, 1);
    assert!(outcome.stats.answers > 900, "{:?}", outcome.stats);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let config = SimConfig {
        trace: true,
        safety_us: 3_000_000,
        ..SimConfig::default()
    };
    for seed in 0..5 {
        let (first, second) = (run(seed, &config, None), run(seed, &config, None));
        assert!(
            first
                .trace
                .as_ref()
                .is_some_and(|trace| trace.lines().count() > 1_000)
        );
        assert_eq!(first.trace, second.trace);
        assert_eq!(first.faults, second.faults);
    }
    assert_ne!(run(1, &config, None).trace, run(2, &config, None).trace);
}

/// The other bugs change what clients see, and no log: the harness looks for them with a checked history.
#[test]
fn planted_bugs_break_an_invariant() {
    const SEEN: [Mutant; 11] = [
        Mutant::CurrentEpochNotPersisted,
        Mutant::AcceptedEpochNotPersisted,
        Mutant::TruncIgnored,
        Mutant::ServesBeforeSynchronized,
        Mutant::VotesByMyid,
        Mutant::CommitWithoutQuorum,
        Mutant::AckBeforeSync,
        Mutant::ObserversCounted,
        Mutant::DiffSkipsOne,
        Mutant::SnapLosesProposals,
        Mutant::AnswerBeforeCommit,
    ];
    let config = SimConfig {
        observers: 2,
        nodes: 3,
        ..SimConfig::default()
    };
    for mutant in SEEN {
        let mut failures = (0..400).filter_map(|seed| run(seed, &config, Some(mutant)).failure);
        let failure = failures.next().unwrap_or_else(|| panic!("{mutant} escaped"));
        assert!(matches!(failure, Failure::Invariant(_)), "{mutant}: {failure:?}");
    }
}
