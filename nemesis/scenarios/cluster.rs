//! A network with a running process for each node.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use splitbrain_nemesis::disk::Mount;
use splitbrain_nemesis::faults::Arena;
use splitbrain_nemesis::network::Network;
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::process::{ClockControl, LogFiles, NodeProcess, NodeProcesses, NodeState, Nodes};
use splitbrain_nemesis::schedule::NoMoments;

use crate::node::ask;
use crate::{Outcome, ensure};

const START_PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Cluster {
    pub(crate) network: Network,
    pub(crate) processes: NodeProcesses,
    /// After the processes, which use them.
    pub(crate) mounts: Vec<Mount>,
    /// In the sandbox's own `/run`, which is gone with it.
    pub(crate) logs: std::path::PathBuf,
}

impl Cluster {
    pub(crate) fn start(count: u16) -> Result<Self, Box<dyn Error>> {
        Self::start_with(count, false)
    }

    /// The same, and each node has a log on a disk that can fail.
    pub(crate) fn start_on_disks(count: u16) -> Result<Self, Box<dyn Error>> {
        Self::start_with(count, true)
    }

    fn start_with(count: u16, on_disks: bool) -> Result<Self, Box<dyn Error>> {
        let network = Network::new(count)?;
        let logs = std::path::PathBuf::from("/run/logs");
        let (mut processes, mut mounts) = (Vec::new(), Vec::new());
        for node in network.nodes() {
            let mut command = Command::new(std::env::current_exe()?);
            let clock = std::path::PathBuf::from(format!("/run/{node}.clock"));
            command
                .args(["node", &network.address(*node).to_string()])
                .arg(&clock);
            let mut disk = None;
            if on_disks {
                let mount = Mount::new(&std::path::PathBuf::from(format!("/run/disks/{node}")))?;
                command.arg(mount.disk().data());
                disk = Some(mount.disk().clone());
                mounts.push(mount);
            }
            let file = |name: &str| logs.join(format!("{node}.{name}"));
            let files = LogFiles {
                stdout: file("stdout"),
                stderr: file("stderr"),
            };
            let process = NodeProcess::new(*node, command, files, network.namespace(*node))?;
            processes.push(process.with_clock(ClockControl::at(clock)).with_disk(disk));
        }
        let cluster = Self {
            network,
            processes: NodeProcesses::new(processes),
            mounts,
            logs,
        };
        cluster.processes.start_all()?;
        cluster.wait_until_all_answer()?;
        Ok(cluster)
    }

    pub(crate) fn arena<'a>(&'a self, primaries: &'a (dyn Fn() -> Vec<Node> + Sync)) -> Arena<'a> {
        Arena {
            network: &self.network,
            nodes: &self.processes,
            primaries,
            moments: &NoMoments,
        }
    }

    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.processes.nodes()
    }

    /// The process id that the node itself tells, as seen from the harness.
    pub(crate) fn ping(&self, node: Node) -> Option<u32> {
        ask(self.network.address(node), "ping")?
            .strip_prefix("pong ")?
            .parse()
            .ok()
    }

    /// Waits until the node answers; a process that has just been started needs a moment.
    pub(crate) fn wait_until_answers(&self, node: Node) -> Result<u32, Box<dyn Error>> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(pid) = self.ping(node) {
                return Ok(pid);
            }
            if Instant::now() > deadline {
                return Err(format!("{node} does not answer").into());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_for_death(&self, node: Node) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !matches!(self.processes.state(node)?, NodeState::Died(_)) {
            ensure!(Instant::now() < deadline, "{node} lives on");
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    pub(crate) fn wait_until_all_answer(&self) -> Result<(), Box<dyn Error>> {
        self.nodes()
            .into_iter()
            .try_for_each(|node| self.wait_until_answers(node).map(|_| ()))
    }

    /// All `(a, b)` such that the process of `a` got an answer from that of `b`, over a new connection.
    pub(crate) fn reachable(&self) -> BTreeSet<(Node, Node)> {
        let pairs: Vec<(Node, Node)> = self
            .nodes()
            .into_iter()
            .flat_map(|a| {
                self.nodes()
                    .into_iter()
                    .filter(move |b| a != *b)
                    .map(move |b| (a, b))
            })
            .collect();
        thread::scope(|scope| {
            let workers: Vec<_> = pairs
                .iter()
                .map(|(a, b)| {
                    let request = format!("reach {}", self.network.address(*b));
                    scope.spawn(move || ask(self.network.address(*a), &request).as_deref() == Some("yes"))
                })
                .collect();
            pairs
                .iter()
                .zip(workers)
                .filter_map(|(pair, worker)| worker.join().is_ok_and(|yes| yes).then_some(*pair))
                .collect()
        })
    }
}
