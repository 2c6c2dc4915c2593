//! Models: what an object is that calls act on, and whether a history of it is linearizable.
//!
//! [`BuiltIn`] lists those that have a name. One's own is a [`Model`]: a state, and what each op does to it. Here is
//! a register that keeps the greatest value ever written to it:
//!
//! ```
//! use splitbrain_checker::linearizable::Options;
//! use splitbrain_checker::model::{Model, TimedOp, check_model};
//!
//! struct MaxRegister;
//!
//! #[derive(Clone, PartialEq, Eq, Hash)]
//! enum Op {
//!     Write(u64),
//!     /// With the value that it returned.
//!     Read(u64),
//! }
//!
//! impl Model for MaxRegister {
//!     type State = u64;
//!     type Op = Op;
//!
//!     fn initial(&self) -> u64 {
//!         0
//!     }
//!
//!     fn step(&self, max: &u64, op: &Op) -> Vec<u64> {
//!         match op {
//!             Op::Write(value) => vec![*max.max(value)],
//!             Op::Read(value) if value == max => vec![*max],
//!             Op::Read(_) => vec![],
//!         }
//!     }
//!
//!     fn is_pure(&self, op: &Op) -> bool {
//!         matches!(op, Op::Read(_))
//!     }
//! }
//!
//! // Written and then read, one after the other; the second write was still under way.
//! let op = |op, start_ns, end_ns| TimedOp { op, start_ns, end_ns };
//! let mut ops = vec![
//!     op(Op::Write(7), 0, Some(10)),
//!     op(Op::Write(5), 5, None),
//!     op(Op::Read(7), 20, Some(30)),
//! ];
//! assert!(check_model(&MaxRegister, &ops, &Options::default()).is_linearizable());
//! ops[2].op = Op::Read(5);
//! let verdict = check_model(&MaxRegister, &ops, &Options::default());
//! assert_eq!(verdict.stuck().expect("5 is less than 7").culprit, 2);
//! ```

mod built_in;
mod certify;
mod check;
mod collection;
mod counter;
mod culprit;
mod depth_first;
mod grow_only;
mod interned;
mod lock;
mod lower;
mod multi_register;
mod parts;
mod queue;
mod register;
mod report;
mod sequence;
mod set;
mod shrink;
mod validate;

pub use built_in::{BuiltIn, UnknownModel, check_calls, decide_calls};
pub use check::{ModelVerdict, Stuck, check_model};
pub use lower::BadCall;
pub use report::{CallReport, CallVerdict, CallsCounterexample, DeadConfiguration};
pub use validate::{Flaw, validate};

use std::fmt::Debug;
use std::hash::Hash;

use crate::budget::{Budget, Spent};

/// A sequential specification: what an object answers that is used by one client at a time.
pub trait Model {
    /// What the object is at one moment.
    type State: Clone + Eq + Hash;
    /// An op together with its answer. For an op whose answer nobody knows, whatever is known of it.
    type Op: Clone + Eq + Hash;

    /// The state before all ops.
    fn initial(&self) -> Self::State;

    /// Every state that the object may be in after `op`, where it was in `state`: none if it would not answer so.
    /// Mostly there is one; an op of unknown answer may leave several.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Vec<Self::State>;

    /// Whether `op` never changes any state. The more ops are known to be pure, the faster the search.
    fn is_pure(&self, op: &Self::Op) -> bool {
        let _ = op;
        false
    }

    /// Whether `op` answers so in every state. Worth telling only where some op overwrites, or there is a sink.
    fn is_blind(&self, op: &Self::Op) -> bool {
        self.overwrites(op)
    }

    /// Whether `op` answers so in every state, and leaves the same one whatever was before: a write. The search does
    /// not branch on what is overwritten before anybody saw it.
    fn overwrites(&self, op: &Self::Op) -> bool {
        let _ = op;
        false
    }

    /// A state that no op changes but one that overwrites, and in which no op answers but those that answer in every
    /// state ([`is_blind`](Self::is_blind)), if there is such a state.
    fn sink(&self) -> Option<Self::State> {
        None
    }

    /// Decides about `ops` without a search, where an exact and faster way is known. Their ends are never before their
    /// starts.
    ///
    /// # Errors
    /// The limit of `budget` that was reached before it was decided.
    fn shortcut(&self, ops: &[TimedOp<Self::Op>], budget: &Budget) -> Result<Option<Shortcut>, Spent> {
        let _ = (ops, budget);
        Ok(None)
    }

    /// Ops that share a group can be left out of any history together, all of them at once, and what stays is still
    /// linearizable if the whole was. Counterexamples are shrunk by it. Pure ops need none.
    fn group(&self, op: &Self::Op) -> Option<u32> {
        let _ = op;
        None
    }

    /// What a state takes, in bytes, for the memory limit.
    fn state_bytes(&self, state: &Self::State) -> usize {
        size_of_val(state)
    }
}

/// What [`Model::shortcut`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// There is a linearization: these ops in this order, by their positions.
    Linearizable(Vec<u32>),
    /// There is none. These few ops are why, by their positions, as far as is known: if those of their groups
    /// ([`Model::group`]) are kept with them, and those without a group. It is looked at again, so it may be wrong, or
    /// empty.
    NotLinearizable(Vec<u32>),
}

/// An op with its closed interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedOp<O> {
    /// The op.
    pub op: O,
    /// When it was invoked, nanoseconds.
    pub start_ns: u64,
    /// When it returned; `None` for an op that may have happened at any time after its invocation, or not at all.
    pub end_ns: Option<u64>,
}
