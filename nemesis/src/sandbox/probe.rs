//! Trying what this host allows, before anything depends on it.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::pipe2;

use super::diagnosis::{self, Report};
use super::world::{self, Created};
use super::{SandboxError, failure, signals};
use crate::facility::{Facility, Lack};

/// What this host allows to this user.
#[derive(Debug)]
pub struct Probe {
    /// Whether the world needs a user namespace: true for ordinary users.
    pub user_namespace: bool,
    /// Whether there can be a world.
    pub world: Result<(), SandboxError>,
    /// What else does not work in it, and why. Nothing is tried where there is no world.
    pub lacking: Vec<(Facility, Lack)>,
}

impl Probe {
    /// Why `facility` cannot be used here, if it cannot.
    #[must_use]
    pub fn lacks(&self, facility: Facility) -> Option<&Lack> {
        let mut lacking = self.lacking.iter();
        lacking.find_map(|(lacking, error)| (*lacking == facility).then_some(error))
    }
}

/// Creates a world, tries every [`Facility`] in it, and lets it end. Takes some tens of milliseconds.
///
/// # Errors
/// If the program already has threads, or a pipe cannot be made: what the host forbids is in the [`Probe`].
pub fn probe() -> Result<Probe, SandboxError> {
    diagnosis::require_single_thread()?;
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| failure("creating a pipe", errno))?;
    let mask = signals::block()?;
    let created = world::create();
    let world = match created {
        Ok(Created::Init(init)) => {
            drop(read);
            init.run(|| {
                // The parent's mask would be inherited by iptables.
                let _ = mask.thread_set_mask();
                for (index, facility) in Facility::ALL.into_iter().enumerate() {
                    if let Err(error) = facility.try_out() {
                        let line = format!("{index} {}\n", error.to_string().replace('\n', " "));
                        let _ = nix::unistd::write(write.as_fd(), line.as_bytes());
                    }
                }
                0
            })
        }
        Ok(Created::Supervisor(world)) => Ok(world),
        Err(error) => Err(error),
    };
    drop(write);
    let mut complaints = String::new();
    let world = world.and_then(|world| {
        let report = Report::receive(world.report);
        let _ = File::from(read).read_to_string(&mut complaints);
        waitpid(world.pid, None).map_err(|errno| failure("waiting for the world", errno))?;
        report.map_or(Ok(()), |report| Err(report.diagnose()))
    });
    mask.thread_set_mask()
        .map_err(|errno| failure("restoring the signal mask", errno))?;
    Ok(Probe {
        user_namespace: diagnosis::needs_user_namespace(),
        world,
        lacking: complaints.lines().filter_map(lacking).collect(),
    })
}

/// Reads back a line of the world's: the facility's number and what went wrong.
fn lacking(line: &str) -> Option<(Facility, Lack)> {
    let (index, complaint) = line.split_once(' ')?;
    let facility = *Facility::ALL.get(index.parse::<usize>().ok()?)?;
    Some((facility, facility.lack(complaint.to_owned())))
}
