//! What happens, in words.

use splitbrain_consensus::{Refusal, Role, Status};
use splitbrain_zab::channel::Frame;
use splitbrain_zab::message::{Message, Notification, Packet, Payload, Request, Txn, Zxid};

use crate::machine::text;

/// A message; none if it only keeps a connection alive.
pub(crate) fn message(message: &Message) -> Option<String> {
    match message {
        Message::Notification(Notification {
            vote,
            election_epoch,
            state,
        }) => Some(format!(
            "Notification {state:?} round {election_epoch}: {} with zxid {} of epoch {}",
            vote.leader, vote.zxid, vote.peer_epoch.0
        )),
        Message::Frame(Frame { packets, .. }) => {
            let told = packets.iter().filter(|packet| !matches!(packet, Packet::Ping));
            let told: Vec<_> = told.map(packet).collect();
            (!told.is_empty()).then(|| told.join(", "))
        }
        Message::Reset { .. } => Some("Reset".into()),
    }
}

fn packet(packet: &Packet) -> String {
    match packet {
        Packet::FollowerInfo { accepted_epoch } => format!("FollowerInfo accepted {}", accepted_epoch.0),
        Packet::ObserverInfo { accepted_epoch } => format!("ObserverInfo accepted {}", accepted_epoch.0),
        Packet::LeaderInfo { epoch } => format!("LeaderInfo epoch {}", epoch.0),
        Packet::AckEpoch {
            current_epoch,
            last_zxid,
        } => match current_epoch {
            Some(epoch) => format!("AckEpoch current {} last {last_zxid}", epoch.0),
            None => format!("AckEpoch that does not count, last {last_zxid}"),
        },
        Packet::Diff { zxid } => format!("Diff to {zxid}"),
        Packet::Trunc { zxid } => format!("Trunc to {zxid}"),
        Packet::Snap { zxid, piece, .. } => format!("Snap {zxid} \"{}\"", text(piece)),
        Packet::Proposal(txn) => format!("Proposal {}", self::txn(txn)),
        Packet::NewLeader { epoch } => format!("NewLeader epoch {}", epoch.0),
        Packet::Ack { zxid } => format!("Ack {zxid}"),
        Packet::UpToDate { zxid } => format!("UpToDate {zxid}"),
        Packet::Commit { zxid } => format!("Commit {zxid}"),
        Packet::Inform(txn) => format!("Inform {}", self::txn(txn)),
        Packet::Ping => "Ping".into(),
        Packet::Request(Request::Broadcast(payload)) => format!("Request {}", self::payload(payload)),
        Packet::Request(Request::Sync { id }) => format!("Request sync #{}", id.seq),
        Packet::Sync { id } => format!("Sync #{}", id.seq),
    }
}

/// A transaction: `1.2 x=1`.
pub(crate) fn txn(txn: &Txn) -> String {
    format!("{} {}", txn.zxid, payload(&txn.payload))
}

fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Command { command, .. } => text(command),
        Payload::Read { id, query } => format!("read {} #{}", text(query), id.seq),
    }
}

/// Where a server stands: `leader of epoch 2`.
pub(crate) fn stance(status: &Status) -> String {
    let epoch = status.term;
    match (status.role, status.leader) {
        (Role::Leader, _) => format!("leader of epoch {epoch}"),
        (Role::Candidate, _) => format!("without a leader, in epoch {epoch}"),
        (Role::Follower, Some(leader)) => format!("follower of {leader} in epoch {epoch}"),
        (Role::Observer, Some(leader)) => format!("observer of {leader} in epoch {epoch}"),
        (role, None) => format!("{} without a leader, in epoch {epoch}", role.name()),
    }
}

/// How far a server has come: `last 1.2 committed 1.1 applied 1.1`.
pub(crate) fn progress(status: &Status) -> String {
    format!(
        "last {} committed {} applied {}",
        Zxid(status.last.0),
        Zxid(status.committed.0),
        Zxid(status.applied.0)
    )
}

/// Why there is no result.
pub(crate) fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unavailable => "unavailable",
        Refusal::Unknown => "unknown outcome",
        Refusal::NotSupported => "not supported",
    }
}
