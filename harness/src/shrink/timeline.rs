//! Schedules with less in them, and less time between what is left. Pure.

use splitbrain_nemesis::schedule::{Schedule, ScheduledFault};

use crate::units::Span;

/// A fault that is cut off is left out where less than this would be left of it, in milliseconds: it would hardly be in
/// force.
const REST_MIN_MS: u64 = 100;

/// Faults, and the load that they strike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timeline {
    pub(super) schedule: Schedule,
    pub(super) time_limit: Span,
}

/// How long it may be quiet, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quiet {
    /// Before the first fault.
    pub(super) head_ms: u64,
    /// Between faults.
    pub(super) gap_ms: u64,
    /// After the last.
    pub(super) tail_ms: u64,
}

impl Timeline {
    /// Only the faults at these places, each as long as it was. The others take the time along that they had for
    /// themselves: it is never quiet for longer than it was.
    pub(super) fn only(&self, places: &[usize]) -> Self {
        let events = places.iter().map(|at| self.schedule.events[*at].clone());
        let less = Self {
            schedule: Schedule {
                events: events.collect(),
            },
            time_limit: self.time_limit,
        };
        less.closed_up(self.quiet())
    }

    /// No longer quiet than this anywhere. Without faults the load stays as it is.
    pub(super) fn closed_up(&self, quiet: Quiet) -> Self {
        let mut events = self.by_start();
        let (mut busy_until, mut shift) = (0, 0);
        for (place, fault) in events.iter_mut().enumerate() {
            let allowed = if place == 0 { quiet.head_ms } else { quiet.gap_ms };
            let idle = fault.start_ms.saturating_sub(busy_until);
            shift += idle.saturating_sub(allowed);
            busy_until = busy_until.max(fault.stop_ms);
            fault.start_ms -= shift;
            fault.stop_ms -= shift;
        }
        let time_limit = match events.is_empty() {
            true => self.time_limit,
            false => {
                let tail = self.time_limit.as_millis().saturating_sub(busy_until);
                Span::millis(busy_until - shift + tail.min(quiet.tail_ms))
            }
        };
        Self {
            schedule: numbered(events),
            time_limit,
        }
    }

    /// The load until a moment, in milliseconds, and nothing after it.
    pub(super) fn cut_off(&self, at_ms: u64) -> Self {
        let at_ms = at_ms.min(self.time_limit.as_millis());
        let mut events = self.by_start();
        events.retain(|fault| fault.stop_ms <= at_ms || fault.start_ms + REST_MIN_MS <= at_ms);
        for fault in &mut events {
            fault.stop_ms = fault.stop_ms.min(at_ms);
        }
        Self {
            schedule: numbered(events),
            time_limit: Span::millis(at_ms),
        }
    }

    /// The fault at a place only so long; what comes after it comes so much earlier, where nothing else keeps it.
    pub(super) fn with_duration(&self, place: usize, duration_ms: u64) -> Self {
        let mut shorter = self.clone();
        let fault = &mut shorter.schedule.events[place];
        fault.stop_ms = fault.stop_ms.min(fault.start_ms + duration_ms);
        shorter.closed_up(self.quiet())
    }

    /// How long it is quiet: before the first fault, at most between two, and after the last.
    pub(super) fn quiet(&self) -> Quiet {
        let mut quiet = Quiet {
            head_ms: 0,
            gap_ms: 0,
            tail_ms: 0,
        };
        let mut busy_until = 0;
        for (place, fault) in self.by_start().iter().enumerate() {
            let idle = fault.start_ms.saturating_sub(busy_until);
            match place {
                0 => quiet.head_ms = idle,
                _ => quiet.gap_ms = quiet.gap_ms.max(idle),
            }
            busy_until = busy_until.max(fault.stop_ms);
        }
        quiet.tail_ms = self.time_limit.as_millis().saturating_sub(busy_until);
        quiet
    }

    fn by_start(&self) -> Vec<ScheduledFault> {
        let mut events = self.schedule.events.clone();
        events.sort_by_key(|fault| (fault.start_ms, fault.id));
        events
    }
}

/// The faults with numbers in their order, as a file would give them.
fn numbered(mut events: Vec<ScheduledFault>) -> Schedule {
    for (id, fault) in (0..).zip(&mut events) {
        fault.id = id;
    }
    Schedule { events }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use splitbrain_nemesis::schedule::{FaultKind, Intervals};

    use super::*;

    const NODES: usize = 5;

    fn drawn(seed: u64) -> Timeline {
        let kinds = [FaultKind::Partition, FaultKind::Kill, FaultKind::Pause];
        let intervals = Intervals::for_time_limit(30_000);
        Timeline {
            schedule: Schedule::generate(seed, &kinds, 30_000, &intervals, NODES).unwrap(),
            time_limit: Span::seconds(30),
        }
    }

    /// Kind, variant, seed and length of each fault.
    fn what(timeline: &Timeline) -> Vec<(String, u64, u64)> {
        let events = timeline.schedule.events.iter();
        events
            .map(|fault| {
                let length = fault.stop_ms - fault.start_ms;
                (fault.variant.to_string(), fault.seed, length)
            })
            .collect()
    }

    fn is_sound(timeline: &Timeline) {
        timeline.schedule.validate(NODES).unwrap();
        let last = timeline.schedule.events.iter().map(|fault| fault.stop_ms).max();
        assert!(
            last.unwrap_or(0) <= timeline.time_limit.as_millis(),
            "{timeline:?}"
        );
        for (id, fault) in (0..).zip(&timeline.schedule.events) {
            assert_eq!(fault.id, id);
        }
    }

    fn at_most(quiet: Quiet, most: Quiet) -> bool {
        quiet.head_ms <= most.head_ms && quiet.gap_ms <= most.gap_ms && quiet.tail_ms <= most.tail_ms
    }

    proptest! {
        #[test]
        fn faults_that_are_left_are_as_they_were(seed: u64, keep in prop::collection::vec(any::<bool>(), 40)) {
            let whole = drawn(seed);
            let places: Vec<usize> = (0..whole.schedule.events.len()).filter(|at| keep[*at % 40]).collect();
            let less = whole.only(&places);
            is_sound(&less);
            let expected: Vec<_> = places.iter().map(|at| what(&whole)[*at].clone()).collect();
            prop_assert_eq!(what(&less), expected);
            if !places.is_empty() {
                prop_assert!(at_most(less.quiet(), whole.quiet()), "{:?} of {:?}", less.quiet(), whole.quiet());
            }
        }

        #[test]
        fn closing_up_leaves_all_faults_and_less_quiet(seed: u64, head_ms in 0..2_000_u64, gap_ms in 0..2_000_u64, tail_ms in 0..5_000_u64) {
            let whole = drawn(seed);
            let quiet = Quiet { head_ms, gap_ms, tail_ms };
            let less = whole.closed_up(quiet);
            is_sound(&less);
            prop_assert_eq!(what(&less), what(&whole));
            prop_assert!(at_most(less.quiet(), quiet));
            prop_assert_eq!(less.closed_up(quiet), less);
        }

        #[test]
        fn cutting_off_leaves_what_was_before(seed: u64, at_ms in 0..40_000_u64) {
            let whole = drawn(seed);
            let less = whole.cut_off(at_ms);
            is_sound(&less);
            prop_assert_eq!(less.time_limit.as_millis(), at_ms.min(30_000));
            for fault in &less.schedule.events {
                let is_as_it_was = whole.schedule.events.iter().any(|was| {
                    (was.variant, was.start_ms, was.seed) == (fault.variant, fault.start_ms, fault.seed)
                        && (fault.stop_ms == was.stop_ms || fault.stop_ms == at_ms)
                });
                prop_assert!(is_as_it_was);
            }
        }

        #[test]
        fn a_shorter_fault_brings_all_else_forward(seed: u64, place in 0..40_usize, duration_ms in 100..4_000_u64) {
            let whole = drawn(seed);
            let place = place % whole.schedule.events.len();
            let less = whole.with_duration(place, duration_ms);
            is_sound(&less);
            prop_assert!(less.time_limit <= whole.time_limit);
            prop_assert_eq!(less.schedule.events.len(), whole.schedule.events.len());
        }
    }

    #[test]
    fn a_load_without_faults_is_only_cut_off() {
        let whole = drawn(1);
        let nothing = whole.only(&[]);
        assert_eq!(
            (nothing.schedule.events.len(), nothing.time_limit),
            (0, Span::seconds(30))
        );
        assert_eq!(nothing.cut_off(4_000).time_limit, Span::seconds(4));
    }
}
