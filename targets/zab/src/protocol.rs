//! ZAB behind the contract: inputs are dispatched here, and outputs gathered.

use splitbrain_consensus::{CatchUp, NodeId, Protocol, Ready, RequestId, Setup, Status, Time, Version};

use crate::Zab;
use crate::message::{Message, Payload, Record, Zxid};
use crate::mutants::Mutant;
use crate::options::Options;
use crate::reads::ReadMode;
use crate::state::State;

impl Protocol for Zab {
    type Message = Message;
    type Record = Record;
    type ReadMode = ReadMode;
    type Options = Options;

    fn start(setup: Setup<Options>, records: Vec<Record>, now: Time) -> Self {
        Self::restore(setup, records, now)
    }

    fn tick(&mut self, now: Time) {
        self.now = self.now.max(now);
        match self.state {
            State::Looking(_) => self.looking_tick(),
            State::Learning(_) => self.learner_tick(),
            State::Leading(_) => self.leader_tick(),
        }
    }

    fn deadline(&self) -> Time {
        match &self.state {
            State::Looking(looking) => looking.deadline(),
            State::Learning(learner) => {
                let patience = self.learner_deadline(learner);
                learner.channel.deadline().map_or(patience, |at| at.min(patience))
            }
            State::Leading(leading) => leading.deadline(),
        }
    }

    fn receive(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Notification(notification) => self.on_notification(from, notification),
            Message::Frame(frame) => self.on_frame(from, frame),
            Message::Reset {
                connection,
                by_leader,
            } => self.on_reset(from, connection, by_leader),
        }
    }

    /// A server that serves, and has applied what the client saw elsewhere (ZooKeeper refuses a client whose last
    /// zxid it has not reached).
    fn admits(&self, last_seen: Version) -> bool {
        self.serves() && (self.applied.0 >= last_seen.0 || self.is(Mutant::SessionWithoutZxidCheck))
    }

    fn propose(&mut self, id: RequestId, command: Vec<u8>) {
        self.submit(Payload::Command { id, command });
    }

    fn read(&mut self, id: RequestId, mode: ReadMode, query: Vec<u8>) {
        self.start_read(id, mode, query);
    }

    fn read_result(&mut self, _id: RequestId, _result: Vec<u8>) {
        // Every server reads for its own clients only.
    }

    fn persisted(&mut self, position: u64) {
        self.durable.persisted(position);
        match self.state {
            State::Looking(_) => {}
            State::Learning(_) => {
                self.advance_learning();
                self.apply_committed();
            }
            State::Leading(_) => {
                self.advance_leading();
                self.apply_committed();
            }
        }
    }

    fn snapshot_taken(&mut self, version: Version, snapshot: Vec<u8>) {
        self.store_snapshot(Zxid(version.0), snapshot);
    }

    /// The voters are fixed here; observers come and go without being asked for.
    fn change_members(&mut self, _members: Vec<NodeId>) -> bool {
        false
    }

    /// ZooKeeper has no such thing.
    fn transfer_leadership(&mut self, _to: NodeId) -> bool {
        false
    }

    fn ready(&mut self) -> Ready<Message, Record> {
        self.feed_learners();
        self.flush_channels();
        self.take_ready()
    }

    fn status(&self) -> Status {
        Status {
            role: self.shared_role(),
            term: u64::from(self.current_epoch.0),
            leader: self.leader(),
            committed: Version(self.committed.0),
            applied: Version(self.applied.0),
            last: Version(self.log.last().0),
            catch_up: match &self.state {
                State::Learning(learner) => learner.catch_up(),
                State::Looking(_) | State::Leading(_) => CatchUp::None,
            },
        }
    }

    fn read_mode(name: &str) -> Option<ReadMode> {
        name.parse().ok()
    }
}

impl Zab {
    fn flush_channels(&mut self) {
        let now = self.now;
        let frames: Vec<_> = match &mut self.state {
            State::Looking(_) => return,
            State::Learning(learner) => vec![(learner.leader, learner.channel.frames(now))],
            State::Leading(leading) => {
                let learners = leading.learners.iter_mut();
                learners
                    .map(|(id, learner)| (*id, learner.channel.frames(now)))
                    .collect()
            }
        };
        for (to, frames) in frames {
            self.send_frames(to, frames);
        }
    }
}
