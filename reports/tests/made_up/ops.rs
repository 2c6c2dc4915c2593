//! The ops of a made-up run: what its clients asked and saw, while some of them were cut off.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain_checker::history::{
    Action, Key, NodeName, Op, OpIndex, Outcome, ProcessId, ReadModeId, Value, Version,
};
use splitbrain_reports::ReadStaleness;

use super::faults::is_cut_off;
use super::{KEYS, MODES, MS, NODES, THREADS};

/// About `count` ops until `end_ns`, and which of the reads were stale.
pub fn made_up_ops(seed: u64, count: usize, end_ns: u64) -> (Vec<Op>, Vec<ReadStaleness>) {
    let step = end_ns * THREADS / count.max(1) as u64;
    let mut dice = Dice {
        generator: ChaCha8Rng::seed_from_u64(seed),
        scale: (step / 2_000).clamp(10, 1_000),
    };
    let mut maker = OpMaker {
        ops: Vec::with_capacity(count),
        stale: Vec::new(),
        step,
        registers: vec![(None, 0); KEYS as usize],
        next_value: 1,
        version: 1,
    };
    maker.run(end_ns, &mut dice);
    maker.sorted()
}

struct Dice {
    generator: ChaCha8Rng,
    /// Latencies are so many thousandths of the usual ones, so that dense runs have room for their ops.
    scale: u64,
}

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.generator.next_u64() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A latency with a long tail, nanoseconds.
    fn latency(&mut self, typical_us: u64) -> u64 {
        let spread = typical_us * self.scale / 2 + self.below(typical_us * self.scale);
        if self.chance(1) {
            spread * (2 + self.below(12))
        } else {
            spread
        }
    }
}

struct OpMaker {
    ops: Vec<Op>,
    stale: Vec<(u64, u64, u64, f64)>,
    step: u64,
    registers: Vec<(Option<Value>, u64)>,
    next_value: i64,
    version: u64,
}

impl OpMaker {
    /// Steps whichever thread is earliest, so that values are written in the order of time.
    fn run(&mut self, end_ns: u64, dice: &mut Dice) {
        let mut threads: Vec<(u64, u64)> = (0..THREADS).map(|p| (200 * MS + dice.below(2 * MS), p)).collect();
        while let Some(thread) = threads.iter_mut().min().filter(|thread| thread.0 < end_ns) {
            let (now, process) = *thread;
            let number = (process % THREADS) as usize;
            let (op, took) = self.op(process, number % NODES, number % MODES.len(), now, dice);
            if op.outcome == Outcome::Info {
                thread.1 += THREADS;
            }
            thread.0 += took + 1 + dice.below(self.step.saturating_sub(took).max(1_000) * 2);
            self.ops.push(op);
        }
    }

    fn op(&mut self, process: u64, node: usize, mode: usize, now: u64, dice: &mut Dice) -> (Op, u64) {
        let key = dice.below(KEYS);
        let cut = is_cut_off(node, now);
        let kind = dice.below(10);
        let mut op = Op {
            process: ProcessId(process),
            key: Key(key),
            action: Action::Read,
            outcome: Outcome::Ok,
            invoked_ns: now,
            completed_ns: None,
            observed: None,
            version: None,
            read_mode: Some(ReadModeId(mode as u8)),
            node: Some(NodeName(node as u16)),
            served_by: None,
            term: Some(2 + now / (5_000 * MS)),
            error: None,
        };
        let register = self.registers[key as usize];
        if kind >= 5 {
            let value = Value(self.next_value);
            self.next_value += 1;
            op.action = match register.0 {
                Some(from) if kind == 9 => Action::Cas { from, to: value },
                _ => Action::Write { value },
            };
        }
        let local = mode > 0 && kind < 5;
        let took = match (cut, local) {
            (true, false) if dice.chance(30) => {
                op.outcome = if kind >= 5 { Outcome::Info } else { Outcome::Fail };
                op.error = Some(0);
                250 * MS + dice.below(10 * MS)
            }
            (true, false) => {
                op.outcome = Outcome::Fail;
                op.error = Some(11);
                5 * MS + dice.latency(400)
            }
            (_, true) => dice.latency(120),
            _ => dice.latency(if kind >= 5 { 1_400 } else { 700 }),
        };
        op.completed_ns = Some(now + took);
        if op.outcome == Outcome::Ok {
            op.served_by = op.node;
            self.take_effect(&mut op, cut, dice);
        }
        (op, took)
    }

    fn take_effect(&mut self, op: &mut Op, cut: bool, dice: &mut Dice) {
        let register = &mut self.registers[op.key.0 as usize];
        match op.action {
            Action::Read if cut && register.0.is_some() => {
                let behind = 1 + dice.below(12);
                op.observed = register
                    .0
                    .map(|value| Some(Value((value.0 - behind as i64).max(1))));
                op.version = Some(Version(register.1.saturating_sub(behind)));
                let ms = 1.0 + dice.below(2_500_000) as f64 / 1e3;
                self.stale.push((op.process.0, op.invoked_ns, behind, ms));
            }
            Action::Read => {
                op.observed = Some(register.0);
                op.version = Some(Version(register.1));
            }
            Action::Write { value } | Action::Cas { to: value, .. } => {
                self.version += 1;
                *register = (Some(value), self.version);
                op.version = Some(Version(self.version));
            }
        }
    }

    fn sorted(mut self) -> (Vec<Op>, Vec<ReadStaleness>) {
        self.ops.sort_by_key(|op| (op.invoked_ns, op.process));
        let index_of = |process: u64, at: u64| {
            self.ops
                .binary_search_by_key(&(at, ProcessId(process)), |op| (op.invoked_ns, op.process))
                .expect("it is there")
        };
        let mut stale: Vec<ReadStaleness> = self
            .stale
            .iter()
            .map(|&(process, at, versions_behind, ms_behind)| ReadStaleness {
                op_index: OpIndex(index_of(process, at) as u32),
                versions_behind,
                ms_behind,
            })
            .collect();
        stale.sort_by_key(|read| read.op_index);
        (self.ops, stale)
    }
}
