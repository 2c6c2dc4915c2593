//! What the checks share: the known writes of each key in the order of their versions, and how a violation is
//! put together.

use rustc_hash::FxHashMap;

use super::Consistency;
use crate::counterexample::{AnomalyClass, Counterexample, EvidenceOp, Teller};
use crate::history::{History, Key, Op, Outcome};
use crate::ledger::{Ledger, shown, written};
use crate::linearizable::UnknownReason;

/// A write whose version is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownWrite {
    pub(super) version: u64,
    /// Its position in the history.
    pub(super) op: u32,
}

/// A history with all that is known about its versions.
pub(super) struct Known<'a> {
    pub(super) ledger: Ledger<'a>,
    /// Per key, ascending.
    writes: FxHashMap<Key, Vec<KnownWrite>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(ledger: Ledger<'a>) -> Self {
        let mut writes: FxHashMap<Key, Vec<KnownWrite>> = FxHashMap::default();
        for (position, op) in (0..).zip(&ledger.history.ops) {
            if written(op).is_some()
                && let Some(version) = ledger.version(op)
            {
                writes.entry(op.key).or_default().push(KnownWrite {
                    version,
                    op: position,
                });
            }
        }
        for writes in writes.values_mut() {
            writes.sort_unstable_by_key(|w| (w.version, w.op));
        }
        Self { ledger, writes }
    }

    pub(super) fn history(&self) -> &'a History {
        self.ledger.history
    }

    pub(super) fn teller(&self) -> Teller<'a> {
        Teller {
            history: self.ledger.history,
        }
    }

    /// All ops with their positions.
    pub(super) fn ops(&self) -> impl Iterator<Item = (u32, &'a Op)> {
        (0..).zip(&self.ledger.history.ops)
    }

    /// The first known write of `key` after `version`.
    pub(super) fn next_write(&self, key: Key, version: u64) -> Option<KnownWrite> {
        let writes = self.writes.get(&key)?;
        writes
            .get(writes.partition_point(|w| w.version <= version))
            .copied()
    }

    /// The last known write of `key` before `version`.
    pub(super) fn previous_write(&self, key: Key, version: u64) -> Option<KnownWrite> {
        let writes = self.writes.get(&key)?;
        let before = writes.partition_point(|w| w.version < version);
        before.checked_sub(1).map(|last| writes[last])
    }

    /// A write of what `op` saw, which belongs to any evidence that `op` is part of.
    pub(super) fn source(&self, op: u32) -> Option<u32> {
        let value = self.teller().seen(op)??;
        self.ledger
            .writers(self.ledger.op(op).key, value)
            .map(|writers| writers.first)
    }

    /// A violation by `culprit`, shown by `ops`, which are put in order; those among them that saw a value bring
    /// along its write, and those that do not tell their version an op that does.
    pub(super) fn violation(
        &self,
        class: AnomalyClass,
        culprit: u32,
        ops: &[u32],
        reason: String,
    ) -> Counterexample {
        let mut ops: Vec<u32> = ops
            .iter()
            .flat_map(|op| [Some(*op), self.source(*op)])
            .flatten()
            .collect();
        ops.extend([Some(culprit), self.source(culprit)].into_iter().flatten());
        ops.extend(
            ops.clone()
                .iter()
                .filter_map(|op| self.ledger.teacher(self.ledger.op(*op))),
        );
        ops.sort_unstable();
        ops.dedup();
        let history = self.history();
        let evidence = |op: &u32| EvidenceOp {
            index: history.index_of(*op as usize),
            op: history.ops[*op as usize].clone(),
            weakened: None,
        };
        Counterexample {
            class,
            key: self.ledger.op(culprit).key,
            culprit: history.index_of(culprit as usize),
            reason,
            ops: ops.iter().map(evidence).collect(),
            minimal: true,
            verified_by: Vec::new(),
            proof: None,
            dead: Vec::new(),
        }
    }
}

/// What `model` needs to know and the history does not tell, if anything.
pub(super) fn missing(known: &Known<'_>, model: Consistency) -> Option<UnknownReason> {
    let completed = |op: &Op| op.outcome != Outcome::Info && shown(op).is_some();
    let lacks = |what, lacks: &dyn Fn(&Op) -> bool| {
        let mut lacking = known
            .ops()
            .filter(|(_, op)| completed(op) && lacks(op))
            .map(|(position, _)| position);
        let first = lacking.next()?;
        let first = known.history().index_of(first as usize);
        Some(UnknownReason::NotReported {
            what,
            ops: 1 + lacking.count(),
            first,
        })
    };
    let version_if = |counts: &dyn Fn(&Op) -> bool| {
        lacks("the version of their value", &|op| {
            counts(op) && known.ledger.version(op).is_none()
        })
    };
    let version = || version_if(&|_| true);
    let node = || lacks("the node that served them", &|op| op.served_by.is_none());
    let term = || lacks("the term of the node that served them", &|op| op.term.is_none());
    match model {
        Consistency::Linearizable | Consistency::Legal => None,
        Consistency::OrderedSequential
        | Consistency::Sequential
        | Consistency::Session
        | Consistency::ReadYourWrites
        | Consistency::WritesFollowReads => version(),
        Consistency::Prefix | Consistency::MonotonicReads => version_if(&|op| written(op).is_none()),
        Consistency::MonotonicWrites => version_if(&|op| written(op).is_some()),
        Consistency::MonotonicPerNode => version().or_else(node),
        Consistency::MonotonicPerLeader => version().or_else(node).or_else(term),
    }
}
