//! What the page says of nights, and how large it becomes.

use std::path::Path;

use splitbrain_reports::results::RunVerdict;

use super::*;
use crate::campaign::plan::Plan;
use crate::campaign::synthetic;

/// Nights of so many units each, the last one with a failure that is new and one seen before.
fn merged(root: &Path, nights: usize, units: u64) -> PathBuf {
    let file = root.join("nights.sqlite");
    for at in 0..nights {
        let name = format!("2026-{:02}-{:02}", 1 + at / 28, 1 + at % 28);
        let plan = synthetic::plan(&name, units);
        let folder = CampaignFolder::plan(&root.join(&name), &plan).unwrap();
        for (place, unit) in plan.units.iter().enumerate() {
            let (verdict, shape) = match (place, unit.mutant.is_some()) {
                (0, _) => (RunVerdict::Violation, "known"),
                (2, _) if at + 1 == nights => (RunVerdict::Violation, "new"),
                (4, _) => (RunVerdict::Unknown, ""),
                (6, _) => continue,
                (_, true) if place % 3 > 0 => (RunVerdict::Violation, "planted"),
                _ => (RunVerdict::Pass, ""),
            };
            let record = synthetic::record(&plan, unit, verdict, shape);
            // Not durably: ten thousand syncs would be what the test measures.
            fs::write(folder.record_file(unit), record.text()).unwrap();
        }
        Nights::create(&file).unwrap().merge(&[folder]).unwrap();
    }
    file
}

#[test]
fn what_is_new_stands_first() {
    let root = tempfile::tempdir().unwrap();
    let file = merged(root.path(), 3, 20);
    let pages = of_nights(&file).unwrap();
    assert_eq!(pages, [root.path().join("campaign.html")]);
    let html = fs::read_to_string(&pages[0]).unwrap();
    let (head, _) = html.split_once("</header>").unwrap();
    for part in [
        "Violation",
        "night 2026-01-03",
        "1 failure new tonight: raft log is not linearizable (stale-read, in 1 run). Seen before, and seen again: 1 failure.",
        "1 without a verdict, 1 not run",
    ] {
        assert!(head.contains(part), "`{part}` is not in: {head}");
    }
    let summary: Summary =
        serde_json::from_str(&fs::read_to_string(root.path().join("campaign.json")).unwrap()).unwrap();
    assert_eq!(
        (summary.verdict, summary.night.as_str()),
        (RunVerdict::Violation, "2026-01-03")
    );
    assert!(summary.signatures.contains(&"raft-new".to_owned()), "{summary:?}");
}

#[test]
fn a_folder_alone_tells_nothing_as_new() {
    let root = tempfile::tempdir().unwrap();
    merged(root.path(), 1, 20);
    let folder = CampaignFolder::open(&root.path().join("2026-01-01")).unwrap();
    let html = fs::read_to_string(of_folder(&folder, Partition::WHOLE).unwrap()).unwrap();
    assert!(html.contains("What is new can be told from all nights"));
    assert!(!html.contains("badge state new") && html.contains("</span> seen</span>"));
    let part = "slice:2/4".parse().unwrap();
    let html = fs::read_to_string(of_folder(&folder, part).unwrap()).unwrap();
    assert!(html.contains("only slice:2/4 of its units"));
}

#[test]
fn campaigns_that_share_a_file_have_a_page_each() {
    let root = tempfile::tempdir().unwrap();
    let file = merged(root.path(), 1, 4);
    of_nights(&file).unwrap();
    let mut other = synthetic::plan("2026-01-01", 4);
    other.header.campaign = "other".into();
    let text = other.text();
    other.header.hash = {
        let mut bare = other.clone();
        bare.header.hash = String::new();
        crate::campaign::plan::sha256(bare.text().as_bytes())
    };
    assert!(
        Plan::parse(&text).is_err(),
        "the hash is of the campaign's name too"
    );
    let folder = CampaignFolder::plan(&root.path().join("other"), &other).unwrap();
    Nights::create(&file).unwrap().merge(&[folder]).unwrap();
    let names: Vec<_> = of_nights(&file)
        .unwrap()
        .iter()
        .map(|page| page.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["campaign-made-up.html", "campaign-other.html"]);
    assert!(
        !root.path().join("campaign.html").exists(),
        "it would stay as it was"
    );
}

#[test]
fn the_page_of_ten_thousand_units_over_thirty_nights_stays_below_five_megabytes() {
    let root = tempfile::tempdir().unwrap();
    let file = merged(root.path(), 30, 334);
    let pages = of_nights(&file).unwrap();
    let html = fs::read_to_string(&pages[0]).unwrap();
    assert!(html.len() < 5_000_000, "{} bytes", html.len());
    assert!(!html.contains("Left out"), "all of them are listed");
    assert_eq!(html.matches("data-night=").count(), 30);
}
