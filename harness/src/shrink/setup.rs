//! A run that can be made smaller: what it is, in numbers, and the same with less of something. Pure.

use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::Schedule;

use super::timeline::Timeline;
use crate::rerun;
use crate::test_file::Test;
use crate::units::{Span, Timing};

/// A key that serves so many ops is never replaced by another.
const OPS_PER_KEY_WITHOUT_END: u64 = 1_000_000_000_000;

/// A run, as it would be started.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setup {
    test: Test,
    /// Whether it reads by all read modes that there are.
    all_read_modes: bool,
}

impl Setup {
    /// A stored run with its faults one by one, instead of how they were drawn.
    pub(super) fn new(test: &Test, schedule: Schedule) -> Self {
        let mut test = test.clone();
        (test.fault_time, test.fault_gap, test.timing) = (None, None, Timing::default());
        test.schedule_file = None;
        let all_read_modes = !test.command.contains(" --read-mode ");
        let timeline = Timeline {
            schedule,
            time_limit: test.time_limit,
        };
        Self { test, all_read_modes }.with_timeline(timeline)
    }

    /// The whole configuration. Its schedule is in no file yet.
    pub(super) fn test(&self) -> &Test {
        &self.test
    }

    /// Whether it reads by all read modes that there are.
    pub(super) fn all_read_modes(&self) -> bool {
        self.all_read_modes
    }

    /// What tells it from any other.
    pub(super) fn fingerprint(&self) -> String {
        let faults = crate::schedule_file::recorded(&self.test.schedule, &[]);
        rerun::command(&self.test, self.all_read_modes) + &faults
    }

    pub(super) fn timeline(&self) -> Timeline {
        Timeline {
            schedule: self.test.schedule.clone(),
            time_limit: self.test.time_limit,
        }
    }

    pub(super) fn with_timeline(&self, timeline: Timeline) -> Self {
        let mut setup = self.clone();
        setup.test.nemesis = timeline.schedule.kinds();
        (setup.test.schedule, setup.test.time_limit) = (timeline.schedule, timeline.time_limit);
        setup
    }

    /// Only these read modes; with `fewer_clients` only as many clients as had them.
    pub(super) fn with_read_modes(&self, names: &[&str], fewer_clients: bool) -> Self {
        let mut setup = self.clone();
        let before = setup.test.read_modes.len();
        setup
            .test
            .read_modes
            .retain(|mode| names.contains(&mode.name.as_str()));
        let now = setup.test.read_modes.len();
        if now < before {
            setup.all_read_modes = false;
        }
        if fewer_clients {
            setup.test.concurrency = part(self.test.concurrency, now, before);
        }
        setup
    }

    /// At most so many keys at once.
    pub(super) fn with_keys(&self, keys: u64) -> Self {
        let mut setup = self.clone();
        setup.test.mix.keys = usize::try_from(keys)
            .unwrap_or(usize::MAX)
            .min(self.test.mix.keys);
        setup
    }

    /// One key, all along.
    pub(super) fn with_one_key(&self) -> Self {
        let mut setup = self.with_keys(1);
        setup.test.mix.ops_per_key = OPS_PER_KEY_WITHOUT_END;
        setup
    }

    /// Whether there is one key all along.
    pub(super) fn has_one_key(&self) -> bool {
        self.test.mix.keys == 1 && self.test.mix.ops_per_key >= OPS_PER_KEY_WITHOUT_END
    }

    /// Requests as they arrive, so many a second.
    pub(super) fn with_rate(&self, rate: f64) -> Self {
        let mut setup = self.clone();
        setup.test.rate = Some(rate);
        setup
    }

    /// So many client threads.
    pub(super) fn with_clients(&self, clients: u64) -> Self {
        let mut setup = self.clone();
        setup.test.concurrency = usize::try_from(clients).unwrap_or(usize::MAX);
        setup
    }

    /// The least number of client threads that leaves each node one of each read mode.
    pub(super) fn clients_min(&self) -> u64 {
        self.test.layout().pairs() as u64
    }

    /// So many voters and observers, for as many clients. None if some fault cannot strike these nodes, or a read mode would
    /// have none to ask.
    pub(super) fn with_nodes(&self, voters: usize, observers: usize) -> Option<Self> {
        let mut setup = self.clone();
        let count = u16::try_from(voters + observers).ok()?;
        setup.test.nodes = Node::range(count).iter().map(Node::to_string).collect();
        setup.test.observers = observers;
        let asks_nobody = observers == 0 && self.test.read_modes.iter().any(|mode| mode.on_observers);
        let is_possible = setup.test.schedule.validate(usize::from(count)).is_ok();
        (is_possible && !asks_nobody).then_some(setup)
    }

    /// The voters.
    pub(super) fn voters(&self) -> usize {
        self.test.layout().voters
    }

    /// The time limit.
    pub(super) fn time_limit(&self) -> Span {
        self.test.time_limit
    }
}

/// The share `now / before` of a number, at least 1.
fn part(number: usize, now: usize, before: usize) -> usize {
    (number * now).div_ceil(before.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run_options;
    use crate::config::resolve;

    fn setup(line: &str) -> Setup {
        let test = resolve(run_options(line)).unwrap();
        let schedule = test.schedule.clone();
        Setup::new(&test, schedule)
    }

    /// The setup as `run` understands its command.
    fn as_run(setup: &Setup) -> Test {
        let folder = tempfile::tempdir().unwrap();
        let mut test = setup.test().clone();
        if !test.schedule.events.is_empty() {
            let path = folder.path().join("faults.toml");
            std::fs::write(&path, crate::schedule_file::recorded(&test.schedule, &[])).unwrap();
            test.schedule_file = Some(path);
        }
        let command = rerun::command(&test, setup.all_read_modes());
        resolve(run_options(&command)).unwrap()
    }

    #[test]
    fn what_is_started_is_what_was_set_up() {
        let whole = setup("splitbrain run --nemesis partition,kill --timing targeted --seed 9");
        let small = whole
            .with_timeline(whole.timeline().only(&[1]))
            .with_read_modes(&["log"], true)
            .with_one_key()
            .with_rate(50.0)
            .with_nodes(3, 0)
            .unwrap()
            .with_clients(4);
        assert!(small.has_one_key() && !whole.has_one_key());
        for setup in [&whole, &small] {
            let run = as_run(setup);
            let test = setup.test();
            assert_eq!(run.schedule, test.schedule);
            assert_eq!(run.nemesis, test.nemesis);
            assert_eq!((&run.nodes, run.observers), (&test.nodes, test.observers));
            assert_eq!((&run.mix, run.rate), (&test.mix, test.rate));
            assert_eq!((run.concurrency, run.seed), (test.concurrency, test.seed));
            assert_eq!(
                (&run.read_modes, run.time_limit),
                (&test.read_modes, test.time_limit)
            );
        }
        assert_ne!(whole.fingerprint(), small.fingerprint());
        // Without any fault there is no file to read them from.
        let quiet = small.with_timeline(small.timeline().only(&[]));
        assert_eq!(as_run(&quiet).schedule, Schedule::default());
    }

    #[test]
    fn clients_go_with_their_read_modes() {
        let whole = setup("splitbrain run --nemesis partition --seed 9");
        assert_eq!(whole.test().concurrency, 60);
        let one = whole.with_read_modes(&["log"], true);
        assert_eq!((one.test().concurrency, one.clients_min()), (10, 5));
        assert_eq!(one.with_nodes(3, 0).unwrap().test().concurrency, 10);
        assert_eq!(whole.with_read_modes(&["log"], false).test().concurrency, 60);
    }

    #[test]
    fn a_cluster_that_a_fault_cannot_strike_is_none() {
        let whole = setup("splitbrain run --nemesis partition --seed 9");
        assert!(whole.with_nodes(1, 0).is_none());
        let watched = setup("splitbrain run --system zab --observers 1 --seed 9");
        assert!(
            watched.with_nodes(3, 0).is_none(),
            "nobody is left for observer-local"
        );
        assert!(watched.with_nodes(3, 1).is_some());
        let without = watched
            .with_read_modes(&["quorum"], true)
            .with_nodes(3, 0)
            .unwrap();
        assert_eq!(without.test().nodes, ["n1", "n2", "n3"]);
    }
}
