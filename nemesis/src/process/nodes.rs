//! All nodes' processes together, shared between the conductor and the harness.

use std::sync::{Mutex, PoisonError};

use super::{
    ClockControl, Death, Killed, Memory, NodeProcess, NodeState, ProcessError, ThreadStates, Throttle,
};
use crate::disk::Disk;
use crate::node::Node;

/// What a fault needs of the nodes' processes. Calls block for as long as the effect takes, a few milliseconds.
pub trait Nodes: Sync {
    /// All nodes, in order.
    fn nodes(&self) -> Vec<Node>;
    /// What the node's process is doing.
    ///
    /// # Errors
    /// If the operating system does not say.
    fn state(&self, node: Node) -> Result<NodeState, ProcessError>;
    /// Starts it.
    ///
    /// # Errors
    /// See [`NodeProcess::start`].
    fn start(&self, node: Node) -> Result<u32, ProcessError>;
    /// Kills it and waits until it is dead.
    ///
    /// # Errors
    /// See [`NodeProcess::kill`].
    fn kill(&self, node: Node) -> Result<Killed, ProcessError>;
    /// Kills it and cuts the power of its disk, and waits until it is dead.
    ///
    /// # Errors
    /// See [`NodeProcess::cut_power`].
    fn cut_power(&self, node: Node) -> Result<Killed, ProcessError>;
    /// Asks it to end.
    ///
    /// # Errors
    /// See [`NodeProcess::ask_to_end`].
    fn ask_to_end(&self, node: Node) -> Result<u32, ProcessError>;
    /// Gives it a fifth of the time.
    ///
    /// # Errors
    /// See [`NodeProcess::throttle`].
    fn throttle(&self, node: Node) -> Result<Throttle, ProcessError>;
    /// What the kernel says of its memory.
    ///
    /// # Errors
    /// See [`NodeProcess::memory`].
    fn memory(&self, node: Node) -> Result<Memory, ProcessError>;
    /// Denies it more memory than it has, and returns its process id.
    ///
    /// # Errors
    /// See [`NodeProcess::deny_memory`].
    fn deny_memory(&self, node: Node) -> Result<u32, ProcessError>;
    /// Lets it have more memory again.
    ///
    /// # Errors
    /// See [`NodeProcess::give_back_memory`].
    fn give_back_memory(&self, node: Node) -> Result<(), ProcessError>;
    /// Stops all its threads.
    ///
    /// # Errors
    /// See [`NodeProcess::pause`].
    fn pause(&self, node: Node) -> Result<ThreadStates, ProcessError>;
    /// Continues them.
    ///
    /// # Errors
    /// See [`NodeProcess::resume`].
    fn resume(&self, node: Node) -> Result<ThreadStates, ProcessError>;
    /// The states of its threads, just now.
    ///
    /// # Errors
    /// See [`NodeProcess::thread_states`].
    fn thread_states(&self, node: Node) -> Result<ThreadStates, ProcessError>;
    /// How to bend its clock, if that is possible.
    fn clock(&self, node: Node) -> Option<ClockControl>;
    /// The disk that its data folder is on, if it is one that can fail.
    fn disk(&self, node: Node) -> Option<Disk>;
}

/// The processes of the nodes `n1` and up.
#[derive(Debug)]
pub struct NodeProcesses {
    processes: Vec<(Node, Mutex<NodeProcess>)>,
}

impl NodeProcesses {
    /// Takes the processes of all nodes.
    #[must_use]
    pub fn new(processes: Vec<NodeProcess>) -> Self {
        Self {
            processes: processes
                .into_iter()
                .map(|process| (process.node(), Mutex::new(process)))
                .collect(),
        }
    }

    /// Starts every node.
    ///
    /// # Errors
    /// If one cannot be started; those before it then run.
    pub fn start_all(&self) -> Result<(), ProcessError> {
        self.nodes()
            .into_iter()
            .try_for_each(|node| self.start(node).map(|_| ()))
    }

    /// Kills every node that runs. Returns the deaths that nobody had asked for, before this; and, apart from them,
    /// the first failure to kill one. The others are tried all the same.
    pub fn kill_all(&self) -> (Vec<Death>, Result<(), ProcessError>) {
        let mut deaths = Vec::new();
        let mut killed = Ok(());
        for node in self.nodes() {
            match self.kill(node) {
                Ok(_) | Err(ProcessError::NotRunning(_)) => {}
                Err(ProcessError::Died(death)) => deaths.push(*death),
                Err(error) => killed = killed.and(Err(error)),
            }
        }
        (deaths, killed)
    }

    /// The nodes that have ended by themselves, and were not started again.
    ///
    /// # Errors
    /// If the operating system does not say.
    pub fn deaths(&self) -> Result<Vec<Death>, ProcessError> {
        let mut deaths = Vec::new();
        for node in self.nodes() {
            if let NodeState::Died(death) = self.state(node)? {
                deaths.push(death);
            }
        }
        Ok(deaths)
    }

    fn with<T>(
        &self,
        node: Node,
        work: impl FnOnce(&mut NodeProcess) -> Result<T, ProcessError>,
    ) -> Result<T, ProcessError> {
        let found = self.processes.iter().find(|(of, _)| *of == node);
        let (_, process) = found.ok_or(ProcessError::Unknown(node))?;
        // A panic elsewhere leaves a process in one of its states: going on is right, above all for healing.
        work(&mut process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Nodes for NodeProcesses {
    fn nodes(&self) -> Vec<Node> {
        self.processes.iter().map(|(node, _)| *node).collect()
    }

    fn state(&self, node: Node) -> Result<NodeState, ProcessError> {
        self.with(node, NodeProcess::state)
    }

    fn start(&self, node: Node) -> Result<u32, ProcessError> {
        self.with(node, NodeProcess::start)
    }

    fn kill(&self, node: Node) -> Result<Killed, ProcessError> {
        self.with(node, NodeProcess::kill)
    }

    fn cut_power(&self, node: Node) -> Result<Killed, ProcessError> {
        self.with(node, NodeProcess::cut_power)
    }

    fn ask_to_end(&self, node: Node) -> Result<u32, ProcessError> {
        self.with(node, NodeProcess::ask_to_end)
    }

    fn throttle(&self, node: Node) -> Result<Throttle, ProcessError> {
        self.with(node, NodeProcess::throttle)
    }

    fn memory(&self, node: Node) -> Result<Memory, ProcessError> {
        self.with(node, NodeProcess::memory)
    }

    fn deny_memory(&self, node: Node) -> Result<u32, ProcessError> {
        self.with(node, NodeProcess::deny_memory)
    }

    fn give_back_memory(&self, node: Node) -> Result<(), ProcessError> {
        self.with(node, NodeProcess::give_back_memory)
    }

    fn pause(&self, node: Node) -> Result<ThreadStates, ProcessError> {
        self.with(node, NodeProcess::pause)
    }

    fn resume(&self, node: Node) -> Result<ThreadStates, ProcessError> {
        self.with(node, NodeProcess::resume)
    }

    fn thread_states(&self, node: Node) -> Result<ThreadStates, ProcessError> {
        self.with(node, NodeProcess::thread_states)
    }

    fn clock(&self, node: Node) -> Option<ClockControl> {
        self.with(node, |process| Ok(process.clock().cloned()))
            .ok()
            .flatten()
    }

    fn disk(&self, node: Node) -> Option<Disk> {
        self.with(node, |process| Ok(process.disk().cloned()))
            .ok()
            .flatten()
    }
}
