//! The harness against itself: the clean system must pass, and every planted bug must be caught.

mod attempt;
mod options;
mod table;

pub use options::MutantsOptions;

use splitbrain_systems::Venue;

use self::attempt::{Attempt, Hunter};
use self::table::Row;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output;

/// Runs the clean system and its mutants, and prints the detection table.
///
/// # Errors
/// If the options name something unknown, or a run cannot be started.
pub fn mutants(options: &MutantsOptions) -> Result<Exit> {
    let plan = options.plan()?;
    let hunter = Hunter::new(&plan);
    let mut rows = Vec::new();
    for target in &plan.targets {
        let mut attempts = Vec::new();
        for number in 0..target.attempts {
            output::note(&format!(
                "{}: attempt {} of {} ...",
                target.name(),
                number + 1,
                target.attempts
            ));
            let attempt = match target.venue {
                Venue::Processes => hunter.in_processes(target, number)?,
                Venue::Simulator => hunter.in_simulator(target, number)?,
            };
            output::note(&format!("{}: {}", target.name(), attempt.describe()));
            attempts.push(attempt);
        }
        rows.push(Row::new(target, &attempts));
    }
    output::print(&if options.json {
        table::json(&rows)
    } else {
        table::text(&rows, output::width())
    });
    Ok(exit(&rows))
}

/// A clean system that is accused breaks what the harness claims for itself. A mutant that escapes in more than one
/// attempt of ten, or a clean run without a verdict, only leaves it unknown.
fn exit(rows: &[Row]) -> Exit {
    if rows.iter().any(Row::is_false_accusation) {
        Exit::Violation
    } else if rows.iter().all(Row::is_as_it_should_be) {
        Exit::Pass
    } else {
        Exit::Unknown
    }
}

impl Attempt {
    fn describe(&self) -> String {
        match &self.caught {
            Some(caught) => format!(
                "caught, {} after {:.1} s",
                caught.anomaly,
                caught.after.as_secs_f64()
            ),
            None => format!("not caught in {}", output::plural(self.runs, self.unit)),
        }
    }
}
