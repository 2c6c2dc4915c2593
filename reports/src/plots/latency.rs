//! Latency: every op as a point, and quantiles over time.

use plotters::prelude::*;
use splitbrain_checker::history::{Action, Op, Outcome};

use super::Plot;
use super::axis::{Axis, decade};
use super::bins::{Windows, latency_ms, moment_ns, quantile};
use super::frame::{self, Entry, HEIGHT, Scene};
use super::mark::{Mark, Shape};
use super::theme;
use super::thin::{MAX_ORDINARY, Point, thin};
use crate::format;
use crate::timeline::refused;

/// One ok op in so many is an outlier that thinning may not drop.
const OUTLIER_ONE_IN: usize = 200;

/// The latency of each op by the time of its invocation.
pub(super) fn scatter(scene: &Scene<'_>) -> Plot {
    let all = points(scene);
    let (name, title) = ("latency-raw", "Latency of each op");
    if all.is_empty() {
        return Plot::empty(name, title, "No op has a recorded completion.");
    }
    let low = all.iter().map(|point| point.y).fold(f64::INFINITY, f64::min);
    let high = all.iter().map(|point| point.y).fold(f64::NEG_INFINITY, f64::max);
    let axis = Axis::milliseconds(10f64.powf(low), 10f64.powf(high));
    let shown = thin(&all, (scene.span.length_seconds(), axis.high - axis.low));
    let legend = [
        Entry::new(Shape::Dot, theme::OK, "ok read"),
        Entry::new(Shape::Square, theme::OK, "ok write"),
        Entry::new(Shape::Triangle, theme::OK, "ok cas"),
        Entry::new(Shape::Ring, theme::FAIL, "fail read"),
        Entry::new(Shape::HollowSquare, theme::FAIL, "fail write or cas"),
        Entry::new(Shape::Cross, theme::INFO, "info, until given up"),
    ];
    let svg = frame::draw(scene, HEIGHT + 60, &axis, &legend, |chart| {
        chart.draw_series(shown.iter().map(|point| {
            let (shape, colour) = look(point.class);
            let size = if shape == Shape::Dot { 1 } else { 2 };
            Mark {
                shape,
                at: (point.x, point.y),
                colour,
                size,
            }
        }))?;
        Ok(())
    });
    let thinned = if shown.len() < all.len() {
        format!(
            " {} of {} drawn: ok ops and compares that did not match are thinned to {}; info, other fails and the slowest are all marked.",
            format::count(shown.len() as u64),
            format::plural(all.len() as u64, "op", "ops"),
            format::count(MAX_ORDINARY as u64),
        )
    } else {
        String::new()
    };
    let caption = format!("From invocation to completion, by invocation; logarithmic.{thinned}");
    Plot::drawn(name, title, caption, svg)
}

/// What is told apart: how the op ended, and whether it read (0), wrote (1) or compared (2).
type Class = (Outcome, u8);

fn look((outcome, action): Class) -> (Shape, RGBColor) {
    match (outcome, action) {
        (Outcome::Ok, 0) => (Shape::Dot, theme::OK),
        (Outcome::Ok, 1) => (Shape::Square, theme::OK),
        (Outcome::Ok, _) => (Shape::Triangle, theme::OK),
        (Outcome::Fail, 0) => (Shape::Ring, theme::FAIL),
        (Outcome::Fail, _) => (Shape::HollowSquare, theme::FAIL),
        (Outcome::Info, _) => (Shape::Cross, theme::INFO),
    }
}

fn points(scene: &Scene<'_>) -> Vec<Point<Class>> {
    let ops = &scene.report.history.ops;
    let mut slowest: Vec<f64> = ops
        .iter()
        .filter(|op| op.outcome == Outcome::Ok)
        .filter_map(latency_ms)
        .collect();
    slowest.sort_by(f64::total_cmp);
    let outlier = quantile(&slowest, 1.0 - 1.0 / OUTLIER_ONE_IN as f64).unwrap_or(f64::INFINITY);
    let point = |op: &Op| {
        let ms = latency_ms(op)?;
        let action = match op.action {
            Action::Read => 0,
            Action::Write { .. } => 1,
            Action::Cas { .. } => 2,
        };
        Some(Point {
            x: scene.span.seconds(op.invoked_ns),
            y: decade(ms),
            class: (op.outcome, action),
            keep: op.outcome == Outcome::Info || refused(op) || ms > outlier,
        })
    };
    ops.iter().filter_map(point).collect()
}

/// Quantiles of the latency of ok ops, a window at a time.
pub(super) fn quantiles(scene: &Scene<'_>) -> Plot {
    let (name, title) = ("latency-quantiles", "Latency quantiles of ok ops");
    let windows = Windows::new(scene.span);
    let mut by_window: Vec<Vec<f64>> = vec![Vec::new(); windows.count];
    for op in scene
        .report
        .history
        .ops
        .iter()
        .filter(|op| op.outcome == Outcome::Ok)
    {
        if let Some(ms) = latency_ms(op) {
            by_window[windows.of(moment_ns(op))].push(ms);
        }
    }
    by_window
        .iter_mut()
        .for_each(|window| window.sort_by(f64::total_cmp));
    let low = by_window
        .iter()
        .filter_map(|window| window.first())
        .copied()
        .fold(f64::INFINITY, f64::min);
    let high = by_window
        .iter()
        .filter_map(|window| window.last())
        .copied()
        .fold(0.0, f64::max);
    if low > high {
        return Plot::empty(name, title, "No ok op.");
    }
    let axis = Axis::milliseconds(low, high);
    let lines = [
        (1.0, "max", theme::MUTED, 1),
        (0.99, "p99", theme::SERIES[0], 2),
        (0.95, "p95", theme::SERIES[1], 2),
        (0.5, "p50", theme::OK, 2),
    ];
    let legend = lines.map(|(_, text, colour, _)| Entry::new(Shape::Line, colour, text));
    let svg = frame::draw(scene, HEIGHT, &axis, &legend, |chart| {
        for (q, _, colour, width) in lines {
            for path in unbroken(windows, &by_window, q) {
                chart.draw_series([PathElement::new(path, colour.stroke_width(width))])?;
            }
        }
        Ok(())
    });
    let caption = format!(
        "By completion, in windows of {}; logarithmic. A line breaks where no op was ok.",
        format::duration_ms(windows.length_ms())
    );
    Plot::drawn(name, title, caption, svg)
}

/// The steps of one quantile, broken where a window has no op.
fn unbroken(windows: Windows, by_window: &[Vec<f64>], q: f64) -> Vec<Vec<(f64, f64)>> {
    let mut paths = vec![Vec::new()];
    for (at, window) in by_window.iter().enumerate() {
        let Some(ms) = quantile(window, q) else {
            paths.push(Vec::new());
            continue;
        };
        let (start, end) = windows.bounds(at);
        if let Some(path) = paths.last_mut() {
            path.extend([(start, decade(ms)), (end, decade(ms))]);
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}
