//! Who was with a quorum while the network was cut.
//!
//! A partition's links follow from its schedule and the nodes that it struck. At any moment of it, among the nodes
//! that are neither killed nor paused, two are *connected* if packets pass between them both ways, and *in touch*
//! if a chain of connected nodes joins them. Then a node is
//!
//! - **without a quorum** if those that it is in touch with, itself included, are no majority of the voters;
//! - **with a quorum** if they are one, and all of them are connected to each other;
//! - **neither** if they are one, but not all connected: a bridge or a ring has no majority side. Such nodes are
//!   left out, as are nodes that are killed or paused, whose clients see a dead node and no cut.
//!
//! No fault comes or goes all at once. A cut counts from when all of it was in force until its healing began; a node
//! whose kill or pause is under way is taken for up and for stopped, and where that makes a difference, is left out.
//!
//! A one-way cut counts as a cut: what goes one way only carries no question and answer. A cut that parts no nodes
//! all the while, as of clients or by links that flap, has no sides; but while it may be felt, ops tell nothing about
//! the sides of others.

use std::ops::Range;

use splitbrain_nemesis::grudge::Grudge;
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::Schedule;
use splitbrain_reports::results::Fault;

/// What a node was to the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    With,
    Without,
    Neither,
}

/// The cuts of one run.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    nodes: Vec<Node>,
    /// The first so many nodes vote.
    voters: usize,
    /// Partitions in force, by their start.
    pub(super) partitions: Vec<Cut>,
    /// When cuts without sides may have been felt.
    sideless: Vec<Interval>,
    /// Which nodes were killed or paused, and when.
    stopped: Vec<Stopped>,
}

/// Nodes that were killed or paused.
#[derive(Clone, Debug)]
struct Stopped {
    nodes: Vec<Node>,
    /// When they certainly were.
    surely: Interval,
    /// When they may have been.
    maybe: Interval,
}

/// A partition that was in force.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// When all of it was in force.
    pub(super) interval: Interval,
    /// When any of it may have been.
    felt: Interval,
    grudge: Grudge,
}

/// A stretch of time on the history's clock, nanoseconds: from `start_ns` until before `stop_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start_ns: u64,
    pub(super) stop_ns: u64,
}

impl From<Range<u64>> for Interval {
    fn from(range: Range<u64>) -> Self {
        Self {
            start_ns: range.start,
            stop_ns: range.end,
        }
    }
}

impl Interval {
    fn contains(self, at_ns: u64) -> bool {
        (self.start_ns..self.stop_ns).contains(&at_ns)
    }

    fn overlaps(self, other: Self) -> bool {
        self.start_ns < other.stop_ns && other.start_ns < self.stop_ns
    }
}

impl Cuts {
    /// The cuts of a run of `count` nodes, the first `voters` of which vote, from its schedule and what its faults
    /// came to. A fault that was never healed lasts for ever.
    pub(super) fn new(count: usize, voters: usize, schedule: &Schedule, faults: &[Fault]) -> Self {
        let nodes = Node::range(u16::try_from(count).unwrap_or(u16::MAX));
        let mut cuts = Self {
            voters,
            partitions: Vec::new(),
            sideless: Vec::new(),
            stopped: Vec::new(),
            nodes,
        };
        for fault in faults {
            let Some(scheduled) = schedule.events.iter().find(|event| event.id == fault.id) else {
                continue;
            };
            let (interval, felt): (Interval, Interval) = (fault.in_force_ns().into(), fault.felt_ns().into());
            let struck: Vec<Node> = fault.nodes.iter().filter_map(|name| name.parse().ok()).collect();
            if scheduled.variant.kind().parts_nodes() {
                let grudge = scheduled.grudge(&cuts.nodes, &struck);
                match grudge.is_empty() {
                    true => cuts.sideless.push(felt),
                    false => cuts.partitions.push(Cut {
                        interval,
                        felt,
                        grudge,
                    }),
                }
            } else if scheduled.variant.stops().is_some() {
                let never = Interval {
                    start_ns: felt.start_ns,
                    stop_ns: felt.start_ns,
                };
                let surely = match scheduled.variant.stops_all_the_while() {
                    true => interval,
                    false => never,
                };
                cuts.stopped.push(Stopped {
                    nodes: struck,
                    surely,
                    maybe: felt,
                });
            }
        }
        cuts.partitions.sort_by_key(|cut| cut.interval.start_ns);
        cuts
    }

    /// What `node` was to `cut` in all of `interval`; [`Side::Neither`] too if that changed meanwhile. Whether the
    /// cut was in force then is not asked.
    pub(super) fn side(&self, cut: &Cut, node: Node, interval: Interval) -> Side {
        // Between two changes of who is up, nothing changes.
        let changes = self
            .stopped
            .iter()
            .flat_map(|stopped| [stopped.surely, stopped.maybe])
            .flat_map(|stopped| [stopped.start_ns, stopped.stop_ns])
            .filter(|at| (interval.start_ns + 1..interval.stop_ns).contains(at));
        let mut sides = [interval.start_ns]
            .into_iter()
            .chain(changes)
            .map(|at| self.side_at(cut, node, at));
        let first = sides.next().unwrap_or(Side::Neither);
        if sides.all(|side| side == first) {
            first
        } else {
            Side::Neither
        }
    }

    /// Whether another partition than `cut`, or a cut without sides, was in force at some moment of `interval`.
    pub(super) fn is_cut_otherwise(&self, cut: &Cut, interval: Interval) -> bool {
        let others = self
            .partitions
            .iter()
            .filter(|other| other.interval != cut.interval);
        let felt = others
            .map(|other| other.felt)
            .chain(self.sideless.iter().copied());
        felt.into_iter().any(|felt| felt.overlaps(interval))
    }

    fn side_at(&self, cut: &Cut, node: Node, at_ns: u64) -> Side {
        let up = |when: fn(&Stopped) -> Interval| -> Vec<Node> {
            let is_up = |node: &Node| {
                let stops = |stopped: &Stopped| when(stopped).contains(at_ns) && stopped.nodes.contains(node);
                !self.stopped.iter().any(stops)
            };
            self.nodes.iter().copied().filter(is_up).collect()
        };
        let most = self.side_among(&up(|stopped| stopped.surely), cut, node);
        let fewest = self.side_among(&up(|stopped| stopped.maybe), cut, node);
        match most == fewest {
            true => most,
            false => Side::Neither,
        }
    }

    /// What `node` is to `cut` where these nodes are up.
    fn side_among(&self, up: &[Node], cut: &Cut, node: Node) -> Side {
        if !up.contains(&node) {
            return Side::Neither;
        }
        let mut in_touch = vec![node];
        let mut at = 0;
        while at < in_touch.len() {
            let seen = cut.grudge.visible(in_touch[at], up);
            let fresh: Vec<Node> = seen.into_iter().filter(|node| !in_touch.contains(node)).collect();
            in_touch.extend(fresh);
            at += 1;
        }
        let votes = in_touch.iter().filter(|node| node.index() < self.voters).count();
        let all_connected = in_touch
            .iter()
            .all(|a| in_touch.iter().all(|b| a == b || cut.grudge.connects(*a, *b)));
        match (votes * 2 > self.voters, all_connected) {
            (false, _) => Side::Without,
            (true, true) => Side::With,
            (true, false) => Side::Neither,
        }
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_nemesis::grudge::{CutShape, PartitionShape};
    use splitbrain_nemesis::node::NodeSet;
    use splitbrain_nemesis::schedule::{FaultVariant, ScheduledFault};

    use super::*;

    const DURING: Interval = Interval {
        start_ns: 200,
        stop_ns: 300,
    };

    fn scheduled(id: u32, variant: FaultVariant) -> ScheduledFault {
        ScheduledFault {
            id,
            variant,
            start_ms: 0,
            stop_ms: 1,
            when: None,
            nodes: Vec::new(),
            seed: 11,
        }
    }

    fn fault(id: u32, nodes: &[&str], start_ns: u64, stop_ns: u64) -> Fault {
        Fault {
            id,
            kind: String::new(),
            variant: String::new(),
            nodes: nodes.iter().map(|&name| name.to_owned()).collect(),
            start_ns,
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: Some(stop_ns),
            proven: true,
            evidence: Vec::new(),
        }
    }

    /// The sides of all nodes of a cluster that is cut from 100 to 1000.
    fn sides(
        count: usize,
        voters: usize,
        shape: PartitionShape,
        struck: &[&str],
        kill: Option<Fault>,
    ) -> Vec<Side> {
        let schedule = Schedule {
            events: vec![
                scheduled(0, FaultVariant::Partition(shape)),
                scheduled(1, FaultVariant::Kill(NodeSet::One)),
            ],
        };
        let mut faults = vec![fault(0, struck, 100, 1000)];
        faults.extend(kill);
        let cuts = Cuts::new(count, voters, &schedule, &faults);
        let cut = &cuts.partitions[0];
        cuts.nodes
            .iter()
            .map(|node| cuts.side(cut, *node, DURING))
            .collect()
    }

    #[test]
    fn an_isolated_leader_is_without_and_the_others_are_with() {
        use Side::{With, Without};
        let found = sides(3, 3, PartitionShape::IsolatedLeader, &["n2"], None);
        assert_eq!(found, [With, Without, With]);
    }

    #[test]
    fn who_loses_a_peer_loses_its_quorum() {
        use Side::{Neither, Without};
        let kill = fault(1, &["n1"], 50, 900);
        let found = sides(3, 3, PartitionShape::IsolatedLeader, &["n2"], Some(kill));
        assert_eq!(found, [Neither, Without, Without]);
    }

    #[test]
    fn a_change_within_the_interval_leaves_a_node_out() {
        use Side::{Neither, Without};
        let kill = fault(1, &["n1"], 250, 900);
        let found = sides(3, 3, PartitionShape::IsolatedLeader, &["n2"], Some(kill));
        assert_eq!(found, [Neither, Without, Neither]);
    }

    #[test]
    fn a_node_that_is_being_killed_or_started_may_be_up_or_down() {
        use Side::{Neither, Without};
        // n1 may be back already, and then n3 has a quorum with it.
        let kill = Fault {
            stop_asked_ns: Some(150),
            ..fault(1, &["n1"], 50, 900)
        };
        let found = sides(3, 3, PartitionShape::IsolatedLeader, &["n2"], Some(kill));
        assert_eq!(found, [Neither, Without, Neither]);
    }

    #[test]
    fn a_cut_counts_until_its_healing_begins() {
        let schedule = Schedule {
            events: vec![scheduled(0, FaultVariant::Partition(PartitionShape::One))],
        };
        let cut = Fault {
            start_asked_ns: Some(90),
            stop_asked_ns: Some(800),
            ..fault(0, &["n2"], 100, 1000)
        };
        let cuts = Cuts::new(3, 3, &schedule, &[cut]);
        let interval = Interval {
            start_ns: 100,
            stop_ns: 800,
        };
        assert_eq!(cuts.partitions[0].interval, interval);
    }

    #[test]
    fn a_cut_without_sides_makes_no_sides_and_blurs_those_of_others() {
        for shape in [CutShape::Clients, CutShape::Flapping] {
            let schedule = Schedule {
                events: vec![
                    scheduled(0, FaultVariant::Partition(PartitionShape::One)),
                    scheduled(1, FaultVariant::Cut(shape)),
                ],
            };
            let faults = [fault(0, &["n2"], 100, 1000), fault(1, &["n1"], 250, 400)];
            let cuts = Cuts::new(3, 3, &schedule, &faults);
            assert_eq!(cuts.partitions.len(), 1);
            let cut = &cuts.partitions[0];
            assert!(cuts.is_cut_otherwise(cut, DURING));
            assert!(!cuts.is_cut_otherwise(cut, Interval::from(400..500)));
        }
    }

    #[test]
    fn a_cut_with_sides_has_those_of_its_grudge() {
        use Side::{With, Without};
        for shape in [CutShape::MinorityThird, CutShape::Reset] {
            let schedule = Schedule {
                events: vec![ScheduledFault {
                    nodes: vec![Node(2)],
                    ..scheduled(0, FaultVariant::Cut(shape))
                }],
            };
            let cuts = Cuts::new(3, 3, &schedule, &[fault(0, &["n2"], 100, 1000)]);
            let side = |node| cuts.side(&cuts.partitions[0], Node(node), DURING);
            assert_eq!([1, 2, 3].map(side), [With, Without, With]);
        }
    }

    #[test]
    fn observers_make_no_quorum() {
        let count = |voters, side| {
            let found = sides(4, voters, PartitionShape::Halves, &[], None);
            found.iter().filter(|found| **found == side).count()
        };
        // Of two halves of four voters neither has a quorum; where one of the four does not vote, one has.
        assert_eq!((count(4, Side::With), count(4, Side::Without)), (0, 4));
        assert_eq!((count(3, Side::With), count(3, Side::Without)), (2, 2));
    }

    #[test]
    fn shapes_without_sides_are_left_out_and_one_way_cuts_are_not() {
        for shape in [PartitionShape::Bridge, PartitionShape::MajoritiesRing] {
            assert!(
                sides(5, 5, shape, &[], None)
                    .iter()
                    .all(|side| *side == Side::Neither)
            );
        }
        for shape in [PartitionShape::OneWay, PartitionShape::Halves] {
            let found = sides(5, 5, shape, &[], None);
            assert_eq!(found.iter().filter(|side| **side == Side::With).count(), 3);
            assert_eq!(found.iter().filter(|side| **side == Side::Without).count(), 2);
        }
    }
}
