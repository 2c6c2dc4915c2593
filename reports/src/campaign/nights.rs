//! What each night comes to in figures.

use super::results::{Night, State};

/// How many units came to each state, by [`State::place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) [u64; State::ALL.len()]);

impl Counts {
    pub(crate) fn add(&mut self, state: State) {
        self.0[state.place()] += 1;
    }

    pub(crate) fn of(&self, state: State) -> u64 {
        self.0[state.place()]
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn finished(&self) -> u64 {
        self.total() - self.of(State::NotRun)
    }

    /// What matters most among them; none where there is nothing.
    pub(crate) fn worst(&self) -> Option<State> {
        State::ALL.into_iter().rev().find(|state| self.of(*state) > 0)
    }
}

/// A night in figures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NightFigures {
    pub(crate) name: String,
    /// Units that nothing was planted into.
    pub(crate) clean: Counts,
    /// Units of planted bugs.
    pub(crate) planted: Counts,
    /// From start to the op that gave it away, of every run that showed a violation, in order.
    pub(crate) detected_ms: Vec<u64>,
    /// How long checking took, of every run that was checked, in order.
    pub(crate) check_ms: Vec<u64>,
}

impl NightFigures {
    pub(crate) fn new(night: &Night) -> Self {
        let (mut clean, mut planted) = (Counts::default(), Counts::default());
        for unit in &night.units {
            let counts = if unit.planted { &mut planted } else { &mut clean };
            counts.add(unit.state);
        }
        let sorted = |values: &mut dyn Iterator<Item = u64>| {
            let mut values: Vec<u64> = values.collect();
            values.sort_unstable();
            values
        };
        Self {
            name: night.name.clone(),
            clean,
            planted,
            detected_ms: sorted(&mut night.units.iter().filter_map(|unit| unit.detected_ms)),
            check_ms: sorted(&mut night.units.iter().filter_map(|unit| unit.check_ms)),
        }
    }

    /// Of all units.
    pub(crate) fn all(&self) -> Counts {
        let mut all = self.clean;
        for (sum, planted) in all.0.iter_mut().zip(self.planted.0) {
            *sum += planted;
        }
        all
    }
}

/// The value in the middle of values in order; of two the lower.
pub(crate) fn median(sorted: &[u64]) -> Option<u64> {
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_never_hidden_by_the_most() {
        let mut counts = Counts::default();
        assert_eq!(counts.worst(), None);
        for state in State::ALL {
            counts.add(State::Pass);
            counts.add(state);
            assert_eq!(counts.worst(), Some(state));
        }
        assert_eq!((counts.total(), counts.finished()), (10, 9));
    }

    #[test]
    fn medians_are_values_that_were_seen() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7]), Some(7));
        assert_eq!(median(&[1, 2, 3, 4]), Some(2));
        assert_eq!(median(&[1, 2, 9]), Some(2));
    }
}
