//! What faults need of the host beyond a sandbox, tried and not guessed.

use std::net::Ipv4Addr;

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
}

impl Facility {
    /// Every facility.
    pub const ALL: [Self; 2] = [Self::Cuts, Self::Losses];

    /// What is shown to work where it does.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Cuts => "iptables dropped and counted packets in a sandbox",
            Self::Losses => "iptables dropped a share of packets (`-m statistic`) in a sandbox",
        }
    }

    /// Does once, in the network namespace of the caller, what the faults do in a node's.
    ///
    /// # Errors
    /// If it does not work here.
    pub(crate) fn try_out(self) -> Result<(), FirewallError> {
        let source: [Ipv4Addr; 1] = [address(Node(1))];
        let drops = match self {
            Self::Cuts => Drops::All,
            Self::Losses => Drops::Share(10),
        };
        let firewall = Firewall::find()?;
        firewall.add(None, drops, &source)?;
        firewall.counts(None, drops)?;
        firewall.remove(None, drops)
    }
}
