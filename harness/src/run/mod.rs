//! One run: a cluster under load and faults, judged and reported.

pub mod evidence;
pub mod progress;
