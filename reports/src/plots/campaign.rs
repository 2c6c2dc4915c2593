//! The plots of a campaign: what nights came to, one after the other.

use plotters::prelude::*;

use super::Plot;
use super::axis::{Axis, decade};
use super::frame::{self, Entry, Sheet};
use super::mark::{Mark, Shape};
use super::theme;
use crate::campaign::{NightFigures, State, median};

/// The size of these plots in pixels: two stand side by side.
const WIDTH: u32 = 600;
const HEIGHT: u32 = 210;
/// How many dates have room along the bottom.
const DATES_MAX: usize = 8;

/// A line through the nights: a value each, none where there is nothing to measure.
struct Line {
    text: &'static str,
    shape: Shape,
    colour: RGBColor,
    values: Vec<Option<f64>>,
}

/// The plots of these nights, oldest first.
pub(crate) fn plots(nights: &[NightFigures]) -> Vec<Plot> {
    if nights.is_empty() {
        return Vec::new();
    }
    vec![runs(nights), trouble(nights), detection(nights), checking(nights)]
}

fn each(nights: &[NightFigures], value: impl Fn(&NightFigures) -> u64) -> Vec<Option<f64>> {
    nights.iter().map(|night| Some(value(night) as f64)).collect()
}

fn runs(nights: &[NightFigures]) -> Plot {
    let lines = [
        Line {
            text: "finished",
            shape: Shape::Dot,
            colour: theme::INK,
            values: each(nights, |night| night.all().finished()),
        },
        Line {
            text: "passed",
            shape: Shape::Triangle,
            colour: theme::OK,
            values: each(nights, |night| night.all().of(State::Pass)),
        },
        Line {
            text: "planned and not run",
            shape: Shape::HollowSquare,
            colour: theme::FAIL,
            values: each(nights, |night| night.all().of(State::NotRun)),
        },
    ];
    counted(
        nights,
        "nights-runs",
        "Runs",
        "Runs of each night, with and without planted bugs.",
        &lines,
    )
}

fn trouble(nights: &[NightFigures]) -> Plot {
    let lines = [
        Line {
            text: "violations, nothing planted",
            shape: Shape::Cross,
            colour: theme::ALARM,
            values: each(nights, |night| night.clean.of(State::Violation)),
        },
        Line {
            text: "planted bugs caught",
            shape: Shape::Triangle,
            colour: theme::OK,
            values: each(nights, |night| night.planted.of(State::Violation)),
        },
        Line {
            text: "unknown",
            shape: Shape::Square,
            colour: theme::INFO,
            values: each(nights, |night| night.all().of(State::Unknown)),
        },
        Line {
            text: "harness errors",
            shape: Shape::Ring,
            colour: theme::FAIL,
            values: each(nights, |night| night.all().of(State::HarnessError)),
        },
    ];
    let caption =
        "Runs of each night that did not pass, and violations of planted bugs, which are meant to be.";
    counted(
        nights,
        "nights-trouble",
        "Violations and unknown",
        caption,
        &lines,
    )
}

fn detection(nights: &[NightFigures]) -> Plot {
    let caption = "From the start of the cluster to the end of the op that gives the violation away, over all runs of \
                   the night that showed one, planted bugs included; logarithmic. A line breaks where none did.";
    durations(
        nights,
        "nights-detection",
        "Time to detection",
        caption,
        |night| &night.detected_ms,
    )
}

fn checking(nights: &[NightFigures]) -> Plot {
    let caption =
        "How long checking a run's history took, over all runs of the night that were checked; logarithmic.";
    durations(nights, "nights-checking", "Checker time", caption, |night| {
        &night.check_ms
    })
}

/// Lines of whole numbers from zero.
fn counted(
    nights: &[NightFigures],
    name: &'static str,
    title: &'static str,
    caption: &str,
    lines: &[Line],
) -> Plot {
    let values = || lines.iter().flat_map(|line| line.values.iter().flatten());
    // Below four, ticks would stand between whole numbers.
    let axis = Axis::linear(values().copied().fold(4.0, f64::max), "");
    Plot::drawn(name, title, caption.to_owned(), draw(nights, axis, lines))
}

/// The median and the longest of durations in milliseconds, in order.
fn durations(
    nights: &[NightFigures],
    name: &'static str,
    title: &'static str,
    caption: &str,
    of: impl Fn(&NightFigures) -> &Vec<u64>,
) -> Plot {
    let all = || nights.iter().flat_map(|night| of(night).iter());
    let (Some(least), Some(most)) = (all().min(), all().max()) else {
        return Plot::empty(name, title, "No run on any of these nights has such a figure.");
    };
    let axis = Axis::milliseconds((*least).max(1) as f64, (*most).max(1) as f64);
    let place = |ms: Option<u64>| ms.map(|ms| decade(ms.max(1) as f64));
    let lines = [
        Line {
            text: "longest",
            shape: Shape::Ring,
            colour: theme::SERIES[0],
            values: nights
                .iter()
                .map(|night| place(of(night).last().copied()))
                .collect(),
        },
        Line {
            text: "median",
            shape: Shape::Dot,
            colour: theme::OK,
            values: nights.iter().map(|night| place(median(of(night)))).collect(),
        },
    ];
    Plot::drawn(name, title, caption.to_owned(), draw(nights, axis, &lines))
}

/// Each night in the middle of its own stretch of the axis.
fn dates(nights: &[NightFigures]) -> Axis {
    let step = nights.len().div_ceil(DATES_MAX);
    // Counted from the last, so that the night that is told of has its date.
    let ticks = (0..nights.len()).filter(|at| (nights.len() - 1 - at).is_multiple_of(step));
    let short = |name: &str| name.find('-').map_or(name, |at| &name[at + 1..]).to_owned();
    Axis {
        low: -0.5,
        high: nights.len() as f64 - 0.5,
        ticks: ticks.map(|at| (at as f64, short(&nights[at].name))).collect(),
    }
}

fn draw(nights: &[NightFigures], y: Axis, lines: &[Line]) -> String {
    let legend: Vec<Entry> = lines
        .iter()
        .map(|line| Entry::new(line.shape, line.colour, line.text))
        .collect();
    let sheet = Sheet {
        width: WIDTH,
        ..Sheet::new(HEIGHT, dates(nights), y)
    };
    frame::draw_on(&sheet, &legend, |chart| {
        for line in lines {
            for stretch in unbroken(&line.values) {
                let style = line.colour.stroke_width(1);
                chart.draw_series([PathElement::new(stretch.clone(), style)])?;
                chart.draw_series(stretch.into_iter().map(|at| Mark {
                    shape: line.shape,
                    at,
                    colour: line.colour,
                    size: 3,
                }))?;
            }
        }
        Ok(())
    })
}

/// The stretches of nights that have a value.
fn unbroken(values: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
    let mut stretches = vec![Vec::new()];
    for (at, value) in values.iter().enumerate() {
        match (value, stretches.last_mut()) {
            (Some(value), Some(stretch)) => stretch.push((at as f64, *value)),
            _ => stretches.push(Vec::new()),
        }
    }
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_there_is_nothing_to_measure() {
        assert_eq!(
            unbroken(&[None, Some(1.0), Some(2.0), None, Some(3.0)]),
            [vec![(1.0, 1.0), (2.0, 2.0)], vec![(4.0, 3.0)]]
        );
        assert!(unbroken(&[None]).is_empty());
    }
}
