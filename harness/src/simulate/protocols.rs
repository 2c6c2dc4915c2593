//! Which protocols can be simulated. This is the one place of the harness that names them.

use splitbrain_checker::history::History;
use splitbrain_consensus::sim::{Outcome, SimConfig, Simulated, simulate};
use splitbrain_node::Hosted;
use splitbrain_raft::Raft;
use splitbrain_service::Registers;
use splitbrain_systems::{System, systems};
use splitbrain_zab::Zab;

use super::clients::SimClients;
use super::workbench::Workbench;
use crate::failure::Result;
use crate::names;
use crate::workload::Random;

/// How far the clocks of a simulated cluster drift at most, parts per million: far more than real ones, so that
/// what rests on their bound is put to the test. The protocols are told the same.
pub(super) const CLOCK_DRIFT_PPM: u64 = 300_000;
/// Above this rate, in ops a second, an epoch of ZAB would use short counters up faster than a server can join.
const ROLLOVER_RATE_MAX: u32 = 1_000;

/// A system with the function that simulates it.
#[derive(Clone, Copy)]
pub struct SimulatedSystem {
    /// The system as the harness knows it.
    pub system: &'static dyn System,
    pub(super) run: RunSeed,
    /// Draws settings of the system that make a run of some seconds, with so many ops in each, meet what real ones meet
    /// in minutes.
    pub(super) draw_options: DrawOptions,
}

type DrawOptions = fn(&mut Random, u32) -> Vec<(String, String)>;

/// Runs one seed: with the planted bug of that name, for the clients that the workbench describes.
type RunSeed = fn(u64, &SimConfig, Option<&str>, &Workbench) -> (Outcome, History);

/// The systems that can be simulated.
fn simulated() -> impl Iterator<Item = SimulatedSystem> {
    systems().iter().filter_map(|system| {
        let (run, draw_options): (RunSeed, DrawOptions) = match system.name() {
            "raft" => (run_seed::<Raft>, raft_options),
            "zab" => (run_seed::<Zab>, zab_options),
            _ => return None,
        };
        Some(SimulatedSystem {
            system: *system,
            run,
            draw_options,
        })
    })
}

/// Short election timeouts beside long ones: on a slow network candidates then meet. Small limits, so that pieces
/// of snapshots, full windows and full messages are met.
fn raft_options(random: &mut Random, _rate: u32) -> Vec<(String, String)> {
    let mut pick = |choices: &[u64]| choices[random.below(choices.len() as u64) as usize];
    let election_timeout_ms = pick(&[60, 100, 200]);
    let options = [
        ("election-timeout-ms", election_timeout_ms),
        ("heartbeat-interval-ms", election_timeout_ms / 5),
        ("snapshot-threshold-entries", pick(&[30, 100, 1000])),
        ("snapshot-trailing-entries", pick(&[0, 2, 10])),
        ("snapshot-piece-bytes", pick(&[24, 1000])),
        ("append-entries-max", pick(&[3, 512])),
        ("append-window", pick(&[1, 2, 16])),
        ("clock-drift-bound-ppm", CLOCK_DRIFT_PPM),
    ];
    options
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .to_vec()
}

/// Short ticks beside long ones, limits between which nothing fits, small snapshots, and zxids that are used up.
fn zab_options(random: &mut Random, rate: u32) -> Vec<(String, String)> {
    let mut pick = |choices: &[u64]| choices[random.below(choices.len() as u64) as usize];
    let counter_max = |drawn| match rate > ROLLOVER_RATE_MAX {
        true => u64::from(u32::MAX),
        false => drawn,
    };
    let options = [
        ("tick-ms", pick(&[40, 100, 200])),
        ("sync-limit", pick(&[3, 10])),
        ("init-limit", pick(&[5, 10])),
        ("learner-limit", pick(&[2, 3, 5])),
        ("election-wait-ms", pick(&[0, 30, 200])),
        ("notification-ms", pick(&[30, 100])),
        ("repeat-after-ms", pick(&[20, 80])),
        ("snapshot-threshold-txns", pick(&[30, 100, 1000])),
        ("snapshot-trailing-txns", pick(&[0, 2, 10])),
        ("snapshot-piece-bytes", pick(&[24, 1000])),
        ("counter-max", counter_max(pick(&[100, 400, u64::from(u32::MAX)]))),
    ];
    options
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .to_vec()
}

/// The names of the systems that can be simulated.
pub fn simulated_systems() -> impl Iterator<Item = &'static str> {
    simulated().map(|simulated| simulated.system.name())
}

/// The system of this name.
///
/// # Errors
/// If there is none, or it cannot be simulated; the error lists those that can.
pub fn named(name: &str) -> Result<SimulatedSystem> {
    let known: Vec<_> = simulated().collect();
    names::find("simulated system", name, &known, |known| known.system.name()).copied()
}

fn run_seed<P: Simulated + Hosted>(
    seed: u64,
    config: &SimConfig,
    mutant: Option<&str>,
    workbench: &Workbench,
) -> (Outcome, History) {
    let options =
        P::options(mutant, &workbench.options).expect("the options are known, and the mutant was looked up");
    let modes = workbench.read_modes.iter();
    let modes: Vec<_> = modes
        .map(|mode| P::read_mode(mode.name).expect("a mode that the system lists"))
        .collect();
    let mut clients = SimClients::new(workbench, modes, seed);
    let outcome = simulate::<P, Registers, _>(seed, config, options, &mut clients);
    (outcome, clients.into_history())
}
