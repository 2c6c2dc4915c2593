//! `check --witness` and `check --verify`: certificates, written and held against their history.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};
use splitbrain_checker::certificate::{
    Certificate, NoCertificate, Proof, Refusal, Witness, verify_registers,
};
use splitbrain_checker::codec::{self, Content, Format, Imported};
use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::history::History;
use splitbrain_checker::model::BuiltIn;
use splitbrain_reports::results::ClaimVerdict;

use super::check::{CheckArgs, cut_off, exit, history_of, is_same_file, of_mode};
use super::check_calls;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;

/// The options of `check` about witnesses.
#[derive(Args, Debug)]
pub(super) struct WitnessArgs {
    /// Write what shows the verdict to this file: an order of all ops, or a proof that there is none
    #[arg(long, value_name = "WITNESS", conflicts_with = "verify")]
    witness: Option<PathBuf>,
    /// Hold this file, which --witness wrote, against the history, without checking that anew
    #[arg(long, value_name = "WITNESS", conflicts_with = "explain")]
    verify: Option<PathBuf>,
}

/// How a history was checked.
pub(super) struct About<'a> {
    pub(super) format: &'static str,
    pub(super) model: &'static str,
    /// The mode that the verdict is about.
    pub(super) read_mode: Option<&'a str>,
}

impl WitnessArgs {
    /// Where the witness goes, if one is asked for.
    pub(super) fn file(&self) -> Option<&Path> {
        self.witness.as_deref()
    }

    /// Whether a witness is to be written.
    pub(super) fn is_wanted(&self) -> bool {
        self.witness.is_some()
    }

    /// Writes the witness, if one is wanted. [`Exit::Unknown`] where there is none.
    pub(super) fn write(
        &self,
        file: &Path,
        about: &About<'_>,
        certificate: Option<std::result::Result<Certificate, NoCertificate>>,
    ) -> Result<Exit> {
        let Some(path) = &self.witness else {
            return Ok(Exit::Pass);
        };
        let certificate = match certificate {
            Some(Ok(certificate)) => certificate,
            None | Some(Err(NoCertificate::NoVerdict)) => {
                output::note("note: no witness was written, since there is no verdict");
                return Ok(Exit::Unknown);
            }
            Some(Err(why)) => {
                output::note(&format!(
                    "note: no witness was written: {why}; allow more by --check-time-limit and --memory-limit"
                ));
                return Ok(Exit::Unknown);
            }
        };
        let witness = Witness::new(
            certificate,
            sha256(&history_of(file))?,
            about.format,
            about.model,
            about.read_mode.map(str::to_owned),
        );
        fs::write(path, witness.to_json())
            .map_err(|error| Failure::host(format!("cannot write {}: {error}", path.display())))?;
        Ok(Exit::Pass)
    }
}

/// Verifies a witness, where that is asked for; `None` where it is not. Refuses what cannot be done with witnesses.
pub(super) fn verify(args: &CheckArgs, files: &[PathBuf], consistency: Consistency) -> Result<Option<Exit>> {
    let WitnessArgs { witness, verify } = &args.witness;
    let Some((option, path)) =
        (witness.as_ref().map(|path| ("--witness", path))).or(verify.as_ref().map(|path| ("--verify", path)))
    else {
        return Ok(None);
    };
    let usage = |message: String| Err(Failure::Usage(message));
    let [file] = files else {
        return usage(format!(
            "{option} is about one history, and {} are given; check each with its own witness",
            files.len()
        ));
    };
    if consistency != Consistency::Linearizable {
        return usage(format!(
            "only `linearizable` has witnesses, not `{consistency}`: its counterexamples are pairs of ops that the reason names; leave {option} out"
        ));
    }
    if is_same_file(path, &history_of(file)) {
        return usage(format!(
            "{option} {} is the history itself; name another file",
            path.display()
        ));
    }
    match verify {
        Some(path) => verify_witness(path, file, args).map(Some),
        None => Ok(None),
    }
}

/// What `--json` says of a witness that was not refused.
#[derive(Serialize)]
struct WitnessReport {
    file: String,
    witness: String,
    format: &'static str,
    model: &'static str,
    /// Who says that it is of this model: it was asked for, or the witness alone says so.
    model_from: &'static str,
    consistency: &'static str,
    read_mode: Option<String>,
    accepted: bool,
    verdict: ClaimVerdict,
    reason: String,
    /// What else should be known before the witness is relied on.
    warnings: Vec<String>,
}

fn verify_witness(path: &Path, file: &Path, args: &CheckArgs) -> Result<Exit> {
    let witness = read(path)?;
    let refused = |why: String| {
        let message = format!("{} shows nothing about {}: {why}", path.display(), file.display());
        Failure::Input(message)
    };
    if sha256(&history_of(file))? != witness.history_sha256 {
        let why =
            "it is about another history, whose file has another SHA-256; write one for this by --witness";
        return Err(refused(why.to_owned()));
    }
    let format: Format = (witness.format.parse()).map_err(|error| refused(format!("{error}")))?;
    let model: BuiltIn = (witness.model.parse()).map_err(|error| refused(format!("{error}")))?;
    agree("format", args.format().map(Format::name), format.name()).map_err(&refused)?;
    agree("model", args.model().map(BuiltIn::name), model.name()).map_err(&refused)?;
    let about = witness.read_mode.as_deref().unwrap_or("all modes together");
    agree("read mode", args.read_mode(), about).map_err(&refused)?;
    let read = codec::read_file(&history_of(file), Some(format))
        .map_err(|error| Failure::Input(error.to_string()))?;
    let mut warnings: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(other_model(&read, model, args));
    for warning in &warnings {
        output::note(&format!("note: {}: {warning}", file.display()));
    }
    let (verdict, reason) = match hold_against(&read, &witness, model, file)? {
        Ok(()) => accepted(&witness.certificate),
        Err(undecided) if undecided.is_undecided() => (ClaimVerdict::Unknown, undecided.to_string()),
        Err(refusal) => return Err(refused(refusal.to_string())),
    };
    let report = WitnessReport {
        file: file.display().to_string(),
        witness: path.display().to_string(),
        format: format.name(),
        model: model.name(),
        model_from: match args.model() {
            Some(_) => "option",
            None => "witness",
        },
        consistency: Consistency::Linearizable.name(),
        accepted: verdict != ClaimVerdict::Unknown,
        read_mode: witness.read_mode,
        verdict,
        reason: reason + cut_off(&read),
        warnings,
    };
    output::print(&if args.is_json() {
        serde_json::to_string(&report).expect("a report is plain data") + "\n"
    } else {
        prose(&report)
    });
    Ok(exit(verdict))
}

fn read(path: &Path) -> Result<Witness> {
    let unusable = |why: String| Failure::Input(format!("{} is no witness: {why}", path.display()));
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))?;
    Witness::from_json(&text).map_err(|error| unusable(error.to_string()))
}

/// That the calls look like those of another model than the witness says, where nobody has asked for that: a queue that is
/// shown to be a bag is shown less than was promised.
fn other_model(read: &Imported, model: BuiltIn, args: &CheckArgs) -> Option<String> {
    let (None, Content::Calls(calls)) = (args.model(), &read.content) else {
        return None;
    };
    let suggested = BuiltIn::of_calls(calls)?;
    // Without a cas the two are one.
    let is_same = suggested == model || (suggested, model) == (BuiltIn::Register, BuiltIn::CasRegister);
    (!is_same).then(|| {
        format!(
            "the witness is about the model `{model}`, but the ops look like those of `{suggested}`; say by --model which of them was promised"
        )
    })
}

/// What the command line asks for must be what the witness is about.
fn agree(what: &str, asked: Option<&str>, found: &str) -> std::result::Result<(), String> {
    match asked {
        Some(asked) if asked != found => Err(format!("it is about the {what} `{found}`, not `{asked}`")),
        _ => Ok(()),
    }
}

/// Whether the certificate is accepted; runs the validator only.
fn hold_against(
    read: &Imported,
    witness: &Witness,
    model: BuiltIn,
    file: &Path,
) -> Result<std::result::Result<(), Refusal>> {
    let nothing = || Ok(Err(Refusal::Undecided("there is no op to judge".to_owned())));
    let registers: History;
    let history = match &read.content {
        Content::Native(parsed) if parsed.history.ops.is_empty() => return nothing(),
        Content::Calls(calls) if calls.calls.is_empty() => return nothing(),
        Content::Native(parsed) => {
            check_calls::native_model(parsed, Some(model), file)?;
            &parsed.history
        }
        Content::Calls(calls) => match check_calls::registers(calls, model) {
            Some(history) => {
                registers = history;
                &registers
            }
            None => {
                let verified = model.verify_certificate(calls, &witness.certificate);
                return verified.map_err(|bad| check_calls::bad_call(read, file, &bad));
            }
        },
    };
    Ok(match &witness.read_mode {
        None => verify_registers(history, &witness.certificate),
        Some(mode) => verify_registers(&of_mode(history, mode, file)?, &witness.certificate),
    })
}

/// What an accepted certificate shows.
fn accepted(certificate: &Certificate) -> (ClaimVerdict, String) {
    match certificate {
        Certificate::Valid { linearizations } => {
            let ops: usize = linearizations.iter().map(|one| one.order.len()).sum();
            let objects = linearizations.len();
            let reason = format!("the orders given for {objects} objects, of {ops} ops, are linearizations");
            (ClaimVerdict::Valid, reason)
        }
        Certificate::Invalid { object, proof } => {
            let what = match proof {
                Proof::Cycle(cycle) => format!(
                    "what must come before what forms a cycle of {} steps",
                    cycle.cycle.len()
                ),
                Proof::UnwrittenValue { op, .. } => {
                    format!("op {op} saw a value that nobody may have written")
                }
                Proof::ImpossibleAnswer { op } => format!("no register answers as op {op} says"),
                Proof::SubHistory { ops } => {
                    format!("{} ops have no linearization, whatever the others did", ops.len())
                }
            };
            let object = object.as_ref();
            let of = object.map_or(String::new(), |object| format!("object {object}: "));
            (ClaimVerdict::Invalid, of + &what)
        }
    }
}

fn prose(report: &WitnessReport) -> String {
    let WitnessReport {
        file,
        witness,
        model,
        model_from,
        consistency,
        verdict,
        reason,
        ..
    } = report;
    let by = match *model_from {
        "witness" => ", as the witness says",
        _ => "",
    };
    let badge = output::claim_badge(*verdict);
    let how = match report.accepted {
        true => "accepted",
        false => "not decided",
    };
    let mode = report.read_mode.as_ref();
    let mode = mode.map_or(String::new(), |mode| format!(", reads by {mode}"));
    format!("{file}: {badge}  {consistency} {model}{by}{mode}, by {witness}: {how}\n  {reason}\n")
}

/// The SHA-256 of a file, in hexadecimal digits.
fn sha256(path: &Path) -> Result<String> {
    let hash = || -> io::Result<String> {
        let (mut file, mut hash) = (File::open(path)?, Sha256::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    hash().map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))
}
