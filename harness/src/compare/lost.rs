//! Acknowledged updates that were lost.
//!
//! Updates, unlike reads, have one path in every system: its order of updates. So what an update finds there tells
//! of the order itself, and not of how reads are served. An acknowledged update is lost if a later one, invoked
//! after the acknowledgement, shows that the order does not have it:
//!
//! - a cas found an older value: nil, or one whose own update had returned before the lost one was invoked; or
//! - an update has the lost one's place in the order (its version), for another key or value;
//!
//! and if nothing that claims to see the newest value ever showed it again: neither an update, nor a read by a mode
//! that claims linearizability. The count is a lower bound: a loss that no later update ran into is not seen here,
//! though the judgement of the linearizable read modes may see it. In a linearizable history neither can happen, so
//! that a system without a fault has none. It takes values that are unique, as the workloads write them.

use std::collections::{BTreeMap, HashMap};

use splitbrain_checker::history::{Action, History, Key, Op, Outcome, Value};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    /// What shows it for one of them.
    pub(super) reason: Option<String>,
}

/// An update that happened, with the value that it left.
#[derive(Clone, Copy)]
struct Update<'a> {
    op: &'a Op,
    value: Value,
}

/// Counts the acknowledged updates of `history`, and those that were lost. `is_witness` says of ops whether they
/// claim to see the newest value.
pub(super) fn lost(history: &History, is_witness: impl Fn(&Op) -> bool) -> Lost {
    let mut updates: BTreeMap<Key, Vec<Update<'_>>> = BTreeMap::new();
    for update in history.ops.iter().filter_map(acknowledged) {
        updates.entry(update.op.key).or_default().push(update);
    }
    let mut found = Lost {
        acknowledged: updates.values().map(|of_key| of_key.len() as u64).sum(),
        ..Lost::default()
    };
    let seen = last_seen(history, is_witness);
    let mut missing = not_found(history, &updates);
    for (update, by) in displaced(history, &updates) {
        missing.entry(id(&update)).or_insert((update, by));
    }
    for (update, by) in missing.into_values() {
        let seen_later = seen
            .get(&id(&update))
            .is_some_and(|end_ns| *end_ns > by.invoked_ns);
        if !seen_later {
            found.lost += 1;
            found.reason.get_or_insert_with(|| reason(&update, by));
        }
    }
    found
}

type Id = (Key, Value);

fn id(update: &Update<'_>) -> Id {
    (update.op.key, update.value)
}

fn acknowledged(op: &Op) -> Option<Update<'_>> {
    match op.action {
        Action::Write { value } | Action::Cas { to: value, .. } if op.outcome == Outcome::Ok => {
            Some(Update { op, value })
        }
        _ => None,
    }
}

/// What a cas found in the register; the inner `None` is nil.
fn found_by_cas(op: &Op) -> Option<Option<Value>> {
    match (op.action, op.outcome) {
        (Action::Cas { from, .. }, Outcome::Ok) => Some(Some(from)),
        (Action::Cas { .. }, Outcome::Fail) => op.observed,
        _ => None,
    }
}

/// For each value the last end of an op that showed it and claims to see the newest, other than its own update.
fn last_seen(history: &History, is_witness: impl Fn(&Op) -> bool) -> HashMap<Id, u64> {
    let mut seen: HashMap<Id, u64> = HashMap::new();
    for op in &history.ops {
        let shown = match op.action {
            Action::Read if op.outcome == Outcome::Ok && is_witness(op) => op.observed,
            Action::Read => None,
            _ => found_by_cas(op),
        };
        if let Some(Some(value)) = shown {
            let end_ns = seen.entry((op.key, value)).or_default();
            *end_ns = op.end_ns().max(*end_ns);
        }
    }
    seen
}

/// Updates that a later cas did not find, each with that cas.
fn not_found<'a>(
    history: &'a History,
    updates: &BTreeMap<Key, Vec<Update<'a>>>,
) -> BTreeMap<Id, (Update<'a>, &'a Op)> {
    let ends: HashMap<Id, u64> = history
        .ops
        .iter()
        .filter_map(written)
        .map(|(id, op)| (id, op.end_ns()))
        .collect();
    let mut missing = BTreeMap::new();
    let by_start: BTreeMap<Key, ByStart<'a>> = updates
        .iter()
        .map(|(key, updates)| (*key, ByStart::new(updates)))
        .collect();
    for op in &history.ops {
        let (Some(found), Some(of_key)) = (found_by_cas(op), by_start.get(&op.key)) else {
            continue;
        };
        // Nil was there before everything. A value that nobody wrote, or that may have come at any time, says nothing.
        let after_ns = match found {
            None => None,
            Some(value) => match ends.get(&(op.key, value)) {
                Some(end_ns) => Some(*end_ns),
                None => continue,
            },
        };
        for update in of_key.between(after_ns, op.invoked_ns) {
            missing.entry(id(&update)).or_insert((update, op));
        }
    }
    missing
}

/// A write or cas that may have happened, by what it wrote.
fn written(op: &Op) -> Option<(Id, &Op)> {
    match op.action {
        Action::Write { value } | Action::Cas { to: value, .. } if op.outcome != Outcome::Fail => {
            Some(((op.key, value), op))
        }
        _ => None,
    }
}

/// The acknowledged updates of a key in the order of their invocation.
struct ByStart<'a> {
    updates: Vec<Update<'a>>,
    /// The first end among this one and all that follow it.
    first_ends: Vec<u64>,
}

impl<'a> ByStart<'a> {
    fn new(updates: &[Update<'a>]) -> Self {
        let mut updates = updates.to_vec();
        updates.sort_by_key(|update| update.op.invoked_ns);
        let mut first_ends: Vec<u64> = updates.iter().map(|update| update.op.end_ns()).collect();
        for at in (1..first_ends.len()).rev() {
            first_ends[at - 1] = first_ends[at - 1].min(first_ends[at]);
        }
        Self { updates, first_ends }
    }

    /// Those invoked after one moment, if there is one, and returned before another.
    fn between(&self, after_ns: Option<u64>, before_ns: u64) -> Vec<Update<'a>> {
        let first = after_ns.map_or(0, |after_ns| {
            self.updates
                .partition_point(|update| update.op.invoked_ns <= after_ns)
        });
        let mut found = Vec::new();
        let mut at = first;
        // As good as always there is none, which the first look tells.
        while at < self.updates.len() && self.first_ends[at] < before_ns {
            let update = self.updates[at];
            if update.op.end_ns() < before_ns {
                found.push(update);
            }
            at += 1;
        }
        found
    }
}

/// Updates whose version another update took, which was invoked after their acknowledgement; each with that update.
fn displaced<'a>(
    history: &'a History,
    updates: &BTreeMap<Key, Vec<Update<'a>>>,
) -> Vec<(Update<'a>, &'a Op)> {
    let mut by_version: HashMap<u64, Vec<(Id, &Op)>> = HashMap::new();
    for op in &history.ops {
        let shown = match acknowledged(op) {
            Some(update) => Some(id(&update)),
            None => found_by_cas(op).flatten().map(|value| (op.key, value)),
        };
        if let (Some(shown), Some(version)) = (shown, op.version) {
            by_version.entry(version.0).or_default().push((shown, op));
        }
    }
    let taker = |update: &Update<'a>| {
        let others = by_version.get(&update.op.version?.0)?;
        let later = others
            .iter()
            .filter(|(other, op)| *other != id(update) && op.invoked_ns > update.op.end_ns());
        later.map(|(_, op)| (*update, *op)).next()
    };
    updates.values().flatten().filter_map(taker).collect()
}

fn reason(update: &Update<'_>, by: &Op) -> String {
    let Update { op, .. } = update;
    let gap_ms = by.invoked_ns.saturating_sub(op.end_ns()) as f64 / 1e6;
    format!(
        "process {} had the answer to its {} (key {}) when, {gap_ms:.1} ms later, process {} asked for {}, whose \
         answer shows an order of updates without it",
        op.process, op.action, op.key, by.process, by.action
    )
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{ProcessId, ReadModeId, Version};

    use super::*;

    fn op(action: Action, outcome: Outcome, interval: (u64, u64)) -> Op {
        Op {
            process: ProcessId(interval.0),
            key: Key(1),
            action,
            outcome,
            invoked_ns: interval.0,
            completed_ns: Some(interval.1),
            observed: None,
            version: None,
            read_mode: Some(ReadModeId(0)),
            node: None,
            served_by: None,
            term: None,
            error: None,
        }
    }

    fn write(value: i64, interval: (u64, u64)) -> Op {
        let value = Value(value);
        op(Action::Write { value }, Outcome::Ok, interval)
    }

    fn cas_found(value: Option<i64>, interval: (u64, u64)) -> Op {
        let (from, to) = (Value(900), Value(901));
        Op {
            observed: Some(value.map(Value)),
            ..op(Action::Cas { from, to }, Outcome::Fail, interval)
        }
    }

    fn read(value: i64, interval: (u64, u64)) -> Op {
        Op {
            observed: Some(Some(Value(value))),
            ..op(Action::Read, Outcome::Ok, interval)
        }
    }

    fn at(version: u64, mut op: Op) -> Op {
        op.version = Some(Version(version));
        op
    }

    fn found(ops: &[Op]) -> Lost {
        let history = History {
            ops: ops.to_vec(),
            ..History::default()
        };
        lost(&history, |_| true)
    }

    #[test]
    fn a_cas_that_finds_the_value_before_proves_a_loss() {
        let ops = [
            write(1, (0, 10)),
            write(2, (20, 30)),
            cas_found(Some(1), (40, 50)),
        ];
        let found = found(&ops);
        assert_eq!((found.acknowledged, found.lost), (2, 1));
        assert!(
            found
                .reason
                .unwrap()
                .starts_with("process 20 had the answer to its write 2 (key 1)")
        );
    }

    #[test]
    fn nil_after_a_write_proves_a_loss() {
        assert_eq!(found(&[write(1, (0, 10)), cas_found(None, (40, 50))]).lost, 1);
    }

    #[test]
    fn what_overlaps_proves_nothing() {
        // The cas began before the answer; the values were written at once; the older one may have come at any time.
        let unknown = Op {
            outcome: Outcome::Info,
            ..write(1, (0, 10))
        };
        for ops in [
            [
                write(1, (0, 10)),
                write(2, (20, 30)),
                cas_found(Some(1), (25, 50)),
            ],
            [
                write(1, (0, 25)),
                write(2, (20, 30)),
                cas_found(Some(1), (40, 50)),
            ],
            [unknown, write(2, (20, 30)), cas_found(Some(1), (40, 50))],
        ] {
            assert_eq!(found(&ops).lost, 0, "{ops:?}");
        }
    }

    #[test]
    fn a_stale_read_is_no_loss() {
        let ops = [
            write(1, (0, 10)),
            write(2, (20, 30)),
            read(1, (40, 50)),
            cas_found(Some(2), (60, 70)),
        ];
        assert_eq!(found(&ops).lost, 0);
    }

    #[test]
    fn what_is_seen_again_was_not_lost() {
        let again = [
            write(1, (0, 10)),
            write(2, (20, 30)),
            cas_found(Some(1), (40, 50)),
            read(2, (60, 70)),
        ];
        assert_eq!(found(&again).lost, 0);
        // Unless only those saw it who may see the past.
        let history = History {
            ops: again.to_vec(),
            ..History::default()
        };
        assert_eq!(lost(&history, |op| op.action != Action::Read).lost, 1);
    }

    #[test]
    fn an_update_in_the_place_of_another_proves_a_loss() {
        let other_key = Op {
            key: Key(2),
            ..at(7, write(5, (40, 50)))
        };
        assert_eq!(found(&[at(7, write(1, (0, 10))), other_key.clone()]).lost, 1);
        assert_eq!(found(&[at(6, write(1, (0, 10))), other_key]).lost, 0);
        // A cas that finds the value finds its version with it.
        let finds = at(7, cas_found(Some(1), (40, 50)));
        assert_eq!(found(&[at(7, write(1, (0, 10))), finds]).lost, 0);
    }
}
