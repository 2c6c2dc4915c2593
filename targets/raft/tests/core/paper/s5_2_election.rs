//! §5.2, leader election.

use splitbrain_consensus::Role;

use super::*;

/// "When servers start up, they begin as followers."
#[test]
fn s5_2_a_node_begins_as_follower_whatever_it_was() {
    let voted_for_itself = vec![vote(4, Some(n(1)))];
    let node = Solo::start(3, 1, voted_for_itself);
    let status = node.core.status();
    assert_eq!(
        (status.role, status.term, status.leader),
        (Role::Follower, 4, None)
    );
}

/// "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis."
#[test]
fn s5_2_a_vote_is_given_once_a_term() {
    let mut node = Solo::new(3);
    node.pass_ms(200);
    let first = node.receive(2, request_vote(1, at(0, 0)));
    assert_eq!(first.message(), &vote_reply(1, true));
    let second = node.receive(3, request_vote(1, at(9, 1)));
    assert_eq!(second.message(), &vote_reply(1, false));
    let repeated = node.receive(2, request_vote(1, at(0, 0)));
    assert_eq!(
        repeated.message(),
        &vote_reply(1, true),
        "the answer may have been lost"
    );
    let next_term = node.receive(3, request_vote(2, at(9, 1)));
    assert_eq!(next_term.message(), &vote_reply(2, true));
}

/// Figure 2: votedFor is "updated on stable storage before responding to RPCs".
#[test]
fn s5_2_a_vote_leaves_with_its_record() {
    let mut voter = Solo::new(3);
    voter.pass_ms(200);
    let granted = voter.receive(2, request_vote(1, at(0, 0)));
    assert_eq!(granted.records.last(), Some(&vote(1, Some(n(2)))));
    assert!(granted.at_once.is_empty());

    let mut candidate = Solo::new(3);
    candidate.time_out();
    let campaign = candidate.receive(2, pre_vote_reply(1));
    assert_eq!(campaign.records, [vote(1, Some(n(1)))], "it votes for itself");
    assert!(campaign.at_once.is_empty());
    assert_eq!(campaign.after_sync.len(), 2);
}

/// "A candidate wins an election if it receives votes from a majority of the servers in the full cluster for
/// the same term."
#[test]
fn s5_2_a_majority_of_votes_wins_and_no_less() {
    let mut node = Solo::new(5);
    node.campaign();
    node.receive(2, vote_reply(1, true));
    node.receive(2, vote_reply(1, true));
    node.receive(3, vote_reply(1, false));
    assert_eq!(
        node.core.status().role,
        Role::Candidate,
        "two of five, one of them twice"
    );
    node.receive(4, vote_reply(1, true));
    assert_eq!(node.core.status().role, Role::Leader);
}

/// "Once a candidate wins an election, it becomes leader. It then sends heartbeat messages to all of the other
/// servers to establish its authority and prevent new elections."
#[test]
fn s5_2_a_new_leader_is_heard_at_once_and_at_every_interval() {
    let mut leader = Solo::new(5);
    leader.campaign();
    leader.receive(2, vote_reply(1, true));
    let first = leader.receive(3, vote_reply(1, true));
    assert_eq!(first.messages().len(), 4);
    let heartbeats = leader.pass_ms(40);
    assert_eq!(heartbeats.messages().len(), 4);
    assert!(leader.pass_ms(39).is_silent());
}

/// "If the leader's term (included in its RPC) is at least as large as the candidate's current term, then the candidate recognizes the
/// leader as legitimate and returns to follower state."
#[test]
fn s5_2_a_candidate_that_hears_a_leader_of_its_term_follows_it() {
    let mut candidate = Solo::new(3);
    candidate.campaign();
    candidate.receive(3, append(1, at(0, 0), &[1], 0));
    let status = candidate.core.status();
    assert_eq!((status.role, status.leader), (Role::Follower, Some(n(3))));
    let late = candidate.receive(2, vote_reply(1, true));
    assert!(late.is_silent(), "a vote that comes late elects nobody");
}

/// "If the term in the RPC is smaller than the candidate's current term, then the candidate rejects the RPC and
/// continues in candidate state."
#[test]
fn s5_2_a_candidate_ignores_a_leader_of_an_earlier_term() {
    let mut candidate = Solo::with_log(&[1]);
    candidate.campaign();
    candidate.receive(3, append(1, at(1, 1), &[1], 0));
    assert_eq!(candidate.core.status().role, Role::Candidate);
    assert_eq!(candidate.log(), [1]);
}

/// "Election timeouts are chosen randomly from a fixed interval", anew at the start of each election.
#[test]
fn s5_2_election_timeouts_are_spread_over_their_interval() {
    let least = Options::default().election_timeout_us;
    let mut timeouts = Vec::new();
    for seed in 0..40 {
        let mut node = Solo::start(3, seed, Vec::new());
        let start = node.now;
        timeouts.push(node.core.deadline().micros_since(start));
        node.time_out();
        timeouts.push(node.core.deadline().micros_since(node.now));
    }
    assert!(
        timeouts
            .iter()
            .all(|timeout| (least..2 * least).contains(timeout))
    );
    for quarter in 0..4 {
        let from = least + quarter * least / 4;
        let within = timeouts
            .iter()
            .filter(|t| (from..from + least / 4).contains(t))
            .count();
        assert!(within >= 8, "{within} of 80 in quarter {quarter}");
    }
}

/// "A server remains in follower state as long as it receives valid RPCs from a leader or candidate."
#[test]
fn s5_2_leaders_and_granted_votes_reset_the_election_timeout_and_nothing_else_does() {
    let mut node = Solo::new(3);
    node.pass_ms(199);
    let deadline = node.core.deadline();
    node.receive(2, append(1, at(0, 0), &[], 0));
    assert!(node.core.deadline() > deadline);

    let mut node = Solo::with_log(&[1]);
    node.pass_ms(200);
    let deadline = node.core.deadline();
    node.receive(2, pre_vote(2, at(1, 1)));
    node.receive(2, request_vote(2, at(0, 0)));
    assert_eq!(node.core.deadline(), deadline, "a vote that it refused");
    node.receive(3, request_vote(2, at(1, 1)));
    assert!(node.core.deadline() > deadline);
}

/// A candidate's own vote counts once it is on disk, even where no other is needed: else it could vote for another in
/// the same term after a restart. That an earlier term's is there does not help.
#[test]
fn s5_2_a_candidate_leads_only_when_its_own_vote_is_on_disk() {
    let mut alone = Solo::new(1);
    let mut positions = Vec::new();
    for _ in 0..2 {
        alone.now = alone.core.deadline();
        alone.core.tick(alone.now);
        positions.push(alone.core.ready().position);
    }
    assert_eq!(alone.term(), 2);
    alone.core.persisted(positions[0]);
    assert_eq!(alone.core.status().role, Role::Candidate);
    alone.core.persisted(positions[1]);
    assert_eq!(alone.core.status().role, Role::Leader);
}
