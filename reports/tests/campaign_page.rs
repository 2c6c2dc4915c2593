//! The campaign page: whole, small enough, deaf to what a run says, and in a browser quick and usable by keys alone.

mod browser;
mod made_up_campaign;

use std::fs;

use serde_json::{Value, json};
use splitbrain_reports::campaign::{Campaign, State, campaign_page};
use splitbrain_reports::results::RunVerdict;

/// All that has ever ended an element or begun one where nobody wanted it.
const MARKUP: &str = "\"'`></title></textarea></script><script>window.injected=1</script><!--<img src=x \
                      onerror=window.injected=2>--!><svg onload=window.injected=3>\u{2028}\u{2029}\u{0}&lt;{{7*7}}javascript:window.injected=4";

fn data(html: &str) -> Value {
    let (_, rest) = html.split_once(r#"id="campaign-data">"#).expect("the data");
    serde_json::from_str(rest.split_once("</script>").expect("its end").0).expect("JSON")
}

#[test]
fn verdict_and_what_is_new_come_first_and_all_parts_are_there() {
    let campaign = made_up_campaign::campaign(5, 60);
    let html = campaign_page(&campaign);
    let order = [
        "<header class=\"verdict violation\"",
        "1 failure new tonight",
        "id=\"failures\"",
        "id=\"nights\"",
        "id=\"matrix\"",
        "id=\"planted\"",
        "id=\"trends\"",
        "id=\"runs\"",
        "id=\"meaning\"",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|part| html.find(part).unwrap_or_else(|| panic!("{part}")))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(html.matches("<svg").count(), 4);
    // A table behind the plots, a row a night.
    let (_, table) = html.split_once("id=\"figures\"").unwrap();
    assert_eq!(
        table
            .split_once("</table>")
            .unwrap()
            .0
            .matches("<th scope=\"row\">")
            .count(),
        5
    );
}

#[test]
fn neither_unknown_nor_what_was_not_run_looks_like_a_pass() {
    for (state, verdict, class) in [
        (State::NotRun, RunVerdict::Unknown, "not-run"),
        (State::Unknown, RunVerdict::Unknown, "unknown"),
        (State::HarnessError, RunVerdict::HarnessError, "harness-error"),
    ] {
        let mut campaign = made_up_campaign::campaign(1, 40);
        campaign.nights[0].verdict = verdict;
        campaign.verdict = verdict;
        for unit in &mut campaign.nights[0].units {
            unit.state = state;
            unit.modes.iter_mut().for_each(|(_, mode)| *mode = state);
        }
        let html = campaign_page(&campaign);
        let (_, grids) = html.split_once("id=\"strip\"").unwrap();
        let (grids, _) = grids.split_once("id=\"trends\"").unwrap();
        assert!(
            !grids.contains("<td class=\"pass\"") && !grids.contains("<td class=\"caught"),
            "{class}"
        );
        assert!(grids.contains(&format!("<td class=\"{class}\"")), "{class}");
    }
}

#[test]
fn no_text_of_a_campaign_is_markup() {
    let html = campaign_page(&made_up_campaign::hostile(MARKUP));
    let honest = campaign_page(&made_up_campaign::campaign(2, 24));
    for markup in [
        "<script>window.injected",
        "<img",
        "<svg onload",
        "<!--",
        "href=\"javascript",
    ] {
        assert!(!html.contains(markup), "{markup}");
    }
    for element in ["<script", "</script", "</title", "<textarea"] {
        assert_eq!(
            html.matches(element).count(),
            honest.matches(element).count(),
            "{element}"
        );
    }
    // Yet it is there as what it is: text.
    assert_eq!(data(&html)["units"]["texts"][1], MARKUP);
}

#[test]
fn the_page_fetches_nothing_and_admits_its_own_scripts_only() {
    let html = campaign_page(&made_up_campaign::campaign(3, 24));
    // A gradient of the page's own is no source.
    let lower = html.to_lowercase().replace("url(#fade)", "");
    for source in [
        "http:",
        "https:",
        "src=",
        "@import",
        "url(",
        " style=\"",
        " onclick=",
    ] {
        assert!(!lower.contains(source), "{source}");
    }
    let policy = html.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(
        policy.matches("sha256-").count(),
        html.matches("<script>").count() + html.matches("<style>").count()
    );
}

#[test]
fn ten_thousand_units_have_room_and_of_more_the_oldest_passes_are_left_out() {
    let html = campaign_page(&made_up_campaign::campaign(30, 334));
    assert!(html.len() < 5_000_000, "{} bytes", html.len());
    assert!(!html.contains("Left out"));
    let many = made_up_campaign::campaign(30, 1_000);
    let html = campaign_page(&many);
    assert!(html.len() < 5_000_000, "{} bytes", html.len());
    assert!(html.contains("of 30,000 units, and counts all of them. Left out, the oldest first: "));
    let units = &data(&html)["units"];
    let violations = |campaign: &Campaign| {
        let units = campaign.nights.iter().flat_map(|night| &night.units);
        units.filter(|unit| unit.state == State::Violation).count()
    };
    let listed = units["state"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|state| **state == json!(4))
        .count();
    assert_eq!(listed, violations(&many));
}

#[test]
fn a_violation_without_a_signature_is_never_said_to_be_none() {
    let mut campaign = made_up_campaign::campaign(2, 60);
    campaign.failures.clear();
    let html = campaign_page(&campaign);
    assert!(html.contains("told no signature") && !html.contains("showed a violation.</p>"));
    campaign.failures = made_up_campaign::campaign(1, 4).failures;
    campaign.failures.retain(|failure| failure.planted);
    let planted_only = "those below are of planted bugs";
    assert!(!campaign_page(&campaign).contains(planted_only));
    for unit in campaign.nights.iter_mut().flat_map(|night| &mut night.units) {
        unit.state = if unit.planted { unit.state } else { State::Pass };
    }
    assert!(campaign_page(&campaign).contains(planted_only));
}

#[test]
fn a_campaign_of_nothing_has_a_page() {
    let mut campaign = made_up_campaign::campaign(1, 0);
    campaign.failures.clear();
    assert!(campaign_page(&campaign).contains("showed a violation"));
    campaign.nights.clear();
    let html = campaign_page(&campaign);
    assert!(html.contains("plants no bugs"));
}

const READY: &str = "window.campaign && document.querySelector('#run-rows tr')";

#[test]
fn in_a_browser_nothing_is_injected() {
    let Some(mut browser) = browser::start(1280, 900) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("campaign.html");
    fs::write(&page, campaign_page(&made_up_campaign::hostile(MARKUP))).unwrap();
    browser.open_file(&page, READY);
    browser.eval("document.querySelector('button[data-signature]').click()");
    browser.eval("document.querySelector('#matrix-table td button').click()");
    browser.eval("document.querySelector('#strip button').click()");
    assert_eq!(browser.eval("window.injected ?? null"), Value::Null);
    assert_eq!(
        browser.eval("document.querySelectorAll('img, iframe, main script').length"),
        0
    );
    let links = browser.eval("[...document.links].every((link) => link.protocol === 'file:')");
    assert_eq!(links, true);
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn in_a_browser_nights_cells_filters_and_sorting_agree_with_the_data() {
    let Some(mut browser) = browser::start(1280, 900) else {
        return;
    };
    let campaign = made_up_campaign::campaign(9, 120);
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("campaign.html");
    fs::write(&page, campaign_page(&campaign)).unwrap();
    browser.open_file(&page, "document.getElementById('matrix-table')");
    browser.wait(READY);
    // The script says of the last night what the page came with.
    let cells = "[...document.querySelectorAll('#matrix-table td')].map((td) => `${td.className}|${td.textContent}`).join('\\n')";
    let drawn = browser.eval(cells);
    let raw = fs::read_to_string(&page).unwrap();
    browser.eval("document.querySelector('#strip button[data-night=\"3\"]').click()");
    assert_ne!(browser.eval(cells), drawn, "another night has another matrix");
    assert_eq!(
        browser.eval("document.getElementById('matrix-night').textContent"),
        "2026-01-04"
    );
    browser.eval("document.querySelector('#strip button[data-night=\"8\"]').click()");
    assert_eq!(browser.eval(cells), drawn);
    let parsed = "(() => { const page = new DOMParser().parseFromString(RAW, 'text/html'); return [...page.querySelectorAll('#matrix-table td')].map((td) => `${td.className}|${td.textContent}`).join('\\n'); })()";
    assert_eq!(
        browser.eval(&parsed.replace("RAW", &json!(raw).to_string())),
        drawn
    );

    // Each filter lets through what it says.
    let shown = "document.getElementById('page-where').textContent.split(' of ').at(-1)";
    let set = |name: &str, value: &str| {
        format!(
            "(() => {{ const form = document.getElementById('run-controls'); form.elements['{name}'].value = '{value}'; \
             form.dispatchEvent(new Event('input')); }})()"
        )
    };
    let count = |filter: &dyn Fn(&splitbrain_reports::campaign::Unit) -> bool| {
        let units = campaign.nights.iter().flat_map(|night| &night.units);
        units.filter(|unit| filter(unit)).count().to_string()
    };
    browser.eval(&set("night", ""));
    browser.eval(&set("state", "4"));
    assert_eq!(browser.eval(shown), count(&|unit| unit.state == State::Violation));
    browser.eval(&set("find", "zab/ CLOCK"));
    let is_found = |unit: &splitbrain_reports::campaign::Unit| {
        unit.state == State::Violation && unit.subject.starts_with("zab/") && unit.faults.contains("clock")
    };
    assert_eq!(browser.eval(shown), count(&is_found));
    assert!(
        browser
            .eval("location.hash")
            .as_str()
            .unwrap()
            .contains("state=4")
    );
    browser.eval(&set("state", ""));
    browser.eval(&set("find", ""));

    // A cell lists its runs, and sorting puts figures in order.
    browser.eval("document.querySelector('#matrix-table td:not(.none) button').click()");
    let listed = browser.eval(shown);
    let says = browser
        .eval("document.querySelector('#matrix-table td:not(.none) .cell-text').textContent.split('/')[1]");
    assert_eq!(listed, says);
    browser.eval("document.getElementById('run-clear').click()");
    browser.eval(&set("night", ""));
    browser.eval("document.querySelector('th[data-by=detected] button').click()");
    let order = "(() => { const values = [...document.querySelectorAll('#run-rows td[data-label=\"Detected after\"]')].map((td) => td.textContent).map((text) => parseFloat(text) * (text.endsWith(' ms') ? 1 : 1000)); return values.length === 50 && values.every((value, at) => at === 0 || values[at - 1] <= value); })()";
    assert_eq!(browser.eval(order), true);

    // By keys alone: one stop for the strip, arrows within it.
    browser.eval("document.querySelector('#strip button[tabindex=\"0\"]').focus()");
    browser.press("ArrowLeft");
    browser.eval("document.activeElement.click()");
    assert_eq!(
        browser.eval("document.getElementById('matrix-night').textContent"),
        "2026-01-08"
    );
    browser.press("/");
    assert_eq!(browser.eval("document.activeElement.name"), "find");
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn in_a_browser_nothing_is_wider_than_a_narrow_screen() {
    let Some(mut browser) = browser::start(400, 800) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("campaign.html");
    fs::write(&page, campaign_page(&made_up_campaign::campaign(30, 60))).unwrap();
    browser.open_file(&page, READY);
    assert_eq!(browser.eval("document.documentElement.scrollWidth"), 400);
    let newest = "(() => { const box = document.getElementById('strip').parentNode; return box.scrollLeft > 0 && box.scrollLeft + box.clientWidth >= box.scrollWidth - 1; })()";
    assert_eq!(browser.eval(newest), true, "the newest nights are in sight");
}
