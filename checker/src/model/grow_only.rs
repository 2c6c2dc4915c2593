//! Sets to which every element is added once, and from which none is removed, decided without a search in O(n log n)
//! beside the length of the answers.
//!
//! Whoever reads all elements at different moments sees ever more of them. So the answers form a chain by inclusion,
//! and the chain tells between which reads each element was added: those that an answer has and the one before
//! lacks come between the two. These constraints, and those of the ops that ask for one element, are all there are
//! beside real time. So each op is taken at the earliest moment that they allow; the set is linearizable iff that is
//! never after the end of one.

use rustc_hash::FxHashMap;

use super::set::Op;
use super::{Shortcut, TimedOp};
use crate::budget::{Budget, Spent};

/// The stage of elements that no read of all has.
const UNREAD: usize = usize::MAX;

/// The addition of an element.
struct Added {
    op: u32,
    start: u64,
    /// Which of the different answers is the first that has it.
    stage: usize,
    /// Whether it was seen, so that it happened.
    is_seen: bool,
}

/// What an op takes at most: an entry of each of two tables, and its place in the order.
const BYTES_PER_OP: usize = 160;

/// Decides whether `ops` are those of a set. `None` where an element may be added twice, or is removed.
pub(super) fn decide(ops: &[TimedOp<Op>], budget: &Budget) -> Result<Option<Shortcut>, Spent> {
    budget.spend(ops.len() * BYTES_PER_OP)?;
    let mut added: FxHashMap<u32, Added> = FxHashMap::default();
    let mut reads: Vec<(&[u32], u32)> = Vec::new();
    for (at, op) in (0..).zip(ops) {
        budget.spend(0)?;
        match &op.op {
            Op::Remove(_) => return Ok(None),
            Op::Add(value) => {
                let add = Added {
                    op: at,
                    start: op.start_ns,
                    stage: UNREAD,
                    is_seen: op.end_ns.is_some(),
                };
                if added.insert(*value, add).is_some() {
                    return Ok(None);
                }
            }
            Op::Read(all) if op.end_ns.is_some() => reads.push((all, at)),
            Op::Read(_) | Op::Contains(..) => {}
        }
    }
    let plan = Plan { ops, added, budget };
    Ok(Some(match plan.linearization(reads) {
        Ok(order) => Shortcut::Linearizable(order),
        Err(Stop::Refuted) => Shortcut::NotLinearizable(Vec::new()),
        Err(Stop::Spent(spent)) => return Err(spent),
    }))
}

/// Why there is no order.
enum Stop {
    /// There is none.
    Refuted,
    Spent(Spent),
}

impl From<Spent> for Stop {
    fn from(spent: Spent) -> Self {
        Self::Spent(spent)
    }
}

struct Plan<'a> {
    ops: &'a [TimedOp<Op>],
    added: FxHashMap<u32, Added>,
    budget: &'a Budget,
}

impl Plan<'_> {
    fn linearization(mut self, mut reads: Vec<(&[u32], u32)>) -> Result<Vec<u32>, Stop> {
        reads.sort_by_key(|(all, at)| (all.len(), *at));
        let stages: Vec<&[(&[u32], u32)]> = reads.chunk_by(|a, b| a.0.len() == b.0.len()).collect();
        let mut before: &[u32] = &[];
        for (stage, same) in stages.iter().enumerate() {
            let all = same[0].0;
            for (other, _) in *same {
                self.budget.spend_steps(1 + other.len(), 0)?;
                if *other != all {
                    return Err(Stop::Refuted);
                }
            }
            if !self.add_before(stage, before, all) {
                return Err(Stop::Refuted);
            }
            before = all;
        }
        // Moment, stage, what comes first at one moment, op. Ops of one moment keep to their stages.
        let mut placed: Vec<(u64, usize, u8, u32)> = Vec::new();
        let not_before = self.ask(&mut placed).ok_or(Stop::Refuted)?;
        let mut adds: Vec<(&u32, &Added)> = self.added.iter().filter(|(_, add)| add.is_seen).collect();
        adds.sort_unstable_by_key(|(_, add)| (add.stage, add.op));
        let mut adds = adds.into_iter().peekable();
        let mut moments: FxHashMap<u32, u64> = FxHashMap::default();
        let mut opened = 0;
        for stage in (0..stages.len()).chain([UNREAD]) {
            let mut closed = opened;
            while let Some((value, add)) = adds.next_if(|(_, add)| add.stage == stage) {
                self.budget.spend(0)?;
                let asked = not_before.get(value).copied().unwrap_or(0);
                let moment = add.start.max(opened).max(asked);
                self.place(&mut placed, (moment, stage, 1, add.op))?;
                moments.insert(*value, moment);
                closed = closed.max(moment);
            }
            for (_, at) in stages.get(stage).copied().unwrap_or_default() {
                let moment = self.ops[*at as usize].start_ns.max(closed);
                self.place(&mut placed, (moment, stage, 2, *at))?;
                opened = opened.max(moment);
            }
            opened = opened.max(closed);
        }
        for (at, op) in (0..).zip(self.ops) {
            if let (Op::Contains(value, true), Some(_)) = (&op.op, op.end_ns) {
                let moment = op.start_ns.max(*moments.get(value).ok_or(Stop::Refuted)?);
                self.place(&mut placed, (moment, self.added[value].stage, 3, at))?;
            }
        }
        self.budget.spend_steps(placed.len(), 0)?;
        placed.sort_unstable();
        Ok(placed.into_iter().map(|(.., op)| op).collect())
    }

    /// The elements that are in `all` and not in `before` were added between the two. False if `before` has one that
    /// `all` lacks, or nobody added one.
    fn add_before(&mut self, stage: usize, before: &[u32], all: &[u32]) -> bool {
        let mut before = before.iter().peekable();
        for value in all {
            if before.next_if_eq(&value).is_some() {
                continue;
            }
            let Some(add) = self.added.get_mut(value) else {
                return false;
            };
            (add.stage, add.is_seen) = (stage, true);
        }
        before.next().is_none()
    }

    /// Takes ops that did not find their element when they begin, and tells per element when the last was. None if an
    /// op found an element that nobody added.
    fn ask(&mut self, placed: &mut Vec<(u64, usize, u8, u32)>) -> Option<FxHashMap<u32, u64>> {
        let mut not_before: FxHashMap<u32, u64> = FxHashMap::default();
        for (at, op) in (0..).zip(self.ops) {
            let (Op::Contains(value, is_in), Some(_)) = (&op.op, op.end_ns) else {
                continue;
            };
            let add = self.added.get_mut(value);
            if *is_in {
                add?.is_seen = true;
            } else {
                let stage = add.map_or(0, |add| add.stage);
                placed.push((op.start_ns, stage, 0, at));
                let last = not_before.entry(*value).or_default();
                *last = (*last).max(op.start_ns);
            }
        }
        Some(not_before)
    }

    /// Takes an op at a moment. Refuted if that is after its end.
    fn place(&self, placed: &mut Vec<(u64, usize, u8, u32)>, at: (u64, usize, u8, u32)) -> Result<(), Stop> {
        let end = self.ops[at.3 as usize].end_ns;
        placed.push(at);
        match end {
            Some(end) if at.0 > end => Err(Stop::Refuted),
            _ => Ok(()),
        }
    }
}
