//! What the page of a checked history is made from.

use crate::results::{ClaimVerdict, Counterexample};
use splitbrain_checker::history::Outcome;

/// A history and what a check found of it, as the page needs it. All strings are shown as text, whatever they hold.
#[derive(Clone, Debug)]
pub struct CheckReport<'a> {
    /// The file, as the user named it.
    pub file: &'a str,
    /// The version of Splitbrain that checked it.
    pub version: &'a str,
    /// The format of the file.
    pub format: &'a str,
    /// The data model.
    pub model: &'a str,
    /// The consistency model that it was checked against.
    pub consistency: &'a str,
    /// The read mode that the verdict is about, where there are several.
    pub read_mode: Option<&'a str>,
    /// The verdict.
    pub verdict: ClaimVerdict,
    /// Why, in a sentence or two.
    pub reason: &'a str,
    /// What was lost while the file was read, a sentence each.
    pub warnings: &'a [String],
    /// How long reading took, milliseconds.
    pub parse_ms: f64,
    /// How long checking took, milliseconds.
    pub check_ms: f64,
    /// What breaks the model, if anything does.
    pub counterexample: Option<&'a Counterexample>,
    /// How sure the counterexample is, and whether it is minimal, in sentences; empty without one.
    pub certainty: &'a str,
    /// The shortest cycle of what must come before what, a sentence for each step; empty where none is known.
    pub cycle: &'a [&'a str],
    /// Every op, in the order of the invocations.
    pub ops: &'a [CheckedOp],
    /// Whether times are nanoseconds; else they are the numbers of events.
    pub is_timed: bool,
    /// The linearizations found, and the longest partial ones.
    pub orders: &'a [CheckedOrders],
    /// Why there are none, or what they are of; empty where there is nothing to say.
    pub orders_note: &'a str,
}

/// One op, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedOp {
    /// Its index in the history.
    pub index: u64,
    /// Who called.
    pub process: String,
    /// On which object; empty where there is but one, without a name.
    pub object: String,
    /// What was done, and what came of it.
    pub text: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it only reads, as far as its name tells: it is drawn lighter.
    pub is_read: bool,
    /// When it was invoked, nanoseconds or the number of the event.
    pub start: u64,
    /// When it completed, or was given up; `None` where no completion was recorded.
    pub end: Option<u64>,
    /// What the completion gave as the cause of a failure; empty for none.
    pub error: String,
}

/// The orders found of the ops on one object. Ops are given by their positions in [`CheckReport::ops`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedOrders {
    /// The object, by the name that its ops have.
    pub object: String,
    /// How the search for them ended.
    pub end: CheckedEnd,
    /// Each with what the object is after it: empty where that is not told. The longest first.
    pub orders: Vec<(Vec<u32>, String)>,
}

/// How the search for the orders of an object ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckedEnd {
    /// The first order is a linearization of all ops.
    Linearizable,
    /// No order goes beyond the return of this op.
    Stuck(u32),
    /// There is none, for a reason that is told in a few words.
    Unknown(String),
}
