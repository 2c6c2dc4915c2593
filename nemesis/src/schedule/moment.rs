//! Moments of a cluster's life at which a fault hurts more than at others.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::generate::leave_someone_alive;
use super::{FaultKind, Schedule};
use crate::rng;

/// Which stream of a schedule's seed moments are drawn from: none that a kind of fault has.
const STREAM: u64 = 1 << 32;

/// How long it takes at least until a new leader is elected, in milliseconds.
const ELECTION_MS: u64 = 200;

/// A moment that a fault may wait for. Most bugs of consensus need a fault within the few milliseconds of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Another node has just come to lead, or the same in a later term.
    AfterElection,
    /// A leader has logged what it does not know to be committed.
    BeforeCommit,
    /// A node is being brought a snapshot.
    DuringSnapshot,
    /// A node is being brought what it lacks, in whatever way.
    DuringSynchronization,
}

impl Moment {
    /// Every moment.
    pub const ALL: [Self; 4] = [
        Self::AfterElection,
        Self::BeforeCommit,
        Self::DuringSnapshot,
        Self::DuringSynchronization,
    ];

    /// Its name in schedules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterElection => "after-election",
            Self::BeforeCommit => "before-commit",
            Self::DuringSnapshot => "during-snapshot",
            Self::DuringSynchronization => "during-synchronization",
        }
    }

    /// What did not happen where it did not come.
    pub(crate) fn missed(self) -> &'static str {
        match self {
            Self::AfterElection => "no leader came to be",
            Self::BeforeCommit => "no leader had anything uncommitted",
            Self::DuringSnapshot => "no node was brought a snapshot",
            Self::DuringSynchronization => "no node was brought what it lacked",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells when moments come. It is for somebody else to know the cluster: this crate knows no protocol.
pub trait Moments: Sync {
    /// What was seen, in a few words (`n3 had just come to lead in term 7`), if `moment` has come since then and is not
    /// over as far as anybody knows.
    fn seen(&self, moment: Moment, since: Instant) -> Option<String>;

    /// Whether somebody waits for a moment: as long as somebody does, the nodes should be looked at often.
    fn look_closely(&self, closely: bool);
}

/// Knows nothing: no moment ever comes.
#[derive(Clone, Copy, Debug)]
pub struct NoMoments;

impl Moments for NoMoments {
    fn seen(&self, _moment: Moment, _since: Instant) -> Option<String> {
        None
    }

    fn look_closely(&self, _closely: bool) {}
}

impl Schedule {
    /// Lets each fault wait for a moment that is likely to come while it does:
    ///
    /// - every other fault that has one of its kind before it follows that at once, and waits for a node to be brought
    ///   what it missed meanwhile, half of them for a snapshot;
    /// - where a fault of another kind starts just before or while it waits, it waits for an election;
    /// - else for a leader with something uncommitted.
    ///
    /// For how long faults last stays as it was. As they come at other times, some may have to take fewer nodes, as in
    /// [`Schedule::generate`]. Draws from a stream of the seed of its own. `count` is the number of nodes.
    pub fn target(&mut self, seed: u64, count: usize) {
        let mut rng = rng::from_seed_and_stream(seed, STREAM);
        let mut free_from_ms: BTreeMap<FaultKind, u64> = BTreeMap::new();
        for fault in &mut self.events {
            let kind = fault.variant.kind();
            let place = rng.next_u64() % 4;
            if let Some(healed_ms) = free_from_ms.get(&kind).filter(|_| place < 2) {
                let duration_ms = fault.stop_ms - fault.start_ms;
                (fault.start_ms, fault.stop_ms) = (*healed_ms, healed_ms + duration_ms);
                fault.when = Some(match place {
                    0 => Moment::DuringSnapshot,
                    _ => Moment::DuringSynchronization,
                });
            }
            free_from_ms.insert(kind, fault.stop_ms);
        }
        let starts: Vec<(FaultKind, u64)> = (self.events.iter())
            .map(|fault| (fault.variant.kind(), fault.start_ms))
            .collect();
        for fault in self.events.iter_mut().filter(|fault| fault.when.is_none()) {
            let waits = fault.start_ms.saturating_sub(ELECTION_MS)..fault.start_ms.midpoint(fault.stop_ms);
            let dethrones =
                |(kind, at): &(FaultKind, u64)| *kind != fault.variant.kind() && waits.contains(at);
            fault.when = Some(match starts.iter().any(dethrones) {
                true => Moment::AfterElection,
                false => Moment::BeforeCommit,
            });
        }
        leave_someone_alive(&mut self.events, count);
        self.number();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{FaultKind, Intervals};

    fn targeted(seed: u64, kinds: &[FaultKind]) -> (Schedule, Schedule) {
        let intervals = Intervals::for_time_limit(600_000);
        let plain = Schedule::generate(seed, kinds, 600_000, &intervals, 5).unwrap();
        let mut targeted = plain.clone();
        targeted.target(seed, 5);
        (plain, targeted)
    }

    #[test]
    fn all_moments_are_waited_for_and_nothing_but_times_changes() {
        let kinds = [
            FaultKind::Partition,
            FaultKind::Loss,
            FaultKind::Cut,
            FaultKind::Delay,
        ];
        let (plain, targeted) = targeted(4, &kinds);
        for moment in Moment::ALL {
            let waiting = targeted.events.iter().filter(|fault| fault.when == Some(moment));
            assert!(waiting.count() > 5, "{moment}");
        }
        for before in &plain.events {
            let after = targeted
                .events
                .iter()
                .find(|after| after.seed == before.seed)
                .unwrap();
            assert_eq!(before.variant, after.variant);
            assert_eq!(before.duration(), after.duration());
            assert!(after.start_ms <= before.start_ms);
        }
    }

    #[test]
    fn targeted_schedules_are_in_order() {
        for seed in 0..50 {
            let (_, targeted) = targeted(seed, &FaultKind::ALL);
            assert_eq!(targeted.validate(5), Ok(()));
        }
    }
}
