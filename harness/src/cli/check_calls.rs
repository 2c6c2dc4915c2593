//! `check` of histories of other tools: which model they are of, the verdict, and the counterexample in the words of
//! the results.

use std::path::Path;

use splitbrain_checker::call::{Calls, Datum};
use splitbrain_checker::codec::{Imported, to_registers};
use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::history::{Action, DataModel, History, Op, Outcome, Parsed};
use splitbrain_checker::model::{BadCall, BuiltIn, CallVerdict, CallsCounterexample, check_calls};
use splitbrain_reports::results::{ClaimVerdict, Counterexample, CounterexampleOp};

use super::check::{CheckArgs, Judged, judged};
use super::explanation::Explanation;
use crate::failure::{Failure, Result};
use crate::output;

/// The model of a native history: that of its header, or the other kind of register if it suits.
pub(super) fn native_model(parsed: &Parsed, asked: Option<BuiltIn>, file: &Path) -> Result<BuiltIn> {
    let is_cas = |op: &Op| matches!(op.action, Action::Cas { .. });
    let has_cas = parsed.history.ops.iter().any(is_cas);
    let of_header = match parsed.header.model {
        DataModel::Register => BuiltIn::Register,
        DataModel::CasRegister => BuiltIn::CasRegister,
    };
    match asked {
        None => Ok(of_header),
        Some(BuiltIn::CasRegister) => Ok(BuiltIn::CasRegister),
        Some(BuiltIn::Register) if !has_cas => Ok(BuiltIn::Register),
        Some(model) => Err(Failure::Usage(format!(
            "contradiction: {} holds registers{}, and cannot be checked as `{model}`",
            file.display(),
            if has_cas { " with cas" } else { "" }
        ))),
    }
}

/// Judges calls by the model asked for, or the one that they suggest.
pub(super) fn judge(
    read: &Imported,
    calls: &Calls,
    file: &Path,
    consistency: Consistency,
    args: &CheckArgs,
) -> Result<(BuiltIn, Judged)> {
    if let Some(mode) = args.read_mode() {
        let message = format!(
            "{} has no read modes, and so no `{mode}`; leave --read-mode out",
            file.display()
        );
        return Err(Failure::Usage(message));
    }
    let model = args.model().or_else(|| BuiltIn::of_calls(calls)).ok_or_else(|| {
        let names: Vec<&str> = BuiltIn::ALL.iter().map(|model| model.name()).collect();
        Failure::Usage(format!(
            "the ops of {} do not tell which model they are of; name it by --model: {}",
            file.display(),
            names.join(", ")
        ))
    })?;
    if !calls.has_times {
        output::note(&format!(
            "note: {} has no times: its events are counted instead",
            file.display()
        ));
    }
    if let Some(history) = registers(calls, model) {
        let mut judged = judged(&history, None, consistency, args);
        if let Some(found) = &mut judged.counterexample {
            found.untimed = !calls.has_times;
            if calls.calls.iter().all(|call| call.key.is_none()) {
                found.key_name = Some(String::new());
            }
        }
        return Ok((model, judged));
    }
    if consistency != Consistency::Linearizable {
        return Err(Failure::Usage(format!(
            "{} can only be checked for `linearizable`: `{consistency}` is judged by versions, which only registers report",
            file.display()
        )));
    }
    let report = check_calls(calls, model, &args.options()).map_err(|bad| bad_call(read, file, &bad))?;
    let mut judged = of_calls(calls, &report.verdict, report.objects);
    if args.witness.is_wanted() {
        let certificate = model.certificate(calls, &report.verdict);
        judged.certificate = certificate.map_err(|bad| bad_call(read, file, &bad))?.map(Ok);
    }
    Ok((model, judged))
}

/// The calls as registers of integers, where `model` is one of registers and they are such: then they are checked, and
/// certificates are verified, as those.
pub(super) fn registers(calls: &Calls, model: BuiltIn) -> Option<History> {
    let is_register = matches!(model, BuiltIn::Register | BuiltIn::CasRegister);
    let has_cas = calls.calls.iter().any(|call| &*call.f == "cas");
    to_registers(calls).filter(|_| is_register && !(has_cas && model == BuiltIn::Register))
}

pub(super) fn bad_call(read: &Imported, file: &Path, bad: &BadCall) -> Failure {
    let line = read.line_of(bad.event).unwrap_or(0);
    Failure::Input(format!("{}:{line}: {bad}", file.display()))
}

fn of_calls(calls: &Calls, verdict: &CallVerdict, objects: usize) -> Judged {
    let ops = calls.calls.len();
    let (verdict, reason) = match verdict {
        CallVerdict::Valid(_) => (
            ClaimVerdict::Valid,
            format!("held over {ops} ops on {objects} objects"),
        ),
        CallVerdict::Invalid(found) => {
            return Judged {
                ops,
                read_mode: None,
                verdict: ClaimVerdict::Invalid,
                reason: found.reason.clone(),
                counterexample: Some(counterexample(calls, found)),
                explanation: Some(Explanation::of_calls(calls, found)),
                certificate: None,
            };
        }
        CallVerdict::Unknown {
            spent,
            objects: undecided,
        } => (
            ClaimVerdict::Unknown,
            format!("{spent} before {undecided} of {objects} objects were decided"),
        ),
        CallVerdict::Disagreement(object) => {
            let object = object.as_deref().unwrap_or("the object");
            let reason = format!(
                "two algorithms disagree on {object}, which is a bug in the checker: please report this history"
            );
            (ClaimVerdict::Unknown, reason)
        }
    };
    Judged {
        ops,
        read_mode: None,
        verdict,
        reason,
        counterexample: None,
        explanation: None,
        certificate: None,
    }
}

fn counterexample(calls: &Calls, found: &CallsCounterexample) -> Counterexample {
    let int = |value: Option<&Datum>| {
        value
            .and_then(Datum::as_int)
            .and_then(|int| u64::try_from(int).ok())
    };
    let culprit = &calls.calls[found.culprit as usize];
    let end = culprit.end_ns();
    let key = int(culprit.key.as_ref());
    let op = |at: &u32| {
        let call = &calls.calls[*at as usize];
        CounterexampleOp {
            index: u64::from(*at),
            process: int(Some(&call.process)).unwrap_or(0),
            process_name: match int(Some(&call.process)) {
                Some(_) => None,
                None => Some(call.process.to_string()),
            },
            text: call.to_string(),
            outcome: match call.outcome {
                Outcome::Ok => "ok",
                Outcome::Fail => "fail",
                Outcome::Info => "info",
            }
            .to_owned(),
            start_ns: call.invoked_ns,
            end_ns: call.end_ns(),
            culprit: *at == found.culprit,
            // What had not returned when the culprit did may yet happen.
            counts_as: (call.end_ns() > end && call.end_ns().is_some()).then(|| "pending".to_owned()),
        }
    };
    Counterexample {
        read_mode: String::new(),
        model: Consistency::Linearizable.name().to_owned(),
        key: key.unwrap_or(0),
        key_name: match key {
            Some(_) => None,
            None => Some(found.object.clone().unwrap_or_default()),
        },
        untimed: !calls.has_times,
        reason: found.reason.clone(),
        ops: found.calls.iter().map(op).collect(),
    }
}
