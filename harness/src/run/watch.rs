//! Watching the nodes: who leads, in which term, who is down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use splitbrain_consensus::Role;
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::process::{NodeState, Nodes as _};
use splitbrain_reports::results::NemesisEvent;
use splitbrain_systems::{NodeAddrs, NodeStatus, status};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time;

use super::cluster::{Cluster, node_of};
use super::nemesis::NemesisLog;
use crate::record::Clock;

/// How often each node is asked where it stands.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The same while the cluster starts, when every millisecond counts.
const POLL_INTERVAL_AT_START: Duration = Duration::from_millis(10);
/// The same while a fault waits for its moment.
const POLL_INTERVAL_CLOSELY: Duration = Duration::from_millis(5);
/// How long a node may take to say where it stands. A loaded node may well need some time.
const POLL_PATIENCE: Duration = Duration::from_millis(500);

/// What is known of the nodes.
#[derive(Debug)]
pub(super) struct View {
    nodes: Mutex<Vec<NodeView>>,
    leader_seen: Notify,
    /// The last change of leader: when it was seen, who, and in which term.
    pub(super) elected: Mutex<Option<(Instant, String, u64)>>,
    /// Whether somebody waits for a moment, and that it has just begun to.
    pub(super) closely: AtomicBool,
    pub(super) hurry: Notify,
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeView {
    pub(super) name: String,
    standing: Standing,
    term: u64,
    /// What it last said of itself, and when; nothing since it did not.
    pub(super) said: Option<(NodeStatus, Instant)>,
    /// Whether it had gained on its log between the last two times.
    pub(super) gains: bool,
}

/// What a node is, as far as the harness can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Unknown,
    Down,
    Paused,
    Role(Role),
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Down => "down",
            Self::Paused => "paused",
            Self::Role(role) => role.name(),
        }
    }
}

impl View {
    /// A view of nodes of which nothing is known yet.
    #[must_use]
    pub(super) fn new(names: &[String]) -> Arc<Self> {
        let fresh = |name: &String| NodeView {
            name: name.clone(),
            standing: Standing::Unknown,
            term: 0,
            said: None,
            gains: false,
        };
        let nodes = names.iter().map(fresh).collect();
        Arc::new(Self {
            nodes: Mutex::new(nodes),
            leader_seen: Notify::new(),
            elected: Mutex::new(None),
            closely: AtomicBool::new(false),
            hurry: Notify::new(),
        })
    }

    pub(super) fn nodes(&self) -> MutexGuard<'_, Vec<NodeView>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The nodes that lead, or believe that they do.
    #[must_use]
    pub(super) fn primaries(&self) -> Vec<Node> {
        let leads = |view: &NodeView| view.standing == Standing::Role(Role::Leader);
        let nodes = self.nodes();
        (1..)
            .zip(nodes.iter())
            .filter(|(_, view)| leads(view))
            .map(|(number, _)| Node(number))
            .collect()
    }

    /// The same with their names and terms.
    #[must_use]
    pub(super) fn leaders(&self) -> Vec<(String, u64)> {
        let leads = |view: &&NodeView| view.standing == Standing::Role(Role::Leader);
        self.nodes()
            .iter()
            .filter(leads)
            .map(|view| (view.name.clone(), view.term))
            .collect()
    }

    /// Waits until some node leads.
    pub(super) async fn leader(&self) {
        loop {
            let seen = self.leader_seen.notified();
            if !self.primaries().is_empty() {
                return;
            }
            seen.await;
        }
    }

    /// Takes a node's standing into account. Returns what changed, if anything did.
    fn update(&self, index: usize, standing: Standing, term: Option<u64>) -> Option<(String, Standing, u64)> {
        let changed = {
            let view = &mut self.nodes()[index];
            let term = term.unwrap_or(view.term);
            if (view.standing, view.term) == (standing, term) {
                return None;
            }
            (view.standing, view.term) = (standing, term);
            (view.name.clone(), standing, term)
        };
        if standing == Standing::Role(Role::Leader) {
            let (name, _, term) = &changed;
            *self.elected.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((Instant::now(), name.clone(), *term));
            self.leader_seen.notify_waiters();
        }
        Some(changed)
    }

    /// Takes into account that a node leads.
    #[cfg(test)]
    pub(super) fn lead(&self, index: usize, term: u64) {
        self.update(index, Standing::Role(Role::Leader), Some(term));
    }

    /// Notes what a node says of itself.
    pub(super) fn note(&self, index: usize, status: Option<NodeStatus>) {
        let view = &mut self.nodes()[index];
        view.gains = match (&view.said, &status) {
            (Some((before, _)), Some(now)) => now.last > before.last,
            _ => false,
        };
        view.said = status.map(|status| (status, Instant::now()));
    }

    /// Waits until a node is to be looked at again.
    async fn pause(&self) {
        let interval = if self.nodes().iter().all(|view| view.term == 0) {
            POLL_INTERVAL_AT_START
        } else if self.closely.load(Ordering::Relaxed) {
            POLL_INTERVAL_CLOSELY
        } else {
            POLL_INTERVAL
        };
        tokio::select! {
            () = time::sleep(interval) => {}
            () = self.hurry.notified() => {}
        }
    }
}

/// Watches one node until the task is dropped.
pub(super) async fn watch(
    cluster: Arc<Cluster>,
    at: NodeAddrs,
    view: Arc<View>,
    log: Arc<NemesisLog>,
    clock: Clock,
) {
    let index = node_of(&at).index();
    loop {
        let (found, status) = look(Arc::clone(&cluster), at).await;
        view.note(index, status);
        if let Some((standing, term)) = found
            && let Some((node, standing, term)) = view.update(index, standing, term)
        {
            let role = standing.name().to_owned();
            log.write(&NemesisEvent::Node {
                time: clock.now_ns(),
                node,
                role,
                term,
            });
        }
        view.pause().await;
    }
}

type Found = (Standing, Option<u64>);

/// Where a node stands, `None` if it did not say, though it runs; and all that it said.
async fn look(cluster: Arc<Cluster>, at: NodeAddrs) -> (Option<Found>, Option<NodeStatus>) {
    if let Ok(status) = status(at.client, at.id, POLL_PATIENCE).await {
        let found = (Standing::Role(status.role), Some(status.term));
        return (Some(found), Some(status));
    }
    // A fault may hold the processes for some time, in which the clients must go on.
    let state = spawn_blocking(move || cluster.processes().state(node_of(&at)));
    let found = match state.await {
        Ok(Ok(NodeState::Paused { .. })) => Some((Standing::Paused, None)),
        Ok(Ok(NodeState::Down | NodeState::Died(_))) => Some((Standing::Down, None)),
        Ok(Ok(NodeState::Running { .. }) | Err(_)) | Err(_) => None,
    };
    (found, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> Arc<View> {
        View::new(&["n1".into(), "n2".into(), "n3".into()])
    }

    #[test]
    fn two_leaders_are_both_primaries() {
        let view = view();
        view.update(0, Standing::Role(Role::Leader), Some(2));
        view.update(2, Standing::Role(Role::Leader), Some(3));
        assert_eq!(view.primaries(), [Node(1), Node(3)]);
        assert_eq!(view.leaders(), [("n1".to_owned(), 2), ("n3".to_owned(), 3)]);
    }

    #[test]
    fn a_node_that_is_down_or_paused_leads_no_more_but_keeps_its_term() {
        let view = view();
        view.update(0, Standing::Role(Role::Leader), Some(2));
        assert_eq!(
            view.update(0, Standing::Down, None),
            Some(("n1".to_owned(), Standing::Down, 2))
        );
        assert!(view.primaries().is_empty());
    }

    #[test]
    fn only_changes_are_news() {
        let view = view();
        assert!(view.update(1, Standing::Role(Role::Follower), Some(1)).is_some());
        assert!(view.update(1, Standing::Role(Role::Follower), Some(1)).is_none());
        assert!(view.update(1, Standing::Role(Role::Follower), Some(2)).is_some());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_leader_is_woken() {
        let view = view();
        let waiting = tokio::spawn({
            let view = Arc::clone(&view);
            async move { view.leader().await }
        });
        tokio::task::yield_now().await;
        view.update(1, Standing::Role(Role::Leader), Some(1));
        waiting.await.unwrap();
    }
}
