//! The plots of a comparison: one of each for every shape of the cluster.

mod ccdf;
mod strips;
mod tradeoff;

use plotters::style::RGBColor;

use super::Plot;
use super::frame::Entry;
use super::mark::Shape;
use super::theme;
use crate::comparison::{Row, Setting};
use crate::format;

const SHAPES: [Shape; 6] = [
    Shape::Dot,
    Shape::Triangle,
    Shape::Square,
    Shape::Cross,
    Shape::Ring,
    Shape::HollowSquare,
];

/// The plots of one shape of the cluster, in the order of the page. A plot without data says so in place of axes.
pub(crate) fn plots(setting: &Setting) -> Vec<Plot> {
    vec![
        ccdf::milliseconds(setting),
        ccdf::versions(setting),
        tradeoff::plot(setting),
        strips::with_quorum(setting),
        strips::without_quorum(setting),
    ]
}

/// How a row is marked in all plots of its setting: no two of the first 36 alike.
fn style(row: usize) -> (Shape, RGBColor) {
    let count = SHAPES.len();
    (
        SHAPES[(row + row / count) % count],
        theme::SERIES[row % theme::SERIES.len()],
    )
}

fn name(row: &Row) -> String {
    format::shorten(&format!("{}/{}", row.contestant, row.read_mode), 40)
}

fn entry(at: usize, row: &Row) -> Entry {
    let (shape, colour) = style(at);
    Entry::new(shape, colour, name(row))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_are_told_apart() {
        let styles: HashSet<String> = (0..36).map(|row| format!("{:?}", style(row))).collect();
        assert_eq!(styles.len(), 36);
    }
}
