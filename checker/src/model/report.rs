//! What was found on a history of calls.

use crate::budget::Spent;

/// What was found on a history of calls. Calls are given by their positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// The verdict.
    pub verdict: CallVerdict,
    /// How many objects the history has, which were checked on their own.
    pub objects: usize,
}

/// A verdict on a history of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallVerdict {
    /// Linearizable: for each object an order of its calls that shows it, which
    /// [`BuiltIn::verify_orders`](super::BuiltIn::verify_orders) accepts.
    Valid(Vec<Vec<u32>>),
    /// Not linearizable.
    Invalid(Box<CallsCounterexample>),
    /// A limit was reached.
    Unknown {
        /// Which limit.
        spent: Spent,
        /// Objects without a verdict.
        objects: usize,
    },
    /// Two algorithms contradict each other on this object: a bug of this crate.
    Disagreement(Option<String>),
}

/// Calls that show that a history is not linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallsCounterexample {
    /// The object, where there are several.
    pub object: Option<String>,
    /// The call that cannot be explained.
    pub culprit: u32,
    /// Why, in a sentence or two.
    pub reason: String,
    /// The calls that show it, in the order of their invocation.
    pub calls: Vec<u32>,
    /// Whether nothing more can be left out of them.
    pub minimal: bool,
    /// Whether a second algorithm found the same of these calls alone.
    pub verified: bool,
    /// Some of the configurations in which nothing could explain the culprit.
    pub dead: Vec<DeadConfiguration>,
}

/// A partial linearization that could not be extended by the culprit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadConfiguration {
    /// What the object then was.
    pub state: String,
    /// The calls in the order that led to it.
    pub order: Vec<u32>,
}
