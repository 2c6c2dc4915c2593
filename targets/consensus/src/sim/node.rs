//! One simulated node: the core with its state machine, disk, clock and connected clients. It keeps the duties
//! of a host, but does not know of time or of the rest of the cluster.

use std::collections::{BTreeMap, VecDeque};

use crate::sim::clock::Clock;
use crate::sim::disk::Disk;
use crate::{Incarnation, NodeId, Outgoing, Protocol, StateMachine};

pub(super) struct Node<P: Protocol, S> {
    pub(super) id: NodeId,
    pub(super) clock: Clock,
    pub(super) disk: Disk<P::Record>,
    /// The life that it is in, or was last.
    pub(super) incarnation: Incarnation,
    /// None while it is down.
    pub(super) life: Option<Life<P, S>>,
    /// Until when it stands still.
    pub(super) paused_until_us: u64,
}

/// What a crash takes away.
pub(super) struct Life<P: Protocol, S> {
    pub(super) core: P,
    pub(super) machine: S,
    /// Messages that wait for the disk, by position.
    pub(super) held: VecDeque<(u64, Vec<Outgoing<P::Message>>)>,
    /// The position up to which all is on disk.
    pub(super) persisted: u64,
    /// The client threads that wait for an answer, by request number.
    pub(super) pending: BTreeMap<u64, usize>,
    pub(super) requests: u64,
    /// The virtual time of the earliest wake-up in the queue.
    pub(super) wake_at_us: u64,
    /// What the core had promised when it was last looked at; the greatest there is before that.
    pub(super) promised: u64,
}

impl<P: Protocol, S: StateMachine + Default> Node<P, S> {
    pub(super) fn new(id: NodeId, clock: Clock) -> Self {
        Self {
            id,
            clock,
            disk: Disk::new(),
            incarnation: Incarnation(0),
            life: None,
            paused_until_us: 0,
        }
    }
}
