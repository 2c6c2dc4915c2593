//! The names of options, planted bugs and read modes, as users give them.

use proptest::prelude::*;
use splitbrain_consensus::Protocol;
use splitbrain_raft::{MUTANTS, Mutant, OptionError, Options, Raft, ReadMode};

/// The options that the refusal of an unknown one lists.
fn known_options() -> Vec<String> {
    let refusal = OptionError::Unknown("x".into()).to_string();
    let (_, known) = refusal.split_once("known are ").expect("a list");
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_option_that_is_listed_can_be_set_and_changes_something() {
    let known = known_options();
    assert_eq!(known.len(), 10);
    for name in known {
        let mut options = Options::default();
        options.set(&name, "7").expect("a known option");
        assert_ne!(options, Options::default(), "{name}");
    }
}

#[test]
fn an_option_that_makes_no_sense_is_refused_by_name() {
    let mut options = Options::default();
    let zero = options.set("append-window", "0").unwrap_err();
    assert_eq!(zero.to_string(), "raft option `append-window` must be at least 1");
    options.set("clock-drift-bound-ppm", "0").expect("perfect clocks");
    options.set("snapshot-trailing-entries", "0").expect("no entries");
    let sign = options.set("append-window", "-1").unwrap_err();
    assert_eq!(sign, OptionError::NotANumber("append-window".into(), "-1".into()));
}

#[test]
fn every_planted_bug_is_known_by_its_name() {
    for info in MUTANTS {
        assert_eq!(info.name.parse(), Ok(info.mutant));
        assert_eq!(info.mutant.to_string(), info.name);
        assert_eq!(info.mutant.info().name, info.name);
    }
}

#[test]
fn every_read_mode_is_known_by_its_name() {
    for (mode, name) in ReadMode::ALL {
        assert_eq!(name.parse(), Ok(mode));
        assert_eq!(Raft::read_mode(name), Some(mode));
    }
}

proptest! {
    #[test]
    fn milliseconds_are_kept_as_microseconds(ms in 1_u64..1_000_000) {
        let mut options = Options::default();
        options.set("election-timeout-ms", &ms.to_string()).expect("a number");
        prop_assert_eq!(options.election_timeout_us, ms * 1_000);
    }

    #[test]
    fn unknown_names_are_refused(name in "[a-z-]{0,24}") {
        prop_assume!(!known_options().contains(&name));
        prop_assume!(MUTANTS.iter().all(|info| info.name != name));
        prop_assume!(ReadMode::ALL.iter().all(|(_, known)| *known != name));
        prop_assert_eq!(Options::default().set(&name, "1"), Err(OptionError::Unknown(name.clone())));
        prop_assert!(name.parse::<Mutant>().is_err());
        prop_assert!(name.parse::<ReadMode>().is_err());
    }
}
