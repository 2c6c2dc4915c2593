//! What faults need of the host beyond a sandbox, tried and not guessed.

use std::net::Ipv4Addr;

use crate::firewall::{Firewall, FirewallError, Treatment};
use crate::network::address;
use crate::node::Node;

/// Something that a host may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facility {
    /// Dropping all packets from a source, and counting them.
    Cuts,
    /// Dropping a share of them.
    Losses,
    /// Answering them with a reset.
    Resets,
}

impl Facility {
    /// Every facility.
    pub const ALL: [Self; 3] = [Self::Cuts, Self::Losses, Self::Resets];

    /// What is shown to work where it does.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Cuts => "iptables dropped and counted packets in a sandbox",
            Self::Losses => "iptables dropped a share of packets (`-m statistic`) in a sandbox",
            Self::Resets => "iptables took resets of connections (`REJECT`) in a sandbox",
        }
    }

    /// Does once, in the network namespace of the caller, what the faults do in a node's.
    ///
    /// # Errors
    /// If it does not work here.
    pub(crate) fn try_out(self) -> Result<(), FirewallError> {
        let treatments: &[Treatment] = match self {
            Self::Cuts => &[Treatment::Drop, Treatment::SeverBothWays],
            Self::Losses => &[Treatment::DropShare(10)],
            Self::Resets => &[Treatment::Reset],
        };
        treatments
            .iter()
            .try_for_each(|treatment| try_treatment(*treatment))
    }
}

fn try_treatment(treatment: Treatment) -> Result<(), FirewallError> {
    let peer: [Ipv4Addr; 1] = [address(Node(1))];
    let firewall = Firewall::find()?;
    firewall.add(None, treatment, &peer)?;
    firewall.counts(None, treatment)?;
    firewall.remove(None, treatment)
}
