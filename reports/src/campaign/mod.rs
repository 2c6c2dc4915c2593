//! The page of a campaign: what is new, and all nights.

mod grid;
mod listing;
mod nights;
mod page;
mod results;

pub use page::campaign_page;
pub use results::{Campaign, Failure, FailureState, Kept, Night, State, Unit};

pub(crate) use nights::{NightFigures, median};
