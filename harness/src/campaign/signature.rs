//! By what a failure is known again: what broke, and the shape of the smallest history that shows it.
//!
//! Two runs fail alike if the same read mode of the same system breaks the same model in the same way, by
//! counterexamples that differ in nothing but in which processes, keys and values took part: these are renamed by their
//! first appearance. A planted bug counts as a system of its own: what is wrong with a clean system must never pass for
//! something known from a bug that was planted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use splitbrain_reports::results::{Claim, ClaimVerdict, Counterexample, Results};

use super::plan::sha256;

/// Digits of a signature's id.
const ID_DIGITS: usize = 12;
/// The kind of a violation whose run did not tell it.
const UNNAMED: &str = "unnamed";

/// What a failure is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signature {
    /// The hash of all the rest.
    pub id: String,
    /// The system, `raft`, or the planted bug, `raft/commit-older-term`.
    pub subject: String,
    /// The read mode, or several judged together.
    pub read_mode: String,
    /// The model that it broke.
    pub model: String,
    /// The kind of violation, `stale-read`.
    pub anomaly: String,
    /// The ops of the counterexample, renamed; empty for a claim that was broken beside the one that was drawn.
    pub shape: Vec<String>,
}

/// The signature of each broken claim.
pub(crate) fn of_results(subject: &str, results: &Results) -> Vec<Signature> {
    let broken = results
        .claims
        .iter()
        .filter(|claim| claim.verdict == ClaimVerdict::Invalid);
    broken
        .map(|claim| of_claim(subject.to_owned(), claim, results.counterexample.as_ref()))
        .collect()
}

fn of_claim(subject: String, claim: &Claim, drawn: Option<&Counterexample>) -> Signature {
    let of_claim = drawn.filter(|drawn| drawn.read_mode == claim.read_mode && drawn.model == claim.claim);
    let mut signature = Signature {
        id: String::new(),
        subject,
        read_mode: claim.read_mode.clone(),
        model: claim.claim.clone(),
        anomaly: claim.anomaly.clone().unwrap_or_else(|| UNNAMED.to_owned()),
        shape: of_claim.map_or_else(Vec::new, shape),
    };
    let text = serde_json::to_string(&signature).expect("a signature is plain data");
    signature.id = sha256(text.as_bytes());
    signature.id.truncate(ID_DIGITS);
    signature
}

/// The ops in the order of their invocation, with processes, keys and values renamed by first appearance. When they ran
/// is left out: no two runs agree in it.
fn shape(example: &Counterexample) -> Vec<String> {
    let (mut processes, mut numbers) = (Names::new("p"), Names::new("v"));
    let mut keys = Names::new("k");
    let line = |op: &splitbrain_reports::results::CounterexampleOp| {
        let process = processes.of(&op.process.to_string());
        let (key, text) = match op
            .text
            .strip_prefix("key ")
            .and_then(|text| text.split_once(": "))
        {
            Some((key, text)) => (format!("{} ", keys.of(key)), text),
            None => (String::new(), op.text.as_str()),
        };
        let counts_as = op
            .counts_as
            .as_ref()
            .map_or_else(String::new, |how| format!(", as {how}"));
        let mark = if op.culprit { " !" } else { "" };
        format!(
            "{process}: {key}{} {}{counts_as}{mark}",
            renamed(text, &mut numbers),
            op.outcome
        )
    };
    example.ops.iter().map(line).collect()
}

/// The text with each number in it renamed.
fn renamed(text: &str, names: &mut Names) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = &rest[start..];
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        result += &rest[..start];
        result += &names.of(&digits[..end]);
        rest = &digits[end..];
    }
    result + rest
}

/// Names by first appearance.
struct Names {
    letter: &'static str,
    given: BTreeMap<String, usize>,
}

impl Names {
    fn new(letter: &'static str) -> Self {
        Self {
            letter,
            given: BTreeMap::new(),
        }
    }

    fn of(&mut self, name: &str) -> String {
        let next = self.given.len() + 1;
        let number = *self.given.entry(name.to_owned()).or_insert(next);
        format!("{}{number}", self.letter)
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_reports::results::CounterexampleOp;

    use super::*;

    fn example(ops: &[(u64, &str, &str)]) -> Counterexample {
        let ops = ops
            .iter()
            .enumerate()
            .map(|(at, (process, text, outcome))| CounterexampleOp {
                index: 100 + at as u64,
                process: *process,
                process_name: None,
                text: (*text).to_owned(),
                outcome: (*outcome).to_owned(),
                start_ns: at as u64,
                end_ns: None,
                culprit: at + 1 == ops.len(),
                counts_as: None,
            });
        Counterexample {
            read_mode: "log".into(),
            model: "linearizable".into(),
            key: 9,
            key_name: None,
            untimed: false,
            reason: "x".into(),
            ops: ops.collect(),
        }
    }

    #[test]
    fn shapes_differ_in_nothing_but_names() {
        let one = shape(&example(&[
            (20, "write 10789", "ok"),
            (22, "cas 10789 -> 11014", "ok"),
            (20, "read -> 10789", "ok"),
        ]));
        assert_eq!(
            one,
            ["p1: write v1 ok", "p2: cas v1 -> v2 ok", "p1: read -> v1 ok !"]
        );
        let other = shape(&example(&[
            (3, "write 2", "ok"),
            (1, "cas 2 -> 1", "ok"),
            (3, "read -> 2", "ok"),
        ]));
        assert_eq!(one, other);
        let of_another_process = shape(&example(&[
            (3, "write 2", "ok"),
            (1, "cas 2 -> 1", "ok"),
            (4, "read -> 2", "ok"),
        ]));
        let of_the_newer_value = shape(&example(&[
            (3, "write 2", "ok"),
            (1, "cas 2 -> 1", "ok"),
            (3, "read -> 1", "ok"),
        ]));
        assert_ne!(one, of_another_process);
        assert_ne!(one, of_the_newer_value);
    }

    #[test]
    fn keys_and_found_values_are_renamed_and_nil_is_not() {
        let ops = [
            (1, "key 7: write 3", "ok"),
            (2, "key 8: cas 3 -> 4 (found 5)", "fail"),
            (1, "key 7: read -> nil", "ok"),
        ];
        assert_eq!(
            shape(&example(&ops)),
            [
                "p1: k1 write v1 ok",
                "p2: k2 cas v1 -> v2 (found v3) fail",
                "p1: k1 read -> nil ok !"
            ]
        );
    }
}
