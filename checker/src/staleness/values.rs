//! Staleness by real time, for unique values without versions.

use rustc_hash::FxHashMap;

use super::{KeyReads, Staleness};
use crate::history::{Action, Outcome, Value};
use crate::ledger::{observed, written};

/// When a value came, and when it was certainly there.
#[derive(Clone, Copy)]
struct Span {
    /// The invocation of its write.
    start: u64,
    /// The first end of its write and of all that saw it; `u64::MAX` if there is none.
    first_end: u64,
}

/// Measures the reads of a key whose values are unique.
pub(super) fn measure(key: &KeyReads<'_>, found: &mut Staleness) {
    let spans = spans(key);
    let mut by_start: Vec<Span> = spans
        .values()
        .copied()
        .filter(|s| s.first_end != u64::MAX)
        .collect();
    by_start.sort_unstable_by_key(|s| (s.start, s.first_end));
    let mut first_ends: Vec<u64> = by_start.iter().map(|s| s.first_end).collect();
    for at in (1..first_ends.len()).rev() {
        first_ends[at - 1] = first_ends[at - 1].min(first_ends[at]);
    }
    let mut questions = Vec::new();
    for position in key.reads() {
        let read = key.ledger.op(position);
        if key.anomaly(position).is_some() {
            found.reads.push(key.finding(position, 0, 0));
            continue;
        }
        let seen = observed(read).flatten().and_then(|value| spans.get(&value));
        // Every value is newer than nil. Of the others, those whose write came after this one was seen.
        let older = seen.map_or(0, |span| by_start.partition_point(|s| s.start <= span.first_end));
        let behind_ns = first_ends
            .get(older)
            .map_or(0, |end| read.invoked_ns.saturating_sub(*end));
        questions.push(Question {
            position,
            older,
            before: read.invoked_ns,
            behind_ns,
        });
    }
    for (question, behind) in count(&by_start, questions) {
        found
            .reads
            .push(key.finding(question.position, behind, question.behind_ns));
    }
}

fn spans(key: &KeyReads<'_>) -> FxHashMap<Value, Span> {
    let mut spans: FxHashMap<Value, Span> = FxHashMap::default();
    for op in key.positions.iter().map(|p| key.ledger.op(*p)) {
        if let Some(value) = written(op) {
            spans.insert(
                value,
                Span {
                    start: op.invoked_ns,
                    first_end: op.end_ns(),
                },
            );
        }
    }
    for (position, op) in key.positions.iter().map(|p| (*p, key.ledger.op(*p))) {
        let seen = match (op.action, op.outcome) {
            (Action::Cas { from, .. }, Outcome::Ok) => Some(from),
            _ if key.anomaly(position).is_some() => None,
            _ => observed(op).flatten(),
        };
        if let Some(span) = seen.and_then(|value| spans.get_mut(&value))
            && op.end_ns() >= span.start
        {
            span.first_end = span.first_end.min(op.end_ns());
        }
    }
    spans
}

/// How many of the spans from number `older` on ended before `before`?
struct Question {
    position: u32,
    older: usize,
    before: u64,
    behind_ns: u64,
}

/// Answers all questions in O(n log n): spans enter a Fenwick tree over their place in the order of starts, in
/// the order of their first ends.
fn count(by_start: &[Span], mut questions: Vec<Question>) -> Vec<(Question, u64)> {
    let mut by_end: Vec<usize> = (0..by_start.len()).collect();
    by_end.sort_unstable_by_key(|i| by_start[*i].first_end);
    questions.sort_unstable_by_key(|q| (q.before, q.position));
    let mut tree = vec![0_u64; by_start.len() + 1];
    let mut entered = 0;
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        while entered < by_end.len() && by_start[by_end[entered]].first_end < question.before {
            let mut at = by_end[entered] + 1;
            while at < tree.len() {
                tree[at] += 1;
                at += at & at.wrapping_neg();
            }
            entered += 1;
        }
        let mut older = 0;
        let mut at = question.older;
        while at > 0 {
            older += tree[at];
            at &= at - 1;
        }
        answers.push((question, entered as u64 - older));
    }
    answers
}
