//! The page's own style and scripts, and the policy that admits them and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The style sheets of a run's page, in the order of the cascade.
pub(crate) const STYLES: [&str; 4] = [
    include_str!("../assets/tokens.css"),
    include_str!("../assets/page.css"),
    include_str!("../assets/timeline.css"),
    include_str!("../assets/print.css"),
];

/// The style sheets of a comparison's page.
pub(crate) const COMPARISON_STYLES: [&str; 4] = [
    include_str!("../assets/tokens.css"),
    include_str!("../assets/page.css"),
    include_str!("../assets/comparison.css"),
    include_str!("../assets/print.css"),
];

/// The scripts of a comparison's page.
pub(crate) const COMPARISON_SCRIPTS: [&str; 2] = [
    include_str!("../assets/copy.js"),
    include_str!("../assets/reveal.js"),
];

/// The style sheets of a campaign's page.
pub(crate) const CAMPAIGN_STYLES: [&str; 4] = [
    include_str!("../assets/tokens.css"),
    include_str!("../assets/page.css"),
    include_str!("../assets/campaign.css"),
    include_str!("../assets/print.css"),
];

/// The scripts of a campaign's page, each after those that it uses.
pub(crate) const CAMPAIGN_SCRIPTS: [&str; 6] = [
    include_str!("../assets/copy.js"),
    include_str!("../assets/window.js"),
    include_str!("../assets/sortable.js"),
    include_str!("../assets/grid.js"),
    include_str!("../assets/runs_table.js"),
    include_str!("../assets/campaign.js"),
];

/// The scripts of a run's page, each after those that it uses.
pub(crate) const SCRIPTS: [&str; 12] = [
    include_str!("../assets/copy.js"),
    include_str!("../assets/reveal.js"),
    include_str!("../assets/columns.js"),
    include_str!("../assets/window.js"),
    include_str!("../assets/filters.js"),
    include_str!("../assets/layout.js"),
    include_str!("../assets/draw.js"),
    include_str!("../assets/details.js"),
    include_str!("../assets/table.js"),
    include_str!("../assets/gestures.js"),
    include_str!("../assets/stage.js"),
    include_str!("../assets/timeline.js"),
];

/// The style sheets of the page of a checked history.
pub(crate) const CHECK_STYLES: [&str; 5] = [
    include_str!("../assets/tokens.css"),
    include_str!("../assets/page.css"),
    include_str!("../assets/timeline.css"),
    include_str!("../assets/check.css"),
    include_str!("../assets/print.css"),
];

/// The scripts of the page of a checked history, each after those that it uses.
pub(crate) const CHECK_SCRIPTS: [&str; 14] = [
    include_str!("../assets/reveal.js"),
    include_str!("../assets/columns.js"),
    include_str!("../assets/window.js"),
    include_str!("../assets/draw.js"),
    include_str!("../assets/details.js"),
    include_str!("../assets/table.js"),
    include_str!("../assets/gestures.js"),
    include_str!("../assets/stage.js"),
    include_str!("../assets/history_ops.js"),
    include_str!("../assets/history_lanes.js"),
    include_str!("../assets/linearizations.js"),
    include_str!("../assets/history_painter.js"),
    include_str!("../assets/history_table.js"),
    include_str!("../assets/history_view.js"),
];

/// The style sheets of the lists of a store, which have no script.
pub(crate) const STORE_STYLES: [&str; 3] = [
    include_str!("../assets/tokens.css"),
    include_str!("../assets/page.css"),
    include_str!("../assets/store.css"),
];

/// The scripts of all pages that runs, comparisons and campaigns leave.
pub(crate) fn all_scripts() -> Vec<&'static str> {
    unique([
        &SCRIPTS[..],
        &COMPARISON_SCRIPTS,
        &CAMPAIGN_SCRIPTS,
        &CHECK_SCRIPTS,
    ])
}

/// Their style sheets.
pub(crate) fn all_styles() -> Vec<&'static str> {
    unique([&STYLES[..], &COMPARISON_STYLES, &CAMPAIGN_STYLES, &CHECK_STYLES])
}

fn unique(lists: [&[&'static str]; 4]) -> Vec<&'static str> {
    let mut all = lists.concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// The Content-Security-Policy: nothing may be fetched, and only these scripts and styles may run, by their hash.
pub(crate) fn policy(scripts: &[&str], styles: &[&str]) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hashes(scripts),
        hashes(styles)
    )
}

fn hashes(sources: &[&str]) -> String {
    if sources.is_empty() {
        return "'none'".to_owned();
    }
    let hash = |source: &&str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(source.as_bytes())));
    sources.iter().map(hash).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_cannot_end_their_own_element() {
        for asset in all_styles().iter().chain(&all_scripts()).chain(&STORE_STYLES) {
            let lower = asset.to_lowercase();
            assert!(!lower.contains("</script") && !lower.contains("</style") && !lower.contains("<!--"));
        }
    }

    #[test]
    fn scripts_never_parse_markup() {
        for script in SCRIPTS.into_iter().chain(CHECK_SCRIPTS).chain(CAMPAIGN_SCRIPTS) {
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "Function(",
            ] {
                assert!(!script.contains(sink), "{sink}");
            }
            assert!(script.starts_with("'use strict';"));
        }
    }
}
