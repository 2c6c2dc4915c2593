//! `campaign`: plan, run, status and merge.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::campaign::file::CampaignFile;
use crate::campaign::findings::{FailOn, Findings};
use crate::campaign::folder::CampaignFolder;
use crate::campaign::night::Night;
use crate::campaign::nights::Nights;
use crate::campaign::outputs::{self, STEP_SUMMARY_MAX};
use crate::campaign::page;
use crate::campaign::partition::Partition;
use crate::campaign::plan::Plan;
use crate::campaign::run::{self, RunOptions};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::keep::Keep;
use crate::output;
use crate::store::RunFolder;
use crate::units::Span;
use crate::utc::Utc;

#[derive(Debug, Subcommand)]
pub(super) enum CampaignCommand {
    /// Fix what a campaign runs on one night
    Plan(PlanArgs),
    /// Run what is not finished of a plan
    Run(RunArgs),
    /// Tell what was found on a night, from its folder or from the file of all nights
    Status(StatusArgs),
    /// Take nights, or the parts of them that machines ran, into the file of all nights, and draw its page
    Merge(MergeArgs),
}

/// Plans, runs, shows or merges.
pub(super) fn campaign(command: &CampaignCommand) -> Result<Exit> {
    match command {
        CampaignCommand::Plan(args) => plan(args),
        CampaignCommand::Run(args) => run(args),
        CampaignCommand::Status(args) => status(args),
        CampaignCommand::Merge(args) => merge(args),
    }
}

/// The arguments of `campaign plan`.
#[derive(Args, Debug)]
pub(super) struct PlanArgs {
    /// The campaign, such as campaigns/nightly.toml
    file: PathBuf,
    /// The campaign's folder for this night, created where it is missing
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// The night, YYYY-MM-DD, by which nights are ordered; a second one on a day as YYYY-MM-DD.2 [default: today, in UTC]
    #[arg(long, value_name = "DATE")]
    night: Option<String>,
    /// In place of each matrix's `first-seed`: other seeds than on the nights before
    #[arg(long, value_name = "N")]
    first_seed: Option<u64>,
}

fn plan(args: &PlanArgs) -> Result<Exit> {
    let file = CampaignFile::read(&args.file)?;
    let night = args.night.clone().unwrap_or_else(|| Utc::now().date());
    let plan = Plan::make(&file, &night, args.first_seed)?;
    let folder = CampaignFolder::plan(&args.output, &plan)?;
    output::print(&format!(
        "{}\n{} of {}, night {night}; plan {}\n",
        folder.plan_file().display(),
        output::plural(plan.units.len() as u64, "unit"),
        plan.header.campaign,
        &plan.header.hash[..16],
    ));
    Ok(Exit::Pass)
}

/// The arguments of `campaign run`.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// The campaign's folder, with its plan
    dir: PathBuf,
    /// Run the second of five parts: slice:2/5 [default: what the job scheduler says, else all]
    #[arg(long, value_name = "slice:I/N")]
    partition: Option<Partition>,
    /// How many runs side by side; more than the machine bears distort each other
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    jobs: NonZeroUsize,
    /// How long all runs may take together, in place of the plan's budget
    #[arg(long, value_name = "TIME")]
    budget: Option<Span>,
    /// Which runs stay whole: failures, all, or the newest N that passed as well; the others shrink, as by `gc`
    #[arg(long, value_name = "failures|all|N", default_value = "all")]
    keep: Keep,
}

fn run(args: &RunArgs) -> Result<Exit> {
    let folder = CampaignFolder::open(&args.dir)?;
    let plan = Plan::read(&folder.plan_file())?;
    let partition = match args.partition {
        Some(partition) => partition,
        None => match Partition::of_environment(|name| std::env::var(name).ok())? {
            Some((partition, scheduler)) => {
                output::note(&format!("{partition}, as {scheduler} says"));
                partition
            }
            None => Partition::WHOLE,
        },
    };
    let options = RunOptions {
        partition,
        jobs: args.jobs.get(),
        budget: args.budget.map(|budget| budget.0),
        keep: args.keep,
    };
    let interrupted = run::run(&folder, &plan, &options)?;
    let night = Night::of_folder(&folder)?.part(partition);
    let exit = night.exit().worst(interrupted.unwrap_or(Exit::Pass));
    output::print(&outputs::text(
        &Findings::of_night(night, Some(&args.dir)),
        output::width(),
    ));
    // What was found stays what it is, whether it can be drawn or not.
    match page::of_folder(&folder, partition) {
        Ok(page) => {
            output::print(&format!("\npage: {}\n", page.display()));
            Ok(exit)
        }
        Err(failure) => {
            output::note(&format!("error: {failure}"));
            Ok(exit.worst(failure.exit()))
        }
    }
}

/// The arguments of `campaign status`.
#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    /// A campaign's folder, or the file that `merge` writes
    from: PathBuf,
    /// Of a file with several campaigns, this one
    #[arg(long, value_name = "NAME")]
    campaign: Option<String>,
    /// The night [default: the last one]
    #[arg(long, value_name = "DATE")]
    night: Option<String>,
    /// What counts as new is what was not known on this night [default: on any night before]
    #[arg(long, value_name = "DATE")]
    baseline: Option<String>,
    /// What makes the command fail, beside a failure of the host
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    fail_on: FailOn,
    #[command(flatten)]
    outputs: Outputs,
}

/// What is written besides.
#[derive(Args, Debug)]
struct Outputs {
    /// Print all that was found as JSON, on one line
    #[arg(long)]
    json: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Append Markdown within GitHub's limit, as to $GITHUB_STEP_SUMMARY
    #[arg(long, value_name = "FILE")]
    step_summary: Option<PathBuf>,
    /// Write a text file for Prometheus
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
}

fn status(args: &StatusArgs) -> Result<Exit> {
    let findings = if args.from.is_dir() {
        if args.campaign.is_some() || args.night.is_some() || args.baseline.is_some() {
            return Err(Failure::Usage(
                "--campaign, --night and --baseline are for the file of all nights, which `splitbrain campaign merge` writes"
                    .to_owned(),
            ));
        }
        Findings::of_night(
            Night::of_folder(&CampaignFolder::open(&args.from)?)?,
            Some(&args.from),
        )
    } else {
        let nights = Nights::open(&args.from)?.of_campaign(args.campaign.as_deref())?;
        Findings::of_nights(nights, args.night.as_deref(), args.baseline.as_deref())?
    };
    let exit = findings.exit(args.fail_on)?;
    write(&findings, &args.outputs)?;
    if args.outputs.json {
        output::print(&findings.json());
    } else {
        output::print(&outputs::text(&findings, output::width()));
    }
    Ok(exit)
}

fn write(findings: &Findings, outputs: &Outputs) -> Result<()> {
    if let Some(path) = &outputs.junit {
        RunFolder::write(path, outputs::junit(findings)?.as_bytes())?;
    }
    if let Some(path) = &outputs.markdown {
        RunFolder::write(path, outputs::markdown(findings, usize::MAX).as_bytes())?;
    }
    if let Some(path) = &outputs.prometheus {
        RunFolder::write(path, outputs::prometheus(findings).as_bytes())?;
    }
    if let Some(path) = &outputs.step_summary {
        // The limit is that of the whole file, to which earlier commands of the step may have written.
        let fail = |error: &std::io::Error| Failure::not_writable(path, error);
        let there = std::fs::metadata(path).map_or(0, |file| file.len());
        let left = STEP_SUMMARY_MAX.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.map_err(|error| fail(&error))?;
        let text = outputs::markdown(findings, left);
        if text.len() > left {
            output::note(&format!(
                "note: {} has no room left for a summary",
                path.display()
            ));
        } else {
            file.write_all(text.as_bytes()).map_err(|error| fail(&error))?;
        }
    }
    Ok(())
}

/// The arguments of `campaign merge`.
#[derive(Args, Debug)]
pub(super) struct MergeArgs {
    /// Folders of campaigns; several of one night are parts of it
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// The file of all nights, created where it is missing
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

fn merge(args: &MergeArgs) -> Result<Exit> {
    let folders: Result<Vec<CampaignFolder>> =
        args.dirs.iter().map(|dir| CampaignFolder::open(dir)).collect();
    Nights::create(&args.output)?.merge(&folders?)?;
    output::print(&format!("{}\n", args.output.display()));
    for page in page::of_nights(&args.output)? {
        output::print(&format!("{}\n", page.display()));
    }
    Ok(Exit::Pass)
}
