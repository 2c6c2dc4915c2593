//! What a hunt found, for people and for scripts.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use splitbrain_consensus::sim::{Failure, FaultRecord};

use super::options::Seeds;
use super::seeds::{Campaign, Caught, Finding, SeedFailure, Watcher};
use crate::output::{self, Table};

/// A bar over the seeds, on a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(seeds: &Seeds) -> Self {
        let bar = ProgressBar::new(seeds.0.end - seeds.0.start);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} seeds, {msg}, {eta} left");
        bar.set_style(style.expect("the template is fixed"));
        bar.set_message("none failed");
        Self { bar }
    }
}

impl Watcher for Progress {
    fn seeds_done(&self, done: u64, failed: u64) {
        self.bar.set_position(done);
        if failed > 0 {
            self.bar.set_message(format!("{failed} failed"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The anomaly in a word or two: the invariant or the model that was broken.
#[must_use]
pub fn anomaly(failure: &SeedFailure) -> String {
    match failure {
        SeedFailure::Protocol(Failure::Invariant(broken)) => broken.invariant.to_owned(),
        SeedFailure::Protocol(Failure::Stuck(_)) => "no progress".to_owned(),
        SeedFailure::Claim(example) => format!("not {}", example.model),
        SeedFailure::Protocol(Failure::Panicked(_)) => "assertion".to_owned(),
    }
}

/// The finding for a terminal of `width` columns.
pub(super) fn text(campaign: &Campaign, finding: &Finding, width: usize) -> String {
    let mut text = String::new();
    let name = campaign.system.system.name();
    let target = campaign
        .mutant
        .map_or(name.to_owned(), |mutant| format!("{name}/{mutant}"));
    let nodes = campaign
        .wanted
        .nodes
        .map_or("3 or 5".to_owned(), |nodes| nodes.to_string());
    let observers = match campaign.wanted.observers {
        None | Some(0) => String::new(),
        Some(observers) => format!(" and {}", output::plural(u64::from(observers), "observer")),
    };
    let speed = finding.virtual_seconds / finding.worker_seconds.max(1e-9);
    let _ = writeln!(
        text,
        "{target}: {}, {nodes} nodes{observers}, {} faults, {} elections, {} answers",
        output::plural(finding.seeds, "seed"),
        finding.faults,
        finding.elections,
        finding.answers
    );
    let _ = writeln!(
        text,
        "{:.0} virtual seconds in {:.1} s: {speed:.0} virtual seconds a second on each core",
        finding.virtual_seconds, finding.real_seconds
    );
    if let Some((seed, reason)) = &finding.without_verdict {
        let count = finding.undecided;
        let replay = campaign.replay_command(*seed);
        let _ = writeln!(
            text,
            "{count} seeds could not be judged, first {seed}: {reason}\nto replay it: {replay}"
        );
    }
    match &finding.caught {
        None if finding.undecided > 0 => text.push_str("no other seed broke an invariant or a claim\n"),
        None => text.push_str("no invariant was broken, every claim held, and every run made progress\n"),
        Some(caught) => {
            let _ = writeln!(text, "{} of {} seeds failed\n", finding.failed, finding.seeds);
            text.push_str(&failure_text(campaign, caught, width));
        }
    }
    text
}

fn failure_text(campaign: &Campaign, caught: &Caught, width: usize) -> String {
    let mut text = format!("seed {}: {}\n", caught.seed, anomaly(&caught.failure));
    match &caught.failure {
        SeedFailure::Protocol(Failure::Invariant(broken)) => text += &broken.what,
        SeedFailure::Protocol(Failure::Stuck(what) | Failure::Panicked(what)) => text += what,
        SeedFailure::Claim(example) => text += &output::counterexample(example, width),
    }
    let outcome = &caught.outcome;
    let at = outcome.at_us as f64 / 1e6;
    let conditions = &outcome.conditions;
    let _ = writeln!(
        text,
        "\n\nat {at:.6} virtual seconds, on a network with delays of {} to {} µs ({} µs for stragglers, \
         {} ppm of messages), {} ppm lost, {} ppm repeated, after these faults:\n",
        conditions.delay_us_min,
        conditions.delay_us_max,
        conditions.straggler_us_max,
        conditions.straggler_ppm,
        conditions.loss_ppm,
        conditions.duplication_ppm
    );
    text += &schedule(&outcome.faults).render(width);
    let _ = writeln!(text, "\nto replay it: {}", campaign.replay_command(caught.seed));
    text
}

fn schedule(faults: &[FaultRecord]) -> Table {
    let mut table = Table::new()
        .number("at s")
        .number("for ms")
        .text("fault")
        .text("nodes");
    for fault in faults {
        let nodes: Vec<_> = fault.nodes.iter().map(ToString::to_string).collect();
        table.row(vec![
            format!("{:.3}", fault.planned.at_us as f64 / 1e6),
            format!("{:.0}", fault.planned.lasts_us as f64 / 1e3),
            format!("{:?}", fault.planned.kind),
            nodes.join(" "),
        ]);
    }
    table
}

/// The finding as one JSON object.
pub(super) fn json(campaign: &Campaign, finding: &Finding) -> String {
    let caught = finding.caught.as_ref().map(|caught| {
        json!({
            "seed": caught.seed,
            "anomaly": anomaly(&caught.failure),
            "what": match &caught.failure {
                SeedFailure::Protocol(Failure::Invariant(broken)) => broken.what.clone(),
                SeedFailure::Protocol(Failure::Stuck(what) | Failure::Panicked(what)) => what.clone(),
                SeedFailure::Claim(example) => example.reason.clone(),
            },
            "replay": campaign.replay_command(caught.seed),
        })
    });
    let object = json!({
        "system": campaign.system.system.name(),
        "mutant": campaign.mutant,
        "nodes": campaign.wanted.nodes,
        "seeds": finding.seeds,
        "failed": finding.failed,
        "undecided": finding.undecided,
        "verdict": match (&finding.caught, &finding.without_verdict) {
            (Some(_), _) => "violation",
            (None, Some(_)) => "unknown",
            (None, None) => "pass",
        },
        "virtual_seconds": finding.virtual_seconds,
        "real_seconds": finding.real_seconds,
        "virtual_seconds_per_core_second": finding.virtual_seconds / finding.worker_seconds.max(1e-9),
        "caught": caught,
    });
    format!("{object}\n")
}
