//! The systems that the harness knows.

use crate::raft::Raft;
use crate::system::System;

/// There is no such system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no system {name:?}; the known ones are: {known}")]
pub struct UnknownSystem {
    name: String,
    known: String,
}

/// All systems, in the order in which they are listed.
#[must_use]
pub fn systems() -> &'static [&'static dyn System] {
    &[&Raft]
}

/// The system of this name.
///
/// # Errors
/// If there is none; the error lists the known ones.
pub fn system_named(name: &str) -> Result<&'static dyn System, UnknownSystem> {
    systems()
        .iter()
        .copied()
        .find(|system| system.name() == name)
        .ok_or_else(|| UnknownSystem {
            name: name.to_owned(),
            known: systems()
                .iter()
                .map(|system| system.name())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_is_found_by_its_name() {
        for system in systems() {
            assert_eq!(system_named(system.name()).map(System::name), Ok(system.name()));
        }
    }

    #[test]
    fn an_unknown_system_lists_the_known_ones() {
        let error = system_named("roft").err().map(|error| error.to_string());
        assert_eq!(
            error.as_deref(),
            Some("there is no system \"roft\"; the known ones are: raft")
        );
    }
}
