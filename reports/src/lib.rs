//! Run reports: self-contained pages and SVG plots.
//!
//! This crate reads results and draws them; it decides nothing.

pub mod results;
