//! Tests of the ZAB core from outside: golden scripts that read as storyboards, tests of the papers section by section,
//! and a proof for every planted bug that it is one. All of them drive whole cores through the contract, on a
//! [`cluster`] whose clocks, network and disks stand still until they are told to move.

mod cluster;
mod golden;
mod machine;
mod mutants;
mod names;
mod paper;
mod story;
