//! Availability: for the clients of each node, what share of their ops was ok.

use plotters::prelude::*;
use splitbrain_checker::history::{Op, Outcome};

use super::Plot;
use super::axis::Axis;
use super::bins::{Outage, Windows, moment_ns, outages};
use super::frame::{self, Entry, Scene};
use super::mark::Shape;
use super::theme;
use crate::format;

/// The height of a node's strip in pixels.
const STRIP: u32 = 34;
/// Shades between nothing ok and all ok.
const SHADES: u64 = 5;

/// What a window looked like to a node's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// No op ended in it.
    Nothing,
    /// Ops ended, none of them ok.
    Down,
    /// A share of the ops was ok, in steps from 1 to [`SHADES`]; the last only where all were.
    Up(u64),
}

/// A strip for each node.
pub(super) fn plot(scene: &Scene<'_>) -> Plot {
    let (name, title) = ("availability", "Availability to the clients of each node");
    let history = scene.report.history;
    let nodes: Vec<usize> = (0..history.nodes.len())
        .filter(|&node| clients_of(scene, node).next().is_some())
        .collect();
    if nodes.is_empty() {
        return Plot::empty(name, title, "No op says which node its client talked to.");
    }
    let windows = Windows::new(scene.span);
    let rows = nodes.len();
    // The first node on top.
    let foot = |at: usize| (rows - 1 - at) as f64;
    let ticks = nodes
        .iter()
        .enumerate()
        .map(|(at, &node)| (foot(at) + 0.5, format::shorten(&history.nodes[node], 10)));
    let axis = Axis {
        low: 0.0,
        high: rows as f64,
        ticks: ticks.collect(),
    };
    let legend = [
        Entry::new(Shape::Area, theme::OK, "share of ops that were ok"),
        Entry::new(Shape::Square, theme::FAIL, "none ok"),
        Entry::new(Shape::Line, theme::ALARM, "no ok op (exact)"),
    ];
    let gaps: Vec<Vec<Outage>> = nodes
        .iter()
        .map(|&node| outages(scene, clients_of(scene, node)))
        .collect();
    let svg = frame::draw(scene, 40 + STRIP * rows as u32, &axis, &legend, |chart| {
        for (at, &node) in nodes.iter().enumerate() {
            draw_strip(chart, windows, &cells(scene, windows, node), foot(at))?;
            chart.draw_series(gaps[at].iter().map(|gap| {
                let corners = [(gap.start, foot(at) + 0.1), (gap.stop, foot(at) + 0.2)];
                Rectangle::new(corners, theme::ALARM.filled())
            }))?;
        }
        Ok(())
    });
    let longest = nodes.iter().zip(&gaps).map(|(&node, gaps)| {
        let ms = gaps.iter().map(|gap| gap.length_ms()).fold(0.0, f64::max);
        format!(
            "{} {}",
            format::shorten(&history.nodes[node], 20),
            if ms > 0.0 {
                format::duration_ms(ms)
            } else {
                "none".into()
            }
        )
    });
    let caption = format!(
        "In windows of {}; a full shade only where every op was ok, blank where no op ended. The line beneath a strip \
         marks times without an ok op exactly. Longest outage: {}.",
        format::duration_ms(windows.length_ms()),
        longest.collect::<Vec<_>>().join(", ")
    );
    Plot::drawn(name, title, caption, svg)
}

fn clients_of<'a>(scene: &Scene<'a>, node: usize) -> impl Iterator<Item = &'a Op> {
    scene
        .report
        .history
        .ops
        .iter()
        .filter(move |op| op.node.is_some_and(|of| usize::from(of.0) == node))
}

fn cells(scene: &Scene<'_>, windows: Windows, node: usize) -> Vec<Cell> {
    let mut counts = vec![(0u64, 0u64); windows.count];
    for op in clients_of(scene, node) {
        let (ok, all) = &mut counts[windows.of(moment_ns(op))];
        *ok += u64::from(op.outcome == Outcome::Ok);
        *all += 1;
    }
    counts.into_iter().map(cell).collect()
}

fn cell((ok, all): (u64, u64)) -> Cell {
    match (ok, all) {
        (_, 0) => Cell::Nothing,
        (0, _) => Cell::Down,
        (ok, all) if ok == all => Cell::Up(SHADES),
        (ok, all) => Cell::Up((ok * SHADES / all).clamp(1, SHADES - 1)),
    }
}

/// Draws the cells, equal neighbours as one.
fn draw_strip(
    chart: &mut frame::Chart<'_, '_>,
    windows: Windows,
    cells: &[Cell],
    foot: f64,
) -> frame::DrawResult {
    let mut at = 0;
    while at < cells.len() {
        let end = at + cells[at..].iter().take_while(|&&cell| cell == cells[at]).count();
        let corners = [
            (windows.bounds(at).0, foot + 0.25),
            (windows.bounds(end - 1).1, foot + 0.9),
        ];
        let style = match cells[at] {
            Cell::Nothing => None,
            Cell::Down => Some(theme::FAIL.filled()),
            Cell::Up(shade) => Some(theme::OK.mix(0.15 + 0.85 * shade as f64 / SHADES as f64).filled()),
        };
        if let Some(style) = style {
            chart.draw_series([Rectangle::new(corners, style)])?;
        }
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_in_a_thousand_still_shows() {
        assert_eq!(cell((1000, 1000)), Cell::Up(SHADES));
        assert_eq!(cell((999, 1000)), Cell::Up(SHADES - 1));
        assert_eq!(cell((1, 1000)), Cell::Up(1));
        assert_eq!(cell((0, 1)), Cell::Down);
        assert_eq!(cell((0, 0)), Cell::Nothing);
    }
}
