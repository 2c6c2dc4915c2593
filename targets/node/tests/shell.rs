//! The shell end to end: whole nodes over loopback, with a protocol small enough to leave no doubt whose fault a
//! failure is.

mod support;

use std::collections::BTreeSet;
use std::fs;

use splitbrain_consensus::{Incarnation, NodeId, Role, Version};
use splitbrain_node::NodeError;
use splitbrain_node::wal::WalError;
use splitbrain_service::wire::{Era, ErrorCode, MAX_LINE_BYTES, Reply, ReplyBody, RequestBody};

use support::{Client, Cluster, log_file};

const NEVER: u64 = u64::MAX / 2;

fn read(key: u64, mode: &str) -> RequestBody<'_> {
    RequestBody::Read {
        key,
        read_mode: Some(mode.into()),
    }
}

fn write(client: &mut Client, key: u64, value: i64) -> Version {
    match client.call(RequestBody::Write { key, value }).body {
        ReplyBody::WriteOk { version } => version,
        other => panic!("{other:?}"),
    }
}

fn value(client: &mut Client, key: u64) -> Option<i64> {
    match client.call(read(key, "leader")).body {
        ReplyBody::ReadOk { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

fn code(reply: &Reply) -> u16 {
    match &reply.body {
        ReplyBody::Error {
            code: ErrorCode(code),
            ..
        } => *code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_write_at_any_node_is_read_at_every_node() {
    let cluster = Cluster::started(3, NEVER);
    for id in 1..=3 {
        assert_eq!(
            write(&mut cluster.client(NodeId(id)), 7, i64::from(id)),
            Version(u64::from(id))
        );
        for other in 1..=3 {
            assert_eq!(value(&mut cluster.client(NodeId(other)), 7), Some(i64::from(id)));
        }
    }
}

#[test]
fn an_answer_says_who_served_it() {
    let cluster = Cluster::started(2, NEVER);
    let mut client = cluster.client(NodeId(2));
    write(&mut client, 7, 1);
    let local = client.call(read(7, "local")).served;
    assert_eq!(
        (local.node, local.role, local.era),
        (Some(NodeId(2)), Some(Role::Follower), Some(Era::Term(1)))
    );
    assert_eq!(local.incarnation, Some(Incarnation(1)));
    let remote = client.call(read(7, "leader")).served;
    assert_eq!(
        (remote.node, remote.role, remote.era),
        (Some(NodeId(1)), None, Some(Era::Term(1)))
    );
}

#[test]
fn compare_and_set_answers_with_what_it_found() {
    let cluster = Cluster::started(1, NEVER);
    let mut client = cluster.client(NodeId(1));
    let cas = |from, to| RequestBody::Cas { key: 7, from, to };
    assert_eq!(code(&client.call(cas(0, 1))), 20);
    write(&mut client, 7, 1);
    assert_eq!(
        client.call(cas(1, 2)).body,
        ReplyBody::CasOk { version: Version(3) }
    );
    let reply = client.call(cas(1, 3));
    assert_eq!(code(&reply), 22);
    assert!(
        matches!(
            reply.body,
            ReplyBody::Error {
                found: Some((2, Version(3))),
                ..
            }
        ),
        "{reply:?}"
    );
}

#[test]
fn many_requests_open_on_one_connection_are_each_answered() {
    let cluster = Cluster::started(3, NEVER);
    let mut client = cluster.client(NodeId(2));
    let sent: BTreeSet<u64> = (0..500)
        .map(|at| {
            client.send(RequestBody::Write {
                key: at % 10,
                value: at as i64,
            })
        })
        .collect();
    let replies: Vec<_> = sent.iter().map(|_| client.receive().unwrap()).collect();
    assert!(
        replies
            .iter()
            .all(|reply| matches!(reply.body, ReplyBody::WriteOk { .. }))
    );
    assert_eq!(
        replies
            .iter()
            .map(|reply| reply.in_reply_to.unwrap())
            .collect::<BTreeSet<_>>(),
        sent
    );
}

#[test]
fn nonsense_is_answered_and_the_connection_goes_on() {
    let cluster = Cluster::started(1, NEVER);
    let mut client = cluster.client(NodeId(1));
    client.send_raw(b"hello\n");
    assert_eq!(code(&client.receive().unwrap()), 12);
    client.send_raw(&[b'x'; MAX_LINE_BYTES + 1]);
    client.send_raw(b"\n");
    assert_eq!(code(&client.receive().unwrap()), 12);
    client.send_raw(b"{\"src\":\"c1\",\"dest\":\"n2\",\"body\":{\"type\":\"status\",\"msg_id\":1}}\n");
    let reply = client.receive().unwrap();
    assert_eq!((reply.in_reply_to, code(&reply)), (Some(1), 1));
    assert_eq!(code(&client.call(read(7, "psychic"))), 10);
    assert_eq!(value(&mut client, 7), None);
}

#[test]
fn administrators_are_answered() {
    let cluster = Cluster::started(1, NEVER);
    let mut client = cluster.client(NodeId(1));
    assert_eq!(
        code(&client.call(RequestBody::ChangeMembers {
            members: vec![NodeId(1)]
        })),
        11
    );
    let reply = client.call(RequestBody::TransferLeadership { target: NodeId(1) });
    assert_eq!(reply.body, ReplyBody::TransferLeadershipOk);
    let reply = client.call(RequestBody::Status);
    assert!(
        matches!(
            reply.body,
            ReplyBody::StatusOk {
                leader: Some(NodeId(1)),
                ..
            }
        ),
        "{reply:?}"
    );
}

/// What was acknowledged is there after a restart of all nodes, with and without a snapshot in the log.
fn restart_all(snapshot_every: u64) {
    let mut cluster = Cluster::started(3, snapshot_every);
    let mut client = cluster.client(NodeId(1));
    for at in 0..25 {
        write(&mut client, at % 4, at as i64);
    }
    cluster.stop_all();
    assert_eq!(client.receive(), None, "the node is gone");
    cluster.start_all();
    let mut client = cluster.client(NodeId(1));
    assert_eq!(write(&mut client, 9, 99), Version(26));
    for key in 0..4 {
        assert_eq!(
            value(&mut client, key),
            Some((24 - (24 - key as i64) % 4).min(24)),
            "key {key}"
        );
    }
    assert_eq!(
        client.call(RequestBody::Status).served.incarnation,
        Some(Incarnation(2))
    );
}

#[test]
fn a_restart_finds_what_was_acknowledged_in_the_log() {
    restart_all(NEVER);
}

#[test]
fn a_restart_finds_what_was_acknowledged_in_a_snapshot_and_the_log() {
    restart_all(10);
}

#[test]
fn a_write_waits_for_a_node_that_is_away_and_is_done_when_it_is_back() {
    for snapshot_every in [NEVER, 5] {
        let mut cluster = Cluster::started(3, snapshot_every);
        let mut client = cluster.client(NodeId(1));
        for at in 0..12 {
            write(&mut client, at, 1);
        }
        cluster.stop(NodeId(3)).unwrap();
        let id = client.send(RequestBody::Write { key: 1, value: 2 });
        // The answer to the later request proves that the earlier one has none yet.
        let status = client.call(RequestBody::Status);
        assert_ne!(status.in_reply_to, Some(id));
        fs::remove_dir_all(cluster.data(NodeId(3))).unwrap();
        cluster.start(NodeId(3));
        assert_eq!(client.receive().unwrap().in_reply_to, Some(id));
        assert_eq!(value(&mut cluster.client(NodeId(3)), 1), Some(2));
    }
}

#[test]
fn a_client_that_leaves_with_requests_open_harms_nobody() {
    let mut cluster = Cluster::started(2, NEVER);
    cluster.stop(NodeId(2)).unwrap();
    let mut leaver = cluster.client(NodeId(1));
    leaver.send(RequestBody::Write { key: 1, value: 1 });
    drop(leaver);
    cluster.start(NodeId(2));
    let mut client = cluster.client(NodeId(1));
    write(&mut client, 2, 2);
    assert_eq!(value(&mut client, 2), Some(2));
}

#[test]
fn a_torn_tail_is_cut_off_and_the_node_starts() {
    let mut cluster = Cluster::started(1, NEVER);
    write(&mut cluster.client(NodeId(1)), 7, 1);
    cluster.stop_all();
    let path = log_file(&cluster.data(NodeId(1)));
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"rec\x01\xff");
    fs::write(&path, bytes).unwrap();
    cluster.start_all();
    assert_eq!(value(&mut cluster.client(NodeId(1)), 7), Some(1));
}

#[test]
fn a_corrupt_log_stops_the_start_with_file_and_offset() {
    let mut cluster = Cluster::started(1, NEVER);
    let mut client = cluster.client(NodeId(1));
    for at in 0..3 {
        write(&mut client, 7, at);
    }
    cluster.stop_all();
    let path = log_file(&cluster.data(NodeId(1)));
    let mut bytes = fs::read(&path).unwrap();
    bytes[35] ^= 1;
    fs::write(&path, bytes).unwrap();
    cluster.start(NodeId(1));
    let error = cluster.ended(NodeId(1)).unwrap_err();
    assert!(
        matches!(&error, NodeError::Wal(WalError::Corrupt { offset: 20, .. })),
        "{error}"
    );
}

#[test]
fn a_log_that_cannot_be_written_ends_the_node() {
    let mut cluster = Cluster::started(1, 3);
    let mut client = cluster.client(NodeId(1));
    write(&mut client, 7, 1);
    write(&mut client, 7, 2);
    // The third write asks for a snapshot, which needs a new file.
    fs::remove_dir_all(cluster.data(NodeId(1))).unwrap();
    client.send(RequestBody::Write { key: 7, value: 3 });
    let error = cluster.ended(NodeId(1)).unwrap_err();
    assert!(matches!(error, NodeError::Log(_)), "{error}");
}

/// The write must be persisted by two nodes and travel twice; a local read beside it would be answered first.
#[test]
fn in_a_session_a_read_sees_the_write_before_it_though_both_are_sent_at_once() {
    let cluster = Cluster::with_sessions(2);
    let mut client = cluster.client(NodeId(2));
    assert_eq!(
        client
            .call(RequestBody::Connect {
                last_seen: Version(0)
            })
            .body,
        ReplyBody::ConnectOk
    );
    for value in 1..=50 {
        let written = client.send(RequestBody::Write { key: 7, value });
        let read = client.send(read(7, "local"));
        let replies = [client.receive().unwrap(), client.receive().unwrap()];
        assert_eq!(
            replies.each_ref().map(|reply| reply.in_reply_to),
            [Some(written), Some(read)]
        );
        let ReplyBody::ReadOk { value: seen, .. } = replies[1].body else {
            panic!("{:?}", replies[1]);
        };
        assert_eq!(seen, Some(value));
    }
}

#[test]
fn without_sessions_requests_of_one_connection_overtake_each_other() {
    let cluster = Cluster::started(2, NEVER);
    let mut client = cluster.client(NodeId(2));
    let overtaken = (1..=50).any(|value| {
        client.send(RequestBody::Write { key: 7, value });
        let read = client.send(read(7, "local"));
        let replies = [client.receive().unwrap(), client.receive().unwrap()];
        replies[0].in_reply_to == Some(read)
    });
    assert!(overtaken, "or the test of sessions shows nothing");
}
