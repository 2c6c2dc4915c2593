//! A private network of namespaces for the processes of one run, and faults that prove they bit.
pub mod faults;
pub mod firewall;
pub mod grudge;
pub mod network;
pub mod node;
pub mod process;
mod rng;
pub mod sandbox;
pub mod schedule;
