//! The cluster of a run: its network and its processes.

use std::error::Error;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use splitbrain_consensus::NodeId;
use splitbrain_nemesis::disk::Mount;
use splitbrain_nemesis::facility::Facility;
use splitbrain_nemesis::network::Network;
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::process::{ClockControl, Death, LogFiles, NodeProcess, NodeProcesses};
use splitbrain_systems::{NodeAddrs, NodeSpec, System};

use crate::failure::{Failure, Result};
use crate::store::RunFolder;
use crate::test_file::Test;

/// This very program, also where its file was replaced meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// Where nodes take orders to their clocks: in the sandbox's own `/run`, whose paths are short enough for sockets.
const CLOCKS: &str = "/run/clocks";
/// Where disks are mounted that can fail: in the sandbox's own `/run` as well, so that nothing is seen of them outside.
const DISKS: &str = "/run/disks";
/// What nodes log: everything that explains a death, nothing of each request.
const NODE_LOG: &str = "info";

/// All nodes of a run, each in a network namespace of its own.
#[derive(Debug)]
pub(super) struct Cluster {
    network: Network,
    processes: NodeProcesses,
    /// The disks of the nodes, where faults need them, each with the folder for what is on it in the end.
    disks: Mutex<Vec<(Mount, PathBuf)>>,
    addrs: Vec<NodeAddrs>,
}

impl Cluster {
    /// Builds the network and prepares the processes; starts nothing. To be called inside of the sandbox.
    ///
    /// # Errors
    /// [`Failure::Host`] if the host refuses something.
    pub(super) fn build(test: &Test, system: &dyn System, folder: &RunFolder) -> Result<Self> {
        let count = u16::try_from(test.nodes.len()).unwrap_or(u16::MAX);
        let network = Network::new(count).map_err(|error| host("building the network", &error))?;
        let addrs: Vec<NodeAddrs> = network
            .nodes()
            .iter()
            .map(|node| NodeAddrs::at(NodeId(node.0), IpAddr::V4(network.address(*node))))
            .collect();
        let voters = test.layout().voters;
        let members: Vec<NodeId> = addrs[..voters].iter().map(|addrs| addrs.id).collect();
        let options: Vec<_> = test.options.clone().into_iter().collect();
        std::fs::create_dir_all(CLOCKS).map_err(|error| host("making a folder", &error))?;
        // A file system of our own costs time: where no fault needs it, the nodes use the host's.
        let on_disks = needs_disks(test);
        let mut disks = Vec::new();
        let processes = network.nodes().iter().map(|node| {
            let clock = Path::new(CLOCKS).join(node.to_string());
            let folder = folder.node(&node.to_string());
            let (mut data, mut disk) = (folder.join("data"), None);
            if on_disks {
                let mount = Mount::new(&Path::new(DISKS).join(node.to_string()))
                    .map_err(|error| host("mounting a disk", &error))?;
                disk = Some(mount.disk().clone());
                let copy = std::mem::replace(&mut data, mount.disk().data());
                disks.push((mount, copy));
            }
            let spec = NodeSpec {
                binary: Path::new(THIS_PROGRAM),
                id: NodeId(node.0),
                nodes: &addrs,
                members: &members,
                data: &data,
                seed: test.seed,
                mutant: test.mutant.as_deref(),
                options: &options,
                log: NODE_LOG,
                clock_control: Some(&clock),
            };
            let logs = LogFiles {
                stdout: folder.join("stdout.log"),
                stderr: folder.join("stderr.log"),
            };
            NodeProcess::new(*node, system.node_command(&spec), logs, network.namespace(*node))
                .map(|process| process.with_clock(ClockControl::at(clock)).with_disk(disk))
                .map_err(|error| host("preparing a node", &error))
        });
        let processes = NodeProcesses::new(processes.collect::<Result<_>>()?);
        Ok(Self {
            network,
            processes,
            disks: Mutex::new(disks),
            addrs,
        })
    }

    /// Starts every node.
    ///
    /// # Errors
    /// [`Failure::Host`] if one cannot be started.
    pub(super) fn start(&self) -> Result<()> {
        self.processes
            .start_all()
            .map_err(|error| host("starting the nodes", &error))
    }

    /// Kills every node that runs. Returns those that had died by themselves before; and, apart from them,
    /// [`Failure::Host`] if one cannot be killed.
    pub(super) fn kill(&self) -> (Vec<Death>, Result<()>) {
        let (deaths, killed) = self.processes.kill_all();
        (deaths, killed.map_err(|error| host("killing the nodes", &error)))
    }

    /// Copies what the nodes had on disks of the run's own to the run's folder, and unmounts these. To be called when the
    /// nodes are dead.
    ///
    /// # Errors
    /// [`Failure::Host`] if something cannot be copied.
    pub(super) fn keep_data(&self) -> Result<()> {
        let mut disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = disks.drain(..).map(|(mount, to)| mount.end(&to));
        // All are tried; the first failure is told.
        let kept: Vec<_> = kept.collect();
        kept.into_iter()
            .collect::<std::result::Result<(), _>>()
            .map_err(|error| host("keeping the data of the nodes", &error))
    }

    /// The nodes that have died by themselves.
    ///
    /// # Errors
    /// [`Failure::Host`] if the operating system does not say.
    pub(super) fn deaths(&self) -> Result<Vec<Death>> {
        self.processes
            .deaths()
            .map_err(|error| host("watching the nodes", &error))
    }

    /// The network.
    #[must_use]
    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// The processes.
    #[must_use]
    pub(super) fn processes(&self) -> &NodeProcesses {
        &self.processes
    }

    /// Where the nodes listen, in their order.
    #[must_use]
    pub(super) fn addrs(&self) -> &[NodeAddrs] {
        &self.addrs
    }
}

/// Whether a fault of the run needs disks that can fail.
fn needs_disks(test: &Test) -> bool {
    let kinds = test.schedule.kinds();
    kinds.iter().any(|kind| kind.needs().contains(&Facility::Disks))
}

/// A failure of the host, with all its causes in one line.
pub(super) fn host(doing: &str, error: &dyn Error) -> Failure {
    Failure::host(format!("{doing} failed: {}", causes(error)))
}

/// An error and what caused it.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The node's place among the run's nodes.
pub(super) fn node_of(addrs: &NodeAddrs) -> Node {
    Node(addrs.id.0)
}
