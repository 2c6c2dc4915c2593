//! `export`: writes a history in another format.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use splitbrain_checker::codec::{self, Content, ExportError, Format, Loss};

use super::check::is_same_file;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;

/// The arguments of `export`.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// The history, or the folder of a run
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The format to write: native, jepsen-edn or elle-json
    #[arg(long, value_name = "FORMAT")]
    to: Format,
    /// Where to write it [default: to stdout]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// The format of the file: native, jepsen-edn, elle-json, knossos-log or porcupine-kv [default: found out from it]
    #[arg(long)]
    format: Option<Format>,
}

/// Writes the history, and says on stderr what the format cannot hold of it.
pub(super) fn export(args: &ExportArgs) -> Result<Exit> {
    let in_run = args.file.join("history.jsonl");
    let path = if args.file.is_dir() { &in_run } else { &args.file };
    if matches!(args.to, Format::KnossosLog | Format::PorcupineKv) {
        return Err(Failure::Usage(ExportError::ReadOnly(args.to).to_string()));
    }
    if let Some(out) = args.output.as_deref().filter(|out| is_same_file(out, path)) {
        return Err(Failure::Usage(format!(
            "--output {} is the history itself; name another file",
            out.display()
        )));
    }
    let read = codec::read_file(path, args.format).map_err(|error| Failure::Input(error.to_string()))?;
    for warning in &read.warnings {
        output::note(&format!("note: {}: {warning}", path.display()));
    }
    let losses = match &args.output {
        Some(out) => to_file(&read.content, args, out)?,
        None => match written(&read.content, args, io::stdout().lock()) {
            // A reader that went away, as `head` does, wants no more.
            Err(ExportError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(Exit::Pass);
            }
            losses => losses.map_err(|error| failure(args, "stdout", error))?,
        },
    };
    for loss in losses {
        output::note(&format!("note: {} cannot hold {loss}", args.to));
    }
    Ok(Exit::Pass)
}

/// Writes beside `out` first, so that a failure half-way leaves nothing that looks like a history. What is no file, such as
/// a pipe, is written to and never replaced.
fn to_file(content: &Content, args: &ExportArgs, out: &Path) -> Result<Vec<Loss>> {
    let shown = out.display().to_string();
    if fs::symlink_metadata(out).is_ok_and(|about| !about.is_file()) {
        let sink = File::options().write(true).truncate(true).open(out);
        let sink = sink.map_err(|error| cannot_write(&shown, &error))?;
        return written(content, args, sink).map_err(|error| failure(args, &shown, error));
    }
    let mut beside = out.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let file = File::create(&beside).map_err(|error| cannot_write(&shown, &error))?;
    let whole = || -> std::result::Result<Vec<Loss>, ExportError> {
        let losses = written(content, args, file)?;
        fs::rename(&beside, out)?;
        Ok(losses)
    };
    whole().map_err(|error| {
        // What is left of it is of no use, and the failure is what must be told.
        let _ = fs::remove_file(&beside);
        failure(args, &shown, error)
    })
}

fn written(
    content: &Content,
    args: &ExportArgs,
    sink: impl Write,
) -> std::result::Result<Vec<Loss>, ExportError> {
    codec::export(content, args.to, BufWriter::new(sink))
}

fn failure(args: &ExportArgs, shown: &str, error: ExportError) -> Failure {
    match error {
        ExportError::Io(error) => cannot_write(shown, &error),
        refused => Failure::Input(format!("{}: {refused}", args.file.display())),
    }
}

fn cannot_write(shown: &str, error: &io::Error) -> Failure {
    Failure::Host {
        problem: format!("cannot write {shown}: {error}"),
        mend: Some("name a file in a folder that exists and can be written to, with --output".to_owned()),
    }
}
