//! What a search may cost. A budget that is spent makes a verdict unknown, never valid.

use std::cell::Cell;
use std::time::Instant;

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

/// The limits of one search.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    deadline: Option<Instant>,
    memory_bytes: usize,
    steps: Cell<u32>,
}

/// Steps between two looks at the clock: some 100 µs of work.
const STEPS_PER_LOOK: u32 = 1024;

impl Budget {
    pub(crate) fn new(deadline: Option<Instant>, memory_bytes: usize) -> Self {
        Self {
            deadline,
            memory_bytes,
            steps: Cell::new(0),
        }
    }

    /// To be called once a step, with the memory now held.
    pub(crate) fn spend(&self, bytes: usize) -> Result<(), Spent> {
        if bytes > self.memory_bytes {
            return Err(Spent::Memory);
        }
        let steps = self.steps.get() + 1;
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
}
