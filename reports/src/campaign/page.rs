//! The campaign page: figures turned into the words of the template.

use askama::Template;

use super::grid::{self, Matrix, MatrixRow, Strip};
use super::listing::{self, Listed};
use super::nights::{NightFigures, median};
use super::results::{Campaign, Failure, FailureState, Kept, State};
use crate::assets;
use crate::format::{count, duration_ms, plural, quantity};
use crate::page::{Badge, Fact, PlotView, href, json_for_script, verdict_badge};
use crate::plots;

/// More nights than this have no place side by side; the oldest are left out.
const NIGHTS_MAX: usize = 60;
/// More failures than this nobody reads; those that matter least are left out.
const FAILURES_MAX: usize = 400;

/// More ops than this of a failure's shape are not shown.
const SHAPE_MAX: usize = 24;

/// The page of a campaign: one HTML document that fetches nothing and runs no script but its own. Its links lead to the
/// pages of the runs that are kept.
#[must_use]
pub fn campaign_page(campaign: &Campaign) -> String {
    let earlier = campaign.nights.len().saturating_sub(NIGHTS_MAX);
    let shown = Campaign {
        nights: campaign.nights[earlier..].to_vec(),
        ..campaign.clone()
    };
    let campaign = &shown;
    let nights: Vec<NightFigures> = campaign.nights.iter().map(NightFigures::new).collect();
    let matrix = Matrix::new(&campaign.nights);
    let (data, listed) = listing::data(campaign, &matrix);
    let page = Page {
        policy: assets::policy(&assets::CAMPAIGN_SCRIPTS, &assets::CAMPAIGN_STYLES),
        styles: &assets::CAMPAIGN_STYLES,
        scripts: &assets::CAMPAIGN_SCRIPTS,
        campaign,
        verdict: verdict_badge(campaign.verdict),
        night: campaign.nights.last().map_or("", |night| night.name.as_str()),
        earlier,
        facts: facts(campaign, nights.last()),
        workloads: matrix.workloads(),
        rows: matrix.tonight(),
        matrix: &matrix,
        verdicts: verdicts(campaign),
        systems: grid::systems(&campaign.nights),
        planted: grid::planted(&campaign.nights),
        failures: campaign
            .failures
            .iter()
            .take(FAILURES_MAX)
            .map(FailureRow::new)
            .collect(),
        clean_failed: has_violation(campaign, false),
        violated: has_violation(campaign, false) || has_violation(campaign, true),
        failures_left: campaign.failures.len().saturating_sub(FAILURES_MAX),
        plots: plots::campaign_plots(&nights)
            .into_iter()
            .map(PlotView::new)
            .collect(),
        figures: nights.iter().map(FiguresRow::new).collect(),
        left_out: left_out(&listed),
        units: count(listed.of as u64),
        data: json_for_script(&data),
    };
    page.render().expect("rendering into a String cannot fail")
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct Page<'a> {
    policy: String,
    styles: &'static [&'static str],
    scripts: &'static [&'static str],
    campaign: &'a Campaign,
    verdict: Badge,
    night: &'a str,
    earlier: usize,
    facts: Vec<Fact>,
    workloads: Vec<(&'a str, usize)>,
    rows: Vec<MatrixRow<'a>>,
    matrix: &'a Matrix,
    verdicts: Vec<NightVerdict<'a>>,
    systems: Vec<Strip>,
    planted: Vec<Strip>,
    failures: Vec<FailureRow<'a>>,
    failures_left: usize,
    /// Whether any failure is of a system that nothing was planted into.
    clean_failed: bool,
    /// Whether anything did fail: a run that told no signature is in no row.
    violated: bool,
    plots: Vec<PlotView>,
    figures: Vec<FiguresRow<'a>>,
    left_out: String,
    units: String,
    data: String,
}

/// Whether a run showed a violation, with a signature or without one, of planted bugs or of what nothing was planted into.
fn has_violation(campaign: &Campaign, planted: bool) -> bool {
    let mut units = campaign.nights.iter().flat_map(|night| &night.units);
    campaign.failures.iter().any(|failure| failure.planted == planted)
        || units.any(|unit| unit.planted == planted && unit.state == State::Violation)
}

/// The head of a night's column.
struct NightVerdict<'a> {
    name: &'a str,
    /// Month and day, which fit a narrow column.
    short: &'a str,
    badge: Badge,
}

fn verdicts(campaign: &Campaign) -> Vec<NightVerdict<'_>> {
    let head = |night: &'_ super::Night| (night.verdict, night.name.find('-').map_or(0, |at| at + 1));
    let nights = campaign.nights.iter().map(|night| (night, head(night)));
    nights
        .map(|(night, (verdict, year))| NightVerdict {
            name: &night.name,
            short: &night.name[year..],
            badge: verdict_badge(verdict),
        })
        .collect()
}

fn facts(campaign: &Campaign, tonight: Option<&NightFigures>) -> Vec<Fact> {
    let fact = |name, value, more| Fact { name, value, more };
    let Some(tonight) = tonight else {
        return Vec::new();
    };
    let all = tonight.all();
    let known = |state: fn(FailureState) -> bool| {
        let clean = campaign.failures.iter().filter(|failure| !failure.planted);
        clean.filter(|failure| state(failure.state)).count() as u64
    };
    let of = |state: State| all.of(state);
    vec![
        fact(
            "Night",
            tonight.name.clone(),
            plural(campaign.nights.len() as u64, "night here", "nights here"),
        ),
        fact(
            "Runs",
            format!("{} of {}", count(all.finished()), count(all.total())),
            match of(State::NotRun) {
                0 => "all were run".into(),
                left => format!("{} not run", count(left)),
            },
        ),
        fact(
            "Passed",
            count(of(State::Pass)),
            format!(
                "{} unknown · {} harness errors",
                count(of(State::Unknown)),
                count(of(State::HarnessError))
            ),
        ),
        fact(
            "Violations",
            count(tonight.clean.of(State::Violation)),
            "of systems without a planted bug".into(),
        ),
        fact(
            "Their failures",
            count(known(|state| !matches!(state, FailureState::Quiet(_)))),
            format!(
                "{} new · {} regressed · {} quiet",
                known(|state| state == FailureState::New),
                known(|state| state == FailureState::Regressed),
                known(|state| matches!(state, FailureState::Quiet(_)))
            ),
        ),
        fact(
            "Planted bugs caught",
            count(tonight.planted.of(State::Violation)),
            format!(
                "of {} finished",
                plural(tonight.planted.finished(), "run", "runs")
            ),
        ),
    ]
}

/// A row of the table of failures.
struct FailureRow<'a> {
    failure: &'a Failure,
    class: &'static str,
    glyph: &'static str,
    state: String,
    /// By which the column is sorted.
    rank: u64,
    count: String,
    rate: String,
    href: Option<String>,
    without: &'static str,
    shape: &'a [String],
    /// How many ops of the shape are not shown.
    shape_left: usize,
}

impl<'a> FailureRow<'a> {
    fn new(failure: &'a Failure) -> Self {
        let (class, glyph, state, rank) = match failure.state {
            FailureState::New => ("new", "✗", "new".to_owned(), 0),
            FailureState::Regressed => ("regressed", "↻", "regressed".to_owned(), 1),
            FailureState::Ongoing => ("ongoing", "●", "ongoing".to_owned(), 2),
            FailureState::Alone => ("ongoing", "●", "seen".to_owned(), 2),
            FailureState::Quiet(nights) => (
                "quiet",
                "○",
                format!("quiet for {}", plural(nights, "night", "nights")),
                3 + nights,
            ),
        };
        Self {
            failure,
            class,
            glyph,
            state,
            rank,
            count: count(failure.count),
            rate: quantity(failure.per_hundred_runs),
            href: match &failure.kept {
                Kept::Page(path) => Some(href(path)),
                _ => None,
            },
            without: without(&failure.kept),
            shape: &failure.shape[..failure.shape.len().min(SHAPE_MAX)],
            shape_left: failure.shape.len().saturating_sub(SHAPE_MAX),
        }
    }
}

/// What is said in place of a link.
fn without(kept: &Kept) -> &'static str {
    match kept {
        Kept::Page(_) => "",
        Kept::Smaller => "made smaller: no page",
        Kept::Nothing => "run not kept here",
    }
}

/// A night's row in the table behind the plots.
struct FiguresRow<'a> {
    name: &'a str,
    counts: [String; 7],
    /// Each with the milliseconds that it is sorted by.
    durations: [(String, String); 4],
}

impl<'a> FiguresRow<'a> {
    fn new(night: &'a NightFigures) -> Self {
        let all = night.all();
        let ms = |value: Option<u64>| match value {
            Some(ms) => (duration_ms(ms as f64), ms.to_string()),
            None => ("–".to_owned(), String::new()),
        };
        let [detected, checked] = [&night.detected_ms, &night.check_ms];
        Self {
            name: &night.name,
            counts: [
                all.finished(),
                all.of(State::Pass),
                night.clean.of(State::Violation),
                night.planted.of(State::Violation),
                all.of(State::Unknown),
                all.of(State::HarnessError),
                all.of(State::NotRun),
            ]
            .map(count),
            durations: [
                ms(median(detected)),
                ms(detected.last().copied()),
                ms(median(checked)),
                ms(checked.last().copied()),
            ],
        }
    }
}

/// That not all runs are listed, if so.
fn left_out(listed: &Listed) -> String {
    if listed.count == listed.of {
        return String::new();
    }
    let states = State::ALL
        .into_iter()
        .filter(|state| listed.left_out.of(*state) > 0);
    let states: Vec<String> = states
        .map(|state| format!("{} {}", count(listed.left_out.of(state)), grid::look(state).text))
        .collect();
    format!(
        "This page lists {} of {} units, and counts all of them. Left out, the oldest first: {}.",
        count(listed.count as u64),
        count(listed.of as u64),
        states.join(", ")
    )
}
