//! How ZAB's planted bugs are best caught.

use splitbrain_zab::Mutant;

use crate::system::{MutantInfo, Venue};

/// Each server has many clients whose writes are open when it is cut off; and every cas tells what it found.
const MANY_CLIENTS: &[&str] = &[
    "--keys=1000",
    "--concurrency=120",
    "--mix=read=40,write=30,cas=30",
];
/// With three servers, what befalls two of them at once leaves the third to choose.
const THREE_SERVERS: &[&str] = &["--nodes=3"];
/// Local reads leave the log to writes, and show what a server lacks.
const LOCAL_READS: &[&str] = &["--read-mode=local", "--keys=100"];
/// A lost write stays lost for a while.
const MANY_KEYS: &[&str] = &["--keys=1000"];
/// Snapshots every few transactions, so that slow followers meet them; and many keys, so that what is lost is not
/// overwritten at once.
const FREQUENT_SNAPSHOTS: &[&str] = &[
    "--option=snapshot-threshold-txns=200",
    "--option=snapshot-trailing-txns=20",
    "--keys=1000",
];
/// Without a change of leader `sync-local` reads are linearizable.
const STRICT_SYNC: &[&str] = &["--read-mode=sync-local", "--claim=linearizable"];

/// One election after the other, among as few servers as can be.
const SHORT_KILLS: &[&str] = &["--nodes=3", "--fault-time=200ms-800ms", "--fault-gap=200ms-500ms"];

/// Clients take their sessions from one server to the next.
const MOVING_CLIENTS: &[&str] = &["--move-every=200ms"];

const fn processes(mutant: Mutant, nemesis: &'static str, args: &'static [&'static str]) -> MutantInfo {
    MutantInfo::of(mutant.info(), Venue::Processes, nemesis, args)
}

const fn simulator(mutant: Mutant, nemesis: &'static str) -> MutantInfo {
    MutantInfo::of(mutant.info(), Venue::Simulator, nemesis, &[])
}

pub(crate) const MUTANTS: &[MutantInfo] = &[
    simulator(Mutant::CurrentEpochNotPersisted, "kill"),
    processes(Mutant::AcceptedEpochNotPersisted, "kill", SHORT_KILLS),
    processes(Mutant::TruncIgnored, "partition", MANY_CLIENTS),
    simulator(Mutant::ServesBeforeSynchronized, "partition,kill"),
    processes(Mutant::VotesByMyid, "partition,kill,pause", THREE_SERVERS),
    processes(Mutant::CommitWithoutQuorum, "partition", MANY_KEYS),
    processes(Mutant::CommitsOutOfOrder, "partition", &[]),
    // Real processes whose power fails catch it in 8 of 10 attempts.
    simulator(Mutant::AckBeforeSync, "kill"),
    // Real processes catch it in 2 of 3 attempts: a leader seldom keeps an observer, and no other voter, on its side.
    simulator(Mutant::ObserversCounted, "partition"),
    processes(Mutant::DiffSkipsOne, "partition,kill", LOCAL_READS),
    processes(Mutant::SnapLosesProposals, "partition", FREQUENT_SNAPSHOTS),
    processes(Mutant::SyncWithoutFlush, "none", STRICT_SYNC),
    processes(Mutant::SessionWithoutZxidCheck, "partition", MOVING_CLIENTS),
    processes(Mutant::AnswerBeforeCommit, "partition", MANY_KEYS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_bug_has_a_way_to_be_caught() {
        let here: Vec<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        let planted: Vec<_> = splitbrain_zab::MUTANTS.iter().map(|info| info.name).collect();
        assert_eq!(here, planted);
    }
}
