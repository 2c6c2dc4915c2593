//! The tables of a campaign's page in which a cell is a state: the matrix, the strip of nights, the planted bugs.

use std::collections::BTreeMap;

use super::nights::Counts;
use super::results::{Night, State};
use crate::format::count;

/// The matrix: a row for each system and read mode, a column for each workload and faults, a layer for each night.
pub(super) struct Matrix {
    /// System and read mode.
    pub(super) rows: Vec<(String, String)>,
    /// Workload and faults.
    pub(super) columns: Vec<(String, String)>,
    /// For each night, row by row; none where nothing was planned.
    pub(super) nights: Vec<Vec<Option<Counts>>>,
}

impl Matrix {
    /// Of what nothing was planted into: a planted bug is there to violate, and has a table of its own.
    pub(super) fn new(nights: &[Night]) -> Self {
        let mut places = BTreeMap::new();
        let units = nights.iter().flat_map(|night| &night.units);
        for unit in units.filter(|unit| !unit.planted) {
            for (mode, _) in &unit.modes {
                places.insert((unit.subject.as_str(), mode.as_str()), 0);
            }
        }
        let rows = numbered(&mut places);
        let mut conditions = BTreeMap::new();
        for unit in nights.iter().flat_map(|night| &night.units) {
            if !unit.planted {
                conditions.insert((unit.workload.as_str(), unit.faults.as_str()), 0);
            }
        }
        let columns = numbered(&mut conditions);
        let mut layers = Vec::new();
        for night in nights {
            let mut cells: Vec<Option<Counts>> = vec![None; rows.len() * columns.len()];
            for unit in night.units.iter().filter(|unit| !unit.planted) {
                let column = conditions[&(unit.workload.as_str(), unit.faults.as_str())];
                for (mode, state) in &unit.modes {
                    let row = places[&(unit.subject.as_str(), mode.as_str())];
                    let cell = &mut cells[row * columns.len() + column];
                    cell.get_or_insert_default().add(*state);
                }
            }
            layers.push(cells);
        }
        Self {
            rows,
            columns,
            nights: layers,
        }
    }

    /// How many columns each workload spans.
    pub(super) fn workloads(&self) -> Vec<(&str, usize)> {
        let mut spans: Vec<(&str, usize)> = Vec::new();
        for (workload, _) in &self.columns {
            match spans.last_mut() {
                Some((last, span)) if last == workload => *span += 1,
                _ => spans.push((workload, 1)),
            }
        }
        spans
    }

    /// The last night's cells as they are shown, row by row.
    pub(super) fn tonight(&self) -> Vec<MatrixRow<'_>> {
        let Some(cells) = self.nights.last() else {
            return Vec::new();
        };
        let width = self.columns.len().max(1);
        let rows = self.rows.iter().zip(cells.chunks(width)).enumerate();
        rows.map(|(at, ((system, mode), cells))| MatrixRow {
            system,
            mode,
            cells: cells
                .iter()
                .enumerate()
                .map(|(column, counts)| (at * width + column, counts.map(|counts| Cell::new(&counts))))
                .collect(),
        })
        .collect()
    }
}

/// Numbers the keys in their order, and names them.
fn numbered(places: &mut BTreeMap<(&str, &str), usize>) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (at, (key, place)) in places.iter_mut().enumerate() {
        *place = at;
        names.push((key.0.to_owned(), key.1.to_owned()));
    }
    names
}

/// A row of the matrix, with the number of each cell.
pub(super) struct MatrixRow<'a> {
    pub(super) system: &'a str,
    pub(super) mode: &'a str,
    pub(super) cells: Vec<(usize, Option<Cell>)>,
}

/// A cell in words. The page's script says the same of the other nights.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) class: &'static str,
    pub(super) glyph: &'static str,
    /// `violation 2/20`.
    pub(super) text: String,
    /// What else there was: `17 pass · 1 not run`.
    pub(super) rest: String,
}

impl Cell {
    pub(super) fn new(counts: &Counts) -> Self {
        let worst = counts.worst().unwrap_or(State::NotRun);
        let look = look(worst);
        let others = State::ALL.into_iter().filter(|state| *state != worst);
        let others = others.filter(|state| counts.of(*state) > 0);
        let rest: Vec<String> = others
            .map(|state| format!("{} {}", count(counts.of(state)), self::look(state).text))
            .collect();
        Self {
            class: look.class,
            glyph: look.glyph,
            text: format!(
                "{} {}/{}",
                look.text,
                count(counts.of(worst)),
                count(counts.total())
            ),
            rest: rest.join(" · "),
        }
    }
}

/// How a state looks everywhere on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) class: &'static str,
    pub(super) glyph: &'static str,
    pub(super) text: &'static str,
}

pub(super) fn look(state: State) -> Look {
    let (class, glyph, text) = match state {
        State::Pass => ("pass", "✓", "pass"),
        State::NotRun => ("not-run", "–", "not run"),
        State::Unknown => ("unknown", "?", "unknown"),
        State::HarnessError => ("harness-error", "⊘", "harness error"),
        State::Violation => ("violation", "✗", "violation"),
    };
    Look { class, glyph, text }
}

/// A row of a table with a column for each night.
pub(super) struct Strip {
    pub(super) name: String,
    pub(super) cells: Vec<StripCell>,
}

/// A night's cell in such a table.
pub(super) struct StripCell {
    pub(super) class: &'static str,
    pub(super) glyph: &'static str,
    /// Beside the glyph; empty where there is nothing to count.
    pub(super) figure: String,
    /// All of it in words.
    pub(super) words: String,
}

/// A row for each system: what its runs came to, night by night.
pub(super) fn systems(nights: &[Night]) -> Vec<Strip> {
    strips(nights, false, |night, counts| {
        let Some(worst) = counts.worst() else {
            return nothing(night);
        };
        let look = look(worst);
        let figure = match worst {
            State::Pass => String::new(),
            other => count(counts.of(other)),
        };
        let cell = Cell::new(counts);
        let rest = if cell.rest.is_empty() {
            String::new()
        } else {
            format!(", {}", cell.rest)
        };
        StripCell {
            class: look.class,
            glyph: look.glyph,
            figure,
            words: format!("{night}: {}{rest}", cell.text),
        }
    })
}

/// A row for each planted bug: in how many of its runs it was caught, night by night.
pub(super) fn planted(nights: &[Night]) -> Vec<Strip> {
    strips(nights, true, |night, counts| {
        let (caught, finished) = (counts.of(State::Violation), counts.finished());
        if counts.total() == 0 {
            return nothing(night);
        }
        let not_run = match counts.of(State::NotRun) {
            0 => String::new(),
            left => format!(", {left} not run"),
        };
        let (class, glyph) = match (caught, finished) {
            (_, 0) => ("not-run", "–"),
            (0, _) => ("missed", "?"),
            _ => (SHADES[shade(caught, finished)], "✓"),
        };
        StripCell {
            class,
            glyph,
            figure: format!("{caught}/{finished}"),
            words: format!("{night}: caught in {caught} of {finished} runs{not_run}"),
        }
    })
}

/// The classes of cells by the share of runs in which a planted bug was caught: the last one is all of them.
const SHADES: [&str; 4] = ["caught-1", "caught-2", "caught-3", "caught-4"];

fn shade(caught: u64, finished: u64) -> usize {
    match caught * 3 / finished.max(1) {
        third @ 0..3 => third as usize,
        _ => 3,
    }
}

fn nothing(night: &str) -> StripCell {
    StripCell {
        class: "none",
        glyph: "·",
        figure: String::new(),
        words: format!("{night}: not planned"),
    }
}

fn strips(nights: &[Night], planted: bool, cell: impl Fn(&str, &Counts) -> StripCell) -> Vec<Strip> {
    let mut subjects: BTreeMap<&str, Vec<Counts>> = BTreeMap::new();
    for (at, night) in nights.iter().enumerate() {
        for unit in night.units.iter().filter(|unit| unit.planted == planted) {
            let counts = subjects.entry(&unit.subject);
            let counts = counts.or_insert_with(|| vec![Counts::default(); nights.len()]);
            counts[at].add(unit.state);
        }
    }
    let strip = |(name, counts): (&str, Vec<Counts>)| Strip {
        name: name.to_owned(),
        cells: nights
            .iter()
            .zip(&counts)
            .map(|(night, counts)| cell(&night.name, counts))
            .collect(),
    };
    subjects.into_iter().map(strip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(counts: [u64; 5]) -> Cell {
        Cell::new(&Counts(counts))
    }

    #[test]
    fn only_a_cell_of_passes_looks_like_a_pass() {
        let all = cell([20, 0, 0, 0, 0]);
        assert_eq!(
            (all.class, all.text.as_str(), all.rest.as_str()),
            ("pass", "pass 20/20", "")
        );
        for (counts, class) in [
            ([19, 1, 0, 0, 0], "not-run"),
            ([19, 0, 1, 0, 0], "unknown"),
            ([1_900, 5, 5, 1, 0], "harness-error"),
            ([1_900, 5, 5, 9, 1], "violation"),
            ([0, 1, 0, 0, 0], "not-run"),
        ] {
            let cell = cell(counts);
            assert_eq!(cell.class, class, "{counts:?}");
            assert_ne!(cell.glyph, "✓");
        }
        assert_eq!(cell([17, 1, 0, 0, 2]).text, "violation 2/20");
        assert_eq!(cell([17, 1, 0, 0, 2]).rest, "17 pass · 1 not run");
    }

    #[test]
    fn only_what_was_caught_each_time_has_the_full_shade() {
        assert_eq!(shade(999, 1_000), 2);
        assert_eq!(shade(1_000, 1_000), 3);
        assert_eq!(shade(1, 1_000), 0);
    }
}
