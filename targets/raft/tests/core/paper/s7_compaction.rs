//! §7, log compaction: `InstallSnapshot` as figure 13 has it.

use splitbrain_consensus::{Inspect, Version};

use super::*;

fn piece(last: LogPosition, offset: u64, piece: &[u8], done: bool) -> Message {
    Message::InstallSnapshot {
        term: Term(3),
        last,
        membership: Membership::of(vec![n(1), n(2), n(7)]),
        offset,
        piece: piece.to_vec(),
        done,
        round: 1,
    }
}

fn received(outcome: &Outcome) -> u64 {
    match outcome.message() {
        Message::InstallSnapshotReply { received, .. } => *received,
        other => panic!("{other:?}"),
    }
}

/// Figure 13, 2 to 4: pieces are written at their offset, and answered until the last has come.
#[test]
fn s7_pieces_are_gathered_in_order_and_others_answered_with_where_to_go_on() {
    let mut node = Solo::with_log(&[1]);
    assert_eq!(
        received(&node.receive(2, piece(at(5, 2), 3, b"def", true))),
        0,
        "overtook the first"
    );
    assert_eq!(received(&node.receive(2, piece(at(5, 2), 0, b"abc", false))), 3);
    assert_eq!(
        received(&node.receive(2, piece(at(5, 2), 0, b"abc", false))),
        3,
        "a copy"
    );
    let done = node.receive(2, piece(at(5, 2), 3, b"def", true));
    assert_eq!(matched_up_to(done.message()), Some(5));
    assert!(done.at_once.is_empty(), "it is on disk before it is acknowledged");
    let restore = Effect::Restore {
        snapshot: b"abcdef".to_vec(),
        version: Version(5),
    };
    assert_eq!(done.effects, [restore]);
}

/// Figure 13, 5: "discard any existing or partial snapshot with a smaller index".
#[test]
fn s7_a_newer_snapshot_starts_from_its_first_piece() {
    let mut node = Solo::with_log(&[1]);
    node.receive(2, piece(at(5, 2), 0, b"abc", false));
    assert_eq!(received(&node.receive(2, piece(at(6, 2), 3, b"xyz", true))), 0);
    let done = node.receive(2, piece(at(6, 2), 0, b"xyz", true));
    assert_eq!(matched_up_to(done.message()), Some(6));
}

/// Figure 13, 6 and 7: what follows the snapshot's last entry stays if the log has that entry; else all goes.
#[test]
fn s7_a_snapshot_keeps_the_log_only_where_it_agrees() {
    let mut agrees = Solo::with_log(&[1, 1, 2, 2]);
    agrees.receive(2, piece(at(3, 2), 0, b"s", true));
    assert_eq!((agrees.core.base(), agrees.log()), (3, vec![2]));
    let mut differs = Solo::with_log(&[1, 1, 1, 1]);
    differs.receive(2, piece(at(3, 2), 0, b"s", true));
    assert_eq!((differs.core.base(), differs.log()), (3, vec![]));
}

/// Figure 13, 8: "load snapshot's cluster configuration".
#[test]
fn s7_a_snapshot_brings_its_membership() {
    let mut node = Solo::with_log(&[1]);
    node.receive(2, piece(at(5, 2), 0, b"s", true));
    assert_eq!(node.core.voters(), [n(1), n(2), n(7)]);
}

/// A snapshot that ends where the follower has already committed holds nothing new, and takes nothing back.
#[test]
fn s7_a_snapshot_of_what_is_committed_changes_nothing() {
    let mut node = Solo::with_log(&[1, 1, 2]);
    node.receive(2, append(3, at(3, 2), &[3], 4));
    let late = node.receive(2, piece(at(2, 1), 0, b"s", true));
    assert_eq!(matched_up_to(late.message()), Some(2));
    assert!(late.records.is_empty() && late.effects.is_empty());
    assert_eq!(node.log(), [1, 1, 2, 3]);
}

/// After a snapshot, entries that it covers may still arrive. They are committed, and so they agree.
#[test]
fn s7_entries_from_before_the_snapshot_are_accepted_unseen() {
    let mut node = Solo::with_log(&[1]);
    node.receive(2, piece(at(3, 2), 0, b"s", true));
    let late = node.receive(2, append(3, at(1, 1), &[1, 2, 3], 0));
    assert_eq!(matched_up_to(late.message()), Some(4));
    assert_eq!(node.log(), [3], "of the three, one was new");
}

/// A node starts from its snapshot and the log after it; what the snapshot holds is committed.
#[test]
fn s7_a_restart_restores_the_snapshot_and_the_log_after_it() {
    let snapshot = Record::Snapshot(Snapshot {
        last: at(3, 2),
        membership: Membership::of(vec![n(1), n(2), n(3)]),
        data: b"s".to_vec(),
    });
    let mut records = vec![vote(4, None), snapshot];
    records.extend(entries(4, &[2, 4]).into_iter().map(Record::Entry));
    let node = Solo::start(3, 1, records);
    let status = node.core.status();
    assert_eq!(
        (status.committed, status.applied, status.last),
        (Version(3), Version(3), Version(5))
    );
    assert_eq!((node.term(), node.log()), (4, vec![2, 4]));
}
