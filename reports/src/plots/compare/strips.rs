//! Availability around a cut: a strip for each read mode, shaded by the share of nodes that were served.

use plotters::prelude::*;

use super::super::Plot;
use super::super::axis::Axis;
use super::super::frame::{self, Entry, Sheet};
use super::super::mark::Shape;
use super::super::theme;
use super::name;
use crate::comparison::{AroundCut, Row, SLOT_MS, Setting, Slots};
use crate::format;

/// The height of a strip in pixels.
const STRIP: u32 = 26;
/// The average advance of a character of the labels, in pixels.
const ADVANCE: u32 = 7;

/// To clients of nodes that reached a quorum.
pub(super) fn with_quorum(setting: &Setting) -> Plot {
    draw(
        setting,
        "around-cut-with-quorum",
        "Reads around a cut, with a quorum",
        |at| at.with_quorum,
    )
}

/// To clients of nodes that did not.
pub(super) fn without_quorum(setting: &Setting) -> Plot {
    draw(
        setting,
        "around-cut-without-quorum",
        "Reads around a cut, without a quorum",
        |at| at.without_quorum,
    )
}

fn draw(
    setting: &Setting,
    plot_name: &'static str,
    title: &'static str,
    slots: impl Fn(&AroundCut) -> Slots,
) -> Plot {
    let has_any = |row: &&Row| row.availability.around_cut.iter().any(|at| slots(at).total > 0);
    let rows: Vec<&Row> = setting.rows.iter().filter(has_any).collect();
    let times = || rows.iter().flat_map(|row| row.availability.around_cut.iter());
    let (Some(first), Some(last)) = (times().map(|at| at.at_ms).min(), times().map(|at| at.at_ms).max())
    else {
        return Plot::empty(
            plot_name,
            title,
            "The network was never cut so that a node was on this side.",
        );
    };
    let foot = |at: usize| (rows.len() - 1 - at) as f64;
    let names: Vec<String> = rows.iter().map(|row| name(row)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as u32;
    let y = Axis {
        low: 0.0,
        high: rows.len() as f64,
        ticks: (0..rows.len())
            .map(|at| (foot(at) + 0.5, names[at].clone()))
            .collect(),
    };
    let slot = SLOT_MS as f64 / 1e3;
    let seconds = |ms: i64| ms as f64 / 1e3;
    let x = Axis::since(seconds(first), seconds(last) + slot);
    let sheet = Sheet {
        left: longest * ADVANCE + 16,
        ..Sheet::new(40 + STRIP * rows.len() as u32, x, y)
    };
    let legend = [
        Entry::new(
            Shape::Area,
            theme::OK,
            "share of nodes whose clients got an answer",
        ),
        Entry::new(Shape::Square, theme::FAIL, "none got one"),
        Entry::new(Shape::Line, theme::FAULT, "the cut"),
    ];
    let svg = frame::draw_on(&sheet, &legend, |chart| {
        for (at, row) in rows.iter().enumerate() {
            for around in &row.availability.around_cut {
                let from = seconds(around.at_ms);
                let corners = [(from, foot(at) + 0.12), (from + slot, foot(at) + 0.88)];
                if let Some(style) = shade(slots(around)) {
                    chart.draw_series([Rectangle::new(corners, style)])?;
                }
            }
        }
        let cut = vec![(0.0, 0.0), (0.0, rows.len() as f64)];
        chart.draw_series([PathElement::new(cut, theme::FAULT.stroke_width(2))])?;
        Ok(())
    });
    let most = times().map(|at| slots(at).total).max().unwrap_or(0);
    let caption = format!(
        "Time since the cut, over all cuts, for as long as each was in force. In slots of {SLOT_MS} ms a full shade means \
         that clients of every node got an ok answer; blank that nobody asked. At most {} a slot.",
        format::plural(most, "node", "nodes"),
    );
    Plot::drawn(plot_name, title, caption, svg)
}

/// The style of a cell; none where nobody asked.
fn shade(slots: Slots) -> Option<ShapeStyle> {
    slots.share().map(|share| match slots.served {
        0 => theme::FAIL.filled(),
        // Only a slot in which all were served has the full shade.
        served if served == slots.total => theme::OK.filled(),
        _ => theme::OK.mix(0.15 + 0.6 * share).filled(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_served_to_all_has_the_full_shade() {
        let shade = |served, total| shade(Slots { served, total }).map(|style| style.color.alpha());
        assert_eq!(shade(0, 0), None);
        assert_eq!(shade(7, 7), Some(1.0));
        assert!(shade(699, 700).unwrap() < 0.8);
        assert!(shade(1, 700).unwrap() >= 0.15);
    }
}
