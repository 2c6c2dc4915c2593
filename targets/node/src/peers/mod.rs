//! The connections between nodes. Each node opens one to every other and only sends on it, so each pair has two,
//! and a one-way partition breaks exactly one direction.
//!
//! Messages may be lost, and are never delivered late in bulk: what waited too long for a connection is dropped,
//! since the protocols repeat what still matters and a burst of outdated messages only delays recovery.

mod frame;
mod inbound;
mod outbound;

pub(crate) use inbound::accept_peers;
pub(crate) use outbound::Outbound;
