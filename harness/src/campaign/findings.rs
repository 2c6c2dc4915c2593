//! All that is told of a night, in whatever form.

use std::path::{Path, PathBuf};

use serde::Serialize;
use splitbrain_reports::results::RunVerdict;

use super::night::{Night, Subject, Tally};
use super::plan::Unit;
use super::record::Record;
use super::sightings::{Sighting, State, sightings};
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// What makes a command fail, beside a failure of the host, which always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// Violations that the baseline does not know
    New,
    /// Violations
    Violation,
    /// Violations, and whatever keeps the night from passing
    #[default]
    Unknown,
}

/// A night, and what the nights before say about it.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The night.
    pub night: Night,
    /// The night's folder, where it is known: the runs' folders are told from it.
    pub folder: Option<PathBuf>,
    /// What was seen of each failure, where other nights are known.
    pub sightings: Option<Vec<Sighting>>,
    /// Violations of clean systems that the baseline does not know; none where there is no baseline.
    pub new: Option<Vec<String>>,
}

/// The same as data.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    campaign: &'a str,
    night: &'a str,
    plan: &'a str,
    verdict: &'static str,
    doubts: Vec<String>,
    tally: Tally,
    subjects: Vec<Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signatures: Option<&'a [Sighting]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<&'a [String]>,
    units: Vec<ToldUnit<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ToldUnit<'a> {
    #[serde(flatten)]
    unit: &'a Unit,
    /// `not-run` where there is no result.
    verdict: &'static str,
    result: Option<&'a Record>,
}

impl Findings {
    /// Of a night alone, and its folder where it is known.
    #[must_use]
    pub fn of_night(night: Night, folder: Option<&Path>) -> Self {
        Self {
            night,
            folder: folder.map(Path::to_owned),
            sightings: None,
            new: None,
        }
    }

    /// Of the night of this name, or the last one, among all nights of a campaign, oldest first. What is new is told
    /// against the `baseline`; without one, against all nights before.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is no such night, or the baseline is not before it.
    pub fn of_nights(mut nights: Vec<Night>, night: Option<&str>, baseline: Option<&str>) -> Result<Self> {
        let names: Vec<String> = nights
            .iter()
            .map(|night| night.plan.header.night.clone())
            .collect();
        let place = |name: &str| {
            crate::names::find("night", name, &names, |known| known)?;
            Ok::<_, Failure>(names.iter().position(|known| known == name).unwrap_or_default())
        };
        let at = match night {
            Some(name) => place(name)?,
            None => nights.len() - 1,
        };
        let baseline = baseline.map(place).transpose()?;
        if let Some(baseline) = baseline.filter(|baseline| *baseline >= at) {
            return Err(Failure::Usage(format!(
                "the baseline {} is not before the night {}",
                names[baseline], names[at]
            )));
        }
        nights.truncate(at + 1);
        let sightings = sightings(&nights);
        let is_new = |sighting: &&Sighting| match baseline {
            Some(baseline) => sighting.first_seen > names[baseline],
            None => matches!(sighting.state, State::New | State::Regressed),
        };
        let night = nights.remove(at);
        let clean: Vec<&str> = night
            .violations()
            .flat_map(|(_, record)| record.signatures.iter())
            .map(|signature| signature.id.as_str())
            .collect();
        let tonight = sightings
            .iter()
            .filter(|sighting| clean.contains(&sighting.signature.id.as_str()));
        let new = tonight
            .filter(is_new)
            .map(|sighting| sighting.signature.id.clone())
            .collect();
        Ok(Self {
            new: Some(new),
            sightings: Some(sightings),
            folder: None,
            night,
        })
    }

    /// The exit code.
    ///
    /// # Errors
    /// [`Failure::Usage`] if nobody can tell what is new.
    pub fn exit(&self, fail_on: FailOn) -> Result<Exit> {
        let exit = self.night.exit();
        let has_host_failure = self.night.clean().harness_error > 0;
        let otherwise = if has_host_failure { Exit::Host } else { Exit::Pass };
        Ok(match fail_on {
            FailOn::Unknown => exit,
            FailOn::Violation if exit == Exit::Violation => exit,
            FailOn::Violation => otherwise,
            FailOn::New => {
                let new = self.new.as_ref().ok_or_else(|| {
                    Failure::Usage(
                        "what is new can only be told from other nights: merge the folder with `splitbrain campaign merge \
                         DIR -o nights.sqlite`, and ask for the status of that file"
                            .to_owned(),
                    )
                })?;
                // A violation that nothing is known by is known by nothing.
                let has_unsigned = self
                    .night
                    .violations()
                    .any(|(_, record)| record.signatures.is_empty());
                if new.is_empty() && !has_unsigned {
                    otherwise
                } else {
                    Exit::Violation
                }
            }
        })
    }

    /// The night's verdict.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        self.night.verdict()
    }

    /// As one line of JSON.
    ///
    /// # Panics
    /// Never: all of it can be written as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let header = &self.night.plan.header;
        let units = self.night.units().map(|(unit, result)| ToldUnit {
            unit,
            verdict: result.map_or("not-run", |record| verdict_name(record.verdict)),
            result,
        });
        let told = Told {
            campaign: &header.campaign,
            night: &header.night,
            plan: &header.hash,
            verdict: verdict_name(self.verdict()),
            doubts: self.night.doubts(),
            tally: self.night.tally(),
            subjects: self.night.subjects(),
            signatures: self.sightings.as_deref(),
            new: self.new.as_deref(),
            units: units.collect(),
        };
        serde_json::to_string(&told).expect("findings are plain data") + "\n"
    }
}

/// A verdict by the name that automation relies on.
pub(super) fn verdict_name(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "pass",
        RunVerdict::Violation => "violation",
        RunVerdict::Unknown => "unknown",
        RunVerdict::HarnessError => "harness-error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::synthetic;

    /// A night whose clean units show these failures, one each, and pass otherwise.
    fn night(date: &str, shapes: &[&str]) -> Night {
        let plan = synthetic::plan(date, 8);
        let mut shapes = shapes.iter();
        let records = plan.units.iter().map(|unit| {
            let shape = if unit.mutant.is_some() {
                Some(&"planted")
            } else {
                shapes.next()
            };
            let verdict = if shape.is_some() {
                RunVerdict::Violation
            } else {
                RunVerdict::Pass
            };
            Some(synthetic::record(&plan, unit, verdict, shape.unwrap_or(&"")))
        });
        let records = records.collect();
        Night { plan, records }
    }

    fn exit(nights: &[Night], baseline: Option<&str>, fail_on: FailOn) -> Exit {
        Findings::of_nights(nights.to_vec(), None, baseline)
            .unwrap()
            .exit(fail_on)
            .unwrap()
    }

    #[test]
    fn what_is_new_is_told_against_the_baseline() {
        let known = [
            night("2026-01-29", &["a"]),
            night("2026-01-30", &["a", "b"]),
            night("2026-01-31", &["b", "a"]),
        ];
        assert_eq!(exit(&known, None, FailOn::New), Exit::Pass);
        assert_eq!(exit(&known, Some("2026-01-30"), FailOn::New), Exit::Pass);
        assert_eq!(exit(&known, Some("2026-01-29"), FailOn::New), Exit::Violation);
        assert_eq!(exit(&known, None, FailOn::Violation), Exit::Violation);
        let new = [night("2026-01-30", &["a"]), night("2026-01-31", &["a", "c"])];
        assert_eq!(exit(&new, None, FailOn::New), Exit::Violation);
        // A planted bug that shows itself for the first time is no new violation.
        let planted = [night("2026-01-31", &[])];
        assert_eq!(exit(&planted, None, FailOn::New), Exit::Pass);
        assert_eq!(exit(&planted, None, FailOn::Unknown), Exit::Pass);
    }

    #[test]
    fn a_failure_of_the_host_and_a_violation_without_signature_always_count() {
        let mut failed = night("2026-01-31", &[]);
        let unit = failed.plan.units[0].clone();
        let record = |verdict| {
            Some(synthetic::record(
                &synthetic::plan("2026-01-31", 8),
                &unit,
                verdict,
                "a",
            ))
        };
        failed.records[0] = record(RunVerdict::HarnessError);
        assert_eq!(exit(&[failed.clone()], None, FailOn::New), Exit::Host);
        assert_eq!(exit(&[failed.clone()], None, FailOn::Violation), Exit::Host);
        failed.records[0] = record(RunVerdict::Violation);
        failed.records[0].as_mut().unwrap().signatures.clear();
        assert_eq!(exit(&[failed], None, FailOn::New), Exit::Violation);
    }

    #[test]
    fn nights_that_are_not_there_are_refused() {
        let nights = [night("2026-01-30", &[]), night("2026-01-31", &[])];
        let refused = |night, baseline| {
            Findings::of_nights(nights.to_vec(), night, baseline)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(Some("2026-01-13"), None).contains("unknown night"));
        assert!(refused(None, Some("2026-01-31")).contains("is not before"));
        let alone = Findings::of_night(nights[0].clone(), None);
        assert!(
            alone
                .exit(FailOn::New)
                .unwrap_err()
                .to_string()
                .contains("campaign merge")
        );
    }
}
