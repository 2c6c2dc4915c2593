//! `doctor`: what this host allows to this user, tried and not guessed; and what mends the rest.

use clap::Args;
use serde::Serialize;
use splitbrain_nemesis::sandbox::{self, Probe};
use splitbrain_nemesis::schedule::FaultKind;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::{self, Table};

/// The arguments of `doctor`.
#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// Print the findings as JSON, on one line
    #[arg(long)]
    json: bool,
}

/// One thing that runs need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// `sandbox`, or the name of a fault.
    name: &'static str,
    possible: bool,
    /// How it was found out, or why it is impossible.
    reason: String,
    /// The one line that mends it, where there is one.
    mend: Option<String>,
}

#[derive(Serialize)]
struct Findings {
    /// `root` or `user`.
    privilege: &'static str,
    checks: Vec<Check>,
}

/// Tries everything, and says what it found.
///
/// # Errors
/// [`Failure::Host`] if not even trying is possible.
pub(super) fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let probe = sandbox::probe().map_err(|error| Failure::host(error.to_string()))?;
    let findings = Findings {
        privilege: if probe.user_namespace { "user" } else { "root" },
        checks: checks(&probe),
    };
    output::print(&if args.json {
        serde_json::to_string(&findings).expect("findings are plain data") + "\n"
    } else {
        text(&findings)
    });
    Ok(match findings.checks.iter().all(|check| check.possible) {
        true => Exit::Pass,
        false => Exit::Missing,
    })
}

fn checks(probe: &Probe) -> Vec<Check> {
    let world = match &probe.world {
        Ok(()) if probe.user_namespace => Ok("a sandbox was made, in a user namespace of its own".to_owned()),
        Ok(()) => Ok("a sandbox was made".to_owned()),
        Err(error) => Err((error.to_string(), error.mend())),
    };
    let fault = |kind: FaultKind| {
        if probe.world.is_err() {
            return Err(("there is no sandbox".to_owned(), None));
        }
        let needs = kind.needs();
        match needs.iter().find_map(|facility| probe.lacks(*facility)) {
            Some(error) => Err((error.to_string(), error.mend())),
            None if kind.strikes_clocks() => Ok(
                "the bundled systems take their time from a clock that can be bent; no privilege is needed"
                    .to_owned(),
            ),
            None if needs.is_empty() => Ok("signals to processes of one's own need no privilege".to_owned()),
            None => {
                let shown: Vec<&str> = needs.iter().map(|facility| facility.shown()).collect();
                Ok(shown.join("; "))
            }
        }
    };
    let check = |name, found: std::result::Result<String, (String, Option<&str>)>| match found {
        Ok(reason) => Check {
            name,
            possible: true,
            reason,
            mend: None,
        },
        Err((reason, mend)) => Check {
            name,
            possible: false,
            reason,
            mend: mend.map(str::to_owned),
        },
    };
    let faults = FaultKind::ALL.map(|kind| check(kind.name(), fault(kind)));
    [check("sandbox", world)].into_iter().chain(faults).collect()
}

fn text(findings: &Findings) -> String {
    let mut table = Table::new().text("").text("what").text("found");
    for check in &findings.checks {
        let glyph = if check.possible { "✓" } else { "✗" };
        table.row(vec![
            glyph.to_owned(),
            check.name.to_owned(),
            check.reason.clone(),
        ]);
    }
    let mut text = format!(
        "What this host allows, {}:\n\n{}",
        match findings.privilege {
            "root" => "as root",
            _ => "as an ordinary user",
        },
        table.render(output::width())
    );
    for check in &findings.checks {
        if let Some(mend) = &check.mend {
            text += &format!("\nTo mend {}:\n  {mend}\n", check.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use splitbrain_nemesis::disk::DiskError;
    use splitbrain_nemesis::facility::Facility;
    use splitbrain_nemesis::firewall::FirewallError;
    use splitbrain_nemesis::sandbox::SandboxError;

    use super::*;

    fn possible(probe: &Probe) -> Vec<(&'static str, bool)> {
        let found = checks(probe);
        found.iter().map(|check| (check.name, check.possible)).collect()
    }

    #[test]
    fn without_iptables_what_needs_it_is_impossible_and_the_mend_is_said() {
        let probe = Probe {
            user_namespace: true,
            world: Ok(()),
            lacking: Facility::ALL
                .map(|facility| match facility {
                    Facility::Disks => (facility, DiskError::Missing.into()),
                    _ => (facility, FirewallError::Missing("iptables-restore").into()),
                })
                .into(),
        };
        let expected = [
            ("sandbox", true),
            ("partition", false),
            ("kill", true),
            ("pause", true),
            ("loss", false),
            ("drift", true),
            ("clock", true),
            ("cut", false),
            ("delay", false),
            ("reorder", false),
            ("duplicate", false),
            ("corrupt", false),
            ("slow", false),
            ("terminate", true),
            ("crash-loop", true),
            ("slow-cpu", true),
            ("memory", true),
            ("power", false),
            ("torn-write", false),
            ("disk-full", false),
            ("disk-error", false),
            ("slow-disk", false),
            ("corrupt-file", false),
        ];
        assert_eq!(possible(&probe), expected);
        let findings = Findings {
            privilege: "user",
            checks: checks(&probe),
        };
        assert!(text(&findings).contains("To mend partition:\n  sudo apt-get install iptables\n"));
        assert!(text(&findings).contains("To mend power:\n  sudo modprobe fuse\n"));
    }

    #[test]
    fn without_a_sandbox_nothing_is_possible_and_only_it_needs_mending() {
        let probe = Probe {
            user_namespace: true,
            world: Err(SandboxError::UserNamespacesOff),
            lacking: Vec::new(),
        };
        assert!(possible(&probe).iter().all(|(_, possible)| !possible));
        let mends = checks(&probe).into_iter().filter_map(|check| check.mend);
        assert_eq!(mends.count(), 1);
    }
}
