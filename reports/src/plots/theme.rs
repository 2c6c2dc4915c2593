//! Colours and type of the plots. Each colour has one meaning, so that a page can exchange them for its own.

use plotters::style::{FontFamily, RGBColor, TextStyle};

pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(super) const INK: RGBColor = RGBColor(0x1b, 0x1f, 0x24);
pub(super) const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
pub(super) const GRID: RGBColor = RGBColor(0xe2, 0xe6, 0xea);
pub(super) const FAULT: RGBColor = RGBColor(0x6f, 0x5b, 0x8c);
pub(super) const OK: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const INFO: RGBColor = RGBColor(0xb8, 0x8a, 0x00);
pub(super) const FAIL: RGBColor = RGBColor(0x77, 0x77, 0x77);
pub(super) const ALARM: RGBColor = RGBColor(0xb2, 0x18, 0x2b);

/// Colours of series that are none of the above (after Okabe and Ito, apart for colour-blind readers, and legible
/// on light and dark alike).
pub(super) const SERIES: [RGBColor; 6] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x8c, 0x6b, 0x4f),
];

/// The page's custom property for each colour that changes between light and dark.
const PROPERTIES: [(RGBColor, &str); 9] = [
    (PAPER, "--plot-paper"),
    (INK, "--ink"),
    (MUTED, "--muted"),
    (GRID, "--grid"),
    (FAULT, "--fault"),
    (OK, "--ok"),
    (INFO, "--info-line"),
    (FAIL, "--fail"),
    (ALARM, "--alarm"),
];

/// The fonts tried in turn; every browser has the last.
const FONTS: &str = "system-ui, sans-serif";
/// `plotters` divides a font's size by this before it writes it (it takes the size to be the line's height).
const LINE_HEIGHT: f64 = 1.24;

/// Text of `pixels` height in `colour`.
pub(super) fn text(pixels: f64, colour: &RGBColor) -> TextStyle<'_> {
    TextStyle::from((FontFamily::Name(FONTS), pixels * LINE_HEIGHT)).color(colour)
}

/// The SVG as it is put into a page: without what only a document of its own needs, its colours those of the page.
pub(crate) fn for_page(svg: &str) -> String {
    let mut out = svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    for (RGBColor(r, g, b), property) in PROPERTIES {
        out = out.replace(
            &format!("\"#{r:02X}{g:02X}{b:02X}\""),
            &format!("\"var({property})\""),
        );
    }
    out
}
