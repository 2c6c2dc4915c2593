//! What happens, in words: one short line for each message, change of role, commitment and answer. A position in
//! the log is written `index@term`, a term `t2`, a request `#1`.

use std::fmt::Display;

use splitbrain_consensus::{NodeId, Refusal, Role, Status};
use splitbrain_raft::message::{AppendOutcome, Entry, LogPosition, Message, Payload, Record};
use splitbrain_raft::{Membership, ReadMode};

use super::machine::text;

/// The name of a message.
pub(crate) fn kind(message: &Message) -> &'static str {
    match message {
        Message::PreVote { .. } => "PreVote",
        Message::PreVoteReply { .. } => "PreVoteReply",
        Message::RequestVote { .. } => "RequestVote",
        Message::RequestVoteReply { .. } => "RequestVoteReply",
        Message::AppendEntries { .. } => "AppendEntries",
        Message::AppendEntriesReply { .. } => "AppendEntriesReply",
        Message::InstallSnapshot { .. } => "InstallSnapshot",
        Message::InstallSnapshotReply { .. } => "InstallSnapshotReply",
        Message::Forward { .. } => "Forward",
        Message::ForwardRead { .. } => "ForwardRead",
        Message::ForwardReadReply { .. } => "ForwardReadReply",
        Message::ReadIndex { .. } => "ReadIndex",
        Message::ReadIndexReply { .. } => "ReadIndexReply",
        Message::TimeoutNow { .. } => "TimeoutNow",
    }
}

pub(crate) fn message(message: &Message) -> String {
    format!("{} t{}{}", kind(message), message.term().0, details(message))
}

fn details(message: &Message) -> String {
    match message {
        Message::PreVote { last, .. } => format!(" last {}", position(*last)),
        Message::RequestVote { last, transfer, .. } => {
            let why = if *transfer { " for a transfer" } else { "" };
            format!(" last {}{why}", position(*last))
        }
        Message::PreVoteReply { granted, .. } | Message::RequestVoteReply { granted, .. } => {
            if *granted { " granted" } else { " refused" }.into()
        }
        Message::AppendEntries {
            prev,
            entries,
            commit_index,
            round,
            ..
        } => {
            let entries = list(entries.iter().map(entry));
            format!(
                " prev {} [{entries}] commit {} round {round}",
                position(*prev),
                commit_index.0
            )
        }
        Message::AppendEntriesReply { round, outcome, .. } => {
            format!(" {} round {round}", append_outcome(outcome))
        }
        Message::InstallSnapshot {
            last,
            offset,
            piece,
            done,
            ..
        } => {
            let end = if *done { ", the last piece" } else { "" };
            format!(" {} at {offset} \"{}\"{end}", position(*last), text(piece))
        }
        Message::InstallSnapshotReply { last, received, .. } => {
            format!(" {} has {received} bytes", position(*last))
        }
        Message::Forward { payload: what, .. } => format!(" {}", payload(what)),
        Message::ForwardRead { id, mode, query, .. } => {
            format!(" #{} {} {}", id.seq, text(query), mode_name(*mode))
        }
        Message::ForwardReadReply { id, result, .. } => {
            let result = result.as_deref().map_or("nothing".into(), text);
            format!(" #{} {result}", id.seq)
        }
        Message::ReadIndex { id, .. } => format!(" #{}", id.seq),
        Message::ReadIndexReply { id, index, .. } => match index {
            Some(index) => format!(" #{} index {}", id.seq, index.0),
            None => format!(" #{} nothing", id.seq),
        },
        Message::TimeoutNow { .. } => String::new(),
    }
}

fn append_outcome(outcome: &AppendOutcome) -> String {
    match outcome {
        AppendOutcome::Matched { match_index } => format!("matched {}", match_index.0),
        AppendOutcome::Conflict {
            prev_index,
            term: Some(term),
            first_index,
        } => format!("conflict at {}: t{} from {}", prev_index.0, term.0, first_index.0),
        AppendOutcome::Conflict {
            prev_index,
            term: None,
            first_index,
        } => format!("conflict at {}: next is {}", prev_index.0, first_index.0),
    }
}

pub(crate) fn mode_name(mode: ReadMode) -> &'static str {
    let known = ReadMode::ALL.iter().find(|(known, _)| *known == mode);
    known.map_or("unknown", |(_, name)| name)
}

pub(crate) fn position(position: LogPosition) -> String {
    format!("{}@{}", position.index.0, position.term.0)
}

pub(crate) fn entry(entry: &Entry) -> String {
    format!("{} {}", position(entry.position()), payload(&entry.payload))
}

fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Noop => "noop".into(),
        Payload::Command { command, .. } => text(command),
        Payload::Read { query, .. } => format!("read {}", text(query)),
        Payload::Membership(membership) => self::membership(membership),
    }
}

pub(crate) fn membership(membership: &Membership) -> String {
    let mut words = format!("{{{}}}", ids(&membership.voters));
    if membership.is_joint() {
        words = format!("joint {{{}}} to {words}", ids(&membership.outgoing));
    }
    if !membership.learners.is_empty() {
        words += &format!(" learners {{{}}}", ids(&membership.learners));
    }
    words
}

pub(crate) fn record(record: &Record) -> String {
    match record {
        Record::Vote { term, voted_for } => match voted_for {
            Some(candidate) => format!("t{} vote {candidate}", term.0),
            None => format!("t{}", term.0),
        },
        Record::Entry(it) => entry(it),
        Record::Snapshot(snapshot) => format!("snapshot {}", position(snapshot.last)),
    }
}

/// What a node is: `leader of t1`, `follower of n1 in t1`.
pub(crate) fn role(status: &Status) -> String {
    let term = status.term;
    match (status.role, status.leader) {
        (Role::Leader, _) => format!("leader of t{term}"),
        (Role::Candidate, _) => format!("candidate, t{term}"),
        (role, Some(leader)) => format!("{} of {leader} in t{term}", role.name()),
        (role, None) => format!("{} without a leader in t{term}", role.name()),
    }
}

pub(crate) fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unavailable => "unavailable",
        Refusal::Unknown => "unknown",
        Refusal::NotSupported => "not supported",
    }
}

pub(crate) fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

fn ids(ids: &[NodeId]) -> String {
    let ids: Vec<_> = ids.iter().map(NodeId::to_string).collect();
    ids.join(" ")
}
