//! Run reports: self-contained pages and SVG plots.
