//! Units as the page shows them, with what is left of their runs.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use splitbrain_reports::campaign::{self as shown, Kept, State};
use splitbrain_reports::results::{ClaimVerdict, RunVerdict};

use crate::campaign::night::Night;
use crate::campaign::plan::Unit;
use crate::campaign::record::Record;
use crate::rerun::quoted;

/// Where the runs of each night may be, from the folder of the page.
pub(super) struct Places {
    page: PathBuf,
    nights: BTreeMap<String, Vec<PathBuf>>,
}

impl Places {
    pub(super) fn of(page: &Path) -> Self {
        Self {
            page: page.to_owned(),
            nights: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, night: &str, folders: Vec<PathBuf>) {
        self.nights.insert(night.to_owned(), folders);
    }

    /// The folder of a run, from that of the page, and what is left of it.
    fn find(&self, night: &str, record: &Record) -> Option<(PathBuf, Kept)> {
        let run = Path::new(record.run.as_deref()?);
        // A run is within its campaign's folder, whatever its record says.
        if !run.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let folders = self.nights.get(night)?;
        folders.iter().find_map(|folder| {
            let way = if folder == Path::new(".") {
                run.to_owned()
            } else {
                folder.join(run)
            };
            let at = self.page.join(&way);
            if at.join("report.html").is_file() {
                let page = way.join("report.html");
                Some((way, Kept::Page(page.to_str()?.to_owned())))
            } else {
                at.join("history.jsonl.gz")
                    .is_file()
                    .then_some((way, Kept::Smaller))
            }
        })
    }

    /// How a run is run again, and what is left of it.
    fn again(&self, night: &str, record: &Record) -> (String, Kept) {
        match self.find(night, record) {
            Some((way, kept)) => {
                let way = way.display().to_string();
                (format!("splitbrain repro {}", quoted(&way)), kept)
            }
            None => (record.command.clone(), Kept::Nothing),
        }
    }
}

/// A night as the page shows it.
pub(super) fn night(night: &Night, places: &Places) -> shown::Night {
    let name = &night.plan.header.night;
    shown::Night {
        name: name.clone(),
        verdict: night.verdict(),
        units: night
            .units()
            .map(|(each, record)| unit(name, each, record, places))
            .collect(),
    }
}

fn unit(night: &str, unit: &Unit, record: Option<&Record>, places: &Places) -> shown::Unit {
    let (command, kept) = match record {
        Some(record) => places.again(night, record),
        None => (format!("splitbrain run {}", arguments(unit)), Kept::Nothing),
    };
    let mode = |mode: &String| (mode.clone(), mode_state(mode, record));
    shown::Unit {
        id: unit.id.clone(),
        subject: unit.subject(),
        planted: unit.mutant.is_some(),
        workload: unit.workload.clone(),
        faults: unit.faults(),
        shape: format!("{}, {}", unit.cluster(), unit.time_limit),
        seed: unit.seed,
        state: record.map_or(State::NotRun, |record| record.verdict.into()),
        modes: unit.read_modes.iter().map(mode).collect(),
        reason: record.map_or_else(String::new, |record| record.reason.clone()),
        detected_ms: record.and_then(|record| record.detected_ms),
        check_ms: record
            .filter(|record| !record.claims.is_empty())
            .map(|record| record.check_ms),
        wall_ms: record.and_then(|record| record.wall_ms),
        failures: record.map_or_else(Vec::new, |record| {
            record
                .signatures
                .iter()
                .map(|signature| signature.id.clone())
                .collect()
        }),
        command,
        kept,
    }
}

fn arguments(unit: &Unit) -> String {
    let words: Vec<String> = unit.arguments.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// What a read mode came to in a run. It passed only if the run as a whole did: else its evidence may be what lacks. A
/// violation by modes judged together is one of each of them, and one that no mode is named for is one of all.
fn mode_state(mode: &str, record: Option<&Record>) -> State {
    let Some(record) = record else {
        return State::NotRun;
    };
    let broken = |claim: &&crate::campaign::record::Judged| claim.verdict == ClaimVerdict::Invalid;
    let names = |joint: &str| joint.split(" + ").any(|name| name == mode);
    let is_broken = record
        .claims
        .iter()
        .filter(broken)
        .any(|claim| names(&claim.read_mode));
    let has_broken = record.claims.iter().any(|claim| broken(&claim));
    let is_valid = record
        .claims
        .iter()
        .any(|claim| claim.read_mode == mode && claim.verdict == ClaimVerdict::Valid);
    match record.verdict {
        _ if is_broken => State::Violation,
        RunVerdict::Violation if !has_broken => State::Violation,
        RunVerdict::HarnessError => State::HarnessError,
        RunVerdict::Pass if is_valid => State::Pass,
        _ => State::Unknown,
    }
}

/// For each failure by its id, how a run that showed it is run again, and what is left of it: the newest run that is
/// still there, or else the newest.
pub(super) fn examples(nights: &[Night], places: &Places) -> BTreeMap<String, (String, Kept)> {
    let mut found: BTreeMap<String, (String, Kept)> = BTreeMap::new();
    for night in nights.iter().rev() {
        for record in night.records.iter().flatten() {
            for signature in &record.signatures {
                let known = found.get(&signature.id);
                if known.is_some_and(|(_, kept)| *kept != Kept::Nothing) {
                    continue;
                }
                let again = places.again(&night.plan.header.night, record);
                if known.is_none() || again.1 != Kept::Nothing {
                    found.insert(signature.id.clone(), again);
                }
            }
        }
    }
    found
}

/// Of a failure that no run shows.
pub(super) fn no_example() -> (String, Kept) {
    (String::new(), Kept::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::record::Judged;
    use crate::campaign::synthetic;

    fn record(verdict: RunVerdict, claims: &[(&str, ClaimVerdict)]) -> Record {
        let plan = synthetic::plan("2026-01-31", 2);
        let mut record = synthetic::record(&plan, &plan.units[0], verdict, "a");
        let judged = |(mode, verdict): &(&str, ClaimVerdict)| Judged {
            read_mode: (*mode).to_owned(),
            claim: "linearizable".to_owned(),
            verdict: *verdict,
        };
        record.claims = claims.iter().map(judged).collect();
        record
    }

    #[test]
    fn a_mode_passes_only_in_a_run_that_passed_and_no_violation_is_lost() {
        use ClaimVerdict::{Invalid, Unknown, Valid};
        use RunVerdict::{HarnessError, Pass, Violation};
        type Case<'a> = (RunVerdict, &'a [(&'a str, ClaimVerdict)], State);
        let cases: &[Case<'_>] = &[
            (Pass, &[("log", Valid)], State::Pass),
            (Pass, &[], State::Unknown),
            (Pass, &[("lease", Valid)], State::Unknown),
            (RunVerdict::Unknown, &[("log", Valid)], State::Unknown),
            (RunVerdict::Unknown, &[("log", Unknown)], State::Unknown),
            (HarnessError, &[], State::HarnessError),
            (Violation, &[("log", Invalid), ("lease", Valid)], State::Violation),
            (Violation, &[("log", Valid), ("lease", Invalid)], State::Unknown),
            (
                Violation,
                &[("log", Valid), ("lease + log", Invalid)],
                State::Violation,
            ),
            (Violation, &[], State::Violation),
        ];
        for (verdict, claims, state) in cases {
            let record = record(*verdict, claims);
            assert_eq!(mode_state("log", Some(&record)), *state, "{verdict:?} {claims:?}");
        }
        assert_eq!(mode_state("log", None), State::NotRun);
    }

    #[test]
    fn links_lead_to_runs_that_are_there_and_never_out_of_their_folder() {
        let root = tempfile::tempdir().unwrap();
        let (page, night) = (root.path().join("pages"), root.path().join("night"));
        let run = night.join("runs/u/x/1");
        std::fs::create_dir_all(&page).unwrap();
        std::fs::create_dir_all(&run).unwrap();
        let mut places = Places::of(&page);
        places.add("2026-01-31", vec!["../gone".into(), "../night".into()]);
        let mut record = record(RunVerdict::Pass, &[]);
        let kept = |record: &Record| places.again("2026-01-31", record);
        assert_eq!(kept(&record).1, Kept::Nothing);
        record.run = Some("runs/u/x/1".into());
        assert_eq!(kept(&record), (record.command.clone(), Kept::Nothing));
        std::fs::write(run.join("history.jsonl.gz"), "").unwrap();
        assert_eq!(kept(&record).1, Kept::Smaller);
        std::fs::write(run.join("report.html"), "").unwrap();
        let page = "../night/runs/u/x/1/report.html".to_owned();
        let again = "splitbrain repro ../night/runs/u/x/1".to_owned();
        assert_eq!(kept(&record), (again, Kept::Page(page)));
        for outside in ["../night/runs/u/x/1", "/etc", "runs/../runs/u/x/1"] {
            record.run = Some(outside.into());
            assert_eq!(kept(&record).1, Kept::Nothing, "{outside}");
        }
    }
}
