//! The smallest protocol that uses all of the shell: node 1 always leads, and a write is committed once every
//! member has persisted it. No votes, no terms, no availability.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use splitbrain_consensus::{
    CatchUp, Effect, NodeId, Protocol, Ready, RequestId, Role, Setup, Status, Time, Version,
};
use splitbrain_node::Hosted;
use splitbrain_service::wire::Era;

const LEADER: NodeId = NodeId(1);
const HEARTBEAT_MICROS: u64 = 10_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    index: u64,
    origin: RequestId,
    command: Vec<u8>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Forward {
        id: RequestId,
        command: Vec<u8>,
    },
    Append {
        entries: Vec<Entry>,
        last: u64,
        committed: u64,
    },
    Install {
        version: u64,
        snapshot: Vec<u8>,
    },
    Persisted {
        last: u64,
        lacks_some: bool,
    },
    Read {
        id: RequestId,
        query: Vec<u8>,
    },
    ReadResult {
        id: RequestId,
        result: Vec<u8>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Record {
    Snapshot { version: u64, snapshot: Vec<u8> },
    Entry(Entry),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ReadMode {
    /// The node answers.
    Local,
    /// The leader answers.
    Leader,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// A snapshot is taken whenever so many entries were applied since the last.
    pub(crate) snapshot_every: u64,
}

pub(crate) struct SingleLeader<const SESSIONS: bool> {
    id: NodeId,
    members: Vec<NodeId>,
    options: Options,
    snapshot: Option<(u64, Vec<u8>)>,
    /// The entries after the snapshot.
    entries: Vec<Entry>,
    committed: u64,
    applied: u64,
    /// How far each member has persisted, the leader too.
    persisted: BTreeMap<NodeId, u64>,
    /// The last index at the time of each position not yet persisted.
    unpersisted: BTreeMap<u64, u64>,
    now: Time,
    next_heartbeat: Time,
    ready: Ready<Message, Record>,
}

impl<const SESSIONS: bool> SingleLeader<SESSIONS> {
    fn leads(&self) -> bool {
        self.id == LEADER
    }

    fn base(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |(version, _)| *version)
    }

    fn last(&self) -> u64 {
        self.base() + self.entries.len() as u64
    }

    fn append(&mut self, entry: Entry) {
        assert_eq!(entry.index, self.last() + 1);
        self.entries.push(entry.clone());
        self.ready.records.push(Record::Entry(entry));
    }

    fn propose_here(&mut self, origin: RequestId, command: Vec<u8>) {
        let entry = Entry {
            index: self.last() + 1,
            origin,
            command,
        };
        self.append(entry.clone());
        let message = Message::Append {
            entries: vec![entry],
            last: self.last(),
            committed: self.committed,
        };
        self.send_to_all(&message);
    }

    fn send_to_all(&mut self, message: &Message) {
        let others = self.members.iter().filter(|member| **member != self.id);
        self.ready
            .messages
            .extend(others.map(|member| (*member, message.clone())));
    }

    fn catch_up(&mut self, to: NodeId, last: u64) {
        let message = match &self.snapshot {
            Some((version, snapshot)) if last < *version => Message::Install {
                version: *version,
                snapshot: snapshot.clone(),
            },
            _ if last < self.last() => {
                let entries = self.entries[(last - self.base()) as usize..].to_vec();
                Message::Append {
                    entries,
                    last: self.last(),
                    committed: self.committed,
                }
            }
            _ => return,
        };
        self.ready.messages.push((to, message));
    }

    fn commit(&mut self, committed: u64) {
        self.committed = self.committed.max(committed.min(self.last()));
        while self.applied < self.committed {
            let entry = self.entries[(self.applied - self.base()) as usize].clone();
            self.applied += 1;
            let (version, origin) = (Version(entry.index), Some(entry.origin));
            self.ready.effects.push(Effect::Apply {
                version,
                origin,
                command: entry.command,
            });
            if self.applied == self.base() + self.options.snapshot_every {
                self.ready.effects.push(Effect::TakeSnapshot { version });
                return;
            }
        }
    }

    fn note_persisted(&mut self, node: NodeId, last: u64) {
        self.persisted.insert(node, last);
        if self.leads() {
            let least = self
                .members
                .iter()
                .map(|m| self.persisted.get(m).copied().unwrap_or(0))
                .min();
            self.commit(least.unwrap_or(0));
        }
    }
}

impl<const SESSIONS: bool> Protocol for SingleLeader<SESSIONS> {
    type Message = Message;
    type Record = Record;
    type ReadMode = ReadMode;
    type Options = Options;

    fn start(setup: Setup<Options>, records: Vec<Record>, now: Time) -> Self {
        let Setup {
            id, members, options, ..
        } = setup;
        let mut core = Self {
            id,
            members,
            options,
            snapshot: None,
            entries: Vec::new(),
            committed: 0,
            applied: 0,
            persisted: BTreeMap::new(),
            unpersisted: BTreeMap::new(),
            now,
            next_heartbeat: now,
            ready: Ready::empty(0),
        };
        for record in records {
            match record {
                Record::Snapshot { version, snapshot } => core.snapshot = Some((version, snapshot)),
                Record::Entry(entry) => core.entries.push(entry),
            }
        }
        if let Some((version, snapshot)) = core.snapshot.clone() {
            (core.committed, core.applied) = (version, version);
            core.ready.effects.push(Effect::Restore {
                snapshot,
                version: Version(version),
            });
        }
        let last = core.last();
        core.note_persisted(id, last);
        core
    }

    fn tick(&mut self, now: Time) {
        assert!(now >= self.now, "the clock never runs backward");
        self.now = now;
        if now >= self.next_heartbeat {
            self.next_heartbeat = now.plus_micros(HEARTBEAT_MICROS);
            if self.leads() {
                let message = Message::Append {
                    entries: Vec::new(),
                    last: self.last(),
                    committed: self.committed,
                };
                self.send_to_all(&message);
            }
        }
    }

    fn deadline(&self) -> Time {
        self.next_heartbeat
    }

    fn receive(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Forward { id, command } => self.propose_here(id, command),
            Message::Append {
                entries,
                last,
                committed,
            } => {
                let whole = entries.first().is_none_or(|first| first.index <= self.last() + 1);
                for entry in entries.into_iter().filter(|_| whole) {
                    if entry.index > self.last() {
                        self.append(entry);
                    }
                }
                self.commit(committed);
                self.ready.messages_after.push((
                    from,
                    Message::Persisted {
                        last: self.last(),
                        lacks_some: self.last() < last,
                    },
                ));
            }
            Message::Install { version, snapshot } => {
                if version > self.last() {
                    (self.committed, self.applied) = (version, version);
                    self.entries.clear();
                    self.snapshot = Some((version, snapshot.clone()));
                    self.ready.replace_log = true;
                    self.ready.records = vec![Record::Snapshot {
                        version,
                        snapshot: snapshot.clone(),
                    }];
                    self.ready.effects.push(Effect::Restore {
                        snapshot,
                        version: Version(version),
                    });
                }
                self.ready.messages_after.push((
                    from,
                    Message::Persisted {
                        last: self.last(),
                        lacks_some: false,
                    },
                ));
            }
            Message::Persisted { last, lacks_some } => {
                self.note_persisted(from, last);
                if lacks_some {
                    self.catch_up(from, last);
                }
            }
            Message::Read { id, query } => self.ready.effects.push(Effect::Read { id, query }),
            Message::ReadResult { id, result } => {
                self.ready.effects.push(Effect::Answer {
                    id,
                    result,
                    served_by: from,
                    term: 1,
                });
            }
        }
    }

    fn propose(&mut self, id: RequestId, command: Vec<u8>) {
        if self.leads() {
            self.propose_here(id, command);
        } else {
            self.ready
                .messages
                .push((LEADER, Message::Forward { id, command }));
        }
    }

    fn read(&mut self, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        if mode == ReadMode::Local || self.leads() {
            self.ready.effects.push(Effect::Read { id, query });
        } else {
            self.ready.messages.push((LEADER, Message::Read { id, query }));
        }
    }

    fn read_result(&mut self, id: RequestId, result: Vec<u8>) {
        self.ready
            .messages
            .push((id.node, Message::ReadResult { id, result }));
    }

    fn persisted(&mut self, position: u64) {
        assert!(
            position <= self.ready.position,
            "only what was handed out can be persisted"
        );
        while let Some(first) = self
            .unpersisted
            .first_entry()
            .filter(|first| *first.key() <= position)
        {
            let last = first.remove();
            self.note_persisted(self.id, last);
        }
    }

    fn snapshot_taken(&mut self, version: Version, snapshot: Vec<u8>) {
        let drop = version.0 - self.base();
        self.entries.drain(..drop as usize);
        self.snapshot = Some((version.0, snapshot.clone()));
        self.ready.replace_log = true;
        self.ready.records = vec![Record::Snapshot {
            version: version.0,
            snapshot,
        }];
        self.ready
            .records
            .extend(self.entries.iter().cloned().map(Record::Entry));
        self.commit(self.committed);
    }

    fn change_members(&mut self, _members: Vec<NodeId>) -> bool {
        false
    }

    fn transfer_leadership(&mut self, to: NodeId) -> bool {
        to == LEADER
    }

    fn ready(&mut self) -> Ready<Message, Record> {
        let position = self.ready.position;
        let mut ready = std::mem::replace(&mut self.ready, Ready::empty(position));
        if !ready.records.is_empty() {
            (ready.position, ready.sync) = (position + 1, true);
            self.ready.position = ready.position;
            self.unpersisted.insert(ready.position, self.last());
        }
        ready
    }

    fn status(&self) -> Status {
        Status {
            role: if self.leads() {
                Role::Leader
            } else {
                Role::Follower
            },
            term: 1,
            leader: Some(LEADER),
            committed: Version(self.committed),
            applied: Version(self.applied),
            last: Version(self.last()),
            catch_up: CatchUp::None,
        }
    }

    fn read_mode(name: &str) -> Option<ReadMode> {
        match name {
            "local" => Some(ReadMode::Local),
            "leader" => Some(ReadMode::Leader),
            _ => None,
        }
    }
}

impl<const SESSIONS: bool> Hosted for SingleLeader<SESSIONS> {
    const DEFAULT_READ_MODE: ReadMode = ReadMode::Leader;
    const HAS_SESSIONS: bool = SESSIONS;
    const ERA: fn(u64) -> Era = Era::Term;

    fn options(_mutant: Option<&str>, _pairs: &[(String, String)]) -> Result<Options, String> {
        Ok(Options {
            snapshot_every: 1_000_000,
        })
    }
}
