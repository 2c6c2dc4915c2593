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
use crate::firewall::{Firewall, FirewallError};
use crate::network::address;
use crate::node::Node;

/// What this host allows to this user.
#[derive(Debug)]
pub struct Probe {
    /// Whether the world needs a user namespace: true for ordinary users.
    pub user_namespace: bool,
    /// Whether there can be a world.
    pub world: Result<(), SandboxError>,
    /// Whether packets can be dropped in it: iptables is there and works. Not tried where there is no world.
    pub firewall: Result<(), FirewallError>,
}

/// Creates a world, tries iptables in it, and lets it end. Takes some tens of milliseconds.
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
                if let Err(error) = try_firewall() {
                    let _ = nix::unistd::write(write.as_fd(), error.to_string().as_bytes());
                }
                0
            })
        }
        Ok(Created::Supervisor(world)) => Ok(world),
        Err(error) => Err(error),
    };
    drop(write);
    let mut complaint = String::new();
    let world = world.and_then(|world| {
        let report = Report::receive(world.report);
        let _ = File::from(read).read_to_string(&mut complaint);
        waitpid(world.pid, None).map_err(|errno| failure("waiting for the world", errno))?;
        report.map_or(Ok(()), |report| Err(report.diagnose()))
    });
    mask.thread_set_mask()
        .map_err(|errno| failure("restoring the signal mask", errno))?;
    let firewall = Firewall::find().and_then(|_| match complaint.as_str() {
        "" => Ok(()),
        text => Err(FirewallError::Unusable(text.to_owned())),
    });
    Ok(Probe {
        user_namespace: diagnosis::needs_user_namespace(),
        world,
        firewall,
    })
}

/// Does once, in the world's own network namespace, what a partition does in a node's.
fn try_firewall() -> Result<(), FirewallError> {
    let firewall = Firewall::find()?;
    firewall.add_drops(None, &[address(Node(1))])?;
    firewall.dropped(None)?;
    firewall.remove_drops(None)
}
