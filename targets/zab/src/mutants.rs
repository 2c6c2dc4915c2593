//! The planted bugs. Each breaks one rule that ZAB's promises rest on, and is chosen at run time. A harness that
//! misses one of them would miss the same mistake in a real system.

use std::fmt;
use std::str::FromStr;

use splitbrain_consensus::Planted;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The current epoch is forgotten by a restart.
    CurrentEpochNotPersisted,
    /// The accepted epoch is forgotten by a restart.
    AcceptedEpochNotPersisted,
    /// A follower keeps what it was told to delete.
    TruncIgnored,
    /// A leader serves when its own disk alone has its history.
    ServesBeforeSynchronized,
    /// The greatest number wins the election, and the leader trusts the election.
    VotesByMyid,
    /// The leader commits what it alone has logged.
    CommitWithoutQuorum,
    /// Of two committed transactions the second is applied first.
    CommitsOutOfOrder,
    /// Proposals are acknowledged before they are synced to disk.
    AckBeforeSync,
    /// Observers log and acknowledge proposals, and count as voters do.
    ObserversCounted,
    /// The first write that a learner lacks is left out of a `Diff`.
    DiffSkipsOne,
    /// What follows a snapshot is not sent along with it.
    SnapLosesProposals,
    /// A `sync` is answered before what is committed was flushed and applied.
    SyncWithoutFlush,
    /// A client that saw more elsewhere is let in.
    SessionWithoutZxidCheck,
    /// The leader applies and answers what it has logged, before a quorum has.
    AnswerBeforeCommit,
}

/// All planted bugs.
pub const MUTANTS: &[Planted<Mutant>] = &[
    Planted {
        mutant: Mutant::CurrentEpochNotPersisted,
        name: "current-epoch-not-persisted",
        breaks: "a new current epoch is on stable storage before NewLeader is acknowledged (DSN paper, phase 2)",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::AcceptedEpochNotPersisted,
        name: "accepted-epoch-not-persisted",
        breaks: "an accepted epoch is on stable storage before it is acknowledged (DSN paper, phase 1)",
        anomaly: "two leaders of one epoch, zxids that go back",
    },
    Planted {
        mutant: Mutant::TruncIgnored,
        name: "trunc-ignored",
        breaks: "a follower deletes what the leader's history does not hold (DSN paper, phase 2; ZooKeeper's TRUNC)",
        anomaly: "a read of a write that never was, nodes that disagree",
    },
    Planted {
        mutant: Mutant::ServesBeforeSynchronized,
        name: "serves-before-synchronized",
        breaks: "a leader is established once a quorum has acknowledged NewLeader (DSN paper, phase 2)",
        anomaly: "lost write, a read of a write that never was",
    },
    Planted {
        mutant: Mutant::VotesByMyid,
        name: "votes-by-myid",
        breaks: "votes are ordered by peer epoch and zxid before myid (Medeiros 2012, §3.2), and a leader that is \
                 behind steps down",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::CommitWithoutQuorum,
        name: "commit-without-quorum",
        breaks: "a proposal is committed when a quorum has acknowledged it (DSN paper, phase 3)",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::CommitsOutOfOrder,
        name: "commits-out-of-order",
        breaks: "transactions are delivered in the order of their zxids (DSN paper, total order)",
        anomaly: "nodes that disagree",
    },
    Planted {
        mutant: Mutant::AckBeforeSync,
        name: "ack-before-sync",
        breaks: "a proposal is on stable storage before it is acknowledged (DSN paper, phase 3)",
        anomaly: "lost write after power failure",
    },
    Planted {
        mutant: Mutant::ObserversCounted,
        name: "observers-counted",
        breaks: "observers have no part in quorums (ZooKeeper's observers)",
        anomaly: "lost write",
    },
    Planted {
        mutant: Mutant::DiffSkipsOne,
        name: "diff-skips-one",
        breaks: "a Diff holds every transaction that the learner lacks (DSN paper, phase 2)",
        anomaly: "nodes that disagree, lost write",
    },
    Planted {
        mutant: Mutant::SnapLosesProposals,
        name: "snap-loses-proposals",
        breaks: "what was logged after a snapshot is sent after it (DSN paper, phase 2)",
        anomaly: "nodes that disagree, lost write",
    },
    Planted {
        mutant: Mutant::SyncWithoutFlush,
        name: "sync-without-flush",
        breaks: "a sync is answered behind what was committed before it (ZooKeeper's sync)",
        anomaly: "stale read without any change of leader",
    },
    Planted {
        mutant: Mutant::SessionWithoutZxidCheck,
        name: "session-without-zxid-check",
        breaks: "a server refuses a client that has seen a later zxid than it has applied (ZooKeeper's sessions)",
        anomaly: "a session that went backward",
    },
    Planted {
        mutant: Mutant::AnswerBeforeCommit,
        name: "answer-before-commit",
        breaks: "a leader delivers a proposal once a quorum has acknowledged it (DSN paper, phase 3)",
        anomaly: "lost write, nodes that disagree",
    },
];

impl Mutant {
    /// What it breaks and how it shows.
    #[must_use]
    pub const fn info(self) -> &'static Planted<Mutant> {
        // The table is in the order of the variants, which a test sees to.
        &MUTANTS[self as usize]
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

/// There is no mutant of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown zab mutant `{0}`")]
pub struct UnknownMutant(pub String);

impl FromStr for Mutant {
    type Err = UnknownMutant;

    fn from_str(name: &str) -> Result<Self, UnknownMutant> {
        let info = MUTANTS.iter().find(|info| info.name == name);
        info.map(|info| info.mutant)
            .ok_or_else(|| UnknownMutant(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_is_listed_in_its_place_and_found_by_its_name() {
        for (place, info) in MUTANTS.iter().enumerate() {
            assert_eq!(info.mutant as usize, place);
            assert_eq!(info.mutant.info().name, info.name);
            assert_eq!(info.name.parse(), Ok(info.mutant));
        }
        assert!("no-such-bug".parse::<Mutant>().is_err());
    }
}
