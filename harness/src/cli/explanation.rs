//! What `check --explain` and `check --json` say beyond the counterexample: who agrees on it, the shortest cycle of what
//! must come before what, and the orders that came to nothing.

use serde::Serialize;
use splitbrain_checker::call::Calls;
use splitbrain_checker::counterexample::{Counterexample, StepInWords};
use splitbrain_checker::history::{History, OpIndex};
use splitbrain_checker::model::CallsCounterexample;

/// So many ops are told of the end of an order that came to nothing.
const ORDER_SHOWN: usize = 6;

/// An explanation.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// What kind of violation it is, where that has a name.
    class: Option<&'static str>,
    /// Whether nothing can be left out of the counterexample.
    minimal: bool,
    /// The algorithms that reject the counterexample on its own.
    verified_by: Vec<&'static str>,
    /// The cycle on one line.
    cycle: Option<String>,
    /// Its steps, each followed by its reasons.
    steps: Vec<CycleStep>,
    /// Orders of the ops that explain all that had returned before the culprit, and no more.
    dead: Vec<Dead>,
}

/// One step of the cycle, or a reason of one.
#[derive(Debug, Serialize)]
struct CycleStep {
    /// 0 for a step of the cycle, more for a reason of the step before it that has less.
    depth: usize,
    before: u32,
    after: u32,
    relation: &'static str,
    text: String,
}

/// An order that came to nothing.
#[derive(Debug, Serialize)]
struct Dead {
    /// What the object then was.
    state: String,
    /// The last ops of the order, in words.
    order: Vec<String>,
    /// How many come before those.
    earlier: usize,
}

impl Dead {
    fn new(state: String, order: &[u32], name: impl Fn(u32) -> String) -> Self {
        let earlier = order.len().saturating_sub(ORDER_SHOWN);
        Self {
            state,
            order: order[earlier..].iter().map(|op| name(*op)).collect(),
            earlier,
        }
    }
}

impl Explanation {
    /// Of a counterexample of registers.
    pub(super) fn of_registers(history: &History, found: &Counterexample) -> Self {
        let step = |step: StepInWords| CycleStep {
            depth: step.depth,
            before: step.before.0,
            after: step.after.0,
            relation: step.relation.name(),
            text: step.text,
        };
        let name = |index: u32| {
            let evidence = found.ops.iter().find(|evidence| evidence.index == OpIndex(index));
            evidence.map_or(String::new(), |evidence| {
                format!("process {}'s {}", evidence.op.process, evidence.op.describe())
            })
        };
        let dead = found.dead.iter().map(|dead| {
            let held = dead.held.map_or("nil".to_owned(), |value| value.to_string());
            let order: Vec<u32> = dead.order.iter().map(|index| index.0).collect();
            Dead::new(held, &order, name)
        });
        Self {
            class: Some(found.class.name()),
            minimal: found.minimal,
            verified_by: found
                .verified_by
                .iter()
                .map(|algorithm| algorithm.name())
                .collect(),
            cycle: found.cycle_on_a_line(history),
            steps: found.cycle_in_words(history).into_iter().map(step).collect(),
            dead: dead.collect(),
        }
    }

    /// Of a counterexample of calls.
    pub(super) fn of_calls(calls: &Calls, found: &CallsCounterexample) -> Self {
        let name = |at: u32| {
            let call = &calls.calls[at as usize];
            format!("process {}'s {call}", call.process)
        };
        let dead = found
            .dead
            .iter()
            .map(|dead| Dead::new(dead.state.clone(), &dead.order, name));
        Self {
            class: None,
            minimal: found.minimal,
            verified_by: found.verified.then_some("depth-first").into_iter().collect(),
            cycle: None,
            steps: Vec::new(),
            dead: dead.collect(),
        }
    }

    /// The steps of the cycle, in words.
    pub(super) fn cycle(&self) -> Vec<&str> {
        let steps = self.steps.iter().filter(|step| step.depth == 0);
        steps.map(|step| step.text.as_str()).collect()
    }

    /// What kind of violation it is, and how sure, on a line.
    pub(super) fn certainty(&self) -> String {
        let mut text = self
            .class
            .map_or(String::new(), |class| format!("It is a {class}. "));
        text.push_str(match self.minimal {
            true => "None of these ops can be left out.",
            false => "There was no time to leave out all that can be.",
        });
        text.push_str(&match (self.verified_by.is_empty(), self.class) {
            // A condition on pairs of ops needs no second look; and where one gave up, the reason says so.
            (true, Some(_)) => String::new(),
            (true, None) => " No second algorithm came to an end on them.".to_owned(),
            (false, _) => format!(
                " Looked at on their own, they are rejected by: {}.",
                self.verified_by.join(", ")
            ),
        });
        text
    }

    /// For people.
    pub(super) fn prose(&self) -> String {
        let mut text = self.certainty() + "\n";
        if let Some(cycle) = &self.cycle {
            text.push_str(&format!("\nWhat must come before what, in a cycle:\n  {cycle}\n"));
            for step in &self.steps {
                text.push_str(&format!("{}- {}\n", "  ".repeat(step.depth + 1), step.text));
            }
        }
        if !self.dead.is_empty() {
            text.push_str(
                "\nOrders of the ops that explain all that had returned before, and what they leave:\n",
            );
        }
        for dead in &self.dead {
            let before = if dead.earlier > 0 { "..., " } else { "" };
            let after = match dead.order.is_empty() {
                true => "nothing".to_owned(),
                false => dead.order.join(", "),
            };
            text.push_str(&format!("  {} after {before}{after}\n", dead.state));
        }
        text
    }
}
