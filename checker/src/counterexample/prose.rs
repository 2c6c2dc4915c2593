//! Ops and times in words.

use super::Shown;
use crate::history::{Action, History, Op, Outcome, Value};

/// Puts the ops of a history into words. Ops are given by their position.
#[derive(Clone, Copy)]
pub(crate) struct Teller<'a> {
    pub(crate) history: &'a History,
}

impl<'a> Teller<'a> {
    pub(crate) fn op(self, position: u32) -> &'a Op {
        &self.history.ops[position as usize]
    }

    /// "process 3 read 4", "process 1's cas 4 -> 5 succeeded".
    pub(crate) fn sentence(self, position: u32) -> String {
        let op = self.op(position);
        let process = op.process;
        match (op.action, op.outcome, op.observed) {
            (Action::Read, _, Some(value)) => format!("process {process} read {}", Shown(value)),
            (Action::Cas { .. }, Outcome::Fail, Some(found)) => {
                format!(
                    "process {process}'s {} failed and found {}",
                    op.action,
                    Shown(found)
                )
            }
            (Action::Cas { .. }, Outcome::Fail, None) => format!("process {process}'s {} failed", op.action),
            (Action::Cas { .. }, Outcome::Ok, _) => format!("process {process}'s {} succeeded", op.action),
            (action, ..) => format!("process {process} did {action}"),
        }
    }

    /// "write 5", "cas 4 -> 5", "the read of 4 by process 3".
    pub(crate) fn noun(self, position: u32) -> String {
        let op = self.op(position);
        match (op.action, op.observed) {
            (Action::Read, Some(value)) => format!("the read of {} by process {}", Shown(value), op.process),
            (action, _) => action.to_string(),
        }
    }

    /// "the read", "the write", "the cas".
    pub(crate) fn short(self, position: u32) -> &'static str {
        match self.op(position).action {
            Action::Read => "the read",
            Action::Write { .. } => "the write",
            Action::Cas { .. } => "the cas",
        }
    }

    /// How long before the start of `later` the op `earlier` returned.
    pub(crate) fn gap(self, earlier: u32, later: u32) -> String {
        let end = self.op(earlier).completed_ns.unwrap_or(0);
        let gap = self.op(later).invoked_ns.saturating_sub(end);
        match (self.history.is_untimed, gap) {
            (false, ns) => duration(ns),
            (true, 1) => "1 event".to_owned(),
            (true, events) => format!("{events} events"),
        }
    }

    /// What the op saw in its register before it.
    pub(crate) fn seen(self, position: u32) -> Option<Option<Value>> {
        seen(self.op(position))
    }
}

/// What an op that happened, or failed with what it found, saw in its register before it.
pub(crate) fn seen(op: &Op) -> Option<Option<Value>> {
    match (op.action, op.outcome) {
        (Action::Cas { from, .. }, Outcome::Ok | Outcome::Info) => Some(Some(from)),
        (Action::Cas { .. }, Outcome::Fail) | (Action::Read, _) => op.observed,
        (Action::Write { .. }, _) => None,
    }
}

/// "12 ms", "340 µs", "1.20 s".
pub(crate) fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..10_000_000 => format!("{}.{} ms", ns / 1_000_000, ns / 100_000 % 10),
        10_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{}.{:02} s", ns / 1_000_000_000, ns / 10_000_000 % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_have_two_or_three_digits_that_matter() {
        let shown: Vec<String> = [
            0,
            999,
            1_000,
            999_999,
            1_250_000,
            12_900_000,
            999_999_999,
            61_239_000_000,
        ]
        .map(duration)
        .to_vec();
        assert_eq!(
            shown,
            [
                "0 ns", "999 ns", "1 µs", "999 µs", "1.2 ms", "12 ms", "999 ms", "61.23 s"
            ]
        );
    }
}
