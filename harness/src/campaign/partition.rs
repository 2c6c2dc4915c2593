//! Which part of a plan this machine runs.
//!
//! Schedulers that start the same job many times tell each copy its number by a variable. Where none is given on the
//! command line, these are recognised:
//!
//! | scheduler | number | of how many |
//! |---|---|---|
//! | any, and GitHub matrices | `SPLITBRAIN_PARTITION_INDEX`, from 0 | `SPLITBRAIN_PARTITION_COUNT` |
//! | Kubernetes Indexed Job | `JOB_COMPLETION_INDEX`, from 0 | `SPLITBRAIN_PARTITION_COUNT`: Kubernetes does not tell it |
//! | Slurm array | `SLURM_ARRAY_TASK_ID`, from `SLURM_ARRAY_TASK_MIN` in steps of `SLURM_ARRAY_TASK_STEP` | `SLURM_ARRAY_TASK_COUNT` |
//! | Buildkite | `BUILDKITE_PARALLEL_JOB`, from 0 | `BUILDKITE_PARALLEL_JOB_COUNT` |

use std::fmt;
use std::str::FromStr;

use crate::failure::{Failure, Result};

/// The `index`-th of `count` parts, counted from 0. Units are dealt out like cards, so that each part has some of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    index: usize,
    count: usize,
}

impl Partition {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    fn new(index: usize, count: usize) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Whether the unit at this place of the plan is in it.
    #[must_use]
    pub fn has(self, place: usize) -> bool {
        place % self.count == self.index
    }

    /// The part that the scheduler of this job tells, and which scheduler that is; none where there is none.
    ///
    /// # Errors
    /// [`Failure::Usage`] if its variables contradict each other or are incomplete.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<(Self, &'static str)>> {
        let number = |name: &str| -> Result<Option<usize>> {
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let parsed = text.parse().map(Some);
            parsed.map_err(|_| Failure::Usage(format!("{name} is `{text}`, which is no number from 0 on")))
        };
        let ours = "SPLITBRAIN_PARTITION_COUNT";
        let found = if let Some(index) = number("SPLITBRAIN_PARTITION_INDEX")? {
            Some((index, number(ours)?, ours, "SPLITBRAIN_PARTITION_INDEX"))
        } else if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            Some((index, number(ours)?, ours, "a Kubernetes Indexed Job"))
        } else if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let index = id.saturating_sub(first) / step;
            let count = "SLURM_ARRAY_TASK_COUNT";
            Some((index, number(count)?, count, "a Slurm array"))
        } else if let Some(index) = number("BUILDKITE_PARALLEL_JOB")? {
            let count = "BUILDKITE_PARALLEL_JOB_COUNT";
            Some((index, number(count)?, count, "Buildkite"))
        } else {
            None
        };
        let Some((index, count, count_name, scheduler)) = found else {
            return Ok(None);
        };
        let Some(count) = count else {
            return Err(Failure::Usage(format!(
                "this looks like part {index} of {scheduler}, and nothing says of how many; set {count_name}, or give \
                 --partition slice:1/1 to run all"
            )));
        };
        match Self::new(index, count) {
            Some(partition) => Ok(Some((partition, scheduler))),
            None => Err(Failure::Usage(format!(
                "{scheduler} says part {index}, counted from 0, of {count}, which there is not"
            ))),
        }
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parse = || {
            let (number, count) = text.strip_prefix("slice:")?.split_once('/')?;
            let (number, count): (usize, usize) = (number.parse().ok()?, count.parse().ok()?);
            Self::new(number.checked_sub(1)?, count)
        };
        parse().ok_or_else(|| format!("`{text}` is no partition; write slice:2/5 for the second of five"))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slice:{}/{}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = [(&'static str, &'static str)];

    fn of(variables: &Variables) -> Result<Option<String>> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Partition::of_environment(variable).map(|found| found.map(|(partition, _)| partition.to_string()))
    }

    #[test]
    fn schedulers_are_recognised_by_their_variables() {
        let cases: &[(&Variables, Option<&str>)] = &[
            (&[], None),
            (
                &[
                    ("SPLITBRAIN_PARTITION_INDEX", "0"),
                    ("SPLITBRAIN_PARTITION_COUNT", "3"),
                ],
                Some("slice:1/3"),
            ),
            (
                &[("JOB_COMPLETION_INDEX", "4"), ("SPLITBRAIN_PARTITION_COUNT", "5")],
                Some("slice:5/5"),
            ),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "7"),
                    ("SLURM_ARRAY_TASK_MIN", "1"),
                    ("SLURM_ARRAY_TASK_STEP", "2"),
                    ("SLURM_ARRAY_TASK_COUNT", "4"),
                ],
                Some("slice:4/4"),
            ),
            (
                &[
                    ("BUILDKITE_PARALLEL_JOB", "1"),
                    ("BUILDKITE_PARALLEL_JOB_COUNT", "2"),
                ],
                Some("slice:2/2"),
            ),
        ];
        for (variables, expected) in cases {
            assert_eq!(of(variables).unwrap().as_deref(), *expected, "{variables:?}");
        }
    }

    #[test]
    fn half_told_and_impossible_parts_are_refused_with_the_variable() {
        let cases: &[(&Variables, &str)] = &[
            (&[("JOB_COMPLETION_INDEX", "0")], "set SPLITBRAIN_PARTITION_COUNT"),
            (
                &[
                    ("BUILDKITE_PARALLEL_JOB", "2"),
                    ("BUILDKITE_PARALLEL_JOB_COUNT", "2"),
                ],
                "part 2, counted from 0, of 2",
            ),
            (&[("SLURM_ARRAY_TASK_ID", "x")], "SLURM_ARRAY_TASK_ID is `x`"),
            (
                &[
                    ("SPLITBRAIN_PARTITION_INDEX", "0"),
                    ("SPLITBRAIN_PARTITION_COUNT", "0"),
                ],
                "which there is not",
            ),
        ];
        for (variables, expected) in cases {
            let message = of(variables).unwrap_err().to_string();
            assert!(message.contains(expected), "{variables:?}: {message}");
        }
    }

    #[test]
    fn every_unit_is_in_one_part() {
        for count in 1..7 {
            for place in 0..50 {
                let parts = (0..count).filter(|index| Partition::new(*index, count).unwrap().has(place));
                assert_eq!(parts.count(), 1);
            }
        }
        for bad in [
            "slice:0/5",
            "slice:6/5",
            "slice:1/0",
            "2/5",
            "slice:a/b",
            "slice:-1/2",
            "",
        ] {
            assert!(bad.parse::<Partition>().is_err(), "{bad}");
        }
        assert_eq!("slice:2/5".parse::<Partition>().unwrap().to_string(), "slice:2/5");
    }
}
