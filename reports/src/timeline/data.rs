//! The one JSON document that the timeline's scripts read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use splitbrain_checker::history::{Action, Op, Outcome};

use super::columns::{Column, PackedColumn};
use super::selection::Selection;
use crate::faults::{self, RoleSpan};
use crate::report::{ReadStaleness, RunReport, Span};

/// Everything the timeline shows. All times are microseconds from the start of the page's span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TimelineData {
    rows: usize,
    of: usize,
    end_us: u64,
    origin_ns: String,
    nodes: Vec<String>,
    /// What the system calls the number of a leadership.
    era: String,
    modes: Vec<String>,
    keys: Vec<String>,
    lanes: Vec<String>,
    faults: Vec<FaultBand>,
    roles: Vec<NodeRoles>,
    culprits: Vec<usize>,
    members: Vec<usize>,
    stale: Vec<(usize, u64, f64)>,
    columns: BTreeMap<&'static str, PackedColumn>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct FaultBand {
    id: u32,
    kind: String,
    variant: String,
    nodes: Vec<String>,
    start: u64,
    stop: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct NodeRoles {
    node: String,
    /// Start, end, role, term.
    spans: Vec<(u64, u64, String, u64)>,
}

/// Bits of the `flags` column, read by `assets/columns.js`.
mod flag {
    /// The action is in bits 0 and 1 (0 read, 1 write, 2 cas), the outcome in bits 2 and 3 (0 ok, 1 fail, 2 info).
    pub(super) const OUTCOME_SHIFT: u64 = 2;
    /// A completion was recorded.
    pub(super) const COMPLETED: u64 = 1 << 4;
    /// The register was observed, and held a value.
    pub(super) const OBSERVED: u64 = 1 << 5;
    /// The register was observed, and was nil.
    pub(super) const NIL: u64 = 1 << 6;
}

/// The columns of a table of ops, one row an op.
#[derive(Default)]
struct Columns {
    index: Column,
    start: Column,
    length: Column,
    flags: Column,
    lane: Column,
    process: Column,
    key: Column,
    argument: Column,
    replacement: Column,
    observed: Column,
    version: Column,
    mode: Column,
    node: Column,
    served_by: Column,
    term: Column,
    error: Column,
}

/// Packs the ops of `selection`.
pub(crate) fn build(report: &RunReport<'_>, selection: &Selection) -> TimelineData {
    let span = report.span();
    let ops = || selection.rows.iter().map(|&at| &report.history.ops[at]);
    let keys: BTreeSet<u64> = ops().map(|op| op.key.0).collect();
    let lanes: BTreeSet<u64> = ops().map(|op| lane_of(op, report.concurrency)).collect();
    let keys: Vec<u64> = keys.into_iter().collect();
    let lanes: Vec<u64> = lanes.into_iter().collect();
    let row_of = |index: u64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| selection.rows.binary_search(&index).ok())
    };
    let counterexample = report.results.counterexample.iter().flat_map(|found| &found.ops);
    let culprits = counterexample
        .clone()
        .filter(|op| op.culprit)
        .filter_map(|op| row_of(op.index))
        .collect();
    let members = counterexample.filter_map(|op| row_of(op.index)).collect();
    TimelineData {
        rows: selection.rows.len(),
        of: report.history.ops.len(),
        end_us: span.micros(span.end_ns).max(1),
        origin_ns: span.start_ns.to_string(),
        nodes: report.history.nodes.clone(),
        era: report.results.era.clone(),
        modes: report.history.read_modes.clone(),
        columns: columns(report, selection, span, &keys, &lanes),
        keys: keys.iter().map(u64::to_string).collect(),
        lanes: lanes.iter().map(u64::to_string).collect(),
        faults: fault_bands(report, span),
        roles: node_roles(report, span),
        culprits,
        members,
        stale: report
            .staleness
            .iter()
            .filter_map(|read| stale_row(read, row_of))
            .collect(),
    }
}

fn lane_of(op: &Op, concurrency: u64) -> u64 {
    op.process.0.checked_rem(concurrency).unwrap_or(op.process.0)
}

fn stale_row(read: &ReadStaleness, row_of: impl Fn(u64) -> Option<usize>) -> Option<(usize, u64, f64)> {
    let row = read
        .is_stale()
        .then(|| row_of(u64::from(read.op_index.0)))
        .flatten()?;
    Some((row, read.versions_behind, (read.ms_behind * 1e3).round() / 1e3))
}

fn columns(
    report: &RunReport<'_>,
    selection: &Selection,
    span: Span,
    keys: &[u64],
    lanes: &[u64],
) -> BTreeMap<&'static str, PackedColumn> {
    let mut columns = Columns::default();
    let (mut last_index, mut last_start) = (0, 0);
    for &at in &selection.rows {
        let op = &report.history.ops[at];
        columns.index.push((at - last_index) as u64);
        last_index = at;
        let start = span.micros(op.invoked_ns);
        // Signed, since a history that was merged from several clocks may step back.
        columns.start.push_signed(start.wrapping_sub(last_start) as i64);
        last_start = start;
        let end = op.completed_ns.map_or(start, |end| span.micros(end));
        columns.length.push(end.saturating_sub(start));
        let lane = lane_of(op, report.concurrency);
        columns
            .lane
            .push(lanes.partition_point(|&other| other < lane) as u64);
        columns
            .key
            .push(keys.partition_point(|&other| other < op.key.0) as u64);
        columns.push_op(op);
    }
    columns.pack()
}

impl Columns {
    /// Pushes what needs nothing but the op itself.
    fn push_op(&mut self, op: &Op) {
        let (action, argument, replacement) = match op.action {
            Action::Read => (0, 0, 0),
            Action::Write { value } => (1, value.0, 0),
            Action::Cas { from, to } => (2, from.0, to.0),
        };
        let outcome = match op.outcome {
            Outcome::Ok => 0,
            Outcome::Fail => 1,
            Outcome::Info => 2,
        };
        let (observed, value) = match op.observed {
            None => (0, 0),
            Some(None) => (flag::NIL, 0),
            Some(Some(value)) => (flag::OBSERVED, value.0),
        };
        let completed = if op.completed_ns.is_some() {
            flag::COMPLETED
        } else {
            0
        };
        self.flags
            .push(action | outcome << flag::OUTCOME_SHIFT | completed | observed);
        self.argument.push_signed(argument);
        self.replacement.push_signed(replacement);
        self.observed.push_signed(value);
        self.process.push(op.process.0);
        self.version.push_option(op.version.map(|version| version.0));
        self.mode.push_option(op.read_mode.map(|mode| u64::from(mode.0)));
        self.node.push_option(op.node.map(|node| u64::from(node.0)));
        self.served_by
            .push_option(op.served_by.map(|node| u64::from(node.0)));
        self.term.push_option(op.term);
        self.error.push_option(op.error.map(u64::from));
    }

    fn pack(&self) -> BTreeMap<&'static str, PackedColumn> {
        [
            ("index", &self.index),
            ("start", &self.start),
            ("length", &self.length),
            ("flags", &self.flags),
            ("lane", &self.lane),
            ("process", &self.process),
            ("key", &self.key),
            ("argument", &self.argument),
            ("replacement", &self.replacement),
            ("observed", &self.observed),
            ("version", &self.version),
            ("mode", &self.mode),
            ("node", &self.node),
            ("servedBy", &self.served_by),
            ("term", &self.term),
            ("error", &self.error),
        ]
        .map(|(name, column)| (name, column.pack()))
        .into()
    }
}

fn fault_bands(report: &RunReport<'_>, span: Span) -> Vec<FaultBand> {
    let band = |band: faults::Band| FaultBand {
        id: band.id,
        start: span.micros(band.start_ns),
        stop: band.stop_ns.map(|at| span.micros(at)),
        kind: band.kind,
        variant: band.variant,
        nodes: band.nodes,
    };
    report.bands().into_iter().map(band).collect()
}

fn node_roles(report: &RunReport<'_>, span: Span) -> Vec<NodeRoles> {
    let packed = |role: RoleSpan| {
        (
            span.micros(role.start_ns),
            span.micros(role.end_ns),
            role.role,
            role.term,
        )
    };
    faults::roles(report.results, report.nemesis, span.end_ns)
        .into_iter()
        .map(|(node, spans)| NodeRoles {
            node,
            spans: spans.into_iter().map(packed).collect(),
        })
        .collect()
}
