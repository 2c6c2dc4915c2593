//! What a finished unit found, as it is kept.
//!
//! The file has two lines: the record, and the hash of the first line. A record that was cut off or damaged is told from
//! one that says something.

use serde::{Deserialize, Serialize};
use splitbrain_reports::results::{ClaimVerdict, Results, RunVerdict};

use super::plan::{Plan, Unit, sha256};
use super::signature::{self, Signature};

/// What the record says that it is.
const FORMAT: &str = "splitbrain-unit";
/// The version of the format.
const VERSION: u32 = 1;
/// Longer reasons are cut: the run's own folder has them whole.
const REASON_MAX: usize = 2_000;

/// What a unit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Always `splitbrain-unit`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// The hash of the plan.
    pub plan: String,
    /// The unit's id.
    pub unit: String,
    /// When it began, `20260131T030012Z`.
    pub started: String,
    /// How long it took from start to end, milliseconds; none where it ended unwatched.
    pub wall_ms: Option<u64>,
    /// The verdict of the run.
    pub verdict: RunVerdict,
    /// Why.
    pub reason: String,
    /// The run's folder, from the campaign's; none if it left none.
    pub run: Option<String>,
    /// The command that runs it again.
    pub command: String,
    /// Ok ops.
    pub ok: u64,
    /// How long load ran, milliseconds.
    pub load_ms: u64,
    /// How long checking took, milliseconds.
    pub check_ms: u64,
    /// From the start of the cluster to the end of the op that gives the violation away, milliseconds.
    pub detected_ms: Option<u64>,
    /// Faults that were injected.
    pub faults: u64,
    /// Those among them that are shown to have taken effect.
    pub faults_proven: u64,
    /// The verdict for each read mode, and for those judged together.
    pub claims: Vec<Judged>,
    /// The signature of each broken claim.
    pub signatures: Vec<Signature>,
}

/// The verdict for a read mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The read mode.
    pub read_mode: String,
    /// What it claims.
    pub claim: String,
    /// Whether it kept it.
    pub verdict: ClaimVerdict,
}

/// When and where a unit ran.
#[derive(Clone, Debug)]
pub(super) struct Circumstances {
    /// [`Record::started`].
    pub(super) started: String,
    /// [`Record::wall_ms`].
    pub(super) wall_ms: Option<u64>,
    /// [`Record::run`].
    pub(super) run: Option<String>,
}

impl Record {
    /// Of a run that gave results.
    pub(super) fn of(plan: &Plan, unit: &Unit, results: &Results, at: Circumstances) -> Self {
        let culprit = results
            .counterexample
            .as_ref()
            .and_then(|example| example.ops.iter().find(|op| op.culprit));
        let judged = results.claims.iter().map(|claim| Judged {
            read_mode: claim.read_mode.clone(),
            claim: claim.claim.clone(),
            verdict: claim.verdict,
        });
        Self {
            verdict: results.verdict,
            reason: cut(&results.reason),
            command: results.command.clone(),
            ok: results.ops.ok,
            // Seconds and milliseconds of a run: far from where a float loses whole numbers.
            load_ms: (results.load_seconds * 1e3) as u64,
            check_ms: results.check_ms as u64,
            detected_ms: culprit.map(|op| op.end_ns.unwrap_or(op.start_ns) / 1_000_000),
            faults: results.faults.len() as u64,
            faults_proven: results.faults.iter().filter(|fault| fault.proven).count() as u64,
            claims: judged.collect(),
            signatures: signature::of_results(&unit.subject(), results),
            ..Self::without_results(plan, unit, "", at)
        }
    }

    /// Of a run that gave none, and said so much instead.
    pub(super) fn without_results(plan: &Plan, unit: &Unit, said: &str, at: Circumstances) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            plan: plan.header.hash.clone(),
            unit: unit.id.clone(),
            started: at.started,
            wall_ms: at.wall_ms,
            verdict: RunVerdict::HarnessError,
            reason: cut(said),
            run: at.run,
            command: format!("splitbrain run {}", unit.arguments.join(" ")),
            ok: 0,
            load_ms: 0,
            check_ms: 0,
            detected_ms: None,
            faults: 0,
            faults_proven: 0,
            claims: Vec::new(),
            signatures: Vec::new(),
        }
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let line = self.line();
        format!("{line}\n{}\n", sha256(line.as_bytes()))
    }

    /// The record alone, on one line.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("a record is plain data")
    }

    /// The record in a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let (line, hash) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if sha256(line.as_bytes()) != hash {
            return Err(
                "the result is corrupt: it does not have the hash that it says; remove the file if the unit \
                        shall run again"
                    .to_owned(),
            );
        }
        Self::parse_line(line)
    }

    /// The record in a line of its own.
    pub(super) fn parse_line(line: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Kind {
            version: u32,
        }
        let version = serde_json::from_str::<Kind>(line).map_or(VERSION, |kind| kind.version);
        if version > VERSION {
            return Err(format!(
                "the result has version {version}, and this program knows none after {VERSION}; use a newer one"
            ));
        }
        serde_json::from_str(line).map_err(|error| format!("this is no result of a unit: {error}"))
    }

    /// Refuses a record of another plan or unit.
    ///
    /// # Errors
    /// What does not match.
    pub fn belongs_to(&self, plan: &Plan, unit: &Unit) -> Result<(), String> {
        if self.unit != unit.id {
            return Err(format!(
                "the result is that of the unit {}, not of {}",
                self.unit, unit.id
            ));
        }
        if self.plan != plan.header.hash {
            return Err(
                "the result belongs to another plan than the folder's; keep each plan in a folder of its own"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}
