//! Which ops a page carries. Up to [`MAX_OPS`] it carries all; beyond, what a reader looks for is kept first.

use std::collections::BTreeSet;

use splitbrain_checker::history::{Action, History, Op, Outcome};

use crate::report::{ReadStaleness, RunReport};

/// The most ops that a page carries: about 3 MB of it.
pub(crate) const MAX_OPS: usize = 100_000;
/// Ops of the counterexample's key kept on either side of each of its ops.
const NEIGHBOURS: usize = 100;
/// The share of slowest ok ops that count as outliers: one in so many.
const OUTLIER_ONE_IN: usize = 1_000;

/// The ops chosen, and what was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Positions in the history, ascending.
    pub(crate) rows: Vec<usize>,
    /// The classes of ops with how many were kept of how many. Empty when nothing was left out.
    pub(crate) kept: Vec<Kept>,
}

/// How much of one class of ops was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) class: &'static str,
    pub(crate) kept: usize,
    pub(crate) of: usize,
}

/// Chooses at most `limit` ops: by class in the order of their worth, each class whole while there is room and
/// otherwise thinned evenly, and a share of the room reserved for an even sample of the rest, so that the page still
/// shows the ordinary course of the run.
pub(crate) fn select(report: &RunReport<'_>, limit: usize) -> Selection {
    let history = report.history;
    if history.ops.len() <= limit {
        return Selection {
            rows: (0..history.ops.len()).collect(),
            kept: Vec::new(),
        };
    }
    let outcome = |wanted| positions(history, |op| op.outcome == wanted);
    let classes = [
        ("counterexample and its neighbourhood", neighbourhood(report)),
        ("stale reads", stale_reads(history, report.staleness)),
        ("info ops", outcome(Outcome::Info)),
        ("slowest ok ops", outliers(history)),
        ("fail ops", outcome(Outcome::Fail)),
    ];
    let for_classes = limit - limit / 10;
    let mut chosen = BTreeSet::new();
    let mut kept = Vec::new();
    for (class, members) in classes {
        let fresh: Vec<usize> = members
            .iter()
            .copied()
            .filter(|at| !chosen.contains(at))
            .collect();
        let room = for_classes.saturating_sub(chosen.len());
        let taken = evenly(&fresh, room);
        kept.push(Kept {
            class,
            kept: members.len() - fresh.len() + taken.len(),
            of: members.len(),
        });
        chosen.extend(taken);
    }
    let rest: Vec<usize> = (0..history.ops.len()).filter(|at| !chosen.contains(at)).collect();
    let taken = evenly(&rest, limit - chosen.len());
    kept.push(Kept {
        class: "all other ops, sampled evenly",
        kept: taken.len(),
        of: rest.len(),
    });
    chosen.extend(taken);
    Selection {
        rows: chosen.into_iter().collect(),
        kept,
    }
}

fn positions(history: &History, keep: impl Fn(&Op) -> bool) -> Vec<usize> {
    history
        .ops
        .iter()
        .enumerate()
        .filter(|(_, op)| keep(op))
        .map(|(at, _)| at)
        .collect()
}

/// At most `room` of `items`, at even steps.
pub(crate) fn evenly<T: Copy>(items: &[T], room: usize) -> Vec<T> {
    if items.len() <= room {
        return items.to_vec();
    }
    (0..room).map(|at| items[at * items.len() / room]).collect()
}

fn stale_reads(history: &History, staleness: &[ReadStaleness]) -> Vec<usize> {
    let rows: BTreeSet<usize> = staleness
        .iter()
        .filter(|read| read.is_stale())
        .map(|read| read.op_index.0 as usize)
        .collect();
    rows.into_iter().filter(|&at| at < history.ops.len()).collect()
}

/// The counterexample's ops and those next to them: of their key, and above all its mutators.
fn neighbourhood(report: &RunReport<'_>) -> Vec<usize> {
    let Some(counterexample) = &report.results.counterexample else {
        return Vec::new();
    };
    let of_key = positions(report.history, |op| op.key.0 == counterexample.key);
    let mutators: Vec<usize> = of_key
        .iter()
        .copied()
        .filter(|&at| !matches!(report.history.ops[at].action, Action::Read))
        .collect();
    let mut rows = BTreeSet::new();
    for op in &counterexample.ops {
        let Ok(at) = usize::try_from(op.index) else {
            continue;
        };
        if at < report.history.ops.len() {
            rows.insert(at);
        }
        for list in [&of_key, &mutators] {
            let middle = list.partition_point(|&row| row < at);
            let (from, to) = (
                middle.saturating_sub(NEIGHBOURS),
                (middle + NEIGHBOURS).min(list.len()),
            );
            rows.extend(&list[from..to]);
        }
    }
    rows.into_iter().collect()
}

fn outliers(history: &History) -> Vec<usize> {
    let latency = |at: &usize| {
        let op = &history.ops[*at];
        op.completed_ns
            .unwrap_or(op.invoked_ns)
            .saturating_sub(op.invoked_ns)
    };
    let mut ok = positions(history, |op| op.outcome == Outcome::Ok);
    let keep = ok.len().div_ceil(OUTLIER_ONE_IN);
    ok.sort_by_key(|at| (std::cmp::Reverse(latency(at)), *at));
    ok.truncate(keep);
    ok
}
