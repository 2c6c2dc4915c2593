//! Systems and read modes side by side: the same seeds, load and faults, run after run.
//!
//! ```text
//! plan ─▶ for each seed, shape of the cluster and contestant: a run of its own ─▶ pool ─▶ write ─▶ table
//! exit 2        a child of this program, kept in a store within the folder         by row   files    stdout
//! ```
//!
//! Runs are paired: those of one seed and shape have the same schedule of faults, the same mix of requests, and the
//! same number of clients. A comparison decides no verdict: the worst of its runs is its own.

mod available;
mod contestants;
mod cuts;
mod example;
mod lost;
mod options;
mod plan;
mod play;
mod pool;
mod table;

pub use options::CompareOptions;

use splitbrain_reports::comparison::{Comparison, Run, Setting, comparison_page};
use splitbrain_reports::results::{Results, RunVerdict};

use self::contestants::Entrant;
use self::plan::{Plan, PlannedRun, Shape};
use self::play::{Played, Player};
use self::pool::Pool;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use crate::run;
use crate::store::{self, ComparisonFolder, RunFolder};
use crate::utc::Utc;

/// Runs the comparison, writes its files and prints its table.
///
/// # Errors
/// [`Failure::Usage`] if the options ask for what cannot be; [`Failure::Host`] if the host does not allow a run.
pub fn compare(options: &CompareOptions) -> Result<Exit> {
    let plan = options.plan()?;
    store::check_writable(&plan.store)?;
    output::note(&format!("seed {}", plan.seed));
    let started = Utc::now();
    let folder = ComparisonFolder::create(&plan.store, &plan.name, &started.compact(), plan.seed)?;
    let player = Player::new()?;
    let mut field = Field::new(&plan, &folder);
    for (number, planned) in (1..).zip(&plan.runs) {
        if player.interrupted().is_some() {
            break;
        }
        output::note(&format!(
            "run {number} of {}: {}",
            plan.runs.len(),
            field.describe(planned)
        ));
        let played = player.play(planned, &folder.runs())?;
        field.take(planned, played)?;
    }
    let comparison = field.finish(&started.readable())?;
    let json = serde_json::to_string(&comparison).expect("results are plain data") + "\n";
    RunFolder::write(&folder.json(), json.as_bytes())?;
    draw(&folder, &comparison)?;
    output::print(&match options.json {
        true => json,
        false => table::text(&comparison, &folder.page(), output::width()),
    });
    // A violation that was found all the same outranks a signal.
    let interrupted = player.interrupted().unwrap_or(Exit::Pass);
    Ok(run::exit(comparison.verdict).worst(interrupted))
}

/// Draws the page.
///
/// # Errors
/// [`Failure::Host`] if it cannot be written.
fn draw(folder: &ComparisonFolder, comparison: &Comparison) -> Result<()> {
    RunFolder::write(&folder.page(), comparison_page(comparison).as_bytes())
}

/// Draws the page again from what the folder holds.
///
/// # Errors
/// [`Failure::Input`] if `comparison.json` is none; [`Failure::Host`] if the page cannot be written.
pub(crate) fn redraw(folder: &ComparisonFolder) -> Result<()> {
    let path = folder.json();
    let fail = |error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| fail(&error))?;
    draw(
        folder,
        &serde_json::from_str(&text).map_err(|error| fail(&error))?,
    )
}

/// Everything that was run so far.
struct Field<'a> {
    plan: &'a Plan,
    folder: &'a ComparisonFolder,
    /// By shape, then by entrant.
    pools: Vec<Vec<Pool>>,
    runs: Vec<Run>,
    notes: Vec<String>,
}

impl<'a> Field<'a> {
    fn new(plan: &'a Plan, folder: &'a ComparisonFolder) -> Self {
        let pools = |shape: &Shape| {
            let pool =
                |entrant: &Entrant| Pool::new(entrant.label(), entrant.modes_in(shape.observers).len());
            plan.entrants.iter().map(pool).collect()
        };
        Self {
            plan,
            folder,
            pools: plan.shapes.iter().map(pools).collect(),
            runs: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn describe(&self, run: &PlannedRun) -> String {
        format!(
            "{}, {}, seed {}",
            self.plan.entrants[run.entrant].label(),
            self.plan.shapes[run.shape].describe(),
            run.test.seed
        )
    }

    /// Takes a run into account that is over. One without results is told of, unless it is the first: then the host
    /// allows none.
    fn take(&mut self, planned: &PlannedRun, played: Played) -> Result<()> {
        let Shape { voters, observers } = self.plan.shapes[planned.shape];
        let mut run = Run {
            contestant: self.plan.entrants[planned.entrant].label(),
            voters: u64::from(voters),
            observers: u64::from(observers),
            seed: planned.test.seed,
            verdict: RunVerdict::HarnessError,
            reason: format!("the run gave no results; it said: {}", played.said),
            report: None,
            command: planned.test.command.clone(),
            ok: 0,
            faults_scheduled: planned.test.schedule.events.len() as u64,
            faults_proven: 0,
        };
        let Some((results, path)) = played.left else {
            if self.runs.is_empty() {
                return Err(Failure::host(format!(
                    "the first run gave no results; it said:\n{}",
                    played.said
                )));
            }
            output::note(&run.reason);
            self.runs.push(run);
            return Ok(());
        };
        let left = RunFolder::open(&path)?;
        let report = self.relative(&left);
        let pool = &mut self.pools[planned.shape][planned.entrant];
        describe(&mut run, &results, report.clone());
        if let Err(failure) = pool.add(&planned.test, usize::from(voters), &left, &results, &report) {
            // The other runs are worth something without this one.
            run.verdict = RunVerdict::HarnessError;
            run.reason = failure.to_string();
            output::note(&run.reason);
            self.runs.push(run);
            return Ok(());
        }
        // Those that claim linearizability are also judged together, which has no row of its own.
        let modes = planned.test.read_modes.len();
        for claim in results.claims.iter().skip(modes) {
            self.notes.push(format!(
                "{}: {} together: {}",
                self.describe(planned),
                claim.read_mode,
                claim.reason
            ));
        }
        output::note(&format!("  {}", results.reason));
        self.runs.push(run);
        Ok(())
    }

    /// Where the page of a run is, seen from the comparison's page.
    fn relative(&self, run: &RunFolder) -> String {
        let report = run.report();
        let within = report.strip_prefix(self.folder.path()).unwrap_or(&report);
        within.display().to_string()
    }

    fn finish(self, started: &str) -> Result<Comparison> {
        let Self {
            plan,
            pools,
            runs,
            notes,
            ..
        } = self;
        let mut settings = Vec::new();
        for (shape, of_shape) in plan.shapes.iter().zip(&pools) {
            let mut setting = Setting {
                voters: u64::from(shape.voters),
                observers: u64::from(shape.observers),
                rows: Vec::new(),
                updates: Vec::new(),
            };
            for pool in of_shape {
                let rows = pool.rows()?;
                if !rows.is_empty() {
                    setting.rows.extend(rows);
                    setting.updates.push(pool.updates());
                }
            }
            settings.push(setting);
        }
        let faults_scheduled = plan
            .runs
            .iter()
            .map(|run| run.test.schedule.events.len() as u64)
            .sum();
        let (verdict, reason) = verdict(&runs, plan.runs.len(), faults_scheduled);
        Ok(Comparison {
            verdict,
            reason,
            name: plan.name.clone(),
            started: started.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: plan.seed,
            command: plan.command.clone(),
            faults_scheduled,
            contestants: plan.entrants.iter().map(|entrant| entrant.contestant()).collect(),
            settings,
            runs,
            configuration: configuration(plan),
            notes,
        })
    }
}

/// What all runs share, as one of them has it.
fn configuration(plan: &Plan) -> Vec<(String, String)> {
    let Some(first) = plan.runs.first() else {
        return Vec::new();
    };
    let of_one_run = [
        "system",
        "mutant",
        "options",
        "nodes",
        "client threads",
        "seed",
        "command",
    ];
    let threads = plan.shapes.iter().enumerate().filter_map(|(at, shape)| {
        let run = plan.runs.iter().find(|run| run.shape == at)?;
        Some(format!("{} with {}", run.test.concurrency, shape.describe()))
    });
    let threads = format!(
        "{}; {}",
        threads.collect::<Vec<_>>().join(", "),
        first.test.mix.who_writes()
    );
    let entrants = plan.entrants.iter().map(|entrant| {
        let mutant = entrant
            .mutant
            .map(|mutant| format!(", with the planted bug {}", mutant.name))
            .unwrap_or_default();
        (entrant.label(), format!("{}{mutant}", entrant.system.summary()))
    });
    let shared = first.test.configuration().into_iter();
    entrants
        .chain([("client threads".to_owned(), threads)])
        .chain(shared.filter(|(name, _)| !of_one_run.contains(&name.as_str())))
        .collect()
}

fn describe(run: &mut Run, results: &Results, report: String) {
    run.verdict = results.verdict;
    run.reason.clone_from(&results.reason);
    run.report = Some(report);
    run.ok = results.ops.ok;
    run.faults_proven = results.faults.iter().filter(|fault| fault.proven).count() as u64;
}

/// The worst verdict of all runs, which is unknown at best where some were never begun.
fn verdict(runs: &[Run], planned: usize, faults: u64) -> (RunVerdict, String) {
    let worst = runs.iter().max_by_key(|run| run.verdict);
    match worst {
        Some(run) if run.verdict > RunVerdict::Pass => {
            let alike = runs.iter().filter(|other| other.verdict == run.verdict).count();
            let more = match alike {
                1 => String::new(),
                n => format!(" ({} more runs ended like this)", n - 1),
            };
            let Run {
                contestant,
                seed,
                reason,
                ..
            } = run;
            let shape = run.describe_shape();
            let text = format!("{contestant}, {shape}, seed {seed}: {reason}{more}");
            (run.verdict, text)
        }
        _ if runs.len() < planned => {
            let text = format!(
                "the comparison was interrupted after {} of {planned} runs",
                runs.len()
            );
            (RunVerdict::Unknown, text)
        }
        _ => {
            let stakes = match faults {
                0 => "; no fault was scheduled, so nothing was at stake",
                _ => ", and every fault is shown to have taken effect",
            };
            let runs = runs.len();
            let text = format!("every claim held in each of {runs} runs{stakes}");
            (RunVerdict::Pass, text)
        }
    }
}
