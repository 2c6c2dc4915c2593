//! For planted bugs that the simulator's invariants cannot see, or see seldom: that each is one.

use splitbrain_zab::message::{Epoch, Zxid};
use splitbrain_zab::{Mutant, Options, ReadMode};

use crate::cluster::{Cluster, n};

/// The same story with the bug and without it: whether they end alike.
fn differ(
    mutant: Mutant,
    story: impl Fn(&mut Cluster) -> String,
    voters: u16,
    observers: u16,
) -> (String, String) {
    let told = |mutant| story(&mut Cluster::settled(voters, observers, mutant));
    (told(None), told(Some(mutant)))
}

#[test]
fn sync_without_flush_reads_what_is_stale_though_the_leader_stays() {
    let story = |cluster: &mut Cluster| {
        cluster.sync_by_hand = true;
        cluster.write(n(3), "x=1");
        cluster.deliver();
        cluster.sync(n(3));
        cluster.sync(n(2));
        cluster.deliver();
        let request = cluster.read(n(1), ReadMode::SyncLocal, "x");
        cluster.deliver();
        cluster.sync(n(1));
        cluster.deliver();
        cluster.result(request).to_owned()
    };
    let (clean, buggy) = differ(Mutant::SyncWithoutFlush, story, 3, 0);
    assert_eq!((clean.as_str(), buggy.as_str()), ("x=1", "x=none"));
}

#[test]
fn a_session_without_zxid_check_goes_backward() {
    let story = |cluster: &mut Cluster| {
        cluster.partition(&[n(1)]);
        cluster.write(n(3), "x=1");
        cluster.deliver();
        cluster.admits(n(1), Zxid::new(Epoch(1), 1)).to_string()
    };
    let (clean, buggy) = differ(Mutant::SessionWithoutZxidCheck, story, 3, 0);
    assert_eq!((clean.as_str(), buggy.as_str()), ("false", "true"));
}

#[test]
fn commits_out_of_order_leave_another_state() {
    let story = |cluster: &mut Cluster| {
        cluster.sync_by_hand = true;
        cluster.write(n(3), "x=1");
        cluster.write(n(3), "x=2");
        cluster.deliver();
        for id in [3, 2, 1] {
            cluster.sync(n(id));
        }
        cluster.deliver();
        cluster.state(n(1))
    };
    let (clean, buggy) = differ(Mutant::CommitsOutOfOrder, story, 3, 0);
    assert_eq!((clean.as_str(), buggy.as_str()), ("x=2", "x=1"));
}

#[test]
fn counted_observers_commit_what_the_voters_lose() {
    let story = |cluster: &mut Cluster| {
        cluster.partition(&[n(3), n(4), n(5)]);
        cluster.write(n(3), "x=1");
        cluster.deliver();
        cluster.state(n(3))
    };
    let (clean, buggy) = differ(Mutant::ObserversCounted, story, 3, 2);
    assert_eq!((clean.as_str(), buggy.as_str()), ("", "x=1"));
}

#[test]
fn an_acknowledgement_before_the_sync_loses_a_write_to_a_power_failure() {
    let story = |cluster: &mut Cluster| {
        cluster.sync_by_hand = true;
        cluster.write(n(3), "x=1");
        cluster.deliver();
        let state = cluster.state(n(3));
        for id in cluster.ids() {
            cluster.crash(id, 0);
        }
        cluster.sync_by_hand = false;
        for id in cluster.ids() {
            cluster.start(id);
        }
        cluster.run_ms(1_000);
        format!("{state}, then {}", cluster.state(n(3)))
    };
    let (clean, buggy) = differ(Mutant::AckBeforeSync, story, 3, 0);
    assert_eq!((clean.as_str(), buggy.as_str()), (", then ", "x=1, then "));
}

#[test]
fn an_epoch_that_is_not_persisted_is_led_twice() {
    for (mutant, epochs) in [(None, [1, 2]), (Some(Mutant::AcceptedEpochNotPersisted), [1, 1])] {
        let mut cluster = Cluster::settled(3, 0, mutant);
        let before = cluster.status(n(3)).term;
        for id in cluster.ids() {
            cluster.restart(id);
        }
        cluster.run_ms(1_000);
        assert_eq!([before, cluster.status(n(3)).term], epochs);
    }
}

#[test]
fn votes_by_myid_elect_who_lacks_what_was_committed() {
    for (mutant, leader) in [(None, 2), (Some(Mutant::VotesByMyid), 3)] {
        let options = Options {
            mutant,
            ..Options::default()
        };
        let mut cluster = Cluster::new(3, 0, options);
        cluster.start_with(n(1), 1, 1, &[(1, 1)]);
        cluster.start_with(n(2), 1, 1, &[(1, 1)]);
        cluster.start_with(n(3), 1, 1, &[]);
        cluster.run_ms(1_000);
        assert_eq!(cluster.leader(), Some(n(leader)));
    }
}
