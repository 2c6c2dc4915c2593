//! Run reports: self-contained pages and SVG plots.
//!
//! This crate reads results and draws them; it decides nothing. A [`RunReport`] borrows what a run left behind, and
//! [`run_page`] turns it into one HTML file that needs no network and admits no script but its own, while [`plots`]
//! draws the same figures as files of their own. [`check_page`] does the same for a history that was only checked,
//! [`comparison::comparison_page`] for a comparison and [`campaign::campaign_page`] for all nights of a campaign.
//!
//! Whatever comes from a node, a history or a file is data here, never markup: the templates escape, the timeline's
//! data travel as JSON and as base64, and the scripts write text nodes only.

mod assets;
pub mod campaign;
pub mod check;
pub mod comparison;
mod counterexample;
mod faults;
mod format;
mod page;
mod plots;
mod report;
pub mod results;
pub mod store;
mod timeline;

pub use check::check_page;
pub use page::run_page;
pub use plots::{Plot, plots};
pub use report::{ReadStaleness, RunReport};
