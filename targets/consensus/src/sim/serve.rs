//! The clients' side of the simulated cluster, and its administrator.

use rand_chacha::rand_core::Rng;

use crate::sim::clients::{ClientOutcome, ClientRequest, Clients};
use crate::sim::invariants::Broken;
use crate::sim::node::Life;
use crate::sim::world::{ANSWERS_AFTER_HEALING, Administration, Event, Input, Simulated, World};
use crate::{Incarnation, NodeId, Refusal, StateMachine};

/// A client whose node is down or refused it waits at least so long before it tries again.
const RETRY_US: u64 = 20_000;
/// How often the administrator of the healed cluster sees to its membership.
const ADMINISTER_US: u64 = 500_000;

/// A request on its way from a client to its node.
pub(super) struct Asked<M> {
    pub(super) node: NodeId,
    incarnation: Incarnation,
    seq: u64,
    request: ClientRequest<M>,
}

impl<P, S, C> World<'_, P, S, C>
where
    P: Simulated,
    S: StateMachine + Default,
    C: Clients<P::ReadMode>,
{
    /// A thread invokes its next op.
    pub(super) fn invoke(&mut self, thread: usize) -> Result<(), Broken> {
        let request = self.clients.invoke(thread, self.now_us);
        let state = &mut self.threads[thread];
        state.op += 1;
        state.waiting = true;
        let op = state.op;
        let node = self.node_of(thread);
        self.threads[thread].node = node;
        let last_seen = self.clients.last_seen(thread);
        self.trace.line(
            self.now_us,
            format_args!("client {thread} asks {node} {request:?}"),
        );
        let admits = |life: &&mut Life<P, S>| last_seen.is_none_or(|seen| life.core.admits(seen));
        let Some(life) = self.node(node).life.as_mut().filter(admits) else {
            self.complete(thread, ClientOutcome::Refused(Refusal::Unavailable));
            return Ok(());
        };
        life.requests += 1;
        let seq = life.requests;
        life.pending.insert(seq, thread);
        self.queue.put(
            self.now_us + self.config.op_timeout_us,
            Event::TimeOut { thread, op },
        );
        let incarnation = self.node(node).incarnation;
        self.request(Asked {
            node,
            incarnation,
            seq,
            request,
        })
    }

    /// A request reaches its node. One that stands still finds it in its socket when it goes on, though the client
    /// may have given up long before.
    pub(super) fn request(&mut self, asked: Asked<P::ReadMode>) -> Result<(), Broken> {
        if let Some(until_us) = self.paused(asked.node) {
            self.queue.put(until_us, Event::Request(asked));
            return Ok(());
        }
        if self.node(asked.node).incarnation != asked.incarnation {
            return Ok(());
        }
        self.step(asked.node, Input::Request(asked.seq, asked.request))
    }

    /// The node that a thread asks next.
    fn node_of(&self, thread: usize) -> NodeId {
        self.nodes[self.clients.node(thread, self.nodes.len())].id
    }

    /// A thread's op ended, unless it had given up on it.
    pub(super) fn complete(&mut self, thread: usize, outcome: ClientOutcome) {
        let state = &mut self.threads[thread];
        if !state.waiting {
            return;
        }
        state.waiting = false;
        let mut think_us_max = self.config.think_us_max;
        if self.healed {
            // However seldom clients ask, each must have the time for the answers that it is to get.
            think_us_max = think_us_max.min(self.config.liveness_us / 8);
        }
        let mut pause_us = self.rng.next_u64() % (think_us_max + 1);
        match outcome {
            ClientOutcome::Result { .. } => {
                self.stats.answers += 1;
                state.answers_after_healing += u32::from(self.healed);
            }
            ClientOutcome::Refused(_) => pause_us += RETRY_US,
        }
        // What it gave up on, or was refused, must not answer its next op.
        let node = self.threads[thread].node;
        if let Some(life) = &mut self.node(node).life {
            life.pending.retain(|_, waiting| *waiting != thread);
        }
        self.trace
            .line(self.now_us, format_args!("client {thread} gets {outcome:?}"));
        self.clients.complete(thread, self.now_us, outcome);
        self.queue.put(self.now_us + pause_us, Event::Invoke { thread });
    }

    /// Gives the healed cluster all its members back.
    pub(super) fn restore_membership(&mut self) -> Result<(), Broken> {
        let all: Vec<NodeId> = (1..=self.config.nodes).map(NodeId).collect();
        let leader = self.current_leader();
        if let Some(leader) = leader
            && self
                .node(leader)
                .life
                .as_ref()
                .is_some_and(|life| life.core.voters() != all)
        {
            self.step(leader, Input::Admin(Administration::ChangeMembers(all)))?;
        }
        self.queue.put(self.now_us + ADMINISTER_US, Event::Administer);
        Ok(())
    }

    /// The node that leads the latest term, if any.
    pub(super) fn current_leader(&self) -> Option<NodeId> {
        let status = |node: &crate::sim::node::Node<P, S>| node.life.as_ref().map(|life| life.core.status());
        let leading = self.nodes.iter().filter_map(|node| {
            let status = status(node)?;
            (status.leader == Some(node.id)).then_some((status.term, node.id))
        });
        leading.max().map(|(_, id)| id)
    }

    /// Who was not served although everything had healed.
    pub(super) fn describe_who_waits(&self) -> String {
        let waiting: Vec<_> = (0..self.threads.len())
            .filter(|thread| self.threads[*thread].answers_after_healing < ANSWERS_AFTER_HEALING)
            .map(|thread| format!("client {thread} of {}", self.node_of(thread)))
            .collect();
        let seconds = self.config.liveness_us / 1_000_000;
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|node| match &node.life {
                Some(life) => format!("{}: {:?}", node.id, life.core.status()),
                None => format!("{}: down", node.id),
            })
            .collect();
        format!(
            "{seconds} s after healing, still without {ANSWERS_AFTER_HEALING} answers: {}; {}",
            waiting.join(", "),
            nodes.join("; ")
        )
    }
}
