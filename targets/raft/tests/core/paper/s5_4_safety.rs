//! §5.4, safety: who may lead, and what counts as committed.

use super::*;

/// §5.4.1: "If the logs have last entries with different terms, then the log with the later term is more up-to-date.
/// If the logs end with the same term, then whichever log is longer is more up-to-date."
#[test]
fn s5_4_1_a_vote_goes_only_to_a_log_that_is_at_least_as_up_to_date() {
    for (last, granted) in [
        (at(3, 2), true),
        (at(4, 2), true),
        (at(1, 3), true),
        (at(2, 2), false),
        (at(9, 1), false),
        (at(0, 0), false),
    ] {
        let mut voter = Solo::with_log(&[1, 1, 2]);
        voter.pass_ms(200);
        let pre_vote = voter.receive(3, pre_vote(5, last));
        let Message::PreVoteReply { granted: would, .. } = pre_vote.message() else {
            panic!("{pre_vote:?}");
        };
        let answer = voter.receive(3, request_vote(5, last));
        assert_eq!(answer.message(), &vote_reply(5, granted), "{last:?}");
        assert_eq!(*would, granted, "a pre-vote foretells the vote");
    }
}

/// §5.4.1: a refusal leaves the vote free for a better candidate of the same term.
#[test]
fn s5_4_1_a_refused_candidate_does_not_use_up_the_vote() {
    let mut voter = Solo::with_log(&[1, 1]);
    voter.pass_ms(200);
    voter.receive(2, request_vote(2, at(1, 1)));
    let better = voter.receive(3, request_vote(2, at(2, 1)));
    assert_eq!(better.message(), &vote_reply(2, true));
}

/// §5.4.2: "Raft never commits log entries from previous terms by counting replicas. Only log entries from the
/// leader's current term are committed by counting replicas."
#[test]
fn s5_4_2_entries_of_earlier_terms_are_committed_only_along_with_one_of_the_leaders_term() {
    let mut leader = Solo::with_log(&[1, 2, 2]);
    leader.lead();
    leader.receive(2, matched(3, 3));
    leader.receive(3, matched(3, 3));
    assert_eq!(leader.committed(), 0, "three of three have 3@2");
    leader.receive(2, matched(3, 4));
    assert_eq!(leader.committed(), 4);
}

/// §8: "Raft handles this by having each leader commit a blank no-op entry into the log at the start of its term."
#[test]
fn s8_a_new_leader_appends_an_entry_of_its_term() {
    let mut leader = Solo::with_log(&[1, 2]);
    let elected = leader.lead();
    assert_eq!(leader.log(), [1, 2, 3]);
    assert_eq!(
        elected.records,
        entries(3, &[3])
            .into_iter()
            .map(Record::Entry)
            .collect::<Vec<_>>()
    );
}
