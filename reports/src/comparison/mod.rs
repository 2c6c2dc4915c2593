//! Comparisons: systems and read modes side by side, under the same load and the same faults.

mod results;

pub use results::{
    AroundCut, Availability, Comparison, Contestant, Example, Row, Run, SLOT_MS, Setting, Slots, Updates,
};
