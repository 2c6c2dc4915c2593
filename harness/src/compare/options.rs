//! The options of `splitbrain compare`.

use std::path::PathBuf;

use clap::Args;
use splitbrain_systems::systems;

use crate::catalog;
use crate::config::STORE_DEFAULT;
use crate::rerun;
use crate::units::{Concurrency, Span};
use crate::workload::{KeyDistribution, Weights};

/// What to compare.
#[derive(Args, Clone, Debug)]
pub struct CompareOptions {
    /// The systems; one with a planted bug as SYSTEM/MUTANT. A system that is named twice takes part as A and as B
    /// [default: all]
    #[arg(
        long,
        value_name = "SYSTEM,…",
        value_delimiter = ',',
        help_heading = "Systems"
    )]
    pub systems: Vec<String>,
    /// Only these read modes, of the systems that have them; SYSTEM/MODE for that of one system
    #[arg(long, value_name = "MODE,…", value_delimiter = ',', help_heading = "Systems")]
    pub read_modes: Vec<String>,
    /// The sizes of the clusters
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "3,5",
        allow_negative_numbers = true,
        help_heading = "Systems"
    )]
    pub nodes: Vec<u16>,
    /// The numbers of observers that clusters have besides; with any, only systems that know them take part
    /// [default: 0,1 if one of the systems does, else 0]
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        allow_negative_numbers = true,
        help_heading = "Systems"
    )]
    pub observers: Vec<u16>,

    /// The workload
    #[arg(
        long,
        value_name = "WORKLOAD",
        default_value = catalog::WORKLOAD_DEFAULT,
        help_heading = "Load"
    )]
    pub workload: String,
    /// Client threads, the same for each system: a number, or 2n for 2 per node [default: as many for each node that
    /// they divide evenly among the read modes of each system, at least two for each]
    #[arg(
        long,
        value_name = "N|Nn",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub concurrency: Option<Concurrency>,
    /// Open loop: this many requests a second arrive, whatever the system does [default: closed loop]
    #[arg(
        long,
        value_name = "OPS/S",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub rate: Option<f64>,
    /// Relative frequencies of the actions, as read=50,write=35,cas=15
    #[arg(long, value_name = "MIX", help_heading = "Load")]
    pub mix: Option<Weights>,
    /// How many of a hundred client threads only read [default: 50]
    #[arg(
        long,
        value_name = "PERCENT",
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub readers: Option<u8>,
    /// How many client threads write, in place of --readers: the others only read
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Load")]
    pub writers: Option<usize>,
    /// How many keys are live at once
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Load")]
    pub keys: Option<usize>,
    /// How keys are chosen: uniform or zipf
    #[arg(long, value_name = "HOW", help_heading = "Load")]
    pub key_distribution: Option<KeyDistribution>,
    /// After how long a client gives an op up as of unknown outcome [default: 500ms]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Load")]
    pub op_timeout: Option<Span>,

    /// The faults to inject (see `list faults`); `none` for none
    #[arg(
        long,
        value_name = "FAULT,…",
        value_delimiter = ',',
        default_value = "partition",
        help_heading = "Faults"
    )]
    pub nemesis: Vec<String>,
    /// A file of faults and their times, in place of drawn ones
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "nemesis",
        help_heading = "Faults"
    )]
    pub schedule: Option<PathBuf>,

    /// How long load runs, in each run
    #[arg(
        long,
        value_name = "TIME",
        default_value = "20s",
        allow_hyphen_values = true,
        help_heading = "Run"
    )]
    pub time_limit: Span,
    /// How often to run each system in each shape of the cluster, with a seed of its own each time
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true,
        help_heading = "Run"
    )]
    pub repeat: u32,
    /// The seed of the first repeat; later ones count up [default: drawn, and printed]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Run")]
    pub seed: Option<u64>,
    /// The comparison's name in the store [default: the systems' names]
    #[arg(long, value_name = "NAME", help_heading = "Run")]
    pub name: Option<String>,
    /// Where comparisons are kept
    #[arg(long, value_name = "DIR", default_value = STORE_DEFAULT, help_heading = "Run")]
    pub store: PathBuf,
    /// Print the results as JSON, on one line
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

impl CompareOptions {
    /// The systems that are meant.
    pub(super) fn system_names(&self) -> Vec<String> {
        match self.systems.is_empty() {
            true => systems().iter().map(|system| system.name().to_owned()).collect(),
            false => self.systems.clone(),
        }
    }

    /// The command that makes the comparison again.
    pub(super) fn command(&self, seed: u64) -> String {
        let mut arguments = Vec::new();
        let mut add = |flag: &'static str, value: Option<String>| {
            arguments.extend(value.map(|value| (flag, value)));
        };
        let list = |items: &[String]| (!items.is_empty()).then(|| items.join(","));
        let numbers = |numbers: &[u16]| list(&numbers.iter().map(u16::to_string).collect::<Vec<_>>());
        add("systems", list(&self.system_names()));
        add("read-modes", list(&self.read_modes));
        add("nodes", numbers(&self.nodes));
        add("observers", numbers(&self.observers));
        add(
            "workload",
            (self.workload != catalog::WORKLOAD_DEFAULT).then(|| self.workload.clone()),
        );
        add("concurrency", self.concurrency.map(|threads| threads.to_string()));
        add("rate", self.rate.map(|rate| rate.to_string()));
        add("mix", self.mix.map(|mix| mix.to_string()));
        add("readers", self.readers.map(|percent| percent.to_string()));
        add("writers", self.writers.map(|threads| threads.to_string()));
        add("keys", self.keys.map(|keys| keys.to_string()));
        add(
            "key-distribution",
            self.key_distribution.map(|how| how.to_string()),
        );
        add("op-timeout", self.op_timeout.map(|time| time.to_string()));
        match &self.schedule {
            Some(path) => add("schedule", Some(path.display().to_string())),
            None => add("nemesis", list(&self.nemesis)),
        }
        add("time-limit", Some(self.time_limit.to_string()));
        add("repeat", Some(self.repeat.to_string()));
        add("name", self.name.clone());
        let store = self.store.display().to_string();
        add("store", (store != STORE_DEFAULT).then_some(store));
        add("seed", Some(seed.to_string()));
        rerun::line("compare", &arguments)
    }
}
