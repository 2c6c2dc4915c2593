//! The validator of linearizations: short, so that it can be checked by eye, and without a line in common with the
//! algorithms that find them. Whoever trusts this page need not trust the rest of the crate when it says "valid".

use super::{Model, TimedOp};

/// What is wrong with an order that claims to be a linearization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It names an op that is not in the history.
    #[error("there is no op {0}")]
    NoSuchOp(u32),
    /// It names an op twice.
    #[error("op {0} comes twice")]
    Twice(u32),
    /// It lacks an op that returned.
    #[error("op {0} returned, but is left out")]
    LeftOut(u32),
    /// An op comes after one that was invoked only when it had returned.
    #[error("op {op} comes after op {after}, but had returned before that was invoked")]
    AgainstTime {
        /// The op.
        op: u32,
        /// The op before it in the order.
        after: u32,
    },
    /// The object would not have answered so.
    #[error("the model does not answer as op {0} says")]
    WrongAnswer(u32),
    /// The order may be one, but after this op there are more states that the object may be in than are followed: a
    /// linearization of ops whose answers nobody knows.
    #[error("by op {0} the object may be in more than {STATES_MAX} states, too many to follow")]
    TooManyStates(u32),
}

/// So many states are followed at most, where answers are unknown.
const STATES_MAX: usize = 1 << 12;

impl Flaw {
    /// The same flaw, its ops renamed.
    pub(crate) fn rename(self, name: impl Fn(u32) -> u32) -> Self {
        match self {
            Self::NoSuchOp(op) => Self::NoSuchOp(op),
            Self::Twice(op) => Self::Twice(name(op)),
            Self::LeftOut(op) => Self::LeftOut(name(op)),
            Self::AgainstTime { op, after } => Self::AgainstTime {
                op: name(op),
                after: name(after),
            },
            Self::WrongAnswer(op) => Self::WrongAnswer(name(op)),
            Self::TooManyStates(op) => Self::TooManyStates(name(op)),
        }
    }
}

/// Whether `order`, positions in `ops`, is a linearization of them: it has every op that returned, none twice, none
/// after an op that was invoked only later, and each as the model answers (Herlihy and Wing 1990, section 2).
///
/// # Errors
/// The first flaw found.
pub fn validate<M: Model>(model: &M, ops: &[TimedOp<M::Op>], order: &[u32]) -> Result<(), Flaw> {
    let mut placed = vec![false; ops.len()];
    // The op of the order so far that was invoked last.
    let mut latest: Option<u32> = None;
    let mut states = vec![model.initial()];
    for at in order {
        let op = ops.get(*at as usize).ok_or(Flaw::NoSuchOp(*at))?;
        if std::mem::replace(&mut placed[*at as usize], true) {
            return Err(Flaw::Twice(*at));
        }
        if let (Some(after), Some(end)) = (latest, op.end_ns)
            && end < ops[after as usize].start_ns
        {
            return Err(Flaw::AgainstTime { op: *at, after });
        }
        if latest.is_none_or(|latest| op.start_ns > ops[latest as usize].start_ns) {
            latest = Some(*at);
        }
        let mut after: Vec<M::State> = Vec::new();
        for state in states.iter().flat_map(|state| model.step(state, &op.op)) {
            if !after.contains(&state) {
                after.push(state);
            }
        }
        if after.is_empty() {
            return Err(Flaw::WrongAnswer(*at));
        }
        if after.len() > STATES_MAX {
            return Err(Flaw::TooManyStates(*at));
        }
        states = after;
    }
    let left_out = (0..)
        .zip(ops)
        .find(|(at, op)| op.end_ns.is_some() && !placed[*at as usize]);
    left_out.map_or(Ok(()), |(at, _)| Err(Flaw::LeftOut(at)))
}
