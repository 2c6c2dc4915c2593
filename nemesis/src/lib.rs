//! A private network of namespaces for the processes of one run, and faults that prove they bit.
pub mod grudge;
pub mod node;
mod rng;
pub mod schedule;
