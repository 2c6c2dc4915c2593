//! What staleness buys: how long reads took against how stale they were at worst.

use plotters::prelude::*;

use super::super::Plot;
use super::super::axis::{Axis, decade};
use super::super::frame::{self, Entry, HEIGHT};
use super::super::mark::Mark;
use super::{entry, style};
use crate::comparison::{Row, Setting};
use crate::format;

const NAME: &str = "latency-against-staleness";
const TITLE: &str = "Latency against staleness";

/// A mark for each row: from the median latency, a line to its 99th percentile.
pub(super) fn plot(setting: &Setting) -> Plot {
    let rows: Vec<(usize, &Row)> = setting
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.staleness.reads > 0)
        .collect();
    if rows.is_empty() {
        return Plot::empty(NAME, TITLE, "No read was ok.");
    }
    let latencies = || {
        rows.iter()
            .flat_map(|(_, row)| [row.read_latency_ms.p50, row.read_latency_ms.p99])
    };
    let x = Axis::milliseconds(
        latencies().fold(f64::INFINITY, f64::min),
        latencies().fold(0.0, f64::max),
    );
    let worst = |row: &Row| Some(row.staleness.ms_behind_max).filter(|ms| *ms > 0.0);
    let stale = || rows.iter().filter_map(|(_, row)| worst(row));
    let (y, floor) = axis(stale().fold(f64::INFINITY, f64::min), stale().fold(0.0, f64::max));
    let fresh: Vec<usize> = rows
        .iter()
        .filter(|(_, row)| worst(row).is_none())
        .map(|(at, _)| *at)
        .collect();
    let legend: Vec<Entry> = rows.iter().map(|(at, row)| entry(*at, row)).collect();
    let svg = frame::draw_on(&frame::Sheet::new(HEIGHT, x, y), &legend, |chart| {
        for (at, row) in &rows {
            let (shape, colour) = style(*at);
            let height = worst(row).map_or_else(
                // Those that were never stale stand one above the other, within their own band.
                || floor + place(&fresh, *at) * 0.8 + 0.1,
                decade,
            );
            let [p50, p99] = [row.read_latency_ms.p50, row.read_latency_ms.p99].map(decade);
            chart.draw_series([PathElement::new(
                vec![(p50, height), (p99, height)],
                colour.stroke_width(2),
            )])?;
            chart.draw_series([Mark {
                shape,
                at: (p50, height),
                colour,
                size: 5,
            }])?;
        }
        Ok(())
    });
    let caption = "Across: how long ok reads took, from the median (the mark) to the 99th percentile (the end of the line). \
                   Up: the longest that a read was provably behind; modes without a stale read are in the lowest band."
        .to_owned();
    Plot::drawn(NAME, TITLE, caption, svg)
}

/// Decades of milliseconds above a band for what was never stale, and where that band begins.
fn axis(low_ms: f64, high_ms: f64) -> (Axis, f64) {
    let (low_ms, high_ms) = if low_ms.is_finite() {
        (low_ms, high_ms)
    } else {
        (1.0, 10.0)
    };
    let mut axis = Axis::decades(low_ms, high_ms, format::duration_ms);
    axis.low -= 1.0;
    axis.ticks.insert(0, (axis.low, "never".into()));
    let floor = axis.low;
    (axis, floor)
}

/// Where the row `at` stands among `rows`, 0 to 1.
fn place(rows: &[usize], at: usize) -> f64 {
    let number = rows.iter().position(|row| *row == at).unwrap_or(0);
    number as f64 / rows.len().max(1) as f64
}
