//! The duties of a host (see `splitbrain_consensus::Protocol`), kept in the plainest way.

use std::collections::VecDeque;

use splitbrain_consensus::{
    Effect, Incarnation, NodeId, Outgoing, Protocol, Ready, RequestId, Role, Setup, StateMachine, Status,
    Time,
};
use splitbrain_raft::Raft;
use splitbrain_raft::message::{Message, Record};

use super::disk::Disk;
use super::machine::{Names, text};
use super::network::Envelope;
use super::promises::assert_durable;
use super::{Answer, Cluster, story};

/// A node: what outlives a crash, and its present life.
pub(super) struct Node {
    id: NodeId,
    pub(super) clock: Time,
    pub(super) disk: Disk,
    incarnation: Incarnation,
    pub(super) life: Option<Life>,
}

/// What a crash takes away.
pub(super) struct Life {
    pub(super) core: Raft,
    machine: Names,
    /// Messages that wait for the disk, by position.
    held: VecDeque<(u64, Vec<Outgoing<Message>>)>,
    /// As it was after the last step.
    last_told: Status,
}

impl Node {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            clock: Time(0),
            disk: Disk::default(),
            incarnation: Incarnation(0),
            life: None,
        }
    }

    /// The name of a request of this node's present life.
    pub(super) fn request(&self, seq: u64) -> RequestId {
        RequestId {
            node: self.id,
            incarnation: self.incarnation,
            seq,
        }
    }

    pub(super) fn state(&self) -> Option<String> {
        self.life.as_ref().map(|life| text(&life.machine.snapshot()))
    }
}

impl Cluster {
    /// Starts the node from its disk.
    pub(crate) fn start(&mut self, id: NodeId) {
        let members = match self.members.contains(&id) {
            true => self.members.clone(),
            false => Vec::new(),
        };
        let options = self.options.clone();
        let node = self.node_mut(id);
        assert!(node.life.is_none(), "{id} is running");
        node.incarnation.0 += 1;
        let setup = Setup {
            id,
            members,
            incarnation: node.incarnation,
            seed: u64::from(id.0) * 1_000 + node.incarnation.0,
            options,
        };
        let core = Raft::start(setup, node.disk.synced().to_vec(), node.clock);
        node.life = Some(Life {
            last_told: core.status(),
            core,
            machine: Names::default(),
            held: VecDeque::new(),
        });
        self.settle(id);
    }

    /// The node loses its memory, and of its unsynced records all but the first `torn_after`.
    pub(crate) fn crash_torn(&mut self, id: NodeId, torn_after: usize) {
        let node = self.node_mut(id);
        node.life = None;
        node.disk.crash(torn_after);
    }

    pub(crate) fn crash(&mut self, id: NodeId) {
        self.crash_torn(id, 0);
    }

    pub(crate) fn restart(&mut self, id: NodeId) {
        self.crash(id);
        self.start(id);
    }

    /// The node's disk syncs what was written, and the node hears of it.
    pub(crate) fn sync(&mut self, id: NodeId) {
        if let Some(position) = self.node_mut(id).disk.sync() {
            self.tell(format!("  {id} synced"));
            self.persisted(id, position);
            self.settle(id);
        }
    }

    /// Tells the core the time, hands it one input, and carries out what it wants.
    pub(super) fn input(&mut self, id: NodeId, input: impl FnOnce(&mut Raft)) {
        let node = self.node_mut(id);
        let Some(life) = &mut node.life else {
            self.tell(format!("  {id} is down"));
            return;
        };
        life.core.tick(node.clock);
        input(&mut life.core);
        self.settle(id);
    }

    fn settle(&mut self, id: NodeId) {
        while let Some(life) = &mut self.node_mut(id).life {
            let ready = life.core.ready();
            self.tell_changes(id);
            if ready.is_empty() {
                break;
            }
            self.carry_out(id, ready);
        }
        self.compare_with_disk(id);
    }

    fn carry_out(&mut self, id: NodeId, ready: Ready<Message, Record>) {
        self.send(id, ready.messages);
        let position = ready.position;
        if !ready.records.is_empty() {
            if self.sync_by_hand {
                let verb = if ready.replace_log {
                    "replaces its records by"
                } else {
                    "writes"
                };
                let records = story::list(ready.records.iter().map(story::record));
                self.tell(format!("  {id} {verb} {records}"));
            }
            let disk = &mut self.node_mut(id).disk;
            disk.write(position, ready.records, ready.replace_log);
        }
        if !ready.messages_after.is_empty()
            && let Some(life) = &mut self.node_mut(id).life
        {
            life.held.push_back((position, ready.messages_after));
        }
        for effect in ready.effects {
            self.carry_out_effect(id, effect);
        }
        if !self.sync_by_hand {
            self.node_mut(id).disk.sync();
        }
        if self.node(id).disk.is_idle() {
            self.persisted(id, position);
        }
    }

    /// Everything up to `position` is on disk: what waited for it may leave.
    fn persisted(&mut self, id: NodeId, position: u64) {
        let Some(life) = &mut self.node_mut(id).life else {
            return;
        };
        life.core.persisted(position);
        let mut free = Vec::new();
        while let Some((_, messages)) = life.held.pop_front_if(|(wait_for, _)| *wait_for <= position) {
            free.extend(messages);
        }
        self.send(id, free);
    }

    fn send(&mut self, from: NodeId, messages: Vec<Outgoing<Message>>) {
        for (to, message) in messages {
            if self.is_clean() {
                assert_durable(from, to, &message, &self.synced(from), &self.written(from));
            }
            let line = format!(
                "  {from} to {to}: {}, but the link is cut",
                story::message(&message)
            );
            if !self.network.send(Envelope { from, to, message }) {
                self.tell(line);
            }
        }
    }

    fn carry_out_effect(&mut self, id: NodeId, effect: Effect) {
        let Some(Life { core, machine, .. }) = &mut self.node_mut(id).life else {
            return;
        };
        match effect {
            Effect::Restore { snapshot, version } => {
                machine.restore(&snapshot).expect("a snapshot of this service");
                self.tell(format!(
                    "  {id} restores snapshot {} \"{}\"",
                    version.0,
                    text(&snapshot)
                ));
            }
            Effect::Apply {
                version,
                origin,
                command,
            } => {
                let result = text(&machine.apply(version, &command));
                self.note_applied(id, version.0, &text(&command));
                if let Some(request) = origin {
                    self.note_answer(id, request, Answer::Result(result));
                }
            }
            Effect::Read { id: request, query } => {
                let result = machine.query(&query);
                if request.node == id {
                    self.note_answer(id, request, Answer::Result(text(&result)));
                } else {
                    core.read_result(request, result);
                }
            }
            Effect::Answer {
                id: request, result, ..
            } => {
                self.note_answer(id, request, Answer::Result(text(&result)));
            }
            Effect::Refuse { id: request, refusal } => {
                self.note_answer(id, request, Answer::Refused(refusal));
            }
            Effect::TakeSnapshot { version } => {
                let snapshot = machine.snapshot();
                core.snapshot_taken(version, snapshot.clone());
                self.tell(format!(
                    "  {id} takes snapshot {} \"{}\"",
                    version.0,
                    text(&snapshot)
                ));
            }
        }
    }

    fn note_applied(&mut self, id: NodeId, index: u64, command: &str) {
        self.tell(format!("  {id} applies {index} {command}"));
        let first = self
            .applied
            .entry(index)
            .or_insert_with(|| command.to_owned())
            .clone();
        if self.is_clean() {
            assert_eq!(
                command, first,
                "state machine safety (figure 3), at index {index}"
            );
        }
    }

    fn note_answer(&mut self, id: NodeId, request: RequestId, answer: Answer) {
        let seq = request.seq;
        assert_eq!(
            request,
            self.node(id).request(seq),
            "answers are for requests of this life"
        );
        self.tell(match &answer {
            Answer::Result(result) => format!("  {id} answers #{seq} {result}"),
            Answer::Refused(refusal) => format!("  {id} refuses #{seq}: {}", story::refusal(*refusal)),
        });
        let earlier = self.answers.insert(seq, answer);
        assert_eq!(earlier, None, "request #{seq} was answered twice");
    }

    fn tell_changes(&mut self, id: NodeId) {
        let Some(life) = &mut self.node_mut(id).life else {
            return;
        };
        let after = life.core.status();
        let before = std::mem::replace(&mut life.last_told, after);
        let role = |status: &Status| (status.role, status.term, status.leader);
        if after.role == Role::Leader {
            let first = *self.leaders.entry(after.term).or_insert(id);
            assert!(
                first == id || !self.is_clean(),
                "election safety (figure 3), t{}",
                after.term
            );
        }
        assert!(
            after.committed >= before.committed,
            "a commit index never goes back"
        );
        if role(&before) != role(&after) {
            self.tell(format!("  {id} is {}", story::role(&after)));
        }
        if before.committed != after.committed {
            self.tell(format!("  {id} commits up to {}", after.committed.0));
        }
    }

    fn compare_with_disk(&self, id: NodeId) {
        if let (Some(life), true) = (&self.node(id).life, self.is_clean()) {
            self.written(id).assert_equals(&life.core);
        }
    }

    /// Whether no planted bug is at work.
    fn is_clean(&self) -> bool {
        self.options.mutant.is_none()
    }
}
