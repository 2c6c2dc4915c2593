//! §6, cluster membership changes.

use std::collections::BTreeSet;

use splitbrain_consensus::Role;

use super::*;

fn membership(voters: &[u16], outgoing: &[u16]) -> Membership {
    Membership {
        outgoing: outgoing.iter().copied().map(n).collect(),
        ..Membership::of(voters.iter().copied().map(n).collect())
    }
}

/// A node whose log ends with this membership, after one entry.
fn with_membership(voters: u16, membership: Membership) -> Solo {
    let mut records = vec![vote(1, None)];
    records.extend(entries(1, &[1]).into_iter().map(Record::Entry));
    records.push(Record::Entry(Entry {
        index: Index(2),
        term: Term(1),
        payload: Payload::Membership(membership),
    }));
    Solo::start(voters, 1, records)
}

fn asked(outcome: &Outcome) -> BTreeSet<u16> {
    outcome.at_once.iter().map(|(to, _)| to.0).collect()
}

/// "Once a given server adds the new configuration entry to its log, it uses that configuration for all future
/// decisions (a server always
/// uses the latest configuration in its log, regardless of whether the entry is committed)."
#[test]
fn s6_a_membership_is_in_force_when_it_is_in_the_log() {
    let mut node = with_membership(3, membership(&[1, 4, 5], &[1, 2, 3]));
    assert_eq!(node.committed(), 0);
    assert_eq!(asked(&node.time_out()), BTreeSet::from([2, 3, 4, 5]));
}

/// ... and when it is deleted, the one before it is.
#[test]
fn s6_a_deleted_membership_is_no_longer_in_force() {
    let mut node = with_membership(3, membership(&[1, 4, 5], &[1, 2, 3]));
    node.receive(2, append(2, at(1, 1), &[2], 0));
    assert_eq!(asked(&node.time_out()), BTreeSet::from([2, 3]));
}

/// "Agreement (for elections and entry commitment) requires separate majorities from both the old and new
/// configurations."
#[test]
fn s6_a_joint_election_needs_both_majorities() {
    let joint = || with_membership(3, membership(&[1, 4, 5], &[1, 2, 3]));
    let wins = |voters: &[u16]| {
        let mut node = joint();
        node.time_out();
        for from in 2..=5 {
            node.receive(from, pre_vote_reply(2));
        }
        for from in voters {
            node.receive(*from, vote_reply(2, true));
        }
        node.core.status().role == Role::Leader
    };
    assert!(!wins(&[2, 3]), "only the old majority");
    assert!(!wins(&[4, 5]), "only the new majority");
    assert!(wins(&[2, 5]));
}

/// "A server that is not part of its own latest configuration should still start new elections, as it might still be
/// needed until the C_new entry is committed", and "does not count its own vote" (thesis §4.2.2).
#[test]
fn s6_a_node_that_is_to_leave_campaigns_and_its_own_vote_does_not_count() {
    let mut leaving = with_membership(3, membership(&[2, 3], &[]));
    assert_eq!(asked(&leaving.time_out()), BTreeSet::from([2, 3]));
    leaving.receive(2, pre_vote_reply(2));
    assert_eq!(leaving.term(), 1, "one of two");
    leaving.receive(3, pre_vote_reply(2));
    leaving.receive(2, vote_reply(2, true));
    assert_eq!(leaving.core.status().role, Role::Candidate, "one of two");
    leaving.receive(3, vote_reply(2, true));
    assert_eq!(leaving.core.status().role, Role::Leader);
}

/// Once it knows that the membership which leaves it out is committed, it has no reason to campaign.
#[test]
fn s6_a_node_that_has_left_does_not_campaign() {
    let mut node = with_membership(3, membership(&[2, 3], &[]));
    node.receive(2, append(1, at(2, 1), &[], 2));
    assert_eq!(node.committed(), 2);
    assert!(node.time_out().is_silent());
    assert_eq!(node.core.status().role, Role::Follower);
}

/// A node may be asked for its vote before it knows that it has one.
#[test]
fn s6_a_node_votes_although_its_own_log_does_not_name_the_candidate() {
    let mut node = Solo::new(3);
    node.pass_ms(200);
    let answer = node.receive(5, request_vote(1, at(0, 0)));
    assert_eq!(answer.message(), &vote_reply(1, true));
}
