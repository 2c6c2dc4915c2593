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
        (
            "fail ops, but for compares that did not match",
            positions(history, refused),
        ),
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

/// Whether the op failed otherwise than by a compare that found another value, which is an answer like any other.
pub(crate) fn refused(op: &Op) -> bool {
    op.outcome == Outcome::Fail && op.observed.is_none()
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

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{Key, OpIndex, ProcessId};

    use super::*;
    use crate::results::{Counterexample, CounterexampleOp, LatencyMs, OpCounts, Results, RunVerdict};

    fn op(at: u64, outcome: Outcome, latency_ns: u64) -> Op {
        Op {
            process: ProcessId(at % 4),
            key: Key(at % 3),
            action: Action::Read,
            outcome,
            invoked_ns: at * 1_000,
            completed_ns: Some(at * 1_000 + latency_ns),
            observed: None,
            version: None,
            read_mode: None,
            node: None,
            served_by: None,
            term: None,
            error: None,
        }
    }

    fn results(culprit: u64) -> Results {
        let op = CounterexampleOp {
            index: culprit,
            counts_as: None,
            process: 0,
            process_name: None,
            text: "read -> 1".into(),
            outcome: "ok".into(),
            start_ns: 0,
            end_ns: Some(1),
            culprit: true,
        };
        let counterexample = Counterexample {
            read_mode: "log".into(),
            model: "linearizable".into(),
            key: 0,
            key_name: None,
            untimed: false,
            reason: String::new(),
            ops: vec![op],
        };
        Results {
            verdict: RunVerdict::Violation,
            reason: String::new(),
            seed: 0,
            command: String::new(),
            system: "raft".into(),
            era: "term".into(),
            mutant: None,
            nodes: Vec::new(),
            observers: 0,
            first_ok_ms: None,
            teardown_ms: None,
            load_seconds: 1.0,
            ops: OpCounts::default(),
            latency_ms: LatencyMs::default(),
            claims: Vec::new(),
            faults_scheduled: 0,
            faults: Vec::new(),
            counterexample: Some(counterexample),
            notes: Vec::new(),
            check_ms: 0.0,
        }
    }

    fn selected(history: &History, staleness: &[ReadStaleness], limit: usize) -> Selection {
        let report = RunReport {
            title: "",
            started: "",
            version: "",
            results: &results(4_000),
            history,
            nemesis: &[],
            staleness,
            concurrency: 4,
            configuration: &[],
        };
        select(&report, limit)
    }

    fn history() -> History {
        let ops = (0..10_000).map(|at| match at {
            7_777 => op(at, Outcome::Ok, 900_000_000),
            at if at % 500 == 1 => op(at, Outcome::Info, 5_000),
            at if at % 250 == 2 => op(at, Outcome::Fail, 5_000),
            at => op(at, Outcome::Ok, 100 + at % 7),
        });
        History {
            ops: ops.collect(),
            ..History::default()
        }
    }

    #[test]
    fn small_histories_are_kept_whole() {
        let selection = selected(&history(), &[], 10_000);
        assert_eq!(selection.rows.len(), 10_000);
        assert!(selection.kept.is_empty());
    }

    #[test]
    fn thinning_keeps_what_matters() {
        let history = history();
        let stale = [ReadStaleness {
            op_index: OpIndex(6_001),
            versions_behind: 1,
            ms_behind: 2.0,
        }];
        let selection = selected(&history, &stale, 1_000);
        assert_eq!(selection.rows.len(), 1_000);
        assert!(selection.rows.is_sorted());
        let has = |at: usize| selection.rows.binary_search(&at).is_ok();
        assert!(has(4_000), "the culprit");
        assert!(has(6_001), "the stale read");
        assert!(has(7_777), "the slowest op");
        let lost = history
            .ops
            .iter()
            .enumerate()
            .filter(|(at, op)| op.outcome != Outcome::Ok && !has(*at))
            .count();
        assert_eq!(lost, 0, "every info and fail op");
    }

    #[test]
    fn floods_of_one_class_leave_room_for_the_others() {
        let mut history = history();
        for op in &mut history.ops[1_000..9_000] {
            op.outcome = Outcome::Info;
        }
        let selection = selected(&history, &[], 1_000);
        assert_eq!(selection.rows.len(), 1_000);
        let info = selection
            .kept
            .iter()
            .find(|kept| kept.class == "info ops")
            .expect("the class");
        assert!(info.kept < info.of, "it says that info ops were left out");
        let quiet = selection.rows.iter().filter(|&&at| at < 1_000).count();
        assert!(quiet > 5, "ordinary ops are still sampled: {quiet}");
    }
}
