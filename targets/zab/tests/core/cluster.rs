//! A cluster of cores, each with its host, in which nothing happens by itself: time passes when it is told to, and
//! what is sent arrives at once, unless a link is cut. What then happens is told as a [`story`].
//!
//! While no planted bug is at work every step is checked: one established leader in each epoch, and one command at
//! each zxid.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use splitbrain_consensus::{
    Effect, Incarnation, NodeId, Protocol, Ready, Refusal, RequestId, Role, Setup, StateMachine, Status,
    Time, Version,
};
use splitbrain_zab::message::{Epoch, Message, Payload, Record, Txn, Zxid};
use splitbrain_zab::{Mutant, Options, ReadMode, Zab};

use crate::machine::{Names, text};
use crate::story;

/// Time passes in steps of this.
const STEP_US: u64 = 10_000;
/// More deliveries than this in one step, and the servers talk in circles.
const DELIVERIES_MAX: usize = 10_000;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Result(String),
    Refused(Refusal),
}

/// A server: what outlives a crash, and its present life.
#[derive(Default)]
struct Node {
    synced: Vec<Record>,
    /// By position: records, and whether they replace all before.
    unsynced: VecDeque<(u64, Vec<Record>, bool)>,
    incarnation: u64,
    life: Option<Life>,
}

struct Life {
    core: Zab,
    machine: Names,
    last_told: Status,
}

/// Voters `n1`, `n2`, ..., then observers.
pub(crate) struct Cluster {
    options: Options,
    members: Vec<NodeId>,
    nodes: BTreeMap<NodeId, Node>,
    now: Time,
    on_their_way: VecDeque<(NodeId, NodeId, Message)>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Whether records wait for [`Self::sync`].
    pub(crate) sync_by_hand: bool,
    /// Whether messages are told.
    pub(crate) tells_messages: bool,
    requests: u64,
    answers: BTreeMap<u64, Answer>,
    story: Vec<String>,
    leaders: BTreeMap<u64, NodeId>,
    applied: BTreeMap<Version, String>,
}

/// The node of that number.
pub(crate) fn n(number: u16) -> NodeId {
    NodeId(number)
}

impl Cluster {
    pub(crate) fn new(voters: u16, observers: u16, options: Options) -> Self {
        let mut cluster = Self {
            options,
            members: (1..=voters).map(NodeId).collect(),
            nodes: (1..=voters + observers)
                .map(|id| (NodeId(id), Node::default()))
                .collect(),
            now: Time(0),
            on_their_way: VecDeque::new(),
            cut: BTreeSet::new(),
            sync_by_hand: false,
            tells_messages: true,
            requests: 0,
            answers: BTreeMap::new(),
            story: Vec::new(),
            leaders: BTreeMap::new(),
            applied: BTreeMap::new(),
        };
        for id in cluster.ids() {
            cluster.start(id);
        }
        cluster
    }

    /// A cluster with a bug, or without, that has run until it has a leader.
    pub(crate) fn settled(voters: u16, observers: u16, mutant: Option<Mutant>) -> Self {
        let options = Options {
            mutant,
            ..Options::default()
        };
        let mut cluster = Self::new(voters, observers, options);
        cluster.run_ms(1_000);
        cluster
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the cluster")
    }

    /// None while the node is down.
    pub(crate) fn core(&self, id: NodeId) -> Option<&Zab> {
        self.nodes[&id].life.as_ref().map(|life| &life.core)
    }

    pub(crate) fn status(&self, id: NodeId) -> Status {
        self.core(id).expect("a running node").status()
    }

    /// The one established leader that a majority knows.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        let leads = |id: &NodeId| {
            self.core(*id)
                .is_some_and(|core| core.status().role == Role::Leader)
        };
        let leaders = self.ids().into_iter().filter(leads);
        leaders.max_by_key(|id| self.status(*id).term)
    }

    /// What the node's state machine holds, `x=1 y=2`.
    pub(crate) fn state(&self, id: NodeId) -> String {
        let life = self.nodes[&id].life.as_ref().expect("a running node");
        text(&life.machine.snapshot())
    }

    /// The records on the node's disk.
    pub(crate) fn synced(&self, id: NodeId) -> &[Record] {
        &self.nodes[&id].synced
    }

    /// The transactions on the node's disk, synced or not, after its snapshot.
    pub(crate) fn written(&self, id: NodeId) -> Vec<Txn> {
        let node = &self.nodes[&id];
        let unsynced = node.unsynced.iter().flat_map(|(_, records, _)| records);
        let mut log: Vec<Txn> = Vec::new();
        for record in node.synced.iter().chain(unsynced) {
            match record {
                Record::Txn(txn) => log.push(txn.clone()),
                Record::Synchronized { keep, txns, .. } => {
                    while log.pop_if(|txn| txn.zxid > *keep).is_some() {}
                    log.extend(txns.iter().cloned());
                }
                Record::Snapshot(_) => log.clear(),
                Record::AcceptedEpoch(_) | Record::CurrentEpoch(_) => {}
            }
        }
        log
    }

    pub(crate) fn answer(&self, request: u64) -> Option<&Answer> {
        self.answers.get(&request)
    }

    pub(crate) fn tell(&mut self, line: String) {
        self.story.push(line);
    }

    /// What happened since this was last asked.
    pub(crate) fn take_story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }

    // Time and messages.

    /// Time passes for all, and what is sent arrives at once.
    pub(crate) fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms * 1_000 / STEP_US {
            self.now = self.now.plus_micros(STEP_US);
            for id in self.ids() {
                self.input(id, |_| ());
            }
            self.deliver();
        }
    }

    /// Delivers what is on its way, and what comes of it.
    pub(crate) fn deliver(&mut self) {
        for _ in 0..DELIVERIES_MAX {
            let Some((from, to, message)) = self.on_their_way.pop_front() else {
                return;
            };
            if self.cut.contains(&(from, to)) {
                continue;
            }
            if let Some(told) = story::message(&message).filter(|_| self.tells_messages) {
                self.tell(format!("{from} to {to}: {told}"));
            }
            self.input(to, |core| core.receive(from, message));
        }
        panic!("the nodes talk in circles");
    }

    /// From now on nothing that `from` sends reaches `to`.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
    }

    /// Cuts these nodes off from the rest; within both sides all can talk.
    pub(crate) fn partition(&mut self, side: &[NodeId]) {
        let ids = self.ids();
        for (a, b) in ids.iter().flat_map(|a| ids.iter().map(move |b| (*a, *b))) {
            if side.contains(&a) != side.contains(&b) {
                self.cut(a, b);
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    // Hosts.

    /// Starts the node from its disk.
    pub(crate) fn start(&mut self, id: NodeId) {
        let (members, options, now) = (self.members.clone(), self.options.clone(), self.now);
        let node = self.node(id);
        assert!(node.life.is_none(), "{id} is running");
        node.incarnation += 1;
        let setup = Setup {
            id,
            members,
            incarnation: Incarnation(node.incarnation),
            seed: 0,
            options,
        };
        let core = Zab::start(setup, node.synced.clone(), now);
        node.life = Some(Life {
            last_told: core.status(),
            core,
            machine: Names::default(),
        });
        self.settle(id);
    }

    /// The node loses its memory, and of its unsynced records all but the first `torn`.
    pub(crate) fn crash(&mut self, id: NodeId, torn: usize) {
        let node = self.node(id);
        node.life = None;
        let mut left = torn;
        for (_, records, replace) in std::mem::take(&mut node.unsynced) {
            if replace {
                if left > 0 {
                    node.synced = records;
                }
                break;
            }
            let reached = left.min(records.len());
            left -= reached;
            node.synced.extend(records.into_iter().take(reached));
        }
    }

    pub(crate) fn restart(&mut self, id: NodeId) {
        self.crash(id, 0);
        self.start(id);
    }

    /// Replaces what the node has on disk by a history, and starts it from that. The command of 2.4 is `v=2.4`.
    pub(crate) fn start_with(&mut self, id: NodeId, accepted: u32, current: u32, history: &[(u32, u32)]) {
        let origin = RequestId {
            node: id,
            incarnation: Incarnation(0),
            seq: 0,
        };
        let txn = |(epoch, counter): &(u32, u32)| {
            let zxid = Zxid::new(Epoch(*epoch), *counter);
            let payload = Payload::Command {
                id: origin,
                command: format!("v={zxid}").into_bytes(),
            };
            Record::Txn(Txn { zxid, payload })
        };
        let node = self.node(id);
        node.life = None;
        node.unsynced.clear();
        node.synced = vec![
            Record::AcceptedEpoch(Epoch(accepted)),
            Record::CurrentEpoch(Epoch(current)),
        ];
        node.synced.extend(history.iter().map(txn));
        self.start(id);
    }

    /// The node's disk syncs what was written, and the node hears of it.
    pub(crate) fn sync(&mut self, id: NodeId) {
        let node = self.node(id);
        let mut position = None;
        for (at, records, replace) in std::mem::take(&mut node.unsynced) {
            if replace {
                node.synced.clear();
            }
            node.synced.extend(records);
            position = Some(at);
        }
        if let (Some(position), Some(life)) = (position, &mut node.life) {
            life.core.persisted(position);
            self.settle(id);
        }
    }

    fn input(&mut self, id: NodeId, input: impl FnOnce(&mut Zab)) {
        let now = self.now;
        let Some(life) = &mut self.node(id).life else {
            return;
        };
        life.core.tick(now);
        input(&mut life.core);
        self.settle(id);
    }

    /// Carries out what the core wants, until it wants nothing.
    fn settle(&mut self, id: NodeId) {
        loop {
            let Some(life) = &mut self.node(id).life else {
                return;
            };
            let ready = life.core.ready();
            self.tell_changes(id);
            if ready.is_empty() {
                return;
            }
            self.carry_out(id, ready);
        }
    }

    fn carry_out(&mut self, id: NodeId, ready: Ready<Message, Record>) {
        let messages = ready.messages.into_iter();
        self.on_their_way
            .extend(messages.map(|(to, message)| (id, to, message)));
        assert!(
            ready.messages_after.is_empty(),
            "ZAB says what waits for the disk when the disk is done"
        );
        if !ready.records.is_empty() {
            let write = (ready.position, ready.records, ready.replace_log);
            self.node(id).unsynced.push_back(write);
        }
        for effect in ready.effects {
            self.carry_out_effect(id, effect);
        }
        if !self.sync_by_hand {
            self.sync(id);
        }
    }

    fn carry_out_effect(&mut self, id: NodeId, effect: Effect) {
        let Some(Life { core, machine, .. }) = &mut self.node(id).life else {
            return;
        };
        match effect {
            Effect::Restore { snapshot, version } => {
                machine.restore(&snapshot).expect("a snapshot of this service");
                let line = format!(
                    "  {id} restores snapshot {} \"{}\"",
                    Zxid(version.0),
                    text(&snapshot)
                );
                self.tell(line);
            }
            Effect::Apply {
                version,
                origin,
                command,
            } => {
                let result = text(&machine.apply(version, &command));
                self.note_applied(id, version, &text(&command));
                if let Some(request) = origin {
                    self.note_answer(id, request, Answer::Result(result));
                }
            }
            Effect::Read { id: request, query } => {
                let result = text(&machine.query(&query));
                self.note_answer(id, request, Answer::Result(result));
            }
            Effect::Refuse { id: request, refusal } => {
                self.note_answer(id, request, Answer::Refused(refusal));
            }
            Effect::TakeSnapshot { version } => {
                let snapshot = machine.snapshot();
                core.snapshot_taken(version, snapshot);
                self.tell(format!("  {id} takes snapshot {}", Zxid(version.0)));
            }
            Effect::Answer { .. } => panic!("every server reads for its own clients only"),
        }
    }

    fn note_applied(&mut self, id: NodeId, version: Version, command: &str) {
        self.tell(format!("  {id} applies {} {command}", Zxid(version.0)));
        let first = self.applied.entry(version).or_insert_with(|| command.to_owned());
        assert!(
            *first == command || self.options.mutant.is_some(),
            "two commands at one zxid"
        );
    }

    fn note_answer(&mut self, id: NodeId, request: RequestId, answer: Answer) {
        assert_eq!(request.node, id, "answers are for clients of this node");
        let seq = request.seq;
        let line = match &answer {
            Answer::Result(result) => format!("  {id} answers #{seq} {result}"),
            Answer::Refused(refusal) => format!("  {id} refuses #{seq}: {}", story::refusal(*refusal)),
        };
        // A write of unknown outcome may still take effect; its client is gone by then.
        let unknown = Some(&Answer::Refused(Refusal::Unknown));
        if self.answers.get(&seq) == unknown {
            return;
        }
        self.tell(line);
        let earlier = self.answers.insert(seq, answer);
        assert_eq!(earlier, None, "request #{seq} was answered twice");
    }

    fn tell_changes(&mut self, id: NodeId) {
        let Some(life) = &mut self.node(id).life else {
            return;
        };
        let after = life.core.status();
        let before = std::mem::replace(&mut life.last_told, after);
        if after.role == Role::Leader {
            let first = *self.leaders.entry(after.term).or_insert(id);
            assert!(
                first == id || self.options.mutant.is_some(),
                "two leaders established in epoch {}",
                after.term
            );
        }
        let stance = |status: &Status| (status.role, status.term, status.leader);
        if stance(&before) != stance(&after) {
            self.tell(format!("  {id} is {}", story::stance(&after)));
        }
    }

    // Clients.

    fn request(&mut self, id: NodeId) -> RequestId {
        self.requests += 1;
        RequestId {
            node: id,
            incarnation: Incarnation(self.nodes[&id].incarnation),
            seq: self.requests,
        }
    }

    /// A client of the node asks for a write. Returns the request's number.
    pub(crate) fn write(&mut self, id: NodeId, command: &str) -> u64 {
        let request = self.request(id);
        self.input(id, |core| core.propose(request, command.as_bytes().to_vec()));
        request.seq
    }

    /// A client of the node asks for a read. Returns the request's number.
    pub(crate) fn read(&mut self, id: NodeId, mode: ReadMode, name: &str) -> u64 {
        let request = self.request(id);
        self.input(id, |core| core.read(request, mode, name.as_bytes().to_vec()));
        request.seq
    }

    /// The answer to a request that must have got a result.
    pub(crate) fn result(&self, request: u64) -> &str {
        match self.answers.get(&request) {
            Some(Answer::Result(result)) => result,
            other => panic!("request #{request} got {other:?}"),
        }
    }

    /// Whether the node lets a client in that has seen so much.
    pub(crate) fn admits(&self, id: NodeId, last_seen: Zxid) -> bool {
        self.core(id)
            .is_some_and(|core| core.admits(Version(last_seen.0)))
    }
}
