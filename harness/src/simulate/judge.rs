//! The verdict on the history of one simulated run.

use std::time::Duration;

use splitbrain_checker::consistency::Consistency;
use splitbrain_checker::history::{History, ReadModeId};
use splitbrain_checker::linearizable::Verdict;
use splitbrain_reports::results::Counterexample;
use splitbrain_systems::ReadModeInfo;

use crate::catalog;
use crate::run::{judge, together};

/// Simulated histories are short: a check that takes so long is stuck.
const CHECK_TIME_LIMIT: Duration = Duration::from_secs(60);

/// What the checker says of a simulated run.
#[derive(Clone, Debug)]
pub(super) enum Judgement {
    /// Every claim held.
    Kept,
    /// A claim was broken.
    Broken(Box<Counterexample>),
    /// Nobody can tell.
    Unknown(String),
}

/// Judges the claims of all read modes. Those that claim linearizability are judged together, which is stricter
/// than one by one: what they show is one register, so there must be one order that explains them all.
/// Where a `claim` is given, all are judged by that.
pub(super) fn judge(
    history: &History,
    modes: &[&'static ReadModeInfo],
    claim: Option<Consistency>,
) -> Judgement {
    let model = |mode: &ReadModeInfo| {
        claim.unwrap_or_else(|| catalog::model(mode.claim).expect("a system claims a known model"))
    };
    let strict = |mode: &&&'static ReadModeInfo| model(mode) == Consistency::Linearizable;
    let together: Vec<&str> = modes.iter().filter(strict).map(|mode| mode.name).collect();
    let mut parts = vec![(
        together.join(" + "),
        Consistency::Linearizable,
        together::part(history, |id| strict(&&modes[usize::from(id.0)])),
    )];
    for (at, mode) in modes.iter().enumerate().filter(|(_, mode)| !strict(mode)) {
        let model = model(mode);
        let id = u8::try_from(at).expect("a system has few read modes");
        parts.push((mode.name.to_owned(), model, history.for_read_mode(ReadModeId(id))));
    }
    let mut unknown = None;
    for (name, model, part) in parts {
        match judge::verdict(&part, model, CHECK_TIME_LIMIT) {
            Verdict::Valid => {}
            Verdict::Invalid(found) => {
                return Judgement::Broken(Box::new(judge::counterexample(&found, &name, model)));
            }
            Verdict::Unknown(reason) => unknown = Some(format!("{name}: {reason}")),
        }
    }
    unknown.map_or(Judgement::Kept, Judgement::Unknown)
}
