//! What all plots share: axes, a legend on top; and those of a run, time along the bottom and shaded fault bands.

use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::mark::{Mark, Shape};
use super::theme;
use crate::faults::Band;
use crate::report::{RunReport, Span};

/// Width of a plot that has no reason for another, in pixels. The page scales it.
pub(super) const WIDTH: u32 = 960;
/// Height of a plot that has no reason for another.
pub(super) const HEIGHT: u32 = 300;
/// Room for the labels of the values.
const LEFT: u32 = 76;
const RIGHT: u32 = 14;
const LEGEND_HEIGHT: i32 = 26;
const AXIS_HEIGHT: u32 = 26;
const TEXT: f64 = 12.0;
/// The average advance of a character of the legend, in pixels.
const ADVANCE: f64 = 6.6;
/// The size of a fault's name, and the average advance of its characters.
const SMALL: f64 = 10.0;
const SMALL_ADVANCE: f64 = 5.6;
/// Room above the plot for the faults' names.
const NAMES_HEIGHT: i32 = 14;

pub(super) type Backend<'b> = SVGBackend<'b>;
pub(super) type Chart<'a, 'b> = ChartContext<'a, Backend<'b>, Cartesian2d<Axis, Axis>>;
pub(super) type DrawResult = Result<(), Box<dyn std::error::Error>>;

/// What every plot is drawn from.
pub(super) struct Scene<'a> {
    pub(super) report: &'a RunReport<'a>,
    pub(super) span: Span,
    pub(super) bands: &'a [Band],
}

/// An entry of the legend.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) shape: Shape,
    pub(super) colour: RGBColor,
    pub(super) text: String,
}

impl Entry {
    pub(super) fn new(shape: Shape, colour: RGBColor, text: impl Into<String>) -> Self {
        Self {
            shape,
            colour,
            text: text.into(),
        }
    }
}

/// What a plot is drawn on.
pub(super) struct Sheet {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Room for the labels of the values, in pixels.
    pub(super) left: u32,
    /// Room for half of the last label along the bottom, in pixels.
    pub(super) right: u32,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Sheet {
    pub(super) fn new(height: u32, x: Axis, y: Axis) -> Self {
        Self {
            width: WIDTH,
            height,
            left: LEFT,
            right: 2 * RIGHT,
            x,
            y,
        }
    }
}

/// Draws axes and legend, and whatever `series` draws.
pub(super) fn draw_on(
    sheet: &Sheet,
    legend: &[Entry],
    series: impl FnOnce(&mut Chart<'_, '_>) -> DrawResult,
) -> String {
    svg(|svg| try_draw(svg, sheet, legend, |_| Ok(()), series))
}

/// Draws the frame of a run's plot, and into it whatever `series` draws.
pub(super) fn draw(
    scene: &Scene<'_>,
    height: u32,
    axis: &Axis,
    legend: &[Entry],
    series: impl FnOnce(&mut Chart<'_, '_>) -> DrawResult,
) -> String {
    let time = Axis::time(scene.span.length_seconds());
    let sheet = Sheet {
        right: RIGHT,
        ..Sheet::new(height, time, axis.clone())
    };
    let mut legend: Vec<Entry> = legend.to_vec();
    if !scene.bands.is_empty() {
        legend.push(Entry::new(Shape::Area, theme::FAULT, "fault in force"));
    }
    let bands = |chart: &mut Chart<'_, '_>| draw_bands(chart, scene, axis);
    svg(|svg| try_draw(svg, &sheet, &legend, bands, series))
}

/// What `draw` writes, or an SVG that says why it could not.
fn svg(draw: impl FnOnce(&mut String) -> DrawResult) -> String {
    let mut svg = String::new();
    match draw(&mut svg) {
        Ok(()) => svg,
        Err(error) => message(&format!("this plot could not be drawn: {error}")),
    }
}

fn try_draw(
    svg: &mut String,
    sheet: &Sheet,
    legend: &[Entry],
    beneath: impl FnOnce(&mut Chart<'_, '_>) -> DrawResult,
    series: impl FnOnce(&mut Chart<'_, '_>) -> DrawResult,
) -> DrawResult {
    let rows = legend_rows(legend, sheet.width);
    let legend_height = LEGEND_HEIGHT * rows.len() as i32;
    let size = (sheet.width, sheet.height + legend_height as u32);
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&theme::PAPER)?;
    for (at, row) in rows.iter().enumerate() {
        draw_legend(&root, row, LEGEND_HEIGHT * at as i32)?;
    }
    let (_, body) = root.split_vertically(legend_height);
    let labels = (sheet.x.ticks.len(), sheet.y.ticks.len());
    let mut chart = ChartBuilder::on(&body)
        .margin_top(NAMES_HEIGHT)
        .margin_right(sheet.right)
        .x_label_area_size(AXIS_HEIGHT)
        .y_label_area_size(sheet.left)
        .build_cartesian_2d(sheet.x.clone(), sheet.y.clone())?;
    beneath(&mut chart)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(theme::GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(theme::MUTED)
        .label_style(theme::text(TEXT, &theme::MUTED))
        .x_labels(labels.0)
        .y_labels(labels.1)
        .draw()?;
    series(&mut chart)?;
    root.present()?;
    Ok(())
}

/// Shades the times at which a fault was in force, with its kind above where there is room.
fn draw_bands(chart: &mut Chart<'_, '_>, scene: &Scene<'_>, axis: &Axis) -> DrawResult {
    let seconds = scene.span.length_seconds();
    let mut named_up_to = 0.0;
    for band in scene.bands {
        let start = scene.span.seconds(band.start_ns).clamp(0.0, seconds);
        let stop = band
            .stop_ns
            .map_or(seconds, |at| scene.span.seconds(at))
            .clamp(start, seconds);
        // A fault too short to see is widened to the width of a line.
        let stop = stop.max((start + seconds / 800.0).min(seconds));
        let corners = [(start, axis.low), (stop, axis.high)];
        chart.draw_series([Rectangle::new(corners, theme::FAULT.mix(0.16).filled())])?;
        let edge = PathElement::new(vec![(start, axis.low), (start, axis.high)], theme::FAULT.mix(0.5));
        chart.draw_series([edge])?;
        let width =
            band.kind.chars().count() as f64 * SMALL_ADVANCE * seconds / f64::from(WIDTH - LEFT - RIGHT);
        if start + width <= stop && start >= named_up_to {
            let style = theme::text(SMALL, &theme::MUTED).pos(Pos::new(HPos::Left, VPos::Bottom));
            chart.draw_series([Text::new(band.kind.clone(), (start, axis.high), style)])?;
            named_up_to = start + width;
        }
    }
    Ok(())
}

/// Breaks the legend into rows that fit the plot's width.
fn legend_rows(legend: &[Entry], available: u32) -> Vec<Vec<&Entry>> {
    let mut rows = vec![Vec::new()];
    let mut taken = f64::from(LEFT);
    for entry in legend {
        let width = entry_width(&entry.text);
        if taken + width > f64::from(available) && rows.last().is_some_and(|row| !row.is_empty()) {
            rows.push(Vec::new());
            taken = f64::from(LEFT);
        }
        taken += width;
        if let Some(row) = rows.last_mut() {
            row.push(entry);
        }
    }
    rows
}

fn entry_width(text: &str) -> f64 {
    18.0 + text.chars().count() as f64 * ADVANCE + 18.0
}

fn draw_legend<'b>(
    root: &DrawingArea<Backend<'b>, plotters::coord::Shift>,
    row: &[&Entry],
    top: i32,
) -> DrawResult {
    let style = theme::text(TEXT, &theme::INK).pos(Pos::new(HPos::Left, VPos::Center));
    let middle = top + LEGEND_HEIGHT / 2;
    let mut x = f64::from(LEFT);
    for Entry { shape, colour, text } in row {
        let at = (x as i32 + 6, middle);
        root.draw(&Mark {
            shape: *shape,
            at,
            colour: *colour,
            size: 4,
        })?;
        root.draw(&Text::new(text.clone(), (x as i32 + 18, middle), style.clone()))?;
        x += entry_width(text);
    }
    Ok(())
}

/// An SVG that only says something.
pub(super) fn message(text: &str) -> String {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, 60)).into_drawing_area();
        let style = theme::text(13.0, &theme::MUTED).pos(Pos::new(HPos::Center, VPos::Center));
        let drawn = root
            .fill(&theme::PAPER)
            .and_then(|()| root.draw(&Text::new(text.to_owned(), (WIDTH as i32 / 2, 30), style)))
            .and_then(|()| root.present());
        debug_assert!(drawn.is_ok(), "drawing into a String cannot fail");
    }
    svg
}
