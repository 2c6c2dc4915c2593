//! What goes wrong, and when: a plan drawn from the seed. Whom a fault strikes may depend on who leads at the
//! moment, so what really happened is written down as the run goes on.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::NodeId;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// One random node can neither send nor receive.
    IsolateOne,
    /// The same for the leader.
    IsolateLeader,
    /// Two halves do not hear each other.
    Halves,
    /// Every node hears a majority, and no two the same.
    MajoritiesRing,
    /// Two halves that only one node hears both of.
    Bridge,
    /// What one node sends is lost; it hears the rest.
    MuteOne,
    /// The leader is heard, and hears nobody.
    DeafLeader,
    /// What one half sends to the other is lost; not so the other way.
    OneWay,
    /// The leader loses power.
    CrashLeader,
    /// A random node loses power.
    CrashOne,
    /// A random minority loses power.
    CrashMinority,
    /// All nodes lose power.
    CrashAll,
    /// A random node stands still.
    PauseOne,
    /// The leader stands still.
    PauseLeader,
    /// A node that is just elected is cut off at once, alone or with one follower: what it logs reaches no quorum.
    IsolateNewLeader,
    /// A node that is just elected loses power within moments.
    CrashNewLeader,
    /// A node that has just followed a candidate into its term loses power for an instant: about when it votes.
    BlinkVoter,
    /// The leader is told to hand over to a random node.
    TransferLeadership,
    /// The voting members become a random set.
    ChangeMembers,
}

/// A fault of the plan. Times are virtual microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    /// When it strikes.
    pub at_us: u64,
    /// How long it lasts.
    pub lasts_us: u64,
    /// What it is.
    pub kind: FaultKind,
}

/// A fault as it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRecord {
    /// The fault of the plan.
    pub planned: PlannedFault,
    /// Whom it struck.
    pub nodes: Vec<NodeId>,
}

/// A family of faults, which a simulation may be restricted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nemesis {
    /// The network is cut, and messages are lost, repeated and overtaken.
    Partition,
    /// Nodes lose power.
    Kill,
    /// Nodes stand still.
    Pause,
    /// Clocks run fast and slow.
    Clock,
    /// Leadership is transferred, and members change.
    Reconfigure,
}

impl Nemesis {
    /// All families with their names.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Partition, "partition"),
        (Self::Kill, "kill"),
        (Self::Pause, "pause"),
        (Self::Clock, "clock"),
        (Self::Reconfigure, "reconfigure"),
    ];

    /// The faults that are planned by time.
    fn faults(self) -> &'static [FaultKind] {
        match self {
            Self::Partition => &[
                FaultKind::IsolateOne,
                FaultKind::IsolateLeader,
                FaultKind::Halves,
                FaultKind::MajoritiesRing,
                FaultKind::Bridge,
                FaultKind::MuteOne,
                FaultKind::DeafLeader,
                FaultKind::OneWay,
            ],
            Self::Kill => &[
                FaultKind::CrashLeader,
                FaultKind::CrashOne,
                FaultKind::CrashMinority,
                FaultKind::CrashAll,
            ],
            Self::Pause => &[FaultKind::PauseOne, FaultKind::PauseLeader],
            Self::Clock => &[],
            Self::Reconfigure => &[FaultKind::TransferLeadership, FaultKind::ChangeMembers],
        }
    }

    /// The faults that lie in wait for elections.
    fn ambushes(self) -> &'static [FaultKind] {
        match self {
            Self::Partition => &[FaultKind::IsolateNewLeader],
            Self::Kill => &[FaultKind::CrashNewLeader, FaultKind::BlinkVoter],
            Self::Pause | Self::Clock | Self::Reconfigure => &[],
        }
    }
}

/// What lies in wait for elections in one run. It cannot be planned by time: elections come when they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Temper {
    /// What befalls every other election.
    pub(super) ambush: Option<FaultKind>,
    /// Whether whoever is elected has the slowest clock of all, and the others the fastest.
    pub(super) slow_leaders: bool,
}

impl Temper {
    pub(super) fn draw(rng: &mut ChaCha8Rng, nemesis: &[Nemesis]) -> Self {
        let ambushes: Vec<_> = nemesis
            .iter()
            .flat_map(|family| family.ambushes())
            .copied()
            .collect();
        let slow_leaders = nemesis.contains(&Nemesis::Clock) && rng.next_u32().is_multiple_of(2);
        // One run in so many has none.
        let ambush = ambushes
            .get(rng.next_u32() as usize % (ambushes.len() + 1))
            .copied();
        Self { ambush, slow_leaders }
    }
}

/// The faults of a run, by time. Each run favours a few kinds, one pace and one length, so that over many seeds
/// each kind meets itself and every other in quick succession as well as alone ("swarm testing", Groce and others,
/// ISSTA 2012).
pub fn plan_faults(rng: &mut ChaCha8Rng, safety_us: u64, nemesis: &[Nemesis]) -> Vec<PlannedFault> {
    const FAVOURED_MAX: usize = 5;
    const GAPS_US: [u64; 4] = [100_000, 400_000, 1_000_000, 2_500_000];
    const LENGTHS_US: [u64; 4] = [20_000, 200_000, 600_000, 2_000_000];
    let mut pick = |count: usize| rng.next_u32() as usize % count;
    let mut kinds: Vec<FaultKind> = nemesis
        .iter()
        .flat_map(|family| family.faults())
        .copied()
        .collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let favoured = 1 + pick(FAVOURED_MAX.min(kinds.len()));
    for place in 0..favoured {
        let other = place + pick(kinds.len() - place);
        kinds.swap(place, other);
    }
    let gap_us = GAPS_US[pick(GAPS_US.len())];
    let mut faults = Vec::new();
    let mut at_us = 500_000;
    while at_us < safety_us {
        let kind = kinds[pick(favoured)];
        let length_us = LENGTHS_US[pick(LENGTHS_US.len())];
        let lasts_us = 1_000 + pick(length_us as usize) as u64;
        faults.push(PlannedFault {
            at_us,
            lasts_us,
            kind,
        });
        at_us += 1_000 + pick(2 * gap_us as usize) as u64;
    }
    faults
}

/// The pairs `(from, to)` that a partition cuts, with the nodes that it is about first.
pub(super) fn cut_pairs(
    kind: FaultKind,
    shuffled: &[NodeId],
    leader: Option<NodeId>,
) -> (Vec<NodeId>, Vec<(NodeId, NodeId)>) {
    let n = shuffled.len();
    let place = |id: NodeId| shuffled.iter().position(|other| *other == id).unwrap_or(0);
    let one = match kind {
        FaultKind::IsolateLeader | FaultKind::IsolateNewLeader | FaultKind::DeafLeader => {
            leader.unwrap_or(shuffled[0])
        }
        _ => shuffled[0],
    };
    let half = n / 2;
    // Whether the new leader keeps one follower hangs on the shuffle, too.
    let companion = (place(one) % 2 == 0).then(|| shuffled[n - 1]);
    let with_leader = |id: NodeId| id == one || Some(id) == companion;
    let drops = |from: NodeId, to: NodeId| match kind {
        FaultKind::IsolateOne | FaultKind::IsolateLeader => from == one || to == one,
        FaultKind::IsolateNewLeader => with_leader(from) != with_leader(to),
        FaultKind::MuteOne => from == one,
        FaultKind::DeafLeader => to == one,
        FaultKind::OneWay => place(from) < half && place(to) >= half,
        FaultKind::Halves => (place(from) < half) != (place(to) < half),
        FaultKind::Bridge => {
            // The node in the middle hears both sides.
            let (from, to) = (place(from), place(to));
            from != half && to != half && (from < half) != (to < half)
        }
        FaultKind::MajoritiesRing => {
            // On a ring each hears itself and its nearest neighbours, just a majority. Where that is an even
            // number the window is lopsided, and a link may work one way only.
            let others = crate::quorum::majority(n) - 1;
            let offset = (place(from) + n - place(to) + others / 2) % n;
            offset > others
        }
        _ => false,
    };
    let pairs = shuffled
        .iter()
        .flat_map(|from| shuffled.iter().map(move |to| (*from, *to)));
    let pairs = pairs
        .filter(|(from, to)| from != to && drops(*from, *to))
        .collect();
    let about = match kind {
        FaultKind::IsolateOne | FaultKind::IsolateLeader | FaultKind::MuteOne | FaultKind::DeafLeader => {
            vec![one]
        }
        FaultKind::IsolateNewLeader => shuffled.iter().copied().filter(|id| with_leader(*id)).collect(),
        FaultKind::Halves | FaultKind::Bridge | FaultKind::OneWay => shuffled[..half].to_vec(),
        _ => shuffled.to_vec(),
    };
    (about, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    fn ids(n: u16) -> Vec<NodeId> {
        (1..=n).map(NodeId).collect()
    }

    #[test]
    fn in_a_ring_everyone_hears_a_majority() {
        for n in 3..=9 {
            let mut seen = std::collections::BTreeSet::new();
            let (_, pairs) = cut_pairs(FaultKind::MajoritiesRing, &ids(n), None);
            for to in ids(n) {
                let hears = |from: &NodeId| !pairs.contains(&(*from, to));
                let heard: Vec<_> = ids(n).into_iter().filter(hears).collect();
                assert!(heard.contains(&to));
                assert_eq!(heard.len(), crate::quorum::majority(n.into()), "{to} of {n}");
                assert!(seen.insert(heard), "no two hear the same majority");
            }
        }
    }

    #[test]
    fn a_bridge_joins_two_halves_that_do_not_hear_each_other() {
        let (_, pairs) = cut_pairs(FaultKind::Bridge, &ids(5), None);
        assert!(
            pairs
                .iter()
                .all(|(from, to)| *from != NodeId(3) && *to != NodeId(3))
        );
        assert!(pairs.contains(&(NodeId(1), NodeId(4))) && pairs.contains(&(NodeId(5), NodeId(2))));
        assert!(!pairs.contains(&(NodeId(1), NodeId(2))));
    }

    #[test]
    fn one_way_is_one_way() {
        let (about, pairs) = cut_pairs(FaultKind::MuteOne, &ids(3), None);
        assert_eq!(about, [NodeId(1)]);
        assert_eq!(pairs, [(NodeId(1), NodeId(2)), (NodeId(1), NodeId(3))]);
        let (about, pairs) = cut_pairs(FaultKind::DeafLeader, &ids(3), Some(NodeId(2)));
        assert_eq!(about, [NodeId(2)]);
        assert_eq!(pairs, [(NodeId(1), NodeId(2)), (NodeId(3), NodeId(2))]);
        let (about, pairs) = cut_pairs(FaultKind::OneWay, &ids(3), None);
        assert_eq!(about, [NodeId(1)]);
        assert_eq!(pairs, [(NodeId(1), NodeId(2)), (NodeId(1), NodeId(3))]);
    }

    #[test]
    fn the_plan_is_a_function_of_the_seed() {
        let plan = |seed| {
            plan_faults(
                &mut ChaCha8Rng::seed_from_u64(seed),
                10_000_000,
                &[Nemesis::Kill, Nemesis::Pause],
            )
        };
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        assert!(!plan(7).is_empty());
    }
}
