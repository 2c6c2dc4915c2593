//! `check --html`: the page of a checked history.

use std::fs;
use std::path::Path;
use std::time::Duration;

use splitbrain_checker::call::{Call, Calls};
use splitbrain_checker::codec::{Content, Imported, to_registers};
use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::history::{Action, History, Op};
use splitbrain_checker::linearizable::Options;
use splitbrain_checker::model::BuiltIn;
use splitbrain_checker::orders::{ObjectOrders, OrdersEnd, register_orders};
use splitbrain_reports::check::{CheckReport, CheckedEnd, CheckedOp, CheckedOrders};
use splitbrain_reports::check_page;

use super::check::{CheckArgs, FileReport, history_of, is_same_file};
use super::check_calls;
use super::explanation::Explanation;
use crate::failure::{Failure, Result};
use crate::output;

/// How long linearizations are searched for, at most: the verdict does not depend on them.
const ORDERS_TIME_MAX: Duration = Duration::from_secs(30);

/// That a page is asked for of one file only, and takes the place of no other file of this check.
pub(super) fn admits(args: &CheckArgs) -> Result<()> {
    let is_taken = |page: &Path| {
        let histories = args
            .files()
            .iter()
            .any(|file| is_same_file(page, &history_of(file)));
        histories
            || args
                .witness
                .file()
                .is_some_and(|witness| witness == page || is_same_file(witness, page))
    };
    match (args.html(), args.files().len()) {
        (Some(page), _) if is_taken(page) => Err(Failure::Usage(format!(
            "--html {} is the history itself, or its witness; name another file",
            page.display()
        ))),
        (Some(_), files) if files > 1 => Err(Failure::Usage(format!(
            "--html writes the page of one history, but {files} files were given; check them one by one, each with a page of its own"
        ))),
        _ => Ok(()),
    }
}

/// Writes the page of a file that was checked.
pub(super) fn write(
    html: &Path,
    read: &Imported,
    model: BuiltIn,
    report: &FileReport,
    args: &CheckArgs,
) -> Result<()> {
    let consistency = report.consistency;
    let mut orders_note = "";
    let mut orders = Vec::new();
    if consistency == Consistency::Linearizable.name() {
        orders = found_orders(read, model, report, &args.options())?;
    } else {
        orders_note = "Linearizations are only drawn where a history is checked for `linearizable`.";
    }
    let (mut ops, is_timed) = match &read.content {
        Content::Native(parsed) => (register_ops(&parsed.history), true),
        Content::Calls(calls) => (call_ops(calls), calls.has_times),
    };
    let orders: Vec<CheckedOrders> = orders.into_iter().map(|found| named(found, &mut ops)).collect();
    let warnings: Vec<String> = read
        .warnings
        .iter()
        .map(|warning| format!("{warning}."))
        .collect();
    let explanation = report.explanation.as_ref();
    let page = check_page(&CheckReport {
        file: &report.file,
        version: env!("CARGO_PKG_VERSION"),
        format: report.format,
        model: report.model,
        consistency,
        read_mode: report.read_mode.as_deref(),
        verdict: report.verdict,
        reason: &report.reason,
        warnings: &warnings,
        parse_ms: report.parse_ms,
        check_ms: report.check_ms,
        counterexample: report.counterexample.as_ref(),
        certainty: &explanation.map_or(String::new(), Explanation::certainty),
        cycle: &explanation.map_or(Vec::new(), Explanation::cycle),
        ops: &ops,
        is_timed,
        orders: &orders,
        orders_note,
    });
    fs::write(html, page).map_err(|error| Failure::Host {
        problem: format!("cannot write {}: {error}", html.display()),
        mend: Some("name a file in a folder that exists and can be written to".to_owned()),
    })?;
    output::note(&format!("page: {}", html.display()));
    Ok(())
}

/// The orders of what the verdict is about: the whole, or its part of one read mode.
fn found_orders(
    read: &Imported,
    model: BuiltIn,
    report: &FileReport,
    options: &Options,
) -> Result<Vec<ObjectOrders>> {
    let time_limit = options
        .time_limit
        .map_or(ORDERS_TIME_MAX, |limit| limit.min(ORDERS_TIME_MAX));
    let options = Options {
        time_limit: Some(time_limit),
        ..options.clone()
    };
    let calls = match &read.content {
        Content::Native(parsed) => {
            let part = part(&parsed.history, report.read_mode.as_deref());
            let mut orders = register_orders(&part, &options);
            let whole = |at: &mut u32| *at = part.index_of(*at as usize).0;
            for found in &mut orders {
                found.ops.iter_mut().for_each(whole);
                found
                    .orders
                    .iter_mut()
                    .flat_map(|order| &mut order.order)
                    .for_each(whole);
                if let OrdersEnd::Stuck(at) = &mut found.end {
                    whole(at);
                }
            }
            return Ok(orders);
        }
        Content::Calls(calls) => calls,
    };
    let is_register = matches!(model, BuiltIn::Register | BuiltIn::CasRegister);
    match to_registers(calls).filter(|_| is_register) {
        Some(history) => Ok(register_orders(&history, &options)),
        None => (model.find_orders(calls, &options))
            .map_err(|bad| check_calls::bad_call(read, Path::new(&report.file), &bad)),
    }
}

/// The part of a history that a verdict on a read mode is about.
fn part(history: &History, mode: Option<&str>) -> History {
    let Some(mode) = mode else {
        return history.clone();
    };
    let named = history.read_modes.iter().position(|name| name == mode);
    let is_of_mode = |op: &Op| op.read_mode.map(|mode| usize::from(mode.0)) == named;
    history.filter(|op| op.action != Action::Read || is_of_mode(op))
}

/// The orders under the names of their objects, which their ops get.
fn named(found: ObjectOrders, ops: &mut [CheckedOp]) -> CheckedOrders {
    let is_nameless = found.ops.iter().all(|op| ops[*op as usize].object.is_empty());
    let object = match found.object {
        // A register without a key is called 0 only because it must be called something.
        Some(name) if is_nameless && name == "0" => String::new(),
        Some(name) => name,
        None => String::new(),
    };
    for op in &found.ops {
        object.clone_into(&mut ops[*op as usize].object);
    }
    CheckedOrders {
        object,
        end: match found.end {
            OrdersEnd::Linearizable => CheckedEnd::Linearizable,
            OrdersEnd::Stuck(op) => CheckedEnd::Stuck(op),
            OrdersEnd::Spent(spent) => CheckedEnd::Unknown(format!("not found: {spent}")),
        },
        orders: (found.orders.into_iter())
            .map(|found| (found.order, found.state))
            .collect(),
    }
}

fn register_ops(history: &History) -> Vec<CheckedOp> {
    let is_of_modes = history.read_modes.len() > 1;
    let op = |(at, op): (usize, &Op)| {
        let mode = op.read_mode.filter(|_| is_of_modes && op.action == Action::Read);
        let mode = mode.and_then(|mode| history.read_modes.get(usize::from(mode.0)));
        CheckedOp {
            index: u64::from(history.index_of(at).0),
            process: op.process.to_string(),
            object: op.key.to_string(),
            text: match mode {
                Some(mode) => format!("{} ({mode})", op.describe()),
                None => op.describe(),
            },
            outcome: op.outcome,
            is_read: op.action == Action::Read,
            start: op.invoked_ns,
            end: op.completed_ns,
            error: op.error.map(|code| format!("error {code}")).unwrap_or_default(),
        }
    };
    history.ops.iter().enumerate().map(op).collect()
}

fn call_ops(calls: &Calls) -> Vec<CheckedOp> {
    let op = |(at, call): (u64, &Call)| {
        let without_key = Call {
            key: None,
            ..call.clone()
        };
        CheckedOp {
            index: at,
            process: call.process.to_string(),
            object: call.key.as_ref().map(ToString::to_string).unwrap_or_default(),
            text: without_key.to_string(),
            outcome: call.outcome,
            is_read: matches!(&*call.f, "read" | "r" | "get" | "contains"),
            start: call.invoked_ns,
            end: call.completed_ns,
            error: call.error.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    };
    (0..).zip(&calls.calls).map(op).collect()
}
