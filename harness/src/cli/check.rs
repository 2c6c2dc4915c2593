//! `check`: judges histories, of whatever made them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use splitbrain_checker::certificate::{Certificate, NoCertificate, certify};
use splitbrain_checker::codec::{self, Content, Format, Imported};
use splitbrain_checker::consistency::{Consistency, check_consistency};
use splitbrain_checker::history::{Action, History, Op, ReadModeId};
use splitbrain_checker::linearizable::Options;
use splitbrain_checker::model::BuiltIn;
use splitbrain_reports::results::{ClaimVerdict, Counterexample};

use super::explanation::Explanation;
use super::witness::{self, About, WitnessArgs};
use super::{check_calls, visualise};

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
    /// Their format: native, jepsen-edn, elle-json, knossos-log or porcupine-kv [default: found out from each file]
    #[arg(long)]
    format: Option<Format>,
    /// What the ops act on: register, cas-register, multi-register, kv, set, counter, queue, fifo-queue, stack, lock,
    /// fenced-lock or list-append [default: found out from the ops, where they tell]
    #[arg(long)]
    model: Option<BuiltIn>,
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
    #[arg(long, visible_alias = "time-limit", value_name = "TIME", env = "SPLITBRAIN_CHECK_TIME_LIMIT", hide_env = true, default_value_t = CHECK_TIME_LIMIT_DEFAULT)]
    check_time_limit: Span,
    /// With how much memory the search must do before a file's verdict is unknown, such as 512MiB
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = bytes)]
    memory_limit: usize,
    /// How many threads may search [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Say more about what is not consistent: what must come before what, and which orders of the ops came to nothing
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    pub(super) witness: WitnessArgs,
    /// One JSON object a line, for each file
    #[arg(long)]
    json: bool,
    /// Write a page of the history as well: every op on a timeline, the counterexample, and the linearizations. For
    /// one FILE only
    #[arg(long, value_name = "PAGE")]
    html: Option<PathBuf>,
}

/// What stands for the mode of reads that name none, where others do.
const NAMELESS: &str = "reads of no mode";

/// What `--json` says of one file.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    pub(super) file: String,
    pub(super) format: &'static str,
    pub(super) model: &'static str,
    pub(super) consistency: &'static str,
    /// The mode asked for; else, of several, the one that the verdict is about.
    pub(super) read_mode: Option<String>,
    pub(super) ops: usize,
    pub(super) verdict: ClaimVerdict,
    pub(super) reason: String,
    pub(super) parse_ms: f64,
    pub(super) check_ms: f64,
    pub(super) counterexample: Option<Counterexample>,
    /// What `--explain` adds for people.
    pub(super) explanation: Option<Explanation>,
    #[serde(skip)]
    certificate: Option<std::result::Result<Certificate, NoCertificate>>,
}

/// Checks every file; exits by the worst.
pub(super) fn check(args: &CheckArgs) -> Result<Exit> {
    let model = catalog::model(&args.consistency)?;
    if let Some(exit) = witness::verify(args, &args.files, model)? {
        return Ok(exit);
    }
    visualise::admits(args)?;
    let mut worst = Exit::Pass;
    for file in &args.files {
        let exit = match check_file(file, model, args) {
            Ok(mut report) => {
                output::print(&if args.json {
                    json(&report)
                } else {
                    prose(&report, args.explain)
                });
                let certificate = report.certificate.take();
                let exit = exit(report.verdict);
                exit.worst(args.witness.write(file, &report.about(), certificate)?)
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

impl FileReport {
    fn about(&self) -> About<'_> {
        About {
            format: self.format,
            model: self.model,
            // What holds against some reads holds against all together, and only modes with a name can be named.
            read_mode: self.read_mode.as_deref().filter(|mode| *mode != NAMELESS),
        }
    }
}

pub(super) fn exit(verdict: ClaimVerdict) -> Exit {
    match verdict {
        ClaimVerdict::Valid => Exit::Pass,
        ClaimVerdict::Invalid => Exit::Violation,
        ClaimVerdict::Unknown => Exit::Unknown,
    }
}

fn check_file(file: &Path, consistency: Consistency, args: &CheckArgs) -> Result<FileReport> {
    let started = Instant::now();
    let read = codec::read_file(&history_of(file), args.format)
        .map_err(|error| Failure::Input(error.to_string()))?;
    let parse_ms = started.elapsed().as_secs_f64() * 1e3;
    for warning in &read.warnings {
        output::note(&format!("note: {}: {warning}", file.display()));
    }
    let started = Instant::now();
    let (model, judged) = match &read.content {
        Content::Native(parsed) => {
            let model = check_calls::native_model(parsed, args.model, file)?;
            (model, judge_file(&parsed.history, file, consistency, args)?)
        }
        Content::Calls(calls) => check_calls::judge(&read, calls, file, consistency, args)?,
    };
    let check_ms = started.elapsed().as_secs_f64() * 1e3;
    let report = FileReport {
        file: file.display().to_string(),
        format: read.format.name(),
        model: model.name(),
        consistency: consistency.name(),
        verdict: judged.verdict,
        reason: judged.reason + cut_off(&read),
        ops: judged.ops,
        parse_ms,
        check_ms,
        counterexample: judged.counterexample,
        explanation: judged.explanation,
        certificate: judged.certificate,
        read_mode: judged.read_mode,
    };
    if let Some(html) = &args.html {
        visualise::write(html, &read, model, &report, args)?;
    }
    Ok(report)
}

/// What a reason ends with where the file did not end with a whole line.
pub(super) fn cut_off(read: &Imported) -> &'static str {
    match read.warnings.is_empty() {
        true => "",
        false => "; the last line was cut off, and is not judged",
    }
}

/// Whether two paths lead to one file that is there.
pub(super) fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The file of a history. The folder of a run stands for its own, as it does for `report`.
pub(super) fn history_of(file: &Path) -> PathBuf {
    match file.is_dir() {
        true => file.join("history.jsonl"),
        false => file.to_owned(),
    }
}

impl CheckArgs {
    /// The format asked for.
    pub(super) fn format(&self) -> Option<Format> {
        self.format
    }

    /// Whether output is for programs.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// What the check of one file may cost.
    pub(super) fn options(&self) -> Options {
        Options {
            threads: self.threads.map(usize::from),
            time_limit: Some(self.check_time_limit.0),
            memory_limit_bytes: self.memory_limit,
            ..Options::default()
        }
    }

    /// The histories.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Where the page goes, if one is asked for.
    pub(super) fn html(&self) -> Option<&Path> {
        self.html.as_deref()
    }

    /// The data model asked for.
    pub(super) fn model(&self) -> Option<BuiltIn> {
        self.model
    }

    /// The read mode asked for, which only native histories have.
    pub(super) fn read_mode(&self) -> Option<&str> {
        self.read_mode.as_deref()
    }
}

/// A size in bytes: `512MiB`, `4GiB`, `1000000`.
fn bytes(text: &str) -> std::result::Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: usize = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        unit => return Err(format!("unknown unit `{unit}`; known: KiB, MiB, GiB")),
    };
    let number: usize =
        (digits.trim().parse()).map_err(|_| format!("`{text}` is no size; write 512MiB or 4GiB"))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| format!("`{text}` is more than this machine can address"))
}

/// What was judged of a file, and how it came out.
pub(super) struct Judged {
    pub(super) ops: usize,
    /// The mode that was asked for, or the one that decides the verdict on several.
    pub(super) read_mode: Option<String>,
    pub(super) verdict: ClaimVerdict,
    pub(super) reason: String,
    pub(super) counterexample: Option<Counterexample>,
    pub(super) explanation: Option<Explanation>,
    /// What shows the verdict, where a witness is wanted.
    pub(super) certificate: Option<std::result::Result<Certificate, NoCertificate>>,
}

/// Judges a history of registers, whatever its read modes.
pub(super) fn judged(
    history: &History,
    mode: Option<&str>,
    consistency: Consistency,
    args: &CheckArgs,
) -> Judged {
    let judged = Judged {
        ops: history.ops.len(),
        read_mode: mode.map(str::to_owned),
        verdict: ClaimVerdict::Unknown,
        reason: "there is no op to judge".to_owned(),
        counterexample: None,
        explanation: None,
        certificate: None,
    };
    if history.ops.is_empty() {
        return judged;
    }
    let checked = check_consistency(history, consistency, &args.options());
    let found = checked.counterexample();
    // Of several modes the reads of all together show it, once those of each have.
    let is_last = found.is_some() || mode == args.read_mode();
    let certificate =
        (args.witness.is_wanted() && is_last).then(|| certify(history, &checked, &args.options()));
    Judged {
        certificate,
        verdict: judge::claim_verdict(&checked),
        reason: judge::reason(&checked, history),
        counterexample: found.map(|found| judge::counterexample(found, mode.unwrap_or(""), consistency)),
        explanation: found.map(|found| Explanation::of_registers(history, found)),
        ..judged
    }
}

/// Judges the mode asked for, or each on its own where there are several: what holds for the reads of one mode need
/// not hold for those of another, which may promise less. Modes that are all linearizable must be so together, since
/// they show one register.
fn judge_file(history: &History, file: &Path, model: Consistency, args: &CheckArgs) -> Result<Judged> {
    if let Some(mode) = &args.read_mode {
        return Ok(judged(&of_mode(history, mode, file)?, Some(mode), model, args));
    }
    if history.read_modes.len() < 2 {
        return Ok(judged(history, None, model, args));
    }
    let names = history.read_modes.join(", ");
    output::note(&format!(
        "note: {} has the read modes {names}, each of which is judged on its own",
        file.display()
    ));
    let mut undecided = None;
    for (name, part) in parts(history) {
        let mut found = judged(&part, Some(&name), model, args);
        found.reason = format!("{name}: {}", found.reason);
        match found.verdict {
            ClaimVerdict::Invalid => return Ok(found),
            ClaimVerdict::Unknown => undecided = undecided.or(Some(found)),
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
            verdict: ClaimVerdict::Valid,
            reason: format!("held over {ops} ops for each of the read modes {names}"),
            counterexample: None,
            explanation: None,
            certificate: None,
        });
    }
    let mut whole = judged(history, None, model, args);
    whole.reason = match whole.verdict {
        ClaimVerdict::Valid => {
            format!("held over {ops} ops for each of the read modes {names}, and for all together")
        }
        _ => format!("each of {names} by itself, but not together: {}", whole.reason),
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
        (NAMELESS.to_owned(), part)
    });
    named.chain(rest)
}

pub(super) fn of_mode(history: &History, mode: &str, file: &Path) -> Result<History> {
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

fn prose(report: &FileReport, explain: bool) -> String {
    let FileReport {
        file,
        model,
        consistency,
        ops,
        verdict,
        reason,
        parse_ms,
        check_ms,
        ..
    } = report;
    let mut text = format!(
        "{file}: {}  {consistency} {model}, {ops} ops, read in {parse_ms:.0} ms, checked in {check_ms:.0} ms\n",
        output::claim_badge(*verdict)
    );
    match &report.counterexample {
        Some(example) => {
            text.push('\n');
            text.push_str(&output::counterexample(example, output::width()));
            text.push('\n');
            if let Some(explanation) = report.explanation.as_ref().filter(|_| explain) {
                text.push_str(&explanation.prose());
            }
        }
        None => text.push_str(&format!("  {reason}\n")),
    }
    text
}
