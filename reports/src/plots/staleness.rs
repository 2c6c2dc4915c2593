//! Staleness of reads over time, by read mode.

use super::Plot;
use super::axis::{Axis, decade};
use super::frame::{self, Entry, HEIGHT, Scene};
use super::mark::{Mark, Shape};
use super::theme;
use super::thin::{Point, thin};
use crate::format;
use crate::report::ReadStaleness;

const SHAPES: [Shape; 6] = [
    Shape::Dot,
    Shape::Triangle,
    Shape::Square,
    Shape::Cross,
    Shape::Ring,
    Shape::HollowSquare,
];

/// How long a newer version had been visible, for each stale read.
pub(super) fn milliseconds(scene: &Scene<'_>) -> Plot {
    let axis = |high: f64| Axis::milliseconds(high.clamp(1e-3, 1.0), high);
    draw(
        scene,
        "staleness-ms",
        "Staleness of reads, in time",
        |read| decade(read.ms_behind),
        |y| axis(10f64.powf(y)),
    )
}

/// How many newer versions had been visible, for each stale read.
pub(super) fn versions(scene: &Scene<'_>) -> Plot {
    let value = |read: &ReadStaleness| read.versions_behind as f64;
    draw(
        scene,
        "staleness-versions",
        "Staleness of reads, in versions of the key",
        value,
        |high| Axis::linear(high, ""),
    )
}

fn draw(
    scene: &Scene<'_>,
    name: &'static str,
    title: &'static str,
    value: impl Fn(&ReadStaleness) -> f64,
    axis: impl Fn(f64) -> Axis,
) -> Plot {
    let points = points(scene, value);
    if points.is_empty() {
        return Plot::empty(name, title, "No read was provably stale.");
    }
    let axis = axis(
        points
            .iter()
            .map(|point| point.y)
            .fold(f64::NEG_INFINITY, f64::max),
    );
    let modes = &scene.report.history.read_modes;
    let present: Vec<usize> = (0..=modes.len())
        .filter(|&mode| points.iter().any(|point| point.class == mode))
        .collect();
    let text = |mode: usize| {
        modes
            .get(mode)
            .map_or_else(|| "no read mode".into(), |name| format::shorten(name, 40))
    };
    let legend: Vec<Entry> = present
        .iter()
        .enumerate()
        .map(|(at, &mode)| {
            Entry::new(
                SHAPES[at % SHAPES.len()],
                theme::SERIES[at % theme::SERIES.len()],
                text(mode),
            )
        })
        .collect();
    let shown = thin(&points, (scene.span.length_seconds(), axis.high - axis.low));
    let svg = frame::draw(scene, HEIGHT, &axis, &legend, |chart| {
        chart.draw_series(shown.iter().map(|point| {
            let at = present.iter().position(|&mode| mode == point.class).unwrap_or(0);
            let y = point.y.max(axis.low);
            let (shape, colour) = (SHAPES[at % SHAPES.len()], theme::SERIES[at % theme::SERIES.len()]);
            Mark {
                shape,
                at: (point.x, y),
                colour,
                size: 2,
            }
        }))?;
        Ok(())
    });
    let merged = if shown.len() < points.len() {
        " Reads that would overlap are drawn as one."
    } else {
        ""
    };
    let caption = format!(
        "{} by invocation, out of {} judged; provable lower bounds.{merged}",
        format::plural(points.len() as u64, "stale read", "stale reads"),
        format::count(
            scene
                .report
                .results
                .claims
                .iter()
                .map(|claim| claim.staleness.reads)
                .sum()
        ),
    );
    Plot::drawn(name, title, caption, svg)
}

/// The stale reads; the class is the index of the read mode, or one past the last where an op names none.
fn points(scene: &Scene<'_>, value: impl Fn(&ReadStaleness) -> f64) -> Vec<Point<usize>> {
    let history = scene.report.history;
    let point = |read: &ReadStaleness| {
        let op = history.ops.get(read.op_index.0 as usize)?;
        let class = op
            .read_mode
            .map_or(history.read_modes.len(), |mode| usize::from(mode.0));
        let (x, y) = (scene.span.seconds(op.invoked_ns), value(read));
        y.is_finite().then_some(Point {
            x,
            y,
            class: class.min(history.read_modes.len()),
            keep: true,
        })
    };
    scene
        .report
        .staleness
        .iter()
        .filter(|read| read.is_stale())
        .filter_map(point)
        .collect()
}
