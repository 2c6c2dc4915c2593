//! What is in the store: runs, comparisons and campaigns, the newest first.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use splitbrain_reports::comparison::Comparison;
use splitbrain_reports::results::{Results, RunVerdict};

use super::files::{NOTHING, Store};
use crate::campaign::page::Summary;
use crate::campaign::signature;
use crate::utc::Utc;

/// How deep is looked: a campaign has its runs at `NIGHT/runs/ID/NAME/RUN`, and what `repro` adds lies two below.
const DEPTH_MAX: usize = 9;
/// More than this is not listed.
const ENTRIES_MAX: usize = 100_000;
/// What a run wrote of itself, in which no other run lies.
const OF_A_RUN: [&str; 2] = ["nodes", "plots"];

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Run,
    Comparison,
    Campaign,
}

/// Something in the store.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Its folder, from the store.
    pub(super) folder: PathBuf,
    /// The page in it; none if there is none.
    pub(super) page: Option<String>,
    /// When it began, `20260131T030012Z`, or else was written.
    pub(super) time: String,
    /// What was tested, and in which read modes.
    pub(super) about: String,
    /// None if it says none.
    pub(super) verdict: Option<RunVerdict>,
    pub(super) reason: String,
    pub(super) signatures: Vec<String>,
    /// All that a search looks at, in lower case.
    words: String,
}

/// What was found the last time, so that only what has changed is read again.
#[derive(Default)]
pub(super) struct Index {
    known: Mutex<HashMap<PathBuf, (SystemTime, u64, Entry)>>,
}

impl Index {
    /// Everything that all words of a query are said of, and how much there is in all.
    pub(super) fn search(&self, store: &Store, query: &str) -> (Vec<Entry>, usize) {
        let mut all = Vec::new();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        walk(store.path(), DEPTH_MAX, &mut |file, kind| {
            all.extend(entry(store, file, kind, &mut known));
            all.len() < ENTRIES_MAX
        });
        known.retain(|file, _| file.exists());
        let query = query.to_lowercase();
        let words: Vec<&str> = query.split_whitespace().collect();
        let count = all.len();
        all.retain(|entry| words.iter().all(|word| entry.words.contains(word)));
        all.sort_by(|a, b| (&b.time, &b.folder).cmp(&(&a.time, &a.folder)));
        (all, count)
    }
}

/// What a file tells of. Nothing if it is gone meanwhile.
fn entry(
    store: &Store,
    file: &Path,
    kind: Kind,
    known: &mut HashMap<PathBuf, (SystemTime, u64, Entry)>,
) -> Option<Entry> {
    // A run says what it is when it begins, and what it found when it ends.
    let newest = match kind {
        Kind::Run => fs::symlink_metadata(file.with_file_name("results.json")),
        Kind::Comparison | Kind::Campaign => fs::symlink_metadata(file),
    };
    let about = newest.or_else(|_| fs::symlink_metadata(file)).ok()?;
    let (changed, length) = (about.modified().ok()?, about.len());
    let folder = file.parent()?;
    let mut entry = match known.get(file) {
        Some((then, size, entry)) if (*then, *size) == (changed, length) => entry.clone(),
        _ => {
            let entry = read(store, file, kind, changed)?;
            known.insert(file.to_owned(), (changed, length, entry.clone()));
            entry
        }
    };
    // It may have been drawn or removed since.
    entry.page = entry.page.filter(|page| folder.join(page).is_file());
    Some(entry)
}

fn read(store: &Store, file: &Path, kind: Kind, changed: SystemTime) -> Option<Entry> {
    let folder = file.parent()?;
    let within = folder.strip_prefix(store.path()).ok()?;
    // By the store: what is a link to elsewhere is not read here either.
    let text = |name: &str| store.text(&within.join(name)).map_err(|error| error.to_string());
    let name = file.file_name()?.to_string_lossy();
    let mut entry = match kind {
        Kind::Run => run(&text),
        Kind::Comparison => comparison(&name, &text),
        Kind::Campaign => campaign(&name, &text),
    };
    within.clone_into(&mut entry.folder);
    if entry.time.is_empty() {
        entry.time = time_of(folder, changed);
    }
    entry.words = words(&entry);
    Some(entry)
}

/// Reads a file beside the one that said what it is.
type Text<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// Tells of each file that says what something is, until told to stop. Links are not followed: what they lead to is found
/// where it is.
fn walk(folder: &Path, depth: usize, tell: &mut impl FnMut(&Path, Kind) -> bool) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return true;
    };
    let mut folders = Vec::new();
    let mut is_run = false;
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            folders.push(entry.path());
            continue;
        }
        let kind = match &*name {
            _ if !kind.is_file() => continue,
            "test.json" => Kind::Run,
            "comparison.json" => Kind::Comparison,
            "campaign.json" => Kind::Campaign,
            name if name.starts_with("campaign-") && name.ends_with(".json") => Kind::Campaign,
            _ => continue,
        };
        is_run |= kind == Kind::Run;
        if !tell(&entry.path(), kind) {
            return false;
        }
    }
    if depth == 0 {
        return true;
    }
    let of_a_run = |folder: &PathBuf| {
        folder
            .file_name()
            .is_some_and(|name| OF_A_RUN.iter().any(|own| name == *own))
    };
    folders.sort();
    folders
        .iter()
        .filter(|folder| !is_run || !of_a_run(folder))
        .all(|folder| walk(folder, depth - 1, tell))
}

fn blank(kind: Kind, name: String) -> Entry {
    Entry {
        kind,
        name,
        folder: PathBuf::new(),
        page: None,
        time: String::new(),
        about: String::new(),
        verdict: None,
        reason: String::new(),
        signatures: Vec::new(),
        words: String::new(),
    }
}

/// What `test.json` says that a list needs.
#[derive(Deserialize)]
struct Configured {
    name: String,
    system: String,
    mutant: Option<String>,
    read_modes: Vec<Mode>,
    seed: u64,
}

#[derive(Deserialize)]
struct Mode {
    name: String,
}

fn run(text: &Text<'_>) -> Entry {
    let configured = text("test.json")
        .and_then(|text| serde_json::from_str::<Configured>(&text).map_err(|error| error.to_string()));
    let configured = match configured {
        Ok(configured) => configured,
        Err(error) => {
            let mut entry = blank(Kind::Run, "unreadable".to_owned());
            entry.reason = format!("test.json: {error}");
            return entry;
        }
    };
    let subject = match &configured.mutant {
        Some(mutant) => format!("{}/{mutant}", configured.system),
        None => configured.system,
    };
    let modes: Vec<&str> = configured
        .read_modes
        .iter()
        .map(|mode| mode.name.as_str())
        .collect();
    let mut entry = blank(Kind::Run, configured.name);
    entry.about = format!("{subject}: {}; seed {}", modes.join(", "), configured.seed);
    entry.page = Some("report.html".to_owned());
    let results = match text("results.json") {
        Err(error) if error == NOTHING => {
            entry.reason = "It has not ended, or was cut short.".to_owned();
            return entry;
        }
        found => {
            found.and_then(|text| serde_json::from_str::<Results>(&text).map_err(|error| error.to_string()))
        }
    };
    match results {
        Ok(results) => {
            entry.verdict = Some(results.verdict);
            let signatures = signature::of_results(&subject, &results);
            entry.signatures = signatures.into_iter().map(|signature| signature.id).collect();
            entry.reason = results.reason;
        }
        Err(error) => entry.reason = format!("results.json: {error}"),
    }
    entry
}

fn comparison(name: &str, text: &Text<'_>) -> Entry {
    match text(name)
        .and_then(|text| serde_json::from_str::<Comparison>(&text).map_err(|error| error.to_string()))
    {
        Ok(found) => {
            let mut entry = blank(Kind::Comparison, found.name);
            let labels: Vec<String> = found
                .contestants
                .into_iter()
                .map(|contestant| match contestant.mutant {
                    Some(mutant) => format!("{} with {mutant}", contestant.label),
                    None => contestant.label,
                })
                .collect();
            let rows = found.settings.iter().flat_map(|setting| &setting.rows);
            let modes: std::collections::BTreeSet<&str> = rows.map(|row| row.read_mode.as_str()).collect();
            let modes: Vec<&str> = modes.into_iter().collect();
            entry.about = format!(
                "{}: {}; seed {}",
                labels.join(" against "),
                modes.join(", "),
                found.seed
            );
            entry.page = Some("comparison.html".to_owned());
            entry.verdict = Some(found.verdict);
            entry.reason = found.reason;
            entry
        }
        Err(error) => unreadable(Kind::Comparison, name, &error),
    }
}

fn campaign(name: &str, text: &Text<'_>) -> Entry {
    match text(name)
        .and_then(|text| serde_json::from_str::<Summary>(&text).map_err(|error| error.to_string()))
    {
        Ok(found) => {
            let mut entry = blank(
                Kind::Campaign,
                format!("{}, night {}", found.campaign, found.night),
            );
            entry.about = format!("{}: {}", found.subjects.join(", "), found.read_modes.join(", "));
            // The page lies beside it: a name that leads elsewhere is none.
            entry.page = Some(found.page).filter(|page| !page.contains('/'));
            entry.time = found.started;
            entry.verdict = Some(found.verdict);
            entry.reason = found.reason;
            entry.signatures = found.signatures;
            entry
        }
        Err(error) => unreadable(Kind::Campaign, name, &error),
    }
}

fn unreadable(kind: Kind, name: &str, error: &str) -> Entry {
    let mut entry = blank(kind, "unreadable".to_owned());
    entry.reason = format!("{name}: {error}");
    entry
}

/// When something began, by the name of its folder, `20260131T030012Z-17`; else when it was written.
fn time_of(folder: &Path, changed: SystemTime) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let start = name.split('-').next().unwrap_or_default();
    let is_time = start.len() == 16
        && start.ends_with('Z')
        && start
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'T' || byte == b'Z');
    if is_time {
        return start.to_owned();
    }
    let since = changed
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    Utc::from_unix(since).compact()
}

fn words(entry: &Entry) -> String {
    let kind = super::pages::kind_name(entry.kind);
    let verdict = entry.verdict.map_or("no verdict", super::pages::verdict_name);
    let folder = entry.folder.to_string_lossy();
    let parts = [
        kind,
        verdict,
        &entry.name,
        &entry.about,
        &entry.reason,
        &entry.time,
        &folder,
    ];
    format!("{}\n{}", parts.join("\n"), entry.signatures.join("\n")).to_lowercase()
}
