//! The papers, rule by rule.

use splitbrain_consensus::Role;
use splitbrain_zab::message::{Epoch, Record, Zxid};
use splitbrain_zab::{Options, ReadMode};

use crate::cluster::{Answer, Cluster, n};

fn zxid(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(Epoch(epoch), counter)
}

/// DSN paper, phase 1: the new epoch is later than any that a quorum has accepted; a server that accepted a later one
/// is none of the leader's.
#[test]
fn phase_1_epochs_only_grow() {
    let mut cluster = Cluster::settled(3, 0, None);
    let mut epochs = vec![cluster.status(cluster.leader().unwrap()).term];
    for _ in 0..3 {
        let leader = cluster.leader().expect("a leader");
        cluster.restart(leader);
        cluster.run_ms(2_000);
        epochs.push(cluster.status(cluster.leader().unwrap()).term);
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

/// DSN paper, phase 1: a promise is on stable storage before it is acknowledged.
#[test]
fn phase_1_a_promise_survives_a_restart() {
    let cluster = Cluster::settled(3, 0, None);
    for id in cluster.ids() {
        assert!(
            cluster.synced(id).contains(&Record::AcceptedEpoch(Epoch(1))),
            "{id}"
        );
    }
}

/// DSN paper, phase 2: history and epoch are taken over atomically.
#[test]
fn phase_2_history_and_epoch_are_one_record() {
    let mut cluster = Cluster::new(3, 0, Options::default());
    cluster.start_with(n(1), 1, 1, &[(1, 1)]);
    cluster.start_with(n(2), 1, 1, &[(1, 1), (1, 2)]);
    cluster.crash(n(3), 0);
    cluster.run_ms(1_000);
    let taken_over = |record: &&Record| matches!(record, Record::Synchronized { .. });
    let records: Vec<_> = cluster.synced(n(1)).iter().filter(taken_over).collect();
    let [Record::Synchronized { keep, txns, epoch }] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!((*keep, *epoch), (zxid(1, 1), Epoch(2)));
    assert_eq!(txns.iter().map(|txn| txn.zxid).collect::<Vec<_>>(), [zxid(1, 2)]);
}

/// DSN paper, phase 2: the initial history is delivered before anything of the new epoch, and all of it.
#[test]
fn phase_2_the_initial_history_is_committed_first() {
    let mut cluster = Cluster::new(3, 0, Options::default());
    for id in cluster.ids() {
        cluster.start_with(id, 1, 1, &[(1, 1), (1, 2)]);
    }
    cluster.run_ms(1_000);
    let request = cluster.write(n(1), "v=new");
    cluster.run_ms(20);
    assert_eq!(cluster.result(request), "ok");
    for id in cluster.ids() {
        let log: Vec<_> = cluster.written(id).iter().map(|txn| txn.zxid).collect();
        assert_eq!(log, [zxid(1, 1), zxid(1, 2), zxid(2, 1)], "{id}");
        assert_eq!(cluster.state(id), "v=new");
    }
}

/// DSN paper, phase 3: a proposal is acknowledged once it is on stable storage, and committed with a quorum.
#[test]
fn phase_3_a_crash_before_the_quorums_sync_may_lose_the_write_and_nobody_was_told() {
    let mut cluster = Cluster::settled(3, 0, None);
    cluster.sync_by_hand = true;
    let request = cluster.write(n(3), "x=1");
    cluster.deliver();
    cluster.sync(n(3));
    cluster.deliver();
    assert_eq!(cluster.answer(request), None);
    for id in cluster.ids() {
        cluster.crash(id, 0);
    }
    cluster.sync_by_hand = false;
    cluster.start(n(1));
    cluster.start(n(2));
    cluster.run_ms(1_000);
    assert_eq!(cluster.state(n(1)), "");
}

/// DSN paper, §III, agreement: what any server delivered, every later leader has.
#[test]
fn committed_transactions_survive_every_minority() {
    for lost in 1..=5 {
        let mut cluster = Cluster::settled(5, 0, None);
        let request = cluster.write(n(1), "x=1");
        cluster.run_ms(20);
        assert_eq!(cluster.result(request), "ok");
        cluster.crash(n(lost), 0);
        cluster.crash(n(lost % 5 + 1), 0);
        cluster.run_ms(3_000);
        let leader = cluster.leader().expect("three of five are a quorum");
        assert_eq!(cluster.state(leader), "x=1", "without n{lost} and the next");
    }
}

/// DSN paper, §III, global primary order: a deposed leader's proposals come to nothing once another is established.
#[test]
fn a_deposed_leader_commits_nothing() {
    let mut cluster = Cluster::settled(5, 0, None);
    let old = cluster.leader().unwrap();
    cluster.partition(&[old]);
    cluster.run_ms(1_500);
    let request = cluster.write(old, "x=lost");
    cluster.run_ms(2_000);
    assert!(matches!(cluster.answer(request), Some(Answer::Refused(_))));
    cluster.heal();
    cluster.run_ms(2_000);
    for id in cluster.ids() {
        assert_eq!(cluster.state(id), "", "{id}");
    }
}

/// Medeiros 2012, §3.2: a vote with the later epoch wins, then with the later zxid, then with the greater number.
#[test]
fn fast_leader_election_orders_votes() {
    // Per server, its current epoch and its history, and who is to lead.
    type Histories = [(u32, &'static [(u32, u32)]); 3];
    let cases: [(Histories, u16); 4] = [
        ([(1, &[(1, 1)]), (1, &[(1, 1)]), (1, &[(1, 1)])], 3),
        ([(1, &[(1, 1)]), (1, &[(1, 1), (1, 2)]), (1, &[(1, 1)])], 2),
        ([(2, &[(1, 1)]), (1, &[(1, 1), (1, 2)]), (1, &[(1, 1)])], 1),
        (
            [(2, &[(1, 1)]), (2, &[(1, 1)]), (1, &[(1, 1), (1, 2), (1, 3)])],
            2,
        ),
    ];
    for (histories, leader) in cases {
        let mut cluster = Cluster::new(3, 0, Options::default());
        for (id, (current, history)) in (1..).zip(histories) {
            cluster.start_with(n(id), 2, current, history);
        }
        cluster.run_ms(1_000);
        assert_eq!(cluster.leader(), Some(n(leader)), "{histories:?}");
    }
}

/// ZooKeeper's observers: they learn, and have no part in quorums.
#[test]
fn observers_neither_vote_nor_count() {
    let mut cluster = Cluster::settled(3, 3, None);
    let leader = cluster.leader().unwrap();
    for id in 4..=6 {
        assert_eq!(cluster.status(n(id)).role, Role::Observer);
        assert_eq!(cluster.status(n(id)).leader, Some(leader));
    }
    let others: Vec<_> = (1..=3).map(n).filter(|id| *id != leader).collect();
    for id in others {
        cluster.crash(id, 0);
    }
    let request = cluster.write(leader, "x=1");
    cluster.run_ms(3_000);
    assert_eq!(
        cluster.answer(request),
        Some(&Answer::Refused(splitbrain_consensus::Refusal::Unknown))
    );
    assert_eq!(cluster.leader(), None);
}

/// ZooKeeper's sync: a read behind it sees all that was committed before, at any server, while the leader stays.
#[test]
fn a_synced_read_sees_what_was_written_before() {
    let mut cluster = Cluster::settled(5, 1, None);
    for value in 1..=5 {
        cluster.write(n(1), &format!("x={value}"));
        cluster.deliver();
        for id in cluster.ids() {
            let request = cluster.read(id, ReadMode::SyncLocal, "x");
            cluster.deliver();
            assert_eq!(cluster.result(request), format!("x={value}"), "{id}");
        }
    }
}

/// The claim of local reads: a server's state never goes back, also across its restart and in other company.
#[test]
fn a_restarted_server_serves_nobody_before_it_is_where_it_was() {
    let mut cluster = Cluster::settled(3, 0, None);
    cluster.write(n(1), "x=1");
    cluster.run_ms(20);
    cluster.restart(n(1));
    let before = cluster.read(n(1), ReadMode::Local, "x");
    assert!(matches!(cluster.answer(before), Some(Answer::Refused(_))));
    cluster.run_ms(500);
    let after = cluster.read(n(1), ReadMode::Local, "x");
    assert_eq!(cluster.result(after), "x=1");
}

/// DSN paper, phase 2: a history of which nothing is left but a snapshot is taken over, too; the state may be empty.
#[test]
fn phase_2_an_empty_snapshot_replaces_the_log() {
    let options = Options {
        snapshot_threshold_txns: 2,
        snapshot_trailing_txns: 0,
        ..Options::default()
    };
    let mut cluster = Cluster::new(3, 0, options);
    cluster.run_ms(1_000);
    cluster.crash(n(1), 0);
    for _ in 0..4 {
        cluster.read(n(3), ReadMode::Quorum, "x");
        cluster.deliver();
    }
    cluster.start(n(1));
    cluster.run_ms(1_000);
    assert_eq!(cluster.status(n(1)).last, cluster.status(n(3)).last);
    assert_eq!(cluster.status(n(1)).applied, cluster.status(n(3)).applied);
}
