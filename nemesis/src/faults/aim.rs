//! Whom a fault strikes: chosen at the moment of the strike, or named by the schedule.

use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;

use super::{Arena, Evidence, FaultError};
use crate::node::{Node, NodeSet, names};
use crate::process::NodeState;
use crate::rng;
use crate::schedule::ScheduledFault;

/// How long a fault that is aimed at the leader waits at most for one to be known. An election takes less, unless
/// it cannot succeed.
const LEADER_PATIENCE: Duration = Duration::from_secs(1);
const LEADER_POLL: Duration = Duration::from_millis(20);

/// How the nodes to strike are chosen.
pub(super) struct Aim {
    set: NodeSet,
    /// The nodes that the schedule names, if any: then the set does not matter.
    named: Vec<Node>,
    rng: ChaCha8Rng,
    leader_patience: Duration,
    /// Whether a leader was wanted, but none that can be struck was known.
    leaderless: bool,
}

impl Aim {
    pub(super) fn new(set: NodeSet, scheduled: &ScheduledFault) -> Self {
        Self {
            set,
            named: scheduled.nodes.clone(),
            rng: rng::from_seed(scheduled.seed),
            leader_patience: leader_patience(scheduled),
            leaderless: false,
        }
    }

    /// Chooses from the nodes that fit, by their state; in ascending order.
    pub(super) fn choose(
        &mut self,
        arena: Arena<'_>,
        mut fits: impl FnMut(Node, &NodeState) -> bool,
    ) -> Result<Vec<Node>, FaultError> {
        let all = arena.nodes.nodes();
        let mut candidates = Vec::new();
        for node in &all {
            let may_be = self.named.is_empty() || self.named.contains(node);
            if may_be && fits(*node, &arena.nodes.state(*node)?) {
                candidates.push(*node);
            }
        }
        if !self.named.is_empty() {
            return Ok(candidates);
        }
        let leaders = match self.set {
            NodeSet::Primaries => wait_for_leaders(arena.primaries, &candidates, self.leader_patience),
            _ => Vec::new(),
        };
        self.leaderless = self.set == NodeSet::Primaries && leaders.is_empty();
        Ok(self.set.choose(&candidates, all.len(), &leaders, &mut self.rng))
    }

    /// Says where nodes were struck (killed, paused, ...) only because no leader was known.
    pub(super) fn tell(&self, struck: &[Node], done: &str, evidence: &mut Evidence) {
        if self.leaderless {
            evidence.sentences.push(instead_of_leader(struck, done));
        }
    }
}

/// Whose links are struck: those of the nodes that the schedule names, or of all nodes, or, if `of_leader`, of whoever
/// leads; and whether none was known to, and the first node has to stand in.
pub(super) fn choose_links(
    scheduled: &ScheduledFault,
    of_leader: bool,
    arena: Arena<'_>,
) -> (Vec<Node>, bool) {
    let nodes = arena.network.nodes();
    if !scheduled.nodes.is_empty() {
        return (scheduled.nodes.clone(), false);
    }
    if !of_leader {
        return (nodes.to_vec(), false);
    }
    let leaders = wait_for_leaders(arena.primaries, nodes, leader_patience(scheduled));
    match leaders.is_empty() {
        true => (nodes[..1].to_vec(), true),
        false => (leaders, false),
    }
}

/// How long the fault may wait for a leader: it must leave at least half of its time for the fault itself.
pub(super) fn leader_patience(scheduled: &ScheduledFault) -> Duration {
    LEADER_PATIENCE.min(scheduled.duration() / 2)
}

/// Waits until some of the `candidates` are known to lead, and returns those; empty where none is within `patience`.
pub(super) fn wait_for_leaders(
    primaries: &(dyn Fn() -> Vec<Node> + Sync),
    candidates: &[Node],
    patience: Duration,
) -> Vec<Node> {
    let deadline = Instant::now() + patience;
    loop {
        let mut leaders = primaries();
        leaders.retain(|node| candidates.contains(node));
        if !leaders.is_empty() || candidates.is_empty() || Instant::now() >= deadline {
            return leaders;
        }
        thread::sleep(LEADER_POLL);
    }
}

/// Tells that a fault meant for the leader struck others.
pub(super) fn instead_of_leader(struck: &[Node], done: &str) -> String {
    match struck {
        [] => format!("no leader was known that could be {done}"),
        [node] => format!("no leader was known that could be {done}; {node} was {done} instead"),
        nodes => format!(
            "no leader was known that could be {done}; {} were {done} instead",
            names(nodes)
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::schedule::FaultVariant;

    #[test]
    fn leader_that_comes_late_is_waited_for() {
        let asked = AtomicU32::new(0);
        let primaries = || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => vec![],
            1 => vec![Node(9)],
            _ => vec![Node(2)],
        };
        // The patience is never used up.
        let found = wait_for_leaders(&primaries, &Node::range(3), Duration::from_secs(600));
        assert_eq!(found, [Node(2)]);
    }

    #[test]
    fn waiting_for_a_leader_ends_where_none_comes() {
        let nobody = || Vec::new();
        assert!(wait_for_leaders(&nobody, &Node::range(3), Duration::from_millis(1)).is_empty());
        // There is nobody who could come to lead.
        assert!(wait_for_leaders(&nobody, &[], Duration::from_secs(600)).is_empty());
    }

    #[test]
    fn waiting_for_a_leader_leaves_half_of_the_fault() {
        let patience = |stop_ms| {
            leader_patience(&ScheduledFault {
                id: 0,
                variant: FaultVariant::Kill(NodeSet::Primaries),
                start_ms: 1_000,
                stop_ms,
                when: None,
                nodes: Vec::new(),
                seed: 0,
            })
        };
        assert_eq!(patience(2_200), Duration::from_millis(600));
        assert_eq!(patience(9_000), LEADER_PATIENCE);
    }
}
