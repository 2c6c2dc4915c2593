//! Whether anything is left of the faults of the network.

use super::partition::probe;
use super::{Arena, FaultError, parallel};
use crate::firewall::Firewall;
use crate::network::{Channel, NODE_LINK};
use crate::shaper::Shaper;

/// Checks that no node treats packets in any way, and that datagrams pass between all. Returns what speaks against it.
pub(crate) fn check_network_is_whole(arena: Arena<'_>) -> Result<Vec<String>, FaultError> {
    let mut objections = Vec::new();
    let firewall = Firewall::find()?;
    // Where it is not installed, no link was limited.
    let shaper = Shaper::find().ok();
    let results = parallel::for_each(arena.network.nodes(), |node| {
        let namespace = Some(arena.network.namespace(*node));
        let limited = match &shaper {
            Some(shaper) => shaper.is_shaped(namespace, NODE_LINK)?,
            None => false,
        };
        Ok((firewall.has_chains(namespace)?, limited))
    });
    for (node, result) in arena.network.nodes().iter().zip(results) {
        let (has_chains, limited) = result?;
        if has_chains {
            objections.push(format!("the firewall of {node} still has rules of a fault"));
        }
        if limited {
            objections.push(format!("the link of {node} still is limited"));
        }
        if !arena.network.impairer(*node).is_idle() {
            objections.push(format!("packets to {node} are still impaired"));
        }
    }
    for (from, to) in probe(arena, Channel::Ways, |_, _| true)?.1 {
        objections.push(format!("a probe from {from} to {to} was lost"));
    }
    Ok(objections)
}
