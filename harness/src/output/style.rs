//! Glyphs and colours of verdicts: apart for colour-blind readers, and never a colour without its glyph.

use anstyle::{RgbColor, Style};
use splitbrain_reports::results::{ClaimVerdict, RunVerdict};

const PASS: RgbColor = RgbColor(0x00, 0x72, 0xB2);
const UNKNOWN: RgbColor = RgbColor(0xF0, 0xC0, 0x00);
const VIOLATION: RgbColor = RgbColor(0xB2, 0x18, 0x2B);
const HARNESS_ERROR: RgbColor = RgbColor(0x77, 0x77, 0x77);

/// The verdict of a run, with glyph and colour.
#[must_use]
pub fn run_badge(verdict: RunVerdict) -> String {
    match verdict {
        RunVerdict::Pass => paint(PASS, "✓ pass"),
        RunVerdict::Unknown => paint(UNKNOWN, "? unknown"),
        RunVerdict::HarnessError => paint(HARNESS_ERROR, "⊘ harness error"),
        RunVerdict::Violation => paint(VIOLATION, "✗ violation"),
    }
}

/// The verdict on a claim, with glyph and colour.
#[must_use]
pub fn claim_badge(verdict: ClaimVerdict) -> String {
    match verdict {
        ClaimVerdict::Valid => paint(PASS, "✓ valid"),
        ClaimVerdict::Unknown => paint(UNKNOWN, "? unknown"),
        ClaimVerdict::Invalid => paint(VIOLATION, "✗ invalid"),
    }
}

/// The glyph alone, in its colour.
#[must_use]
pub fn claim_glyph(verdict: ClaimVerdict) -> String {
    match verdict {
        ClaimVerdict::Valid => paint(PASS, "✓"),
        ClaimVerdict::Unknown => paint(UNKNOWN, "?"),
        ClaimVerdict::Invalid => paint(VIOLATION, "✗"),
    }
}

fn paint(colour: RgbColor, text: &str) -> String {
    let style = Style::new().fg_color(Some(colour.into())).bold();
    format!("{style}{text}{style:#}")
}
