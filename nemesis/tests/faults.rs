//! Every fault on real processes, seen from the outside. See `scenarios/` for what is checked.

mod support;

use support::{possible, possible_with_disks, succeed};

#[test]
fn network_connects_all_nodes() {
    if possible() {
        succeed(&["network", "5"]);
    }
}

#[test]
fn network_of_many_nodes_connects_all() {
    if possible() {
        succeed(&["network", "40"]);
    }
}

#[test]
fn process_is_started_paused_killed_and_its_death_told() {
    if possible() {
        succeed(&["process"]);
    }
}

#[test]
fn partition_cuts_what_its_grudge_says_and_heals() {
    if possible() {
        succeed(&["partition"]);
    }
}

#[test]
fn cut_parts_what_its_grudge_says_and_heals() {
    if possible() {
        succeed(&["cut"]);
    }
}

#[test]
fn clients_are_cut_off_from_nodes_and_nodes_are_not_from_each_other() {
    if possible() {
        succeed(&["clients"]);
    }
}

#[test]
fn flapping_links_go_down_and_up() {
    if possible() {
        succeed(&["flapping"]);
    }
}

#[test]
fn loss_loses_its_share_and_nothing_else() {
    if possible() {
        succeed(&["loss"]);
    }
}

#[test]
fn impaired_links_do_to_packets_what_they_should_and_nothing_else() {
    if possible() {
        for kind in ["delay", "reorder", "duplicate", "corrupt", "slow"] {
            succeed(&["impair", kind]);
        }
    }
}

#[test]
fn impairments_are_had_together_and_proven_one_by_one() {
    if possible() {
        succeed(&["impair-together"]);
    }
}

/// A measurement, not a test: nothing here depends on how fast the machine is.
#[test]
#[ignore = "prints how long faults of the network take to be in force"]
fn latencies() {
    if possible() {
        succeed(&["latency", "5"]);
    }
}

#[test]
fn clocks_go_wrong_by_what_was_meant_and_right_again() {
    if possible() {
        succeed(&["clock"]);
    }
}

#[test]
fn kill_ends_processes_and_starts_others() {
    if possible() {
        succeed(&["kill"]);
    }
}

#[test]
fn pause_stops_processes_and_continues_them() {
    if possible() {
        succeed(&["pause"]);
    }
}

#[test]
fn terminate_lets_processes_end_by_themselves_and_kills_those_that_do_not() {
    if possible() {
        succeed(&["terminate"]);
    }
}

#[test]
fn crash_loop_kills_one_process_after_the_other() {
    if possible() {
        succeed(&["crash-loop"]);
    }
}

#[test]
fn slow_cpu_leaves_a_fifth_of_the_time_and_yields_to_pauses() {
    if possible() {
        succeed(&["slow-cpu"]);
    }
}

#[test]
fn memory_is_denied_and_given_back() {
    if possible() {
        succeed(&["memory"]);
    }
}

#[test]
fn overlapping_faults_heal_in_either_order() {
    if possible() {
        succeed(&["overlap"]);
    }
}

#[test]
fn fault_without_a_leader_to_strike_says_so() {
    if possible() {
        succeed(&["leaderless"]);
    }
}

#[test]
fn node_that_stops_too_late_is_resumed() {
    if possible() {
        succeed(&["late"]);
    }
}

#[test]
fn schedule_is_carried_out_and_all_faults_are_proven() {
    if possible() {
        for group in ["0", "1", "2"] {
            for seed in ["1", "2"] {
                succeed(&["conduct", group, seed]);
            }
        }
    }
}

#[test]
fn schedule_of_disk_faults_is_carried_out_and_all_are_proven() {
    if possible_with_disks() {
        for seed in ["1", "2"] {
            succeed(&["conduct", "3", seed]);
        }
    }
}

#[test]
fn power_failure_takes_what_was_not_synced_and_a_kill_does_not() {
    if possible_with_disks() {
        succeed(&["power"]);
    }
}

#[test]
fn torn_write_keeps_a_part_of_what_was_not_synced() {
    if possible_with_disks() {
        succeed(&["torn-write"]);
    }
}

#[test]
fn refusing_disks_excuse_nodes_that_fail_cleanly_and_no_others() {
    if possible_with_disks() {
        succeed(&["refusing"]);
    }
}

#[test]
fn slow_disk_delays_syncs() {
    if possible_with_disks() {
        succeed(&["slow-disk"]);
    }
}

#[test]
fn corrupt_log_is_noticed_and_given_back() {
    if possible_with_disks() {
        succeed(&["corrupt-file"]);
    }
}

#[test]
fn stop_request_heals_at_once() {
    if possible() {
        succeed(&["interrupt"]);
    }
}

#[test]
fn node_that_dies_by_itself_is_reported_and_left_dead() {
    if possible() {
        succeed(&["death"]);
    }
}

#[test]
fn failing_fault_is_an_error_and_the_others_heal() {
    if possible() {
        succeed(&["broken"]);
    }
}
