//! What a message promises about its sender's disk. Checked as it leaves: "updated on stable storage before
//! responding to RPCs" (figure 2).

use splitbrain_consensus::NodeId;
use splitbrain_raft::message::{AppendOutcome, Message};

use super::Replayed;

/// Panics unless the message speaks only of what would survive a crash at this moment. `synced` is what the sender
/// has on disk, `written` what it will have there.
pub(super) fn assert_durable(
    from: NodeId,
    to: NodeId,
    message: &Message,
    synced: &Replayed,
    written: &Replayed,
) {
    let term = message.term().0;
    // Of an earlier term: it was true when that ended, and binds nobody now.
    if term < written.term {
        return;
    }
    match message {
        Message::RequestVote { .. } => assert_vote(synced, term, from),
        Message::RequestVoteReply { granted: true, .. } => assert_vote(synced, term, to),
        // A leader commits only what it has on disk itself.
        Message::AppendEntries { commit_index, .. } => assert!(
            synced.last_index() >= commit_index.0,
            "{from} leads, commits {} and has {} on disk",
            commit_index.0,
            synced.last_index()
        ),
        Message::AppendEntriesReply {
            outcome: AppendOutcome::Matched { match_index },
            ..
        } => {
            assert_eq!(
                synced.term, term,
                "{from} follows in a term that is not on its disk"
            );
            assert!(
                synced.last_index() >= match_index.0,
                "{from} acknowledges {} and has {} on disk",
                match_index.0,
                synced.last_index()
            );
            let acknowledged = synced.entries.range(..=match_index.0);
            let replaced = acknowledged
                .filter(|(index, _)| **index > written.snapshot_index())
                .find(|(index, entry)| written.entries.get(index) != Some(entry));
            assert_eq!(replaced, None, "{from} acknowledges what it is about to replace");
        }
        _ => {}
    }
}

fn assert_vote(synced: &Replayed, term: u64, candidate: NodeId) {
    let on_disk = (synced.term, synced.voted_for);
    assert_eq!(
        on_disk,
        (term, Some(candidate)),
        "a vote is on disk before it leaves"
    );
}
