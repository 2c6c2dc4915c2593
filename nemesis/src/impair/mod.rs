//! Impaired links: packets that come to a node late, out of order, twice, or damaged.
//!
//! The firewall hands what comes to a node from other nodes to a queue, and a thread of the harness, in the node's
//! namespace, says when each packet goes on and how. So it works on every kernel that has `nfnetlink_queue`, and what
//! a fault means does not depend on whether the kernel has `netem`; and each way between two nodes can be
//! told apart, which a queueing discipline of a link cannot.
//!
//! Effects of different kinds are had together; there is one queue a node, since a packet that comes back
//! from a queue goes on after the table that queued it. The thread exists while an effect does. Should it, or the whole
//! harness, die, packets pass (`--queue-bypass`).
//!
//! A copy of a packet is sent over the loopback interface of the node's namespace, from a raw socket, as if it had come
//! again: rules do not queue what comes from there.

mod effect;
mod packet;
mod queue;
mod worker;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use effect::{Effect, Spread, Tally};
use rand_chacha::ChaCha8Rng;

use crate::firewall::{Firewall, FirewallError, Treatment};
use crate::network::{Channel, Namespace};
use effect::Applied;
use queue::Queue;
use worker::Worker;

/// The queue's number: each namespace has queues of its own.
const QUEUE: u16 = 77;

/// Why packets could not be impaired, or let pass again.
#[derive(Debug, thiserror::Error)]
pub enum ImpairError {
    /// The firewall did not do its part.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// The queue could not be opened, or failed while packets went through it.
    #[error("the queue of packets (nfnetlink_queue) failed")]
    Queue(#[source] io::Error),
}

/// What impairs the packets that come to one node.
#[derive(Debug)]
pub(crate) struct Impairer {
    namespace: Namespace,
    /// Those that may be impaired: all other nodes.
    peers: Vec<Ipv4Addr>,
    effects: Effects,
    /// Exists while there are effects.
    worker: Mutex<Option<Worker>>,
}

type Effects = Arc<Mutex<Vec<Applied>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Impairer {
    /// Nothing is impaired yet.
    pub(crate) fn new(namespace: Namespace, peers: Vec<Ipv4Addr>) -> Self {
        Self {
            namespace,
            peers,
            effects: Effects::default(),
            worker: Mutex::new(None),
        }
    }

    /// Puts `effect` in force on packets from `sources`. There must be no other of its kind.
    pub(crate) fn add(
        &self,
        effect: Effect,
        sources: &[Ipv4Addr],
        rng: ChaCha8Rng,
    ) -> Result<(), ImpairError> {
        let mut worker = lock(&self.worker);
        lock(&self.effects).push(Applied::new(effect, sources, rng));
        if worker.is_some() {
            return Ok(());
        }
        let started = Worker::start(&self.namespace, Arc::clone(&self.effects));
        let queued = started.map_err(ImpairError::Queue).and_then(|started| {
            *worker = Some(started);
            let firewall = Firewall::find()?;
            Ok(firewall.add(Some(&self.namespace), Treatment::Queue(QUEUE), &self.peers)?)
        });
        if queued.is_err() {
            // The queue is read by nobody then, and no rule fills it.
            *worker = None;
            lock(&self.effects).clear();
        }
        queued
    }

    /// Lifts the effect that `channel` sees, if there is one. With the last one the queue goes, too: what it
    /// held back goes on at once.
    pub(crate) fn remove(&self, channel: Channel) -> Result<(), ImpairError> {
        let mut worker = lock(&self.worker);
        {
            let mut effects = lock(&self.effects);
            if effects.len() > 1 || !effects.iter().any(|applied| applied.effect.channel() == channel) {
                effects.retain(|applied| applied.effect.channel() != channel);
                return Ok(());
            }
        }
        Firewall::find()?.remove(Some(&self.namespace), Treatment::Queue(QUEUE))?;
        lock(&self.effects).clear();
        match worker.take() {
            Some(worker) => worker.stop().map_err(ImpairError::Queue),
            None => Ok(()),
        }
    }

    /// What the effect that `channel` sees was had on, so far, of the packets from `source`.
    pub(crate) fn tally(&self, channel: Channel, source: Ipv4Addr) -> Tally {
        let effects = lock(&self.effects);
        let mut applied = effects
            .iter()
            .filter(|applied| applied.effect.channel() == channel);
        let tally = applied.next().and_then(|applied| applied.tallies.get(&source));
        tally.copied().unwrap_or_default()
    }

    /// Whether nothing is impaired.
    pub(crate) fn is_idle(&self) -> bool {
        lock(&self.worker).is_none() && lock(&self.effects).is_empty()
    }
}

/// Binds a queue and has it filled by a rule, in the network namespace of the caller.
pub(crate) fn try_out() -> Result<(), ImpairError> {
    let queue = Queue::bind(QUEUE).map_err(ImpairError::Queue)?;
    let firewall = Firewall::find()?;
    let peer = [Ipv4Addr::LOCALHOST];
    firewall.add(None, Treatment::Queue(QUEUE), &peer)?;
    firewall.remove(None, Treatment::Queue(QUEUE))?;
    drop(queue);
    Ok(())
}
