//! The comparison page: figures turned into the words of the template.

use askama::Template;

use super::results::{Availability, Comparison, Example, Row, Run, Setting, Slots, Updates};
use crate::assets;
use crate::counterexample;
use crate::format::{count, duration_ms, plural, quantity};
use crate::page::{Badge, Fact, PlotView, claim_badge, href, latency, verdict_badge};
use crate::plots::comparison_plots;
use crate::report::Span;
use crate::results::ClaimVerdict;

/// The page of a comparison: one HTML document that fetches nothing and runs no script but its own. Its links lead to
/// the pages of the runs, beside it in the store.
#[must_use]
pub fn comparison_page(comparison: &Comparison) -> String {
    let page = Page {
        policy: assets::policy(&assets::COMPARISON_SCRIPTS, &assets::COMPARISON_STYLES),
        styles: &assets::COMPARISON_STYLES,
        scripts: &assets::COMPARISON_SCRIPTS,
        comparison,
        verdict: verdict_badge(comparison.verdict),
        title: title(comparison),
        facts: facts(comparison),
        settings: comparison
            .settings
            .iter()
            .enumerate()
            .map(SettingView::new)
            .collect(),
        runs: comparison.runs.iter().map(RunRow::new).collect(),
    };
    page.render().expect("rendering into a String cannot fail")
}

#[derive(Template)]
#[template(path = "comparison.html")]
struct Page<'a> {
    policy: String,
    styles: &'static [&'static str],
    scripts: &'static [&'static str],
    comparison: &'a Comparison,
    verdict: Badge,
    title: String,
    facts: Vec<Fact>,
    settings: Vec<SettingView<'a>>,
    runs: Vec<RunRow<'a>>,
}

/// `raft against zab`; a single system's read modes against each other.
fn title(comparison: &Comparison) -> String {
    let label = |contestant: &super::Contestant| match &contestant.mutant {
        Some(mutant) => format!("{} with {mutant}", contestant.label),
        None => contestant.label.clone(),
    };
    let labels: Vec<String> = comparison.contestants.iter().map(label).collect();
    match labels.as_slice() {
        [one] => format!("The read modes of {one}"),
        several => several.join(" against "),
    }
}

fn facts(comparison: &Comparison) -> Vec<Fact> {
    let fact = |name, value, more| Fact { name, value, more };
    let runs = &comparison.runs;
    let sum = |of: fn(&Run) -> u64| runs.iter().map(of).sum::<u64>();
    let updates = || comparison.settings.iter().flat_map(|setting| &setting.updates);
    let mut seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let (scheduled, proven) = (sum(|run| run.faults_scheduled), sum(|run| run.faults_proven));
    let shapes: Vec<String> = comparison.settings.iter().map(Setting::describe).collect();
    vec![
        fact(
            "Clusters",
            plural(comparison.settings.len() as u64, "shape", "shapes"),
            shapes.join(" · "),
        ),
        fact(
            "Runs",
            count(runs.len() as u64),
            plural(seeds.len() as u64, "seed", "seeds"),
        ),
        fact("Ops", count(sum(|run| run.ok)), "ok".into()),
        fact(
            "Faults",
            count(scheduled),
            match (scheduled, proven) {
                (0, _) => "nothing was at stake".into(),
                (all, proven) if all == proven => "all proven to have taken effect".into(),
                (_, proven) => format!("{} proven to have taken effect", count(proven)),
            },
        ),
        fact(
            "Writes lost",
            count(updates().map(|updates| updates.lost).sum()),
            format!(
                "of {} acknowledged",
                count(updates().map(|updates| updates.acknowledged).sum())
            ),
        ),
    ]
}

/// The section of one shape of the cluster.
struct SettingView<'a> {
    id: String,
    heading: String,
    rows: Vec<RowView<'a>>,
    has_examples: bool,
    updates: Vec<UpdatesRow<'a>>,
    plots: Vec<PlotView>,
}

impl<'a> SettingView<'a> {
    fn new((number, setting): (usize, &'a Setting)) -> Self {
        let rows: Vec<RowView<'_>> = setting.rows.iter().map(RowView::new).collect();
        Self {
            id: format!("shape-{}", number + 1),
            heading: setting.describe(),
            has_examples: rows.iter().any(|row| !row.examples.is_empty()),
            rows,
            updates: setting.updates.iter().map(UpdatesRow::new).collect(),
            plots: comparison_plots(setting).into_iter().map(PlotView::new).collect(),
        }
    }
}

/// One read mode of one contestant.
struct RowView<'a> {
    row: &'a Row,
    badge: Badge,
    strongest: &'a str,
    is_stale: bool,
    stale: String,
    worst: [String; 2],
    p99: [String; 2],
    latency: [String; 2],
    available: [Share; 2],
    impossible: String,
    examples: Vec<ExampleView<'a>>,
}

impl<'a> RowView<'a> {
    fn new(row: &'a Row) -> Self {
        let staleness = &row.staleness;
        let versions = |n| plural(n, "version", "versions");
        let impossible = [
            (staleness.future_reads, "future read", "future reads"),
            (staleness.phantom_reads, "phantom read", "phantom reads"),
        ];
        let impossible = impossible
            .into_iter()
            .filter(|(n, ..)| *n > 0)
            .map(|(n, one, many)| plural(n, one, many));
        let broken = row
            .counterexample
            .iter()
            .map(|example| ExampleView::new("What broke the claim", true, row, example));
        let stale = row
            .stale_example
            .iter()
            .map(|example| ExampleView::new("The stalest read", false, row, example));
        Self {
            row,
            badge: claim_badge(row.verdict),
            strongest: match (&row.strongest_model, row.verdict) {
                (Some(model), _) => model,
                (None, ClaimVerdict::Unknown) => "not known",
                (None, _) => "none",
            },
            is_stale: staleness.stale_reads > 0,
            stale: quantity(staleness.stale_per_million),
            worst: [
                duration_ms(staleness.ms_behind_max),
                versions(staleness.versions_behind_max),
            ],
            p99: [
                duration_ms(staleness.ms_behind_p99),
                versions(staleness.versions_behind_p99),
            ],
            latency: [row.read_latency_ms.p50, row.read_latency_ms.p99]
                .map(|ms| latency(ms, staleness.reads)),
            available: shares(&row.availability),
            impossible: impossible.collect::<Vec<_>>().join(", "),
            examples: broken.chain(stale).collect(),
        }
    }

    /// Whether the claim says more than the model's name.
    fn has_terms(&self) -> bool {
        !self.row.promise.is_empty() && self.row.promise != self.row.claim
    }

    /// Reads, and those of them that were stale.
    fn of_reads(&self) -> String {
        let staleness = &self.row.staleness;
        format!("{} of {}", count(staleness.stale_reads), count(staleness.reads))
    }
}

/// Availability on one side of the cuts.
struct Share {
    text: String,
    of: String,
}

fn shares(availability: &Availability) -> [Share; 2] {
    [availability.with_quorum, availability.without_quorum].map(|slots| Share {
        text: percent(slots),
        of: match slots.total {
            0 => "no cut with such a side".into(),
            total => format!("of {} slots", count(total)),
        },
    })
}

/// A share in per cent. What is not all is never rounded up to it, nor what is not nothing down to that.
fn percent(slots: Slots) -> String {
    match slots.share() {
        None => "–".into(),
        Some(_) if slots.served == slots.total => "100 %".into(),
        Some(share) if share > 0.999 => "> 99.9 %".into(),
        Some(share) if share < 0.001 && slots.served > 0 => "< 0.1 %".into(),
        Some(share) => format!("{:.1} %", share * 100.0),
    }
}

/// An example with its drawing.
struct ExampleView<'a> {
    heading: String,
    /// Whether it is what broke the claim.
    broken: bool,
    example: &'a Example,
    drawing: String,
    /// A link as a browser takes it.
    href: String,
}

impl<'a> ExampleView<'a> {
    fn new(what: &str, broken: bool, row: &Row, example: &'a Example) -> Self {
        // Times on the history's clock, as on the run's own page.
        let span = Span {
            start_ns: 0,
            end_ns: u64::MAX,
        };
        let (drawing, _) = counterexample::draw(&example.ops, span).unwrap_or_default();
        Self {
            heading: format!("{what}: {}, {}", row.contestant, row.read_mode),
            broken,
            example,
            drawing,
            href: href(&example.report),
        }
    }
}

/// The row of a contestant in the table of updates.
struct UpdatesRow<'a> {
    updates: &'a Updates,
    acknowledged: String,
    lost: String,
    latency: [String; 2],
    available: [Share; 2],
}

impl<'a> UpdatesRow<'a> {
    fn new(updates: &'a Updates) -> Self {
        let ms = [updates.latency_ms.p50, updates.latency_ms.p99];
        Self {
            updates,
            acknowledged: count(updates.acknowledged),
            lost: count(updates.lost),
            latency: ms.map(|ms| latency(ms, updates.acknowledged)),
            available: shares(&updates.availability),
        }
    }
}

/// A row of the table of runs.
struct RunRow<'a> {
    run: &'a Run,
    badge: Badge,
    shape: String,
    ok: String,
    href: Option<String>,
}

impl<'a> RunRow<'a> {
    fn new(run: &'a Run) -> Self {
        Self {
            run,
            badge: verdict_badge(run.verdict),
            shape: run.describe_shape(),
            ok: count(run.ok),
            href: run.report.as_deref().map(href),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_not_rounded_to_all_or_nothing() {
        let percent = |served, total| percent(Slots { served, total });
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percent(0, 7), "0.0 %");
        assert_eq!(percent(7, 7), "100 %");
        assert_eq!(percent(99_999, 100_000), "> 99.9 %");
        assert_eq!(percent(1, 100_000), "< 0.1 %");
        assert_eq!(percent(1, 2), "50.0 %");
    }
}
