//! The store: a folder for every run.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The folder of one run, `store/<name>/<time>-<seed>/`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Creates the folder of a new run and lets `latest` point to it.
    ///
    /// # Errors
    /// [`Failure::Host`] if the store cannot be written.
    pub fn create(store: &Path, name: &str, time: &str, seed: u64, nodes: &[String]) -> Result<Self> {
        let folder = Self {
            path: new_entry(store, name, time, seed)?,
        };
        for sub in [folder.plots()]
            .into_iter()
            .chain(nodes.iter().map(|node| folder.node(node)))
        {
            fs::create_dir_all(&sub).map_err(|error| Failure::not_writable(&sub, &error))?;
        }
        point_latest(store, &folder.path)?;
        Ok(folder)
    }

    /// The folder of a run that is there already: its own path, or one of a file in it.
    ///
    /// # Errors
    /// [`Failure::Input`] if there is no run.
    pub fn open(path: &Path) -> Result<Self> {
        let path = if path.is_file() {
            path.parent().unwrap_or(path)
        } else {
            path
        };
        let folder = Self {
            path: path.to_owned(),
        };
        if !folder.test_json().is_file() {
            let path = path.display();
            return Err(Failure::Input(format!(
                "{path} is not the folder of a run: it has no test.json"
            )));
        }
        Ok(folder)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole configuration.
    #[must_use]
    pub fn test_json(&self) -> PathBuf {
        self.path.join("test.json")
    }

    /// What clients saw.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// What the nemesis did, and the roles that the nodes were seen in.
    #[must_use]
    pub fn nemesis(&self) -> PathBuf {
        self.path.join("nemesis.jsonl")
    }

    /// The faults that were injected, to be played again.
    #[must_use]
    pub fn schedule(&self) -> PathBuf {
        self.path.join("schedule.toml")
    }

    /// What was found.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.path.join("results.json")
    }

    /// The page.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The folder of the plots.
    #[must_use]
    pub fn plots(&self) -> PathBuf {
        self.path.join("plots")
    }

    /// The harness's own log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("splitbrain.log")
    }

    /// The folder of one node's output and data.
    #[must_use]
    pub fn node(&self, node: &str) -> PathBuf {
        self.path.join("nodes").join(node)
    }

    /// Writes a file whole: under another name first, so that nobody ever reads a half-written one.
    ///
    /// # Errors
    /// [`Failure::Host`] if it cannot be written.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
        written.map_err(|error| Failure::not_writable(path, &error))
    }
}

/// The folder of one comparison, `store/<name>/<time>-<seed>/`. Its runs are in a store of their own within, so
/// that the page finds their pages wherever the folder is moved to.
#[derive(Clone, Debug)]
pub struct ComparisonFolder {
    path: PathBuf,
}

impl ComparisonFolder {
    /// Creates the folder of a new comparison and lets `latest` point to it.
    ///
    /// # Errors
    /// [`Failure::Host`] if the store cannot be written.
    pub fn create(store: &Path, name: &str, time: &str, seed: u64) -> Result<Self> {
        let folder = Self {
            path: new_entry(store, name, time, seed)?,
        };
        point_latest(store, &folder.path)?;
        Ok(folder)
    }

    /// The folder of a comparison that is there already; none if `path` has no comparison.
    #[must_use]
    pub fn open(path: &Path) -> Option<Self> {
        let folder = Self {
            path: path.to_owned(),
        };
        folder.json().is_file().then_some(folder)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store of its runs.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.path.join("runs")
    }

    /// What was found.
    #[must_use]
    pub fn json(&self) -> PathBuf {
        self.path.join("comparison.json")
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> PathBuf {
        self.path.join("comparison.html")
    }
}

/// Whether runs can be kept in `store`, which is created where it is missing.
///
/// # Errors
/// [`Failure::Host`] if not.
pub fn check_writable(store: &Path) -> Result<()> {
    let probe = store.join(format!(".probe-{}", std::process::id()));
    let tried = fs::create_dir_all(store)
        .and_then(|()| fs::write(&probe, []))
        .and_then(|()| fs::remove_file(&probe));
    tried.map_err(|error| Failure::not_writable(store, &error))?;
    let absolute = store
        .canonicalize()
        .map_err(|error| Failure::not_writable(store, &error))?;
    not_covered(&absolute)
}

/// The sandbox mounts a fresh, empty folder here, which would swallow the run.
const COVERED: &str = "/run";

fn not_covered(absolute: &Path) -> Result<()> {
    if !absolute.starts_with(COVERED) {
        return Ok(());
    }
    Err(Failure::Host {
        problem: format!(
            "the sandbox of a run hides {COVERED}, and the store {} with it",
            absolute.display()
        ),
        mend: Some(format!("choose a folder outside of {COVERED} with --store DIR")),
    })
}

/// How many runs of one seed may start in one second before their names run out.
const SAME_NAME_MAX: u32 = 100;

/// Creates the folder of a new run or comparison.
pub(crate) fn new_entry(store: &Path, name: &str, time: &str, seed: u64) -> Result<PathBuf> {
    new_folder(&store.join(name), &format!("{time}-{seed}"))
}

/// Creates a folder that was not there before. Two runs of one seed may start within one second.
fn new_folder(family: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(family).map_err(|error| Failure::not_writable(family, &error))?;
    for attempt in 1..=SAME_NAME_MAX {
        let path = family.join(if attempt == 1 {
            name.to_owned()
        } else {
            format!("{name}-{attempt}")
        });
        match fs::create_dir(&path) {
            Ok(()) => {
                let absolute = path.canonicalize();
                return absolute.map_err(|error| Failure::not_writable(&path, &error));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::not_writable(&path, &error)),
        }
    }
    Err(Failure::host(format!(
        "{} already holds {SAME_NAME_MAX} runs of {name}",
        family.display()
    )))
}

/// Replaces `latest` in one step. The link is relative, so that a store can be moved.
fn point_latest(store: &Path, run: &Path) -> Result<()> {
    let latest = store.join("latest");
    let fail = |error: &io::Error| Failure::not_writable(&latest, error);
    let absolute = store.canonicalize().map_err(|error| fail(&error))?;
    let target = run.strip_prefix(&absolute).unwrap_or(run);
    // Process ids repeat from one sandbox to the next, the names of runs do not.
    let unique: Vec<_> = target
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    let fresh = store.join(format!(".latest-{}", unique.join("-")));
    symlink(target, &fresh)
        .and_then(|()| fs::rename(&fresh, &latest))
        .map_err(|error| fail(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_points_to_the_newest_run() {
        let store = tempfile::tempdir().unwrap();
        let nodes = ["n1".to_owned()];
        let first = RunFolder::create(store.path(), "raft-register", "20260101T000000Z", 7, &nodes).unwrap();
        let second = RunFolder::create(store.path(), "raft-register", "20260101T000000Z", 7, &nodes).unwrap();
        assert_ne!(first.path(), second.path());
        let latest = store.path().join("latest");
        assert_eq!(latest.canonicalize().unwrap(), second.path());
        assert!(fs::read_link(latest).unwrap().is_relative());
        assert!(second.node("n1").is_dir() && second.plots().is_dir());
    }

    #[test]
    fn runs_that_start_at_once_do_not_get_in_each_others_way() {
        let store = tempfile::tempdir().unwrap();
        let create = || RunFolder::create(store.path(), "raft-register", "20260101T000000Z", 7, &[]);
        let created: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        assert!(store.path().join("latest").canonicalize().is_ok());
    }

    #[test]
    fn a_store_that_the_sandbox_would_hide_is_refused_with_a_mend() {
        let failure = not_covered(Path::new("/run/store")).unwrap_err();
        assert_eq!(failure.exit(), crate::exit::Exit::Host);
        assert!(failure.to_string().contains("--store"), "{failure}");
        assert!(not_covered(Path::new("/running/store")).is_ok());
    }

    #[test]
    fn a_store_that_cannot_be_written_is_the_hosts_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = RunFolder::create(file.path(), "x", "t", 1, &[]).unwrap_err();
        assert_eq!(failure.exit(), crate::exit::Exit::Host);
        assert!(failure.to_string().contains("--store"), "{failure}");
    }

    #[test]
    fn a_folder_without_a_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let failure = RunFolder::open(folder.path()).unwrap_err().to_string();
        assert!(failure.contains("no test.json"), "{failure}");
    }
}
