//! Running scenarios, and the one decision about hosts where they cannot run.

use std::process::{Command, Output};
use std::sync::OnceLock;

/// The program with the scenarios.
pub(crate) const SCENARIOS: &str = env!("CARGO_BIN_EXE_nemesis-scenarios");

/// Whether the scenarios can run on this host. Where they cannot the test fails, unless `SPLITBRAIN_ALLOW_SKIP` is
/// set: then it is skipped, and says so. A test that silently tests nothing would be worse than none.
pub(crate) fn possible() -> bool {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    let Some(reason) = OBSTACLE.get_or_init(|| obstacle(&["probe"])) else {
        return true;
    };
    let allowed = std::env::var_os("SPLITBRAIN_ALLOW_SKIP").is_some();
    assert!(
        allowed,
        "sandboxes do not work here: {reason} (SPLITBRAIN_ALLOW_SKIP=1 skips these tests)"
    );
    eprintln!("SKIPPED, sandboxes do not work here: {reason}");
    false
}

/// The same for those that need disks which can fail. Many hosts give FUSE to nobody but root: there these tests are
/// skipped, and say so; so does `make test` at its end.
#[allow(dead_code, reason = "not every test that runs scenarios needs disks")]
pub(crate) fn possible_with_disks() -> bool {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    if !possible() {
        return false;
    }
    let obstacle = OBSTACLE.get_or_init(|| obstacle(&["probe", "disks"]));
    if let Some(reason) = obstacle {
        eprintln!("SKIPPED, disks cannot be made to fail here: {reason}");
    }
    obstacle.is_none()
}

/// Why a probe fails here, if it does.
fn obstacle(probe: &[&str]) -> Option<String> {
    let output = run(probe);
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// Runs a scenario to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(SCENARIOS)
        .args(arguments)
        .output()
        .expect("the scenarios can be run")
}

/// Runs a scenario, which must succeed. Returns what it said.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    let (said, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{arguments:?} failed, {}: {complaint}\n{said}",
        output.status
    );
    eprint!("{said}");
    said.into_owned()
}
