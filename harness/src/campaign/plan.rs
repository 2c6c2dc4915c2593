//! The plan: what a campaign runs on one night, fixed before the first run and never changed.
//!
//! `plan.jsonl` has a header line and a line for each unit. The header carries the hash of all that the file says, so that
//! a plan that was changed or cut off is found out, and results can say which plan they belong to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::file::{CampaignFile, Thresholds};
use super::matrix;
use crate::failure::{Failure, Result};
use crate::output;
use crate::units::{Span, Timing};

/// What the first line says the file is.
const FORMAT: &str = "splitbrain-plan";
/// The version of the format.
const VERSION: u32 = 1;
/// Digits of a unit's id: 64 bits, by which no two of a campaign's units will ever meet.
const ID_DIGITS: usize = 16;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `splitbrain-plan`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// The SHA-256 of the file, with this field empty.
    pub hash: String,
    /// The campaign's name.
    pub campaign: String,
    /// The night, `2026-01-31`.
    pub night: String,
    /// How many units follow.
    pub units: usize,
    /// How long all runs may take together on one machine.
    pub budget: Option<Span>,
    /// What the campaign must reach to pass.
    pub thresholds: Thresholds,
}

/// One run to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The hash of what it runs: the same unit has the same id every night.
    pub id: String,
    /// The hash of what it runs but for the seed.
    pub cell: String,
    /// The system.
    pub system: String,
    /// Its planted bug, without the system's name.
    pub mutant: Option<String>,
    /// The read modes.
    pub read_modes: Vec<String>,
    /// The workload.
    pub workload: String,
    /// The kinds of fault.
    pub nemesis: Vec<String>,
    /// How many nodes vote.
    pub nodes: u16,
    /// How many observe.
    pub observers: u16,
    /// When faults strike.
    pub timing: Timing,
    /// How long load runs.
    pub time_limit: Span,
    /// The seed.
    pub seed: u64,
    /// The arguments of `splitbrain run`, all but the store and the name.
    pub arguments: Vec<String>,
}

impl Unit {
    /// The id that belongs to these arguments of `run`.
    pub(super) fn id_of(arguments: &[String]) -> String {
        let mut hash = Sha256::new();
        for argument in arguments {
            // Arguments hold no NUL: this tells ["ab", "c"] from ["a", "bc"].
            hash.update(argument);
            hash.update([0]);
        }
        let mut id = hex(&hash.finalize());
        id.truncate(ID_DIGITS);
        id
    }

    /// What is tested: `raft`, or `raft/commit-older-term`.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.mutant {
            Some(mutant) => format!("{}/{mutant}", self.system),
            None => self.system.clone(),
        }
    }

    /// What it runs under, in a line: `partition+kill targeted, 5 nodes, register, 30s`.
    #[must_use]
    pub fn conditions(&self) -> String {
        format!(
            "{}, {}, {}, {}",
            self.faults(),
            self.cluster(),
            self.workload,
            self.time_limit
        )
    }

    /// Its faults and when they strike: `partition+kill targeted`.
    #[must_use]
    pub fn faults(&self) -> String {
        let faults = if self.nemesis.is_empty() {
            "no faults".to_owned()
        } else {
            self.nemesis.join("+")
        };
        match self.timing {
            Timing::Scheduled => faults,
            Timing::Targeted => format!("{faults} targeted"),
        }
    }

    /// Its cluster: `5 nodes and 1 observer`.
    #[must_use]
    pub fn cluster(&self) -> String {
        let voters = output::plural(self.nodes.into(), "node");
        match self.observers {
            0 => voters,
            observers => format!("{voters} and {}", output::plural(observers.into(), "observer")),
        }
    }
}

/// A plan, which is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first line.
    pub header: Header,
    /// The units, in the order in which they are begun.
    pub units: Vec<Unit>,
}

impl Plan {
    /// The plan of a campaign for a night. Where `first_seed` is given it replaces that of every matrix that counts its
    /// seeds up.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the file asks for what cannot be, or for nothing.
    pub fn make(file: &CampaignFile, night: &str, first_seed: Option<u64>) -> Result<Self> {
        check_night(night)?;
        let mut units = Vec::new();
        for (number, matrix) in (1..).zip(&file.matrix) {
            let of_matrix = matrix::units(matrix, first_seed)
                .map_err(|failure| Failure::Usage(format!("in matrix {number}: {failure}")))?;
            units.extend(of_matrix);
        }
        let mut seen = BTreeSet::new();
        let all = units.len();
        units.retain(|(_, unit)| seen.insert(unit.id.clone()));
        if units.is_empty() {
            return Err(Failure::Usage(format!(
                "the campaign {} has no units; it needs a [[matrix]] with `systems`",
                file.name
            )));
        }
        if units.len() < all {
            output::note(&format!(
                "note: {} planned twice, and run once",
                output::plural((all - units.len()) as u64, "unit")
            ));
        }
        // By seeds first: a night that is cut short has then tried everything some times, not some things always.
        units.sort_by_key(|(repeat, _)| *repeat);
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            hash: String::new(),
            campaign: file.name.clone(),
            night: night.to_owned(),
            units: units.len(),
            budget: file.budget,
            thresholds: file.thresholds,
        };
        let mut plan = Self {
            header,
            units: units.into_iter().map(|(_, unit)| unit).collect(),
        };
        plan.header.hash = plan.content_hash();
        Ok(plan)
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = line(&self.header);
        for unit in &self.units {
            text += &line(unit);
        }
        text
    }

    /// The plan in a file.
    ///
    /// # Errors
    /// [`Failure::Input`] if it cannot be read, is none, was changed, was cut off, or is from a newer version.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
        Self::parse(&text).map_err(|problem| fail(&problem))
    }

    /// The plan in a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        struct Kind {
            format: String,
            version: u32,
        }
        let mut lines = (1..).zip(text.lines());
        let first = lines.next().map_or("", |(_, first)| first);
        let kind: Kind =
            serde_json::from_str(first).map_err(|_| "this is no plan of a campaign".to_owned())?;
        if kind.format != FORMAT {
            return Err("this is no plan of a campaign".to_owned());
        }
        if kind.version > VERSION {
            return Err(format!(
                "the plan has version {}, and this program knows none after {VERSION}; use a newer one",
                kind.version
            ));
        }
        let header: Header =
            serde_json::from_str(first).map_err(|error| format!("line 1 is no header: {error}"))?;
        let units = lines
            .map(|(number, text)| {
                serde_json::from_str(text).map_err(|error| format!("line {number} is no unit: {error}"))
            })
            .collect::<std::result::Result<Vec<Unit>, String>>()?;
        let plan = Self { header, units };
        if plan.units.len() != plan.header.units || plan.content_hash() != plan.header.hash {
            return Err(
                "the plan was changed or cut off: it does not have the hash that it says; make it \
                        again with `splitbrain campaign plan`"
                    .to_owned(),
            );
        }
        Ok(plan)
    }

    /// The hash of all that the plan says, but for the hash itself.
    fn content_hash(&self) -> String {
        let mut bare = self.clone();
        bare.header.hash = String::new();
        sha256(bare.text().as_bytes())
    }
}

/// The SHA-256 in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a plan is plain data") + "\n"
}

/// Nights are ordered by their names, so these must be dates. A second campaign on one day says `2026-01-31.2`.
fn check_night(night: &str) -> Result<()> {
    let date = night.split('.').next().unwrap_or_default();
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = matches!(parts[..], [year, month, day]
        if digits(year, 4) && digits(month, 2) && digits(day, 2) && ("01"..="12").contains(&month) && ("01"..="31").contains(&day));
    let rest = night.get(date.len()..).unwrap_or_default();
    let is_counted = rest.is_empty() || rest.len() == 2 && rest.as_bytes()[1].is_ascii_digit();
    if is_date && is_counted {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "`{night}` is no night: write 2026-01-31, or 2026-01-31.2 for a second one on that day"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "name = \"x\"\nbudget = \"1h\"\n[[matrix]]\nsystems = [\"raft\", \"zab\"]\n\
                        nemeses = [[\"partition\"], []]\nnodes = [3, 5]\nfirst-seed = 1\nrepeats = 3\n\
                        time-limit = \"5s\"\n";

    fn plan(text: &str) -> Result<Plan> {
        Plan::make(&CampaignFile::parse(text).unwrap(), "2026-01-31", None)
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written_and_is_the_same_each_time() {
        let made = plan(FILE).unwrap();
        assert_eq!(made.units.len(), 2 * 2 * 2 * 3);
        assert_eq!(Plan::parse(&made.text()).unwrap(), made);
        assert_eq!(plan(FILE).unwrap().text(), made.text());
        let ids: BTreeSet<_> = made.units.iter().map(|unit| &unit.id).collect();
        assert_eq!(ids.len(), made.units.len());
        let cells: BTreeSet<_> = made.units.iter().map(|unit| &unit.cell).collect();
        assert_eq!(cells.len(), 8);
    }

    #[test]
    fn a_unit_has_the_same_id_on_another_night_and_in_another_campaign() {
        let made = plan(FILE).unwrap();
        let smaller = FILE
            .replace("name = \"x\"", "name = \"y\"")
            .replace("nodes = [3, 5]", "nodes = [5]");
        let other = Plan::make(&CampaignFile::parse(&smaller).unwrap(), "2026-02-01", None).unwrap();
        assert_ne!(made.header.hash, other.header.hash);
        assert!(other.units.iter().all(|unit| made.units.contains(unit)));
    }

    #[test]
    fn every_cell_is_tried_once_before_any_is_tried_twice() {
        let made = plan(FILE).unwrap();
        let first: BTreeSet<_> = made.units[..8].iter().map(|unit| &unit.cell).collect();
        assert_eq!(first.len(), 8);
        assert!(made.units[..8].iter().all(|unit| unit.seed == 1));
    }

    #[test]
    fn a_plan_that_was_changed_or_cut_off_is_found_out() {
        let text = plan(FILE).unwrap().text();
        let changed = text.replacen("\"seed\":2", "\"seed\":9", 1);
        let cut = &text[..text.trim_end().rfind('\n').unwrap() + 1];
        for bad in [changed.as_str(), cut] {
            assert!(Plan::parse(bad).unwrap_err().contains("changed or cut off"));
        }
        assert!(
            Plan::parse(&text[..text.len() - 5])
                .unwrap_err()
                .contains("line 25")
        );
        let newer = text.replacen("\"version\":1", "\"version\":2", 1);
        assert!(Plan::parse(&newer).unwrap_err().contains("use a newer one"));
        for other in ["", "{}", "hello", "{\"format\":\"x\",\"version\":1}"] {
            assert!(Plan::parse(other).unwrap_err().contains("no plan"), "{other}");
        }
    }

    #[test]
    fn the_bundled_campaigns_can_be_planned() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../campaigns");
        for (name, units) in [("smoke", 12..=12), ("nightly", 200..=1_000)] {
            let file = CampaignFile::read(&folder.join(format!("{name}.toml"))).unwrap();
            let plan = Plan::make(&file, "2026-01-31", None).unwrap();
            assert_eq!(plan.header.campaign, name);
            assert!(units.contains(&plan.units.len()), "{name}: {}", plan.units.len());
        }
    }

    #[test]
    fn nights_are_dates() {
        for good in ["2026-01-31", "2026-12-01.2"] {
            assert!(check_night(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "today",
            "2026-1-31",
            "2026-13-01",
            "2026-01-32",
            "2026-01-31.10",
            "31.01.2026",
            "2026-01-31/..",
        ] {
            assert!(check_night(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_campaign_without_units_is_refused() {
        for text in ["name = \"x\"", "name = \"x\"\n[[matrix]]\nseeds = [1]"] {
            assert!(
                plan(text).unwrap_err().to_string().contains("`systems`"),
                "{text}"
            );
        }
    }
}
