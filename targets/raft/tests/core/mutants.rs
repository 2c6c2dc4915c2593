//! Every planted bug is one: for each there is a scenario that ends in the anomaly that it is known for, and in
//! which the clean core behaves.

use splitbrain_consensus::Protocol;
use splitbrain_raft::{MUTANTS, Mutant, Options, ReadMode};

use crate::cluster::{Answer, Cluster, Which, n};

/// Plays the scenario with the planted bug, or with none, and tells whether the anomaly was seen.
type Scenario = fn(Option<Mutant>) -> bool;

fn scenario(mutant: Mutant) -> Scenario {
    match mutant {
        Mutant::VoteNotPersisted => two_leaders_as_soon_as_a_voter_restarts,
        Mutant::TermNotPersisted => two_leaders_when_a_restarted_voter_has_waited,
        Mutant::VoteWithoutLogCheck => write_lost_to_a_leader_that_lacks_it,
        Mutant::CommitOlderTerm => committed_entry_overwritten_as_in_figure_8,
        Mutant::ConflictNotTruncated => deposed_leader_applies_what_never_was,
        Mutant::MajorityAsHalf => two_halves_that_both_commit,
        Mutant::AnswerBeforeCommit => write_answered_by_a_leader_alone,
        Mutant::ApplyBeforeCommit => follower_shows_an_uncommitted_write,
        Mutant::ReadIndexWithoutHeartbeat => stale_read_index_of_a_deposed_leader,
        Mutant::ReadIndexWithoutOwnTerm => stale_read_index_of_a_new_leader,
        Mutant::FollowerReadWithoutWait => stale_read_of_a_follower_that_is_behind,
        Mutant::SnapshotForgetsLast => write_lost_between_snapshot_and_log,
        Mutant::SnapshotNotRestored => follower_that_kept_its_old_state,
        Mutant::LocalReadAfterRestart => node_that_went_backward,
        Mutant::LeaseIgnoresDrift => stale_lease_read_on_drifting_clocks,
        Mutant::AckBeforeSync => answered_write_lost_by_power_failure,
    }
}

#[test]
fn every_planted_bug_shows_where_the_clean_core_behaves() {
    for info in MUTANTS {
        let seen_in = scenario(info.mutant);
        assert!(
            !seen_in(None),
            "the clean core shows the anomaly of {}",
            info.name
        );
        assert!(seen_in(Some(info.mutant)), "{} does not show", info.name);
    }
}

/// Where the cluster knows the votes of a campaign, but nothing after that is delivered.
fn campaign(cluster: &mut Cluster) {
    for kind in ["PreVote", "PreVoteReply", "RequestVote", "RequestVoteReply"] {
        cluster.deliver_which(&Which::kind(kind));
    }
}

fn between(from: u16, to: u16) -> Which {
    Which {
        from: Some(n(from)),
        ..Which::to(n(to))
    }
}

/// The planted bug does not wait before it votes again.
fn two_leaders_as_soon_as_a_voter_restarts(mutant: Option<Mutant>) -> bool {
    two_leaders_after_a_voter_restarts(mutant, 0)
}

fn two_leaders_when_a_restarted_voter_has_waited(mutant: Option<Mutant>) -> bool {
    two_leaders_after_a_voter_restarts(mutant, 200)
}

/// `n1` and `n3` campaign in the same term. `n2` elects the one, restarts, and after `wait_ms` is asked by the other.
fn two_leaders_after_a_voter_restarts(mutant: Option<Mutant>, wait_ms: u64) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.advance_all_ms(200);
    cluster.time_out(n(1));
    cluster.time_out(n(3));
    cluster.deliver_which(&Which::kind("PreVote"));
    cluster.deliver_which(&Which::kind("PreVoteReply"));
    cluster.step(&between(1, 2));
    cluster.step(&between(2, 1));
    assert!(cluster.leads(n(1)));
    cluster.restart(n(2));
    cluster.advance_ms(wait_ms, &[n(2)]);
    cluster.step(&between(3, 2));
    cluster.step(&between(2, 3));
    cluster.leads(n(3)) && cluster.status(n(1)).term == cluster.status(n(3)).term
}

/// `n3` lacks a committed write, and campaigns when the leader has crashed.
fn write_lost_to_a_leader_that_lacks_it(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.isolate(n(3));
    let write = cluster.write(n(1), "x=1");
    cluster.deliver();
    assert_eq!(cluster.result(write), "ok");
    cluster.crash(n(1));
    cluster.network.heal();
    cluster.elect(n(3));
    cluster.leads(n(3)) && cluster.state(n(3)).is_empty()
}

/// Figure 8 up to (d): an entry of term 2 reaches a majority in term 4, and a leader of term 5 lacks it.
fn committed_entry_overwritten_as_in_figure_8(mutant: Option<Mutant>) -> bool {
    let options = Options {
        append_entries_max: 1,
        mutant,
        ..Options::default()
    };
    let mut cluster = Cluster::with_options(5, options);
    for (id, term, terms) in [
        (1, 2, [1, 2].as_slice()),
        (2, 2, &[1, 2]),
        (3, 3, &[1]),
        (4, 3, &[1]),
    ] {
        cluster.start_with_log(n(id), term, None, terms);
    }
    cluster.start_with_log(n(5), 3, Some(n(5)), &[1, 3]);
    cluster.crash(n(5));
    // It asks for term 3, hears that this is over, and campaigns in term 4.
    cluster.elect(n(1));
    cluster.time_out(n(1));
    campaign(&mut cluster);
    assert!(cluster.leads(n(1)));
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1), (1, 3), (3, 1)] {
        cluster.step(&Which {
            count: Some(1),
            ..between(from, to)
        });
    }
    assert_eq!(cluster.terms(n(3)), [1, 2], "2@2 is on a majority");
    let committed = cluster.status(n(1)).committed.0 == 2;

    cluster.crash(n(1));
    cluster.network.take(&Which::default());
    cluster.start(n(5));
    cluster.elect(n(5));
    cluster.time_out(n(5));
    cluster.deliver();
    assert!(cluster.leads(n(5)));
    cluster.write(n(5), "w=1");
    cluster.deliver();
    committed && cluster.terms(n(3))[1] == 3
}

/// A leader that is cut off logs a write, and then learns that another leader put something else there.
fn deposed_leader_applies_what_never_was(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.isolate(n(1));
    cluster.write(n(1), "a=lost");
    cluster.elect(n(2));
    cluster.write(n(2), "b=kept");
    cluster.deliver();
    cluster.network.heal();
    cluster.time_out(n(2));
    cluster.deliver();
    assert_eq!(cluster.state(n(2)), "b=kept");
    cluster.state(n(1)) != "b=kept"
}

/// Two of four are cut off from the other two.
fn two_halves_that_both_commit(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(4, mutant);
    cluster.elect(n(1));
    cluster.partition(&[n(1), n(2)]);
    cluster.elect(n(3));
    let writes = [cluster.write(n(1), "x=1"), cluster.write(n(3), "x=3")];
    cluster.deliver();
    let ok = Answer::Result("ok".into());
    writes.iter().all(|write| cluster.answer(*write) == Some(&ok))
}

fn write_answered_by_a_leader_alone(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.isolate(n(1));
    let write = cluster.write(n(1), "x=1");
    cluster.answer(write).is_some()
}

/// The leader and a follower are cut off from the majority.
fn follower_shows_an_uncommitted_write(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(5, mutant);
    cluster.elect(n(1));
    cluster.partition(&[n(1), n(2)]);
    cluster.write(n(1), "x=1");
    cluster.deliver();
    let read = cluster.read(n(2), ReadMode::FollowerLocal, "x");
    cluster.result(read) == "x=1"
}

fn stale_read_index_of_a_deposed_leader(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.write(n(1), "x=old");
    cluster.deliver();
    cluster.isolate(n(1));
    cluster.elect(n(2));
    let write = cluster.write(n(2), "x=new");
    cluster.deliver();
    assert_eq!(cluster.result(write), "ok");
    let read = cluster.read(n(1), ReadMode::ReadIndex, "x");
    cluster.write(n(1), "y=1");
    cluster.answer(read) == Some(&Answer::Result("x=old".into()))
}

/// `x=1` is committed by `n1` and `n2`. `n2` takes over and does not yet know; `n3` lacks the entry, so that its
/// answer confirms the leadership of `n2` without committing anything.
fn stale_read_index_of_a_new_leader(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.isolate(n(3));
    let write = cluster.write(n(1), "x=1");
    cluster.step(&Which::default());
    cluster.step(&Which::default());
    assert_eq!(cluster.result(write), "ok");
    cluster.network.take(&Which::default());
    cluster.network.heal();
    cluster.isolate(n(1));
    cluster.advance_all_ms(200);
    cluster.time_out(n(2));
    campaign(&mut cluster);
    assert!(cluster.leads(n(2)));
    let read = cluster.read(n(2), ReadMode::ReadIndex, "x");
    cluster.deliver();
    cluster.result(read) == "x=none"
}

fn stale_read_of_a_follower_that_is_behind(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.network.hold(Which {
        kind: Some("AppendEntries".into()),
        ..Which::to(n(3))
    });
    let write = cluster.write(n(1), "x=1");
    cluster.deliver();
    assert_eq!(cluster.result(write), "ok");
    let read = cluster.read(n(3), ReadMode::FollowerReadIndex, "x");
    cluster.deliver();
    cluster.network.release();
    cluster.deliver();
    cluster.result(read) == "x=none"
}

fn write_lost_between_snapshot_and_log(mutant: Option<Mutant>) -> bool {
    let options = Options {
        snapshot_threshold_entries: 3,
        snapshot_trailing_entries: 0,
        mutant,
        ..Options::default()
    };
    let mut cluster = Cluster::with_options(1, options);
    cluster.elect(n(1));
    cluster.write(n(1), "a=1");
    cluster.write(n(1), "b=2");
    assert_eq!(cluster.state(n(1)), "a=1 b=2");
    assert_eq!(cluster.written(n(1)).snapshot_index(), 3);
    cluster.restart(n(1));
    cluster.elect(n(1));
    cluster.state(n(1)) != "a=1 b=2"
}

/// `n3` misses so much that it gets a snapshot.
fn follower_that_kept_its_old_state(mutant: Option<Mutant>) -> bool {
    let options = Options {
        snapshot_threshold_entries: 3,
        snapshot_trailing_entries: 0,
        mutant,
        ..Options::default()
    };
    let mut cluster = Cluster::with_options(3, options);
    cluster.elect(n(1));
    cluster.write(n(1), "a=1");
    cluster.deliver();
    cluster.isolate(n(3));
    for value in 2..6 {
        cluster.write(n(1), &format!("a={value}"));
        cluster.deliver();
    }
    cluster.network.heal();
    for _ in 0..3 {
        cluster.time_out(n(1));
        cluster.deliver();
    }
    assert_eq!(cluster.status(n(3)).applied, cluster.status(n(1)).applied);
    let read = cluster.read(n(3), ReadMode::FollowerReadIndex, "a");
    cluster.deliver();
    cluster.result(read) != "a=5"
}

/// A node shows a write, restarts, and is asked again before it has heard from anybody.
fn node_that_went_backward(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.write(n(1), "a=1");
    cluster.deliver();
    cluster.time_out(n(1));
    cluster.deliver();
    let before = cluster.read(n(3), ReadMode::FollowerLocal, "a");
    assert_eq!(cluster.result(before), "a=1");
    cluster.restart(n(3));
    let after = cluster.read(n(3), ReadMode::FollowerLocal, "a");
    cluster.answer(after) == Some(&Answer::Result("a=none".into()))
}

/// The leader's clock is a tenth slow and the others' are a tenth fast, which the bound allows. They elect another
/// when their election timeout has passed, and the leader's own clock has not yet counted as much.
fn stale_lease_read_on_drifting_clocks(mutant: Option<Mutant>) -> bool {
    const HEARTBEATS_MAX: u32 = 1_000;
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.write(n(1), "x=old");
    // Until n2 happens to be of little patience, and n3 of more.
    let mut impatient = false;
    for _ in 0..HEARTBEATS_MAX {
        cluster.time_out(n(1));
        cluster.deliver();
        impatient = cluster.patience_us(n(2)) < 210_000 && cluster.patience_us(n(3)) > 210_000;
        if impatient {
            break;
        }
    }
    assert!(impatient, "no election timeout was short");
    let fast_us = cluster.patience_us(n(2));
    cluster.isolate(n(1));
    cluster.advance_us(fast_us, &[n(2), n(3)]);
    cluster.deliver();
    assert!(cluster.leads(n(2)));
    let write = cluster.write(n(2), "x=new");
    cluster.deliver();
    assert_eq!(cluster.result(write), "ok");
    cluster.advance_us(fast_us * 9 / 11, &[n(1)]);
    let read = cluster.read(n(1), ReadMode::Lease, "x");
    cluster.answer(read) == Some(&Answer::Result("x=old".into()))
}

/// The power fails at a majority before the disks have synced.
fn answered_write_lost_by_power_failure(mutant: Option<Mutant>) -> bool {
    let mut cluster = Cluster::with_mutant(3, mutant);
    cluster.elect(n(1));
    cluster.isolate(n(3));
    cluster.sync_by_hand = true;
    let write = cluster.write(n(1), "x=1");
    cluster.deliver();
    let answered = cluster.answer(write).is_some();
    for id in [n(1), n(2)] {
        cluster.restart(id);
    }
    let lost = cluster.ids().iter().all(|id| {
        let core = cluster.core(*id).expect("all run");
        core.status().last.0 == 1
    });
    assert!(lost, "only the no-op was synced");
    answered
}
