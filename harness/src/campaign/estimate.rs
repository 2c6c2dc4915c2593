//! How long a campaign will take yet, from what its units took so far.

use std::time::Duration;

use super::plan::Unit;

/// What finished units took beyond the load that they were planned for: starting, healing, judging, drawing.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimate {
    beyond_load: Vec<Duration>,
}

impl Estimate {
    /// Takes a finished unit into account.
    pub(super) fn finished(&mut self, unit: &Unit, wall: Duration) {
        self.beyond_load.push(wall.saturating_sub(unit.time_limit.0));
        self.beyond_load.sort_unstable();
    }

    /// How long a unit probably takes; before any is finished its load alone, which is too little.
    pub(super) fn of(&self, unit: &Unit) -> Duration {
        let median = self.beyond_load.get(self.beyond_load.len() / 2);
        unit.time_limit.0 + median.copied().unwrap_or_default()
    }

    /// How long these units take yet, so many side by side; none before any is finished.
    pub(super) fn of_all<'a>(&self, units: impl Iterator<Item = &'a Unit>, jobs: usize) -> Option<Duration> {
        if self.beyond_load.is_empty() {
            return None;
        }
        let all: Duration = units.map(|unit| self.of(unit)).sum();
        Some(all.div_f64(jobs.max(1) as f64))
    }
}

/// A length of time for people: `48 s`, `12 min`, `3 h 05 min`.
pub(crate) fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::synthetic;

    #[test]
    fn an_estimate_is_the_load_and_the_median_of_the_rest() {
        let plan = synthetic::plan("2026-01-31", 10);
        let unit = &plan.units[0];
        let mut estimate = Estimate::default();
        assert_eq!(estimate.of_all(plan.units.iter(), 1), None);
        for beyond in [3, 1, 90] {
            estimate.finished(unit, unit.time_limit.0 + Duration::from_secs(beyond));
        }
        let one = unit.time_limit.0 + Duration::from_secs(3);
        assert_eq!(estimate.of(unit), one);
        assert_eq!(estimate.of_all(plan.units.iter(), 2), Some(one * 5));
    }

    #[test]
    fn times_are_told_as_people_do() {
        let cases = [(48, "48 s"), (700, "12 min"), (11_100, "3 h 05 min")];
        for (seconds, text) in cases {
            assert_eq!(roughly(Duration::from_secs(seconds)), text);
        }
    }
}
