//! Probes: datagrams between all nodes, to see which ways are open.
//!
//! Each node's namespace holds a socket that is used from the harness's process. So a probe needs no process in
//! the namespace, and no system under test: it asks the network alone, and works while nodes are dead or paused.
//!
//! There are several channels, told apart by their port. A fault leaves the channels of other faults alone, so that
//! each can be proven, and be seen to be gone, whatever else is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{HARNESS_ADDRESS, Namespace, address};
use crate::node::Node;

/// Where a probe starts or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// The harness, outside of all nodes' namespaces.
    Harness,
    /// A node's namespace.
    Node(Node),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Harness => f.write_str("the harness"),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// What is probed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Which ways are open.
    Ways,
    /// How much is lost on the way.
    Losses,
    /// Which ways are open, as far as cuts go.
    Cuts,
    /// How long it takes.
    Delays,
    /// In which order datagrams come.
    Orders,
    /// How often one comes.
    Copies,
    /// Whether what comes is what was sent.
    Corruptions,
    /// How much comes in a time.
    Rates,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 8] = [
        Self::Ways,
        Self::Losses,
        Self::Cuts,
        Self::Delays,
        Self::Orders,
        Self::Copies,
        Self::Corruptions,
        Self::Rates,
    ];

    /// The UDP port from and to which its datagrams go, in every namespace.
    #[must_use]
    pub fn port(self) -> u16 {
        7701 + self as u16
    }
}

/// A datagram that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number: those of a round follow each other in the order in which they were sent.
    pub number: u64,
    /// How long after it was sent it was read.
    pub took: Duration,
}

/// How many bytes a datagram of the least size carries: its number, and when it was sent.
pub const DATAGRAM_BYTES_MIN: usize = 16;

#[derive(Debug)]
struct Probe {
    endpoint: Endpoint,
    socket: UdpSocket,
    address: SocketAddr,
}

/// A socket for each endpoint.
#[derive(Debug)]
pub(super) struct Probes {
    probes: Vec<Probe>,
    rounds: AtomicU64,
    /// From when on the times in datagrams count.
    epoch: Instant,
}

impl Probes {
    pub(super) fn open(channel: Channel, nodes: &[Node], namespaces: &[Namespace]) -> io::Result<Self> {
        let port = channel.port();
        let mut probes = vec![Probe::open(Endpoint::Harness, HARNESS_ADDRESS, port)?];
        for (node, namespace) in nodes.iter().zip(namespaces) {
            probes.push(namespace.run(|| Probe::open(Endpoint::Node(*node), address(*node), port))?);
        }
        Ok(Self {
            probes,
            rounds: AtomicU64::new(0),
            epoch: Instant::now(),
        })
    }

    /// Sends so many datagrams of so many bytes each way.
    pub(super) fn send_round(&self, times: u64, bytes: usize) -> io::Result<ProbeRound<'_>> {
        let mut datagram = vec![0; bytes.max(DATAGRAM_BYTES_MIN)];
        let first = self.rounds.fetch_add(times, Ordering::Relaxed) + 1;
        let mut round = ProbeRound {
            probes: &self.probes,
            epoch: self.epoch,
            numbers: first..first + times,
            ways: BTreeMap::new(),
        };
        for number in round.numbers.clone() {
            for from in &self.probes {
                for to in self.probes.iter().filter(|to| to.endpoint != from.endpoint) {
                    let sent = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    datagram[..8].copy_from_slice(&number.to_le_bytes());
                    datagram[8..16].copy_from_slice(&sent.to_le_bytes());
                    from.send(&datagram, to.address)?;
                }
                // Receive as it goes: no socket's buffer needs to hold more than a few.
                round.receive()?;
            }
        }
        Ok(round)
    }
}

impl Probe {
    fn open(endpoint: Endpoint, address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind((address, port))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self {
            endpoint,
            socket,
            address,
        })
    }

    fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.socket.send_to(datagram, to) {
            Ok(_) => Ok(()),
            // What the network says to a datagram is a finding, and shows by its not arriving.
            Err(error)
                if matches!(
                    raw(&error),
                    Errno::EPERM | Errno::EHOSTUNREACH | Errno::ENETUNREACH
                ) =>
            {
                Ok(())
            }
            Err(error) if matches!(raw(&error), Errno::ECONNREFUSED | Errno::EAGAIN | Errno::ENOBUFS) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn raw(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// One datagram or several each way between any two endpoints, and how many of them have arrived so far.
#[derive(Debug)]
pub struct ProbeRound<'a> {
    probes: &'a [Probe],
    epoch: Instant,
    numbers: Range<u64>,
    ways: BTreeMap<(Endpoint, Endpoint), Arrived>,
}

/// What has arrived of one way.
#[derive(Debug, Default)]
struct Arrived {
    /// Each number once.
    numbers: BTreeSet<u64>,
    /// Every datagram, in the order of arrival.
    log: Vec<Arrival>,
}

impl ProbeRound<'_> {
    /// Waits until every datagram from `a` to `b` with `expected(a, b)` has arrived, but no longer than
    /// `patience`. Returns the ways that lack some.
    ///
    /// # Errors
    /// If a socket fails.
    pub fn wait(
        &mut self,
        expected: impl Fn(Endpoint, Endpoint) -> bool,
        patience: Duration,
    ) -> io::Result<Vec<(Endpoint, Endpoint)>> {
        let deadline = Instant::now() + patience;
        loop {
            self.receive()?;
            let missing: Vec<_> = self
                .all_ways()
                .filter(|way| self.arrivals(way.0, way.1) < self.sent() && expected(way.0, way.1))
                .collect();
            let left = deadline.saturating_duration_since(Instant::now());
            if missing.is_empty() || left.is_zero() {
                return Ok(missing);
            }
            self.wait_for_any(left)?;
        }
    }

    /// Takes in what has arrived meanwhile, without waiting.
    ///
    /// # Errors
    /// If a socket fails.
    pub fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; DATAGRAM_BYTES_MIN];
        for to in self.probes {
            loop {
                match to.socket.recv_from(&mut buffer) {
                    Ok((_, source)) => self.note(&buffer, source, to.endpoint),
                    Err(error) if raw(&error) == Errno::EAGAIN => break,
                    Err(error) if matches!(raw(&error), Errno::ECONNREFUSED | Errno::EINTR) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Whether a datagram from `from` to `to` has arrived.
    #[must_use]
    pub fn arrived(&self, from: Endpoint, to: Endpoint) -> bool {
        self.arrivals(from, to) > 0
    }

    /// How many datagrams from `from` to `to` have arrived, copies not counted.
    #[must_use]
    pub fn arrivals(&self, from: Endpoint, to: Endpoint) -> u64 {
        self.ways
            .get(&(from, to))
            .map_or(0, |way| way.numbers.len() as u64)
    }

    /// Every arrival from `from` at `to`, copies among them, in their order.
    #[must_use]
    pub fn log(&self, from: Endpoint, to: Endpoint) -> &[Arrival] {
        self.ways.get(&(from, to)).map_or(&[], |way| &way.log)
    }

    /// How many datagrams were sent each way.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.numbers.end - self.numbers.start
    }

    /// How many datagrams have arrived, copies among them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.ways.values().map(|way| way.log.len()).sum()
    }

    /// Whether every datagram has arrived.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.all_ways()
            .all(|(from, to)| self.arrivals(from, to) == self.sent())
    }

    /// Waits so long and takes in what arrives.
    ///
    /// # Errors
    /// If a socket fails.
    pub fn listen(&mut self, time: Duration) -> io::Result<()> {
        let deadline = Instant::now() + time;
        loop {
            self.receive()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.wait_for_any(left)?;
        }
    }

    fn note(&mut self, datagram: &[u8; DATAGRAM_BYTES_MIN], source: SocketAddr, to: Endpoint) {
        let [number, sent] = [0, 8].map(|at| {
            let bytes = datagram[at..at + 8].try_into();
            u64::from_le_bytes(bytes.expect("a range of eight is eight bytes"))
        });
        // A datagram of an earlier round says nothing about this one.
        if self.numbers.contains(&number)
            && let Some(from) = self.probes.iter().find(|probe| probe.address == source)
        {
            let took = self.epoch.elapsed().saturating_sub(Duration::from_nanos(sent));
            let way = self.ways.entry((from.endpoint, to)).or_default();
            way.numbers.insert(number);
            way.log.push(Arrival { number, took });
        }
    }

    fn all_ways(&self) -> impl Iterator<Item = (Endpoint, Endpoint)> {
        let endpoints = || self.probes.iter().map(|probe| probe.endpoint);
        endpoints().flat_map(move |from| {
            endpoints()
                .filter(move |to| *to != from)
                .map(move |to| (from, to))
        })
    }

    fn wait_for_any(&self, patience: Duration) -> io::Result<()> {
        let mut fds: Vec<PollFd<'_>> = self
            .probes
            .iter()
            .map(|probe| PollFd::new(probe.socket.as_fd(), PollFlags::POLLIN))
            .collect();
        // Rounded up: a wait of less than a millisecond must not become a spin.
        let timeout = PollTimeout::try_from(patience.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}
