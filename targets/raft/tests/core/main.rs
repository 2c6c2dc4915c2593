//! Tests of the Raft core from outside: golden scripts that read as storyboards, tests of the paper section by
//! section, properties, and a proof for every planted bug that it is one. All of them drive whole cores through
//! the contract, on a [`cluster`] whose clock, network and disks stand still until they are told to move.

mod cluster;
mod golden;
mod mutants;
mod names;
mod paper;
mod properties;
