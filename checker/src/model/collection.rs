//! Queues and bags of unique values, decided without a search in O(n log n).
//!
//! After Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability proofs" (CONCUR 2013), whose conditions on
//! pairs of values are made into an algorithm that also gives the linearization. An insertion lies before the removal of
//! its value, so that it may be taken to end no later than that, and the removal to begin no sooner. Then, where
//! every value is inserted once:
//!
//! - **A bag** without answers "empty" is linearizable iff nothing is removed that was not inserted before.
//! - **A queue** moreover gives values back in one order, in which a value comes before another if its insertion ends
//!   before the other's begins, or its removal does. Values that are never removed come last. Such an order exists
//!   iff no two values must each come before the other: any longer cycle alternates between the two kinds of
//!   reasons, and of two insertions (or removals) that precede two others, one precedes both or both precede one. Given
//!   any such order the ops are taken at the earliest moment that respects it: that is never after the end of
//!   one, as the op that holds it up would then have begun after that end.
//! - **"Empty"** can be answered at a moment unless some value is certainly within: inserted before, and not yet being
//!   removed. All values whose insertion ended before that moment then come before it, and all others after it. Neither
//!   rule contradicts the order of values, and it is no loss to take the first such moment of the call.
//!
//! An insertion that may not have happened did so iff its value was removed. A removal of that kind is counted where a
//! value must be out of the way; one of which nobody knows what it removed may stand in for any.

use rustc_hash::FxHashMap;

use super::Shortcut;
use crate::budget::{Budget, Spent};
use crate::lower::NEVER;

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Insert(u32),
    Remove(u32),
    /// Nobody knows what it removed, if anything. It never returned.
    RemoveSome,
    /// It found nothing.
    Empty,
}

/// A call with its closed interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) action: Action,
    pub(super) start: u64,
    /// [`NEVER`] for one that may not have happened.
    pub(super) end: u64,
}

/// The end of a removal that happened and never returned: before the moment at which those begin that never happen.
const LAST: u64 = NEVER - 1;

/// An op by its position, with its interval.
#[derive(Clone, Copy, Debug)]
struct Span {
    op: u32,
    start: u64,
    end: u64,
}

/// A value with its insertion and its removal.
#[derive(Clone, Copy, Debug)]
struct Stay {
    insert: Span,
    /// Of a value that stays, a span after everything.
    remove: Span,
}

impl Stay {
    fn is_removed(&self) -> bool {
        self.remove.start != NEVER
    }
}

/// Why there is no order.
enum Stop {
    /// There is none, because of these ops and whatever else is about their values.
    Refuted(Vec<u32>),
    Spent(Spent),
}

impl From<Spent> for Stop {
    fn from(spent: Spent) -> Self {
        Self::Spent(spent)
    }
}

/// What an op takes at most: half of the entries of a value in two tables, in the list of values and a copy of it, in
/// four orders by time, and in the linearization.
const BYTES_PER_OP: usize = 256;

/// Decides whether `ops` are those of a queue, or of a bag where values come out in any order. `None` where some value
/// may be inserted twice, or an unknown removal may have made room for an answer "empty".
pub(super) fn decide(ops: &[Timed], is_queue: bool, budget: &Budget) -> Result<Option<Shortcut>, Spent> {
    budget.spend(ops.len() * BYTES_PER_OP)?;
    let Some(calls) = Calls::new(ops, budget)? else {
        return Ok(None);
    };
    match calls.linearize(is_queue, budget) {
        Ok(order) => Ok(Some(Shortcut::Linearizable(order))),
        Err(Stop::Refuted(evidence)) => Ok(Some(Shortcut::NotLinearizable(evidence))),
        Err(Stop::Spent(spent)) => Err(spent),
    }
}

/// The calls, by what they are about.
struct Calls {
    inserts: FxHashMap<u32, Span>,
    /// Removals that happened, and those that may have: the first of each value that began.
    removes: FxHashMap<u32, Span>,
    may_remove: FxHashMap<u32, Span>,
    /// Removals of unknown values.
    unknown: Vec<Span>,
    empties: Vec<Span>,
    /// A removal of a value that was removed before.
    torn: Option<u32>,
}

impl Calls {
    fn new(ops: &[Timed], budget: &Budget) -> Result<Option<Self>, Spent> {
        let mut calls = Self {
            inserts: FxHashMap::default(),
            removes: FxHashMap::default(),
            may_remove: FxHashMap::default(),
            unknown: Vec::new(),
            empties: Vec::new(),
            torn: None,
        };
        for (op, timed) in (0..).zip(ops) {
            budget.spend(0)?;
            let Timed { action, start, end } = *timed;
            let span = Span { op, start, end };
            match action {
                Action::Insert(value) => {
                    if calls.inserts.insert(value, span).is_some() {
                        return Ok(None);
                    }
                }
                Action::Remove(value) if end == NEVER => {
                    let known = calls.may_remove.entry(value).or_insert(span);
                    if start < known.start {
                        *known = span;
                    }
                }
                Action::Remove(value) => {
                    if calls.removes.insert(value, span).is_some() {
                        calls.torn = Some(op);
                    }
                }
                Action::RemoveSome if end == NEVER => calls.unknown.push(span),
                Action::RemoveSome => return Ok(None),
                Action::Empty if end == NEVER => {}
                Action::Empty => calls.empties.push(span),
            }
        }
        let is_decidable = calls.empties.is_empty() || calls.unknown.is_empty();
        Ok(is_decidable.then_some(calls))
    }

    fn linearize(&self, is_queue: bool, budget: &Budget) -> Result<Vec<u32>, Stop> {
        let mut stays = self.stays(is_queue, budget)?;
        for stay in &mut stays {
            budget.spend(0)?;
            stay.insert.end = stay.insert.end.min(stay.remove.end);
            stay.remove.start = stay.remove.start.max(stay.insert.start);
            if stay.insert.start > stay.insert.end {
                return Err(Stop::Refuted(vec![stay.insert.op]));
            }
        }
        let moments = empty_moments(&stays, &self.empties, budget)?;
        let stages: Vec<u64> = moments.iter().map(|(moment, _)| *moment).collect();
        let stage = |stay: &Stay| stages.partition_point(|moment| *moment <= stay.insert.end);
        if is_queue {
            let order = order(&stays, stage, budget)?;
            stays = order.into_iter().map(|at| stays[at as usize]).collect();
        }
        // Not by the clock alone: a few ops are placed even when the time is up, to explain what was found.
        budget.spend_steps(stays.len(), 0)?;
        Ok(linearization(&stays, &moments, stage, is_queue))
    }

    /// Every value that was inserted, with its removal if it must have been removed, or may have been and that stands
    /// in nobody's way.
    fn stays(&self, is_queue: bool, budget: &Budget) -> Result<Vec<Stay>, Stop> {
        let mut unwritten = (self.removes.iter())
            .filter(|(value, _)| !self.inserts.contains_key(*value))
            .map(|(_, span)| span.op);
        if let Some(op) = self.torn.or(unwritten.next()) {
            return Err(Stop::Refuted(vec![op]));
        }
        let mut stays = Vec::new();
        for (value, insert) in &self.inserts {
            budget.spend(0)?;
            let remove = self.removes.get(value).copied();
            if remove.is_none() && insert.end == NEVER {
                continue;
            }
            let never = Span {
                op: u32::MAX,
                start: NEVER,
                end: NEVER,
            };
            let stay = Stay {
                insert: *insert,
                remove: remove.unwrap_or(never),
            };
            stays.push((*value, stay));
        }
        // In an order that no hash decides.
        stays.sort_unstable_by_key(|(_, stay)| stay.insert.op);
        let (values, mut stays): (Vec<u32>, Vec<Stay>) = stays.into_iter().unzip();
        let own = |at: usize| self.may_remove.get(&values[at]).copied();
        if is_queue && self.empties.is_empty() {
            remove_in_time(&mut stays, own, &self.unknown, budget)?;
        } else {
            remove_freely(&mut stays, own, is_queue);
        }
        Ok(stays)
    }
}

fn may(span: Span) -> Span {
    Span { end: LAST, ..span }
}

/// Removes what must be gone before a value behind it comes out of the queue: by its own removal, or by an unknown one.
/// Refuted if there are too few of these in time. What need not be removed is not.
fn remove_in_time(
    stays: &mut [Stay],
    own: impl Fn(usize) -> Option<Span>,
    unknown: &[Span],
    budget: &Budget,
) -> Result<(), Stop> {
    let mut removed: Vec<(u64, u64, u32)> = (stays.iter())
        .filter(|stay| stay.is_removed())
        .map(|stay| (stay.insert.start, stay.remove.end, stay.insert.op))
        .collect();
    removed.sort_unstable();
    // The least end of a removal, from each on, and whose it is.
    for at in (1..removed.len()).rev() {
        let (_, end, op) = removed[at];
        if end < removed[at - 1].1 {
            (removed[at - 1].1, removed[at - 1].2) = (end, op);
        }
    }
    let mut owed: Vec<(u64, usize, u32)> = Vec::new();
    for (at, stay) in stays.iter_mut().enumerate() {
        budget.spend(0)?;
        if stay.is_removed() {
            continue;
        }
        let behind = removed.partition_point(|(start, ..)| *start <= stay.insert.end);
        let Some((_, deadline, of)) = removed.get(behind) else {
            continue;
        };
        match own(at) {
            Some(span) if span.start <= *deadline => stay.remove = may(span),
            _ => owed.push((*deadline, at, *of)),
        }
    }
    owed.sort_unstable();
    let mut unknown = unknown.to_vec();
    unknown.sort_unstable_by_key(|span| (span.start, span.op));
    let mut unknown = unknown.into_iter();
    for (place, (deadline, at, _)) in owed.iter().enumerate() {
        match unknown.next().filter(|span| span.start <= *deadline) {
            Some(span) => stays[*at].remove = may(span),
            // So many values must be gone by then, and too few removals had begun.
            None => {
                let both = owed[..=place].iter();
                let evidence = both.flat_map(|(_, at, of)| [stays[*at].insert.op, *of]);
                return Err(Stop::Refuted(evidence.collect()));
            }
        }
    }
    Ok(())
}

/// Removes what may have been removed, unless something stays for ever that is before it in the queue.
fn remove_freely(stays: &mut [Stay], own: impl Fn(usize) -> Option<Span>, is_queue: bool) {
    let stuck = (stays.iter().enumerate()).filter(|(at, stay)| !stay.is_removed() && own(*at).is_none());
    let stuck = stuck.map(|(_, stay)| stay.insert.end).min().unwrap_or(NEVER);
    for (at, stay) in stays.iter_mut().enumerate() {
        let is_free = !is_queue || stay.insert.start <= stuck;
        if let Some(span) = own(at).filter(|_| is_free && !stay.is_removed()) {
            stay.remove = may(span);
        }
    }
}

/// For each answer "empty" the first moment at which it can have been given, in their order. Refuted if there is none.
fn empty_moments(stays: &[Stay], empties: &[Span], budget: &Budget) -> Result<Vec<(u64, u32)>, Stop> {
    // Open intervals in which some value is certainly within.
    let mut within: Vec<(u64, u64)> = (stays.iter())
        .map(|stay| (stay.insert.end, stay.remove.start))
        .filter(|(from, to)| from < to)
        .collect();
    within.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in within {
        match joined.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    let mut moments = Vec::with_capacity(empties.len());
    for empty in empties {
        budget.spend(0)?;
        let before = joined.partition_point(|(from, _)| *from < empty.start);
        let around = before.checked_sub(1).map_or(0, |at| joined[at].1);
        let moment = empty.start.max(around);
        if moment > empty.end {
            return Err(Stop::Refuted(never_empty(stays, *empty)));
        }
        moments.push((moment, empty.op));
    }
    moments.sort_unstable();
    Ok(moments)
}

/// Why an answer "empty" cannot have been given: a few values of which at any moment of the call one is within.
fn never_empty(stays: &[Stay], empty: Span) -> Vec<u32> {
    let mut by_insert: Vec<&Stay> = stays.iter().collect();
    by_insert.sort_unstable_by_key(|stay| (stay.insert.end, stay.insert.op));
    let mut by_insert = by_insert.into_iter().peekable();
    let (mut evidence, mut covered, mut last) = (vec![empty.op], empty.start, None);
    while covered <= empty.end {
        while let Some(stay) = by_insert.next_if(|stay| stay.insert.end < covered) {
            if last.is_none_or(|last: &Stay| last.remove.start < stay.remove.start) {
                last = Some(stay);
            }
        }
        let Some(stay) = last.filter(|stay| stay.remove.start > covered) else {
            break;
        };
        evidence.push(stay.insert.op);
        covered = stay.remove.start;
    }
    // What stays for ever may be why something else does.
    let stuck = stays.iter().filter(|stay| !stay.is_removed());
    evidence.extend(
        stuck
            .min_by_key(|stay| stay.insert.end)
            .map(|stay| stay.insert.op),
    );
    evidence
}

/// The values in an order that respects all insertions and removals, and within that the stages; by their positions.
/// Refuted if there is no such order: by two values that must each come before the other, see [the module's page](self).
fn order(stays: &[Stay], stage: impl Fn(&Stay) -> usize, budget: &Budget) -> Result<Vec<u32>, Stop> {
    let mut inserts = Gate::new(stays, |stay| stay.insert);
    let mut removes = Gate::new(stays, |stay| stay.remove);
    let mut open = vec![0_u8; stays.len()];
    let mut ready = std::collections::BinaryHeap::new();
    let mut done = vec![false; stays.len()];
    let mut order = Vec::with_capacity(stays.len());
    while order.len() < stays.len() {
        budget.spend(0)?;
        for gate in [&mut inserts, &mut removes] {
            gate.advance(&done, |at| {
                open[at as usize] += 1;
                if open[at as usize] == 2 {
                    let stay = &stays[at as usize];
                    ready.push(std::cmp::Reverse((stage(stay), stay.insert.start, at)));
                }
            });
        }
        let Some(std::cmp::Reverse((.., at))) = ready.pop() else {
            // Of those left, the one that is inserted first and the one that is removed first.
            let first = [inserts.first(), removes.first()];
            let first = first.into_iter().flatten().map(|at| stays[at as usize].insert.op);
            return Err(Stop::Refuted(first.collect()));
        };
        done[at as usize] = true;
        order.push(at);
    }
    Ok(order)
}

/// Lets values through that nothing of those left precedes, in one kind of their ops.
struct Gate {
    by_start: Vec<(u64, u32)>,
    by_end: Vec<(u64, u32)>,
    let_through: usize,
    left: usize,
}

impl Gate {
    fn new(stays: &[Stay], span: impl Fn(&Stay) -> Span) -> Self {
        let mut by_start: Vec<(u64, u32)> = (0..).zip(stays).map(|(at, s)| (span(s).start, at)).collect();
        let mut by_end: Vec<(u64, u32)> = (0..).zip(stays).map(|(at, s)| (span(s).end, at)).collect();
        by_start.sort_unstable();
        by_end.sort_unstable();
        Self {
            by_start,
            by_end,
            let_through: 0,
            left: 0,
        }
    }

    /// The value of those left whose op ends first, as far as [`advance`](Self::advance) has looked.
    fn first(&self) -> Option<u32> {
        self.by_end.get(self.left).map(|(_, at)| *at)
    }

    fn advance(&mut self, done: &[bool], mut through: impl FnMut(u32)) {
        while self
            .by_end
            .get(self.left)
            .is_some_and(|(_, at)| done[*at as usize])
        {
            self.left += 1;
        }
        let Some((first_end, _)) = self.by_end.get(self.left) else {
            return;
        };
        while let Some((_, at)) =
            (self.by_start.get(self.let_through)).filter(|(start, _)| start <= first_end)
        {
            through(*at);
            self.let_through += 1;
        }
    }
}

/// The ops, each at the earliest moment that the order of the values and the answers "empty" allow.
fn linearization(
    stays: &[Stay],
    moments: &[(u64, u32)],
    stage: impl Fn(&Stay) -> usize,
    is_queue: bool,
) -> Vec<u32> {
    /// Stage, moment, what comes first at one moment, place in the order, op.
    type Placed = (usize, u64, u8, usize, u32);
    let mut placed: Vec<Placed> = Vec::with_capacity(2 * stays.len() + moments.len());
    for (at, (moment, op)) in moments.iter().enumerate() {
        placed.push((at + 1, *moment, 0, 0, *op));
    }
    let (mut inserted, mut removed) = (0, 0);
    for (at, stay) in stays.iter().enumerate() {
        let stage = stage(stay);
        let opened = stage.checked_sub(1).map_or(0, |before| moments[before].0);
        inserted = stay
            .insert
            .start
            .max(opened)
            .max(if is_queue { inserted } else { 0 });
        placed.push((stage, inserted, 1, at, stay.insert.op));
        if stay.is_removed() {
            removed = stay
                .remove
                .start
                .max(inserted)
                .max(if is_queue { removed } else { 0 });
            placed.push((stage, removed, 2, at, stay.remove.op));
        }
    }
    placed.sort_unstable();
    placed.into_iter().map(|(.., op)| op).collect()
}
