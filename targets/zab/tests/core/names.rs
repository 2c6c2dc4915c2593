//! The names of options, planted bugs and read modes, as users give them.

use splitbrain_consensus::Protocol;
use splitbrain_zab::{MUTANTS, Mutant, OptionError, Options, ReadMode, Zab};

/// The options that the refusal of an unknown one lists.
fn known_options() -> Vec<String> {
    let refusal = OptionError::Unknown("x".into()).to_string();
    let (_, known) = refusal.split_once("known are ").expect("a list");
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_option_that_is_listed_can_be_set_and_changes_something() {
    let known = known_options();
    assert_eq!(known.len(), 11);
    for name in known {
        let mut options = Options::default();
        options.set(&name, "7").expect("a known option");
        assert_ne!(options, Options::default(), "{name}");
    }
}

#[test]
fn an_option_that_makes_no_sense_is_refused_by_name() {
    let mut options = Options::default();
    let zero = options.set("tick-ms", "0").unwrap_err();
    assert_eq!(zero.to_string(), "zab option `tick-ms` must be at least 1");
    options.set("election-wait-ms", "0").expect("no wait");
    options
        .set("snapshot-trailing-txns", "0")
        .expect("no transactions");
    let sign = options.set("sync-limit", "-1").unwrap_err();
    assert_eq!(sign, OptionError::NotANumber("sync-limit".into(), "-1".into()));
    let large = options.set("counter-max", "4294967296").unwrap_err();
    assert_eq!(
        large,
        OptionError::TooLarge("counter-max".into(), u64::from(u32::MAX))
    );
}

#[test]
fn every_planted_bug_and_read_mode_is_known_by_its_name() {
    for info in MUTANTS {
        assert_eq!(info.name.parse::<Mutant>(), Ok(info.mutant));
        assert_eq!(info.mutant.to_string(), info.name);
    }
    for (mode, name) in ReadMode::ALL {
        assert_eq!(Zab::read_mode(name), Some(mode));
    }
    assert_eq!(Zab::read_mode("lease"), None);
}
