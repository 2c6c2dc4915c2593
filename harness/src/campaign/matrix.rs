//! From a matrix to its units.

use clap::{Args as _, Command, FromArgMatches as _};
use splitbrain_systems::{MutantInfo, Venue};

use super::file::Matrix;
use super::plan::Unit;
use crate::catalog;
use crate::cli::RunOptions;
use crate::config;
use crate::failure::{Failure, Result};
use crate::rerun;
use crate::test_file::Test;
use crate::units::Timing;

/// How faults are said to be none.
const NO_NEMESIS: &str = "none";

/// The units of a matrix, each with the number of its seed among the seeds.
pub(super) fn units(matrix: &Matrix, first_seed: Option<u64>) -> Result<Vec<(usize, Unit)>> {
    if matrix.systems.is_empty() {
        return Err(Failure::Usage(
            "it has no units: it names no `systems`".to_owned(),
        ));
    }
    let seeds = seeds(matrix, first_seed)?;
    let mut units = Vec::new();
    for options in cells(matrix)? {
        // The seed decides when faults strike, not whether the options go together.
        let test = config::resolve(RunOptions {
            seed: seeds.first().copied(),
            ..options.clone()
        })?;
        let all_read_modes = options.read_mode.is_empty();
        let of_cell = seeds.iter().map(|seed| unit(&test, all_read_modes, *seed));
        units.extend(of_cell.enumerate());
    }
    Ok(units)
}

fn seeds(matrix: &Matrix, first_seed: Option<u64>) -> Result<Vec<u64>> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    let counted = matrix.first_seed.is_some() || matrix.repeats.is_some();
    match (matrix.seeds.is_empty(), counted) {
        (false, true) => {
            usage("`seeds` and `first-seed` with `repeats` both say the seeds; write one of them")
        }
        (false, false) => Ok(matrix.seeds.clone()),
        (true, _) => {
            let first = first_seed.or(matrix.first_seed).unwrap_or(1);
            match (
                matrix.repeats.unwrap_or(1),
                matrix.repeats.unwrap_or(1).checked_add(first),
            ) {
                (0, _) => usage("it has no units: `repeats` is 0"),
                (_, None) => usage("the seeds grow too great"),
                (_, Some(end)) => Ok((first..end).collect()),
            }
        }
    }
}

/// The options of each cell.
fn cells(matrix: &Matrix) -> Result<Vec<RunOptions>> {
    let mut cells = Vec::new();
    for subject in &matrix.systems {
        let of_subject = of_subject(matrix, subject)?;
        for options in of_subject {
            for workload in choices(&matrix.workloads) {
                for nodes in choices(&matrix.nodes) {
                    for observers in choices(&matrix.observers) {
                        cells.push(RunOptions {
                            workload: workload.clone(),
                            nodes: nodes.or(options.nodes),
                            observers: observers.or(options.observers),
                            ..options.clone()
                        });
                    }
                }
            }
        }
    }
    Ok(cells)
}

/// The options of a system or a planted bug, with the faults and their timing.
fn of_subject(matrix: &Matrix, subject: &str) -> Result<Vec<RunOptions>> {
    let (system, mutant) = match subject.split_once('/') {
        Some((system, _)) => (system, Some(subject.to_owned())),
        None => (subject, None),
    };
    let known = catalog::system(system)?;
    let info = mutant
        .as_deref()
        .map(|text| catalog::mutant(known, text))
        .transpose()?;
    let base = RunOptions {
        system: Some(system.to_owned()),
        mutant,
        read_mode: matrix.read_modes.clone(),
        time_limit: matrix.time_limit,
        ..RunOptions::default()
    };
    let (nemeses, lower) = match (&matrix.nemeses, info) {
        (Some(nemeses), _) => (nemeses.clone(), matrix.run.clone()),
        (None, Some(info)) if info.venue == Venue::Simulator => {
            return Err(Failure::Usage(format!(
                "the recipe of {subject} is one for the simulator, which a campaign does not run; say by `nemeses` what \
                 it is to be run under"
            )));
        }
        (None, Some(info)) => (vec![faults_of(info)], matrix.run.clone().or(recipe(info)?)),
        (None, None) => (vec![Vec::new()], matrix.run.clone()),
    };
    let base = base.or(lower);
    let mut all = Vec::new();
    for nemesis in nemeses {
        for timing in choices(&matrix.timing) {
            // A run without faults has no timing of faults, and is the same run in both.
            let has_faults = !nemesis.is_empty() && nemesis != [NO_NEMESIS];
            all.push(RunOptions {
                nemesis: nemesis.clone(),
                timing: timing.filter(|timing| has_faults && *timing == Timing::Targeted),
                ..base.clone()
            });
        }
    }
    Ok(all)
}

/// Each of a list; of an empty one the default.
fn choices<T: Clone>(list: &[T]) -> Vec<Option<T>> {
    if list.is_empty() {
        vec![None]
    } else {
        list.iter().cloned().map(Some).collect()
    }
}

fn faults_of(info: &MutantInfo) -> Vec<String> {
    info.nemesis.split(',').map(str::to_owned).collect()
}

/// The options of `run` that the recipe of a planted bug adds. Variables of the environment are no part of it.
fn recipe(info: &MutantInfo) -> Result<RunOptions> {
    let command = RunOptions::augment_args(Command::new("recipe").no_binary_name(true));
    let command = command.mut_args(|argument| argument.env(None::<&'static str>));
    let broken = |error: clap::Error| Failure::Usage(format!("the recipe of {}: {error}", info.name));
    let matches = command.try_get_matches_from(info.args).map_err(broken)?;
    RunOptions::from_arg_matches(&matches).map_err(broken)
}

/// The unit that runs a test with another seed.
fn unit(test: &Test, all_read_modes: bool, seed: u64) -> Unit {
    let arguments = |with_seed: bool| -> Vec<String> {
        rerun::arguments(test, all_read_modes)
            .into_iter()
            .filter(|(flag, _)| !["seed", "store", "name"].contains(flag))
            .chain(with_seed.then(|| ("seed", seed.to_string())))
            .map(|(flag, value)| format!("--{flag}={value}"))
            .collect()
    };
    let count = |nodes: usize| u16::try_from(nodes).unwrap_or(u16::MAX);
    Unit {
        id: Unit::id_of(&arguments(true)),
        cell: Unit::id_of(&arguments(false)),
        system: test.system.clone(),
        mutant: test.mutant.clone(),
        read_modes: test.read_modes.iter().map(|mode| mode.name.clone()).collect(),
        workload: test.workload.clone(),
        nemesis: test.nemesis.iter().map(|kind| kind.name().to_owned()).collect(),
        nodes: count(test.layout().voters),
        observers: count(test.observers),
        timing: test.timing,
        time_limit: test.time_limit,
        seed,
        arguments: arguments(true),
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_systems::systems;

    use super::*;
    use crate::campaign::file::CampaignFile;

    fn matrix(text: &str) -> Result<Vec<(usize, Unit)>> {
        let file = CampaignFile::parse(&format!("name = \"x\"\n[[matrix]]\n{text}")).unwrap();
        units(&file.matrix[0], None)
    }

    #[test]
    fn a_matrix_is_the_product_of_its_lists() {
        let text = "systems = [\"raft\"]\nnemeses = [[\"kill\"], [\"partition\", \"kill\"], []]\nnodes = [3, 5]\n\
                    timing = [\"scheduled\", \"targeted\"]\nseeds = [3, 4]\ntime-limit = \"5s\"\n\
                    read-modes = [\"log\", \"lease\"]\n[matrix.run]\nrate = 50.0";
        let units = matrix(text).unwrap();
        assert_eq!(units.len(), 3 * 2 * 2 * 2);
        let unit = &units
            .iter()
            .find(|(_, unit)| unit.nemesis.len() == 2 && unit.timing == Timing::Targeted && unit.nodes == 5)
            .unwrap()
            .1;
        let line = unit.arguments.join(" ");
        for part in [
            "--system=raft",
            "--nodes=5",
            "--read-mode=log,lease",
            "--rate=50",
            "--time-limit=5s",
            "--seed=3",
        ] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        assert!(
            line.contains("--timing=targeted") && line.contains("--nemesis=partition,kill"),
            "{line}"
        );
        assert!(!line.contains("--store") && !line.contains("--name"), "{line}");
    }

    #[test]
    fn a_unit_is_the_run_that_its_arguments_give() {
        let text =
            "systems = [\"raft/answer-before-commit\"]\nseeds = [18446744073709551]\ntime-limit = \"5s\"";
        let unit = matrix(text).unwrap().remove(0).1;
        let line = format!("splitbrain run {}", unit.arguments.join(" "));
        let test = config::resolve(crate::cli::run_options(&line)).unwrap();
        assert_eq!(
            (test.seed, test.mutant.as_deref()),
            (unit.seed, Some("answer-before-commit"))
        );
        assert_eq!(
            test.nemesis.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
            unit.nemesis
        );
        assert_eq!(test.time_limit, unit.time_limit);
    }

    #[test]
    fn every_planted_bug_that_processes_show_can_be_planned_by_its_recipe() {
        for system in systems() {
            for mutant in system.mutants() {
                let text = format!(
                    "systems = [\"{}/{}\"]\nseeds = [1]\ntime-limit = \"12s\"",
                    system.name(),
                    mutant.name
                );
                let found = matrix(&text);
                assert_eq!(
                    found.is_ok(),
                    mutant.venue == Venue::Processes,
                    "{text}: {found:?}"
                );
                let found = matrix(&(text + "\nnemeses = [[\"kill\"]]"));
                assert!(found.is_ok(), "{found:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let cases = [
            ("systems = [\"roft\"]", "did you mean `raft`"),
            (
                "systems = [\"raft/commit-older-trem\"]",
                "did you mean `raft/commit-older-term`",
            ),
            (
                "systems = [\"raft\"]\nnemeses = [[\"kil\"]]",
                "did you mean `kill`",
            ),
            (
                "systems = [\"raft\"]\nread-modes = [\"quorum\"]",
                "a read mode of zab",
            ),
            (
                "systems = [\"raft\"]\nworkloads = [\"registr\"]",
                "did you mean `register`",
            ),
            ("systems = [\"raft\"]\nnodes = [0]", "a cluster of 0 nodes"),
            ("systems = [\"raft\"]\nobservers = [1]", "which knows none"),
            ("systems = [\"raft\"]\nrepeats = 0", "`repeats` is 0"),
            (
                "systems = [\"raft\"]\nseeds = [1]\nrepeats = 2",
                "write one of them",
            ),
            ("systems = []\nseeds = [1]", "names no `systems`"),
        ];
        for (text, expected) in cases {
            let message = matrix(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
