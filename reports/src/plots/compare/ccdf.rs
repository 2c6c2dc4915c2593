//! Of how many reads how stale they were at least: both axes logarithmic, since staleness has a long tail.

use plotters::prelude::*;

use super::super::Plot;
use super::super::axis::{Axis, log};
use super::super::frame::{self, Entry, HEIGHT};
use super::super::mark::Mark;
use super::{entry, style};
use crate::comparison::{Row, Setting};

/// Staleness in time.
pub(super) fn milliseconds(setting: &Setting) -> Plot {
    draw(
        setting,
        "staleness-ms",
        "How stale reads were, in time",
        |row| &row.staleness_ms_ccdf,
        Axis::milliseconds,
    )
}

/// Staleness in versions of the key.
pub(super) fn versions(setting: &Setting) -> Plot {
    draw(
        setting,
        "staleness-versions",
        "How stale reads were, in versions of the key",
        |row| &row.staleness_versions_ccdf,
        |low, high| Axis::decades(low, high, crate::format::quantity),
    )
}

fn draw(
    setting: &Setting,
    name: &'static str,
    title: &'static str,
    curve: impl Fn(&Row) -> &Vec<(f64, f64)>,
    axis: impl Fn(f64, f64) -> Axis,
) -> Plot {
    let rows: Vec<(usize, &Row)> = setting
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| !curve(row).is_empty())
        .collect();
    let points = || rows.iter().flat_map(|(_, row)| curve(row).iter().copied());
    if rows.is_empty() {
        return Plot::empty(name, title, "No read was provably stale.");
    }
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let (low, low_share) = (
        least(&mut points().map(|point| point.0)),
        least(&mut points().map(|point| point.1)),
    );
    let high = points().map(|point| point.0).fold(0.0, f64::max);
    let x = axis(low, high);
    let y = Axis::decades(low_share, 1.0, share);
    let legend: Vec<Entry> = rows.iter().map(|(at, row)| entry(*at, row)).collect();
    let left = x.low;
    let svg = frame::draw_on(&frame::Sheet::new(HEIGHT, x, y), &legend, |chart| {
        for (at, row) in &rows {
            let (shape, colour) = style(*at);
            chart.draw_series([PathElement::new(steps(curve(row), left), colour.stroke_width(2))])?;
            let ends = [curve(row).first(), curve(row).last()];
            chart.draw_series(ends.into_iter().flatten().map(|(value, share)| Mark {
                shape,
                at: (log(*value), log(*share)),
                colour,
                size: 4,
            }))?;
        }
        Ok(())
    });
    let caption = "The height of a line is the share of all reads of the mode that were at least so stale. Provable lower \
                   bounds; modes without a stale read have no line."
        .to_owned();
    Plot::drawn(name, title, caption, svg)
}

/// A share as people say it.
fn share(share: f64) -> String {
    match share {
        s if s > 0.99 => "all".into(),
        s if s > 0.0009 => format!("{} %", crate::format::quantity(s * 100.0)),
        s => format!("{} in 10⁶", crate::format::quantity(s * 1e6)),
    }
}

/// The corners of the falling stairs, from the left edge on.
fn steps(curve: &[(f64, f64)], left: f64) -> Vec<(f64, f64)> {
    let mut corners = Vec::new();
    let mut from = left;
    for (value, share) in curve {
        let (x, y) = (log(*value), log(*share));
        corners.extend([(from, y), (x, y)]);
        from = x;
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stairs_fall_at_each_value() {
        let corners = steps(&[(1.0, 0.1), (10.0, 0.01)], -1.0);
        assert_eq!(corners, [(-1.0, -1.0), (0.0, -1.0), (0.0, -2.0), (1.0, -2.0)]);
    }

    #[test]
    fn shares_are_said_in_words_that_fit() {
        assert_eq!(share(1.0), "all");
        assert_eq!(share(0.01), "1 %");
        assert_eq!(share(0.001), "0.1 %");
        assert_eq!(share(1e-5), "10 in 10⁶");
    }
}
