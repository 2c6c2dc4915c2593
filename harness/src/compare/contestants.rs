//! Who takes part.

use splitbrain_reports::comparison::Contestant;
use splitbrain_systems::{Asked, MutantInfo, ReadModeInfo, System};

use crate::catalog;
use crate::failure::{Failure, Result};

/// As many as have letters.
const SAME_MAX: usize = 26;

/// A system that takes part.
#[derive(Clone)]
pub(super) struct Entrant {
    pub(super) system: &'static dyn System,
    pub(super) mutant: Option<&'static MutantInfo>,
    /// Set where the same system takes part more than once.
    letter: Option<char>,
    /// The read modes to compare.
    pub(super) modes: Vec<&'static ReadModeInfo>,
}

impl std::fmt::Debug for Entrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label())
    }
}

impl Entrant {
    /// Its name in the comparison: `raft`, or `raft B`.
    pub(super) fn label(&self) -> String {
        match self.letter {
            Some(letter) => format!("{} {letter}", self.system.name()),
            None => self.system.name().to_owned(),
        }
    }

    /// The same, fit for a folder: `raft-b`.
    pub(super) fn file_name(&self) -> String {
        self.label().to_lowercase().replace(' ', "-")
    }

    /// Those of its read modes to compare that there are with so many observers.
    pub(super) fn modes_in(&self, observers: u16) -> Vec<&'static ReadModeInfo> {
        existing(self.modes.iter().copied(), observers)
    }

    /// All read modes that it has with so many observers.
    pub(super) fn all_modes_in(&self, observers: u16) -> Vec<&'static ReadModeInfo> {
        existing(self.system.read_modes().iter(), observers)
    }

    pub(super) fn contestant(&self) -> Contestant {
        Contestant {
            label: self.label(),
            system: self.system.name().to_owned(),
            mutant: self.mutant.map(|mutant| mutant.name.to_owned()),
            summary: self.system.summary().to_owned(),
        }
    }
}

fn existing(
    modes: impl Iterator<Item = &'static ReadModeInfo>,
    observers: u16,
) -> Vec<&'static ReadModeInfo> {
    modes
        .filter(|mode| observers > 0 || mode.asked == Asked::Voters)
        .collect()
}

/// Those named `SYSTEM` or `SYSTEM/MUTANT`, with letters where a system is named more than once.
///
/// # Errors
/// [`Failure::Usage`] if there is no such system or mutant, or none at all is named.
pub(super) fn contestants(names: &[String]) -> Result<Vec<Entrant>> {
    let mut entrants: Vec<Entrant> = Vec::new();
    for text in names.iter().map(|name| name.trim()) {
        let system = catalog::system(text.split_once('/').map_or(text, |(system, _)| system))?;
        let mutant = match text.contains('/') {
            true => Some(catalog::mutant(system, text)?),
            false => None,
        };
        entrants.push(Entrant {
            system,
            mutant,
            letter: None,
            modes: Vec::new(),
        });
    }
    let systems: Vec<&str> = entrants.iter().map(|entrant| entrant.system.name()).collect();
    for (at, entrant) in entrants.iter_mut().enumerate() {
        let same = |system: &&&str| **system == entrant.system.name();
        let count = systems.iter().filter(same).count();
        if count > SAME_MAX {
            return Err(Failure::Usage(format!(
                "--systems names {} {count} times; at most {SAME_MAX} can be told apart",
                entrant.system.name()
            )));
        }
        if count > 1 {
            let before = systems[..at].iter().filter(same).count();
            entrant.letter = ('A'..='Z').nth(before);
        }
    }
    Ok(entrants)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        contestants(&names).unwrap().iter().map(Entrant::label).collect()
    }

    #[test]
    fn a_system_that_is_named_twice_takes_part_as_a_and_as_b() {
        assert_eq!(labels(&["raft"]), ["raft"]);
        assert_eq!(labels(&["raft", "raft"]), ["raft A", "raft B"]);
        assert_eq!(labels(&["raft", "raft/majority-as-half"]), ["raft A", "raft B"]);
    }

    #[test]
    fn who_is_not_known_is_refused() {
        for (name, expected) in [
            ("roft", "did you mean `raft`?"),
            ("raft/nothing", "unknown mutant"),
            ("", "unknown system"),
        ] {
            let failure = contestants(&[name.to_owned()]).unwrap_err().to_string();
            assert!(failure.contains(expected), "{failure}");
        }
    }
}
