//! The paper, section by section: `s5_1_…` is §5.1 of the extended version of 2014, `thesis_s6_4_1_…` is §6.4.1 of
//! the thesis. These tests look at one node at a time; how nodes act together is told by the golden scripts.

mod s5_1_terms;
mod s5_2_election;
mod s5_3_replication;
mod s5_4_safety;
mod s6_membership;
mod s7_compaction;
mod thesis;

use splitbrain_consensus::{Effect, Incarnation, NodeId, Outgoing, Protocol, Setup, Time};
use splitbrain_raft::message::{
    AppendOutcome, Entry, Index, LogPosition, Message, Payload, Record, Snapshot, Term,
};
use splitbrain_raft::{Membership, Options, Raft};

use crate::cluster::n;

/// One node, `n1`, whose disk syncs at once.
struct Solo {
    core: Raft,
    now: Time,
}

/// What one input made of it.
#[derive(Debug, Default)]
struct Outcome {
    /// Messages that did not have to wait for the disk.
    at_once: Vec<Outgoing<Message>>,
    /// Messages that waited for the records.
    after_sync: Vec<Outgoing<Message>>,
    records: Vec<Record>,
    effects: Vec<Effect>,
}

impl Outcome {
    /// All messages, in whatever order.
    fn messages(&self) -> Vec<&Message> {
        let all = self.at_once.iter().chain(&self.after_sync);
        all.map(|(_, message)| message).collect()
    }

    /// The one message.
    fn message(&self) -> &Message {
        let messages = self.messages();
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages[0]
    }

    fn is_silent(&self) -> bool {
        self.messages().is_empty() && self.records.is_empty() && self.effects.is_empty()
    }
}

impl Solo {
    /// One of so many voters, at its first start.
    fn new(voters: u16) -> Self {
        Self::start(voters, 1, Vec::new())
    }

    /// One of three, with entries of these terms, in the term of the last.
    fn with_log(terms: &[u64]) -> Self {
        let mut records = vec![vote(terms.last().copied().unwrap_or(0), None)];
        records.extend(entries(1, terms).into_iter().map(Record::Entry));
        Self::start(3, 1, records)
    }

    fn start(voters: u16, seed: u64, records: Vec<Record>) -> Self {
        let setup = Setup {
            id: n(1),
            members: (1..=voters).map(NodeId).collect(),
            incarnation: Incarnation(1),
            seed,
            options: Options::default(),
        };
        let now = Time(0);
        let mut solo = Self {
            core: Raft::start(setup, records, now),
            now,
        };
        solo.outcome();
        solo
    }

    /// Everything that it wants done, until it wants no more.
    fn outcome(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let ready = self.core.ready();
            if ready.is_empty() {
                return outcome;
            }
            outcome.at_once.extend(ready.messages);
            outcome.after_sync.extend(ready.messages_after);
            outcome.records.extend(ready.records);
            outcome.effects.extend(ready.effects);
            self.core.persisted(ready.position);
        }
    }

    fn receive(&mut self, from: u16, message: Message) -> Outcome {
        self.core.receive(n(from), message);
        self.outcome()
    }

    /// Time passes until it acts by itself.
    fn time_out(&mut self) -> Outcome {
        self.now = self.core.deadline();
        self.core.tick(self.now);
        self.outcome()
    }

    fn pass_ms(&mut self, ms: u64) -> Outcome {
        self.now = self.now.plus_micros(ms * 1_000);
        self.core.tick(self.now);
        self.outcome()
    }

    /// Campaigns in the next term, with the blessing of `n2` and `n3`: one too many among three, and just enough
    /// among five.
    fn campaign(&mut self) {
        self.time_out();
        let term = self.term() + 1;
        self.receive(2, pre_vote_reply(term));
        self.receive(3, pre_vote_reply(term));
    }

    /// Leads the next term.
    fn lead(&mut self) -> Outcome {
        self.campaign();
        let term = self.term();
        self.receive(2, vote_reply(term, true))
    }

    fn term(&self) -> u64 {
        self.core.status().term
    }

    fn committed(&self) -> u64 {
        self.core.status().committed.0
    }

    /// The terms of its entries.
    fn log(&self) -> Vec<u64> {
        use splitbrain_consensus::Inspect;
        let last = self.core.status().last.0;
        (self.core.base() + 1..=last)
            .map(|index| self.core.entry(index).expect("held").term)
            .collect()
    }
}

fn vote(term: u64, voted_for: Option<NodeId>) -> Record {
    Record::Vote {
        term: Term(term),
        voted_for,
    }
}

fn at(index: u64, term: u64) -> LogPosition {
    LogPosition {
        term: Term(term),
        index: Index(index),
    }
}

/// Entries of these terms, the first at `index`.
fn entries(index: u64, terms: &[u64]) -> Vec<Entry> {
    let entry = |(index, term): (u64, &u64)| Entry {
        index: Index(index),
        term: Term(*term),
        payload: Payload::Noop,
    };
    (index..).zip(terms).map(entry).collect()
}

fn request_vote(term: u64, last: LogPosition) -> Message {
    Message::RequestVote {
        term: Term(term),
        last,
        transfer: false,
    }
}

fn vote_reply(term: u64, granted: bool) -> Message {
    Message::RequestVoteReply {
        term: Term(term),
        granted,
    }
}

fn pre_vote(term: u64, last: LogPosition) -> Message {
    Message::PreVote {
        term: Term(term),
        last,
    }
}

fn pre_vote_reply(term: u64) -> Message {
    Message::PreVoteReply {
        term: Term(term),
        granted: true,
    }
}

/// Entries of these terms after `prev`, from a leader that has committed up to `commit`.
fn append(term: u64, prev: LogPosition, terms: &[u64], commit: u64) -> Message {
    Message::AppendEntries {
        term: Term(term),
        prev,
        entries: entries(prev.index.0 + 1, terms),
        commit_index: Index(commit),
        round: 1,
    }
}

fn matched(term: u64, match_index: u64) -> Message {
    Message::AppendEntriesReply {
        term: Term(term),
        round: 1,
        outcome: AppendOutcome::Matched {
            match_index: Index(match_index),
        },
    }
}

/// Whether the answer says that the entries fitted, and up to where.
fn matched_up_to(message: &Message) -> Option<u64> {
    match message {
        Message::AppendEntriesReply {
            outcome: AppendOutcome::Matched { match_index },
            ..
        } => Some(match_index.0),
        _ => None,
    }
}
