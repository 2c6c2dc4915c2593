//! What kind of violation a shrunk counterexample is, and the sentence that says why.

use super::{AnomalyClass, Shown, Teller};
use crate::history::{Action, History, Outcome, Value};
use crate::lower::{Effect, KeyOp, KeyOps, NIL};

/// Beyond this size no pair of ops is looked for that would tell the story: it has no short one.
const MAX_STORY_OPS: usize = 64;

type Finding = (AnomalyClass, String);

/// A shrunk counterexample with all that is known around it.
pub(super) struct Case<'a> {
    teller: Teller<'a>,
    /// All ops of the key.
    whole: &'a KeyOps,
    /// The counterexample.
    part: &'a KeyOps,
    culprit: KeyOp,
}

impl<'a> Case<'a> {
    /// `culprit` is a position in `part`.
    pub(super) fn new(history: &'a History, whole: &'a KeyOps, part: &'a KeyOps, culprit: usize) -> Self {
        Self {
            teller: Teller { history },
            whole,
            part,
            culprit: part.ops[culprit],
        }
    }

    /// The first of the known stories that fits.
    pub(super) fn classify(&self) -> Finding {
        let simple = self
            .impossible()
            .or_else(|| self.unwritten())
            .or_else(|| self.future());
        let story = simple.or_else(|| {
            if self.part.ops.len() > MAX_STORY_OPS {
                return None;
            }
            let pair = self
                .double_cas()
                .or_else(|| self.stale())
                .or_else(|| self.non_monotonic());
            pair.or_else(|| self.conflicting())
        });
        story.unwrap_or_else(|| self.no_linearization())
    }

    fn ops(&self) -> impl Iterator<Item = &KeyOp> {
        self.part.ops.iter()
    }

    fn writers(&self, value: u32) -> impl Iterator<Item = &KeyOp> {
        self.ops().filter(move |op| op.effect.writes() == Some(value))
    }

    fn observers(&self, value: u32) -> impl Iterator<Item = &KeyOp> {
        self.ops()
            .filter(move |op| op.effect.observes() == Some(value) && op.op != self.culprit.op)
    }

    fn is_unique(&self, value: u32) -> bool {
        value == NIL || self.writers(value).count() == 1
    }

    /// A cas that failed because it found what it expected, or though the register must have held that.
    fn impossible(&self) -> Option<Finding> {
        let tell = |op: &KeyOp, why: &str| {
            let op = self.teller.op(op.op);
            let Action::Cas { from, .. } = op.action else {
                return None;
            };
            let reason = format!(
                "process {}'s {} failed, though {why} {from}",
                op.process, op.action
            );
            Some((AnomalyClass::ImpossibleCasFailure, reason))
        };
        if let Some(op) = self.ops().find(|op| op.effect == Effect::Never) {
            return tell(op, "what it found was the value that it expected,");
        }
        match self.culprit.effect {
            Effect::NotHeld(_) => tell(
                &self.culprit,
                "at every moment of it the register must have held the value that it expected,",
            ),
            _ => None,
        }
    }

    /// A value without any write.
    fn unwritten(&self) -> Option<Finding> {
        let observed = |op: &KeyOp| op.effect.observes().filter(|v| *v != NIL);
        let op = self
            .ops()
            .find(|op| observed(op).is_some_and(|v| self.writers(v).next().is_none()))?;
        let value = self.teller.seen(op.op).flatten()?;
        // One that began later explains nothing.
        let by_then_ns = self.teller.op(op.op).completed_ns.unwrap_or(u64::MAX);
        let mut begun = (self.teller.history.ops.iter()).filter(|other| other.invoked_ns <= by_then_ns);
        let failed = begun.find(|other| {
            let writes = match other.action {
                Action::Write { value } | Action::Cas { to: value, .. } => Some(value),
                Action::Read => None,
            };
            other.key == self.whole.key && other.outcome == Outcome::Fail && writes == Some(value)
        });
        let what = self.teller.sentence(op.op);
        Some(match failed {
            Some(failed) => {
                let reason = format!(
                    "{what}, but process {}'s {} had failed",
                    failed.process, failed.action
                );
                (AnomalyClass::AbortedRead, reason)
            }
            None => (
                AnomalyClass::PhantomValue,
                format!("{what}, but nobody ever wrote {value}"),
            ),
        })
    }

    /// A value that was seen before any write of it began.
    fn future(&self) -> Option<Finding> {
        for op in self.ops() {
            let Some(value) = op.effect.observes().filter(|v| *v != NIL) else {
                continue;
            };
            let Some(first) = self.writers(value).min_by_key(|w| w.start) else {
                continue;
            };
            if op.end < first.start {
                let (what, write) = (self.teller.sentence(op.op), self.teller.noun(first.op));
                let gap = self.teller.gap(op.op, first.op);
                let short = self.teller.short(op.op);
                let reason = format!("{what}, but {write} was invoked only {gap} after {short} had returned");
                return Some((AnomalyClass::FutureRead, reason));
            }
        }
        None
    }

    fn double_cas(&self) -> Option<Finding> {
        let happened = |op: &&KeyOp| {
            // What others write as well may be theirs.
            let seen = |v| self.is_unique(v) && self.ops().any(|o| o.effect.observes() == Some(v));
            !op.is_optional() || op.effect.writes().is_some_and(|v| v != NIL && seen(v))
        };
        let cas: Vec<(&KeyOp, u32)> = self
            .ops()
            .filter(happened)
            .filter_map(|op| match op.effect {
                Effect::Cas { from, .. } => Some((op, from)),
                _ => None,
            })
            .collect();
        for (i, (first, from)) in cas.iter().enumerate() {
            let Some((second, _)) = cas[i + 1..].iter().find(|(_, f)| f == from) else {
                continue;
            };
            if self.is_unique(*from) {
                let value = Shown(self.teller.seen(first.op).flatten());
                let reason = format!(
                    "process {}'s {} and process {}'s {} both succeeded, though {value} was written only once",
                    self.teller.op(first.op).process,
                    self.teller.noun(first.op),
                    self.teller.op(second.op).process,
                    self.teller.noun(second.op),
                );
                return Some((AnomalyClass::DoubleCas, reason));
            }
        }
        None
    }

    /// The culprit saw a value after a newer one had been written.
    fn stale(&self) -> Option<Finding> {
        let value = self.culprit.effect.observes()?;
        let newer = |op: &&KeyOp| op.effect.writes().is_some_and(|v| v != value);
        let overwrite = self
            .ops()
            .filter(newer)
            .filter(|op| op.end < self.culprit.start && self.is_after(op, value))
            .min_by_key(|op| op.end)?;
        let (what, write) = (
            self.teller.sentence(self.culprit.op),
            self.teller.noun(overwrite.op),
        );
        let gap = self.teller.gap(overwrite.op, self.culprit.op);
        let short = self.teller.short(self.culprit.op);
        let seen = self.teller.seen(self.culprit.op).flatten();
        let stale = match seen {
            Some(Value(seen)) => format!(
                "{what}, but {seen} was overwritten by {write}, which returned {gap} before {short} began"
            ),
            None => format!("{what}, but {write} had returned {gap} before {short} began"),
        };
        if matches!(self.culprit.effect, Effect::Cas { .. }) || self.left_no_trace(overwrite) {
            return Some((AnomalyClass::LostWrite, format!("{stale}: {write} was lost")));
        }
        Some((AnomalyClass::StaleRead, stale))
    }

    /// Whether no op of the key ever saw the value, and at least two ops that began after its write had returned
    /// agree on the value that the culprit saw.
    fn left_no_trace(&self, write: &KeyOp) -> bool {
        let seen = |op: &KeyOp| self.teller.seen(op.op);
        let (Some(lost), culprit) = (self.written(write), seen(&self.culprit)) else {
            return false;
        };
        let mut agreeing = 0;
        for op in self.whole.ops.iter().filter(|op| op.effect.observes().is_some()) {
            if seen(op) == Some(Some(lost)) {
                return false;
            }
            if op.start > write.end {
                if seen(op) != culprit {
                    return false;
                }
                agreeing += 1;
            }
        }
        agreeing >= 2
    }

    fn written(&self, op: &KeyOp) -> Option<Value> {
        match self.teller.op(op.op).action {
            Action::Write { value } | Action::Cas { to: value, .. } => Some(value),
            Action::Read => None,
        }
    }

    /// Whether every write of `value` certainly comes before the value of `op`: it returned before `op` began,
    /// or its value was seen by then, or `op` is the cas that replaced it.
    fn is_after(&self, op: &KeyOp, value: u32) -> bool {
        let replaced = op.effect.writes().is_some() && op.effect.observes() == Some(value);
        let seen = || self.observers(value).any(|o| o.end < op.start);
        let descends = || op.effect.writes().is_some_and(|v| self.descends(v, value));
        value == NIL
            || self.writers(value).all(|w| w.end < op.start)
            || (self.is_unique(value) && (replaced || seen() || descends()))
    }

    /// Whether cas after cas led from `ancestor` to `value`, where every value has one write.
    fn descends(&self, mut value: u32, ancestor: u32) -> bool {
        for _ in 0..self.part.ops.len() {
            if !self.is_unique(value) || value == NIL {
                return false;
            }
            match self.writers(value).next().and_then(|w| w.effect.observes()) {
                Some(from) if from == ancestor => return true,
                Some(from) => value = from,
                None => return false,
            }
        }
        false
    }

    /// The culprit saw a value after somebody had seen a newer one.
    fn non_monotonic(&self) -> Option<Finding> {
        let value = self.culprit.effect.observes().filter(|v| self.is_unique(*v))?;
        for before in self.ops().filter(|op| op.end < self.culprit.start) {
            let Some(newer) = before
                .effect
                .observes()
                .filter(|v| *v != value && self.is_unique(*v))
            else {
                continue;
            };
            let touches =
                |op: &&KeyOp| op.effect.writes() == Some(newer) || op.effect.observes() == Some(newer);
            if !self.ops().filter(touches).any(|op| self.is_after(op, value)) {
                continue;
            }
            let first = self.teller.sentence(before.op);
            let (old, new) = (
                Shown(self.teller.seen(self.culprit.op)?),
                Shown(self.teller.seen(before.op)?),
            );
            let reason = format!(
                "{}, {} after {first}, though {new} is newer than {old}",
                self.teller.sentence(self.culprit.op),
                self.teller.gap(before.op, self.culprit.op),
            );
            return Some((AnomalyClass::NonMonotonicReads, reason));
        }
        None
    }

    /// Two values that each precede the other.
    fn conflicting(&self) -> Option<Finding> {
        if !self
            .ops()
            .filter_map(|op| op.effect.writes())
            .all(|v| self.is_unique(v))
        {
            return None;
        }
        let block = |op: &KeyOp| op.effect.observes().or(op.effect.writes()).map(|v| self.root(v));
        let precedes = |a: &KeyOp, b: &KeyOp| a.end < b.start;
        for (a, b) in self
            .pairs()
            .filter(|(a, b)| precedes(a, b) && block(a) != block(b))
        {
            let back = self
                .pairs()
                .find(|(c, d)| precedes(c, d) && block(c) == block(b) && block(d) == block(a));
            let Some((c, d)) = back else { continue };
            let noun = |op: &KeyOp| self.teller.noun(op.op);
            let reason = format!(
                "{} returned {} before {} began, and {} returned {} before {} began: so the values of {} and {} \
                 would each have to come before the other",
                noun(a),
                self.teller.gap(a.op, b.op),
                noun(b),
                noun(c),
                self.teller.gap(c.op, d.op),
                noun(d),
                noun(a),
                noun(b),
            );
            return Some((AnomalyClass::ConflictingOrder, reason));
        }
        None
    }

    fn pairs(&self) -> impl Iterator<Item = (&KeyOp, &KeyOp)> {
        self.ops().flat_map(|a| self.ops().map(move |b| (a, b)))
    }

    /// The value that cas after cas led from, to `value`.
    fn root(&self, mut value: u32) -> u32 {
        for _ in 0..self.part.ops.len() {
            match self.writers(value).next().and_then(|w| w.effect.observes()) {
                Some(from) => value = from,
                None => break,
            }
        }
        value
    }

    fn no_linearization(&self) -> Finding {
        let reason = format!(
            "{}, which no order of the {} ops shown explains",
            self.teller.sentence(self.culprit.op),
            self.part.ops.len(),
        );
        (AnomalyClass::NoLinearization, reason)
    }
}
