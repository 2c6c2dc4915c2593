//! The campaign as a person writes it, in TOML.
//!
//! ```toml
//! name = "nightly"
//! budget = "6h"
//!
//! [[matrix]]
//! systems = ["raft", "zab"]
//! nemeses = [["partition"], ["partition", "kill"]]
//! nodes = [3, 5]
//! first-seed = 1
//! repeats = 20
//! time-limit = "30s"
//! ```
//!
//! A matrix is the product of its lists. Several matrices are planned one after the other, and a unit that is in two of
//! them runs once.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fields;
use crate::cli::RunOptions;
use crate::config;
use crate::failure::{Failure, Result};
use crate::units::{Span, Timing};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CampaignFile {
    /// The campaign's name. Nights of one name are compared.
    pub name: String,
    /// How long all its runs may take together on one machine; without it they take as long as they do.
    #[serde(default)]
    pub budget: Option<Span>,
    /// What the campaign must reach to pass.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// What to run.
    #[serde(default)]
    pub matrix: Vec<Matrix>,
}

/// What a campaign must reach to pass. A violation is one whatever these say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Thresholds {
    /// How many of a hundred finished runs of systems without a planted bug may be without a verdict [default: 0].
    pub unknown_percent_max: u8,
    /// How many of a hundred units must have been run [default: 100].
    pub finished_percent_min: u8,
    /// In how many of a hundred runs each planted bug must be caught. Without it: once in the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caught_percent_min: Option<u8>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            unknown_percent_max: 0,
            finished_percent_min: 100,
            caught_percent_min: None,
        }
    }
}

/// One product of lists. An empty list is as good as none: the default of `run` stands, except that a matrix must say its
/// systems and its seeds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Matrix {
    /// Systems, or planted bugs: `raft`, `raft/commit-older-term`.
    pub systems: Vec<String>,
    /// The read modes of each run, together: one cluster under one schedule serves them all.
    pub read_modes: Vec<String>,
    /// Workloads.
    pub workloads: Vec<String>,
    /// Sets of kinds of fault; `[]` is a run without faults. A planted bug for which none are said is run by its own
    /// recipe.
    pub nemeses: Option<Vec<Vec<String>>>,
    /// Numbers of voters.
    pub nodes: Vec<u16>,
    /// Numbers of observers.
    pub observers: Vec<u16>,
    /// When faults strike.
    pub timing: Vec<Timing>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// In place of `seeds`: the first of them, and
    pub first_seed: Option<u64>,
    /// how many.
    pub repeats: Option<u64>,
    /// How long load runs in each run.
    pub time_limit: Option<Span>,
    /// Further options of `run`.
    pub run: RunOptions,
}

/// Options of `run` that a campaign says elsewhere, or that would make a plan depend on more than itself.
const ELSEWHERE: &[(&str, &str)] = &[
    ("system", "name it in `systems`"),
    ("mutant", "name it in `systems`, as SYSTEM/NAME"),
    ("read-mode", "write `read-modes`"),
    ("workload", "write `workloads`"),
    ("nemesis", "write `nemeses`"),
    ("nodes", "write `nodes` in the matrix"),
    ("observers", "write `observers` in the matrix"),
    ("timing", "write `timing` in the matrix"),
    ("seed", "write `seeds`, or `first-seed` and `repeats`"),
    ("time-limit", "write `time-limit` in the matrix"),
    ("schedule", "a plan holds all that it runs, and no other file"),
    ("name", "runs of a campaign are named by it"),
    ("store", "runs of a campaign are kept in its folder"),
];

impl CampaignFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Failure::Usage`] if it cannot be read or is no campaign, with the line, and the nearest known key for one that is
    /// unknown.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |error: &dyn std::fmt::Display| {
            Failure::Usage(format!("cannot use the campaign {}: {error}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
        Self::parse(&text).map_err(|failure| fail(&failure))
    }

    /// The campaign in a text.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let usage = |error: toml::de::Error| Failure::Usage(error.to_string().trim_end().to_owned());
        let table: toml::Table = text.parse().map_err(usage)?;
        let file: Self = toml::from_str(text).map_err(|error| match unknown_key(&table) {
            Some(unknown) => Failure::Usage(format!("{}{unknown}", line_of(text, &error))),
            None => usage(error),
        })?;
        for matrix in matrices(&table) {
            said_elsewhere(matrix)?;
        }
        config::plain_name("campaign", file.name.clone())?;
        Ok(file)
    }
}

fn matrices(table: &toml::Table) -> impl Iterator<Item = &toml::Table> {
    let matrices = table.get("matrix").and_then(toml::Value::as_array);
    matrices.into_iter().flatten().filter_map(toml::Value::as_table)
}

/// The first unknown key, wherever it is.
fn unknown_key(table: &toml::Table) -> Option<Failure> {
    let thresholds = table.get("thresholds").and_then(toml::Value::as_table);
    let in_matrix = |matrix: &toml::Table| {
        let run = matrix.get("run").and_then(toml::Value::as_table);
        fields::unknown_key::<Matrix>("a matrix", matrix)
            .or_else(|| fields::unknown_key::<RunOptions>("a matrix's run", run?))
    };
    fields::unknown_key::<CampaignFile>("a campaign", table)
        .or_else(|| fields::unknown_key::<Thresholds>("thresholds", thresholds?))
        .or_else(|| matrices(table).find_map(in_matrix))
}

/// `line 3: `, where it is known.
fn line_of(text: &str, error: &toml::de::Error) -> String {
    error.span().map_or_else(String::new, |span| {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line}: ")
    })
}

fn said_elsewhere(matrix: &toml::Table) -> Result<()> {
    let Some(run) = matrix.get("run").and_then(toml::Value::as_table) else {
        return Ok(());
    };
    match ELSEWHERE.iter().find(|(name, _)| run.contains_key(*name)) {
        Some((name, mend)) => Err(Failure::Usage(format!(
            "`{name}` has no place in a matrix's run: {mend}"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        CampaignFile::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
        let cases = [
            (
                "name = \"x\"\nbugdet = \"1h\"",
                "line 2",
                "`bugdet`; did you mean `budget`?",
            ),
            (
                "name = \"x\"\n[[matrix]]\nsystms = [\"raft\"]",
                "line 3",
                "key of a matrix `systms`; did you mean `systems`?",
            ),
            (
                "name = \"x\"\n[thresholds]\nunknown-percent = 3",
                "line 3",
                "key of thresholds `unknown-percent`; did you mean `unknown-percent-max`?",
            ),
            (
                "name = \"x\"\n[[matrix]]\n[matrix.run]\nrat = 3.0",
                "line 4",
                "key of a matrix's run `rat`; did you mean `rate`?",
            ),
        ];
        for (text, line, hint) in cases {
            let message = refused(text);
            assert!(
                message.contains(line) && message.contains(hint),
                "{text}: {message}"
            );
        }
    }

    #[test]
    fn what_is_said_elsewhere_is_refused_with_the_place() {
        for (name, mend) in ELSEWHERE {
            let value = if *name == "read-mode" || *name == "nemesis" {
                "[\"x\"]"
            } else if ["nodes", "observers", "seed"].contains(name) {
                "3"
            } else if *name == "timing" {
                "\"targeted\""
            } else {
                "\"3s\""
            };
            let message = refused(&format!(
                "name = \"x\"\n[[matrix]]\n[matrix.run]\n{name} = {value}"
            ));
            assert!(message.contains(mend), "{name}: {message}");
        }
    }

    #[test]
    fn wrong_values_are_refused_with_their_line() {
        let cases = [
            ("name = \"x\"\nbudget = \"soon\"", "line 2"),
            ("name = \"../x\"", "cannot name a campaign"),
            ("name = ", "line 1"),
            ("budget = \"3m\"", "missing field `name`"),
        ];
        for (text, expected) in cases {
            let message = refused(text);
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
