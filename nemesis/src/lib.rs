//! A private network of namespaces for the processes of one run, and faults that prove they bit.
//!
//! | module | what it is |
//! |---|---|
//! | [`sandbox`] | a process tree of its own, from which nothing leaks, and what the host allows of it |
//! | [`network`] | a bridge and a network namespace for each node, and probes between them |
//! | [`process`] | the nodes' processes: start, kill, pause, resume, and how one died |
//! | [`disk`] | a file system that loses what was not synced, fills up and fails |
//! | [`facility`] | what faults need of the host beyond a sandbox |
//! | [`firewall`] | dropping packets in a namespace, and counting them |
//! | [`impair`] | holding packets back, copying and damaging them |
//! | [`grudge`] | who drops packets from whom: the shapes of partitions |
//! | [`schedule`] | which fault strikes when, drawn from a seed |
//! | [`faults`] | each fault with its evidence |
//! | [`conductor`] | carries out a schedule and heals |
//!
//! The order of use is the order of the table: `sandbox::enter` first thing in `main`, then a network, processes in
//! it, and a schedule that is conducted while something else loads the nodes.
//!
//! This crate deliberately knows nothing of histories, protocols or reports: what a node is, who leads, and what the
//! time is, it is told by its caller.

pub mod conductor;
pub mod disk;
pub mod facility;
pub mod faults;
pub mod firewall;
pub mod grudge;
pub mod impair;
pub mod network;
pub mod node;
pub mod process;
mod rng;
pub mod sandbox;
pub mod schedule;
mod shaper;
