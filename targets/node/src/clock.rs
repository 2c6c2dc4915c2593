//! The shell's clock: the only source of a core's time. A core sees time through it alone, so whatever bends this
//! clock bends the node's whole idea of time, with no preloaded library and no privilege.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use splitbrain_consensus::Time;
use tokio::sync::Notify;

/// How fast a node's clock runs: 1 is right, 1.05 gains 5 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockRate(f64);

impl ClockRate {
    const MIN: f64 = 0.01;
    const MAX: f64 = 100.0;
}

impl Default for ClockRate {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for ClockRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(rate) if (Self::MIN..=Self::MAX).contains(&rate) => Ok(Self(rate)),
            _ => Err(format!(
                "a clock rate is a number from {} to {}",
                Self::MIN,
                Self::MAX
            )),
        }
    }
}

/// A monotonic clock in microseconds since the node started, at a rate of its own. It can be bent while it runs, and
/// still never runs backward: where it is set back, it stands still until what it should show has caught up. Clones
/// are the same clock.
#[derive(Clone, Debug)]
pub struct ShellClock {
    course: Arc<Mutex<Course>>,
    /// Told at each change of course: whoever sleeps until a time of this clock must look again.
    changed: Arc<Notify>,
}

/// What the clock shows from some moment on.
#[derive(Clone, Copy, Debug)]
struct Course {
    since: Instant,
    /// What it should show at that moment, in microseconds: negative if it was set back further than it had run.
    micros: i64,
    rate: ClockRate,
    /// What it had shown by then, and shows at least.
    floor: Time,
}

impl ShellClock {
    /// A clock that shows 0 now.
    #[must_use]
    pub fn start(rate: ClockRate) -> Self {
        let course = Course {
            since: Instant::now(),
            micros: 0,
            rate,
            floor: Time(0),
        };
        Self {
            course: Arc::new(Mutex::new(course)),
            changed: Arc::new(Notify::new()),
        }
    }

    /// The time that the clock shows.
    #[must_use]
    pub fn now(&self) -> Time {
        self.course().at(Instant::now())
    }

    /// The earliest real moment at which the clock, as it runs now, shows `time` or later.
    #[must_use]
    pub fn instant_of(&self, time: Time) -> Instant {
        self.course().instant_of(time, Instant::now())
    }

    /// Sets the clock ahead by so many microseconds, or back.
    pub fn jump(&self, micros: i64) {
        self.alter(|course| course.micros = course.micros.saturating_add(micros));
    }

    /// Lets the clock run at another rate from now on.
    pub fn set_rate(&self, rate: ClockRate) {
        self.alter(|course| course.rate = rate);
    }

    /// Waits until the clock was bent, since the last wait.
    pub(crate) async fn bent(&self) {
        self.changed.notified().await;
    }

    fn alter(&self, change: impl FnOnce(&mut Course)) {
        {
            let mut course = self.course();
            *course = course.anchored_at(Instant::now());
            change(&mut course);
        }
        self.changed.notify_one();
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        // A course is changed as a whole.
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course {
    fn at(&self, now: Instant) -> Time {
        Time(u64::try_from(self.should_show(now)).unwrap_or(0)).max(self.floor)
    }

    fn should_show(&self, now: Instant) -> i64 {
        let micros = now.saturating_duration_since(self.since).as_micros() as f64;
        self.micros.saturating_add((micros * self.rate.0) as i64)
    }

    fn anchored_at(&self, now: Instant) -> Self {
        Self {
            since: now,
            micros: self.should_show(now),
            rate: self.rate,
            floor: self.at(now),
        }
    }

    fn instant_of(&self, time: Time, now: Instant) -> Instant {
        // Far enough off never to matter, near enough never to overflow: a core may ask for Time(u64::MAX).
        const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);
        if time <= self.floor {
            return self.since;
        }
        let micros = ((time.0 as f64 - self.micros as f64) / self.rate.0).ceil();
        let mut elapsed = Duration::try_from_secs_f64(micros / 1e6).unwrap_or(Duration::MAX);
        if elapsed < HORIZON && self.at(self.since + elapsed) < time {
            elapsed += Duration::from_micros(1);
        }
        self.since + elapsed.min(now.saturating_duration_since(self.since) + HORIZON)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn course(rate: f64) -> Course {
        Course {
            since: Instant::now(),
            micros: 0,
            rate: ClockRate(rate),
            floor: Time(0),
        }
    }

    fn after(course: &Course, elapsed: Duration) -> Time {
        course.at(course.since + elapsed)
    }

    #[test]
    fn a_rate_bends_the_time_shown() {
        let second = Duration::from_secs(1);
        assert_eq!(after(&course(1.0), second), Time(1_000_000));
        assert_eq!(after(&course(0.5), second), Time(500_000));
        assert_eq!(after(&course(2.0), second), Time(2_000_000));
    }

    #[test]
    fn a_time_that_never_comes_is_an_instant_still() {
        let clock = ShellClock::start(ClockRate(0.01));
        assert!(clock.instant_of(Time(u64::MAX)) > Instant::now());
    }

    #[test]
    fn a_clock_that_is_set_back_stands_still_until_it_has_caught_up() {
        let millis = Duration::from_millis;
        let before = course(1.0);
        let mut course = before.anchored_at(before.since + millis(700));
        course.micros -= 500_000;
        assert_eq!(after(&course, millis(0)), Time(700_000));
        assert_eq!(after(&course, millis(500)), Time(700_000));
        assert_eq!(after(&course, millis(600)), Time(800_000));
        // Even where that is before it started.
        course.micros -= 500_000;
        assert_eq!(after(&course, millis(999)), Time(700_000));
        assert_eq!(after(&course, millis(1_500)), Time(1_200_000));
    }

    #[test]
    fn whoever_waits_for_a_bend_is_told_of_one_that_came_before() {
        let clock = ShellClock::start(ClockRate::default());
        clock.jump(60_000_000);
        assert!(clock.now() >= Time(60_000_000));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(clock.bent());
    }

    #[test]
    fn only_sensible_rates_are_taken() {
        assert_eq!("1.05".parse(), Ok(ClockRate(1.05)));
        for text in ["0", "-1", "NaN", "inf", "1e9", "fast", ""] {
            assert!(text.parse::<ClockRate>().is_err(), "{text}");
        }
    }

    proptest! {
        // Up to where even the slowest clock stays within the horizon of a day.
        #[test]
        fn at_the_instant_of_a_time_the_clock_shows_it(
            rate in 0.01..100.0f64, micros in 0..860_000_000u64, shown in -1_000_000..1_000_000i64,
        ) {
            let course = Course { micros: shown, ..course(rate) };
            let instant = course.instant_of(Time(micros), course.since);
            prop_assert!(course.at(instant) >= Time(micros));
        }

        #[test]
        fn a_clock_never_runs_backward(
            bends in prop::collection::vec((0..2_000_000u64, -3_000_000..3_000_000i64, 0.01..100.0f64), 1..20),
        ) {
            let mut course = course(1.0);
            let (mut now, mut shown) = (course.since, Time(0));
            for (elapsed, jump, rate) in bends {
                now += Duration::from_micros(elapsed);
                course = course.anchored_at(now);
                course.micros = course.micros.saturating_add(jump);
                course.rate = ClockRate(rate);
                prop_assert!(course.at(now) >= shown);
                shown = course.at(now);
            }
        }
    }
}
