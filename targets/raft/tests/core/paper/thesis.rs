//! What the thesis adds: leadership transfer (§3.10), disruptive servers (§4.2.3), stepping down (§6.2), leases
//! (§6.4.1), pre-vote (§9.6) and pipelining (§10.2).

use splitbrain_consensus::{Incarnation, RequestId, Role};
use splitbrain_raft::OptionError;

use super::*;

/// §3.10: `TimeoutNow` "has the same effect as the target server's election timer firing", without a pre-vote.
#[test]
fn thesis_s3_10_timeout_now_starts_a_campaign_that_says_why() {
    let mut node = Solo::with_log(&[1]);
    node.receive(2, append(1, at(1, 1), &[], 0));
    let campaign = node.receive(2, Message::TimeoutNow { term: Term(1) });
    let asks = Message::RequestVote {
        term: Term(2),
        last: at(1, 1),
        transfer: true,
    };
    assert_eq!(campaign.messages(), [&asks, &asks]);
}

/// §3.10: a request to campaign that comes late belongs to a term that is over.
#[test]
fn thesis_s3_10_timeout_now_of_an_earlier_term_is_ignored() {
    let mut node = Solo::with_log(&[2]);
    node.receive(2, append(2, at(1, 2), &[], 0));
    assert!(node.receive(3, Message::TimeoutNow { term: Term(1) }).is_silent());
    assert_eq!(node.core.status().leader, Some(n(2)));
}

/// §4.2.3: "if a server receives a RequestVote request within the minimum election timeout of hearing from a current
/// leader, it does not update its term or grant its vote" — unless the leader itself wants the change.
#[test]
fn thesis_s4_2_3_a_node_that_hears_its_leader_is_deaf_to_candidates() {
    let mut node = Solo::new(3);
    node.receive(2, append(1, at(0, 0), &[1], 0));
    node.pass_ms(199);
    assert!(node.receive(3, request_vote(2, at(1, 1))).is_silent());
    assert_eq!(node.term(), 1);
    let wanted = Message::RequestVote {
        term: Term(2),
        last: at(1, 1),
        transfer: true,
    };
    assert_eq!(node.receive(3, wanted).message(), &vote_reply(2, true));

    let mut node = Solo::new(3);
    node.receive(2, append(1, at(0, 0), &[1], 0));
    node.now = node.now.plus_micros(200_000);
    node.core.tick(node.now);
    assert_eq!(
        node.receive(3, request_vote(2, at(1, 1))).message(),
        &vote_reply(2, true)
    );
}

/// §6.2: "a leader steps down if an election timeout elapses without a successful round of heartbeats to a majority
/// of its cluster"; here the time is a setting.
#[test]
fn thesis_s6_2_a_leader_steps_down_without_a_quorum_and_not_with_one() {
    let mut leader = Solo::new(5);
    leader.campaign();
    leader.receive(2, vote_reply(1, true));
    leader.receive(3, vote_reply(1, true));
    for _ in 0..3 {
        leader.pass_ms(1_000);
        leader.receive(2, matched(1, 1));
        leader.receive(4, matched(1, 1));
    }
    assert_eq!(leader.core.status().role, Role::Leader);
    leader.pass_ms(1_000);
    leader.receive(2, matched(1, 1));
    leader.pass_ms(1_000);
    let status = leader.core.status();
    assert_eq!(
        (status.role, status.term),
        (Role::Follower, 1),
        "one answered, two are needed"
    );
}

/// §6.4.1: the lease ends, by the leader's clock, before any voter's clock can have counted an election timeout.
#[test]
fn thesis_s6_4_1_a_lease_ends_in_time_whatever_the_clocks_do_within_the_bound() {
    for drift in [0_u64, 1, 100, 10_000, 100_000, 500_000, 999_999] {
        let mut options = Options::default();
        let set = options.set("clock-drift-bound-ppm", &drift.to_string());
        assert_eq!(set, Ok(()));
        // Real time that passes while the slowest leader counts its lease, and the fastest voter its timeout.
        let lease_at_most = u128::from(options.lease_us()) * u128::from(1_000_000 + drift);
        let timeout_at_least = u128::from(options.election_timeout_us) * u128::from(1_000_000 - drift);
        assert!(lease_at_most <= timeout_at_least, "{drift} ppm");
        assert!(drift > 0 || options.lease_us() == options.election_timeout_us);
    }
    for senseless in [1_000_000, u64::MAX] {
        let set = Options::default().set("clock-drift-bound-ppm", &senseless.to_string());
        assert_eq!(
            set,
            Err(OptionError::TooLarge("clock-drift-bound-ppm".into(), 999_999))
        );
    }
}

/// §6.4.1: leases rest on "the servers' promise not to vote" for an election timeout (§4.2.3). A voter keeps it also
/// where the candidate's term reached it first by another message.
#[test]
fn thesis_s6_4_1_a_voter_of_a_lease_is_deaf_in_a_term_that_it_adopted_otherwise() {
    let mut voter = Solo::new(3);
    voter.receive(2, append(1, at(0, 0), &[1], 0));
    voter.receive(3, vote_reply(2, false));
    assert_eq!(voter.term(), 2);
    voter.pass_ms(199);
    assert!(voter.receive(3, request_vote(2, at(1, 1))).is_silent());
    voter.now = voter.now.plus_micros(1_000);
    voter.core.tick(voter.now);
    let answer = voter.receive(3, request_vote(2, at(1, 1)));
    assert_eq!(answer.message(), &vote_reply(2, true));
}

/// §9.6: a pre-vote binds nobody: no term, no vote, nothing on disk, and as many as ask may have one.
#[test]
fn thesis_s9_6_a_pre_vote_changes_nothing() {
    let mut node = Solo::with_log(&[1]);
    node.pass_ms(200);
    let deadline = node.core.deadline();
    for from in [2, 3] {
        let answer = node.receive(from, pre_vote(9, at(1, 1)));
        assert_eq!(answer.message(), &pre_vote_reply(9));
        assert!(answer.records.is_empty());
    }
    assert_eq!((node.term(), node.core.deadline()), (1, deadline));
}

/// §9.6: "a candidate only increments its term if it first learns from a majority of the cluster that they would be
/// willing to grant the candidate their votes".
#[test]
fn thesis_s9_6_a_term_begins_only_with_a_majority_of_pre_votes() {
    let mut node = Solo::new(5);
    node.time_out();
    node.receive(2, pre_vote_reply(1));
    node.receive(2, pre_vote_reply(1));
    node.receive(3, pre_vote_reply(2));
    assert_eq!(
        node.term(),
        0,
        "one of five besides itself; one of another question"
    );
    node.receive(4, pre_vote_reply(1));
    assert_eq!(node.term(), 1);
}

/// §10.2.1: the leader writes to its own disk in parallel with replicating to the followers. Unlike in the thesis it
/// waits for its own disk before it commits.
#[test]
fn thesis_s10_2_1_a_leader_sends_before_its_own_disk_has_synced() {
    let mut leader = Solo::new(3);
    leader.lead();
    leader.receive(2, matched(1, 1));
    let id = RequestId {
        node: n(1),
        incarnation: Incarnation(1),
        seq: 1,
    };
    leader.core.propose(id, b"x=1".to_vec());
    let ready = leader.core.ready();
    assert_eq!(ready.messages.len(), 1, "to n2, whose log is known to agree");
    assert!(ready.sync && ready.messages_after.is_empty());
    leader.core.receive(n(2), matched(1, 2));
    leader.core.receive(n(3), matched(1, 2));
    assert_eq!(leader.committed(), 1, "its own disk lacks it");
    leader.core.persisted(ready.position);
    assert_eq!(leader.committed(), 2);
}
