//! What can be chosen by name: systems, read modes, mutants, consistency models, faults, workloads.

use splitbrain_checker::consistency::Model;
use splitbrain_nemesis::schedule::FaultKind;
use splitbrain_systems::{ReadModeInfo, System, systems};

use crate::failure::{Failure, Result};
use crate::names;
use crate::workload::{WORKLOADS, Workload};

/// The system where none is asked for.
pub const SYSTEM_DEFAULT: &str = "raft";
/// The workload where none is asked for.
pub const WORKLOAD_DEFAULT: &str = "register";
/// How it is said that there shall be no faults.
const NO_NEMESIS: &str = "none";

/// A planted bug of a system.
#[derive(Clone, Copy, Debug)]
pub struct MutantEntry {
    /// The system.
    pub system: &'static str,
    /// Its name, without the system's.
    pub name: &'static str,
    /// The rule that it breaks.
    pub breaks: &'static str,
    /// The faults that expose it.
    pub faults: &'static str,
    /// The anomaly to expect.
    pub anomaly: &'static str,
}

/// Every mutant of every bundled system.
#[must_use]
pub fn mutants() -> Vec<MutantEntry> {
    let raft = splitbrain_raft::MUTANTS.iter().map(|info| MutantEntry {
        system: "raft",
        name: info.name,
        breaks: info.breaks,
        faults: info.faults,
        anomaly: info.anomaly,
    });
    raft.collect()
}

/// The system of this name.
///
/// # Errors
/// [`Failure::Usage`] if there is none, with the known ones.
pub fn system(name: &str) -> Result<&'static dyn System> {
    names::find("system", name, systems(), |system| system.name()).copied()
}

/// The read modes of these names, each once, in the order given; all where none is named.
///
/// # Errors
/// [`Failure::Usage`] if the system lacks one, with those that it has.
pub fn read_modes(system: &dyn System, wanted: &[String]) -> Result<Vec<&'static ReadModeInfo>> {
    if wanted.is_empty() {
        return Ok(system.read_modes().iter().collect());
    }
    let what = format!("read mode of {}", system.name());
    let mut modes: Vec<&ReadModeInfo> = Vec::new();
    for name in wanted {
        let mode = names::find(&what, name.trim(), system.read_modes(), |mode| mode.name)
            .map_err(|failure| with_owner(failure, name.trim()))?;
        if !modes.contains(&mode) {
            modes.push(mode);
        }
    }
    Ok(modes)
}

/// Says so where a read mode is one of another system.
fn with_owner(failure: Failure, name: &str) -> Failure {
    let has = |system: &&&dyn System| system.read_modes().iter().any(|mode| mode.name == name);
    match systems().iter().find(has) {
        Some(owner) => Failure::Usage(format!("{failure}\n  `{name}` is a read mode of {}", owner.name())),
        None => failure,
    }
}

/// The consistency model of this name.
///
/// # Errors
/// [`Failure::Usage`] if there is none, with the known ones.
pub fn model(name: &str) -> Result<Model> {
    names::find("consistency model", name, &Model::ALL, |model| model.name()).copied()
}

/// The planted bug that is written `SYSTEM/NAME`.
///
/// # Errors
/// [`Failure::Usage`] if there is none, or it is one of another system.
pub fn mutant(system: &str, text: &str) -> Result<MutantEntry> {
    let all = mutants();
    let full: Vec<(String, MutantEntry)> =
        all.into_iter().map(|mutant| (format!("{}/{}", mutant.system, mutant.name), mutant)).collect();
    let (_, found) = names::find("mutant", text, &full, |(name, _)| name)?;
    if found.system == system {
        Ok(*found)
    } else {
        Err(Failure::Usage(format!("contradiction: the mutant {text} is no bug of the system {system}")))
    }
}

/// The workload of this name.
///
/// # Errors
/// [`Failure::Usage`] if there is none, with the known ones.
pub fn workload(name: &str) -> Result<&'static Workload> {
    names::find("workload", name, WORKLOADS, |workload| workload.name)
}

/// The kinds of fault of these names, each once, in the order of the list of all; `none` alone is no fault.
///
/// # Errors
/// [`Failure::Usage`] if there is no such kind, or `none` is given among others.
pub fn faults(wanted: &[String]) -> Result<Vec<FaultKind>> {
    let wanted: Vec<&str> = wanted.iter().map(|name| name.trim()).collect();
    if wanted == [NO_NEMESIS] {
        return Ok(Vec::new());
    }
    if wanted.contains(&NO_NEMESIS) {
        let message = "contradiction: --nemesis none cannot be combined with faults";
        return Err(Failure::Usage(message.to_owned()));
    }
    let found: Vec<&FaultKind> = wanted
        .into_iter()
        .map(|name| names::find("fault", name, &FaultKind::ALL, |kind| kind.name()))
        .collect::<Result<_>>()?;
    Ok(FaultKind::ALL.into_iter().filter(|kind| found.contains(&kind)).collect())
}
