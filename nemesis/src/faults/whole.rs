//! Whether anything is left of the faults of the network.

use super::partition::probe;
use super::{Arena, FaultError, parallel};
use crate::firewall::Firewall;
use crate::network::Channel;

/// Checks that no node treats packets in any way, and that datagrams pass between all. Returns what speaks against it.
pub(crate) fn check_network_is_whole(arena: Arena<'_>) -> Result<Vec<String>, FaultError> {
    let mut objections = Vec::new();
    let firewall = Firewall::find()?;
    let results = parallel::for_each(arena.network.nodes(), |node| {
        Ok(firewall.has_chains(Some(arena.network.namespace(*node)))?)
    });
    for (node, result) in arena.network.nodes().iter().zip(results) {
        if result? {
            objections.push(format!("the firewall of {node} still has rules of a fault"));
        }
    }
    for (from, to) in probe(arena, Channel::Ways, |_, _| true)?.1 {
        objections.push(format!("a probe from {from} to {to} was lost"));
    }
    Ok(objections)
}
