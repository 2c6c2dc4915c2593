//! The systems that the harness knows.

use crate::raft::Raft;
use crate::system::System;
use crate::zab::Zab;

/// All systems, in the order in which they are listed.
#[must_use]
pub fn systems() -> &'static [&'static dyn System] {
    &[&Raft, &Zab]
}
