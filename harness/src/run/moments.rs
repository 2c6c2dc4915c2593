//! When the moments come that faults wait for, by what the nodes say of themselves.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use splitbrain_consensus::{CatchUp, Role};
use splitbrain_nemesis::schedule::{Moment, Moments};
use splitbrain_systems::NodeStatus;

use super::watch::View;

/// For how long what a node said of itself is taken for true.
const FRESH: Duration = Duration::from_millis(25);
/// By how many versions a node that gains must lag behind its leader's commits to count as one that catches up.
const LAG_MIN: u64 = 100;

impl Moments for View {
    fn seen(&self, moment: Moment, since: Instant) -> Option<String> {
        if moment == Moment::AfterElection {
            let elected = self.elected.lock().unwrap_or_else(PoisonError::into_inner);
            let (at, name, term) = elected.as_ref()?;
            return (*at >= since).then(|| format!("{name} had just come to lead in term {term}"));
        }
        let fresh = self.fresh(since);
        let leader = fresh
            .iter()
            .filter(|said| said.status.role == Role::Leader)
            .max_by_key(|said| said.status.term);
        let brought = |what: CatchUp| fresh.iter().find(move |said| said.status.catch_up == what);
        match moment {
            Moment::AfterElection => None,
            Moment::BeforeCommit => {
                let Said { name, status, .. } = leader?;
                let open = status
                    .last
                    .0
                    .checked_sub(status.committed.0)
                    .filter(|open| *open > 0)?;
                Some(format!("{name} led with {open} writes uncommitted"))
            }
            Moment::DuringSnapshot => {
                brought(CatchUp::Snapshot).map(|said| format!("{} was being brought a snapshot", said.name))
            }
            Moment::DuringSynchronization => {
                if let Some(said) = brought(CatchUp::Snapshot).or(brought(CatchUp::History)) {
                    return Some(format!(
                        "{} was being brought a {}",
                        said.name,
                        said.status.catch_up.name()
                    ));
                }
                let committed = leader?.status.committed.0;
                let behind =
                    |said: &&Said| said.gains && committed.saturating_sub(said.status.last.0) >= LAG_MIN;
                let Said { name, status, .. } = fresh.iter().find(behind)?;
                let lag = committed - status.last.0;
                Some(format!(
                    "{name} lacked {lag} committed writes, and was being brought them"
                ))
            }
        }
    }

    fn look_closely(&self, closely: bool) {
        if closely && !self.closely.swap(true, Ordering::Relaxed) {
            self.hurry.notify_waiters();
        } else if !closely {
            self.closely.store(false, Ordering::Relaxed);
        }
    }
}

/// What a node said a moment ago.
struct Said {
    name: String,
    status: NodeStatus,
    gains: bool,
}

impl View {
    /// What nodes have said since then, where that is not long ago.
    fn fresh(&self, since: Instant) -> Vec<Said> {
        let nodes = self.nodes();
        let said = nodes.iter().filter_map(|view| {
            let (status, at) = view.said?;
            (at >= since && at.elapsed() <= FRESH).then(|| Said {
                name: view.name.clone(),
                status,
                gains: view.gains,
            })
        });
        said.collect()
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_consensus::Version;

    use super::*;

    fn status(role: Role, committed: u64, last: u64, catch_up: CatchUp) -> NodeStatus {
        NodeStatus {
            role,
            term: 3,
            leader: None,
            committed: Version(committed),
            applied: Version(committed),
            last: Version(last),
            catch_up,
            incarnation: None,
        }
    }

    fn seen(said: &[NodeStatus]) -> Vec<Moment> {
        let names: Vec<String> = (1..=said.len()).map(|n| format!("n{n}")).collect();
        let view = View::new(&names);
        let since = Instant::now();
        for (index, status) in said.iter().enumerate() {
            let before = NodeStatus {
                last: Version(status.last.0 - 1),
                ..*status
            };
            view.note(index, Some(before));
            view.note(index, Some(*status));
        }
        let now = |moment: &Moment| view.seen(*moment, since).is_some();
        Moment::ALL.into_iter().filter(now).collect()
    }

    #[test]
    fn moments_are_known_by_what_the_nodes_say() {
        use Moment::{BeforeCommit, DuringSnapshot, DuringSynchronization};
        let leader = |committed| status(Role::Leader, committed, 500, CatchUp::None);
        let follower = |last, catch_up| status(Role::Follower, 1, last, catch_up);
        assert_eq!(seen(&[leader(500), follower(500, CatchUp::None)]), []);
        assert_eq!(seen(&[leader(499), follower(450, CatchUp::None)]), [BeforeCommit]);
        assert_eq!(
            seen(&[leader(500), follower(300, CatchUp::None)]),
            [DuringSynchronization]
        );
        assert_eq!(
            seen(&[leader(500), follower(500, CatchUp::History)]),
            [DuringSynchronization]
        );
        assert_eq!(
            seen(&[follower(2, CatchUp::Snapshot)]),
            [DuringSnapshot, DuringSynchronization]
        );
    }

    #[test]
    fn only_what_came_since_then_counts() {
        let view = View::new(&["n1".to_owned()]);
        let before = Instant::now();
        view.lead(0, 7);
        let seen = view.seen(Moment::AfterElection, before);
        assert_eq!(seen.as_deref(), Some("n1 had just come to lead in term 7"));
        assert_eq!(view.seen(Moment::AfterElection, Instant::now()), None);
        view.note(0, Some(status(Role::Leader, 1, 2, CatchUp::None)));
        assert_eq!(view.seen(Moment::BeforeCommit, Instant::now()), None);
    }
}
