//! `test.json`: the whole configuration of a run, as it is used and as it is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use splitbrain_nemesis::schedule::{FaultKind, Schedule};

use crate::failure::{Failure, Result};
use crate::host::HostFacts;
use crate::units::{Span, SpanRange, Timing};
use crate::workload::{Layout, Mix, Placement, Spacing};

/// The configuration of one run, everything looked up and nothing left to default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// The version of the harness.
    pub splitbrain: String,
    /// The run's name in the store.
    pub name: String,
    /// When it began, for people.
    pub started: String,
    /// The command that runs it again.
    pub command: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The system.
    pub system: String,
    /// Its planted bug, without the system's name.
    pub mutant: Option<String>,
    /// The system's settings that differ from its own defaults.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The nodes' names: the voters', then the observers'.
    pub nodes: Vec<String>,
    /// How many of the nodes, the last ones, are observers.
    #[serde(default)]
    pub observers: usize,
    /// The read modes in use.
    pub read_modes: Vec<JudgedMode>,
    /// The workload's name.
    pub workload: String,
    /// Its mix.
    pub mix: Mix,
    /// How many client threads there are. A retired process `p` goes on as `p + concurrency`.
    pub concurrency: usize,
    /// Requests per second of the open loop; none for a closed loop.
    pub rate: Option<f64>,
    /// How arrivals of the open loop are spaced.
    pub arrivals: Spacing,
    /// The node and read mode of each thread.
    pub threads: Vec<ThreadPlace>,
    /// After how long clients move on to another node, whenever they do; none if they stay with theirs.
    #[serde(default)]
    pub move_every: Option<Span>,
    /// When clients give up.
    pub op_timeout: Span,
    /// How long load runs.
    pub time_limit: Span,
    /// How long each read mode may be checked.
    pub check_time_limit: Span,
    /// The kinds of fault.
    pub nemesis: Vec<FaultKind>,
    /// How long each fault lasts, where it was said.
    #[serde(default)]
    pub fault_time: Option<SpanRange>,
    /// How long it is quiet between two faults of a kind, where it was said.
    #[serde(default)]
    pub fault_gap: Option<SpanRange>,
    /// When the faults strike.
    #[serde(default)]
    pub timing: Timing,
    /// The file that the faults came from, where they were not drawn.
    #[serde(default)]
    pub schedule_file: Option<PathBuf>,
    /// The faults.
    pub schedule: Schedule,
    /// The run that this is a smaller one of, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk_from: Option<PathBuf>,
    /// The store.
    pub store: PathBuf,
    /// The host.
    pub host: HostFacts,
}

/// A read mode and what it is judged against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedMode {
    /// The mode.
    pub name: String,
    /// The consistency model.
    pub claim: String,
    /// Whether the user set another model than the mode's own.
    pub claim_overridden: bool,
    /// The mode's own promise, in prose.
    pub promise: String,
    /// Whether its clients ask observers.
    #[serde(default)]
    pub on_observers: bool,
}

/// Where one thread is, by names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadPlace {
    /// The thread, which is also its first process.
    pub thread: usize,
    /// Its node.
    pub node: String,
    /// Its read mode.
    pub read_mode: String,
}

impl Test {
    /// Reads the file of a run.
    ///
    /// # Errors
    /// [`Failure::Input`], with line and column, if it is cut off or no test.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |place: String, error: &dyn std::fmt::Display| {
            Failure::Input(format!("{}{place}: {error}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|error| fail(String::new(), &error))?;
        serde_json::from_str(&text)
            .map_err(|error| fail(format!(":{}:{}", error.line(), error.column()), &error))
    }

    /// The file's text.
    ///
    /// # Panics
    /// Never: all fields can be written as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a test is plain data") + "\n"
    }

    /// The nodes and read modes among which the client threads are placed.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout {
            voters: self.nodes.len().saturating_sub(self.observers),
            observers: self.observers,
            on_observers: self.read_modes.iter().map(|mode| mode.on_observers).collect(),
        }
    }

    /// The place of each client thread.
    #[must_use]
    pub fn placements(&self) -> Vec<Placement> {
        self.mix.place(&self.layout(), self.concurrency)
    }

    /// Names for the placements of the threads.
    #[must_use]
    pub fn name_threads(
        placements: &[Placement],
        nodes: &[String],
        modes: &[JudgedMode],
    ) -> Vec<ThreadPlace> {
        let named = placements.iter().enumerate().map(|(thread, place)| ThreadPlace {
            thread,
            node: nodes[place.node].clone(),
            read_mode: modes[place.read_mode].name.clone(),
        });
        named.collect()
    }

    /// Name and value of what a reader of the page wants to know, in the order to be shown.
    #[must_use]
    pub fn configuration(&self) -> Vec<(String, String)> {
        let faults = self
            .nemesis
            .iter()
            .map(|kind| kind.name())
            .collect::<Vec<_>>()
            .join(", ");
        let pace = match self.rate {
            Some(rate) => format!("open loop, {rate} ops/s, {} arrivals", self.arrivals),
            None => "closed loop".to_owned(),
        };
        let options = match self.options.is_empty() {
            true => "defaults".to_owned(),
            false => self
                .options
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let nodes = match (self.layout().voters, self.observers) {
            (voters, 0) => voters.to_string(),
            (voters, observers) => format!("{voters}, and {observers} observers"),
        };
        let movement = match self.move_every {
            Some(every) => format!("move on every {every}, and when a node refuses them"),
            None => "stay with their node".to_owned(),
        };
        let mix = &self.mix;
        let rows = [
            ("system", self.system.clone()),
            ("mutant", self.mutant.clone().unwrap_or_else(|| "none".to_owned())),
            ("options", options),
            ("nodes", nodes),
            ("workload", self.workload.clone()),
            ("mix", mix.weights.to_string()),
            (
                "keys",
                format!(
                    "{} live, {} ops each, {}",
                    mix.keys, mix.ops_per_key, mix.key_distribution
                ),
            ),
            (
                "client threads",
                format!("{}; {}", self.concurrency, mix.who_writes()),
            ),
            ("clients", movement),
            ("pace", pace),
            ("op timeout", self.op_timeout.to_string()),
            ("time limit", self.time_limit.to_string()),
            (
                "nemesis",
                match (faults.is_empty(), self.timing) {
                    (true, _) => "none".to_owned(),
                    (false, Timing::Scheduled) => faults,
                    (false, Timing::Targeted) => format!("{faults}, targeted"),
                },
            ),
            ("seed", self.seed.to_string()),
            (
                "host",
                format!("{}, {} processors", self.host.kernel, self.host.processors),
            ),
            ("command", self.command.clone()),
        ];
        let shrunk_from = self.shrunk_from.iter();
        let shrunk_from = shrunk_from.map(|run| ("shrunk from", run.display().to_string()));
        let rows = shrunk_from.chain(rows);
        rows.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
