//! A cluster of cores, each with its host, in which nothing happens by itself: time passes on one node's clock
//! when it is told to, and messages and syncs wait until they are asked for. What then happens is told as a
//! [`story`].
//!
//! While no planted bug is at work every step is checked: the memory of a core against its disk, messages against
//! what they promise, and the nodes against each other (one leader a term, one command at each index).

mod disk;
mod host;
mod machine;
mod network;
mod promises;
mod replay;
pub(crate) mod story;

use std::collections::BTreeMap;

use splitbrain_consensus::{NodeId, Protocol, Refusal, Role, Status};
use splitbrain_raft::message::{Entry, Index, Payload, Record, Term};
use splitbrain_raft::{Mutant, Options, Raft, ReadMode};

use disk::Disk;
use host::Node;
pub(crate) use network::{Envelope, Network, Which};
pub(crate) use replay::Replayed;

/// More deliveries than this in one go, and the nodes talk in circles.
const DELIVERIES_MAX: usize = 10_000;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Result(String),
    Refused(Refusal),
}

/// Nodes `n1`, `n2`, ... with the network between them.
pub(crate) struct Cluster {
    pub(crate) options: Options,
    pub(crate) network: Network,
    /// Whether records wait for [`Self::sync`]; else they are synced as soon as they are written.
    pub(crate) sync_by_hand: bool,
    members: Vec<NodeId>,
    nodes: BTreeMap<NodeId, Node>,
    requests: u64,
    answers: BTreeMap<u64, Answer>,
    story: Vec<String>,
    /// Who led each term.
    leaders: BTreeMap<u64, NodeId>,
    /// The command that was applied at each index.
    applied: BTreeMap<u64, String>,
}

/// The node of that number.
pub(crate) fn n(number: u16) -> NodeId {
    NodeId(number)
}

impl Cluster {
    pub(crate) fn with_mutant(voters: u16, mutant: Option<Mutant>) -> Self {
        Self::with_options(
            voters,
            Options {
                mutant,
                ..Options::default()
            },
        )
    }

    /// Voters `n1` to `n<voters>`, all of them running.
    pub(crate) fn with_options(voters: u16, options: Options) -> Self {
        let members: Vec<_> = (1..=voters).map(NodeId).collect();
        let mut cluster = Self {
            options,
            network: Network::default(),
            sync_by_hand: false,
            nodes: BTreeMap::new(),
            requests: 0,
            answers: BTreeMap::new(),
            story: Vec::new(),
            leaders: BTreeMap::new(),
            applied: BTreeMap::new(),
            members: members.clone(),
        };
        for id in members {
            cluster.add(id);
        }
        cluster
    }

    /// Adds a running node. One that is not among the first members starts without any, and waits to be added.
    pub(crate) fn add(&mut self, id: NodeId) {
        self.nodes.insert(id, Node::new(id));
        self.start(id);
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    pub(crate) fn has(&self, id: NodeId) -> bool {
        self.nodes.contains_key(&id)
    }

    fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(&id).expect("a node of the cluster")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the cluster")
    }

    /// None while the node is down.
    pub(crate) fn core(&self, id: NodeId) -> Option<&Raft> {
        self.node(id).life.as_ref().map(|life| &life.core)
    }

    /// The status of a running node.
    pub(crate) fn status(&self, id: NodeId) -> Status {
        self.core(id).expect("a running node").status()
    }

    pub(crate) fn leads(&self, id: NodeId) -> bool {
        self.core(id)
            .is_some_and(|core| core.status().role == Role::Leader)
    }

    pub(crate) fn answer(&self, request: u64) -> Option<&Answer> {
        self.answers.get(&request)
    }

    /// The answer to a request that must have got a result.
    pub(crate) fn result(&self, request: u64) -> &str {
        match self.answers.get(&request) {
            Some(Answer::Result(result)) => result,
            other => panic!("request #{request} got {other:?}"),
        }
    }

    /// What the node's state machine holds, `x=1 y=2`.
    pub(crate) fn state(&self, id: NodeId) -> String {
        self.node(id).state().expect("a running node")
    }

    /// What the node has written, synced or not.
    pub(crate) fn written(&self, id: NodeId) -> Replayed {
        Replayed::of(&self.node(id).disk.written())
    }

    /// What the node would find on its disk after a crash now.
    pub(crate) fn synced_records(&self, id: NodeId) -> &[Record] {
        self.node(id).disk.synced()
    }

    fn synced(&self, id: NodeId) -> Replayed {
        Replayed::of(self.synced_records(id))
    }

    /// The terms of the entries on the node's disk, as the paper draws logs.
    pub(crate) fn terms(&self, id: NodeId) -> Vec<u64> {
        let written = self.written(id);
        written.entries.values().map(|entry| entry.term.0).collect()
    }

    pub(crate) fn tell(&mut self, line: String) {
        self.story.push(line);
    }

    /// What happened since this was last asked.
    pub(crate) fn take_story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }

    // Time.

    /// Time passes on the clocks of `ids`, and each then wakes once.
    pub(crate) fn advance_us(&mut self, us: u64, ids: &[NodeId]) {
        for id in ids {
            let node = self.node_mut(*id);
            node.clock = node.clock.plus_micros(us);
            self.input(*id, |_| ());
        }
    }

    pub(crate) fn advance_ms(&mut self, ms: u64, ids: &[NodeId]) {
        self.advance_us(ms * 1_000, ids);
    }

    /// How long the running node will wait before it does something by itself.
    pub(crate) fn patience_us(&self, id: NodeId) -> u64 {
        let core = self.core(id).expect("a running node");
        core.deadline().micros_since(self.node(id).clock)
    }

    pub(crate) fn advance_all_ms(&mut self, ms: u64) {
        self.advance_ms(ms, &self.ids());
    }

    /// Time passes for this node alone until it has something to do: its election timeout, or its heartbeat.
    pub(crate) fn time_out(&mut self, id: NodeId) {
        if let Some(core) = self.core(id) {
            let deadline = core.deadline();
            self.node_mut(id).clock = deadline;
            self.input(id, |_| ());
        }
    }

    /// All wait for the least election timeout, then this node campaigns, and all talk until they fall silent.
    pub(crate) fn elect(&mut self, id: NodeId) {
        self.advance_all_ms(self.options.election_timeout_us / 1_000);
        self.time_out(id);
        self.deliver();
    }

    // Messages.

    /// Delivers until nothing is on its way.
    pub(crate) fn deliver(&mut self) {
        self.deliver_which(&Which::default());
    }

    /// Delivers until nothing that `which` includes is on its way, or its count is reached.
    pub(crate) fn deliver_which(&mut self, which: &Which) {
        let limit = which.count.unwrap_or(DELIVERIES_MAX);
        for _ in 0..limit {
            let Some(envelope) = self.network.take_first(which) else {
                return;
            };
            self.hand_over(envelope);
        }
        assert!(limit < DELIVERIES_MAX, "the nodes talk in circles");
    }

    /// Delivers what `which` includes now, and not what comes of it.
    pub(crate) fn step(&mut self, which: &Which) {
        for envelope in self.network.take(which) {
            self.hand_over(envelope);
        }
    }

    /// Loses what `which` includes now.
    pub(crate) fn lose(&mut self, which: &Which) {
        for envelope in self.network.take(which) {
            self.tell(format!("{} is lost", story_of(&envelope)));
        }
    }

    pub(crate) fn hand_over(&mut self, envelope: Envelope) {
        self.tell(story_of(&envelope));
        let Envelope { from, to, message } = envelope;
        self.input(to, |core| core.receive(from, message));
    }

    /// Cuts the node off from all others.
    pub(crate) fn isolate(&mut self, id: NodeId) {
        let others: Vec<_> = self.ids().into_iter().filter(|other| *other != id).collect();
        for other in others {
            self.network.cut(id, other);
            self.network.cut(other, id);
        }
    }

    /// Cuts these nodes off from the rest; within both sides all can talk.
    pub(crate) fn partition(&mut self, side: &[NodeId]) {
        let rest: Vec<_> = self.ids().into_iter().filter(|id| !side.contains(id)).collect();
        for (a, b) in side.iter().flat_map(|a| rest.iter().map(move |b| (*a, *b))) {
            self.network.cut(a, b);
            self.network.cut(b, a);
        }
    }

    // Clients and administrators.

    /// Clients of the node ask for these writes at once. Returns the last one's number.
    pub(crate) fn write_all(&mut self, id: NodeId, commands: &[String]) -> u64 {
        let first = self.requests + 1;
        self.requests += commands.len() as u64;
        let named: Vec<_> = (first..)
            .zip(commands)
            .map(|(seq, command)| (self.node(id).request(seq), command.clone().into_bytes()))
            .collect();
        self.input(id, |core| {
            for (request, command) in named {
                core.propose(request, command);
            }
        });
        self.requests
    }

    pub(crate) fn write(&mut self, id: NodeId, command: &str) -> u64 {
        self.write_all(id, &[command.to_owned()])
    }

    /// A client of the node asks for a read. Returns the request's number.
    pub(crate) fn read(&mut self, id: NodeId, mode: ReadMode, name: &str) -> u64 {
        self.requests += 1;
        let request = self.node(id).request(self.requests);
        self.input(id, |core| core.read(request, mode, name.as_bytes().to_vec()));
        self.requests
    }

    /// Returns whether the change was taken up.
    pub(crate) fn change_members(&mut self, id: NodeId, members: &[NodeId]) -> bool {
        let mut taken = false;
        self.input(id, |core| taken = core.change_members(members.to_vec()));
        taken
    }

    /// Returns whether the transfer was taken up.
    pub(crate) fn transfer(&mut self, id: NodeId, to: NodeId) -> bool {
        let mut taken = false;
        self.input(id, |core| taken = core.transfer_leadership(to));
        taken
    }

    /// Replaces the node's disk and starts it from that: at `term`, with entries of these terms. The command of
    /// the entry at index 4 of term 2 is `v=4@2`.
    pub(crate) fn start_with_log(&mut self, id: NodeId, term: u64, vote: Option<NodeId>, terms: &[u64]) {
        let mut records = vec![Record::Vote {
            term: Term(term),
            voted_for: vote,
        }];
        for (index, term) in (1..).zip(terms) {
            let payload = Payload::Command {
                id: Node::new(id).request(0),
                command: format!("v={index}@{term}").into_bytes(),
            };
            records.push(Record::Entry(Entry {
                index: Index(index),
                term: Term(*term),
                payload,
            }));
        }
        self.node_mut(id).life = None;
        self.node_mut(id).disk = Disk::holding(records);
        self.start(id);
    }
}

fn story_of(envelope: &Envelope) -> String {
    let Envelope { from, to, message } = envelope;
    format!("{from} to {to}: {}", story::message(message))
}

/// The messages on their way, a line each.
pub(crate) fn story_of_network(network: &Network) -> Vec<String> {
    network.on_their_way().map(story_of).collect()
}
