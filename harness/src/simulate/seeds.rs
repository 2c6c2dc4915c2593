//! Running many seeds, each in one thread, several at a time.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use splitbrain_consensus::sim::{Failure, Nemesis, Outcome, SimConfig};
use splitbrain_reports::results::Counterexample;

use super::judge::{Judgement, judge};
use super::protocols::{CLOCK_DRIFT_PPM, SimulatedSystem};
use super::workbench::{Wanted, Workbench};

/// The ops in a second of virtual time where nobody asks for another rate.
pub(super) const RATE_DEFAULT: u32 = 300;

thread_local! {
    /// Where this thread last panicked.
    static LAST_PANIC: Cell<Option<String>> = const { Cell::new(None) };
    /// Whether this thread simulates: a panic is then caught, and told as a finding.
    static SIMULATES: Cell<bool> = const { Cell::new(false) };
}

/// What all seeds of a hunt have in common.
#[derive(Clone)]
pub struct Campaign {
    pub(super) system: SimulatedSystem,
    pub(super) mutant: Option<&'static str>,
    /// What is simulated, but for what each seed draws itself.
    pub config: SimConfig,
    /// What the seeds do not draw.
    pub(super) wanted: Wanted,
    /// How many ops the clients of a run ask for in a second of virtual time, about.
    pub rate: u32,
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
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The seed.
    pub seed: u64,
    /// How it failed.
    pub failure: SeedFailure,
    /// The run.
    pub outcome: Outcome,
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
    /// Seeds on whose history the checker came to no verdict.
    pub undecided: u64,
    /// The lowest of these that was run, and why.
    pub without_verdict: Option<(u64, String)>,
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
    pub fn new(system: SimulatedSystem, mutant: Option<&'static str>) -> Self {
        let config = SimConfig {
            clock_drift_ppm: CLOCK_DRIFT_PPM,
            ..SimConfig::default()
        };
        Self {
            system,
            mutant,
            config,
            wanted: Wanted::default(),
            rate: RATE_DEFAULT,
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
        if self.config.nemesis != SimConfig::default().nemesis {
            let families = Nemesis::ALL
                .iter()
                .filter(|(family, _)| self.config.nemesis.contains(family));
            let names: Vec<_> = families.map(|(_, name)| *name).collect();
            command += &format!(" --nemesis {}", names.join(","));
        }
        if let Some(nodes) = self.wanted.nodes {
            command += &format!(" --nodes {nodes}");
        }
        if let Some(observers) = self.wanted.observers {
            command += &format!(" --observers {observers}");
        }
        if !self.wanted.read_modes.is_empty() {
            let modes: Vec<_> = self.wanted.read_modes.iter().map(|mode| mode.name).collect();
            command += &format!(" --read-mode {}", modes.join(","));
        }
        if let Some(claim) = self.wanted.claim {
            command += &format!(" --claim {claim}");
        }
        if self.rate != RATE_DEFAULT {
            command += &format!(" --rate {}", self.rate);
        }
        if self.config.safety_us != SimConfig::default().safety_us {
            command += &format!(" --safety-time {}ms", self.config.safety_us / 1000);
        }
        command + &format!(" --seeds {seed} --trace")
    }

    /// How long each of `threads` clients pauses at most, so that together they make up the rate; but no longer than it
    /// leaves the healed cluster time to answer.
    fn think_us_max(&self, threads: usize) -> u64 {
        (2 * 1_000_000 * threads as u64 / u64::from(self.rate)).min(self.config.liveness_us / 2)
    }

    /// Runs one seed. The second part is how it failed, if it did, or why nobody knows.
    fn run(&self, seed: u64) -> (Outcome, Result<Option<SeedFailure>, String>) {
        let workbench = Workbench::draw(&self.system, &self.wanted, self.rate, seed);
        let config = SimConfig {
            nodes: workbench.nodes,
            observers: workbench.observers,
            op_timeout_us: workbench.op_timeout_us,
            think_us_max: self.think_us_max(workbench.threads),
            ..self.config.clone()
        };
        SIMULATES.set(true);
        let (mut outcome, history) = (self.system.run)(seed, &config, self.mutant, &workbench);
        SIMULATES.set(false);
        if let (Some(Failure::Panicked(what)), Some(place)) = (&mut outcome.failure, LAST_PANIC.take()) {
            *what = format!("{what} ({place})");
        }
        if let Some(failure) = outcome.failure.clone() {
            return (outcome, Ok(Some(SeedFailure::Protocol(failure))));
        }
        let failure = match judge(&history, &workbench.read_modes, self.wanted.claim) {
            Judgement::Kept => Ok(None),
            Judgement::Broken(counterexample) => Ok(Some(SeedFailure::Claim(counterexample))),
            Judgement::Unknown(reason) => Err(reason),
        };
        (outcome, failure)
    }
}

/// Runs the seeds in ascending order, until one fails or all are done.
pub fn hunt(campaign: &Campaign, seeds: Range<u64>, watcher: &impl Watcher) -> Finding {
    let started = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let finding = Mutex::new(Finding::default());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = campaign.workers.unwrap_or(cores).max(1);
    note_panics();
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let take = |seed| (seed < seeds.end).then(|| seed + 1);
                    let Ok(seed) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) else {
                        break;
                    };
                    let began = Instant::now();
                    let (outcome, failure) = campaign.run(seed);
                    let mut finding = finding.lock().expect("no worker panics while it holds the lock");
                    finding.worker_seconds += began.elapsed().as_secs_f64();
                    if matches!(failure, Ok(Some(_))) && !campaign.keep_going {
                        stop.store(true, Ordering::Relaxed);
                    }
                    finding.note(seed, outcome, failure, started.elapsed());
                    watcher.seeds_done(finding.seeds, finding.failed);
                }
            });
        }
    });
    let mut finding = finding
        .into_inner()
        .expect("no worker panics while it holds the lock");
    finding.real_seconds = started.elapsed().as_secs_f64();
    finding
}

/// Has panics of simulations noted, for the finding that each of them becomes, and all others told as ever.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            LAST_PANIC.set(info.location().map(ToString::to_string));
            if !SIMULATES.get() {
                tell(info);
            }
        }));
    });
}

impl Finding {
    fn note(
        &mut self,
        seed: u64,
        mut outcome: Outcome,
        failure: Result<Option<SeedFailure>, String>,
        after: Duration,
    ) {
        self.seeds += 1;
        self.virtual_seconds += outcome.stats.virtual_us as f64 / 1e6;
        self.answers += outcome.stats.answers;
        self.elections += outcome.stats.elections;
        self.faults += outcome.faults.len() as u64;
        self.trace = outcome.trace.take();
        let failure = match failure {
            Ok(None) => return,
            Ok(Some(failure)) => failure,
            Err(reason) => {
                self.undecided += 1;
                if self
                    .without_verdict
                    .as_ref()
                    .is_none_or(|(first, _)| seed < *first)
                {
                    self.without_verdict = Some((seed, reason));
                }
                return;
            }
        };
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
