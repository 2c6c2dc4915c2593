//! Pooling: the runs of one contestant in one shape of the cluster, taken together.

use std::path::PathBuf;

use splitbrain_checker::consistency::{Consistency, check_consistency};
use splitbrain_checker::history::{Action, History, Op, Outcome, ReadModeId, read_native_file};
use splitbrain_checker::linearizable::Options;
use splitbrain_checker::staleness::{Staleness, staleness};
use splitbrain_reports::comparison::{Example, Row, Updates};
use splitbrain_reports::results::{Claim, ClaimVerdict, LatencyMs, Results};

use super::available::Counts;
use super::cuts::Cuts;
use super::example;
use super::lost::{Lost, lost};
use crate::client::Latencies;
use crate::failure::{Failure, Result};
use crate::run::evidence::OK_OPS_MIN;
use crate::run::judge;
use crate::store::RunFolder;
use crate::test_file::Test;
use crate::units::Span;

/// Points of a curve that are kept: more than a plot can show.
const CURVE_POINTS_MAX: usize = 160;

/// The runs so far of one contestant in one shape.
#[derive(Debug)]
pub(super) struct Pool {
    label: String,
    /// By read mode.
    modes: Vec<ModePool>,
    /// Of reads by read mode, and last of updates.
    latencies: Latencies,
    updates: Counts,
    ok_cas: u64,
    lost: Lost,
}

/// The runs so far of one read mode.
#[derive(Debug, Default)]
struct ModePool {
    staleness: Staleness,
    availability: Counts,
    judged: Vec<Judged>,
    worst_ns: u64,
    stale_example: Option<Example>,
    counterexample: Option<Example>,
}

/// What one run found of a read mode.
#[derive(Clone, Debug)]
struct Judged {
    seed: u64,
    claim: Claim,
    history: PathBuf,
    mode: ReadModeId,
    check_time_limit: Span,
}

impl Pool {
    /// Without a run.
    pub(super) fn new(label: String, modes: usize) -> Self {
        Self {
            label,
            modes: (0..modes).map(|_| ModePool::default()).collect(),
            latencies: Latencies::new(modes + 1),
            updates: Counts::default(),
            ok_cas: 0,
            lost: Lost::default(),
        }
    }

    /// Takes a run into account. `report` is where its page is, seen from the comparison's.
    ///
    /// # Errors
    /// [`Failure::Host`] if its history cannot be read.
    pub(super) fn add(
        &mut self,
        test: &Test,
        voters: usize,
        folder: &RunFolder,
        results: &Results,
        report: &str,
    ) -> Result<()> {
        let parsed = read_native_file(&folder.history()).map_err(|error| Failure::host(error.to_string()))?;
        let history = &parsed.history;
        let cuts = Cuts::new(test.nodes.len(), voters, &test.schedule, &results.faults);
        let example = |ops| Example {
            seed: test.seed,
            report: report.to_owned(),
            ops,
        };
        for (index, (mode, claim)) in self.modes.iter_mut().zip(&results.claims).enumerate() {
            let id = ReadModeId(index as u8);
            let part = history.for_read_mode(id);
            let found = staleness(&part);
            let worst_ns = found.reads.iter().map(|read| read.behind_ns).max().unwrap_or(0);
            if worst_ns > mode.worst_ns {
                mode.worst_ns = worst_ns;
                mode.stale_example = example::stalest(&part, &found, &claim.read_mode).map(example);
            }
            mode.staleness.reads.extend(found.reads);
            mode.staleness.unjudged += found.unjudged;
            mode.availability.add(&cuts, history, |op| {
                op.action == Action::Read && op.read_mode == Some(id)
            });
            if claim.verdict == ClaimVerdict::Invalid && mode.counterexample.is_none() {
                // One of several modes together is told of under the mode that it is blamed on.
                let of_mode = results.counterexample.as_ref().filter(|found| {
                    let mut names = found.read_mode.split(" + ");
                    names.any(|name| name == claim.read_mode)
                });
                mode.counterexample = of_mode.cloned().map(example);
            }
            mode.judged.push(Judged {
                seed: test.seed,
                claim: claim.clone(),
                history: folder.history(),
                mode: id,
                check_time_limit: test.check_time_limit,
            });
        }
        self.add_updates(test, &cuts, history);
        Ok(())
    }

    fn add_updates(&mut self, test: &Test, cuts: &Cuts, history: &History) {
        self.updates.add(cuts, history, |op| op.action != Action::Read);
        for op in history.ops.iter().filter(|op| op.outcome == Outcome::Ok) {
            let kind = match (op.action, op.read_mode) {
                (Action::Read, Some(ReadModeId(mode))) => usize::from(mode),
                (Action::Read, None) => continue,
                _ => self.modes.len(),
            };
            self.ok_cas += u64::from(matches!(op.action, Action::Cas { .. }));
            self.latencies
                .record(Some(kind), op.invoked_ns, op.invoked_ns, op.end_ns());
        }
        let claims_the_newest = |op: &Op| {
            let mode = op
                .read_mode
                .and_then(|mode| test.read_modes.get(usize::from(mode.0)));
            mode.is_some_and(|mode| mode.claim == Consistency::Linearizable.name())
        };
        let found = lost(history, claims_the_newest);
        self.lost.acknowledged += found.acknowledged;
        self.lost.lost += found.lost;
        let with_seed = found.reason.map(|reason| format!("seed {}: {reason}", test.seed));
        self.lost.reason = self.lost.reason.take().or(with_seed);
    }

    /// What became of the updates.
    pub(super) fn updates(&self) -> Updates {
        Updates {
            contestant: self.label.clone(),
            ok_cas: self.ok_cas,
            acknowledged: self.lost.acknowledged,
            lost: self.lost.lost,
            lost_reason: self.lost.reason.clone(),
            latency_ms: self.latency(self.modes.len()),
            availability: self.updates.clone().finish(),
        }
    }

    /// A row for each read mode that was judged at all.
    ///
    /// # Errors
    /// [`Failure::Host`] if a history has to be read again, and cannot be.
    pub(super) fn rows(&self) -> Result<Vec<Row>> {
        let judged = |(_, mode): &(usize, &ModePool)| !mode.judged.is_empty();
        let modes = self.modes.iter().enumerate().filter(judged);
        modes.map(|(index, mode)| self.row(index, mode)).collect()
    }

    fn row(&self, index: usize, mode: &ModePool) -> Result<Row> {
        let claim = &mode.judged[0].claim;
        let (verdict, reason) = verdict(&mode.judged);
        let reads = &mode.staleness.reads;
        let ms: Vec<f64> = reads.iter().map(|read| read.ms_behind()).collect();
        let versions: Vec<f64> = reads.iter().map(|read| read.versions_behind as f64).collect();
        Ok(Row {
            contestant: self.label.clone(),
            read_mode: claim.read_mode.clone(),
            claim: claim.claim.clone(),
            promise: claim.promise.clone(),
            verdict,
            reason,
            strongest_model: strongest(&mode.judged)?.map(|model| model.name().to_owned()),
            staleness: judge::figures(&mode.staleness),
            read_latency_ms: self.latency(index),
            availability: mode.availability.clone().finish(),
            staleness_ms_ccdf: ccdf(ms),
            staleness_versions_ccdf: ccdf(versions),
            stale_example: mode.stale_example.clone(),
            counterexample: mode.counterexample.clone(),
        })
    }

    fn latency(&self, kind: usize) -> LatencyMs {
        judge::latency_ms(self.latencies.reads(kind))
    }
}

/// The verdict over all runs: broken where any run broke the claim, unknown where any could not tell.
fn verdict(judged: &[Judged]) -> (ClaimVerdict, String) {
    let first = |verdict| judged.iter().find(|run| run.claim.verdict == verdict);
    for verdict in [ClaimVerdict::Invalid, ClaimVerdict::Unknown] {
        if let Some(run) = first(verdict) {
            let count = judged.iter().filter(|run| run.claim.verdict == verdict).count();
            let of = format!("in {count} of {} runs; seed {}: ", judged.len(), run.seed);
            return (verdict, of + &run.claim.reason);
        }
    }
    let reads: u64 = judged.iter().map(|run| run.claim.staleness.reads).sum();
    let runs = match judged.len() {
        1 => "1 run".to_owned(),
        n => format!("each of {n} runs"),
    };
    (ClaimVerdict::Valid, format!("held in {runs}, over {reads} reads"))
}

/// The strongest model that held in every run with enough reads to tell; none where none had. Models of different
/// runs need not imply each other, so where runs differ, the weaker ones are checked again.
fn strongest(judged: &[Judged]) -> Result<Option<Consistency>> {
    let told: Vec<(&Judged, Option<Consistency>)> = judged
        .iter()
        .filter(|run| run.claim.staleness.reads >= OK_OPS_MIN)
        .map(|run| {
            (
                run,
                run.claim
                    .strongest_model
                    .as_deref()
                    .and_then(|name| name.parse().ok()),
            )
        })
        .collect();
    let Some(weakest) = told.iter().map(|(_, model)| *model).reduce(weaker).flatten() else {
        return Ok(None);
    };
    for candidate in Consistency::ALL.into_iter().filter(|model| *model >= weakest) {
        let mut holds_in_all = true;
        for (run, known) in &told {
            holds_in_all = holds_in_all && (*known == Some(candidate) || run.holds(candidate)?);
        }
        if holds_in_all {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// The later in the order of all models; a run in which none held has the last word.
fn weaker(a: Option<Consistency>, b: Option<Consistency>) -> Option<Consistency> {
    a.zip(b).map(|(a, b)| a.max(b))
}

impl Judged {
    /// Whether the run's part of this mode certainly satisfies `model`.
    fn holds(&self, model: Consistency) -> Result<bool> {
        let parsed = read_native_file(&self.history).map_err(|error| Failure::host(error.to_string()))?;
        let options = Options {
            time_limit: Some(self.check_time_limit.0),
            ..Options::default()
        };
        Ok(check_consistency(&parsed.history.for_read_mode(self.mode), model, &options).is_valid())
    }
}

/// The complementary distribution of the positive among `values`: for each the share of all that are at least as
/// great. Thinned evenly by the logarithm of the rank, always with the greatest and the least.
fn ccdf(mut values: Vec<f64>) -> Vec<(f64, f64)> {
    let all = values.len();
    values.retain(|value| *value > 0.0);
    values.sort_by(|a, b| b.total_cmp(a));
    // For equal values the last rank counts: it tells how many there are.
    let is_last = |at: &usize| values.get(at + 1) != values.get(*at);
    let ranks: Vec<usize> = (0..values.len()).filter(is_last).collect();
    let mut points: Vec<(f64, f64)> = Vec::new();
    let step = (values.len() as f64).ln() / CURVE_POINTS_MAX as f64;
    let mut next = 0.0;
    for (number, rank) in ranks.iter().enumerate() {
        let place = ((rank + 1) as f64).ln();
        if place >= next || number + 1 == ranks.len() {
            points.push((values[*rank], (rank + 1) as f64 / all as f64));
            next = place + step;
        }
    }
    points.reverse();
    points
}

#[cfg(test)]
mod tests {
    use splitbrain_reports::results::StalenessFigures;

    use super::*;

    fn judged(seed: u64, verdict: ClaimVerdict, reads: u64, strongest: Option<&str>) -> Judged {
        Judged {
            seed,
            claim: Claim {
                system: "raft".into(),
                read_mode: "lease".into(),
                claim: "linearizable".into(),
                claim_overridden: false,
                promise: String::new(),
                verdict,
                reason: format!("because of {seed}"),
                anomaly: None,
                strongest_model: strongest.map(str::to_owned),
                staleness: StalenessFigures {
                    reads,
                    ..StalenessFigures::default()
                },
                read_latency_ms: LatencyMs::default(),
            },
            history: PathBuf::from("nowhere"),
            mode: ReadModeId(0),
            check_time_limit: Span::seconds(1),
        }
    }

    #[test]
    fn one_broken_run_breaks_the_claim() {
        use ClaimVerdict::{Invalid, Unknown, Valid};
        let runs = [
            judged(1, Valid, 50, None),
            judged(2, Unknown, 50, None),
            judged(3, Invalid, 50, None),
        ];
        assert_eq!(
            verdict(&runs),
            (Invalid, "in 1 of 3 runs; seed 3: because of 3".into())
        );
        assert_eq!(
            verdict(&runs[..2]),
            (Unknown, "in 1 of 2 runs; seed 2: because of 2".into())
        );
        assert_eq!(
            verdict(&runs[..1]),
            (Valid, "held in 1 run, over 50 reads".into())
        );
    }

    #[test]
    fn runs_that_agree_need_no_second_look() {
        let model = |name| judged(1, ClaimVerdict::Valid, 50, name);
        let strongest = |runs: &[Judged]| strongest(runs).unwrap();
        let local = model(Some("monotonic-per-node"));
        assert_eq!(
            strongest(&[local.clone(), local.clone()]),
            Some(Consistency::MonotonicPerNode)
        );
        // Nothing held in one run; and too few reads have no say.
        assert_eq!(strongest(&[local.clone(), model(None)]), None);
        let few = judged(2, ClaimVerdict::Unknown, OK_OPS_MIN - 1, None);
        assert_eq!(
            strongest(&[local, few.clone()]),
            Some(Consistency::MonotonicPerNode)
        );
        assert_eq!(strongest(&[few]), None);
    }

    #[test]
    fn where_runs_differ_the_histories_are_asked() {
        let runs = [
            judged(1, ClaimVerdict::Valid, 50, Some("linearizable")),
            judged(2, ClaimVerdict::Valid, 50, Some("ordered-sequential")),
        ];
        let failure = strongest(&runs).unwrap_err().to_string();
        assert!(failure.contains("nowhere"), "{failure}");
    }

    #[test]
    fn a_distribution_counts_all_reads_and_draws_the_stale_ones() {
        assert_eq!(ccdf(vec![0.0, 2.0, 0.0, 1.0, 2.0]), [(1.0, 0.6), (2.0, 0.4)]);
        assert_eq!(ccdf(vec![0.0, 0.0]), []);
    }

    #[test]
    fn long_distributions_are_thinned_and_keep_their_ends() {
        let points = ccdf((0..100_000).map(f64::from).collect());
        assert!(points.len() <= CURVE_POINTS_MAX + 2, "{}", points.len());
        assert_eq!(points[0], (1.0, 0.99999));
        assert_eq!(points[points.len() - 1], (99_999.0, 0.00001));
        let falls = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1;
        assert!(points.windows(2).all(falls));
    }
}
