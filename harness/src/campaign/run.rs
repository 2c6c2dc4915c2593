//! Carrying out a plan: each unit as a child of its own, as a person would start it.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use splitbrain_reports::results::{Results, RunVerdict};
use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::estimate::{Estimate, roughly};
use super::folder::{CampaignFolder, Claimed};
use super::partition::Partition;
use super::plan::{Plan, Unit};
use super::progress::Progress;
use super::record::{Circumstances, Record};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::keep::{self, Keep};
use crate::output;
use crate::program::{last_words, this_program, wait};
use crate::run::interrupt;
use crate::run::verdict::INTERRUPTED;
use crate::store;
use crate::utc::Utc;

/// How a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// The part that is this machine's.
    pub partition: Partition,
    /// How many runs side by side.
    pub jobs: usize,
    /// In place of the plan's budget.
    pub budget: Option<Duration>,
    /// Which runs stay whole.
    pub keep: Keep,
}

/// Carries out what is not finished of a plan. Returns the exit code of the signal that ended it, if one did.
///
/// # Errors
/// [`Failure::Host`] if a run cannot be started or its result not be kept; what was kept before stays.
pub fn run(folder: &CampaignFolder, plan: &Plan, options: &RunOptions) -> Result<Option<Exit>> {
    folder.check_room()?;
    store::check_writable(&folder.runs())?;
    let mut campaign = Campaign::new(folder, plan, options)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::host(format!("starting the runtime: {error}")))?;
    let result = runtime.block_on(campaign.play());
    campaign.progress.finish();
    result
}

struct Campaign<'a> {
    folder: &'a CampaignFolder,
    plan: &'a Plan,
    jobs: usize,
    keep: Keep,
    /// What may be spent yet.
    budget: Option<Duration>,
    begun: Instant,
    /// Places in the plan of the units to run.
    queue: VecDeque<usize>,
    running: JoinSet<Ended>,
    /// Since when each unit runs, by its place.
    since: BTreeMap<usize, Instant>,
    estimate: Estimate,
    progress: Progress,
}

/// A child that has ended.
struct Ended {
    place: usize,
    started: String,
    wall: Duration,
    output: io::Result<Output>,
    /// Whether a signal was passed on to it: what it found by then is only a part.
    was_cut_short: bool,
    /// Held until the result is kept.
    _claimed: Claimed,
}

impl<'a> Campaign<'a> {
    fn new(folder: &'a CampaignFolder, plan: &'a Plan, options: &RunOptions) -> Result<Self> {
        let records = folder.records(plan)?;
        let of_part = |place: &usize| options.partition.has(*place);
        let places: Vec<usize> = (0..plan.units.len()).filter(of_part).collect();
        let queue: VecDeque<usize> = places
            .iter()
            .copied()
            .filter(|at| records[*at].is_none())
            .collect();
        let mut estimate = Estimate::default();
        let mut spent = Duration::ZERO;
        for place in &places {
            if let Some(wall) = records[*place].as_ref().and_then(|record| record.wall_ms) {
                estimate.finished(&plan.units[*place], Duration::from_millis(wall));
                spent += Duration::from_millis(wall);
            }
        }
        let jobs = options.jobs.max(1);
        // A campaign that goes on after a reboot has not got all its time once more.
        let budget = options.budget.or(plan.header.budget.map(|budget| budget.0));
        let budget = budget.map(|budget| budget.saturating_sub(spent.div_f64(jobs as f64)));
        Ok(Self {
            folder,
            plan,
            jobs,
            keep: options.keep,
            budget,
            begun: Instant::now(),
            progress: Progress::start(places.len(), places.len() - queue.len()),
            queue,
            running: JoinSet::new(),
            since: BTreeMap::new(),
            estimate,
        })
    }

    async fn play(&mut self) -> Result<Option<Exit>> {
        let interrupts = interrupt::listen();
        let interrupts =
            interrupts.map_err(|error| Failure::host(format!("listening for signals: {error}")))?;
        let (mut over_budget, mut of_others) = (0, 0);
        // What fails stops new units; those that are running come to their end, and what they find is kept.
        let mut failure = None;
        loop {
            while self.running.len() < self.jobs && failure.is_none() && interrupts.borrow().is_none() {
                let Some(place) = self.queue.pop_front() else {
                    break;
                };
                if !self.affords(place) {
                    over_budget += 1;
                    continue;
                }
                match self.begin(place, &interrupts) {
                    Ok(true) => {}
                    Ok(false) => of_others += 1,
                    Err(failed) => failure = Some(failed),
                }
            }
            self.tell();
            let Some(ended) = self.running.join_next().await else {
                break;
            };
            let ended = ended.map_err(|error| Failure::host(format!("watching a run: {error}")));
            if let Err(failed) = ended.and_then(|ended| self.keep(ended)) {
                failure = failure.or(Some(failed));
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if over_budget > 0 {
            let units = output::plural(over_budget, "unit");
            output::note(&format!(
                "{units} not run: what is left of the budget is not enough"
            ));
        }
        if of_others > 0 {
            let units = output::plural(of_others, "unit");
            output::note(&format!(
                "{units} left to the other process that was running them"
            ));
        }
        let interrupted = *interrupts.borrow();
        Ok(interrupted)
    }

    /// Whether a unit would probably end within the budget.
    fn affords(&self, place: usize) -> bool {
        let needed = self.estimate.of(&self.plan.units[place]);
        self.budget
            .is_none_or(|budget| self.begun.elapsed() + needed <= budget)
    }

    /// Starts a unit. None of it happens if another process runs it, or has finished it since.
    fn begin(&mut self, place: usize, interrupts: &watch::Receiver<Option<Exit>>) -> Result<bool> {
        let unit = &self.plan.units[place];
        let Some(claimed) = self.folder.claim(place)? else {
            return Ok(false);
        };
        if self.folder.record_file(unit).exists() {
            self.progress.skipped();
            return Ok(true);
        }
        if self.adopt(unit)? {
            return Ok(true);
        }
        self.folder.check_room()?;
        let mut command = this_program()?;
        command
            .args(["run", "--json"])
            .args(&unit.arguments)
            .arg(format!("--name={}", self.plan.header.campaign))
            .arg("--store")
            .arg(self.folder.store(unit));
        // A group of its own: Ctrl-C would else reach the run twice, which is to stop hard.
        let mut command = tokio::process::Command::from(command);
        command.process_group(0);
        let started = Utc::now().compact();
        let begun = Instant::now();
        let child = command.spawn().map_err(|error| Failure::Host {
            problem: format!("cannot start a run: {error}"),
            mend: (error.kind() == io::ErrorKind::NotFound).then(|| {
                "the program was replaced or removed meanwhile: start the same command again, which goes on".to_owned()
            }),
        })?;
        self.since.insert(place, begun);
        let interrupts = interrupts.clone();
        self.running.spawn(async move {
            let (output, was_cut_short) = wait(child, interrupts).await;
            Ended {
                place,
                started,
                wall: begun.elapsed(),
                output,
                was_cut_short,
                _claimed: claimed,
            }
        });
        Ok(true)
    }

    /// Keeps the result of a run that came to its end while nobody was left to keep it: it is not run a second time,
    /// since what it found might not be found again.
    fn adopt(&mut self, unit: &Unit) -> Result<bool> {
        let latest = self.folder.store(unit).join("latest");
        let Ok(text) = fs::read_to_string(latest.join("results.json")) else {
            return Ok(false);
        };
        let Ok(results) = serde_json::from_str::<Results>(&text) else {
            return Ok(false);
        };
        if results.verdict != RunVerdict::Violation && results.reason.contains(INTERRUPTED) {
            return Ok(false);
        }
        let run = self.run_folder(unit);
        let started = run
            .as_deref()
            .and_then(|run| run.rsplit('/').next()?.split('-').next());
        let at = Circumstances {
            started: started.unwrap_or_default().to_owned(),
            wall_ms: None,
            run: run.clone(),
        };
        let record = Record::of(self.plan, unit, &results, at);
        self.folder.keep(unit, &record)?;
        self.progress.finished(&record, unit, None);
        Ok(true)
    }

    /// Keeps what a child found. Not if it was cut short, unless it found a violation: that is one however short the run.
    fn keep(&mut self, ended: Ended) -> Result<()> {
        self.since.remove(&ended.place);
        let unit = &self.plan.units[ended.place];
        let output = ended
            .output
            .map_err(|error| Failure::host(format!("waiting for a run: {error}")))?;
        let results: Option<Results> = serde_json::from_slice(&output.stdout).ok();
        let verdict = results.as_ref().map(|results| results.verdict);
        if ended.was_cut_short && verdict != Some(RunVerdict::Violation) {
            // So that nobody takes it for a run that came to its end. That there was none yet is no trouble.
            let _ = fs::remove_file(self.folder.store(unit).join("latest"));
            return Ok(());
        }
        if verdict.is_none_or(|verdict| verdict == RunVerdict::HarnessError) {
            // Where the disk is full, that is what failed, not the unit.
            self.folder.check_room().inspect_err(|_| {
                let _ = fs::remove_file(self.folder.store(unit).join("latest"));
            })?;
        }
        let at = Circumstances {
            started: ended.started,
            wall_ms: u64::try_from(ended.wall.as_millis()).ok(),
            run: self.run_folder(unit),
        };
        let record = match &results {
            Some(results) => Record::of(self.plan, unit, results, at),
            None => {
                let said = last_words(&output.stderr);
                Record::without_results(
                    self.plan,
                    unit,
                    &format!("the run gave no results; it said: {said}"),
                    at,
                )
            }
        };
        self.folder.keep(unit, &record)?;
        // Only what is recorded may shrink, and before that the run is what would be taken in.
        keep::collect(&self.folder.runs(), self.keep)?;
        self.estimate.finished(unit, ended.wall);
        self.progress.finished(&record, unit, Some(ended.wall));
        Ok(())
    }

    /// The folder that a unit's newest run left, from the campaign's.
    fn run_folder(&self, unit: &Unit) -> Option<String> {
        let store = self.folder.store(unit);
        let within = fs::read_link(store.join("latest")).ok()?;
        let path = Path::new("runs").join(&unit.id).join(within);
        Some(path.to_string_lossy().into_owned())
    }

    /// The units that are not finished: those running, and those waiting.
    fn units_left(&self) -> impl Iterator<Item = &Unit> {
        let places = self.since.keys().chain(&self.queue);
        places.map(|place| &self.plan.units[*place])
    }

    fn tell(&mut self) {
        let left = self.estimate.of_all(self.units_left(), self.jobs);
        // What the running ones have behind them is not left.
        let behind: Duration = self
            .since
            .iter()
            .map(|(place, begun)| begun.elapsed().min(self.estimate.of(&self.plan.units[*place])))
            .sum();
        let left = left.map(|left| left.saturating_sub(behind.div_f64(self.jobs as f64)));
        let budget = self
            .budget
            .map(|budget| budget.saturating_sub(self.begun.elapsed()));
        let estimate = match (left, budget) {
            (None, _) => "no estimate yet".to_owned(),
            (Some(left), Some(budget)) if left > budget => format!(
                "{} of work left, and a budget of {}: not all will be run",
                roughly(left),
                roughly(budget)
            ),
            (Some(left), _) => format!("about {} left", roughly(left)),
        };
        self.progress
            .tell(self.running.len(), self.queue.len(), &estimate);
    }
}
