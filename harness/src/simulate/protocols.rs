//! Which protocols can be simulated. This is the one place of the harness that names them.

use splitbrain_consensus::sim::{Outcome, SimConfig, Simulated, simulate};
use splitbrain_node::Hosted;
use splitbrain_raft::Raft;
use splitbrain_service::Registers;
use splitbrain_systems::System;

use super::clients::{SimClients, Workbench};
use crate::catalog;
use crate::failure::Result;
use crate::names;

/// Settings that make a simulated run of some seconds meet what real ones meet in minutes.
const OPTIONS: &[(&str, &str)] = &[
    ("snapshot-threshold-entries", "100"),
    ("snapshot-trailing-entries", "10"),
];

/// A system with the function that simulates it.
#[derive(Clone, Copy)]
pub struct SimulatedSystem {
    /// The system as the harness knows it.
    pub system: &'static dyn System,
    pub(super) run: RunSeed,
}

/// Runs one seed: with the planted bug of that name, for the clients that the workbench describes.
type RunSeed =
    fn(u64, &SimConfig, Option<&str>, &Workbench) -> (Outcome, splitbrain_checker::history::History);

/// The systems that can be simulated, by name.
const SIMULATED: &[(&str, RunSeed)] = &[("raft", run_seed::<Raft>)];

/// The names of the systems that can be simulated.
pub fn simulated_systems() -> impl Iterator<Item = &'static str> {
    SIMULATED.iter().map(|(name, _)| *name)
}

/// The system of this name.
///
/// # Errors
/// If there is none, or it cannot be simulated; the error lists those that can.
pub fn named(name: &str) -> Result<SimulatedSystem> {
    let (_, run) = names::find("simulated system", name, SIMULATED, |(name, _)| name)?;
    Ok(SimulatedSystem {
        system: catalog::system(name)?,
        run: *run,
    })
}

fn run_seed<P: Simulated + Hosted>(
    seed: u64,
    config: &SimConfig,
    mutant: Option<&str>,
    workbench: &Workbench,
) -> (Outcome, splitbrain_checker::history::History) {
    let pairs: Vec<_> = OPTIONS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let options = P::options(mutant, &pairs).expect("the options are known, and the mutant was looked up");
    let modes = workbench.read_modes.iter();
    let modes: Vec<_> = modes
        .map(|name| P::read_mode(name).expect("a mode that the system lists"))
        .collect();
    let mut clients = SimClients::new(workbench, modes, seed);
    let outcome = simulate::<P, Registers, _>(seed, config, options, &mut clients);
    (outcome, clients.into_history())
}
