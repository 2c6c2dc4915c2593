//! The frontier search: linearizability of any history against any model of small states.
//!
//! It walks through the events in the order of time and keeps the set of all configurations that the object may
//! be in: Lowe's just-in-time linearization ("Testing for linearizability", 2017, section 4), which linearizes
//! an op no earlier than some return makes it necessary. Seven rules keep the set small:
//!
//! 1. Slots of the masks are recycled on return, so masks are as wide as the concurrency, not the history.
//! 2. A pure op (a read, a failed compare) that fits the state is linearized at once: that never hurts, as it
//!    leaves all that could be done before.
//! 3. On the return of an op only those configurations are expanded that lack it, each path only until it is in.
//! 4. A configuration that used fewer ops of unknown outcome, and has no more ops to linearize, and is equal
//!    otherwise, dominates.
//! 5. Identical ops of unknown outcome are interchangeable: only their number counts.
//! 6. Of identical ops under way the one that returns first goes first, and one of unknown outcome last: in any
//!    linearization that has it otherwise the two can change places.
//! 7. Where some op *overwrites* (a write, a put: it fits every state, and leaves the same whatever was before), ops
//!    that fit every state are *lazy*: once an op overwrites, every lazy op under way may have taken effect right
//!    before it, seen by nobody. From then on it need not be linearized, and costs nothing when it returns; but it can
//!    still be taken, if a later read wants its value. So a configuration tells only of those that were taken
//!    because somebody saw them. To have been hidden is never worse than to have been taken or to be owed, so dominance
//!    extends to it. It follows that of two ops that overwrite, one right after the other, the first is never taken
//!    unless it was seen. A *sink* is a state that no op changes but one that overwrites: there all lazy ops
//!    can be hidden, too.
//!
//! Rule 7 loses no linearization, if the return of a lazy op that can be hidden goes both ways: it stays hidden, or it
//! is taken. Take one, and call those lazy ops hidden that come before one that overwrites with nothing but lazy ones
//! between. Walking along it, each return finds its op linearized, or owed, or hidden by an op that was applied since
//! its call: that comes after it in the linearization, so it was not applied for the sake of an op that had returned
//! before the call. A lazy op is applied only where a pending op sees it at once, or another builds on it, or it returns
//! itself: where it is seen later, it can be taken then, and what it would have hidden is taken instead.

mod live;
mod model;
mod paths;
mod search;
mod table;

pub(crate) use model::{Model, Register, TimedOp, register_ops};
pub(crate) use search::{Answer, search};
