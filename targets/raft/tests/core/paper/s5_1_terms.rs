//! §5.1, Raft basics: terms, and what they do to a node.

use splitbrain_consensus::Role;

use super::*;

/// "If a server receives a request with a stale term number, it rejects the request."
#[test]
fn s5_1_a_request_of_an_earlier_term_is_rejected_with_the_later() {
    let mut node = Solo::with_log(&[1, 3]);
    let answer = node.receive(2, request_vote(2, at(9, 2)));
    assert_eq!(answer.message(), &vote_reply(3, false));
    let answer = node.receive(2, append(2, at(2, 3), &[2], 3));
    assert_eq!(answer.message().term(), Term(3));
    assert_eq!(matched_up_to(answer.message()), None);
    assert_eq!((node.log(), node.committed()), (vec![1, 3], 0));
}

/// "If one server's current term is smaller than the other's, then it updates its current term to the larger value",
/// and currentTerm is persistent (figure 2).
#[test]
fn s5_1_a_later_term_is_adopted_and_persisted() {
    for message in [matched(5, 0), vote_reply(5, false), append(5, at(0, 0), &[], 0)] {
        let mut node = Solo::new(3);
        let outcome = node.receive(2, message);
        assert_eq!(node.term(), 5);
        assert_eq!(outcome.records, [vote(5, None)]);
    }
}

/// "If a candidate or leader discovers that its term is out of date, it immediately reverts to follower state."
#[test]
fn s5_1_a_later_term_makes_candidate_and_leader_a_follower() {
    let mut candidate = Solo::new(3);
    candidate.campaign();
    assert_eq!(candidate.core.status().role, Role::Candidate);
    let mut leader = Solo::new(3);
    leader.lead();
    assert_eq!(leader.core.status().role, Role::Leader);
    for mut node in [candidate, leader] {
        node.receive(3, matched(7, 0));
        assert_eq!((node.core.status().role, node.term()), (Role::Follower, 7));
        assert_eq!(node.core.status().leader, None);
    }
}

/// An answer to a question of an earlier term says nothing about this one.
#[test]
fn s5_1_an_answer_of_an_earlier_term_counts_for_nothing() {
    let mut candidate = Solo::with_log(&[1]);
    candidate.campaign();
    assert!(candidate.receive(2, vote_reply(1, true)).is_silent());
    assert_eq!(candidate.core.status().role, Role::Candidate);

    let mut leader = Solo::with_log(&[1]);
    leader.lead();
    assert!(leader.receive(2, matched(1, 2)).is_silent());
    assert_eq!(leader.committed(), 0);
}
