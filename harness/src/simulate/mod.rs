//! Simulated campaigns: the bundled protocols with their service, the workload and the checker under virtual
//! time, seed by seed.

mod clients;
mod judge;
mod options;
mod protocols;
mod report;
mod seeds;
mod workbench;

pub use options::{SimulateOptions, families};
pub use protocols::{SimulatedSystem, named, simulated_systems};
pub use report::anomaly;
pub use seeds::{Campaign, Caught, Finding, SeedFailure, Watcher, hunt};

use crate::exit::Exit;
use crate::failure::Result;
use crate::output;

/// Runs the seeds that the options name, and tells what they found.
///
/// # Errors
/// If the options name something unknown, or contradict each other.
pub fn simulate(options: &SimulateOptions) -> Result<Exit> {
    let campaign = options.campaign()?;
    let finding = hunt(
        &campaign,
        options.seeds.0.clone(),
        &report::Progress::new(&options.seeds),
    );
    if options.trace {
        output::print(finding.trace.as_deref().unwrap_or_default());
    }
    let text = match options.json {
        true => report::json(&campaign, &finding),
        false => report::text(&campaign, &finding, output::width()),
    };
    output::print(&text);
    Ok(match (&finding.caught, &finding.without_verdict) {
        (Some(_), _) => Exit::Violation,
        (None, Some(_)) => Exit::Unknown,
        (None, None) => Exit::Pass,
    })
}
