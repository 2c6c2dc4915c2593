//! What a search may cost. A budget that is spent makes a verdict unknown, never valid.

use std::cell::Cell;
use std::time::{Duration, Instant};

use thiserror::Error;

/// Why a search gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Spent {
    /// The time limit passed.
    #[error("the time limit passed")]
    Time,
    /// The memory limit was reached.
    #[error("the memory limit was reached")]
    Memory,
}

/// The limits of one algorithm on one thread. It is asked often, and looks at the clock now and then.
#[derive(Clone, Debug)]
pub struct Budget {
    deadline: Option<Instant>,
    memory_bytes: usize,
    steps: Cell<usize>,
}

/// Steps between two looks at the clock: some 100 µs of work.
const STEPS_PER_LOOK: usize = 1024;

impl Budget {
    /// A budget that ends at `deadline`, if there is one, and of so much memory.
    #[must_use]
    pub fn new(deadline: Option<Instant>, memory_bytes: usize) -> Self {
        Self {
            deadline,
            memory_bytes,
            steps: Cell::new(0),
        }
    }

    /// To be called once a step, with the memory now held, in bytes.
    ///
    /// # Errors
    /// The limit that was reached.
    pub fn spend(&self, bytes: usize) -> Result<(), Spent> {
        self.spend_steps(1, bytes)
    }

    /// As [`spend`](Self::spend), for a step that takes as long as so many.
    ///
    /// # Errors
    /// The limit that was reached.
    pub fn spend_steps(&self, steps: usize, bytes: usize) -> Result<(), Spent> {
        if bytes > self.memory_bytes {
            return Err(Spent::Memory);
        }
        let steps = self.steps.get().saturating_add(steps);
        self.steps.set(steps % STEPS_PER_LOOK);
        if steps < STEPS_PER_LOOK {
            return Ok(());
        }
        self.look()
    }

    /// Whether the time limit has passed, by the clock.
    pub(crate) fn look(&self) -> Result<(), Spent> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Spent::Time),
            _ => Ok(()),
        }
    }

    /// The same, but for so long at most, from now on.
    pub(crate) fn within(&self, time: Duration) -> Self {
        let end = Instant::now() + time;
        Self::new(
            Some(self.deadline.map_or(end, |deadline| deadline.min(end))),
            self.memory_bytes,
        )
    }

    /// The same, but of so many bytes at most.
    pub(crate) fn of_bytes(self, bytes: usize) -> Self {
        Self::new(self.deadline, self.memory_bytes.min(bytes))
    }

    /// `parts` of `of` equal parts of the time that is left.
    pub(crate) fn share(&self, parts: u32, of: u32) -> Self {
        match self.deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.within(left * parts / of)
            }
            None => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Budget, Spent};

    #[test]
    fn parts_of_a_budget_end_no_later_than_the_whole() {
        let whole = Budget::new(Some(Instant::now()), 10);
        for part in [whole.within(Duration::from_secs(60)), whole.share(1, 2)] {
            assert_eq!(part.look(), Err(Spent::Time));
            assert_eq!(part.of_bytes(20).spend(11), Err(Spent::Memory));
        }
        let endless = Budget::new(None, 10);
        assert_eq!(endless.share(1, 2).look(), Ok(()));
        assert_eq!(endless.within(Duration::ZERO).look(), Err(Spent::Time));
        assert_eq!(endless.of_bytes(5).spend(6), Err(Spent::Memory));
    }

    #[test]
    fn a_long_step_brings_the_next_look_forward() {
        let past = Budget::new(Some(Instant::now()), 10);
        assert_eq!(past.spend_steps(7, 0), Ok(()));
        assert_eq!(past.spend_steps(1 << 20, 0), Err(Spent::Time));
    }
}
