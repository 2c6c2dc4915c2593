//! Raft as a sans-io state machine, with planted bugs.
