//! The units as the page's script reads them: columns of numbers, with each text once.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grid::Matrix;
use super::nights::Counts;
use super::results::{Campaign, Kept, State, Unit};
use crate::format::shorten;
use crate::page::href;

/// What the units may take of the page, in bytes of JSON: with all the rest it stays below five megabytes.
const BYTES_MAX: usize = 3_500_000;
/// What the numbers of a unit take at most, in bytes of JSON.
const UNIT_BYTES: usize = 90;
/// Longer reasons are cut: the run's own page has them whole.
const REASON_MAX: usize = 260;

/// The data of the page's script.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    nights: Vec<&'a str>,
    /// For each night the cells of the matrix: the five counts, or 0 where nothing was planned.
    matrix: Vec<Vec<CellData>>,
    units: Columns<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CellData {
    None(u8),
    Counts([u64; State::ALL.len()]),
}

/// The units listed, a list for each of their properties. Where a number names a text, it is its place in `texts`; 0 is
/// the empty one.
#[derive(Default, Serialize)]
struct Columns<'a> {
    texts: Vec<String>,
    id: Vec<&'a str>,
    night: Vec<usize>,
    subject: Vec<usize>,
    planted: Vec<u8>,
    /// The read modes, comma by comma.
    modes: Vec<usize>,
    workload: Vec<usize>,
    faults: Vec<usize>,
    shape: Vec<usize>,
    /// As text: a seed has more digits than a script's numbers.
    seed: Vec<String>,
    state: Vec<usize>,
    /// Milliseconds, or −1.
    detected: Vec<i64>,
    check: Vec<i64>,
    wall: Vec<i64>,
    reason: Vec<usize>,
    command: Vec<usize>,
    /// The ids of the failures, blank by blank.
    failures: Vec<usize>,
    /// A reference to its page; else "smaller", or empty for nothing.
    page: Vec<String>,
}

/// How many units are listed, and of which states some are not.
pub(super) struct Listed {
    pub(super) count: usize,
    pub(super) of: usize,
    /// How many of each state are left out.
    pub(super) left_out: Counts,
}

/// The data, and what they leave out.
pub(super) fn data<'a>(campaign: &'a Campaign, matrix: &Matrix) -> (Data<'a>, Listed) {
    let mut all: Vec<(usize, usize, &Unit)> = Vec::new();
    for (night, of_night) in campaign.nights.iter().enumerate() {
        let units = of_night.units.iter().enumerate();
        all.extend(units.map(|(place, unit)| (night, place, unit)));
    }
    // If not all can be listed, passes go first, and of them the oldest.
    let worth = |night: usize, place, unit: &Unit| (unit.state == State::Pass, usize::MAX - night, place);
    all.sort_by_key(|(night, place, unit)| worth(*night, *place, unit));
    let mut units = Columns::default();
    let mut interned = Interned::default();
    interned.place("");
    let (mut count, mut bytes) = (0, 0);
    let mut left_out = Counts::default();
    for (night, _, unit) in &all {
        if bytes + interned.bytes < BYTES_MAX {
            bytes += UNIT_BYTES + units.push(*night, unit, &mut interned);
            count += 1;
        } else {
            left_out.add(unit.state);
        }
    }
    units.texts = interned.texts;
    let cell =
        |counts: &Option<Counts>| counts.map_or(CellData::None(0), |counts| CellData::Counts(counts.0));
    let layer = |cells: &Vec<Option<Counts>>| cells.iter().map(cell).collect();
    let data = Data {
        nights: campaign.nights.iter().map(|night| night.name.as_str()).collect(),
        matrix: matrix.nights.iter().map(layer).collect(),
        units,
    };
    let listed = Listed {
        count,
        of: all.len(),
        left_out,
    };
    (data, listed)
}

impl<'a> Columns<'a> {
    /// Adds a unit. Returns how many bytes its own texts take.
    fn push(&mut self, night: usize, unit: &'a Unit, texts: &mut Interned) -> usize {
        let modes: Vec<&str> = unit.modes.iter().map(|(mode, _)| mode.as_str()).collect();
        let ms = |value: Option<u64>| value.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(-1);
        let page = match &unit.kept {
            Kept::Page(path) => href(path),
            Kept::Smaller => "smaller".to_owned(),
            Kept::Nothing => String::new(),
        };
        let bytes = unit.id.len() + page.len();
        self.id.push(&unit.id);
        self.night.push(night);
        self.subject.push(texts.place(&unit.subject));
        self.planted.push(unit.planted.into());
        self.modes.push(texts.place(&modes.join(", ")));
        self.workload.push(texts.place(&unit.workload));
        self.faults.push(texts.place(&unit.faults));
        self.shape.push(texts.place(&unit.shape));
        self.seed.push(unit.seed.to_string());
        self.state.push(unit.state.place());
        self.detected.push(ms(unit.detected_ms));
        self.check.push(ms(unit.check_ms));
        self.wall.push(ms(unit.wall_ms));
        self.reason.push(texts.place(&shorten(&unit.reason, REASON_MAX)));
        // Nobody runs again what passed.
        let command = match unit.state {
            State::Pass => "",
            _ => &unit.command,
        };
        self.command.push(texts.place(command));
        self.failures.push(texts.place(&unit.failures.join(" ")));
        self.page.push(page);
        bytes
    }
}

/// Texts by number.
#[derive(Default)]
struct Interned {
    places: BTreeMap<String, usize>,
    texts: Vec<String>,
    /// What they take in JSON, roughly.
    bytes: usize,
}

impl Interned {
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.texts.len();
        // Quotes and markup take up to six bytes each, `\u003c`.
        let escaped = |byte: &u8| {
            if b"<>&\"\\".contains(byte) || *byte < b' ' {
                6
            } else {
                1
            }
        };
        self.bytes += text.as_bytes().iter().map(escaped).sum::<usize>() + 3;
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}
