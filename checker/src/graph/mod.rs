//! The constraint graph of a register: what must come before what, and the shortest cycle in it.
//!
//! Nodes are ops. Edges are the rules on the page of [`crate::certificate`]: write-read, session and real time are
//! read off the ops; read-write and write-write follow from paths of other edges, and are added in rounds until a cycle
//! appears or nothing new follows. In each round the graph is still free of cycles, so that every reason is one that a
//! reader can follow.
//!
//! Real time would take an edge for each pair of ops. Instead, it is threaded through *barriers*, one for each
//! moment at which an op returned: the op leads to its barrier, each barrier to the next, and the last barrier before
//! an op was invoked to that op. So it takes O(n) edges, and a path through barriers alone is one step of real time.
//!
//! The graph is made of a counterexample's ops, which are few; who else may have written a value is looked up among
//! all ops of the register, so that what the graph shows holds of the whole.

mod prove;
mod walk;

pub(crate) use prove::prove;

#[cfg(test)]
mod tests;
