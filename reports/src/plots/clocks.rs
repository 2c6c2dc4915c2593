//! Clocks: how far that of each node was off.

use plotters::prelude::*;

use super::Plot;
use super::axis::Axis;
use super::frame::{self, Entry, HEIGHT, Scene};
use super::mark::Shape;
use super::theme;
use crate::format;
use crate::results::NemesisEvent;

/// How many stretches of time a node's line has at most; of each the least and the greatest offset are drawn.
const STRETCHES: usize = 400;
/// The least range of the axis, in milliseconds: right clocks are drawn as a flat line.
const LEAST_MS: f64 = 1.0;

/// A reading: seconds since the start, and milliseconds ahead (the middle of what is possible).
type Point = (f64, f64);

/// A line for each node; `None` where no clock was read.
pub(super) fn plot(scene: &Scene<'_>) -> Option<Plot> {
    let (name, title) = ("clocks", "Clocks of the nodes, ahead of the history's");
    let nodes = &scene.report.history.nodes;
    let lines: Vec<Vec<Point>> = nodes.iter().map(|node| line(scene, node)).collect();
    let values = || lines.iter().flatten().map(|(_, ms)| *ms);
    values().next()?;
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let axis = Axis::around_zero(low.min(-LEAST_MS), high.max(LEAST_MS), |ms| {
        let sign = if ms < 0.0 { "−" } else { "" };
        format!("{sign}{}", format::duration_ms(ms.abs()))
    });
    let colour = |at: usize| theme::SERIES[at % theme::SERIES.len()];
    // What repeats a colour is dashed.
    let dashed = |at: usize| at >= theme::SERIES.len();
    let legend = nodes.iter().enumerate().map(|(at, node)| {
        let more = if dashed(at) { " (dashed)" } else { "" };
        Entry::new(
            Shape::Line,
            colour(at),
            format!("{}{more}", format::shorten(node, 20)),
        )
    });
    let svg = frame::draw(scene, HEIGHT, &axis, &legend.collect::<Vec<_>>(), |chart| {
        for (at, points) in lines.iter().enumerate() {
            let style = colour(at).stroke_width(2);
            match dashed(at) {
                true => chart.draw_series(DashedLineSeries::new(points.iter().copied(), 6, 4, style))?,
                false => chart.draw_series(LineSeries::new(points.iter().copied(), style))?,
            };
        }
        Ok(())
    });
    let widest = widest_ms(scene);
    let caption = format!(
        "Read over the clocks' sockets five times a second, from the start of each process. A clock showed what it showed \
         between question and answer; the line is in the middle, and at no reading was that off by more than {}.",
        format::duration_ms(widest / 2.0)
    );
    Some(Plot::drawn(name, title, caption, svg))
}

fn readings<'a>(scene: &Scene<'a>) -> impl Iterator<Item = (u64, &'a str, i64, i64)> {
    scene.report.nemesis.iter().filter_map(|event| match event {
        NemesisEvent::Clock {
            time,
            node,
            least_us,
            most_us,
        } => Some((*time, node.as_str(), *least_us, *most_us)),
        _ => None,
    })
}

fn widest_ms(scene: &Scene<'_>) -> f64 {
    let widths = readings(scene).map(|(.., least, most)| most.saturating_sub(least) as f64 / 1e3);
    widths.fold(0.0, f64::max)
}

fn line(scene: &Scene<'_>, node: &str) -> Vec<Point> {
    let points: Vec<Point> = readings(scene)
        .filter(|(_, of, ..)| *of == node)
        .map(|(time, _, least, most)| (scene.span.seconds(time), (least as f64 + most as f64) / 2e3))
        .collect();
    let length = points.len().div_ceil(STRETCHES).max(1);
    points.chunks(length).flat_map(extremes).collect()
}

/// The least and the greatest of some readings, in their order.
fn extremes(points: &[Point]) -> Vec<Point> {
    let by_value = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
    let mut found: Vec<Point> = [points.iter().min_by(by_value), points.iter().max_by(by_value)]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_readings_the_extremes_are_kept_in_order() {
        let points = [(0.0, 1.0), (1.0, 9.0), (2.0, -3.0), (3.0, 2.0)];
        assert_eq!(extremes(&points), [(1.0, 9.0), (2.0, -3.0)]);
        assert_eq!(extremes(&points[..1]), [(0.0, 1.0)]);
    }
}
