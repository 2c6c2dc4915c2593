//! Staleness and the weaker models against the definitions, taken literally, pair by pair.

use std::collections::BTreeMap;

use super::generate::Choices;
use super::replicated::{Faults, history};
use super::{cases, show};
use crate::consistency::{Consistency, check_consistency, strongest_models};
use crate::history::{Action, History, Op, Outcome, Value};
use crate::linearizable::{Options, Verdict};
use crate::staleness::{ReadAnomaly, staleness};

/// Ops as their definitions see them.
struct Literal<'a> {
    ops: &'a [Op],
}

impl Literal<'_> {
    fn writes(op: &Op) -> Option<Value> {
        match op.action {
            Action::Write { value } | Action::Cas { to: value, .. } => {
                (op.outcome != Outcome::Fail).then_some(value)
            }
            Action::Read => None,
        }
    }

    fn sees(op: &Op) -> Option<Option<Value>> {
        match (op.action, op.outcome) {
            (Action::Read, Outcome::Ok) | (Action::Cas { .. }, Outcome::Fail) => op.observed,
            _ => None,
        }
    }

    fn shows(op: &Op) -> Option<Option<Value>> {
        Self::writes(op).map(Some).or(Self::sees(op))
    }

    fn writers(&self, of: &Op, value: Value) -> Vec<&Op> {
        self.ops
            .iter()
            .filter(|op| op.key == of.key && Self::writes(op) == Some(value))
            .collect()
    }

    fn version(&self, op: &Op) -> Option<u64> {
        let Some(value) = Self::shows(op)? else {
            return Some(0);
        };
        if op.version.is_some() || self.writers(op, value).len() != 1 {
            return op.version.map(|v| v.0);
        }
        let same = |o: &&Op| o.key == op.key && Self::shows(o) == Some(Some(value)) && o.version.is_some();
        let own = self
            .ops
            .iter()
            .filter(same)
            .find(|o| Self::writes(o).is_some() && o.outcome == Outcome::Ok);
        let others = || self.ops.iter().filter(same).find(|o| Self::writes(o).is_none());
        own.or_else(others).and_then(|o| o.version).map(|v| v.0)
    }

    fn anomaly(&self, op: &Op, value: Option<Value>) -> Option<ReadAnomaly> {
        let writers = self.writers(op, value?);
        if writers.is_empty() {
            return Some(ReadAnomaly::Phantom);
        }
        writers
            .iter()
            .all(|w| op.end_ns() < w.invoked_ns)
            .then_some(ReadAnomaly::Future)
    }

    fn legal(&self) -> bool {
        self.ops.iter().all(|op| self.op_is_legal(op))
            && self
                .ops
                .iter()
                .all(|a| self.ops.iter().all(|b| self.pair_is_legal(a, b)))
    }

    fn op_is_legal(&self, op: &Op) -> bool {
        let seen = match (op.action, op.outcome) {
            (Action::Cas { from, .. }, Outcome::Ok) => Some(from),
            _ => Self::sees(op).flatten(),
        };
        let Action::Cas { from, .. } = op.action else {
            return self.anomaly(op, seen).is_none();
        };
        if self.anomaly(op, seen).is_some()
            || (op.outcome == Outcome::Fail && op.observed == Some(Some(from)))
        {
            return false;
        }
        let (Outcome::Ok, Some(version)) = (op.outcome, op.version) else {
            return true;
        };
        let before =
            |o: &&Op| o.key == op.key && Self::writes(o).is_some() && self.version(o) < Some(version.0);
        let known = self
            .ops
            .iter()
            .filter(before)
            .filter(|o| self.version(o).is_some());
        let held = known.max_by_key(|o| self.version(o)).and_then(Self::writes);
        let writers = self.writers(op, from);
        held == Some(from) || writers.len() != 1 || self.version(writers[0]).is_none()
    }

    fn pair_is_legal(&self, a: &Op, b: &Op) -> bool {
        let told = |op: &Op| match (Self::shows(op), op.version) {
            (Some(Some(value)), Some(version)) if op.outcome != Outcome::Info => {
                Some((op.key, value, version))
            }
            _ => None,
        };
        let (Some((key, x, v)), Some((other, y, w))) = (told(a), told(b)) else {
            return true;
        };
        let once = self.writers(a, x).len() == 1;
        key != other || ((v != w || x == y) && (x != y || v == w || !once))
    }

    fn writes_in_order(&self) -> bool {
        self.pairs(|a, b| {
            Self::writes(a).is_none()
                || Self::writes(b).is_none()
                || a.end_ns() >= b.invoked_ns
                || match (self.version(a), self.version(b)) {
                    (Some(a), Some(b)) => a < b,
                    _ => true,
                }
        })
    }

    fn pairs(&self, holds: impl Fn(&Op, &Op) -> bool) -> bool {
        (0..self.ops.len()).all(|i| (0..self.ops.len()).all(|j| i == j || holds(&self.ops[i], &self.ops[j])))
    }

    /// `b` sees what `a` saw.
    fn no_shorter(&self, a: &Op, b: &Op) -> bool {
        let (Some(floor), Some(version)) = (self.version(a), self.version(b)) else {
            return true;
        };
        let missed = |w: &Op| {
            w.key == b.key
                && Self::writes(w).is_some()
                && self.version(w).is_some_and(|w| version < w && w <= floor)
        };
        !self.ops.iter().any(missed)
    }

    fn sessions_move_forward(&self) -> bool {
        let behind = |a: &Op, b: &Op| Self::writes(b).is_some() && self.version(b) <= self.version(a);
        (0..self.ops.len()).all(|j| {
            (0..j).all(|i| {
                let (a, b) = (&self.ops[i], &self.ops[j]);
                let both_known = self.version(a).is_some() && self.version(b).is_some();
                a.process != b.process || !both_known || (self.no_shorter(a, b) && !behind(a, b))
            })
        })
    }

    /// Of two ops of a session, the earlier on one side and the later on the other, the later is not behind. Reads
    /// show only their own key; a write makes a version of its own.
    fn guarantees(&self, earlier: impl Fn(&Op) -> bool, later: impl Fn(&Op) -> bool) -> bool {
        (0..self.ops.len()).all(|j| {
            (0..j).all(|i| {
                let (a, b) = (&self.ops[i], &self.ops[j]);
                let (Some(v), Some(w)) = (self.version(a), self.version(b)) else {
                    return true;
                };
                let bound = a.process == b.process && earlier(a) && later(b);
                match Self::writes(b).is_some() {
                    _ if !bound => true,
                    true => v < w,
                    false => a.key != b.key || v <= w,
                }
            })
        })
    }

    fn guarantee(&self, model: Consistency) -> bool {
        let (read, write) = (
            |op: &Op| Self::sees(op).is_some(),
            |op: &Op| Self::writes(op).is_some(),
        );
        match model {
            Consistency::MonotonicReads => self.guarantees(read, read),
            Consistency::ReadYourWrites => self.guarantees(write, read),
            Consistency::MonotonicWrites => self.guarantees(write, write),
            Consistency::WritesFollowReads => self.guarantees(read, write),
            _ => [
                Consistency::MonotonicReads,
                Consistency::ReadYourWrites,
                Consistency::MonotonicWrites,
                Consistency::WritesFollowReads,
            ]
            .into_iter()
            .all(|one| self.guarantee(one)),
        }
    }

    fn reads_see_growing_prefixes(&self) -> bool {
        let reads = |op: &&Op| Self::sees(op).is_some();
        let reads: Vec<&Op> = self.ops.iter().filter(reads).collect();
        let both_known = |a: &Op, b: &Op| self.version(a).is_some() && self.version(b).is_some();
        (0..reads.len()).all(|j| {
            (0..j).all(|i| {
                let (a, b) = (reads[i], reads[j]);
                a.process != b.process || !both_known(a, b) || self.no_shorter(a, b)
            })
        })
    }

    fn groups_move_forward<G: PartialEq>(&self, group: impl Fn(&Op) -> Option<G>) -> bool {
        self.pairs(|a, b| {
            group(a).is_none()
                || group(a) != group(b)
                || a.outcome == Outcome::Info
                || b.outcome == Outcome::Info
                || a.end_ns() >= b.invoked_ns
                || self.no_shorter(a, b)
        })
    }

    fn holds(&self, model: Consistency) -> bool {
        self.legal()
            && match model {
                Consistency::OrderedSequential => {
                    self.writes_in_order() && self.holds(Consistency::Sequential)
                }
                Consistency::Sequential => self.sessions_move_forward() && self.guarantee(model),
                Consistency::Prefix => {
                    self.reads_see_growing_prefixes() && self.guarantee(Consistency::MonotonicReads)
                }
                Consistency::Session
                | Consistency::MonotonicReads
                | Consistency::ReadYourWrites
                | Consistency::MonotonicWrites
                | Consistency::WritesFollowReads => self.guarantee(model),
                Consistency::MonotonicPerNode => self.groups_move_forward(|op| op.served_by),
                Consistency::MonotonicPerLeader => self.groups_move_forward(|op| op.served_by.zip(op.term)),
                Consistency::Linearizable | Consistency::Legal => true,
            }
    }

    fn tells_all(&self, model: Consistency) -> bool {
        let of_nodes = matches!(
            model,
            Consistency::MonotonicPerNode | Consistency::MonotonicPerLeader
        );
        let matters = |op: &Op| match model {
            Consistency::Prefix | Consistency::MonotonicReads => Self::writes(op).is_none(),
            Consistency::MonotonicWrites => Self::writes(op).is_some(),
            _ => true,
        };
        let told = |op: &Op| {
            !matters(op)
                || self.version(op).is_some()
                    && (!of_nodes || op.served_by.is_some())
                    && (model != Consistency::MonotonicPerLeader || op.term.is_some())
        };
        let answered = |op: &&Op| op.outcome != Outcome::Info && Self::shows(op).is_some();
        model == Consistency::Legal || self.ops.iter().filter(answered).all(told)
    }

    /// Versions behind, and nanoseconds behind, of a read without anomaly; `None` if it cannot be judged.
    fn staleness(&self, read: &Op) -> Option<(u64, u64)> {
        let key: Vec<&Op> = self.ops.iter().filter(|op| op.key == read.key).collect();
        let witness = |op: &&&Op| {
            op.end_ns() != u64::MAX && Self::sees(op).is_none_or(|v| self.anomaly(op, v).is_none())
        };
        let ends: Vec<u64> = if key.iter().any(|op| op.version.is_some()) {
            let version = self.version(read)?;
            let mut newer: Vec<u64> = key
                .iter()
                .filter(witness)
                .filter_map(|op| self.version(op))
                .collect();
            newer.retain(|v| *v > version);
            newer.sort_unstable();
            newer.dedup();
            let end = |v: u64| {
                let shown = key
                    .iter()
                    .filter(witness)
                    .filter(|op| self.version(op).is_some_and(|w| w >= v));
                shown.map(|op| op.end_ns()).min()
            };
            newer.into_iter().filter_map(end).collect()
        } else {
            let seen = |value: Value| {
                key.iter().filter(witness).filter(move |op| {
                    let from = matches!((op.action, op.outcome), (Action::Cas { from, .. }, Outcome::Ok) if from == value);
                    from || Self::shows(op) == Some(Some(value))
                })
            };
            let first_end = |value: Value| {
                let start = self.writers(read, value)[0].invoked_ns;
                seen(value)
                    .map(|op| op.end_ns())
                    .filter(|end| *end >= start)
                    .min()
            };
            let floor = match Self::sees(read)? {
                Some(value) => first_end(value),
                None => None,
            };
            let newer = key
                .iter()
                .filter(|op| floor.is_none_or(|floor| op.invoked_ns > floor));
            newer
                .filter_map(|op| Self::writes(op))
                .filter_map(first_end)
                .collect()
        };
        let before: Vec<u64> = ends
            .iter()
            .copied()
            .filter(|end| *end < read.invoked_ns)
            .collect();
        Some((
            before.len() as u64,
            before.iter().map(|end| read.invoked_ns - end).max().unwrap_or(0),
        ))
    }
}

fn sample(seed: u64) -> History {
    let mut choices = Choices::new(seed);
    let faults = Faults::any(&mut choices);
    let (ops, threads) = (1 + choices.below(24) as usize, 1 + choices.below(5) as usize);
    history(&mut choices, faults, ops, threads)
}

#[test]
fn weaker_models_agree_with_their_definitions() {
    let models = &Consistency::ALL[1..];
    let mut tally: BTreeMap<(Consistency, &str), u64> = BTreeMap::new();
    for seed in 0..cases(20_000) {
        let history = sample(seed);
        let literal = Literal { ops: &history.ops };
        let mut held = Vec::new();
        for model in models.iter().copied() {
            let verdict = check_consistency(&history, model, &Options::default());
            let name = match &verdict {
                Verdict::Valid => "valid",
                Verdict::Invalid(_) => "invalid",
                Verdict::Unknown(_) => "unknown",
            };
            let expected = match (literal.holds(model), literal.tells_all(model)) {
                (false, _) => "invalid",
                (true, false) => "unknown",
                (true, true) => "valid",
            };
            assert_eq!(
                name,
                expected,
                "{model}, seed {seed}: {verdict:?}{}",
                show(&history)
            );
            let verdict_is_valid = verdict.is_valid();
            if let Verdict::Invalid(counterexample) = verdict {
                let part = counterexample.history(&history);
                let part_holds = Literal { ops: &part.ops }.holds(model);
                assert!(
                    !part_holds,
                    "{model}, seed {seed}: {counterexample:#?}{}",
                    show(&history)
                );
                assert!(
                    counterexample.ops.len() <= 8,
                    "{model}, seed {seed}: {counterexample:#?}"
                );
            }
            if verdict_is_valid {
                held.push(model);
            }
            *tally.entry((model, name)).or_default() += 1;
        }
        assert_lattice(&history, &held, seed);
    }
    let count = |model, name| tally.get(&(model, name)).copied().unwrap_or(0);
    for model in models.iter().copied() {
        assert!(
            count(model, "valid") > 2_000 && count(model, "invalid") > 1_000,
            "{tally:?}"
        );
        let beyond_legality = count(model, "invalid") - count(Consistency::Legal, "invalid");
        let is_legality = model == Consistency::Legal;
        assert!(
            is_legality || (beyond_legality > 100 && count(model, "unknown") > 1_000),
            "{model}: {tally:?}"
        );
    }
}

/// Whatever a model that held implies has held, and the strongest are those that none of the others implies.
fn assert_lattice(history: &History, held: &[Consistency], seed: u64) {
    for model in held {
        for weaker in &Consistency::ALL[1..] {
            assert!(
                !model.implies(*weaker) || held.contains(weaker),
                "{model} holds without {weaker}, seed {seed}: {}",
                show(history)
            );
        }
    }
    let strongest = strongest_models(history, &Options::default());
    if strongest == [Consistency::Linearizable] {
        return;
    }
    let is_top = |model: &&Consistency| !held.iter().any(|other| other != *model && other.implies(**model));
    let expected: Vec<Consistency> = held.iter().filter(is_top).copied().collect();
    assert_eq!(strongest, expected, "seed {seed}: {}", show(history));
}

#[test]
fn staleness_agrees_with_its_definition() {
    let (mut stale, mut fresh, mut anomalies) = (0, 0, 0);
    for seed in 0..cases(40_000) {
        let history = sample(seed + (1 << 40));
        let literal = Literal { ops: &history.ops };
        let found = staleness(&history);
        let mut expected = Vec::new();
        let reads = history
            .ops
            .iter()
            .zip(0..)
            .filter(|(op, _)| op.action == Action::Read && op.observed.is_some());
        for (read, position) in reads {
            let anomaly = literal.anomaly(read, read.observed.flatten());
            let judged = if anomaly.is_some() {
                Some((0, 0))
            } else {
                literal.staleness(read)
            };
            expected.extend(judged.map(|(versions, ns)| (position, versions, ns, anomaly)));
        }
        let reads = found
            .reads
            .iter()
            .map(|r| (r.op.0, r.versions_behind, r.behind_ns, r.anomaly));
        assert_eq!(
            reads.collect::<Vec<_>>(),
            expected,
            "seed {seed}: {}",
            show(&history)
        );
        let summary = found.summary();
        assert_eq!(summary.reads, expected.len() as u64);
        assert_eq!(
            summary.stale_reads,
            expected.iter().filter(|e| e.2 > 0).count() as u64
        );
        assert_eq!(
            summary.versions_behind_max,
            expected.iter().map(|e| e.1).max().unwrap_or(0)
        );
        stale += summary.stale_reads;
        anomalies += summary.future_reads + summary.phantom_reads;
        fresh += summary.reads - summary.stale_reads;
    }
    assert!(
        stale > 10_000 && fresh > 10_000 && anomalies > 1_000,
        "{stale} {fresh} {anomalies}"
    );
}
