//! Cuts by resets: of two halves of the cluster, each answers what TCP sends it from the other with a reset, and drops
//! all else. So a connection between them is torn down by the first packet that it carries, and none can be
//! made, as where a firewall rejects, or where a process dies behind an address that another one took over.
//!
//! # When it is proven
//!
//! By datagrams as a partition is, on a channel of its own. Besides, each node holds a connection to a node of the other
//! half, made before it was cut. Both of its ends must get a reset once they write, and after healing a new
//! one must carry what is written.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::partition::Partition;
use super::{Arena, Evidence, Fault, FaultError};
use crate::firewall::Treatment;
use crate::network::{Channel, Network};
use crate::node::Node;
use crate::schedule::ScheduledFault;

/// How long a connection may take to be made, or to be reset. It takes microseconds; this bounds a starved machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// A cut by resets.
pub(super) struct Reset {
    cut: Partition,
    scheduled: ScheduledFault,
    connections: Vec<Connection>,
}

/// A connection between nodes of different halves, both ends of which the harness holds.
struct Connection {
    from: Node,
    to: Node,
    ends: io::Result<[TcpStream; 2]>,
}

impl Reset {
    pub(super) fn new(scheduled: ScheduledFault) -> Self {
        Self {
            cut: Partition::new(scheduled.clone(), Treatment::Reset),
            scheduled,
            connections: Vec::new(),
        }
    }
}

impl Fault for Reset {
    fn set_up(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        self.cut.set_up(arena)
    }

    fn start(&mut self, arena: Arena<'_>) -> Result<Vec<Node>, FaultError> {
        let grudge = self.scheduled.grudge(arena.network.nodes(), &[]);
        // One for each node: links are too many in a large cluster.
        let first = grudge
            .by_node()
            .filter_map(|(by, sources)| Some((by, *sources.first()?)));
        let pairs: BTreeSet<(Node, Node)> = first.map(|(a, b)| (a.min(b), a.max(b))).collect();
        let open = |(from, to)| Connection::open(arena.network, from, to);
        self.connections = pairs.into_iter().map(open).collect();
        self.cut.start(arena)
    }

    fn evidence_during(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = self.cut.evidence_during(arena)?;
        for connection in std::mem::take(&mut self.connections) {
            connection.weigh_reset(&mut evidence);
        }
        Ok(evidence)
    }

    fn stop(&mut self, arena: Arena<'_>) -> Result<(), FaultError> {
        self.cut.stop(arena)
    }

    fn evidence_after(&mut self, arena: Arena<'_>) -> Result<Evidence, FaultError> {
        let mut evidence = self.cut.evidence_after(arena)?;
        let across = self.cut.grudge().pairs().next();
        if let Some((from, to)) = across {
            Connection::open(arena.network, from, to).weigh_whole(&mut evidence);
        }
        Ok(evidence)
    }
}

impl Connection {
    fn open(network: &Network, from: Node, to: Node) -> Self {
        let at = SocketAddr::from((network.address(to), Channel::Cuts.port()));
        let ends = || {
            let listener = network.namespace(to).run(|| TcpListener::bind(at))?;
            let client = network
                .namespace(from)
                .run(|| TcpStream::connect_timeout(&at, PATIENCE))?;
            let (server, _) = listener.accept()?;
            for end in [&client, &server] {
                end.set_read_timeout(Some(PATIENCE))?;
                end.set_nodelay(true)?;
            }
            Ok([client, server])
        };
        Self {
            from,
            to,
            ends: ends(),
        }
    }

    fn weigh_reset(self, evidence: &mut Evidence) {
        let Self { from, to, ends } = self;
        let what = format!("the connection of {from} and {to}");
        match ends {
            Ok(ends) => {
                // Each end is reset by the answer to what it sends itself.
                let written = ends.each_ref().map(|mut end| end.write_all(b"?"));
                let was_reset = |(end, written): (&TcpStream, &io::Result<()>)| match written {
                    Err(error) => is_reset(error),
                    Ok(()) => (&*end).read(&mut [0]).is_err_and(|error| is_reset(&error)),
                };
                let reset = ends
                    .iter()
                    .zip(&written)
                    .map(was_reset)
                    .filter(|reset| *reset)
                    .count();
                let sentence = format!("{what} was reset at {reset} of its 2 ends");
                evidence.add(reset == 2, sentence);
            }
            Err(error) => evidence.add(false, format!("{what} could not be made before the cut: {error}")),
        }
    }

    fn weigh_whole(self, evidence: &mut Evidence) {
        let Self { from, to, ends } = self;
        let carried = ends.and_then(|[mut client, mut server]| {
            client.write_all(b"?")?;
            server.read_exact(&mut [0])
        });
        match carried {
            Ok(()) => evidence.add(
                true,
                format!("after healing, a connection from {from} to {to} carried data"),
            ),
            Err(error) => {
                let sentence =
                    format!("no connection from {from} to {to} carried data after healing: {error}");
                evidence.add(false, sentence);
            }
        }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
