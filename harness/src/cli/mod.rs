//! The command line.

mod campaign;
mod check;
mod check_calls;
mod doctor;
mod explanation;
mod export;
mod gc;
mod list;
mod options;
mod report;
mod serve;
mod visualise;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use splitbrain_node::NodeArgs;

pub use options::RunOptions;

use crate::compare::{self, CompareOptions};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::mutants::{self, MutantsOptions};
use crate::repro::{self, ReproOptions};
use crate::shrink::{self, ShrinkOptions};
use crate::simulate::{self, SimulateOptions};
use crate::{config, output, run};

/// A consistency test harness: starts a cluster, loads it, breaks it, and judges what clients saw.
#[derive(Debug, Parser)]
#[command(name = "splitbrain", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 pass, 1 violation of a claim, 2 usage or configuration error, 3 unknown, 4 the harness or the host \
failed, 5 `doctor` found something missing, 130 and 143 interrupted.";

const VARIABLES: &str = "\
Each of these options can also be set by a variable, --time-limit by SPLITBRAIN_TIME_LIMIT, and in a TOML file, by \
`time-limit = \"30s\"`. A flag outranks a variable, and that the file.";

const COMPARISON: &str = "\
Each run is kept whole in the comparison's folder. The exit code is that of the worst of them.";

const SHRINKING: &str = "\
Smaller runs are really run: with fewer and shorter faults, less load, fewer keys, read modes, clients and nodes. The \
smallest that fails by the same violation of the same claim becomes a run of its own, NAME-shrunk in the store, with \
shrunk.json, which tells what was tried. Ctrl-C keeps the best so far.

Exit codes: 1 if a run is left that breaks the claim, smaller or, where nothing smaller does, the same; 3 if the run did not \
fail again at all; 2 if it is no run that broke a claim; 4 the harness or the host failed; 130 and 143 interrupted while \
it was measured how often the run fails again.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a cluster under load and faults, and judge it
    #[command(after_help = VARIABLES)]
    Run(Box<RunArgs>),
    /// Run systems side by side under the same load and faults, and compare their read modes
    #[command(after_help = COMPARISON)]
    Compare(Box<CompareOptions>),
    /// Plan many runs, carry them out, and tell what is new
    #[command(subcommand)]
    Campaign(campaign::CampaignCommand),
    /// Check histories
    Check(check::CheckArgs),
    /// Write a history in another format
    Export(export::ExportArgs),
    /// Run a stored run again several times, and see how often it fails
    Repro(ReproOptions),
    /// Make a stored run that failed as small as it still fails
    #[command(after_help = SHRINKING)]
    Shrink(ShrinkOptions),
    /// Draw the page of a stored run, comparison or campaign again
    Report(report::ReportArgs),
    /// Show the store in a browser, on this machine only
    Serve(serve::ServeArgs),
    /// Make stored runs that passed smaller
    Gc(gc::GcArgs),
    /// Run the bundled protocols under virtual time, seed by seed
    Simulate(SimulateOptions),
    /// Run a system's planted bugs, and see whether each is caught
    Mutants(MutantsOptions),
    /// Find out which faults this host allows, and what mends the rest
    Doctor(doctor::DoctorArgs),
    /// List what can be chosen by name
    List(list::ListArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual pages
    Man,
    /// Run one node of a bundled system
    #[command(hide = true)]
    Node(Box<NodeArgs>),
}

/// The arguments of `run`.
#[derive(Args, Debug)]
struct RunArgs {
    #[command(flatten)]
    options: RunOptions,
    /// A TOML file with further options, which flags and variables outrank
    #[arg(
        long,
        value_name = "FILE",
        env = "SPLITBRAIN_CONFIG",
        hide_env = true,
        help_heading = "Run"
    )]
    config: Option<PathBuf>,
    /// Print the results as JSON, on one line
    #[arg(long, help_heading = "Run")]
    json: bool,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed stdout or stderr leaves nobody to tell.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Pass
            };
            return exit.into();
        }
    };
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(failure) => {
            output::note(&format!("error: {failure}"));
            failure.exit().into()
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(args) => run_command(*args),
        Command::Compare(options) => compare::compare(&options).map(ExitCode::from),
        Command::Campaign(command) => campaign::campaign(&command).map(ExitCode::from),
        Command::Check(args) => check::check(&args).map(ExitCode::from),
        Command::Export(args) => export::export(&args).map(ExitCode::from),
        Command::Repro(options) => repro::repro(&options).map(ExitCode::from),
        Command::Shrink(options) => shrink::shrink(&options).map(ExitCode::from),
        Command::Report(args) => report::report(&args).map(ExitCode::from),
        Command::Serve(args) => serve::serve(&args).map(ExitCode::from),
        Command::Gc(args) => gc::gc(&args).map(ExitCode::from),
        Command::Simulate(options) => simulate::simulate(&options).map(ExitCode::from),
        Command::Mutants(options) => mutants::mutants(&options).map(ExitCode::from),
        Command::Doctor(args) => doctor::doctor(&args).map(ExitCode::from),
        Command::List(args) => {
            list::list(&args);
            Ok(Exit::Pass.into())
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "splitbrain", &mut text);
            output::print(&String::from_utf8_lossy(&text));
            Ok(Exit::Pass.into())
        }
        Command::Man => manual().map(ExitCode::from),
        Command::Node(args) => Ok(splitbrain_node::main(&args)),
    }
}

fn run_command(args: RunArgs) -> Result<ExitCode> {
    let options = match &args.config {
        Some(path) => args.options.or(RunOptions::from_file(path)?),
        None => args.options,
    };
    run::run(&config::resolve(options)?, args.json)
}

/// The manual pages of the program and of each of its commands, one after the other.
fn manual() -> Result<Exit> {
    let mut program = Cli::command();
    program.build();
    let commands = program
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .cloned();
    let mut text = Vec::new();
    for command in [program.clone()].into_iter().chain(commands) {
        let rendered = clap_mangen::Man::new(command).render(&mut text);
        rendered.map_err(|error| Failure::host(format!("the manual cannot be made: {error}")))?;
    }
    output::print(&String::from_utf8_lossy(&text));
    Ok(Exit::Pass)
}

/// The options in a command line of `run`.
#[cfg(test)]
pub(crate) fn run_options(line: &str) -> RunOptions {
    match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
        Command::Run(args) => args.options,
        other => panic!("not a run: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
