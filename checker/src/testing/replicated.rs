//! Random histories of a replicated log: nodes apply it at their own pace, and answer reads from what they have.

use super::generate::Choices;
use crate::history::{Action, History, Key, NodeName, Op, Outcome, ProcessId, ReadModeId, Value, Version};

const NODES: usize = 3;

/// What kind of history to make; all in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// How readily nodes catch up.
    pub(crate) apply: u64,
    /// Nodes that fall back, and sessions that change their node.
    pub(crate) backward: u64,
    /// Ops of unknown outcome.
    pub(crate) info: u64,
    /// Ops that do not report their version.
    pub(crate) mute: u64,
    /// Answers that are made up.
    pub(crate) lies: u64,
    /// Writes whose version does not tell when they entered the log.
    pub(crate) misordered: u64,
}

impl Faults {
    pub(crate) fn any(choices: &mut Choices) -> Self {
        let mut one_of = |of: &[u64]| of[choices.below(of.len() as u64) as usize];
        Self {
            apply: one_of(&[20, 60, 100]),
            backward: one_of(&[0, 0, 10]),
            info: one_of(&[0, 15]),
            mute: one_of(&[0, 0, 10, 100]),
            lies: one_of(&[0, 0, 5]),
            misordered: one_of(&[0, 0, 0, 15]),
        }
    }
}

struct Entry {
    key: Key,
    value: Value,
    version: u64,
}

/// The version of the entry after `entries` others: an epoch of three entries above a counter, as in a zxid.
fn version_at(entries: usize) -> u64 {
    ((entries as u64 / 3 + 1) << 32) | (2 * entries as u64)
}

struct Cluster<'a> {
    choices: &'a mut Choices,
    faults: Faults,
    now: u64,
    term: u64,
    log: Vec<Entry>,
    applied: [usize; NODES],
    next_value: i64,
    ops: Vec<Op>,
    open: Vec<Option<(usize, bool)>>,
    /// The process number that each thread now goes by.
    names: Vec<u64>,
}

/// A history of `ops` ops by `threads` threads on a few keys.
pub(crate) fn history(choices: &mut Choices, faults: Faults, ops: usize, threads: usize) -> History {
    let mut cluster = Cluster {
        choices,
        faults,
        now: 0,
        term: 1,
        log: Vec::new(),
        applied: [0; NODES],
        next_value: 1,
        ops: Vec::new(),
        open: vec![None; threads],
        names: (0..threads as u64).collect(),
    };
    while cluster.ops.len() < ops || cluster.open.iter().any(Option::is_some) {
        cluster.step(ops);
    }
    let nodes = (1..=NODES).map(|n| format!("n{n}")).collect();
    History {
        ops: cluster.ops,
        nodes,
        read_modes: vec!["log".to_owned(), "local".to_owned()],
        ..History::default()
    }
}

impl Cluster<'_> {
    fn step(&mut self, ops: usize) {
        self.now += self.choices.below(3);
        let node = self.choices.below(NODES as u64) as usize;
        if self.choices.percent(self.faults.apply) && self.applied[node] < self.log.len() {
            self.applied[node] +=
                1 + self.choices.below((self.log.len() - self.applied[node]) as u64) as usize;
        }
        if self.choices.percent(self.faults.backward) {
            self.applied[node] -= self.applied[node].min(1 + self.choices.below(2) as usize);
            self.term += self.choices.below(2);
        }
        let thread = self.choices.below(self.open.len() as u64) as usize;
        match self.open[thread] {
            None if self.ops.len() < ops => self.invoke(thread),
            None => {}
            Some((op, false)) => {
                self.take_effect(op);
                self.open[thread] = Some((op, true));
            }
            Some((op, true)) => {
                self.complete(op, thread);
                self.open[thread] = None;
            }
        }
    }

    fn invoke(&mut self, thread: usize) {
        let key = Key(self.choices.below(2));
        let value = Value(self.next_value);
        self.next_value += 1;
        let latest = self
            .held(key, self.log.len())
            .map_or(Value(1), |(value, _)| value);
        let action = match self.choices.below(10) {
            0..6 => Action::Read,
            6..9 => Action::Write { value },
            _ => Action::Cas {
                from: latest,
                to: value,
            },
        };
        let moves = self.choices.percent(self.faults.backward);
        let node = if moves {
            self.choices.below(NODES as u64) as usize
        } else {
            thread % NODES
        };
        self.open[thread] = Some((self.ops.len(), false));
        self.ops.push(Op {
            process: ProcessId(self.names[thread]),
            key,
            action,
            outcome: Outcome::Ok,
            invoked_ns: self.now,
            completed_ns: None,
            observed: None,
            version: None,
            read_mode: Some(ReadModeId((thread % 2) as u8)),
            node: Some(NodeName(node as u16)),
            served_by: Some(NodeName(node as u16)),
            term: Some(self.term),
            error: None,
        });
    }

    /// The value of `key` after the first `prefix` entries, with its version.
    fn held(&self, key: Key, prefix: usize) -> Option<(Value, u64)> {
        let entries = self.log[..prefix].iter().rev();
        entries
            .filter(|entry| entry.key == key)
            .map(|entry| (entry.value, entry.version))
            .next()
    }

    fn append(&mut self, key: Key, value: Value) -> Option<Version> {
        let entries = self.log.len();
        let version = match self.choices.percent(self.faults.misordered) {
            // Odd, and so of no entry in its place.
            true => version_at(self.choices.below(entries as u64 + 1) as usize) + 1,
            false => version_at(entries),
        };
        self.log.push(Entry { key, value, version });
        Some(Version(version))
    }

    fn take_effect(&mut self, at: usize) {
        let Op {
            key,
            action,
            node,
            read_mode,
            ..
        } = self.ops[at];
        let node = node.map_or(0, |n| usize::from(n.0));
        let latest = self.held(key, self.log.len());
        match action {
            Action::Read => {
                let prefix = if read_mode == Some(ReadModeId(0)) {
                    self.log.len()
                } else {
                    self.applied[node]
                };
                let held = self.held(key, prefix);
                self.ops[at].observed = Some(held.map(|(value, _)| value));
                self.ops[at].version = held.map(|(_, version)| Version(version));
            }
            Action::Write { value } => self.ops[at].version = self.append(key, value),
            Action::Cas { from, to } if latest.is_some_and(|(v, _)| v == from) => {
                self.ops[at].version = self.append(key, to);
            }
            Action::Cas { .. } => {
                self.ops[at].outcome = Outcome::Fail;
                self.ops[at].error = Some(22);
                self.ops[at].observed = Some(latest.map(|(value, _)| value));
                self.ops[at].version = latest.map(|(_, version)| Version(version));
            }
        }
        self.ops[at].term = Some(self.term);
    }

    fn complete(&mut self, at: usize, thread: usize) {
        let op = &mut self.ops[at];
        if op.outcome == Outcome::Ok && op.action != Action::Read && self.choices.percent(self.faults.info) {
            op.outcome = Outcome::Info;
            (op.version, op.served_by, op.term) = (None, None, None);
            self.names[thread] += self.open.len() as u64;
            return;
        }
        op.completed_ns = Some(self.now);
        if self.choices.percent(self.faults.mute) {
            op.version = None;
        }
        if self.choices.percent(self.faults.lies) {
            match self.choices.below(3) {
                0 => op.version = Some(Version(version_at(self.choices.below(8) as usize))),
                1 if op.observed.is_some() => {
                    op.observed = Some(Some(Value(1 + self.choices.below(8) as i64)));
                }
                _ => op.outcome = Outcome::Fail,
            }
            if op.outcome == Outcome::Fail && op.action == Action::Read {
                op.observed = None;
            }
        }
    }
}
