//! What the crate's tests run in sandboxes of their own, one scenario a process. A scenario checks itself, says on
//! stdout what it measured, and fails by its exit code; `node` is the process that its nodes run.
#![allow(clippy::print_stdout, reason = "its output is its interface")]

mod cluster;
mod conducting;
mod cutting;
mod disks;
mod ending;
mod faulting;
mod impairing;
mod latency;
mod node;
mod sandboxing;

use std::error::Error;
use std::process::ExitCode;

use splitbrain_nemesis::facility::Facility;
use splitbrain_nemesis::sandbox::{self, Entered};

type Outcome = Result<(), Box<dyn Error>>;

/// Fails the scenario with a reason.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err(format!($($reason)+).into());
        }
    };
}
pub(crate) use ensure;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["node", address, clock] => node::serve(address, clock, None),
        ["node", address, clock, data] => node::serve(address, clock, Some(data)),
        ["probe"] => sandboxing::probe(&[Facility::Cuts, Facility::Losses]),
        ["probe", "disks"] => sandboxing::probe(&[Facility::Disks]),
        ["threads"] => sandboxing::threads(),
        scenario => match sandbox::enter() {
            Ok(Entered::Inside) => inside(scenario),
            Ok(Entered::Finished(code)) => return code,
            Err(error) => Err(error.into()),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", describe(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn inside(scenario: &[&str]) -> Outcome {
    match scenario {
        ["exit", code] => std::process::exit(code.parse()?),
        ["die", signal] => sandboxing::die(signal),
        ["signals"] => sandboxing::signals(),
        ["world"] => sandboxing::world(),
        ["orphans"] => sandboxing::orphans(),
        ["busy"] => conducting::busy(),
        ["network", count] => faulting::network(count.parse()?),
        ["process"] => faulting::process(),
        ["partition"] => faulting::partition(),
        ["clock"] => faulting::clock(),
        ["loss"] => faulting::loss(),
        ["cut"] => cutting::cut(),
        ["clients"] => cutting::clients(),
        ["flapping"] => cutting::flapping(),
        ["impair", kind] => impairing::impair(kind),
        ["impair-together"] => impairing::impair_together(),
        ["latency", count] => latency::latency(count.parse()?),
        ["kill"] => faulting::kill(),
        ["pause"] => faulting::pause(),
        ["terminate"] => ending::terminate(),
        ["crash-loop"] => ending::crash_loop(),
        ["slow-cpu"] => ending::slow_cpu(),
        ["memory"] => ending::memory(),
        ["overlap"] => faulting::overlap(),
        ["leaderless"] => faulting::leaderless(),
        ["late"] => faulting::late(),
        ["power"] => disks::power(),
        ["torn-write"] => disks::torn_write(),
        ["refusing"] => disks::refusing(),
        ["slow-disk"] => disks::slow_disk(),
        ["corrupt-file"] => disks::corrupt_file(),
        ["conduct", group, seed] => conducting::conduct(group.parse()?, seed.parse()?),
        ["interrupt"] => conducting::interrupt(),
        ["death"] => conducting::death(),
        ["broken"] => conducting::broken(),
        other => Err(format!("unknown scenario {other:?}").into()),
    }
}

fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
