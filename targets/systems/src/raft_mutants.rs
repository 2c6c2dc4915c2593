//! How Raft's planted bugs are best caught.

use splitbrain_raft::Mutant;

use crate::system::{MutantInfo, Venue};

/// Snapshots every few entries, so that restarts and slow followers meet them; and many keys, so that what is lost
/// is not overwritten at once.
const FREQUENT_SNAPSHOTS: &[&str] = &[
    "--option=snapshot-threshold-entries=200",
    "--option=snapshot-trailing-entries=20",
    "--keys=1000",
];
/// Many elections, held while somebody still lags behind; and many keys, so that a lost write stays lost for a while.
const SHORT_FAULTS: &[&str] = &["--fault-time=300ms-1s", "--fault-gap=100ms-400ms", "--keys=1000"];
/// One power failure after the other, among as few servers as can be, so that most of them lose power at once; and many
/// keys, so that a lost write stays lost for a while.
const SHORT_POWER_FAILURES: &[&str] = &[
    "--nodes=3",
    "--fault-time=300ms-1s",
    "--fault-gap=100ms-400ms",
    "--keys=1000",
];
/// A follower that was cut off gets the entries that it lacks, and no snapshot instead; and many keys, so that what
/// it keeps of its own is not overwritten at once.
const NO_SNAPSHOTS: &[&str] = &["--option=snapshot-threshold-entries=4000000000", "--keys=1000"];
/// Most clients read by a read index, and few write: a new leader stays without an entry of its own for a while.
const MOSTLY_READ_INDEX: &[&str] = &[
    "--read-mode=read-index,follower-read-index",
    "--concurrency=60",
    "--mix=read=90,write=10",
    "--keys=3",
];

const fn processes(mutant: Mutant, nemesis: &'static str, args: &'static [&'static str]) -> MutantInfo {
    MutantInfo::of(mutant.info(), Venue::Processes, nemesis, args)
}

const fn simulator(mutant: Mutant, nemesis: &'static str) -> MutantInfo {
    MutantInfo::of(mutant.info(), Venue::Simulator, nemesis, &[])
}

pub(crate) const MUTANTS: &[MutantInfo] = &[
    simulator(Mutant::VoteNotPersisted, "kill"),
    simulator(Mutant::TermNotPersisted, "kill"),
    processes(Mutant::VoteWithoutLogCheck, "partition,kill", SHORT_FAULTS),
    simulator(Mutant::CommitOlderTerm, "partition,clock,reconfigure"),
    processes(Mutant::ConflictNotTruncated, "partition", NO_SNAPSHOTS),
    processes(Mutant::MajorityAsHalf, "partition", &[]),
    processes(Mutant::AnswerBeforeCommit, "partition", &[]),
    processes(Mutant::ApplyBeforeCommit, "partition", &[]),
    processes(Mutant::ReadIndexWithoutHeartbeat, "partition", &[]),
    processes(
        Mutant::ReadIndexWithoutOwnTerm,
        "partition,kill",
        MOSTLY_READ_INDEX,
    ),
    processes(Mutant::FollowerReadWithoutWait, "partition", &[]),
    processes(Mutant::SnapshotForgetsLast, "kill", FREQUENT_SNAPSHOTS),
    processes(Mutant::SnapshotNotRestored, "partition", FREQUENT_SNAPSHOTS),
    processes(Mutant::LocalReadAfterRestart, "kill", &[]),
    simulator(Mutant::LeaseIgnoresDrift, "partition,clock"),
    processes(Mutant::AckBeforeSync, "power", SHORT_POWER_FAILURES),
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
