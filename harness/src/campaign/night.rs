//! A night: its plan, what was found, and what that comes to.

use serde::Serialize;
use splitbrain_reports::results::RunVerdict;

use super::folder::CampaignFolder;
use super::partition::Partition;
use super::plan::{Plan, Unit};
use super::record::Record;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::plural;

/// A plan and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Night {
    /// What was to be run.
    pub plan: Plan,
    /// The result of each unit, in the plan's order; none where it was not run.
    pub records: Vec<Option<Record>>,
}

/// How many units came to what. All add up to the units planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Units planned.
    pub units: u64,
    /// Every claim held.
    pub pass: u64,
    /// A claim was broken.
    pub violation: u64,
    /// No verdict.
    pub unknown: u64,
    /// The harness or the host failed.
    pub harness_error: u64,
    /// No result.
    pub not_run: u64,
}

/// The units of one system or planted bug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subject {
    /// The system, `raft`, or the planted bug, `raft/commit-older-term`.
    pub name: String,
    /// Whether it is a planted bug: its violations are what it is planted for.
    pub planted: bool,
    /// What its units came to.
    pub tally: Tally,
}

impl Tally {
    /// Units that have a result.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.units - self.not_run
    }

    fn count(&mut self, record: Option<&Record>) {
        self.units += 1;
        match record.map(|record| record.verdict) {
            Some(RunVerdict::Pass) => self.pass += 1,
            Some(RunVerdict::Violation) => self.violation += 1,
            Some(RunVerdict::Unknown) => self.unknown += 1,
            Some(RunVerdict::HarnessError) => self.harness_error += 1,
            None => self.not_run += 1,
        }
    }
}

impl Night {
    /// The night in a folder.
    ///
    /// # Errors
    /// If the plan or a result cannot be used.
    pub fn of_folder(folder: &CampaignFolder) -> Result<Self> {
        let plan = Plan::read(&folder.plan_file())?;
        let records = folder.records(&plan)?;
        Ok(Self { plan, records })
    }

    /// The part of it that one machine runs, as a night of its own.
    #[must_use]
    pub fn part(mut self, partition: Partition) -> Self {
        let mut places = 0..;
        let mut has = move || places.next().is_some_and(|place| partition.has(place));
        let kept: Vec<bool> = self.records.iter().map(|_| has()).collect();
        let mut keep = kept.iter();
        self.plan.units.retain(|_| *keep.next().unwrap_or(&false));
        let mut keep = kept.iter();
        self.records.retain(|_| *keep.next().unwrap_or(&false));
        self
    }

    /// Each unit and its result.
    pub fn units(&self) -> impl Iterator<Item = (&Unit, Option<&Record>)> {
        self.plan
            .units
            .iter()
            .zip(self.records.iter().map(Option::as_ref))
    }

    /// What all units came to.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.units().for_each(|(_, record)| tally.count(record));
        tally
    }

    /// What the units came to into which nothing was planted. A planted bug may well crash its node, or keep the cluster
    /// from doing enough: what counts of it is whether it is caught.
    #[must_use]
    pub fn clean(&self) -> Tally {
        let mut tally = Tally::default();
        let clean = self.units().filter(|(unit, _)| unit.mutant.is_none());
        clean.for_each(|(_, record)| tally.count(record));
        tally
    }

    /// What the units of each system and planted bug came to, in the plan's order.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = Vec::new();
        for (unit, record) in self.units() {
            let name = unit.subject();
            let at = subjects
                .iter()
                .position(|subject| subject.name == name)
                .unwrap_or_else(|| {
                    subjects.push(Subject {
                        name,
                        planted: unit.mutant.is_some(),
                        tally: Tally::default(),
                    });
                    subjects.len() - 1
                });
            subjects[at].tally.count(record);
        }
        subjects
    }

    /// Each violation of a system that nothing was planted into.
    pub fn violations(&self) -> impl Iterator<Item = (&Unit, &Record)> {
        let found = self.units().filter_map(|(unit, record)| Some((unit, record?)));
        found.filter(|(unit, record)| unit.mutant.is_none() && record.verdict == RunVerdict::Violation)
    }

    /// What keeps the night from passing, apart from violations and failures of the host, a sentence each.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let (tally, thresholds) = (self.tally(), self.plan.header.thresholds);
        let mut doubts = Vec::new();
        if tally.finished() * 100 < tally.units * u64::from(thresholds.finished_percent_min) {
            doubts.push(format!(
                "{} of {} not run; at least {} % must be",
                tally.not_run,
                plural(tally.units, "unit"),
                thresholds.finished_percent_min
            ));
        }
        // However loose the thresholds: where there is no verdict at all, nothing was tested.
        let untested = |subject: &&Subject| subject.tally.pass + subject.tally.violation == 0;
        let untested = self
            .subjects()
            .iter()
            .filter(untested)
            .map(|subject| {
                format!(
                    "nothing is known of {}: none of its {} has a verdict",
                    subject.name,
                    plural(subject.tally.units, "unit")
                )
            })
            .collect::<Vec<_>>();
        doubts.extend(untested);
        let clean = self.clean();
        if clean.unknown * 100 > clean.finished() * u64::from(thresholds.unknown_percent_max) {
            doubts.push(format!(
                "{} of {} without a verdict; at most {} % may be",
                clean.unknown,
                plural(clean.finished(), "finished run"),
                thresholds.unknown_percent_max
            ));
        }
        doubts.extend(
            self.subjects()
                .iter()
                .filter_map(|subject| self.not_caught(subject)),
        );
        doubts
    }

    /// That a planted bug was caught too seldom, if it was.
    fn not_caught(&self, subject: &Subject) -> Option<String> {
        let (caught, runs) = (subject.tally.violation, subject.tally.finished());
        if !subject.planted || runs == 0 {
            return None;
        }
        let is_enough = match self.plan.header.thresholds.caught_percent_min {
            Some(percent) => caught * 100 >= runs * u64::from(percent),
            None => caught > 0,
        };
        let needed = self.plan.header.thresholds.caught_percent_min;
        let needed = needed.map_or_else(|| "once".to_owned(), |percent| format!("in {percent} %"));
        (!is_enough).then(|| {
            format!(
                "the planted bug {} was caught in {caught} of {}; it must be at least {needed}",
                subject.name,
                plural(runs, "run")
            )
        })
    }

    /// The exit code by precedence: a violation, a failure of the host, a doubt.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.violations().next().is_some() {
            Exit::Violation
        } else if self.clean().harness_error > 0 {
            Exit::Host
        } else if self.doubts().is_empty() {
            Exit::Pass
        } else {
            Exit::Unknown
        }
    }

    /// The verdict, of which the exit code is another name.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        match self.exit() {
            Exit::Pass => RunVerdict::Pass,
            Exit::Violation => RunVerdict::Violation,
            Exit::Host => RunVerdict::HarnessError,
            _ => RunVerdict::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::synthetic;
    use RunVerdict::{HarnessError, Pass, Unknown, Violation};

    /// A night in which clean units and planted bugs come to these, by turns; `None` is not run.
    fn night(clean: &[Option<RunVerdict>], planted: &[Option<RunVerdict>]) -> Night {
        let plan = synthetic::plan("2026-01-31", 2 * clean.len().max(planted.len()) as u64);
        let (mut clean, mut planted) = (clean.iter(), planted.iter());
        let mut records = Vec::new();
        for unit in &plan.units {
            let turn = if unit.mutant.is_some() {
                &mut planted
            } else {
                &mut clean
            };
            let verdict = turn.next().copied().flatten();
            records.push(verdict.map(|verdict| synthetic::record(&plan, unit, verdict, "a")));
        }
        Night { plan, records }
    }

    #[test]
    fn a_violation_outranks_the_host_and_that_a_doubt() {
        let caught = [Some(Violation); 3];
        let cases = [
            ([Some(Pass), Some(Pass), Some(Pass)], Exit::Pass),
            ([Some(Pass), Some(Unknown), Some(Pass)], Exit::Unknown),
            ([Some(Pass), None, Some(Pass)], Exit::Unknown),
            ([Some(Unknown), Some(HarnessError), None], Exit::Host),
            (
                [Some(Unknown), Some(HarnessError), Some(Violation)],
                Exit::Violation,
            ),
        ];
        for (clean, exit) in cases {
            assert_eq!(night(&clean, &caught).exit(), exit, "{clean:?}");
        }
    }

    #[test]
    fn a_planted_bug_is_to_be_caught_and_its_violation_is_none() {
        let clean = [Some(Pass); 3];
        let once = night(&clean, &[Some(Pass), Some(Violation), Some(Pass)]);
        assert_eq!(once.exit(), Exit::Pass);
        let mut oftener = once.clone();
        oftener.plan.header.thresholds.caught_percent_min = Some(50);
        assert_eq!(oftener.exit(), Exit::Unknown);
        assert!(oftener.doubts()[0].contains("caught in 1 of 3 runs; it must be at least in 50 %"));
        assert_eq!(night(&clean, &[Some(Pass); 3]).exit(), Exit::Unknown);
        // What else a planted bug does to its cluster is its own affair, as long as it is caught.
        let crashing = night(&clean, &[Some(HarnessError), Some(Violation), Some(Unknown)]);
        assert_eq!(crashing.exit(), Exit::Pass);
        let crashing = night(&clean, &[Some(HarnessError); 3]);
        assert_eq!(crashing.exit(), Exit::Unknown);
    }

    #[test]
    fn thresholds_loosen_what_is_asked_and_nothing_else() {
        let mut night = night(&[Some(Pass), Some(Unknown), None], &[Some(Violation); 3]);
        night.plan.header.thresholds.unknown_percent_max = 50;
        night.plan.header.thresholds.finished_percent_min = 80;
        assert_eq!(night.exit(), Exit::Pass, "{:?}", night.doubts());
        night.plan.header.thresholds.unknown_percent_max = 49;
        assert_eq!(night.exit(), Exit::Unknown);
    }

    #[test]
    fn where_nothing_has_a_verdict_nothing_passes_however_loose_the_thresholds() {
        for (clean, planted) in [
            ([None; 2], [Some(Violation); 2]),
            ([Some(Unknown); 2], [Some(Violation); 2]),
            ([Some(Pass); 2], [None; 2]),
        ] {
            let mut night = night(&clean, &planted);
            night.plan.header.thresholds.unknown_percent_max = 100;
            night.plan.header.thresholds.finished_percent_min = 0;
            assert_eq!(night.exit(), Exit::Unknown, "{clean:?} {planted:?}");
            assert!(
                night.doubts()[0].contains("nothing is known"),
                "{:?}",
                night.doubts()
            );
        }
    }
}
