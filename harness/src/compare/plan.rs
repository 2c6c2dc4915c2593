//! The plan of a comparison: every run, resolved before the first begins.

use std::path::PathBuf;

use splitbrain_systems::{ReadModeInfo, System};

use super::contestants::{Entrant, contestants};
use super::options::CompareOptions;
use crate::cli::RunOptions;
use crate::config;
use crate::failure::{Failure, Result};
use crate::names;
use crate::test_file::Test;
use crate::units::Concurrency;

/// Threads per node and read mode, as in a single run.
const THREADS_PER_MODE: usize = 2;
/// Beyond so many groups of threads, systems with unlike numbers of read modes get no number that divides evenly
/// among the modes of each.
const EVEN_GROUPS_MAX: usize = 12;
/// So many repeats are a slip.
const REPEAT_MAX: u32 = 1_000;
/// A comparison, everything looked up.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) command: String,
    pub(super) store: PathBuf,
    pub(super) entrants: Vec<Entrant>,
    pub(super) shapes: Vec<Shape>,
    /// In the order in which they are run: the runs of a pair, which share a shape and a seed, follow each other.
    pub(super) runs: Vec<PlannedRun>,
}

/// A shape of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) voters: u16,
    pub(super) observers: u16,
}

impl Shape {
    /// `3 nodes`, `3 nodes and 1 observer`.
    pub(super) fn describe(self) -> String {
        match self.observers {
            0 => format!("{} nodes", self.voters),
            1 => format!("{} nodes and 1 observer", self.voters),
            n => format!("{} nodes and {n} observers", self.voters),
        }
    }

    /// The same, fit for a folder: `3n`, `3n-1o`.
    fn file_name(self) -> String {
        match self.observers {
            0 => format!("{}n", self.voters),
            n => format!("{}n-{n}o", self.voters),
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub(super) struct PlannedRun {
    /// Which of the plan's entrants.
    pub(super) entrant: usize,
    /// Which of its shapes.
    pub(super) shape: usize,
    /// The run itself; its store is set when the comparison's folder is there.
    pub(super) test: Test,
    /// Whether it uses all the read modes of its system.
    pub(super) all_read_modes: bool,
}

impl CompareOptions {
    /// Looks everything up, and refuses what cannot be before anything is run.
    ///
    /// # Errors
    /// [`Failure::Usage`], which names what is unknown or contradictory.
    pub(super) fn plan(&self) -> Result<Plan> {
        if !(1..=REPEAT_MAX).contains(&self.repeat) {
            return Err(Failure::Usage(format!(
                "--repeat {}: give a number from 1 to {REPEAT_MAX}",
                self.repeat
            )));
        }
        let seed = self.seed.unwrap_or_else(config::draw_seed);
        if seed.checked_add(u64::from(self.repeat)).is_none() {
            return Err(Failure::Usage(format!(
                "--seed {seed} leaves no room for the seeds of {} repeats; choose a smaller one",
                self.repeat
            )));
        }
        let mut entrants = contestants(&self.system_names())?;
        assign_modes(&mut entrants, &self.read_modes)?;
        let shapes = self.shapes(&entrants)?;
        let name = match &self.name {
            Some(name) => config::plain_name("comparison", name.clone())?,
            None => default_name(&entrants),
        };
        let mut runs = Vec::new();
        for seed in seed..seed + u64::from(self.repeat) {
            for (shape, of_shape) in shapes.iter().enumerate() {
                runs.extend(self.runs_of(&entrants, (shape, *of_shape), seed)?);
            }
        }
        Ok(Plan {
            name,
            seed,
            command: self.command(seed),
            store: self.store.clone(),
            entrants,
            shapes,
            runs,
        })
    }

    /// Every size with every number of observers.
    fn shapes(&self, entrants: &[Entrant]) -> Result<Vec<Shape>> {
        let can_observe = entrants.iter().any(|entrant| entrant.system.has_observers());
        let observers = match (self.observers.as_slice(), can_observe) {
            ([], true) => &[0, 1],
            ([], false) => &[0][..],
            (wanted, _) => wanted,
        };
        for (flag, numbers) in [("nodes", self.nodes.as_slice()), ("observers", observers)] {
            let repeated = (1..numbers.len()).find(|at| numbers[..*at].contains(&numbers[*at]));
            if let Some(at) = repeated {
                return Err(Failure::Usage(format!(
                    "--{flag} names {} twice; name each number once",
                    numbers[at]
                )));
            }
        }
        let with = |observers: &u16| {
            let observers = *observers;
            self.nodes.iter().map(move |voters| Shape {
                voters: *voters,
                observers,
            })
        };
        Ok(observers.iter().flat_map(with).collect())
    }

    /// The runs of one seed in one shape of the cluster: of those entrants that have a read mode there.
    fn runs_of(&self, entrants: &[Entrant], shape: (usize, Shape), seed: u64) -> Result<Vec<PlannedRun>> {
        let (index, shape) = shape;
        let field: Vec<(usize, &Entrant, Vec<&'static ReadModeInfo>)> = entrants
            .iter()
            .enumerate()
            .filter(|(_, entrant)| shape.observers == 0 || entrant.system.has_observers())
            .map(|(at, entrant)| (at, entrant, entrant.modes_in(shape.observers)))
            .filter(|(.., modes)| !modes.is_empty())
            .collect();
        if field.is_empty() {
            return Err(Failure::Usage(format!(
                "contradiction: none of the systems has a read mode to compare with {}; change --systems, --read-modes or \
                 --observers",
                shape.describe()
            )));
        }
        let counts: Vec<usize> = field.iter().map(|(.., modes)| modes.len()).collect();
        let concurrency = match shape.observers {
            0 => Some(self.concurrency.unwrap_or_else(|| fair_concurrency(&counts))),
            // Observers and voters have unlike read modes: as many as their pairs need.
            _ => self.concurrency,
        };
        let run = |(entrant, of_entrant, modes): &(usize, &Entrant, Vec<&'static ReadModeInfo>)| {
            let options = RunOptions {
                concurrency,
                ..self.run_options(of_entrant, modes, shape, seed)
            };
            Ok(PlannedRun {
                entrant: *entrant,
                shape: index,
                test: config::resolve(options)?,
                all_read_modes: modes.len() == of_entrant.all_modes_in(shape.observers).len(),
            })
        };
        field.iter().map(run).collect()
    }

    /// One run. Everything that decides load and faults is the same for all entrants.
    fn run_options(
        &self,
        entrant: &Entrant,
        modes: &[&'static ReadModeInfo],
        shape: Shape,
        seed: u64,
    ) -> RunOptions {
        RunOptions {
            system: Some(entrant.system.name().to_owned()),
            mutant: entrant
                .mutant
                .map(|mutant| format!("{}/{}", entrant.system.name(), mutant.name)),
            nodes: Some(shape.voters),
            observers: (shape.observers > 0).then_some(shape.observers),
            read_mode: modes.iter().map(|mode| mode.name.to_owned()).collect(),
            workload: Some(self.workload.clone()),
            rate: self.rate,
            mix: self.mix,
            readers: self.readers,
            writers: self.writers,
            keys: self.keys,
            key_distribution: self.key_distribution,
            op_timeout: self.op_timeout,
            nemesis: match self.schedule {
                Some(_) => Vec::new(),
                None => self.nemesis.clone(),
            },
            schedule: self.schedule.clone(),
            time_limit: Some(self.time_limit),
            seed: Some(seed),
            name: Some(format!("{}-{}", entrant.file_name(), shape.file_name())),
            store: Some(self.store.clone()),
            ..RunOptions::default()
        }
    }
}

/// Gives each entrant those read modes that are wanted and that it has; all where none is named.
fn assign_modes(entrants: &mut [Entrant], wanted: &[String]) -> Result<()> {
    for text in wanted {
        every_mode_is_known(entrants, text.trim())?;
    }
    for entrant in entrants {
        let system = entrant.system.name();
        let is_wanted = |mode: &&ReadModeInfo| {
            wanted.is_empty()
                || wanted.iter().any(|text| match text.trim().split_once('/') {
                    Some((owner, name)) => owner == system && name == mode.name,
                    None => text.trim() == mode.name,
                })
        };
        entrant.modes = entrant.system.read_modes().iter().filter(is_wanted).collect();
        if entrant.modes.is_empty() {
            return Err(Failure::Usage(format!(
                "{system} has none of the read modes {}; it has {}",
                wanted.join(", "),
                mode_names(entrant.system).join(", ")
            )));
        }
    }
    Ok(())
}

/// Whether a read mode is one of the systems that take part, or of the one that it names.
fn every_mode_is_known(entrants: &[Entrant], text: &str) -> Result<()> {
    let (owner, name) = text
        .split_once('/')
        .map_or((None, text), |(owner, name)| (Some(owner), name));
    let mut taking_part: Vec<&dyn System> = Vec::new();
    for entrant in entrants {
        if !taking_part
            .iter()
            .any(|system| system.name() == entrant.system.name())
        {
            taking_part.push(entrant.system);
        }
    }
    if let Some(owner) = owner {
        names::find("system of this comparison", owner, &taking_part, |system| {
            system.name()
        })?;
        taking_part.retain(|system| system.name() == owner);
    }
    let known: Vec<&str> = taking_part
        .iter()
        .flat_map(|system| mode_names(*system))
        .collect();
    let list: Vec<&str> = taking_part.iter().map(|system| system.name()).collect();
    let what = format!("read mode of {}", list.join(" and "));
    names::find(&what, name, &known, |known| known).map(drop)
}

fn mode_names(system: &dyn System) -> Vec<&'static str> {
    system.read_modes().iter().map(|mode| mode.name).collect()
}

/// As many threads for each node that all systems have equally many, and that these, and those of them that only
/// read, divide evenly among the read modes of each. More threads are more load, which costs latency; and fewer
/// for some mode would meet fewer stale reads.
fn fair_concurrency(modes: &[usize]) -> Concurrency {
    let most = modes.iter().copied().max().unwrap_or(1);
    let even = (most..=EVEN_GROUPS_MAX).find(|groups| modes.iter().all(|count| groups % count == 0));
    Concurrency::PerNode(THREADS_PER_MODE * even.unwrap_or(most))
}

/// `raft-vs-zab`; `raft-modes` where there is one system only.
fn default_name(entrants: &[Entrant]) -> String {
    match entrants {
        [one] => format!("{}-modes", one.system.name()),
        several => {
            let names: Vec<&str> = several.iter().map(|entrant| entrant.system.name()).collect();
            names.join("-vs-")
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: CompareOptions,
    }

    fn plan(line: &str) -> Result<Plan> {
        let words = ["compare"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap().options.plan()
    }

    #[test]
    fn pairs_have_the_same_seed_schedule_and_load() {
        let plan = plan(
            "--systems raft,raft/majority-as-half --seed 7 --repeat 3 --nodes 3,5 --nemesis partition,kill",
        )
        .unwrap();
        assert_eq!(plan.runs.len(), 2 * 3 * 2);
        for pair in plan.runs.chunks_exact(2) {
            let [a, b] = [&pair[0], &pair[1]];
            assert_eq!((a.entrant, b.entrant, a.shape), (0, 1, b.shape));
            let (a, b) = (&a.test, &b.test);
            assert_eq!((a.seed, &a.schedule), (b.seed, &b.schedule));
            assert!(!a.schedule.events.is_empty());
            assert_eq!(
                (&a.mix, &a.threads, &a.workload),
                (&b.mix, &b.threads, &b.workload)
            );
            assert_eq!(
                (a.time_limit, a.op_timeout, a.rate),
                (b.time_limit, b.op_timeout, b.rate)
            );
            assert_ne!((&a.mutant, &a.name), (&b.mutant, &b.name));
        }
        let seeds: Vec<u64> = plan.runs.iter().map(|run| run.test.seed).collect();
        assert_eq!((seeds[0], seeds[11]), (7, 9));
    }

    #[test]
    fn the_schedule_depends_on_seed_size_and_faults_alone() {
        let schedules = |line: &str| {
            let line = format!("--seed 7 --nodes 5 --nemesis partition {line}");
            let runs = plan(&line).unwrap().runs;
            runs.into_iter().map(|run| run.test.schedule).collect::<Vec<_>>()
        };
        let of_all = schedules("--systems raft");
        assert_eq!(
            of_all,
            schedules("--systems raft --read-modes lease --concurrency 2n --mix read=1,write=1")
        );
        assert_ne!(of_all, schedules("--systems raft --time-limit 40s"));
    }

    #[test]
    fn the_command_of_a_comparison_gives_the_same_comparison() {
        for line in [
            "--systems raft,raft --seed 7",
            "--systems raft --read-modes lease,log --nodes 3 --nemesis kill,pause --repeat 2 --seed 1 --name mine",
            "--systems raft --mix read=1,write=2 --keys 9 --op-timeout 300ms --rate 50 --seed 4 --concurrency 4n",
        ] {
            let first = plan(line).unwrap();
            let words = first.command.strip_prefix("splitbrain compare ").unwrap();
            let again = plan(words).unwrap();
            assert_eq!((&again.command, &again.name), (&first.command, &first.name));
            let tests = |plan: &Plan| {
                plan.runs
                    .iter()
                    .map(|run| run.test.command.clone())
                    .collect::<Vec<_>>()
            };
            assert_eq!(tests(&again), tests(&first), "{line}");
        }
    }

    #[test]
    fn clients_divide_evenly_among_the_modes_of_each_system() {
        for (modes, threads) in [(&[6][..], 12), (&[6, 3], 12), (&[6, 4], 24), (&[7, 5], 14)] {
            assert_eq!(
                fair_concurrency(modes),
                Concurrency::PerNode(threads),
                "{modes:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused_before_anything_runs() {
        for (line, expected) in [
            ("--systems roft", "did you mean `raft`"),
            ("--systems raft --read-modes leese", "did you mean `lease`"),
            (
                "--systems raft --read-modes raft/leese",
                "unknown read mode of raft `leese`",
            ),
            (
                "--systems raft --read-modes zoo/lease",
                "unknown system of this comparison `zoo`",
            ),
            (
                "--systems raft,zab --read-modes quorum",
                "raft has none of the read modes quorum; it has log",
            ),
            (
                "--systems zab --observers 0 --read-modes observer-local",
                "none of the systems has a read mode to compare with 3 nodes",
            ),
            ("--systems raft --nodes 3,3", "names 3 twice"),
            ("--systems raft --nodes 0", "at least 1 is needed"),
            ("--systems raft --observers 1", "none of the systems"),
            ("--systems raft --repeat 0", "from 1 to"),
            ("--systems raft --nemesis partition --time-limit 1s", "too short"),
            ("--systems raft --name ../up", "cannot name a comparison"),
        ] {
            let failure = plan(line).unwrap_err();
            assert!(matches!(failure, Failure::Usage(_)), "{line}");
            assert!(failure.to_string().contains(expected), "{line}: {failure}");
        }
    }

    #[test]
    fn unlike_systems_meet_the_same_faults_with_as_many_clients() {
        let plan = plan("--systems raft,zab --seed 7 --nodes 5 --nemesis partition,kill,pause").unwrap();
        let shapes: Vec<String> = plan.shapes.iter().map(|shape| shape.describe()).collect();
        assert_eq!(shapes, ["5 nodes", "5 nodes and 1 observer"]);
        let names: Vec<&str> = plan.runs.iter().map(|run| run.test.name.as_str()).collect();
        assert_eq!(names, ["raft-5n", "zab-5n", "zab-5n-1o"]);
        let [raft, zab, observed] = [0, 1, 2].map(|at| &plan.runs[at].test);
        assert_eq!(
            (&raft.schedule, raft.concurrency),
            (&zab.schedule, zab.concurrency)
        );
        assert_eq!(&raft.schedule, &observed.schedule);
        // Each pair of node and read mode has as many clients that only read as others.
        for test in [raft, zab] {
            let places = test.placements();
            let readers = places.iter().filter(|place| place.reader).count();
            assert_eq!((readers * 2, test.layout().uncovered(&places)), (places.len(), 0));
        }
    }

    #[test]
    fn a_read_mode_is_compared_where_it_exists() {
        let modes = |line: &str| {
            let plan = plan(line).unwrap();
            let modes = plan.runs.iter().map(|run| {
                let names: Vec<&str> = run
                    .test
                    .read_modes
                    .iter()
                    .map(|mode| mode.name.as_str())
                    .collect();
                format!("{} {}", run.test.system, names.join(","))
            });
            modes.collect::<Vec<_>>()
        };
        assert_eq!(
            modes("--systems raft,zab --nodes 3 --read-modes log,quorum"),
            ["raft log", "zab quorum", "zab quorum"]
        );
        assert_eq!(
            modes("--systems raft,zab --nodes 3 --observers 0 --read-modes lease,zab/local"),
            ["raft lease", "zab local"]
        );
        assert_eq!(
            modes("--systems zab --nodes 3 --observers 1 --read-modes observer-local"),
            ["zab observer-local"]
        );
    }

    #[test]
    fn a_schedule_without_faults_is_allowed() {
        let plan = plan("--systems raft --nemesis none --nodes 3").unwrap();
        assert!(plan.runs[0].test.schedule.events.is_empty());
    }
}
