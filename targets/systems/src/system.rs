//! What a system must tell of itself.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use splitbrain_consensus::{NodeId, Planted};

/// The port for clients, on every node.
pub const CLIENT_PORT: u16 = 7000;
/// The port for other nodes, on every node.
pub const PEER_PORT: u16 = 7001;

/// A system under test.
pub trait System: Send + Sync {
    /// Its name on the command line and in reports.
    fn name(&self) -> &'static str;

    /// What it is, in one line.
    fn summary(&self) -> &'static str;

    /// The ways in which it serves reads, the strongest claim first.
    fn read_modes(&self) -> &'static [ReadModeInfo];

    /// The planted bugs that it can be run with.
    fn mutants(&self) -> &'static [MutantInfo];

    /// Its word for the number by which it counts its leaders: `term` or `epoch`.
    fn era(&self) -> &'static str;

    /// Whether nodes without a vote can take part.
    fn has_observers(&self) -> bool;

    /// Whether a client has a session, which it takes along when it connects anew, to the same node or to another: it
    /// tells the highest version that it has seen, and a node that is behind refuses it.
    fn has_sessions(&self) -> bool;

    /// Whether it knows this setting and can take this value.
    ///
    /// # Errors
    /// What is wrong, with the settings that it knows.
    fn check_option(&self, name: &str, value: &str) -> Result<(), String>;

    /// The command that runs one node in the foreground until SIGTERM. It prints a line that begins with
    /// `listening` to standard output when clients can connect.
    fn node_command(&self, spec: &NodeSpec<'_>) -> Command;
}

/// A way in which a system serves reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadModeInfo {
    /// Its name on the command line, in requests and in reports.
    pub name: &'static str,
    /// The consistency model that it claims, by the checker's name of it.
    pub claim: &'static str,
    /// The claim with its conditions, in words.
    pub promise: &'static str,
    /// How a read is served.
    pub how: &'static str,
    /// Which nodes its clients ask.
    pub asked: Asked,
    /// Whether it claims that only while the nodes' clocks run at about the same rate, and never jump.
    pub trusts_clocks: bool,
}

/// Which nodes the clients of a read mode ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The voting members.
    Voters,
    /// The observers: without any, there is no such mode.
    Observers,
}

/// A planted bug, and how it is best caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MutantInfo {
    /// Its name, without the system's.
    pub name: &'static str,
    /// The rule that it breaks, with its place in the paper.
    pub breaks: &'static str,
    /// The anomaly to expect.
    pub anomaly: &'static str,
    /// Where it shows within a reasonable time.
    pub venue: Venue,
    /// The faults that expose it there, as `--nemesis` takes them.
    pub nemesis: &'static str,
    /// Further options of `splitbrain run` that make its window wide enough for a short run.
    pub args: &'static [&'static str],
}

impl MutantInfo {
    /// A planted bug with the way to catch it.
    pub(crate) const fn of<M>(
        planted: &Planted<M>,
        venue: Venue,
        nemesis: &'static str,
        args: &'static [&'static str],
    ) -> Self {
        Self {
            name: planted.name,
            breaks: planted.breaks,
            anomaly: planted.anomaly,
            venue,
            nemesis,
            args,
        }
    }
}

/// Where a planted bug is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Venue {
    /// In a cluster of real processes.
    Processes,
    /// In the simulator, because real processes seldom hit its window.
    Simulator,
}

/// Where one node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeAddrs {
    /// The node.
    pub id: NodeId,
    /// For clients.
    pub client: SocketAddr,
    /// For other nodes.
    pub peer: SocketAddr,
}

impl NodeAddrs {
    /// A node that has an address of its own, with the usual ports.
    #[must_use]
    pub fn at(id: NodeId, ip: IpAddr) -> Self {
        Self {
            id,
            client: SocketAddr::new(ip, CLIENT_PORT),
            peer: SocketAddr::new(ip, PEER_PORT),
        }
    }
}

/// All that it takes to start one node.
#[derive(Clone, Copy, Debug)]
pub struct NodeSpec<'a> {
    /// The `splitbrain` program, which carries the bundled nodes.
    pub binary: &'a Path,
    /// Which of `nodes` to start.
    pub id: NodeId,
    /// Every node that may ever take part, this one included.
    pub nodes: &'a [NodeAddrs],
    /// The voting members of a new cluster. The other nodes are observers.
    pub members: &'a [NodeId],
    /// The folder for what must survive a restart: this node's alone.
    pub data: &'a Path,
    /// The seed of the cluster; nodes and restarts draw different numbers from the same seed.
    pub seed: u64,
    /// The planted bug, by the system's name of it.
    pub mutant: Option<&'a str>,
    /// Settings of the system, as it knows them.
    pub options: &'a [(String, String)],
    /// The least severe events to log: `error`, `warn`, `info`, `debug` or `trace`.
    pub log: &'a str,
    /// The socket at which the node takes orders that bend its clock: `show`, `jump MICROS`, `rate FACTOR`, each
    /// answered by the microseconds that it shows.
    pub clock_control: Option<&'a Path>,
}

impl NodeSpec<'_> {
    /// Where the node to start listens.
    ///
    /// # Panics
    /// If it is not among `nodes`.
    #[must_use]
    pub fn addrs(&self) -> NodeAddrs {
        *self
            .nodes
            .iter()
            .find(|node| node.id == self.id)
            .expect("the node to start is among the nodes")
    }
}

/// The command of a bundled system: the hidden subcommand of the harness's own program.
pub(crate) fn bundled_command(protocol: &str, spec: &NodeSpec<'_>) -> Command {
    let mut command = Command::new(spec.binary);
    let members: Vec<_> = spec.members.iter().map(|NodeId(id)| id.to_string()).collect();
    command
        .args(["node", "--protocol", protocol])
        .arg(format!("--id={}", spec.id.0))
        .arg(format!("--members={}", members.join(",")))
        .arg(format!("--client-addr={}", spec.addrs().client))
        .arg(format!("--seed={}", spec.seed))
        .arg(format!("--log={}", spec.log))
        .arg("--data")
        .arg(spec.data);
    if let Some(path) = spec.clock_control {
        command.arg("--clock-control").arg(path);
    }
    for node in spec.nodes {
        command.arg(format!("--peer={}={}", node.id.0, node.peer));
    }
    if let Some(mutant) = spec.mutant {
        command.arg(format!("--mutant={mutant}"));
    }
    for (key, value) in spec.options {
        command.arg(format!("--option={key}={value}"));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Raft;

    #[test]
    fn a_node_command_says_all_that_the_node_needs() {
        let ip = |last| IpAddr::from([10, 77, 0, last]);
        let nodes = [NodeAddrs::at(NodeId(1), ip(1)), NodeAddrs::at(NodeId(2), ip(2))];
        let command = Raft.node_command(&NodeSpec {
            binary: Path::new("splitbrain"),
            id: NodeId(2),
            nodes: &nodes,
            members: &[NodeId(1), NodeId(2)],
            data: Path::new("data"),
            seed: 7,
            mutant: Some("commit-older-term"),
            options: &[("heartbeat_ms".to_owned(), "20".to_owned())],
            log: "info",
            clock_control: Some(Path::new("clock")),
        });
        let args: Vec<_> = command.get_args().map(|arg| arg.to_str().unwrap()).collect();
        let expected = [
            "node",
            "--protocol",
            "raft",
            "--id=2",
            "--members=1,2",
            "--client-addr=10.77.0.2:7000",
            "--seed=7",
            "--log=info",
            "--data",
            "data",
            "--clock-control",
            "clock",
            "--peer=1=10.77.0.1:7001",
            "--peer=2=10.77.0.2:7001",
            "--mutant=commit-older-term",
            "--option=heartbeat_ms=20",
        ];
        assert_eq!(args, expected);
    }
}
