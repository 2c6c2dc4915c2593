//! Merging, and what is refused.

use proptest::prelude::*;
use splitbrain_reports::results::RunVerdict;
use tempfile::TempDir;

use super::*;
use crate::campaign::synthetic;
use crate::exit::Exit;

/// A folder with a part of a night's results. Which `attempt` it is shows in them.
fn folder(
    root: &TempDir,
    name: &str,
    night: &str,
    part: impl Fn(usize) -> bool,
    attempt: u64,
) -> CampaignFolder {
    let plan = synthetic::plan(night, 12);
    let folder = CampaignFolder::plan(&root.path().join(name), &plan).unwrap();
    let verdicts = [RunVerdict::Pass, RunVerdict::Unknown, RunVerdict::Violation];
    for (at, unit) in plan.units.iter().enumerate().filter(|(at, _)| part(*at)) {
        let verdict = verdicts[(at + attempt as usize) % 3];
        let mut record = synthetic::record(&plan, unit, verdict, "a");
        record.ok = attempt;
        folder.keep(unit, &record).unwrap();
    }
    folder
}

/// All that the file says.
fn rows(path: &Path) -> Vec<String> {
    let nights = Nights::open(path).unwrap();
    let queries = [
        "SELECT campaign || night || plan || header FROM night ORDER BY 1",
        "SELECT campaign || night || place || id || unit FROM unit ORDER BY 1",
        "SELECT campaign || night || unit || hash || verdict || record FROM result ORDER BY 1",
    ];
    queries
        .iter()
        .flat_map(|query| nights.strings(query, &[]).unwrap())
        .collect()
}

fn parts(root: &TempDir) -> Vec<CampaignFolder> {
    vec![
        folder(root, "a", "2026-01-30", |_| true, 0),
        folder(root, "b", "2026-01-31", |at| at % 2 == 0, 0),
        folder(root, "c", "2026-01-31", |at| at % 2 == 1, 0),
        // The same units once more, as another machine found them.
        folder(root, "d", "2026-01-31", |at| at < 4, 1),
        folder(root, "e", "2026-02-01", |_| false, 0),
    ]
}

fn merged(path: &Path, order: &[usize], parts: &[CampaignFolder]) -> Vec<String> {
    let mut nights = Nights::create(path).unwrap();
    for at in order {
        nights.merge(std::slice::from_ref(&parts[*at])).unwrap();
    }
    drop(nights);
    rows(path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_order_and_repetition_of_merges_gives_the_same_rows(
        order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..5usize, 0..6),
    ) {
        let root = tempfile::tempdir().unwrap();
        let parts = parts(&root);
        let expected = {
            let path = root.path().join("at-once.sqlite");
            Nights::create(&path).unwrap().merge(&parts).unwrap();
            rows(&path)
        };
        let order: Vec<usize> = again.iter().take(3).chain(&order).chain(&again).copied().collect();
        prop_assert_eq!(merged(&root.path().join("one-by-one.sqlite"), &order, &parts), expected);
    }
}

#[test]
fn nights_come_back_as_they_were_and_the_worse_of_two_results_counts() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("nights.sqlite");
    let parts = parts(&root);
    Nights::create(&path).unwrap().merge(&parts).unwrap();
    let nights = Nights::open(&path).unwrap().of_campaign(None).unwrap();
    let names: Vec<&str> = nights
        .iter()
        .map(|night| night.plan.header.night.as_str())
        .collect();
    assert_eq!(names, ["2026-01-30", "2026-01-31", "2026-02-01"]);
    assert_eq!(nights[0], Night::of_folder(&parts[0]).unwrap());
    assert!(nights[1].records.iter().all(Option::is_some));
    // Units 0 to 3 were run twice: pass and unknown, unknown and violation, violation and pass, pass and unknown.
    let verdicts: Vec<_> = nights[1].records[..4]
        .iter()
        .flatten()
        .map(|record| record.verdict)
        .collect();
    use RunVerdict::{Unknown, Violation};
    assert_eq!(verdicts, [Unknown, Violation, Violation, Unknown]);
    assert_eq!(nights[2].tally().not_run, 12);
}

#[test]
fn two_plans_of_one_night_are_refused_and_nothing_is_taken_in() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("nights.sqlite");
    let good = folder(&root, "a", "2026-01-31", |_| true, 0);
    let other = CampaignFolder::plan(&root.path().join("b"), &synthetic::plan("2026-01-31", 14)).unwrap();
    let failure = Nights::create(&path)
        .unwrap()
        .merge(&[good.clone(), other.clone()])
        .unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(
        failure.to_string().contains("two plans of one night"),
        "{failure}"
    );
    assert!(rows(&path).is_empty());
    let mut nights = Nights::create(&path).unwrap();
    nights.merge(&[good]).unwrap();
    let kept = rows(&path);
    assert!(nights.merge(&[other]).is_err());
    assert_eq!(rows(&path), kept);
}

fn refused(path: &Path) -> String {
    let failure = Nights::create(path).unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage, "{failure}");
    failure.to_string()
}

#[test]
fn other_files_and_newer_ones_are_refused_and_left_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { root.path().join(name) };
    std::fs::write(
        path("text"),
        "hello, this is a text and no database at all\n".repeat(50),
    )
    .unwrap();
    assert!(refused(&path("text")).contains("no file of nights"));
    Connection::open(path("foreign"))
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(refused(&path("foreign")).contains("no file of nights"));
    drop(Nights::create(&path("newer")).unwrap());
    Connection::open(path("newer"))
        .unwrap()
        .pragma_update(None, "user_version", VERSION + 1)
        .unwrap();
    assert!(refused(&path("newer")).contains("use a newer one"));
    assert!(
        Nights::open(&path("missing"))
            .unwrap_err()
            .to_string()
            .contains("campaign merge")
    );
}

#[test]
fn a_file_of_the_first_version_gets_what_it_lacks_and_keeps_what_it_has() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("nights.sqlite");
    let parts = parts(&root);
    Nights::create(&path).unwrap().merge(&parts[..1]).unwrap();
    let kept = rows(&path);
    let old = Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE folder; PRAGMA user_version = 1")
        .unwrap();
    drop(old);
    let no_folders = Nights::open(&path)
        .unwrap()
        .folders("made-up", "2026-01-30")
        .unwrap();
    assert!(no_folders.is_empty());
    let mut nights = Nights::create(&path).unwrap();
    assert_eq!(rows(&path), kept);
    nights.merge(&parts).unwrap();
    assert_eq!(
        nights.folders("made-up", "2026-01-31").unwrap(),
        ["b", "c", "d"].map(PathBuf::from)
    );
}

#[test]
fn a_corrupt_or_foreign_result_is_refused_by_its_file() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(&root, "a", "2026-01-31", |_| true, 0);
    let plan = Plan::read(&folder.plan_file()).unwrap();
    let file = folder.record_file(&plan.units[3]);
    let good = std::fs::read_to_string(&file).unwrap();
    let mut nights = Nights::create(&root.path().join("nights.sqlite")).unwrap();
    let elsewhere = std::fs::read_to_string(folder.record_file(&plan.units[4])).unwrap();
    let newer = {
        let line = good
            .lines()
            .next()
            .unwrap()
            .replacen("\"version\":1", "\"version\":2", 1);
        format!("{line}\n{}\n", sha256(line.as_bytes()))
    };
    let cases = [
        (good.replacen("made up", "made uq", 1), "corrupt"),
        (good[..good.len() / 2].to_owned(), "corrupt"),
        (String::new(), "corrupt"),
        (elsewhere, "not of"),
        (newer, "use a newer one"),
    ];
    for (text, expected) in cases {
        std::fs::write(&file, text).unwrap();
        let failure = nights.merge(std::slice::from_ref(&folder)).unwrap_err();
        let message = failure.to_string();
        assert!(
            message.contains(expected) && message.contains(&plan.units[3].id),
            "{message}"
        );
        assert_eq!(failure.exit(), Exit::Usage);
    }
    std::fs::write(&file, good).unwrap();
    std::fs::copy(&file, folder.units().join("0123456789abcdef.jsonl")).unwrap();
    let message = nights.merge(&[folder]).unwrap_err().to_string();
    assert!(message.contains("the plan does not have"), "{message}");
}
