//! §5.3, log replication: what a follower does with `AppendEntries`, and a leader with the answers.

use super::*;

/// Figure 2, AppendEntries 2: "Reply false if log doesn't contain an entry at prevLogIndex whose term matches
/// prevLogTerm". And the end of §5.3: what the rejection tells.
#[test]
fn s5_3_the_consistency_check_tells_where_the_logs_may_meet() {
    let conflict = |term: Option<u64>, first: u64| (term.map(Term), Index(first));
    for (prev, expected) in [
        (at(0, 0), Ok(1)),
        (at(2, 1), Ok(3)),
        (at(5, 3), Ok(6)),
        (at(6, 3), Err(conflict(None, 6))),
        (at(9, 4), Err(conflict(None, 6))),
        (at(5, 4), Err(conflict(Some(3), 4))),
        (at(3, 2), Err(conflict(Some(1), 1))),
    ] {
        let mut follower = Solo::with_log(&[1, 1, 1, 3, 3]);
        let answer = follower.receive(2, append(5, prev, &[5], 0));
        let Message::AppendEntriesReply { outcome, .. } = answer.message() else {
            panic!("{answer:?}");
        };
        let outcome = match outcome {
            AppendOutcome::Matched { match_index } => Ok(match_index.0),
            AppendOutcome::Conflict {
                prev_index,
                term,
                first_index,
            } => {
                assert_eq!(*prev_index, prev.index, "names its question");
                Err((*term, *first_index))
            }
        };
        assert_eq!(outcome, expected, "after {prev:?}");
    }
}

/// Figure 2, AppendEntries 3: "If an existing entry conflicts with a new one (same index but different terms),
/// delete the existing entry and all that follow it".
#[test]
fn s5_3_a_conflicting_entry_goes_with_all_after_it() {
    let mut follower = Solo::with_log(&[1, 2, 2, 2]);
    let answer = follower.receive(2, append(3, at(1, 1), &[3], 0));
    assert_eq!(follower.log(), [1, 3]);
    assert_eq!(matched_up_to(answer.message()), Some(2));
    assert_eq!(
        answer.records.last(),
        Some(&Record::Entry(entries(2, &[3]).remove(0)))
    );
    assert!(
        answer.at_once.is_empty(),
        "the entry is on disk before it is acknowledged"
    );
}

/// The converse: entries that agree delete nothing, though they end before the log does. A late message must not
/// take back what a newer one brought, which may be committed.
#[test]
fn s5_3_an_overtaken_message_deletes_nothing() {
    let mut follower = Solo::with_log(&[1]);
    follower.receive(2, append(1, at(1, 1), &[1, 1, 1], 0));
    let late = follower.receive(2, append(1, at(1, 1), &[1], 0));
    assert_eq!(follower.log(), [1, 1, 1, 1]);
    assert_eq!(
        matched_up_to(late.message()),
        Some(2),
        "it vouches only for what it was asked"
    );
    assert!(late.records.is_empty());
}

/// Figure 2, AppendEntries 5: "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new
/// entry)".
#[test]
fn s5_3_a_follower_commits_no_further_than_it_was_compared() {
    let mut follower = Solo::with_log(&[1, 1, 2, 2]);
    follower.receive(2, append(3, at(1, 1), &[1], 4));
    assert_eq!(follower.committed(), 2);
    follower.receive(2, append(3, at(1, 1), &[], 4));
    assert_eq!(follower.committed(), 2, "the commit index never goes back");
    follower.receive(2, append(3, at(2, 1), &[3], 3));
    assert_eq!(follower.committed(), 3);
}

/// "The leader decides when it is safe to apply a log entry": when a majority has it, and once only.
#[test]
fn s5_3_a_majority_commits_and_each_entry_is_applied_once() {
    let mut leader = Solo::new(5);
    leader.campaign();
    leader.receive(2, vote_reply(1, true));
    leader.receive(3, vote_reply(1, true));
    leader.receive(2, matched(1, 1));
    leader.receive(2, matched(1, 1));
    assert_eq!(leader.committed(), 0, "two of five");
    leader.receive(5, matched(1, 1));
    assert_eq!(leader.committed(), 1);
    leader.receive(4, matched(1, 1));
    assert_eq!(leader.committed(), 1);
}

/// Leader Append-Only (figure 3): what a leader holds it keeps, whatever it is told.
#[test]
fn s5_3_no_answer_makes_a_leader_change_its_log() {
    let mut leader = Solo::with_log(&[1, 1, 2]);
    leader.lead();
    let log = leader.log();
    for (first_index, term) in [(1, None), (9, None), (2, Some(Term(1))), (3, Some(Term(7)))] {
        let conflict = Message::AppendEntriesReply {
            term: Term(leader.term()),
            round: 1,
            outcome: AppendOutcome::Conflict {
                prev_index: Index(3),
                term,
                first_index: Index(first_index),
            },
        };
        leader.receive(2, conflict.clone());
        leader.receive(3, conflict);
        leader.receive(2, matched(leader.term(), 99));
        assert_eq!(leader.log(), log);
    }
}
