//! A cycle of what must come before what, in words.

use super::{Counterexample, Shown, Teller};
use crate::certificate::{Cycle, Proof, Relation, Step};
use crate::history::{History, OpIndex};

/// A step in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepInWords {
    /// 0 for a step of the cycle; else it is a reason of the last step before it that is one less deep.
    pub depth: usize,
    /// The op that comes first.
    pub before: OpIndex,
    /// The op that comes later.
    pub after: OpIndex,
    /// By which rule.
    pub relation: Relation,
    /// Why, in a sentence without its full stop.
    pub text: String,
}

impl Counterexample {
    /// The cycle that shows the violation, one step after the other, each with its reasons when it first comes. `of` is
    /// the history that was checked. Empty where nothing of the kind was found.
    #[must_use]
    pub fn cycle_in_words(&self, of: &History) -> Vec<StepInWords> {
        let Some(Proof::Cycle(cycle)) = &self.proof else {
            return Vec::new();
        };
        let mut told = Told {
            teller: Teller { history: of },
            cycle,
            is_told: vec![false; cycle.steps.len()],
            lines: Vec::new(),
        };
        for step in &cycle.cycle {
            told.tell(*step, 0);
        }
        told.lines
    }

    /// The cycle on one line: `write 5 -> returned before -> the read of 4 by process 3 -> saw what was overwritten by ->
    /// write 5`.
    #[must_use]
    pub fn cycle_on_a_line(&self, of: &History) -> Option<String> {
        let Some(Proof::Cycle(cycle)) = &self.proof else {
            return None;
        };
        let teller = Teller { history: of };
        let noun = |op: u32| teller.noun(of.position_of(OpIndex(op)));
        let mut line = String::new();
        let mut steps = cycle
            .cycle
            .iter()
            .map(|step| &cycle.steps[*step as usize])
            .peekable();
        while let Some(step) = steps.next() {
            line.push_str(&format!("{} -> {} -> ", noun(step.before), phrase(step.relation)));
            if steps.peek().is_none() {
                line.push_str(&noun(step.after));
            }
        }
        Some(line)
    }
}

/// What stands between two ops.
fn phrase(relation: Relation) -> &'static str {
    match relation {
        Relation::Session => "returned, in the same process, before",
        Relation::RealTime => "returned before",
        Relation::WriteRead => "wrote what was seen by",
        Relation::ReadWrite => "saw what was overwritten by",
        Relation::WriteWrite => "wrote before",
    }
}

struct Told<'a> {
    teller: Teller<'a>,
    cycle: &'a Cycle,
    is_told: Vec<bool>,
    lines: Vec<StepInWords>,
}

impl Told<'_> {
    fn tell(&mut self, number: u32, depth: usize) {
        let step = &self.cycle.steps[number as usize];
        self.lines.push(StepInWords {
            depth,
            before: OpIndex(step.before),
            after: OpIndex(step.after),
            relation: step.relation,
            text: self.text(step),
        });
        if !std::mem::replace(&mut self.is_told[number as usize], true) {
            for reason in &step.because {
                self.tell(*reason, depth + 1);
            }
        }
    }

    fn text(&self, step: &Step) -> String {
        let position = |op: u32| self.teller.history.position_of(OpIndex(op));
        let noun = |op: u32| self.teller.noun(position(op));
        let (before, after) = (noun(step.before), noun(step.after));
        let gap = || self.teller.gap(position(step.before), position(step.after));
        let reason = |number: &u32| &self.cycle.steps[*number as usize];
        match step.relation {
            Relation::RealTime => format!("{before} returned {} before {after} began", gap()),
            Relation::Session => {
                let process = self.teller.op(position(step.before)).process;
                format!(
                    "{before} returned {} before {after} began, both of process {process}",
                    gap()
                )
            }
            Relation::WriteRead => format!("{after} saw what only {before} wrote"),
            Relation::ReadWrite => {
                let seen = Shown(self.teller.seen(position(step.before)).flatten());
                match step.because.first() {
                    None => format!("{before} saw {seen}, which is there before {after} only"),
                    Some(first) => format!(
                        "{before} saw {seen}, which {after} overwrote: {} comes before {after}",
                        noun(reason(first).before)
                    ),
                }
            }
            Relation::WriteWrite => {
                let by = step.because.last().map_or(step.after, |last| reason(last).after);
                format!(
                    "{before} comes before {after}, since {} saw what only {after} wrote, and {before} comes before that",
                    noun(by)
                )
            }
        }
    }
}
