//! The options of a run, from the command line, the environment and a file.
//!
//! A flag outranks its `SPLITBRAIN_*` variable, which outranks the file given by `--config`, which outranks the
//! default. Clap knows the first two; the file has the same fields and fills what is still open. Only then are
//! the names looked up and the contradictions looked for, so that a wrong name is refused alike from all three.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::failure::{Failure, Result};
use crate::units::{Concurrency, Span, SpanRange, Timing};
use crate::workload::{KeyDistribution, Spacing, Weights};

/// What may be said about a run. `None` and an empty list mean: not said.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RunOptions {
    /// The system under test [default: raft]
    #[arg(
        long,
        value_name = "SYSTEM",
        env = "SPLITBRAIN_SYSTEM",
        hide_env = true,
        help_heading = "System"
    )]
    pub system: Option<String>,
    /// Plant this bug into the system (see `list mutants`)
    #[arg(
        long,
        value_name = "SYSTEM/NAME",
        env = "SPLITBRAIN_MUTANT",
        hide_env = true,
        help_heading = "System"
    )]
    pub mutant: Option<String>,
    /// A setting of the system, as it knows it; may be given several times
    #[arg(
        long,
        value_name = "NAME=VALUE",
        env = "SPLITBRAIN_OPTION",
        hide_env = true,
        value_delimiter = ',',
        help_heading = "System"
    )]
    pub option: Vec<String>,
    /// How many nodes [default: 5]
    #[arg(
        long,
        value_name = "N",
        env = "SPLITBRAIN_NODES",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "System"
    )]
    pub nodes: Option<u16>,
    /// How many more nodes take part without a vote [default: 0]
    #[arg(
        long,
        value_name = "N",
        env = "SPLITBRAIN_OBSERVERS",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "System"
    )]
    pub observers: Option<u16>,
    /// The read modes to use, each by clients of its own [default: all of the system]
    #[arg(
        long,
        value_name = "MODE,…",
        env = "SPLITBRAIN_READ_MODE",
        hide_env = true,
        value_delimiter = ',',
        help_heading = "System"
    )]
    pub read_mode: Vec<String>,
    /// Judge the read modes against this consistency model instead of their own claims
    #[arg(
        long,
        value_name = "MODEL",
        env = "SPLITBRAIN_CLAIM",
        hide_env = true,
        help_heading = "System"
    )]
    pub claim: Option<String>,

    /// The workload [default: register]
    #[arg(
        long,
        value_name = "WORKLOAD",
        env = "SPLITBRAIN_WORKLOAD",
        hide_env = true,
        help_heading = "Load"
    )]
    pub workload: Option<String>,
    /// Client threads: a number, or 2n for 2 per node [default: two per node and read mode]
    #[arg(
        long,
        value_name = "N|Nn",
        env = "SPLITBRAIN_CONCURRENCY",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub concurrency: Option<Concurrency>,
    /// Open loop: this many requests a second arrive, whatever the system does [default: closed loop]
    #[arg(
        long,
        value_name = "OPS/S",
        env = "SPLITBRAIN_RATE",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub rate: Option<f64>,
    /// How the arrivals of an open loop are spaced: poisson or uniform [default: poisson]
    #[arg(
        long,
        value_name = "SPACING",
        env = "SPLITBRAIN_ARRIVALS",
        hide_env = true,
        help_heading = "Load"
    )]
    pub arrivals: Option<Spacing>,
    /// Relative frequencies of the actions, as read=50,write=35,cas=15
    #[arg(
        long,
        value_name = "MIX",
        env = "SPLITBRAIN_MIX",
        hide_env = true,
        help_heading = "Load"
    )]
    #[serde(deserialize_with = "weights")]
    pub mix: Option<Weights>,
    /// How many of a hundred client threads only read [default: 50]
    #[arg(
        long,
        value_name = "PERCENT",
        env = "SPLITBRAIN_READERS",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub readers: Option<u8>,
    /// How many client threads write, in place of --readers: the others only read
    #[arg(
        long,
        value_name = "N",
        env = "SPLITBRAIN_WRITERS",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub writers: Option<usize>,
    /// The least time between two reads of a client that only reads [default: 5ms]
    #[arg(
        long,
        value_name = "TIME",
        env = "SPLITBRAIN_READER_INTERVAL",
        hide_env = true,
        allow_hyphen_values = true,
        help_heading = "Load"
    )]
    pub reader_interval: Option<Span>,
    /// How many keys are live at once
    #[arg(
        long,
        value_name = "N",
        env = "SPLITBRAIN_KEYS",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub keys: Option<usize>,
    /// After how many requests a key is replaced by a fresh one
    #[arg(
        long,
        value_name = "N",
        env = "SPLITBRAIN_OPS_PER_KEY",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "Load"
    )]
    pub ops_per_key: Option<u64>,
    /// How keys are chosen: uniform or zipf
    #[arg(
        long,
        value_name = "HOW",
        env = "SPLITBRAIN_KEY_DISTRIBUTION",
        hide_env = true,
        help_heading = "Load"
    )]
    pub key_distribution: Option<KeyDistribution>,
    /// Clients move on to another node after so long, and when theirs refuses them [default: they stay]
    #[arg(
        long,
        value_name = "TIME",
        env = "SPLITBRAIN_MOVE_EVERY",
        hide_env = true,
        allow_hyphen_values = true,
        help_heading = "Load"
    )]
    pub move_every: Option<Span>,
    /// After how long a client gives an op up as of unknown outcome [default: 500ms]
    #[arg(
        long,
        value_name = "TIME",
        env = "SPLITBRAIN_OP_TIMEOUT",
        hide_env = true,
        allow_hyphen_values = true,
        help_heading = "Load"
    )]
    pub op_timeout: Option<Span>,

    /// The faults to inject (see `list faults`) [default: none]
    #[arg(
        long,
        value_name = "FAULT,…",
        env = "SPLITBRAIN_NEMESIS",
        hide_env = true,
        value_delimiter = ',',
        help_heading = "Faults"
    )]
    pub nemesis: Vec<String>,
    /// How long each fault lasts [default: 1s-4s]
    #[arg(
        long,
        value_name = "MIN-MAX",
        env = "SPLITBRAIN_FAULT_TIME",
        hide_env = true,
        allow_hyphen_values = true,
        help_heading = "Faults"
    )]
    pub fault_time: Option<SpanRange>,
    /// How long it is quiet between two faults of a kind [default: 1s-2s]
    #[arg(
        long,
        value_name = "MIN-MAX",
        env = "SPLITBRAIN_FAULT_GAP",
        hide_env = true,
        allow_hyphen_values = true,
        help_heading = "Faults"
    )]
    pub fault_gap: Option<SpanRange>,

    /// When faults strike: scheduled, at their times; or targeted, from then on at moments that hurt, such as just after
    /// an election [default: scheduled]
    #[arg(
        long,
        value_name = "HOW",
        env = "SPLITBRAIN_TIMING",
        hide_env = true,
        help_heading = "Faults"
    )]
    pub timing: Option<Timing>,
    /// A file of faults and their times, in place of drawn ones; every run leaves its own as schedule.toml
    #[arg(
        long,
        value_name = "FILE",
        env = "SPLITBRAIN_SCHEDULE",
        hide_env = true,
        help_heading = "Faults"
    )]
    pub schedule: Option<PathBuf>,

    /// How long load runs [default: 30s]
    #[arg(
        long,
        value_name = "TIME",
        env = "SPLITBRAIN_TIME_LIMIT",
        hide_env = true,
        allow_hyphen_values = true,
        help_heading = "Run"
    )]
    pub time_limit: Option<Span>,
    /// How long each read mode may be checked before its verdict is unknown [default: 60s]
    #[arg(
        long,
        value_name = "TIME",
        env = "SPLITBRAIN_CHECK_TIME_LIMIT",
        hide_env = true,
        allow_hyphen_values = true,
        help_heading = "Run"
    )]
    pub check_time_limit: Option<Span>,
    /// The seed of everything random [default: drawn, and printed]
    #[arg(
        long,
        value_name = "N",
        env = "SPLITBRAIN_SEED",
        hide_env = true,
        allow_negative_numbers = true,
        help_heading = "Run"
    )]
    pub seed: Option<u64>,
    /// The run's name in the store [default: SYSTEM-WORKLOAD]
    #[arg(
        long,
        value_name = "NAME",
        env = "SPLITBRAIN_NAME",
        hide_env = true,
        help_heading = "Run"
    )]
    pub name: Option<String>,
    /// Where runs are kept [default: store]
    #[arg(
        long,
        value_name = "DIR",
        env = "SPLITBRAIN_STORE",
        hide_env = true,
        help_heading = "Run"
    )]
    pub store: Option<PathBuf>,
}

impl RunOptions {
    /// The options in a TOML file.
    ///
    /// # Errors
    /// If the file cannot be read or holds something else; with line and column.
    pub fn from_file(path: &Path) -> Result<Self> {
        let fail = |error: &dyn std::fmt::Display| {
            Failure::Usage(format!(
                "cannot use the configuration {}: {error}",
                path.display()
            ))
        };
        let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
        toml::from_str(&text).map_err(|error| fail(&error))
    }

    /// These options, and where they are silent, those of `lower`.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        let list = |upper: Vec<String>, lower| if upper.is_empty() { lower } else { upper };
        Self {
            system: self.system.or(lower.system),
            mutant: self.mutant.or(lower.mutant),
            option: list(self.option, lower.option),
            nodes: self.nodes.or(lower.nodes),
            observers: self.observers.or(lower.observers),
            read_mode: list(self.read_mode, lower.read_mode),
            claim: self.claim.or(lower.claim),
            workload: self.workload.or(lower.workload),
            concurrency: self.concurrency.or(lower.concurrency),
            rate: self.rate.or(lower.rate),
            arrivals: self.arrivals.or(lower.arrivals),
            mix: self.mix.or(lower.mix),
            readers: self.readers.or(lower.readers),
            writers: self.writers.or(lower.writers),
            reader_interval: self.reader_interval.or(lower.reader_interval),
            keys: self.keys.or(lower.keys),
            ops_per_key: self.ops_per_key.or(lower.ops_per_key),
            key_distribution: self.key_distribution.or(lower.key_distribution),
            move_every: self.move_every.or(lower.move_every),
            op_timeout: self.op_timeout.or(lower.op_timeout),
            nemesis: list(self.nemesis, lower.nemesis),
            fault_time: self.fault_time.or(lower.fault_time),
            fault_gap: self.fault_gap.or(lower.fault_gap),
            timing: self.timing.or(lower.timing),
            schedule: self.schedule.or(lower.schedule),
            time_limit: self.time_limit.or(lower.time_limit),
            check_time_limit: self.check_time_limit.or(lower.check_time_limit),
            seed: self.seed.or(lower.seed),
            name: self.name.or(lower.name),
            store: self.store.or(lower.store),
        }
    }
}

/// In a file the mix is written as on the command line: `mix = "read=50,write=35,cas=15"`.
fn weights<'de, D: serde::Deserializer<'de>>(input: D) -> std::result::Result<Option<Weights>, D::Error> {
    let text = String::deserialize(input)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> Result<RunOptions> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        RunOptions::from_file(file.path())
    }

    #[test]
    fn a_file_fills_what_flags_leave_open() {
        let lower = file("system = \"raft\"\nnodes = 3\nnemesis = [\"kill\"]\ntime-limit = \"5s\"").unwrap();
        let flags = RunOptions {
            nodes: Some(5),
            nemesis: vec!["pause".into()],
            ..RunOptions::default()
        };
        let merged = flags.or(lower);
        assert_eq!(merged.nodes, Some(5));
        assert_eq!(merged.nemesis, ["pause"]);
        assert_eq!(merged.system.as_deref(), Some("raft"));
        assert_eq!(merged.time_limit, Some(Span::seconds(5)));
    }

    #[test]
    fn a_bad_file_is_refused_with_its_line() {
        let cases = [
            ("nodes = 5\nnodse = 3", "line 2"),
            ("nodes = \"five\"", "line 1"),
            ("mix = \"append=3\"", "unknown action `append`"),
            ("time-limit = \"soon\"", "soon"),
            ("rate = ", "line 1"),
        ];
        for (text, expected) in cases {
            let message = file(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_missing_file_is_refused_by_name() {
        let message = RunOptions::from_file(Path::new("nowhere.toml"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("nowhere.toml"), "{message}");
    }
}
