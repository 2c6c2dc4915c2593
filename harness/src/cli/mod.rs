//! The command line.

mod options;

pub use options::RunOptions;
