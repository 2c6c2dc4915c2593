//! Files and folders of the store, and nothing outside of it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use super::answer::Kind;
use crate::failure::{Failure, Result};

/// More entries of a folder than this are not listed.
pub(super) const ENTRIES_MAX: usize = 5_000;

/// A text longer than this is none that tells what a run is.
const TEXT_MAX: u64 = 64 << 20;
/// That there is nothing at a path.
pub(super) const NOTHING: &str = "there is nothing that may be read";

/// The store.
pub(super) struct Store {
    root: File,
    path: PathBuf,
}

/// What is at a path.
pub(super) enum Found {
    File { file: File, length: u64 },
    Folder(Vec<Entry>),
}

/// What lies in a folder.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) is_file: bool,
    pub(super) name: Vec<u8>,
    /// In bytes; 0 for a folder.
    pub(super) length: u64,
}

impl Store {
    /// The store in this folder.
    ///
    /// # Errors
    /// [`Failure::Input`] if there is none; [`Failure::Host`] if this kernel cannot keep paths within it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let missing = |error: io::Error| {
            Failure::Input(format!(
                "{} is no store: {error}; a run makes one, or choose another with --store DIR",
                path.display()
            ))
        };
        let is_folder = fs::metadata(path).map_err(missing)?.is_dir();
        if !is_folder {
            return Err(missing(io::ErrorKind::NotADirectory.into()));
        }
        let store = Self {
            root: File::open(path).map_err(missing)?,
            path: path.to_owned(),
        };
        match store.beneath(Path::new(".")) {
            Ok(_) => Ok(store),
            Err(error) => Err(Failure::Host {
                problem: format!("this host cannot hold paths within the store: openat2: {error}"),
                mend: Some("use Linux 5.6 or later, and a container that permits openat2".to_owned()),
            }),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens what is at a path. The kernel itself refuses, at the moment of opening, what leads out of the store: `..`, and
    /// links to elsewhere, whatever was changed meanwhile.
    fn beneath(&self, path: &Path) -> io::Result<File> {
        // A pipe or a device must not block or do something by being opened.
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let how = OpenHow::new()
            .flags(flags)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        Ok(openat2(self.root.as_fd(), path, how)?.into())
    }

    /// What is at the path of these names; none if there is nothing that may be shown.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub(super) fn find(&self, names: &[Vec<u8>]) -> io::Result<Option<Found>> {
        let path: PathBuf = names.iter().map(|name| OsStr::from_bytes(name)).collect();
        let path = if names.is_empty() { Path::new(".") } else { &path };
        let file = match self.beneath(path) {
            Ok(file) => file,
            Err(error) => {
                let nothing = [
                    Errno::ENOENT,
                    Errno::ENOTDIR,
                    Errno::EXDEV,
                    Errno::ELOOP,
                    Errno::ENXIO,
                    Errno::ENAMETOOLONG,
                ];
                let is_nothing = nothing
                    .iter()
                    .any(|errno| error.raw_os_error() == Some(*errno as i32));
                return if is_nothing { Ok(None) } else { Err(error) };
            }
        };
        let about = file.metadata()?;
        if about.is_dir() {
            return Ok(Some(Found::Folder(entries(&file)?)));
        }
        // Neither pipes nor devices nor sockets.
        Ok(about.is_file().then_some(Found::File {
            file,
            length: about.len(),
        }))
    }
}

impl Store {
    /// The text of a file.
    ///
    /// # Errors
    /// If there is no file that may be shown, or it cannot be read, or is no text.
    pub(super) fn text(&self, path: &Path) -> io::Result<String> {
        let names: Vec<Vec<u8>> = path
            .components()
            .map(|part| part.as_os_str().as_bytes().to_vec())
            .collect();
        let Some(Found::File { file, .. }) = self.find(&names)? else {
            return Err(io::Error::other(NOTHING));
        };
        let mut text = String::new();
        file.take(TEXT_MAX).read_to_string(&mut text)?;
        Ok(text)
    }
}

/// What lies in an open folder, folders first. Links are shown as what they lead to, if it can be told.
fn entries(folder: &File) -> io::Result<Vec<Entry>> {
    // The folder that was opened, and not whatever may have taken its name since.
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(&path)?.take(ENTRIES_MAX) {
        let entry = entry?;
        let about = entry.metadata().ok();
        let is_file = about.as_ref().is_some_and(fs::Metadata::is_file);
        entries.push(Entry {
            is_file,
            name: entry.file_name().as_bytes().to_vec(),
            length: about.filter(|_| is_file).map_or(0, |about| about.len()),
        });
    }
    entries.sort();
    Ok(entries)
}

/// What a browser may make of a file of this name.
pub(super) fn kind(name: &[u8]) -> Kind {
    let name = String::from_utf8_lossy(name);
    let is_page = matches!(&*name, "report.html" | "comparison.html" | "campaign.html")
        || name.starts_with("campaign-") && name.ends_with(".html");
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        _ if is_page => Kind::Page,
        "svg" => Kind::Svg,
        // Any other page is shown as the text that it is.
        "html" | "htm" | "json" | "jsonl" | "toml" | "log" | "txt" | "md" | "edn" | "xml" | "prom" => {
            Kind::Text
        }
        _ => Kind::Data,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_nowhere_but_within() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("store/runs/1")).unwrap();
        fs::write(at("secret"), "secret").unwrap();
        fs::write(at("store/runs/1/a.log"), "mine").unwrap();
        symlink("runs/1", at("store/latest")).unwrap();
        symlink("../secret", at("store/out")).unwrap();
        symlink("..", at("store/up")).unwrap();
        symlink(at("secret"), at("store/absolute")).unwrap();
        symlink("/proc/self/root", at("store/magic")).unwrap();
        symlink("loop", at("store/loop")).unwrap();
        nix::unistd::mkfifo(&at("store/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let store = Store::open(&at("store")).unwrap();
        let find = |path: &str| {
            let names: Vec<Vec<u8>> = path.split('/').map(|name| name.as_bytes().to_vec()).collect();
            store.find(&names).unwrap()
        };
        for inside in ["runs/1/a.log", "latest/a.log"] {
            assert!(
                matches!(find(inside), Some(Found::File { length: 4, .. })),
                "{inside}"
            );
        }
        assert!(matches!(find("latest"), Some(Found::Folder(entries)) if entries.len() == 1));
        for outside in [
            "out",
            "up",
            "up/secret",
            "absolute",
            "magic",
            "magic/etc/passwd",
            "loop",
            "pipe",
            "nothing",
            "runs/1/a.log/b",
        ] {
            assert!(find(outside).is_none(), "{outside}");
        }
        // Even names that no request may have.
        for dots in ["..", "../secret", "runs/../../secret"] {
            assert!(find(dots).is_none(), "{dots}");
        }
    }

    #[test]
    fn only_our_own_pages_are_pages() {
        for (name, expected) in [
            ("report.html", Kind::Page),
            ("campaign-nightly.html", Kind::Page),
            ("evil.html", Kind::Text),
            ("report.html.txt", Kind::Text),
            ("evil.xhtml", Kind::Data),
            ("evil.svg", Kind::Svg),
            ("stdout.log", Kind::Text),
            ("history.jsonl", Kind::Text),
            ("history.jsonl.gz", Kind::Data),
            ("evil.js", Kind::Data),
            ("plain", Kind::Data),
        ] {
            assert_eq!(kind(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn no_store_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [root.path().join("none"), file] {
            let failure = Store::open(&path).err().unwrap();
            assert_eq!(failure.exit(), crate::exit::Exit::Usage);
            assert!(failure.to_string().contains("--store"), "{failure}");
        }
    }
}
