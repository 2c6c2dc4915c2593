//! Golden scripts: storyboards of a cluster, in `tests/scripts`. Each is named `subject_condition_outcome`. To
//! see what a change of the core changes, run them with `UPDATE_GOLDENFILES=1` and read the difference.

mod command;
mod runner;

use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

/// A test for each script, and one that no script is forgotten.
macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let path = folder().join(stringify!($name));
                if let Err(error) = goldenscript::run(&mut runner::Storyboard::default(), path) {
                    panic!("{error}");
                }
            }
        )*

        #[test]
        fn every_script_is_run() {
            let files = std::fs::read_dir(folder()).expect("the folder of the scripts");
            let name = |file: std::fs::DirEntry| file.file_name().to_string_lossy().into_owned();
            let mut found: Vec<_> = files.map(|file| name(file.expect("a readable folder"))).collect();
            found.sort_unstable();
            let mut run: Vec<&str> = vec![$(stringify!($name)),*];
            run.sort_unstable();
            assert_eq!(found, run);
        }
    };
}

scripts! {
    append_batch_travels_in_one_message
    append_conflict_backtracks_whole_term
    append_deposed_leader_steps_down
    append_duplicates_and_reordering_change_nothing
    append_figure_7_all_followers_brought_in_line
    append_heartbeats_keep_followers_quiet
    append_leader_without_quorum_steps_down
    append_lost_answer_is_repeated_to_heartbeat
    append_lost_message_is_repaired
    append_lost_message_is_shown_by_heartbeat
    append_pipeline_fills_its_window
    append_write_commits_and_is_answered
    commit_figure_8_mutant_loses_entry
    commit_figure_8_older_term_not_counted
    commit_figure_8_own_term_entry_stays
    commit_noop_makes_older_entries_prompt
    commit_not_beyond_what_was_verified
    election_cut_off_node_disturbs_nobody
    election_leader_heard_campaign_ignored
    election_log_behind_gets_no_votes
    election_restarted_node_refuses_for_a_timeout
    election_restarted_voter_keeps_its_vote
    election_single_node_leads_alone
    election_split_vote_next_term_decides
    election_timeout_passes_candidate_leads
    election_vote_waits_for_disk
    election_voter_crashes_before_sync_vote_is_free
    forward_of_another_term_is_dropped
    forward_repeated_by_network_taken_once
    forward_without_leader_is_refused
    membership_change_takes_three_steps
    membership_joint_new_majority_commits_nothing
    membership_joint_old_majority_commits_nothing
    membership_leader_removed_steps_down
    membership_leaving_node_is_needed_until_it_has_left
    membership_new_leader_finishes_joint_change
    membership_removed_node_disturbs_nobody
    membership_second_change_is_refused
    membership_truncated_change_rolls_back
    persist_answer_leaves_after_sync
    persist_crash_before_sync_loses_entry
    persist_leader_commits_nothing_before_its_own_disk
    persist_torn_tail_keeps_prefix
    read_follower_index_waits_until_applied
    read_follower_local_is_stale_behind_partition
    read_follower_local_refused_until_caught_up_after_restart
    read_follower_local_refused_until_snapshot_is_durable
    read_index_of_deposed_leader_is_never_answered
    read_index_of_deposed_leader_not_confirmed_by_old_rejection
    read_index_waits_for_its_round
    read_index_waits_for_own_term_commit
    read_leader_local_is_stale_under_deposed_leader
    read_leader_local_refused_until_caught_up_after_restart
    read_lease_is_served_alone_until_it_ends
    read_log_takes_its_place_in_the_log
    read_single_node_confirms_itself
    snapshot_installed_drops_conflicting_log
    snapshot_installed_keeps_agreeing_suffix
    snapshot_lost_and_repeated_pieces_are_resumed
    snapshot_restart_restores_state
    snapshot_sent_in_pieces
    snapshot_threshold_compacts_log
    transfer_refused_by_those_who_cannot
    transfer_revokes_the_lease
    transfer_successor_campaigns_at_once
    transfer_unanswered_is_given_up
}
