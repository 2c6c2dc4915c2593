//! The graph, and shortest paths in it.

use std::collections::VecDeque;

use petgraph::Direction;
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::lower::{KeyOps, NEVER};

/// A node: an op by its place among the graph's, or a moment at which ops returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Op(usize),
    Barrier,
}

/// What must come before what. Ops are places in the list that the graph is made of.
pub(super) struct Graph {
    /// Edges between ops have the number of their step; those to and from barriers have none.
    graph: DiGraph<Node, Option<u32>>,
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    /// That of this number.
    Step(u32),
    /// The first op returned before the second was invoked.
    RealTime(usize, usize),
}

/// Shortest paths from one op to all others, and back to itself.
pub(super) struct Paths {
    from: usize,
    /// Per node: how many steps, and the last edge.
    reached: Vec<Option<(u32, EdgeIndex)>>,
}

impl Graph {
    /// The ops at these positions of `key`, and what real time demands of them.
    pub(super) fn new(key: &KeyOps, ops: &[u32]) -> Self {
        let mut graph = DiGraph::new();
        for at in 0..ops.len() {
            graph.add_node(Node::Op(at));
        }
        let op = |at: usize| &key.ops[ops[at] as usize];
        let mut returns: Vec<u64> = (0..ops.len())
            .map(|at| op(at).end)
            .filter(|end| *end != NEVER)
            .collect();
        returns.sort_unstable();
        returns.dedup();
        let barriers: Vec<NodeIndex> = returns.iter().map(|_| graph.add_node(Node::Barrier)).collect();
        for pair in barriers.windows(2) {
            graph.add_edge(pair[0], pair[1], None);
        }
        for at in 0..ops.len() {
            if let Ok(barrier) = returns.binary_search(&op(at).end) {
                graph.add_edge(NodeIndex::new(at), barriers[barrier], None);
            }
            let before = returns.partition_point(|end| *end < op(at).start);
            if let Some(last) = before.checked_sub(1) {
                graph.add_edge(barriers[last], NodeIndex::new(at), None);
            }
        }
        Self { graph }
    }

    /// Adds a step.
    pub(super) fn add(&mut self, before: usize, after: usize, step: u32) {
        self.graph
            .add_edge(NodeIndex::new(before), NodeIndex::new(after), Some(step));
    }

    /// How many edges there are.
    #[cfg(test)]
    pub(super) fn edges(&self) -> usize {
        self.graph.edge_count()
    }

    /// Whether there is no cycle, by petgraph's own sort.
    #[cfg(test)]
    pub(super) fn is_acyclic(&self) -> bool {
        petgraph::algo::toposort(&self.graph, None).is_ok()
    }

    /// Shortest paths: breadth first, where only edges that leave an op count.
    pub(super) fn paths(&self, from: usize) -> Paths {
        let mut reached: Vec<Option<(u32, EdgeIndex)>> = vec![None; self.graph.node_count()];
        let mut next = VecDeque::from([(NodeIndex::new(from), 0)]);
        while let Some((node, steps)) = next.pop_front() {
            // One that was reached by fewer steps since has been gone on from already.
            let is_start = node.index() == from && steps == 0;
            if !is_start && reached[node.index()].is_none_or(|(best, _)| best < steps) {
                continue;
            }
            let is_barrier = self.graph[node] == Node::Barrier;
            for edge in self.graph.edges_directed(node, Direction::Outgoing) {
                let there = steps + u32::from(!is_barrier);
                let known = &mut reached[edge.target().index()];
                if known.is_some_and(|(best, _)| best <= there) {
                    continue;
                }
                *known = Some((there, edge.id()));
                if is_barrier {
                    next.push_front((edge.target(), there));
                } else {
                    next.push_back((edge.target(), there));
                }
            }
        }
        Paths { from, reached }
    }

    /// The steps of the shortest path to `to`, which is reached.
    pub(super) fn hops(&self, paths: &Paths, to: usize) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut at = to;
        loop {
            let (mut source, step) = self.last_edge(paths, NodeIndex::new(at));
            while self.graph[source] == Node::Barrier {
                source = self.last_edge(paths, source).0;
            }
            hops.push(step.map_or(Hop::RealTime(source.index(), at), Hop::Step));
            at = source.index();
            if at == paths.from {
                hops.reverse();
                return hops;
            }
        }
    }

    fn last_edge(&self, paths: &Paths, node: NodeIndex) -> (NodeIndex, Option<u32>) {
        let (_, edge) = paths.reached[node.index()].expect("the path was found");
        let (source, _) = self.graph.edge_endpoints(edge).expect("edges are never removed");
        (source, self.graph[edge])
    }
}

impl Paths {
    /// How many steps lead to `to`, at least one; `None` if none do.
    pub(super) fn steps_to(&self, to: usize) -> Option<u32> {
        self.reached[to].map(|(steps, _)| steps)
    }
}
