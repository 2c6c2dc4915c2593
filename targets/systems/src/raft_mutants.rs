//! How Raft's planted bugs are best caught.

use splitbrain_raft::Mutant;

use crate::system::{MutantInfo, Venue};

/// Snapshots every few entries, so that restarts and slow followers meet them.
const FREQUENT_SNAPSHOTS: &[(&str, &str)] = &[
    ("snapshot-threshold-entries", "200"),
    ("snapshot-trailing-entries", "20"),
];

const fn processes(mutant: Mutant, nemesis: &'static str) -> MutantInfo {
    with(mutant, Venue::Processes, nemesis, &[])
}

const fn simulator(mutant: Mutant, nemesis: &'static str) -> MutantInfo {
    with(mutant, Venue::Simulator, nemesis, &[])
}

const fn with(
    mutant: Mutant,
    venue: Venue,
    nemesis: &'static str,
    options: &'static [(&'static str, &'static str)],
) -> MutantInfo {
    let info = mutant.info();
    MutantInfo {
        name: info.name,
        breaks: info.breaks,
        anomaly: info.anomaly,
        venue,
        nemesis,
        options,
    }
}

pub(crate) const MUTANTS: &[MutantInfo] = &[
    simulator(Mutant::VoteNotPersisted, "kill"),
    processes(Mutant::TermNotPersisted, "kill"),
    processes(Mutant::VoteWithoutLogCheck, "partition,kill,pause"),
    simulator(Mutant::CommitOlderTerm, "partition,reconfigure"),
    processes(Mutant::ConflictNotTruncated, "partition"),
    processes(Mutant::MajorityAsHalf, "partition"),
    processes(Mutant::AnswerBeforeCommit, "partition"),
    processes(Mutant::ApplyBeforeCommit, "partition"),
    processes(Mutant::ReadIndexWithoutHeartbeat, "partition"),
    processes(Mutant::ReadIndexWithoutOwnTerm, "partition,kill"),
    processes(Mutant::FollowerReadWithoutWait, "partition"),
    with(
        Mutant::SnapshotForgetsLast,
        Venue::Processes,
        "kill",
        FREQUENT_SNAPSHOTS,
    ),
    simulator(Mutant::LeaseIgnoresDrift, "partition,clock"),
    simulator(Mutant::AckBeforeSync, "kill"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_bug_has_a_way_to_be_caught() {
        let here: Vec<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        let planted: Vec<_> = splitbrain_raft::MUTANTS.iter().map(|info| info.name).collect();
        assert_eq!(here, planted);
    }
}
