//! Schedules as files: written by hand, or recorded from a run, and played again.
//!
//! ```toml
//! [[fault]]
//! kind = "partition"
//! variant = "isolated-leader"
//! start = "2s"
//! stop = "4500ms"
//!
//! [[fault]]
//! kind = "kill"
//! variant = "named"
//! nodes = ["n1", "n3"]
//! start = "6s"
//! stop = "8s"
//! ```
//!
//! Times count from the start of the load. `nodes` says whom a fault strikes; without it the variant chooses when it
//! strikes, and where that is left to chance, `seed` decides, or in its absence the seed of the run. With `when` a fault
//! waits, from its start on, for a moment such as `after-election`.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::{FaultKind, FaultVariant, Moment, Schedule, ScheduledFault};
use splitbrain_reports::results::Fault;

use crate::failure::{Failure, Result};
use crate::names;
use crate::units::Span;
use crate::workload::mix_seed;

/// What stands before the faults of a recorded schedule.
const HEAD: &str = "\
# The faults of a run, each with the nodes that it struck: `splitbrain run --schedule FILE` plays them again.
# Without its `nodes` a fault chooses anew, by its variant and seed.

";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: FaultKind,
    variant: String,
    start: Span,
    stop: Span,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<Moment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<Seed>,
}

/// A seed. TOML knows no whole number as great as some seeds are: those are written as text.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Seed {
    Number(i64),
    Text(String),
}

/// Reads a schedule for a cluster of `nodes` nodes, observers among them, and a load of `time_limit`.
///
/// # Errors
/// [`Failure::Usage`], which names the file, if it cannot be read, is no schedule, or contradicts itself, the cluster
/// or the time limit.
pub fn read(path: &Path, nodes: usize, time_limit: Span, run_seed: u64) -> Result<Schedule> {
    let fail = |error: &dyn std::fmt::Display| {
        Failure::Usage(format!("cannot use the schedule {}: {error}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
    let file: File = toml::from_str(&text).map_err(|error| fail(&error))?;
    if file.fault.is_empty() {
        return Err(fail(&"it has no [[fault]]"));
    }
    let mut events = Vec::new();
    for (id, entry) in (0..).zip(file.fault) {
        events.push(entry.scheduled(id, run_seed).map_err(|error| fail(&error))?);
    }
    let schedule = Schedule { events };
    schedule.validate(nodes).map_err(|error| fail(&error))?;
    if let Some(late) = schedule
        .events
        .iter()
        .find(|fault| fault.stop_ms > time_limit.as_millis())
    {
        return Err(fail(&format!(
            "fault {} stops at {}, after the time limit of {time_limit}; raise --time-limit",
            late.id,
            Span::millis(late.stop_ms)
        )));
    }
    Ok(schedule)
}

/// The file of a schedule as it was played: with the nodes that its faults struck.
///
/// # Panics
/// Never: all fields can be written as TOML.
#[must_use]
pub fn recorded(schedule: &Schedule, faults: &[Fault]) -> String {
    let entry = |scheduled: &ScheduledFault| {
        let struck = faults.iter().find(|fault| fault.id == scheduled.id);
        let chosen = struck.filter(|_| scheduled.variant.chooses_when_it_strikes());
        let nodes = chosen.map_or(&[][..], |fault| &fault.nodes);
        Entry {
            kind: scheduled.variant.kind(),
            variant: scheduled.variant.name().to_owned(),
            start: Span::millis(scheduled.start_ms),
            stop: Span::millis(scheduled.stop_ms),
            when: scheduled.when,
            nodes: match scheduled.nodes.is_empty() {
                true => nodes.iter().filter_map(|node| node.parse().ok()).collect(),
                false => scheduled.nodes.clone(),
            },
            seed: Some(Seed::of(scheduled.seed)),
        }
    };
    let file = File {
        fault: schedule.events.iter().map(entry).collect(),
    };
    HEAD.to_owned() + &toml::to_string(&file).expect("a schedule is plain data")
}

impl Entry {
    fn scheduled(self, id: u32, run_seed: u64) -> std::result::Result<ScheduledFault, String> {
        let what = format!("variant of {}", self.kind);
        let known = FaultVariant::all(self.kind);
        let variant = names::find(&what, &self.variant, &known, |variant| variant.name());
        let variant = *variant.map_err(|failure| format!("in fault {id}: {failure}"))?;
        let seed = match self.seed {
            Some(seed) => seed
                .number()
                .ok_or_else(|| format!("the seed of fault {id} is no whole number from 0 to {}", u64::MAX))?,
            None => mix_seed(run_seed, &format!("fault {id}")),
        };
        Ok(ScheduledFault {
            id,
            variant,
            start_ms: self.start.as_millis(),
            stop_ms: self.stop.as_millis(),
            when: self.when,
            nodes: self.nodes,
            seed,
        })
    }
}

impl Seed {
    fn of(seed: u64) -> Self {
        i64::try_from(seed).map_or_else(|_| Self::Text(seed.to_string()), Self::Number)
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_nemesis::schedule::{FaultKind, Intervals};

    use super::*;

    fn parse(text: &str) -> Result<Schedule> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults.toml");
        fs::write(&path, text).unwrap();
        read(&path, 5, Span::seconds(30), 7)
    }

    fn fault(more: &str) -> String {
        format!("[[fault]]\nkind = \"kill\"\nvariant = \"one\"\nstart = \"2s\"\nstop = \"4s\"\n{more}\n")
    }

    #[test]
    fn a_recorded_schedule_is_played_again_fault_by_fault() {
        let intervals = Intervals::for_time_limit(30_000);
        let mut drawn = Schedule::generate(3, &FaultKind::ALL, 30_000, &intervals, 5).unwrap();
        drawn.target(3, 5);
        let struck = |scheduled: &ScheduledFault| Fault {
            id: scheduled.id,
            kind: scheduled.variant.kind().name().to_owned(),
            variant: scheduled.variant.name().to_owned(),
            nodes: vec!["n2".to_owned()],
            start_ns: 1,
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: Some(2),
            proven: true,
            evidence: Vec::new(),
        };
        let faults: Vec<Fault> = drawn.events.iter().map(struck).collect();
        let again = parse(&recorded(&drawn, &faults)).unwrap();
        let expected: Vec<ScheduledFault> = drawn
            .events
            .iter()
            .map(|scheduled| ScheduledFault {
                nodes: match scheduled.variant.chooses_when_it_strikes() {
                    true => vec![Node(2)],
                    false => Vec::new(),
                },
                ..scheduled.clone()
            })
            .collect();
        assert_eq!(again.events, expected);
        // Played again, it is recorded as it was.
        assert_eq!(recorded(&again, &faults), recorded(&drawn, &faults));
    }

    #[test]
    fn what_is_left_to_chance_follows_from_the_seed_of_the_run_and_the_place() {
        let schedule = parse(&(fault("") + &fault("").replace("2s", "5s").replace("4s", "6s"))).unwrap();
        let seeds: Vec<u64> = schedule.events.iter().map(|fault| fault.seed).collect();
        assert_eq!(seeds, [mix_seed(7, "fault 0"), mix_seed(7, "fault 1")]);
        let max = parse(&fault("seed = \"18446744073709551615\"")).unwrap();
        assert_eq!(max.events[0].seed, u64::MAX);
    }

    #[test]
    fn wrong_schedules_are_refused_with_the_file_and_the_reason() {
        let cases = [
            ("", "it has no [[fault]]"),
            ("[[fault]]", "missing field `kind`"),
            ("[[fault]]\nkind = \"earthquake\"", "unknown variant `earthquake`"),
            ("fault", "line 1, column"),
            (&*fault("node = \"n1\""), "unknown field `node`"),
            (&*fault("").replace("one", "onee"), "did you mean `one`?"),
            (
                &*fault("").replace("4s", "2s"),
                "stops at 2000 ms, not after its start at 2000 ms",
            ),
            (
                &*fault("").replace("4s", "31s"),
                "stops at 31s, after the time limit of 30s",
            ),
            (&*fault("").replace("\"4s\"", "4"), "invalid type"),
            (&*fault("").replace("one", "named"), "names no nodes"),
            (&*fault("nodes = [\"n6\"]"), "the nodes are n1 to n5"),
            (&*fault("nodes = [\"leader\"]"), "`leader` is no node name"),
            (&*fault("seed = -1"), "no whole number from 0"),
            (
                &*fault("when = \"now\""),
                "unknown variant `now`, expected one of `after-election`",
            ),
            (&*fault("").repeat(2), "overlap"),
        ];
        for (text, expected) in cases {
            let failure = parse(text).unwrap_err();
            assert!(matches!(failure, Failure::Usage(_)));
            let said = failure.to_string();
            assert!(
                said.contains(expected) && said.contains("faults.toml"),
                "{text}\n{said}"
            );
        }
    }
}
