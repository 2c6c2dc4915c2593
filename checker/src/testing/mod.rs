//! For tests: random small histories, and oracles that are too simple to be wrong.

pub(crate) mod brute_force;
pub(crate) mod generate;

pub(crate) mod replicated;

mod agreement;
mod atomicity;
mod certificates;
mod models;
mod objects;
mod times;
mod weak_models;

/// How many cases a test of random cases looks at: `usual`, or that times `SPLITBRAIN_TEST_FACTOR`.
pub(crate) fn cases(usual: u64) -> u64 {
    let factor = std::env::var("SPLITBRAIN_TEST_FACTOR")
        .ok()
        .and_then(|f| f.parse().ok())
        .unwrap_or(1);
    usual * factor
}

/// The ops of a history, one a line.
pub(crate) fn show(history: &crate::history::History) -> String {
    let line = |op: &crate::history::Op| {
        let end = op.completed_ns.map_or("...".to_owned(), |t| t.to_string());
        format!(
            "\n{:>4}-{end:<4} p{} k{} {} {:?}",
            op.invoked_ns,
            op.process,
            op.key,
            op.describe(),
            op.outcome
        )
    };
    history.ops.iter().map(line).collect()
}
