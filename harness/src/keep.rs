//! What is kept of stored runs.
//!
//! A run that passed has said what it has to say: it shrinks to its configuration, its results, its schedule and its
//! history, compressed. Every other run is evidence and stays whole, and so does one without results: it may be going on.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use splitbrain_reports::results::RunVerdict;

use crate::failure::{Failure, Result};
use crate::store::RunFolder;

/// How deep runs are looked for: a campaign has them at `runs/ID/NAME/RUN`, and what `repro` adds lies two below.
const DEPTH_MAX: usize = 8;
/// What goes: what a run wrote of itself and nobody will look for in one that passed. Whatever else lies in its folder, such
/// as what `repro` added, stays.
const REMOVED: &[&str] = &[
    "history.jsonl",
    "nemesis.jsonl",
    "report.html",
    "splitbrain.log",
    "plots",
    "nodes",
];
const COMPRESSED: &str = "history.jsonl.gz";

/// Which runs are kept whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All.
    #[default]
    All,
    /// Those that did not pass.
    Failures,
    /// Those, and so many of the newest that passed.
    Newest(usize),
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "failures" => Ok(Self::Failures),
            _ => text
                .parse()
                .map(Self::Newest)
                .map_err(|_| format!("`{text}` is neither `failures`, `all` nor a number of runs")),
        }
    }
}

/// What was made smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shrunk {
    /// How many runs.
    pub runs: u64,
    /// By how many bytes.
    pub bytes: u64,
}

/// Shrinks the runs below `root` that need not be kept whole.
///
/// # Errors
/// [`Failure::Host`] if something cannot be read or written; what was not shrunk by then is whole.
pub fn collect(root: &Path, keep: Keep) -> Result<Shrunk> {
    let spared = match keep {
        Keep::All => return Ok(Shrunk::default()),
        Keep::Failures => 0,
        Keep::Newest(count) => count,
    };
    let mut passed = Vec::new();
    find(root, DEPTH_MAX, &mut passed)?;
    passed.sort_by(|a, b| b.cmp(a));
    let mut shrunk = Shrunk::default();
    for (_, path) in passed.iter().skip(spared) {
        let bytes = shrink(path).map_err(|error| Failure::Host {
            problem: format!("{} cannot be made smaller: {error}", path.display()),
            mend: None,
        })?;
        shrunk.runs += u64::from(bytes > 0);
        shrunk.bytes += bytes;
    }
    Ok(shrunk)
}

/// The runs below a folder that passed, each with the time of its end.
fn find(folder: &Path, depth: usize, found: &mut Vec<(SystemTime, PathBuf)>) -> Result<()> {
    if let Ok(run) = RunFolder::open(folder)
        && let Some(ended) = passed_at(&run)
    {
        found.push((ended, folder.to_owned()));
    }
    if depth == 0 {
        return Ok(());
    }
    let fail = |error: &io::Error| Failure::host(format!("{} cannot be read: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(|error| fail(&error))? {
        let entry = entry.map_err(|error| fail(&error))?;
        // Links are not followed: `latest` is another name for a run that is found anyway.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

/// When the run passed, if it did. Results that cannot be read are no pass.
fn passed_at(run: &RunFolder) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Verdict {
        verdict: RunVerdict,
    }
    let text = fs::read_to_string(run.results()).ok()?;
    let results: Verdict = serde_json::from_str(&text).ok()?;
    let ended = fs::metadata(run.results())
        .and_then(|file| file.modified())
        .ok()?;
    (results.verdict == RunVerdict::Pass).then_some(ended)
}

/// Shrinks one run. Returns by how many bytes. If it is cut short, what it left is shrunk the next time.
fn shrink(path: &Path) -> io::Result<u64> {
    let before = size(path)?;
    let history = path.join("history.jsonl");
    if history.is_file() {
        compress(&history, &path.join(COMPRESSED))?;
    }
    for name in REMOVED {
        let path = path.join(name);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(before.saturating_sub(size(path)?))
}

/// Compresses a file, and reads it back before anybody relies on it.
fn compress(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = fs::read(from)?;
    let part = to.with_extension("part");
    let mut encoder = GzEncoder::new(File::create(&part)?, Compression::default());
    encoder.write_all(&bytes)?;
    encoder.finish()?.sync_all()?;
    let mut again = Vec::with_capacity(bytes.len());
    GzDecoder::new(File::open(&part)?).read_to_end(&mut again)?;
    if again != bytes {
        return Err(io::Error::other(
            "the compressed history does not read back as it was",
        ));
    }
    fs::rename(&part, to)
}

/// The bytes of all files in a folder.
fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes += size(&entry.path())?;
        } else if kind.is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    /// A made-up run of a verdict, or one that is going on; the later the greater `age`.
    fn run(store: &TempDir, name: &str, verdict: Option<&str>, age: u64) -> PathBuf {
        let path = store.path().join("raft-register").join(name);
        fs::create_dir_all(path.join("nodes/n1")).unwrap();
        fs::create_dir_all(path.join("plots")).unwrap();
        for file in [
            "test.json",
            "history.jsonl",
            "nodes/n1/stdout.log",
            "report.html",
            "schedule.toml",
            "plots/x.svg",
        ] {
            fs::write(path.join(file), format!("{file} of {name}\n").repeat(200)).unwrap();
        }
        if let Some(verdict) = verdict {
            fs::write(
                path.join("results.json"),
                format!("{{\"verdict\":\"{verdict}\"}}"),
            )
            .unwrap();
            let ended = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + age);
            File::options()
                .write(true)
                .open(path.join("results.json"))
                .unwrap()
                .set_modified(ended)
                .unwrap();
        }
        path
    }

    fn is_whole(path: &Path) -> bool {
        path.join("nodes/n1/stdout.log").is_file() && path.join("history.jsonl").is_file()
    }

    #[test]
    fn only_runs_that_passed_shrink_and_their_histories_read_back() {
        let store = tempfile::tempdir().unwrap();
        let passed = run(&store, "passed", Some("pass"), 1);
        let within = run(&store, "passed/repro/broken", Some("violation"), 6);
        let others = [
            run(&store, "broken", Some("violation"), 2),
            run(&store, "unknown", Some("unknown"), 3),
            run(&store, "failed", Some("harness-error"), 4),
            run(&store, "going-on", None, 0),
            run(&store, "damaged", Some("pass\" \"x"), 5),
        ];
        std::os::unix::fs::symlink(&others[0], store.path().join("latest")).unwrap();
        let history = fs::read(passed.join("history.jsonl")).unwrap();
        let shrunk = collect(store.path(), Keep::Failures).unwrap();
        assert_eq!(shrunk.runs, 1);
        assert!(shrunk.bytes > 0 && others.iter().all(|path| is_whole(path)));
        assert!(is_whole(&within), "what repro added is no part of the run");
        let mut left: Vec<_> = fs::read_dir(&passed)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "history.jsonl.gz",
                "repro",
                "results.json",
                "schedule.toml",
                "test.json"
            ]
        );
        let mut again = Vec::new();
        GzDecoder::new(File::open(passed.join(COMPRESSED)).unwrap())
            .read_to_end(&mut again)
            .unwrap();
        assert_eq!(again, history);
        assert_eq!(collect(store.path(), Keep::Failures).unwrap(), Shrunk::default());
    }

    #[test]
    fn the_newest_that_passed_can_be_spared() {
        let store = tempfile::tempdir().unwrap();
        let runs: Vec<_> = [3, 1, 2]
            .map(|age| run(&store, &format!("r{age}"), Some("pass"), age))
            .into();
        assert_eq!(collect(store.path(), Keep::All).unwrap(), Shrunk::default());
        assert_eq!(collect(store.path(), Keep::Newest(2)).unwrap().runs, 1);
        let whole: Vec<bool> = runs.iter().map(|path| is_whole(path)).collect();
        assert_eq!(whole, [true, false, true]);
    }

    #[test]
    fn what_is_kept_is_said_in_a_word_or_a_number() {
        assert_eq!("failures".parse(), Ok(Keep::Failures));
        assert_eq!("all".parse(), Ok(Keep::All));
        assert_eq!("12".parse(), Ok(Keep::Newest(12)));
        assert!("some".parse::<Keep>().is_err() && "-1".parse::<Keep>().is_err());
    }
}
