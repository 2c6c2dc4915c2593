//! The private network: a bridge, and a network namespace for each node.
//!
//! ```text
//! world          sb0 (bridge, 10.77.0.254/24)
//!                 ├── sbn1 ══ eth0 10.77.0.1/24   namespace of n1
//!                 ├── sbn2 ══ eth0 10.77.0.2/24   namespace of n2
//!                 └── ...
//! ```
//!
//! All of it lives in the world's network namespace and in namespaces that only this process holds, and is gone
//! with them. The bridge runs no spanning tree, so that a port forwards soon after it is up: the kernel takes note of
//! a new carrier in its own time, and drops what comes before. So the network counts as built once probes have passed
//! every way.

mod links;
pub(crate) mod loopback;
mod namespace;
mod probe;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use links::NODE_LINK;
pub use namespace::Namespace;
pub use probe::{Arrival, Channel, DATAGRAM_BYTES_MIN, Endpoint, ProbeRound};

use crate::impair::Impairer;
use crate::node::Node;
use probe::Probes;

/// The greatest number of nodes. Every node knows every other's hardware address, so the work of building the
/// network grows with the square of this.
pub const NODES_MAX: u16 = 100;
/// The harness's own address.
pub const HARNESS_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);
const PREFIX_LENGTH: u8 = 24;
/// How long a new network may take until probes pass every way. It takes milliseconds, on a busy machine some tenths
/// of a second.
const READY_LIMIT: Duration = Duration::from_secs(5);
/// How long each round of those probes is waited for.
const READY_ROUND: Duration = Duration::from_millis(20);

/// Why the network could not be built.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No nodes, or too many.
    #[error("a network of {0} nodes is impossible: expected 1 to {NODES_MAX}")]
    Size(u16),
    /// The kernel refused a link, an address or a namespace.
    #[error("{step} failed")]
    Netlink {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        #[source]
        source: Box<rtnetlink::Error>,
    },
    /// Probes did not pass, though every link is up.
    #[error("{from} cannot reach {to} {} s after the network was built", READY_LIMIT.as_secs())]
    Unready {
        /// Where a probe was sent.
        from: Endpoint,
        /// Where it did not arrive.
        to: Endpoint,
    },
    /// A namespace or a socket could not be made.
    #[error("{step} failed")]
    Io {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        #[source]
        source: io::Error,
    },
}

/// The network of one run. There can be one in a world; clones are the same.
#[derive(Clone, Debug)]
pub struct Network {
    nodes: Vec<Node>,
    namespaces: Vec<Namespace>,
    probes: Arc<[Probes]>,
    impairers: Arc<[Impairer]>,
}

impl Network {
    /// Builds the network of the nodes `n1` to `n<count>`, each with its loopback interface and its address up.
    /// Must be called inside of the sandbox.
    ///
    /// # Errors
    /// If `count` is not in `1..=NODES_MAX`, or the kernel refuses a step, as it does outside of the sandbox.
    pub fn new(count: u16) -> Result<Self, NetworkError> {
        if !(1..=NODES_MAX).contains(&count) {
            return Err(NetworkError::Size(count));
        }
        let nodes = Node::range(count);
        let io = |step| move |source| NetworkError::Io { step, source };
        let namespaces: Vec<Namespace> = nodes
            .iter()
            .map(|_| Namespace::create())
            .collect::<Result<_, _>>()
            .map_err(io("creating a network namespace"))?;
        links::build(&nodes, &namespaces)?;
        let probes = Channel::ALL.map(|channel| Probes::open(channel, &nodes, &namespaces));
        let probes = probes
            .into_iter()
            .collect::<io::Result<_>>()
            .map_err(io("opening a socket for probes"))?;
        let impairer = |(node, namespace): (&Node, &Namespace)| {
            let peers = nodes.iter().filter(|peer| *peer != node);
            Impairer::new(namespace.clone(), peers.map(|peer| address(*peer)).collect())
        };
        let network = Self {
            impairers: nodes.iter().zip(&namespaces).map(impairer).collect(),
            nodes,
            namespaces,
            probes,
        };
        network.wait_until_ready()?;
        Ok(network)
    }

    fn wait_until_ready(&self) -> Result<(), NetworkError> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let round = self
                .probe(Channel::Ways)
                .and_then(|mut round| round.wait(|_, _| true, READY_ROUND));
            let missing = round.map_err(|source| NetworkError::Io {
                step: "probing the network",
                source,
            })?;
            match missing.first() {
                None => return Ok(()),
                Some((from, to)) if Instant::now() >= deadline => {
                    let (from, to) = (*from, *to);
                    return Err(NetworkError::Unready { from, to });
                }
                Some(_) => {}
            }
        }
    }

    /// All nodes, in order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The address of `node`, at which only processes in its namespace can listen.
    #[must_use]
    pub fn address(&self, node: Node) -> Ipv4Addr {
        address(node)
    }

    /// The namespace of `node`.
    ///
    /// # Panics
    /// If the node is not of this network.
    #[must_use]
    pub fn namespace(&self, node: Node) -> &Namespace {
        &self.namespaces[node.index()]
    }

    /// What impairs the packets that come to `node`.
    ///
    /// # Panics
    /// If the node is not of this network.
    pub(crate) fn impairer(&self, node: Node) -> &Impairer {
        &self.impairers[node.index()]
    }

    /// Sends a datagram from each node and from the harness to each of the others, on `channel`.
    ///
    /// # Errors
    /// If a socket fails; a datagram that does not arrive is a finding, not an error.
    pub fn probe(&self, channel: Channel) -> io::Result<ProbeRound<'_>> {
        self.probe_often(channel, 1)
    }

    /// The same, so many datagrams each way.
    ///
    /// # Errors
    /// If a socket fails.
    pub fn probe_often(&self, channel: Channel, times: u64) -> io::Result<ProbeRound<'_>> {
        self.probe_with(channel, times, DATAGRAM_BYTES_MIN)
    }

    /// The same, of so many bytes each, but at least [`DATAGRAM_BYTES_MIN`].
    ///
    /// # Errors
    /// If a socket fails.
    pub fn probe_with(&self, channel: Channel, times: u64, bytes: usize) -> io::Result<ProbeRound<'_>> {
        self.probes[channel as usize].send_round(times, bytes)
    }
}

/// The address of `node` in every network.
#[must_use]
pub fn address(node: Node) -> Ipv4Addr {
    // NODES_MAX bounds the number: the cast loses nothing.
    Ipv4Addr::new(10, 77, 0, node.0 as u8)
}
