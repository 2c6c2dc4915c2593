//! A worked example of a stale read: the very ops that make it one.

use std::cmp::Reverse;

use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::history::{Action, History, Key, Op, Outcome, Value};
use splitbrain_checker::linearizable::{Options, check_linearizable};
use splitbrain_checker::staleness::{ReadStaleness, Staleness};
use splitbrain_reports::results::{Counterexample, CounterexampleOp};

use crate::run::judge::outcome_name;

const NS_PER_MS: f64 = 1e6;

/// Candidates that are looked at. As a rule the first will do.
const CANDIDATES_MAX: usize = 20;

/// The stalest read of `part`, with the write that it missed, the op by which that write had been seen to be there
/// before the read was invoked, and the write of the value that it returned. None if no read was stale; and none if
/// these ops alone do not prove it, since two writes that overlapped are only ordered by the system's own word.
/// `staleness` is that of `part`.
pub(super) fn stalest(part: &History, staleness: &Staleness, read_mode: &str) -> Option<Counterexample> {
    let mut stale: Vec<&ReadStaleness> = staleness.reads.iter().filter(|read| read.is_stale()).collect();
    stale.sort_by_key(|read| (Reverse((read.behind_ns, read.versions_behind)), read.op));
    let worst = stale.into_iter().take(CANDIDATES_MAX);
    let (worst, found) = worst
        .filter_map(|read| Found::new(part, read).map(|found| (read, found)))
        .find(|(_, found)| found.is_proof())?;
    Some(Counterexample {
        read_mode: read_mode.to_owned(),
        model: Consistency::Linearizable.name().to_owned(),
        key: found.read.1.key.0,
        key_name: None,
        untimed: false,
        reason: found.story(worst),
        ops: found.ops(),
    })
}

/// An op with its index in the whole history.
type At<'a> = (u64, &'a Op);

/// The ops of a stale read.
struct Found<'a> {
    /// The write of the value that was read, unless that is nil or its write is not known.
    old: Option<At<'a>>,
    /// The update that the read missed.
    missed: Option<At<'a>>,
    /// The op that showed it, or a newer one, first.
    shown: At<'a>,
    read: At<'a>,
}

impl<'a> Found<'a> {
    fn new(part: &'a History, worst: &ReadStaleness) -> Option<Self> {
        let all: Vec<At<'a>> = (0..)
            .zip(&part.ops)
            .map(|(position, op)| (u64::from(part.index_of(position).0), op))
            .collect();
        let read = *all.iter().find(|(index, _)| *index == u64::from(worst.op.0))?;
        let of_key = all.iter().filter(|(_, op)| op.key == read.1.key);
        // The read's staleness counts from the first end of an op that showed something newer.
        let since_ns = worst.invoked_ns.checked_sub(worst.behind_ns)?;
        let shown = *of_key
            .filter(|(_, op)| op.end_ns() == since_ns && value_shown(op).is_some())
            .max_by_key(|(_, op)| op.version)?;
        let writer = |value: Option<Value>| {
            let value = value?;
            all.iter()
                .find(|(_, op)| op.key == read.1.key && value_written(op) == Some(value))
                .copied()
        };
        Some(Self {
            old: writer(read.1.observed.flatten()),
            missed: writer(value_shown(shown.1)),
            shown,
            read,
        })
    }

    /// Each op once, by invocation.
    fn all(&self) -> Vec<At<'a>> {
        let mut all: Vec<At<'a>> = [self.old, self.missed, Some(self.shown), Some(self.read)]
            .into_iter()
            .flatten()
            .collect();
        all.sort_by_key(|(index, op)| (op.invoked_ns, *index));
        all.dedup_by_key(|(index, _)| *index);
        all
    }

    /// Whether no order of these ops alone explains them, whatever came before: the value that was read, and the one
    /// that a cas replaced, may be older than all of them.
    fn is_proof(&self) -> bool {
        let as_write = |op: &Op| match op.action {
            Action::Cas { to: value, .. } if op.outcome != Outcome::Fail => Op {
                action: Action::Write { value },
                ..op.clone()
            },
            _ => op.clone(),
        };
        let history = History {
            ops: self.all().into_iter().map(|(_, op)| as_write(op)).collect(),
            ..History::default()
        };
        check_linearizable(&history, &Options::default())
            .verdict
            .is_invalid()
    }

    /// What is drawn, the read as the culprit.
    fn ops(&self) -> Vec<CounterexampleOp> {
        self.all()
            .iter()
            .map(|(index, op)| CounterexampleOp {
                index: *index,
                process: op.process.0,
                process_name: None,
                text: op.describe(),
                outcome: outcome_name(op.outcome).to_owned(),
                start_ns: op.invoked_ns,
                end_ns: op.completed_ns.filter(|_| op.outcome != Outcome::Info),
                culprit: *index == self.read.0,
                counts_as: None,
            })
            .collect()
    }

    fn story(&self, worst: &ReadStaleness) -> String {
        let read = self.read.1;
        let Key(key) = read.key;
        let value = |value: Option<Value>| value.map_or("nil".to_owned(), |value| value.to_string());
        let newer = value(value_shown(self.shown.1));
        let by = self.shown.1.process;
        let seen = match value_written(self.shown.1) {
            Some(_) => format!("its own write had returned to process {by}"),
            None => format!("process {by} had seen it"),
        };
        let versions = match worst.versions_behind {
            1 => "1 version".to_owned(),
            n => format!("{n} versions"),
        };
        format!(
            "process {} read {} from key {key}, though {newer} was there already: {:.1} ms before the read began, {seen} \
             (at least {versions} behind)",
            read.process,
            value(read.observed.flatten()),
            worst.behind_ns as f64 / NS_PER_MS
        )
    }
}

fn value_written(op: &Op) -> Option<Value> {
    match op.action {
        Action::Write { value } | Action::Cas { to: value, .. } if op.outcome != Outcome::Fail => Some(value),
        _ => None,
    }
}

/// The value that was certainly there by the end of the op.
fn value_shown(op: &Op) -> Option<Value> {
    match op.outcome {
        Outcome::Info => None,
        _ => value_written(op).or(op.observed.flatten()),
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{ProcessId, Version};
    use splitbrain_checker::staleness::staleness;

    use super::*;

    fn op(process: u64, action: Action, interval: (u64, u64), observed: Option<i64>, version: u64) -> Op {
        Op {
            process: ProcessId(process),
            key: Key(3),
            action,
            outcome: Outcome::Ok,
            invoked_ns: interval.0 * 1_000_000,
            completed_ns: Some(interval.1 * 1_000_000),
            observed: observed.map(|value| Some(Value(value))),
            version: Some(Version(version)),
            read_mode: None,
            node: None,
            served_by: None,
            term: None,
            error: None,
        }
    }

    fn write(process: u64, value: i64, interval: (u64, u64), version: u64) -> Op {
        let value = Value(value);
        op(process, Action::Write { value }, interval, None, version)
    }

    fn read(process: u64, value: i64, interval: (u64, u64), version: u64) -> Op {
        op(process, Action::Read, interval, Some(value), version)
    }

    fn history(ops: Vec<Op>) -> History {
        History {
            ops,
            ..History::default()
        }
    }

    #[test]
    fn the_stalest_read_is_told_with_what_it_missed() {
        let history = history(vec![
            write(0, 10, (0, 1), 1),
            write(1, 11, (2, 90), 2),
            read(2, 11, (10, 15), 2),
            read(3, 10, (20, 22), 1),
            read(4, 10, (40, 42), 1),
            read(5, 11, (50, 52), 2),
        ]);
        let example = stalest(&history, &staleness(&history), "local").unwrap();
        let indices: Vec<u64> = example.ops.iter().map(|op| op.index).collect();
        assert_eq!(indices, [0, 1, 2, 4]);
        assert!(example.ops[3].culprit);
        assert_eq!(
            example.reason,
            "process 4 read 10 from key 3, though 11 was there already: 25.0 ms before the read began, process 2 had \
             seen it (at least 1 version behind)"
        );
    }

    #[test]
    fn what_is_drawn_is_no_linearizable_history() {
        let all = history(vec![
            write(0, 10, (0, 1), 1),
            write(1, 11, (2, 4), 2),
            read(2, 10, (20, 22), 1),
            read(3, 11, (30, 32), 2),
        ]);
        let example = stalest(&all, &staleness(&all), "local").unwrap();
        let kept = |op: &Op| example.ops.iter().any(|kept| kept.start_ns == op.invoked_ns);
        assert_eq!(example.ops.len(), 3);
        let verdict = check_linearizable(&all.filter(kept), &Options::default()).verdict;
        assert!(verdict.is_invalid());
    }

    #[test]
    fn what_only_the_systems_versions_say_is_no_example() {
        // By their versions 11 is the newer one; by real time the writes may have come in either order.
        let all = history(vec![
            write(0, 10, (0, 5), 1),
            write(1, 11, (1, 4), 2),
            read(2, 10, (20, 22), 1),
        ]);
        let found = staleness(&all);
        assert!(found.reads[0].is_stale());
        assert_eq!(stalest(&all, &found, "local"), None);
    }

    #[test]
    fn fresh_reads_make_no_example() {
        let all = history(vec![write(0, 10, (0, 1), 1), read(2, 10, (20, 22), 1)]);
        assert_eq!(stalest(&all, &staleness(&all), "local"), None);
    }
}
