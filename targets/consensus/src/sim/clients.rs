//! The clients of a simulated cluster, which the caller brings.

use crate::{NodeId, Refusal, Version};

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum ClientRequest<M> {
    /// A command for the state machine.
    Write(Vec<u8>),
    /// A query for the state machine.
    Read {
        /// How it is to be served.
        mode: M,
        /// The state machine's own encoding.
        query: Vec<u8>,
    },
}

/// How a request ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOutcome {
    /// The state machine's answer.
    Result {
        /// The answer, in its own encoding.
        result: Vec<u8>,
        /// The node that served it.
        served_by: NodeId,
        /// The term or epoch that node was in.
        term: u64,
    },
    /// No result: the node refused, crashed, or did not answer in time.
    Refused(Refusal),
}

/// Closed-loop clients.
pub trait Clients<M> {
    /// How many there are.
    fn threads(&self) -> usize;
    /// Which of so many nodes a thread asks next, from 0. Unless it is said, thread `i` stays with node `i mod n`.
    fn node(&self, thread: usize, nodes: usize) -> usize {
        thread % nodes
    }
    /// What the thread's session has seen, if a node that is behind shall refuse it.
    fn last_seen(&self, thread: usize) -> Option<Version> {
        let _ = thread;
        None
    }
    /// The next request of a thread whose last one has ended. `now_us` is virtual time.
    fn invoke(&mut self, thread: usize, now_us: u64) -> ClientRequest<M>;
    /// The thread's request ended.
    fn complete(&mut self, thread: usize, now_us: u64, outcome: ClientOutcome);
}
