//! The command that runs a test again.

use std::path::Path;

use crate::config::{CHECK_TIME_LIMIT_DEFAULT, OP_TIMEOUT_DEFAULT, STORE_DEFAULT, default_name};
use crate::test_file::Test;
use crate::units::Timing;
use crate::workload::{Mix, Workload};

/// The command line of `test`, with everything that shapes the run and is not a fixed default.
#[must_use]
pub fn command(test: &Test, all_read_modes: bool) -> String {
    line("run", &arguments(test, all_read_modes))
}

/// The line of a command of this program with its flags and their values, as a shell takes it.
#[must_use]
pub fn line(command: &str, arguments: &[(&'static str, String)]) -> String {
    let mut line = format!("splitbrain {command}");
    for (flag, value) in arguments {
        line += &format!(" --{flag} {}", quoted(value));
    }
    line
}

/// The flags of `run`, each with its value, that give `test` again.
#[must_use]
pub fn arguments(test: &Test, all_read_modes: bool) -> Vec<(&'static str, String)> {
    let mut arguments = vec![("system", test.system.clone())];
    let mut add = |flag: &'static str, value: String| arguments.push((flag, value));
    if let Some(mutant) = &test.mutant {
        add("mutant", format!("{}/{mutant}", test.system));
    }
    for (name, value) in &test.options {
        add("option", format!("{name}={value}"));
    }
    add("nodes", test.layout().voters.to_string());
    if test.observers > 0 {
        add("observers", test.observers.to_string());
    }
    if !all_read_modes {
        let modes: Vec<&str> = test.read_modes.iter().map(|mode| mode.name.as_str()).collect();
        add("read-mode", modes.join(","));
    }
    if let Some(mode) = test.read_modes.iter().find(|mode| mode.claim_overridden) {
        add("claim", mode.claim.clone());
    }
    add("workload", test.workload.clone());
    add("concurrency", test.concurrency.to_string());
    if let Some(rate) = test.rate {
        add("rate", rate.to_string());
        add("arrivals", test.arrivals.to_string());
    }
    let default = Workload::named(&test.workload).map_or_else(Mix::default, |workload| (workload.mix)());
    if test.mix.weights != default.weights {
        add("mix", test.mix.weights.to_string());
    }
    if test.mix.keys != default.keys {
        add("keys", test.mix.keys.to_string());
    }
    if test.mix.ops_per_key != default.ops_per_key {
        add("ops-per-key", test.mix.ops_per_key.to_string());
    }
    if test.mix.readers_percent != default.readers_percent {
        add("readers", test.mix.readers_percent.to_string());
    }
    if let Some(writers) = test.mix.writers {
        add("writers", writers.to_string());
    }
    if test.mix.reader_interval != default.reader_interval {
        add("reader-interval", test.mix.reader_interval.to_string());
    }
    if test.mix.key_distribution != default.key_distribution {
        add("key-distribution", test.mix.key_distribution.to_string());
    }
    if let Some(every) = test.move_every {
        add("move-every", every.to_string());
    }
    if let Some(path) = &test.schedule_file {
        add("schedule", path.display().to_string());
    } else if !test.nemesis.is_empty() {
        let kinds: Vec<&str> = test.nemesis.iter().map(|kind| kind.name()).collect();
        add("nemesis", kinds.join(","));
    }
    if let Some(range) = test.fault_time {
        add("fault-time", range.to_string());
    }
    if let Some(range) = test.fault_gap {
        add("fault-gap", range.to_string());
    }
    if test.timing != Timing::default() {
        add("timing", test.timing.to_string());
    }
    add("time-limit", test.time_limit.to_string());
    if test.op_timeout != OP_TIMEOUT_DEFAULT {
        add("op-timeout", test.op_timeout.to_string());
    }
    if test.check_time_limit != CHECK_TIME_LIMIT_DEFAULT {
        add("check-time-limit", test.check_time_limit.to_string());
    }
    if test.name != default_name(&test.system, &test.workload) {
        add("name", test.name.clone());
    }
    if test.store != Path::new(STORE_DEFAULT) {
        add("store", test.store.display().to_string());
    }
    add("seed", test.seed.to_string());
    arguments
}

/// A word as a shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use crate::cli::run_options;
    use crate::config::resolve;

    #[test]
    fn words_that_a_shell_would_break_are_quoted() {
        assert_eq!(super::quoted("/var/runs-1"), "/var/runs-1");
        assert_eq!(super::quoted("my runs"), "'my runs'");
        assert_eq!(super::quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn the_command_of_a_test_gives_the_same_test() {
        let lines = [
            "splitbrain run",
            "splitbrain run --nodes 3 --read-mode lease,log --claim ordered-sequential --mutant raft/commit-older-term",
            "splitbrain run --rate 250.5 --arrivals uniform --nemesis kill,partition --fault-time 300ms-1s --fault-gap 500ms --timing targeted --time-limit 12s --seed 9",
            "splitbrain run --mix read=1,write=2 --keys 3 --ops-per-key 7 --key-distribution zipf --concurrency 2n",
            "splitbrain run --writers 2 --op-timeout 500ms --check-time-limit 5s --name mine",
        ];
        for line in lines {
            let test = resolve(run_options(line)).unwrap();
            let mut again = resolve(run_options(&test.command)).unwrap();
            again.started.clone_from(&test.started);
            assert_eq!(again, test, "{line}");
        }
    }
}
