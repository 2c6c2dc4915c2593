//! What a recorded op says about its register: the validator's own reading, which shares nothing with the lowering
//! that the algorithms work on.

use std::collections::BTreeMap;

use crate::history::{Action, History, Key, Op, Outcome, ProcessId, Value, sane_interval};
use crate::model::{Model, TimedOp};

/// "Precondition failed": a compare failed, so at some moment the register held something else.
const PRECONDITION_FAILED: u16 = 22;

/// What an op says, if it is in a linearization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Says {
    /// The register held this before it; the inner `None` is nil.
    pub(super) saw: Option<Option<Value>>,
    /// The register did not hold this before it.
    pub(super) saw_not: Option<Value>,
    /// The register holds this after it, something else than before.
    pub(super) writes: Option<Value>,
}

impl Says {
    /// `None` where an op demands nothing and changes nothing, whatever happened.
    fn of(op: &Op) -> Option<Self> {
        let nothing = Self {
            saw: None,
            saw_not: None,
            writes: None,
        };
        let may_have_happened = op.outcome != Outcome::Fail;
        let says = match op.action {
            Action::Read if op.outcome == Outcome::Ok => Self {
                saw: Some(op.observed?),
                ..nothing
            },
            Action::Read => return None,
            Action::Write { value } if may_have_happened => Self {
                writes: Some(value),
                ..nothing
            },
            Action::Write { .. } => return None,
            Action::Cas { from, to } if may_have_happened => Self {
                saw: Some(Some(from)),
                writes: Some(to).filter(|to| *to != from),
                ..nothing
            },
            Action::Cas { from, .. } if op.observed.is_some() || op.error == Some(PRECONDITION_FAILED) => {
                Self {
                    saw: op.observed,
                    saw_not: Some(from),
                    ..nothing
                }
            }
            Action::Cas { .. } => return None,
        };
        (end(op).is_some() || says.writes.is_some()).then_some(says)
    }

    /// Whether no register answers so.
    pub(super) fn is_impossible(&self) -> bool {
        self.saw_not.is_some() && self.saw == Some(self.saw_not)
    }

    /// The same without what it saw.
    pub(super) fn as_write(self) -> Self {
        Self { saw: None, ..self }
    }
}

/// A register with read, write and compare-and-set, straight from its definition. It is nil at first.
pub(super) struct Register;

impl Model for Register {
    type State = Option<Value>;
    type Op = Says;

    fn initial(&self) -> Option<Value> {
        None
    }

    fn step(&self, held: &Option<Value>, op: &Says) -> Vec<Option<Value>> {
        if op.saw.is_some_and(|seen| seen != *held) || op.saw_not.is_some_and(|not| *held == Some(not)) {
            return vec![];
        }
        vec![op.writes.or(*held)]
    }

    fn is_pure(&self, op: &Says) -> bool {
        op.writes.is_none()
    }
}

/// The ops on one register that count, in the order of the history.
#[derive(Default)]
pub(super) struct RegisterOps {
    pub(super) ops: Vec<TimedOp<Says>>,
    /// Their indices in the history that was recorded, ascending.
    pub(super) indices: Vec<u32>,
    /// Who did them.
    pub(super) processes: Vec<ProcessId>,
}

impl RegisterOps {
    /// All registers of a history.
    pub(super) fn of(history: &History) -> BTreeMap<Key, Self> {
        let mut registers: BTreeMap<Key, Self> = BTreeMap::new();
        for (position, op) in history.ops.iter().enumerate() {
            let register = registers.entry(op.key).or_default();
            let Some(says) = Says::of(op) else { continue };
            let (start_ns, end_ns) = sane_interval(op.invoked_ns, end(op));
            register.ops.push(TimedOp {
                op: says,
                start_ns,
                end_ns,
            });
            register.indices.push(history.index_of(position).0);
            register.processes.push(op.process);
        }
        registers
    }

    /// The place of the op of that index.
    pub(super) fn place(&self, index: u32) -> Option<usize> {
        self.indices.binary_search(&index).ok()
    }
}

/// When an op returned, or `None` if it may have happened at any later time, or never.
fn end(op: &Op) -> Option<u64> {
    op.completed_ns.filter(|_| op.outcome != Outcome::Info)
}
