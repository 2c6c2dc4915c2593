//! Running many seeds, each in one thread, several at a time.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use splitbrain_consensus::sim::{Failure, Outcome, SimConfig};
use splitbrain_reports::results::Counterexample;

use super::clients::Workbench;
use super::judge::{Judgement, judge};
use super::options::think_us_max;
use super::protocols::SimulatedSystem;
use crate::workload::{Mix, WORKLOADS};

/// Client threads for each pair of node and read mode.
const THREADS_PER_PLACE: usize = 1;
/// Few keys, so that clients meet on them.
const KEYS: usize = 5;
/// A key is retired after so many ops.
const OPS_PER_KEY: u64 = 200;

/// What all seeds of a hunt have in common.
#[derive(Clone)]
pub struct Campaign {
    pub(super) system: SimulatedSystem,
    pub(super) mutant: Option<&'static str>,
    pub(super) config: SimConfig,
    pub(super) workbench: Workbench,
    /// Whether to go on after the first failing seed.
    pub keep_going: bool,
    /// How many seeds run at the same time; one per core where it is not said.
    pub workers: Option<usize>,
}

/// How a seed failed.
#[derive(Clone, Debug)]
pub enum SeedFailure {
    /// An invariant of the protocol was broken, or the healed cluster made no progress.
    Protocol(Failure),
    /// A claim was broken.
    Claim(Box<Counterexample>),
    /// The core panicked: an assertion of its own failed.
    Panic(String),
    /// The checker came to no verdict.
    Unknown(String),
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The seed.
    pub seed: u64,
    /// How it failed.
    pub failure: SeedFailure,
    /// The run, unless it panicked.
    pub outcome: Option<Outcome>,
    /// How long it took from the start of the hunt, real time.
    pub after: Duration,
}

/// What a hunt over many seeds found.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// The lowest seed that failed, of those that were run.
    pub caught: Option<Caught>,
    /// Virtual time over all seeds, seconds.
    pub virtual_seconds: f64,
    /// Real time, seconds.
    pub real_seconds: f64,
    /// Time of all workers together, seconds.
    pub worker_seconds: f64,
    /// Requests that got an answer.
    pub answers: u64,
    /// Terms that had a leader.
    pub elections: u64,
    /// Faults that struck.
    pub faults: u64,
    /// The events of the last run, where they were wanted.
    pub trace: Option<String>,
}

/// Is told how far a hunt has come.
pub trait Watcher: Sync {
    /// So many seeds are done, of which so many failed.
    fn seeds_done(&self, done: u64, failed: u64);
}

impl Campaign {
    /// A campaign with the usual workload.
    #[must_use]
    pub fn new(system: SimulatedSystem, mutant: Option<&'static str>, nodes: u16) -> Self {
        let read_modes: Vec<_> = system.system.read_modes().iter().map(|mode| mode.name).collect();
        let threads = THREADS_PER_PLACE * usize::from(nodes) * read_modes.len();
        let workbench = Workbench {
            nodes,
            read_modes,
            workload: &WORKLOADS[0],
            mix: Mix {
                keys: KEYS,
                ops_per_key: OPS_PER_KEY,
                ..Mix::default()
            },
            threads,
        };
        let config = SimConfig {
            nodes,
            think_us_max: think_us_max(threads),
            ..SimConfig::default()
        };
        Self {
            system,
            mutant,
            config,
            workbench,
            keep_going: false,
            workers: None,
        }
    }

    /// The command that runs `seed` again.
    #[must_use]
    pub fn replay_command(&self, seed: u64) -> String {
        let name = self.system.system.name();
        let mut command = format!("splitbrain simulate --system {name}");
        if let Some(mutant) = self.mutant {
            command += &format!(" --mutant {name}/{mutant}");
        }
        if self.config.nodes != 5 {
            command += &format!(" --nodes {}", self.config.nodes);
        }
        if self.config.safety_us != SimConfig::default().safety_us {
            command += &format!(" --safety-time {}ms", self.config.safety_us / 1000);
        }
        command + &format!(" --seeds {seed} --trace")
    }

    /// Runs one seed.
    fn run(&self, seed: u64) -> (Option<Outcome>, Option<SeedFailure>) {
        let run = || (self.system.run)(seed, &self.config, self.mutant, &self.workbench);
        let (outcome, history) = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
            Ok(result) => result,
            Err(panic) => return (None, Some(SeedFailure::Panic(describe_panic(panic.as_ref())))),
        };
        if let Some(failure) = outcome.failure.clone() {
            return (Some(outcome), Some(SeedFailure::Protocol(failure)));
        }
        let modes: Vec<_> = self.system.system.read_modes().iter().collect();
        let failure = match judge(&history, &modes) {
            Judgement::Kept => None,
            Judgement::Broken(counterexample) => Some(SeedFailure::Claim(counterexample)),
            Judgement::Unknown(reason) => Some(SeedFailure::Unknown(reason)),
        };
        (Some(outcome), failure)
    }
}

fn describe_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".into())
}

/// Runs the seeds in ascending order, until one fails or all are done.
pub fn hunt(campaign: &Campaign, seeds: Range<u64>, watcher: &impl Watcher) -> Finding {
    let started = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let finding = Mutex::new(Finding::default());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = campaign.workers.unwrap_or(cores).max(1);
    // A core that panics is a finding, and told as one.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let began = Instant::now();
                    let (outcome, failure) = campaign.run(seed);
                    let mut finding = finding.lock().expect("no worker panics while it holds the lock");
                    finding.worker_seconds += began.elapsed().as_secs_f64();
                    if failure.is_some() && !campaign.keep_going {
                        stop.store(true, Ordering::Relaxed);
                    }
                    finding.note(seed, outcome, failure, started.elapsed());
                    watcher.seeds_done(finding.seeds, finding.failed);
                }
            });
        }
    });
    std::panic::set_hook(hook);
    let mut finding = finding
        .into_inner()
        .expect("no worker panics while it holds the lock");
    finding.real_seconds = started.elapsed().as_secs_f64();
    finding
}

impl Finding {
    fn note(
        &mut self,
        seed: u64,
        mut outcome: Option<Outcome>,
        failure: Option<SeedFailure>,
        after: Duration,
    ) {
        self.seeds += 1;
        if let Some(outcome) = &mut outcome {
            self.virtual_seconds += outcome.stats.virtual_us as f64 / 1e6;
            self.answers += outcome.stats.answers;
            self.elections += outcome.stats.elections;
            self.faults += outcome.faults.len() as u64;
            self.trace = outcome.trace.take();
        }
        let Some(failure) = failure else { return };
        self.failed += 1;
        if self.caught.as_ref().is_none_or(|caught| seed < caught.seed) {
            self.caught = Some(Caught {
                seed,
                failure,
                outcome,
                after,
            });
        }
    }
}
