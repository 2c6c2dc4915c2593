//! What faults need of the host beyond a sandbox, tried and not guessed.

use std::net::Ipv4Addr;

use crate::disk::{self, DiskError};
use crate::firewall::{Firewall, FirewallError, Treatment};
use crate::impair::{self, ImpairError};
use crate::network::address;
use crate::node::Node;
use crate::shaper::{self, Shaper};

/// Something that a host may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facility {
    /// Dropping all packets from a source, and counting them.
    Cuts,
    /// Dropping a share of them.
    Losses,
    /// Answering them with a reset.
    Resets,
    /// Holding packets in a queue that a program reads.
    Queues,
    /// Limiting how much leaves in a time.
    Rates,
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
    pub const ALL: [Self; 6] = [
        Self::Cuts,
        Self::Losses,
        Self::Resets,
        Self::Queues,
        Self::Rates,
        Self::Disks,
    ];

    /// What is shown to work where it does.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Cuts => "iptables dropped and counted packets in a sandbox",
            Self::Losses => "iptables dropped a share of packets (`-m statistic`) in a sandbox",
            Self::Resets => "iptables took resets of connections (`REJECT`) in a sandbox",
            Self::Queues => "a queue of packets (`NFQUEUE`) was read in a sandbox",
            Self::Rates => "tc limited a class of packets (`htb`, `tbf`) in a sandbox",
            Self::Disks => "a FUSE file system was mounted in a sandbox",
        }
    }

    /// Does once, in the network namespace of the caller, what the faults do in a node's.
    ///
    /// # Errors
    /// If it does not work here.
    pub(crate) fn try_out(self) -> Result<(), Lack> {
        match self {
            Self::Cuts => {
                try_treatment(Treatment::Drop)?;
                try_treatment(Treatment::SeverBothWays)?;
            }
            Self::Losses => try_treatment(Treatment::DropShare(10))?,
            Self::Resets => try_treatment(Treatment::Reset)?,
            Self::Queues => impair::try_out().map_err(|error| match error {
                ImpairError::Firewall(error) => error,
                ImpairError::Queue(source) => FirewallError::NoQueue(source.to_string()),
            })?,
            Self::Rates => {
                try_treatment(shaper::TREATMENT)?;
                let shaper = Shaper::find()?;
                shaper.add(None, "lo", 1_000_000)?;
                shaper.remove(None, "lo")?;
            }
            Self::Disks => disk::try_out()?,
        }
        Ok(())
    }

    /// Reads back a complaint of [`try_out`](Self::try_out)'s, from a process in a sandbox.
    pub(crate) fn lack(self, complaint: String) -> Lack {
        // A tool that is not there is so outside of the sandbox too, and has a mend of its own.
        let found = match self {
            Self::Disks => return disk::lack(&complaint).into(),
            Self::Rates => Firewall::find().and_then(|_| Shaper::find().map(|_| ())),
            Self::Cuts | Self::Losses | Self::Resets | Self::Queues => Firewall::find().map(|_| ()),
        };
        let lacking = match (found, self) {
            (Err(missing), _) => missing,
            (Ok(()), Self::Queues) => FirewallError::NoQueue(complaint),
            (Ok(()), Self::Rates) => FirewallError::NoRate(complaint),
            (Ok(()), _) => FirewallError::Unusable(complaint),
        };
        lacking.into()
    }
}

fn try_treatment(treatment: Treatment) -> Result<(), FirewallError> {
    let peer: [Ipv4Addr; 1] = [address(Node(1))];
    let firewall = Firewall::find()?;
    firewall.add(None, treatment, &peer)?;
    firewall.counts(None, treatment)?;
    firewall.remove(None, treatment)
}
