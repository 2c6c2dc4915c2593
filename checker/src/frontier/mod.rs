//! The frontier search: linearizability of any history against any model of small states.
//!
//! It walks through the events in the order of time and keeps the set of all configurations that the object may
//! be in: Lowe's just-in-time linearization ("Testing for linearizability", 2017, section 4), which linearizes
//! an op no earlier than some return makes it necessary. Five rules keep the set small:
//!
//! 1. Slots of the masks are recycled on return, so masks are as wide as the concurrency, not the history.
//! 2. A pure op (a read, a failed compare) that fits the state is linearized at once: that never hurts, as it
//!    leaves all that could be done before.
//! 3. On the return of an op only those configurations are expanded that lack it, each path only until it is in.
//! 4. A configuration that used fewer ops of unknown outcome, and is equal otherwise, dominates.
//! 5. Identical ops of unknown outcome are interchangeable: only their number counts.

mod model;
mod paths;
mod search;
mod table;

pub(crate) use model::{Model, Register, TimedOp, register_ops};
pub(crate) use search::{Answer, search};
