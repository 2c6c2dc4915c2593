//! The plots of a run, drawn by `plotters` as SVG. Only this module knows of `plotters`.

mod availability;
mod axis;
mod bins;
mod campaign;
mod clocks;
mod compare;
mod frame;
mod latency;
mod mark;
mod rate;
mod staleness;
mod theme;
mod thin;

pub(crate) use campaign::plots as campaign_plots;
pub(crate) use compare::plots as comparison_plots;
pub(crate) use theme::for_page;

use crate::report::RunReport;

/// One plot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// Its name, fit for a file: `latency-raw`.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What is drawn and how it was binned or thinned, in a sentence or two.
    pub caption: String,
    /// A whole SVG document in fixed colours on white.
    pub svg: String,
    /// Whether there was nothing to draw. The SVG then says only that.
    pub empty: bool,
}

impl Plot {
    fn drawn(name: &'static str, title: &'static str, caption: String, svg: String) -> Self {
        Self {
            name,
            title,
            caption,
            svg,
            empty: false,
        }
    }

    fn empty(name: &'static str, title: &'static str, caption: &str) -> Self {
        Self {
            name,
            title,
            caption: caption.into(),
            svg: frame::message(caption),
            empty: true,
        }
    }
}

/// All plots of a run, in the order of the page. A plot without data says so in place of axes; that of the clocks is there
/// only if they were read, as they are where faults bend them.
#[must_use]
pub fn plots(report: &RunReport<'_>) -> Vec<Plot> {
    let bands = report.bands();
    let scene = frame::Scene {
        report,
        span: report.span(),
        bands: &bands,
    };
    let mut plots = vec![
        latency::scatter(&scene),
        latency::quantiles(&scene),
        rate::plot(&scene),
        availability::plot(&scene),
        staleness::milliseconds(&scene),
        staleness::versions(&scene),
    ];
    plots.extend(clocks::plot(&scene));
    plots
}
