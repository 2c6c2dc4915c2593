//! Random small histories: some linearizable by the way they are made, some of those then spoiled, some wild.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::history::{Action, History, Key, Op, Outcome, ProcessId, Value};

/// A seeded source of choices.
pub(crate) struct Choices(ChaCha8Rng);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// What kind of history to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) ops: usize,
    pub(crate) processes: u64,
    /// Every value is written once; else values are of a handful.
    pub(crate) unique: bool,
    /// Failed cas that do not say what they found.
    pub(crate) silent_failures: bool,
    /// In percent of all ops.
    pub(crate) reads: u64,
    /// In percent of writes and cas.
    pub(crate) info: u64,
}

impl Shape {
    /// Any shape that brute force can cope with.
    pub(crate) fn any(choices: &mut Choices) -> Self {
        Self {
            ops: 1 + choices.below(8) as usize,
            processes: 1 + choices.below(4),
            unique: choices.percent(60),
            silent_failures: choices.percent(25),
            reads: 40,
            info: [0, 10, 40][choices.below(3) as usize],
        }
    }
}

/// A register that clients act on, one step of one client at a time.
struct World<'a> {
    choices: &'a mut Choices,
    shape: Shape,
    now: u64,
    held: Option<Value>,
    next_value: i64,
    ops: Vec<Op>,
    /// Per process: its open op, and whether that has taken effect.
    open: Vec<Option<(usize, bool)>>,
}

/// A history on one key that is linearizable: every op takes effect at some moment of its interval.
pub(crate) fn linearizable(choices: &mut Choices, shape: Shape) -> History {
    let open = vec![None; shape.processes as usize];
    let mut world = World {
        choices,
        shape,
        now: 0,
        held: None,
        next_value: 1,
        ops: Vec::new(),
        open,
    };
    while world.ops.len() < shape.ops || world.open.iter().any(Option::is_some) {
        world.step();
    }
    History {
        ops: world.ops,
        ..History::default()
    }
}

impl World<'_> {
    fn step(&mut self) {
        self.now += self.choices.below(3);
        let process = self.choices.below(self.shape.processes) as usize;
        match self.open[process] {
            None if self.ops.len() < self.shape.ops => self.invoke(process),
            None => {}
            Some((op, false)) => {
                self.take_effect(op);
                self.open[process] = Some((op, true));
            }
            Some((op, true)) => {
                let info = self.ops[op].action != Action::Read && self.choices.percent(self.shape.info);
                if info {
                    self.ops[op].outcome = Outcome::Info;
                    self.ops[op].observed = None;
                    self.ops[op].error = None;
                } else {
                    self.ops[op].completed_ns = Some(self.now);
                }
                self.open[process] = None;
            }
        }
    }

    fn fresh(&mut self) -> Value {
        if self.shape.unique {
            self.next_value += 1;
            Value(self.next_value - 1)
        } else {
            Value(1 + self.choices.below(3) as i64)
        }
    }

    fn known(&mut self) -> Value {
        match self.held {
            Some(held) if self.choices.percent(70) => held,
            _ if self.shape.unique => Value(1 + self.choices.below(self.next_value as u64) as i64),
            _ => Value(1 + self.choices.below(3) as i64),
        }
    }

    fn invoke(&mut self, process: usize) {
        let action = if self.choices.percent(self.shape.reads) {
            Action::Read
        } else if self.choices.percent(50) {
            Action::Write { value: self.fresh() }
        } else {
            Action::Cas {
                from: self.known(),
                to: self.fresh(),
            }
        };
        self.open[process] = Some((self.ops.len(), false));
        self.ops.push(Op {
            process: ProcessId(process as u64),
            key: Key(0),
            action,
            outcome: Outcome::Ok,
            invoked_ns: self.now,
            completed_ns: None,
            observed: None,
            version: None,
            read_mode: None,
            node: None,
            served_by: None,
            term: None,
            error: None,
        });
    }

    fn take_effect(&mut self, op: usize) {
        let silent = self.shape.silent_failures && self.choices.percent(50);
        // An op of unknown outcome may be one that never happens.
        let skipped = self.choices.percent(self.shape.info / 2);
        let op = &mut self.ops[op];
        match op.action {
            Action::Read => op.observed = Some(self.held),
            _ if skipped => op.outcome = Outcome::Fail,
            Action::Write { value } => self.held = Some(value),
            Action::Cas { from, to } if self.held == Some(from) => self.held = Some(to),
            Action::Cas { .. } => {
                op.outcome = Outcome::Fail;
                op.error = Some(22);
                op.observed = (!silent).then_some(self.held);
            }
        }
    }
}

/// Changes one thing about one op.
pub(crate) fn spoil(choices: &mut Choices, history: &mut History) {
    let values: Vec<Option<Value>> = std::iter::once(None)
        .chain(history.ops.iter().filter_map(|op| match op.action {
            Action::Write { value } | Action::Cas { to: value, .. } => Some(Some(value)),
            Action::Read => None,
        }))
        .collect();
    let any = |choices: &mut Choices| values[choices.below(values.len() as u64) as usize];
    let at = choices.below(history.ops.len() as u64) as usize;
    let op = &mut history.ops[at];
    match choices.below(6) {
        0..3 if op.observed.is_some() => op.observed = Some(any(choices)),
        0 | 3 => {
            // It returned earlier than it did.
            if let Some(end) = op.completed_ns {
                op.completed_ns = Some(op.invoked_ns + choices.below(end - op.invoked_ns + 1));
            }
        }
        1 | 4 => {
            if let (Action::Cas { to, .. }, Some(from)) = (op.action, any(choices)) {
                op.action = Action::Cas { from, to };
            }
        }
        _ if op.action != Action::Read && op.outcome == Outcome::Fail => {
            op.outcome = Outcome::Ok;
            op.observed = None;
            op.error = None;
        }
        _ => {}
    }
}

/// A history without rhyme or reason.
pub(crate) fn wild(choices: &mut Choices, shape: Shape) -> History {
    let mut history = linearizable(choices, shape);
    for _ in 0..2 * history.ops.len() {
        spoil(choices, &mut history);
    }
    history
}
