//! Comparisons: systems and read modes side by side, under the same load and the same faults.

mod page;
mod results;

pub use page::comparison_page;
pub use results::{
    AroundCut, Availability, Comparison, Contestant, Example, Row, Run, SLOT_MS, Setting, Slots, Updates,
};
