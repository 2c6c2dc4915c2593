//! The options of `splitbrain mutants`.

use std::path::PathBuf;

use clap::Args;
use splitbrain_systems::{MutantInfo, System, Venue};

use crate::catalog;
use crate::failure::{Failure, Result};
use crate::names;
use crate::simulate::simulated_systems;
use crate::units::{Span, Timing};

/// The faults that the clean system is run under.
const CLEAN_NEMESIS: &str = "partition,kill,pause";

/// Attempts draw their seeds far enough apart that none repeats another's.
pub(super) const SEEDS_APART: u64 = 1_000_000;

/// What to run.
#[derive(Args, Clone, Debug)]
pub struct MutantsOptions {
    /// The system
    #[arg(long, value_name = "SYSTEM", default_value = "raft")]
    pub system: String,
    /// Only these mutants; `clean` is the system without a bug
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub only: Vec<String>,
    /// How often to try to catch each
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub attempts: u32,
    /// How long one run of real processes lasts
    #[arg(long, value_name = "TIME", default_value = "20s")]
    pub time_limit: Span,
    /// When faults strike real processes: scheduled or targeted, as `run --timing` takes it
    #[arg(long, value_name = "HOW", default_value_t)]
    pub timing: Timing,
    /// How many such runs one attempt may take; it ends with the first that catches the bug
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub runs: u32,
    /// How many seeds one attempt may take in the simulator
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub seeds: u64,
    /// The seed of the first attempt; later ones count up
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Where the runs are kept
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
    /// Look for every mutant in the simulator, whatever its own venue
    #[arg(long)]
    pub simulator_only: bool,
    /// Print the table as JSON
    #[arg(long)]
    pub json: bool,
}

/// One row of the table to be.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) system: &'static str,
    /// None is the clean system.
    pub(super) mutant: Option<MutantInfo>,
    /// The mutant whose recipe the clean system is run by, where that judges it by a stricter claim than its own: what
    /// would then be caught in both would be no bug's doing.
    pub(super) control_of: Option<MutantInfo>,
    pub(super) venue: Venue,
    /// The faults; None are all that there are.
    pub(super) nemesis: Option<&'static str>,
    pub(super) attempts: u32,
}

/// What the options ask for, checked.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) targets: Vec<Target>,
    pub(super) time_limit: Span,
    pub(super) timing: Timing,
    pub(super) runs: u32,
    pub(super) seeds: u64,
    pub(super) seed: u64,
    pub(super) store: PathBuf,
}

impl Target {
    /// The name of its row.
    pub(super) fn name(&self) -> String {
        match (self.mutant, self.control_of) {
            (Some(mutant), _) => mutant.name.to_owned(),
            (None, Some(mutant)) => format!("clean, as {}", mutant.name),
            (None, None) => "clean".to_owned(),
        }
    }

    /// Whether it is meant where one of `names` is asked for.
    fn is_one_of(&self, names: &[&str]) -> bool {
        let name = self.mutant.map_or("clean", |mutant| mutant.name);
        names.contains(&name) || self.control_of.is_some_and(|mutant| names.contains(&mutant.name))
    }

    /// The recipe's options of `run`.
    pub(super) fn args(&self) -> &'static [&'static str] {
        self.mutant.or(self.control_of).map_or(&[], |mutant| mutant.args)
    }

    /// The bug as `--mutant` takes it.
    pub(super) fn full_name(&self) -> Option<String> {
        self.mutant
            .map(|mutant| format!("{}/{}", self.system, mutant.name))
    }
}

impl MutantsOptions {
    pub(super) fn plan(&self) -> Result<Plan> {
        let system = catalog::system(&self.system)?;
        for (name, zero) in [
            ("attempts", self.attempts == 0),
            ("runs", self.runs == 0),
            ("seeds", self.seeds == 0),
            ("time-limit", self.time_limit.0.is_zero()),
        ] {
            if zero {
                return Err(Failure::Usage(format!("--{name} must be more than 0")));
            }
        }
        self.seeds_fit()?;
        let mut targets = self.all_targets(system);
        if !self.only.is_empty() {
            let known = system.mutants().iter().map(|mutant| mutant.name);
            let known: Vec<&str> = ["clean"].into_iter().chain(known).collect();
            // Elsewhere a bug is named with its system.
            let prefix = format!("{}/", self.system);
            let only = self
                .only
                .iter()
                .map(|name| name.strip_prefix(&prefix).unwrap_or(name));
            let only: Vec<&str> = only.collect();
            for name in &only {
                names::find("mutant", name, &known, |known| known)?;
            }
            targets.retain(|target| target.is_one_of(&only));
        }
        Ok(Plan {
            targets,
            time_limit: self.time_limit,
            timing: self.timing,
            runs: self.runs,
            seeds: self.seeds,
            seed: self.seed,
            store: self.store.clone(),
        })
    }

    /// Whether the last seed of the last attempt is a number still.
    fn seeds_fit(&self) -> Result<()> {
        let of_one = self.seeds.max(u64::from(self.runs));
        u64::from(self.attempts)
            .checked_mul(SEEDS_APART)
            .and_then(|attempts| attempts.checked_add(of_one))
            .and_then(|all| self.seed.checked_add(all))
            .map(drop)
            .ok_or_else(|| {
                Failure::Usage(format!(
                    "--seed {} leaves no room for all the seeds to come",
                    self.seed
                ))
            })
    }

    /// The clean system, in each venue, and every mutant.
    fn all_targets(&self, system: &'static dyn System) -> Vec<Target> {
        let target = |mutant: Option<MutantInfo>, venue, nemesis| Target {
            system: system.name(),
            mutant,
            control_of: None,
            venue,
            nemesis,
            attempts: self.attempts,
        };
        let mut targets = Vec::new();
        if !self.simulator_only {
            targets.push(target(None, Venue::Processes, Some(CLEAN_NEMESIS)));
        }
        if simulated_systems().any(|name| name == system.name()) {
            targets.push(target(None, Venue::Simulator, None));
        }
        for mutant in system.mutants() {
            // Elsewhere than in its own venue, nobody knows what serves best.
            if self.simulator_only && mutant.venue != Venue::Simulator {
                targets.push(target(Some(*mutant), Venue::Simulator, None));
                continue;
            }
            if mutant.args.iter().any(|arg| arg.starts_with("--claim")) {
                targets.push(Target {
                    control_of: Some(*mutant),
                    ..target(None, mutant.venue, Some(mutant.nemesis))
                });
            }
            targets.push(target(Some(*mutant), mutant.venue, Some(mutant.nemesis)));
        }
        targets
    }
}
