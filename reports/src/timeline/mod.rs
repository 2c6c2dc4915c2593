//! The timeline's data: what the page's scripts draw, packed so that 100,000 ops fit in a few megabytes.

mod columns;
mod data;
mod selection;

pub(crate) use columns::{Column, PackedColumn};
pub(crate) use data::build;
pub(crate) use selection::{Kept, MAX_OPS, Selection, evenly, refused, select};
