//! What can be chosen by name: systems, read modes, mutants, consistency models, faults, workloads.

use splitbrain_checker::consistency::Consistency;
use splitbrain_nemesis::schedule::FaultKind;
use splitbrain_systems::{MutantInfo, ReadModeInfo, System, systems};

use crate::failure::{Failure, Result};
use crate::names;
use crate::workload::{WORKLOADS, Workload};

/// The system where none is asked for.
pub const SYSTEM_DEFAULT: &str = "raft";
/// The workload where none is asked for.
pub const WORKLOAD_DEFAULT: &str = "register";
/// How it is said that there shall be no faults.
const NO_NEMESIS: &str = "none";

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
        Some(owner) => Failure::Usage(format!(
            "{failure}\n  `{name}` is a read mode of {}",
            owner.name()
        )),
        None => failure,
    }
}

/// The consistency model of this name.
///
/// # Errors
/// [`Failure::Usage`] if there is none, with the known ones.
pub fn model(name: &str) -> Result<Consistency> {
    names::find("consistency model", name, &Consistency::ALL, |model| model.name()).copied()
}

/// The planted bug of `system` that is written `SYSTEM/NAME`.
///
/// # Errors
/// [`Failure::Usage`] if there is none, or it is one of another system.
pub fn mutant(system: &dyn System, text: &str) -> Result<&'static MutantInfo> {
    let all: Vec<(String, &dyn System, &MutantInfo)> = systems()
        .iter()
        .flat_map(|system| system.mutants().iter().map(move |mutant| (*system, mutant)))
        .map(|(system, mutant)| (format!("{}/{}", system.name(), mutant.name), system, mutant))
        .collect();
    let (_, owner, mutant) = names::find("mutant", text, &all, |(name, ..)| name)?;
    if owner.name() == system.name() {
        Ok(mutant)
    } else {
        let text = format!(
            "contradiction: the mutant {text} is no bug of the system {}",
            system.name()
        );
        Err(Failure::Usage(text))
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
    Ok(FaultKind::ALL
        .into_iter()
        .filter(|kind| found.contains(&kind))
        .collect())
}
