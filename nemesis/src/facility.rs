//! What faults need of the host beyond a sandbox, tried and not guessed.

use std::net::Ipv4Addr;

use crate::disk::{self, DiskError};
use crate::firewall::{Drops, Firewall, FirewallError};
use crate::network::address;
use crate::node::Node;

/// Something that a host may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facility {
    /// Dropping all packets from a source, and counting them.
    Cuts,
    /// Dropping a share of them.
    Losses,
    /// Disks that fail: file systems of the run's own.
    Disks,
}

/// Why a host lacks something.
#[derive(Debug, thiserror::Error)]
pub enum Lack {
    /// Packets cannot be dropped, or not counted.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// File systems cannot be mounted.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Lack {
    /// The one line that mends it, where there is one.
    #[must_use]
    pub fn mend(&self) -> Option<&'static str> {
        match self {
            Self::Firewall(error) => error.mend(),
            Self::Disk(error) => error.mend(),
        }
    }
}

impl Facility {
    /// Every facility.
    pub const ALL: [Self; 3] = [Self::Cuts, Self::Losses, Self::Disks];

    /// What is shown to work where it does.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Cuts => "iptables dropped and counted packets in a sandbox",
            Self::Losses => "iptables dropped a share of packets (`-m statistic`) in a sandbox",
            Self::Disks => "a FUSE file system was mounted in a sandbox",
        }
    }

    /// Does once, in the network namespace of the caller, what the faults do in a node's.
    ///
    /// # Errors
    /// If it does not work here.
    pub(crate) fn try_out(self) -> Result<(), Lack> {
        let source: [Ipv4Addr; 1] = [address(Node(1))];
        let drops = match self {
            Self::Cuts => Drops::All,
            Self::Losses => Drops::Share(10),
            Self::Disks => return Ok(disk::try_out()?),
        };
        let firewall = Firewall::find()?;
        firewall.add(None, drops, &source)?;
        firewall.counts(None, drops)?;
        Ok(firewall.remove(None, drops)?)
    }

    /// Reads back a complaint of [`try_out`](Self::try_out)'s, from a process in a sandbox.
    pub(crate) fn lack(self, complaint: &str) -> Lack {
        match self {
            // A tool that is not there is so outside of the sandbox too, and has a mend of its own.
            Self::Cuts | Self::Losses => match Firewall::find() {
                Err(missing) => missing.into(),
                Ok(_) => FirewallError::Unusable(complaint.to_owned()).into(),
            },
            Self::Disks => disk::lack(complaint).into(),
        }
    }
}
