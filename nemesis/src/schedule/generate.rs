//! Drawing a schedule from a seed.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::{FaultKind, FaultVariant, Schedule, ScheduleError, ScheduledFault};
use crate::node::NodeSet;
use crate::rng;

/// How long things take, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervals {
    /// No fault before this.
    pub head_ms: u64,
    /// No fault in the last so many.
    pub tail_ms: u64,
    /// The shortest and the longest fault.
    pub fault_ms: (u64, u64),
    /// The shortest and the longest gap between two faults of a kind.
    pub gap_ms: (u64, u64),
}

impl Intervals {
    /// Faults of 1 to 4 s with 1 to 2 s between them; quiet for a tenth of the load before (0.5 to 2 s), and for a
    /// fifth of it after (1 to 5 s).
    #[must_use]
    pub fn for_time_limit(time_limit_ms: u64) -> Self {
        Self {
            head_ms: (time_limit_ms / 10).clamp(500, 2_000),
            tail_ms: (time_limit_ms / 5).clamp(1_000, 5_000),
            fault_ms: (1_000, 4_000),
            gap_ms: (1_000, 2_000),
        }
    }

    fn validate(&self, time_limit_ms: u64) -> Result<(), ScheduleError> {
        for (what, (low, high), least) in [("faults", self.fault_ms, 1), ("gaps", self.gap_ms, 0)] {
            if low > high || low < least {
                return Err(ScheduleError::Interval { what, low, high });
            }
        }
        let Self {
            head_ms,
            tail_ms,
            fault_ms: (fault_ms, _),
            ..
        } = *self;
        let needed_ms = head_ms.saturating_add(fault_ms).saturating_add(tail_ms);
        if time_limit_ms < needed_ms {
            return Err(ScheduleError::TooShort {
                time_limit_ms,
                needed_ms,
                head_ms,
                fault_ms,
                tail_ms,
            });
        }
        Ok(())
    }
}

impl Schedule {
    /// Draws the faults of a run of `time_limit_ms` against a cluster of `count` nodes. The same arguments give
    /// the same schedule, for ever; the order and repetition of `kinds` do not matter.
    ///
    /// # Errors
    /// If the time limit is too short for one fault, an interval is wrong, or the cluster is too small for a kind.
    pub fn generate(
        seed: u64,
        kinds: &[FaultKind],
        time_limit_ms: u64,
        intervals: &Intervals,
        count: usize,
    ) -> Result<Self, ScheduleError> {
        let kinds: BTreeSet<FaultKind> = kinds.iter().copied().collect();
        if kinds.is_empty() {
            return Ok(Self::default());
        }
        intervals.validate(time_limit_ms)?;
        let mut events = Vec::new();
        for kind in kinds {
            let variants = kind.variants(count);
            if variants.is_empty() {
                return Err(ScheduleError::TooFewNodes { kind, nodes: count });
            }
            // A stream for each kind: adding a kind to a run leaves the others' faults as they were.
            let rng = rng::from_seed_and_stream(seed, kind.stream());
            events.extend(timeline(Bag::new(variants), time_limit_ms, intervals, rng));
        }
        events.sort_by_key(|fault| (fault.start_ms, fault.variant.kind()));
        leave_someone_to_pause(&mut events, count);
        leave_someone_alive(&mut events, count);
        let mut schedule = Self { events };
        schedule.number();
        Ok(schedule)
    }
}

/// A pause that starts while every node is dead strikes nobody, and could never be proven. Where a kill would
/// leave none alive for it, the kill takes fewer; in a cluster of one node the pause is dropped.
fn leave_someone_to_pause(events: &mut Vec<ScheduledFault>, count: usize) {
    let pauses: Vec<u64> = events
        .iter()
        .filter(|fault| fault.variant.kind() == FaultKind::Pause)
        .map(|fault| fault.start_ms)
        .collect();
    let mut deadly = Vec::new();
    for fault in events.iter_mut() {
        let FaultVariant::Kill(set) = &mut fault.variant else {
            continue;
        };
        let in_force = fault.start_ms..fault.stop_ms;
        if set.size(count) < count || !pauses.iter().any(|start_ms| in_force.contains(start_ms)) {
            continue;
        }
        let smaller = [NodeSet::Majority, NodeSet::One]
            .into_iter()
            .find(|set| set.size(count) < count);
        match smaller {
            Some(smaller) => *set = smaller,
            None => deadly.push(in_force),
        }
    }
    events.retain(|fault| {
        fault.variant.kind() != FaultKind::Pause
            || !deadly.iter().any(|in_force| in_force.contains(&fault.start_ms))
    });
}

/// How much later than scheduled a fault may come, in milliseconds: one that is observed meanwhile takes that long.
const LATE_MS: u64 = 250;

/// A clock can be bent, and be seen to be, only in a process that runs; and only such a process can be slowed down or
/// asked to end. Where other faults would leave none when such a fault starts, whenever it may while it waits for a moment, the greatest of them takes fewer nodes,
/// or, in a cluster too small for that, is dropped; those of later kinds before those of the first ones.
pub(super) fn leave_someone_alive(events: &mut Vec<ScheduledFault>, count: usize) {
    let id = |fault: &ScheduledFault| (fault.variant.kind(), fault.start_ms);
    let stops_anew =
        |fault: &ScheduledFault| fault.variant.stops().is_some() && !fault.variant.kind().is_of_old();
    // Kills and pauses by themselves are seen to above, where they do not wait.
    let all = events
        .iter()
        .any(|fault| stops_anew(fault) || fault.when.is_some());
    let needs =
        |kind: FaultKind| kind.strikes_clocks() || kind.needs_a_process() && (all || !kind.is_of_old());
    let needy = events.iter().filter(|fault| needs(fault.variant.kind()));
    let needy: Vec<_> = needy.map(|fault| (id(fault), fault.latest_start_ms())).collect();
    for (needy, latest_ms) in needy {
        loop {
            let stops = |fault: &ScheduledFault| {
                let set = fault.variant.stops().filter(|_| id(fault) != needy)?;
                let (from_ms, to_ms) = (fault.start_ms.saturating_sub(LATE_MS), fault.stop_ms + LATE_MS);
                (from_ms <= latest_ms && needy.1 < to_ms).then(|| set.size(count))
            };
            let sizes: Vec<Option<usize>> = events.iter().map(stops).collect();
            if sizes.iter().flatten().sum::<usize>() < count || !events.iter().any(|fault| id(fault) == needy)
            {
                break;
            }
            let greatest = (0..events.len())
                .filter(|index| sizes[*index].is_some())
                .max_by_key(|index| (!events[*index].variant.kind().is_of_old(), sizes[*index]))
                .expect("a sum that is not 0 has a greatest part");
            let smaller = [NodeSet::Majority, NodeSet::One]
                .into_iter()
                .find(|set| Some(set.size(count)) < sizes[greatest]);
            match smaller {
                Some(smaller) => {
                    let variant = &mut events[greatest].variant;
                    *variant = variant.with_set(smaller);
                }
                None => drop(events.remove(greatest)),
            }
        }
    }
}

/// The faults of one kind: a random part of a gap, then faults and gaps in turn.
fn timeline(
    mut bag: Bag,
    time_limit_ms: u64,
    intervals: &Intervals,
    mut rng: ChaCha8Rng,
) -> Vec<ScheduledFault> {
    let end_ms = time_limit_ms - intervals.tail_ms;
    let (fault_low_ms, fault_high_ms) = intervals.fault_ms;
    let latest_ms = end_ms - fault_low_ms;
    let first_gap_ms = rng::between(0, intervals.gap_ms.1, &mut rng);
    let mut start_ms = (intervals.head_ms + first_gap_ms).min(latest_ms);
    let mut faults = Vec::new();
    while start_ms <= latest_ms {
        let longest_ms = fault_high_ms.min(end_ms - start_ms);
        let stop_ms = start_ms + rng::between(fault_low_ms, longest_ms, &mut rng);
        faults.push(ScheduledFault {
            id: 0,
            variant: bag.draw(&mut rng),
            start_ms,
            stop_ms,
            when: None,
            nodes: Vec::new(),
            seed: rng.next_u64(),
        });
        start_ms = stop_ms + rng::between(intervals.gap_ms.0, intervals.gap_ms.1, &mut rng);
    }
    faults
}

/// A bag of variants, filled and shuffled again when it is empty, so that each is drawn once before any is drawn
/// twice. Variants that aim at the leader are drawn first from the first bag, so that even a short run has one.
struct Bag {
    variants: Vec<FaultVariant>,
    left: Vec<FaultVariant>,
    is_first: bool,
}

impl Bag {
    fn new(variants: Vec<FaultVariant>) -> Self {
        Self {
            variants,
            left: Vec::new(),
            is_first: true,
        }
    }

    fn draw(&mut self, rng: &mut ChaCha8Rng) -> FaultVariant {
        if self.left.is_empty() {
            self.left.clone_from(&self.variants);
            rng::shuffle(&mut self.left, rng);
            if self.is_first {
                self.left.sort_by_key(|variant| variant.aims_at_leader());
                self.is_first = false;
            }
        }
        self.left
            .pop()
            .expect("a kind in a schedule has at least one variant")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grudge::PartitionShape;
    use crate::node::Node;

    fn generate(seed: u64, kinds: &[FaultKind], time_limit_ms: u64) -> Schedule {
        Schedule::generate(
            seed,
            kinds,
            time_limit_ms,
            &Intervals::for_time_limit(time_limit_ms),
            5,
        )
        .unwrap()
    }

    #[test]
    fn a_seed_means_one_schedule() {
        let schedule = generate(42, &FaultKind::ALL, 30_000);
        assert_eq!(schedule, generate(42, &FaultKind::ALL, 30_000));
        assert_ne!(schedule, generate(43, &FaultKind::ALL, 30_000));
        // Pinned: a report's seed must mean the same faults in later versions.
        let first = &generate(42, &[FaultKind::Partition], 30_000).events[0];
        assert_eq!(
            serde_json::to_value(first).unwrap(),
            serde_json::json!({
                "id": 0,
                "kind": "partition",
                "variant": "isolated-leader",
                "start_ms": 3929,
                "stop_ms": 6193,
                "seed": 14_828_835_203_913_492_612_u64,
            })
        );
    }

    #[test]
    fn another_kind_leaves_the_others_as_they_were() {
        let alone = generate(5, &[FaultKind::Kill], 60_000);
        let among = generate(5, &FaultKind::ALL, 60_000);
        let times = |schedule: &Schedule| -> Vec<(u64, u64, u64)> {
            let kills = schedule
                .events
                .iter()
                .filter(|fault| fault.variant.kind() == FaultKind::Kill);
            kills
                .map(|fault| (fault.start_ms, fault.stop_ms, fault.seed))
                .collect()
        };
        assert_eq!(times(&alone), times(&among));
    }

    #[test]
    fn too_short_a_limit_says_what_is_needed() {
        let intervals = Intervals::for_time_limit(2_000);
        let error = Schedule::generate(1, &[FaultKind::Kill], 2_000, &intervals, 5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a time limit of 2000 ms is too short for one fault: at least 2500 ms are needed \
             (500 quiet, 1000 of fault, 1000 quiet)"
        );
        assert_eq!(generate(1, &[FaultKind::Kill], 2_500).events.len(), 1);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let make = |intervals: Intervals, count| {
            Schedule::generate(1, &[FaultKind::Partition], 30_000, &intervals, count)
        };
        let good = Intervals::for_time_limit(30_000);
        assert_eq!(
            make(good, 1),
            Err(ScheduleError::TooFewNodes {
                kind: FaultKind::Partition,
                nodes: 1
            })
        );
        assert!(matches!(
            make(
                Intervals {
                    fault_ms: (0, 4),
                    ..good
                },
                5
            ),
            Err(ScheduleError::Interval { what: "faults", .. })
        ));
        assert!(matches!(
            make(
                Intervals {
                    gap_ms: (5, 4),
                    ..good
                },
                5
            ),
            Err(ScheduleError::Interval { what: "gaps", .. })
        ));
        assert!(Schedule::generate(1, &[], 0, &good, 0).unwrap().events.is_empty());
    }

    #[test]
    fn schedules_written_by_hand_are_checked() {
        let fault = |id, start_ms, stop_ms| ScheduledFault {
            id,
            variant: FaultVariant::Partition(PartitionShape::Halves),
            start_ms,
            stop_ms,
            when: None,
            nodes: Vec::new(),
            seed: 0,
        };
        let check = |events: Vec<ScheduledFault>| Schedule { events }.validate(5);
        assert_eq!(check(vec![fault(0, 1, 2), fault(1, 2, 3)]), Ok(()));
        assert!(matches!(
            check(vec![fault(0, 3, 3)]),
            Err(ScheduleError::StopBeforeStart { id: 0, .. })
        ));
        assert!(matches!(
            check(vec![fault(0, 5, 9), fault(1, 1, 6)]),
            Err(ScheduleError::Overlap {
                first: 1,
                second: 0,
                ..
            })
        ));
        assert_eq!(
            check(vec![fault(4, 1, 2), fault(4, 3, 4)]),
            Err(ScheduleError::DuplicateId(4))
        );
        let named = |variant, node| {
            let nodes = vec![Node(node)];
            check(vec![ScheduledFault {
                variant,
                nodes,
                ..fault(3, 1, 2)
            }])
        };
        assert_eq!(named(FaultVariant::Kill(NodeSet::Named), 5), Ok(()));
        assert_eq!(
            named(FaultVariant::Partition(PartitionShape::IsolatedLeader), 2),
            Ok(())
        );
        assert_eq!(
            named(FaultVariant::Pause(NodeSet::One), 6)
                .unwrap_err()
                .to_string(),
            "fault 3 names n6, but the nodes are n1 to n5"
        );
        assert_eq!(
            named(FaultVariant::Partition(PartitionShape::Bridge), 1)
                .unwrap_err()
                .to_string(),
            "fault 3 (partition bridge) names nodes, but whom it strikes follows from its variant and seed"
        );
        let nobody = ScheduledFault {
            variant: FaultVariant::Kill(NodeSet::Named),
            ..fault(3, 1, 2)
        };
        assert_eq!(
            check(vec![nobody]).unwrap_err().to_string(),
            "fault 3 (kill named) names no nodes"
        );
        let one_node = Schedule {
            events: vec![fault(0, 1, 2)],
        }
        .validate(1);
        assert!(matches!(
            one_node,
            Err(ScheduleError::TooFewNodes { nodes: 1, .. })
        ));
    }

    /// Whether faults of this kind stop processes, so that they give way to others where too few would be left.
    fn schedule_stops(kind: FaultKind, count: usize) -> bool {
        kind.variants(count)
            .iter()
            .any(|variant| variant.stops().is_some())
    }

    proptest! {
        #[test]
        fn schedules_are_quiet_at_both_ends_and_never_overlap_in_kind(
            seed: u64, time_limit_ms in 2_500..120_000_u64, count in 2..10_usize,
        ) {
            let intervals = Intervals::for_time_limit(time_limit_ms);
            let schedule =
                Schedule::generate(seed, &FaultKind::ALL, time_limit_ms, &intervals, count).unwrap();
            prop_assert_eq!(schedule.validate(count), Ok(()));
            for kind in FaultKind::ALL {
                let may_be_dropped = count == 2 && matches!(kind, FaultKind::Kill | FaultKind::Pause)
                    || !kind.is_of_old() && schedule_stops(kind, count);
                prop_assert!(may_be_dropped || schedule.events.iter().any(|fault| fault.variant.kind() == kind));
            }
            for (index, fault) in schedule.events.iter().enumerate() {
                prop_assert_eq!(fault.id as usize, index);
                prop_assert!(fault.start_ms >= intervals.head_ms);
                prop_assert!(fault.stop_ms <= time_limit_ms - intervals.tail_ms);
                prop_assert!((1_000..=4_000).contains(&(fault.stop_ms - fault.start_ms)));
            }
            let text = serde_json::to_string(&schedule).unwrap();
            prop_assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
        }

        #[test]
        fn no_pause_starts_while_all_are_dead(seed: u64, count in 1..6_usize) {
            let kinds = [FaultKind::Kill, FaultKind::Pause];
            let intervals = Intervals::for_time_limit(60_000);
            let schedule = Schedule::generate(seed, &kinds, 60_000, &intervals, count).unwrap();
            let of = |kind| schedule.events.iter().filter(move |fault| fault.variant.kind() == kind);
            for kill in of(FaultKind::Kill) {
                let FaultVariant::Kill(set) = kill.variant else { unreachable!() };
                let alive = count - set.size(count);
                let pauses = of(FaultKind::Pause)
                    .filter(|pause| (kill.start_ms..kill.stop_ms).contains(&pause.start_ms))
                    .count();
                prop_assert!(alive > 0 || pauses == 0);
            }
            prop_assert!(of(FaultKind::Kill).count() > 0);
        }

        #[test]
        fn some_process_runs_when_a_clock_is_to_go_wrong(seed: u64, count in 1..6_usize) {
            let kinds = [FaultKind::Kill, FaultKind::Pause, FaultKind::Drift, FaultKind::Clock];
            let intervals = Intervals::for_time_limit(60_000);
            let schedule = Schedule::generate(seed, &kinds, 60_000, &intervals, count).unwrap();
            let clocks = schedule.events.iter().filter(|fault| fault.variant.kind().strikes_clocks());
            let mut seen = 0;
            for clock in clocks {
                seen += 1;
                let stopped: usize = schedule
                    .events
                    .iter()
                    .filter(|fault| (fault.start_ms..fault.stop_ms).contains(&clock.start_ms))
                    .filter_map(|fault| fault.variant.stops())
                    .map(|set| set.size(count))
                    .sum();
                prop_assert!(stopped < count);
            }
            prop_assert!(seen > 10);
        }

        #[test]
        fn some_process_runs_when_a_later_kind_needs_one(seed: u64, count in 1..6_usize) {
            let intervals = Intervals::for_time_limit(60_000);
            let schedule = Schedule::generate(seed, &FaultKind::ALL[1..], 60_000, &intervals, count);
            let Ok(Schedule { events }) = schedule else { return Ok(()) };
            for (index, needy) in events.iter().enumerate() {
                if !needy.variant.kind().needs_a_process() {
                    continue;
                }
                let stopped: usize = events
                    .iter()
                    .enumerate()
                    .filter(|(other, fault)| {
                        *other != index && (fault.start_ms..fault.stop_ms).contains(&needy.start_ms)
                    })
                    .filter_map(|(_, fault)| fault.variant.stops())
                    .map(|set| set.size(count))
                    .sum();
                prop_assert!(stopped < count);
            }
        }

        #[test]
        fn some_process_runs_whenever_a_fault_that_waits_may_strike(seed: u64, count in 1..6_usize) {
            let kinds = [FaultKind::Kill, FaultKind::Pause, FaultKind::Power, FaultKind::Clock];
            let intervals = Intervals::for_time_limit(60_000);
            let mut schedule = Schedule::generate(seed, &kinds, 60_000, &intervals, count).unwrap();
            schedule.target(seed, count);
            prop_assert!(!schedule.events.is_empty());
            for needy in &schedule.events {
                let others = schedule.events.iter().filter(|fault| fault.id != needy.id);
                let stopped = others
                    .filter(|fault| fault.start_ms <= needy.latest_start_ms() && needy.start_ms < fault.stop_ms)
                    .filter_map(|fault| fault.variant.stops())
                    .map(|set| set.size(count));
                prop_assert!(stopped.sum::<usize>() < count);
            }
        }

        #[test]
        fn each_bag_holds_every_variant_and_the_first_opens_on_the_leader(seed: u64) {
            for kind in FaultKind::ALL {
                let variants = kind.variants(5);
                let drawn: Vec<FaultVariant> =
                    generate(seed, &[kind], 300_000).events.iter().map(|fault| fault.variant).collect();
                let may_aim = variants.iter().any(|variant| variant.aims_at_leader());
                prop_assert_eq!(drawn[0].aims_at_leader(), may_aim);
                for bag in drawn.chunks_exact(variants.len()) {
                    prop_assert_eq!(bag.iter().collect::<BTreeSet<_>>().len(), variants.len());
                }
            }
        }
    }
}
