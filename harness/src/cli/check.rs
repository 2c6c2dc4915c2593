//! `check`: judges histories, of whatever made them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde::Serialize;
use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::history::{Action, History, Op, ReadModeId, read_native_file};
use splitbrain_checker::linearizable::Verdict;
use splitbrain_reports::results::{ClaimVerdict, Counterexample};

use crate::catalog;
use crate::config::CHECK_TIME_LIMIT_DEFAULT;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::names;
use crate::output;
use crate::run::judge;
use crate::units::Span;

/// The arguments of `check`.
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The histories
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Their format [default: found out from each file]
    #[arg(long)]
    format: Option<Format>,
    /// The consistency model to check against (see `list models`)
    #[arg(
        long,
        value_name = "MODEL",
        env = "SPLITBRAIN_CONSISTENCY",
        hide_env = true,
        default_value = "linearizable"
    )]
    consistency: String,
    /// Judge the reads of this mode only, with all updates [default: each mode on its own]
    #[arg(long, value_name = "MODE")]
    read_mode: Option<String>,
    /// After which time a file's verdict is unknown
    #[arg(long, value_name = "TIME", env = "SPLITBRAIN_CHECK_TIME_LIMIT", hide_env = true, default_value_t = CHECK_TIME_LIMIT_DEFAULT)]
    check_time_limit: Span,
    /// One JSON object a line, for each file
    #[arg(long)]
    json: bool,
}

/// The formats of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    /// JSON Lines of this harness
    Native,
}

/// What `--json` says of one file.
#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    format: Format,
    model: &'static str,
    consistency: &'static str,
    /// The mode asked for; else, of several, the one that the verdict is about.
    read_mode: Option<String>,
    ops: usize,
    verdict: ClaimVerdict,
    reason: String,
    parse_ms: f64,
    check_ms: f64,
    counterexample: Option<Counterexample>,
}

/// Checks every file; exits by the worst.
pub(super) fn check(args: &CheckArgs) -> Result<Exit> {
    let model = catalog::model(&args.consistency)?;
    let mut worst = Exit::Pass;
    for file in &args.files {
        let exit = match check_file(file, model, args) {
            Ok(report) => {
                output::print(&if args.json { json(&report) } else { prose(&report) });
                exit(report.verdict)
            }
            // One bad file does not keep the others from being judged.
            Err(failure) => {
                output::note(&format!("error: {failure}"));
                failure.exit()
            }
        };
        worst = worst.worst(exit);
    }
    Ok(worst)
}

fn exit(verdict: ClaimVerdict) -> Exit {
    match verdict {
        ClaimVerdict::Valid => Exit::Pass,
        ClaimVerdict::Invalid => Exit::Violation,
        ClaimVerdict::Unknown => Exit::Unknown,
    }
}

fn check_file(file: &Path, model: Consistency, args: &CheckArgs) -> Result<FileReport> {
    let started = Instant::now();
    // The folder of a run stands for its history, as it does for `report`.
    let in_run = file.join("history.jsonl");
    let path = if file.is_dir() { &in_run } else { file };
    let parsed = read_native_file(path).map_err(|error| Failure::Input(error.to_string()))?;
    let parse_ms = started.elapsed().as_secs_f64() * 1e3;
    for warning in &parsed.warnings {
        output::note(&format!("note: {}: {warning}", file.display()));
    }
    let started = Instant::now();
    let judged = judge_file(&parsed.history, file, model, args)?;
    let check_ms = started.elapsed().as_secs_f64() * 1e3;
    let Judged {
        ops,
        read_mode,
        verdict,
    } = judged;
    Ok(FileReport {
        file: file.display().to_string(),
        format: args.format.unwrap_or(Format::Native),
        model: parsed.header.model.name(),
        consistency: model.name(),
        verdict: verdict.claim_verdict(),
        ops,
        parse_ms,
        check_ms,
        counterexample: verdict
            .checked
            .as_ref()
            .and_then(Verdict::counterexample)
            .map(|found| {
                let mode = read_mode.as_deref().unwrap_or("");
                judge::counterexample(found, mode, model)
            }),
        read_mode,
        reason: verdict.reason,
    })
}

/// What was judged of a file, and how it came out.
struct Judged {
    ops: usize,
    /// The mode that was asked for, or the one that decides the verdict on several.
    read_mode: Option<String>,
    verdict: Explained,
}

struct Explained {
    /// None where there was nothing to check.
    checked: Option<Verdict>,
    reason: String,
}

impl Explained {
    fn claim_verdict(&self) -> ClaimVerdict {
        self.checked
            .as_ref()
            .map_or(ClaimVerdict::Unknown, judge::claim_verdict)
    }
}

/// Judges the mode asked for, or each on its own where there are several: what holds for the reads of one mode need
/// not hold for those of another, which may promise less. Modes that are all linearizable must be so together, since
/// they show one register.
fn judge_file(history: &History, file: &Path, model: Consistency, args: &CheckArgs) -> Result<Judged> {
    let explained = |part: &History| {
        let (checked, reason) = match part.ops.is_empty() {
            true => (None, "there is no op to judge".to_owned()),
            false => {
                let checked = judge::verdict(part, model, args.check_time_limit.0);
                let reason = judge::reason(&checked, part);
                (Some(checked), reason)
            }
        };
        Explained { checked, reason }
    };
    let judged = |read_mode: Option<&str>, part: &History| Judged {
        ops: part.ops.len(),
        read_mode: read_mode.map(str::to_owned),
        verdict: explained(part),
    };
    if let Some(mode) = &args.read_mode {
        return Ok(judged(Some(mode), &of_mode(history, mode, file)?));
    }
    if history.read_modes.len() < 2 {
        return Ok(judged(None, history));
    }
    let names = history.read_modes.join(", ");
    output::note(&format!(
        "note: {} has the read modes {names}, each of which is judged on its own",
        file.display()
    ));
    let mut undecided = None;
    for (name, part) in parts(history) {
        let mut judged = judged(Some(&name), &part);
        judged.verdict.reason = format!("{name}: {}", judged.verdict.reason);
        match judged.verdict.claim_verdict() {
            ClaimVerdict::Invalid => return Ok(judged),
            ClaimVerdict::Unknown => undecided = undecided.or(Some(judged)),
            ClaimVerdict::Valid => {}
        }
    }
    if let Some(undecided) = undecided {
        return Ok(undecided);
    }
    let ops = history.ops.len();
    if model != Consistency::Linearizable {
        return Ok(Judged {
            ops,
            read_mode: None,
            verdict: Explained {
                checked: Some(Verdict::Valid),
                reason: format!("held over {ops} ops for each of the read modes {names}"),
            },
        });
    }
    let mut whole = judged(None, history);
    whole.verdict.reason = match whole.verdict.claim_verdict() {
        ClaimVerdict::Valid => {
            format!("held over {ops} ops for each of the read modes {names}, and for all together")
        }
        _ => format!(
            "each of {names} by itself, but not together: {}",
            whole.verdict.reason
        ),
    };
    Ok(whole)
}

/// The parts of a history with several read modes: for each its reads and all updates, and where some ok reads name no
/// mode, these.
fn parts(history: &History) -> impl Iterator<Item = (String, History)> + '_ {
    let modes = history.read_modes.iter().enumerate();
    let named = modes.map(|(at, name)| (name.clone(), history.for_read_mode(ReadModeId(at as u8))));
    let is_nameless = |op: &Op| op.action == Action::Read && op.read_mode.is_none();
    let nameless = history.ops.iter().any(is_nameless);
    let rest = nameless.then(|| {
        let part = history.filter(|op| op.action != Action::Read || op.read_mode.is_none());
        ("reads of no mode".to_owned(), part)
    });
    named.chain(rest)
}

fn of_mode(history: &History, mode: &str, file: &Path) -> Result<History> {
    let found = history.read_modes.iter().position(|name| name == mode);
    let index = found.ok_or_else(|| {
        let what = format!("read mode of {}", file.display());
        names::unknown(&what, mode, history.read_modes.iter().map(String::as_str))
    })?;
    Ok(history.for_read_mode(ReadModeId(index as u8)))
}

fn json(report: &FileReport) -> String {
    serde_json::to_string(report).expect("a report is plain data") + "\n"
}

fn prose(report: &FileReport) -> String {
    let FileReport {
        file,
        consistency,
        ops,
        verdict,
        reason,
        parse_ms,
        check_ms,
        ..
    } = report;
    let mut text = format!(
        "{file}: {}  {consistency}, {ops} ops, read in {parse_ms:.0} ms, checked in {check_ms:.0} ms\n",
        output::claim_badge(*verdict)
    );
    match &report.counterexample {
        Some(example) => {
            text.push('\n');
            text.push_str(&output::counterexample(example, output::width()));
            text.push('\n');
        }
        None => text.push_str(&format!("  {reason}\n")),
    }
    text
}
