//! Rate: how many ops a second ended how.

use plotters::prelude::*;
use splitbrain_checker::history::{Action, Op, Outcome};

use super::Plot;
use super::axis::Axis;
use super::bins::{Outage, Windows, moment_ns, outages};
use super::frame::{self, Entry, HEIGHT, Scene};
use super::mark::Shape;
use super::theme;
use crate::format;

/// The series: ok by action, then all fail, all info.
const SERIES: [(&str, RGBColor, u32); 5] = [
    ("ok reads", theme::OK, 2),
    ("ok writes", theme::SERIES[1], 2),
    ("ok cas", theme::SERIES[3], 2),
    ("fail", theme::FAIL, 1),
    ("info", theme::INFO, 2),
];

fn series_of(op: &Op) -> usize {
    match (op.outcome, op.action) {
        (Outcome::Ok, Action::Read) => 0,
        (Outcome::Ok, Action::Write { .. }) => 1,
        (Outcome::Ok, Action::Cas { .. }) => 2,
        (Outcome::Fail, _) => 3,
        (Outcome::Info, _) => 4,
    }
}

/// Ops a second by outcome and action.
pub(super) fn plot(scene: &Scene<'_>) -> Plot {
    let (name, title) = ("rate", "Rate");
    let ops = &scene.report.history.ops;
    if ops.is_empty() {
        return Plot::empty(name, title, "No ops.");
    }
    let windows = Windows::new(scene.span);
    let mut counts = vec![vec![0u32; windows.count]; SERIES.len()];
    for op in ops {
        counts[series_of(op)][windows.of(moment_ns(op))] += 1;
    }
    let rate = |series: &[u32], window: usize| {
        let (start, end) = windows.bounds(window);
        // The last window may be a sliver, in which a single op would look like a burst.
        f64::from(series[window]) / (end - start).max(windows.length_ms() / 2e3)
    };
    let highest = counts
        .iter()
        .flat_map(|series| (0..windows.count).map(move |at| rate(series, at)))
        .fold(1.0, f64::max);
    let axis = Axis::linear(highest, "/s");
    let gaps = outages(scene, ops.iter());
    let mut legend: Vec<Entry> = SERIES
        .iter()
        .map(|(text, colour, _)| Entry::new(Shape::Line, *colour, *text))
        .collect();
    legend.push(Entry::new(Shape::Area, theme::ALARM, "no ok op at all (exact)"));
    let svg = frame::draw(scene, HEIGHT, &axis, &legend, |chart| {
        for (series, (_, colour, width)) in counts.iter().zip(SERIES).rev() {
            if series.iter().all(|&n| n == 0) {
                continue;
            }
            let steps = (0..windows.count).flat_map(|at| {
                let (start, end) = windows.bounds(at);
                [(start, rate(series, at)), (end, rate(series, at))]
            });
            chart.draw_series([PathElement::new(
                steps.collect::<Vec<_>>(),
                colour.stroke_width(width),
            )])?;
        }
        draw_gaps(chart, &gaps, axis.high)
    });
    let caption = format!(
        "Ops per second by completion, in windows of {}. The marks at the foot are times in which no client of any \
         node had an ok op, exact and however short beside a window: {}.",
        format::duration_ms(windows.length_ms()),
        summary(&gaps)
    );
    Plot::drawn(name, title, caption, svg)
}

fn draw_gaps(chart: &mut frame::Chart<'_, '_>, gaps: &[Outage], high: f64) -> frame::DrawResult {
    chart.draw_series(gaps.iter().map(|gap| {
        Rectangle::new(
            [(gap.start, 0.0), (gap.stop, high * 0.025)],
            theme::ALARM.filled(),
        )
    }))?;
    Ok(())
}

/// `none`, or how many and how long at worst.
fn summary(gaps: &[Outage]) -> String {
    let longest = gaps.iter().map(|gap| gap.length_ms()).fold(0.0, f64::max);
    match gaps.len() {
        0 => "none".into(),
        n => format!("{}, the longest {}", n, format::duration_ms(longest)),
    }
}
