//! The folder of a campaign's night.
//!
//! ```text
//! DIR/plan.jsonl          what is run: written once
//! DIR/units/ID.jsonl      what a finished unit found: written once, whole
//! DIR/runs/ID/            the store of the unit's run
//! DIR/lock                which units are being run: a byte for each, locked by whoever runs it
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::statvfs::statvfs;

use super::plan::{Plan, Unit};
use super::record::Record;
use crate::failure::{Failure, Result};

/// A run must not begin with less room than this on the disk: a history that is cut off there judges nothing.
const DISK_FREE_MIN: u64 = 64 << 20;

/// The folder of one night, or of a machine's part of it.
#[derive(Clone, Debug)]
pub struct CampaignFolder {
    path: PathBuf,
}

/// That a unit is being run by this process; gone with it.
#[derive(Debug)]
pub struct Claimed {
    _file: File,
}

impl CampaignFolder {
    /// Puts a plan into a folder, which is created where it is missing. The same plan once more changes nothing.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the folder has another plan; [`Failure::Host`] if it cannot be written.
    pub fn plan(path: &Path, plan: &Plan) -> Result<Self> {
        let folder = Self {
            path: path.to_owned(),
        };
        if folder.plan_file().exists() {
            if Plan::read(&folder.plan_file())? == *plan {
                return Ok(folder);
            }
            return Err(Failure::Usage(format!(
                "{} has another plan already, and plans are never changed; choose another folder with -o DIR",
                path.display()
            )));
        }
        for made in [path.to_owned(), folder.units(), folder.runs()] {
            fs::create_dir_all(&made).map_err(|error| not_written(&made, &error))?;
        }
        write_durably(&folder.plan_file(), plan.text().as_bytes())?;
        let is_read_only = fs::metadata(folder.plan_file()).and_then(|file| {
            let mut permissions = file.permissions();
            permissions.set_readonly(true);
            fs::set_permissions(folder.plan_file(), permissions)
        });
        is_read_only.map_err(|error| not_written(&folder.plan_file(), &error))?;
        Ok(folder)
    }

    /// The folder of a night that was planned.
    ///
    /// # Errors
    /// [`Failure::Input`] if it has no plan.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self {
            path: path.to_owned(),
        };
        if !folder.plan_file().is_file() {
            return Err(Failure::Input(format!(
                "{} is not the folder of a campaign: it has no plan.jsonl; `splitbrain campaign plan FILE.toml -o {0}` \
                 makes one",
                path.display()
            )));
        }
        Ok(folder)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan.
    #[must_use]
    pub fn plan_file(&self) -> PathBuf {
        self.path.join("plan.jsonl")
    }

    /// The folder of what finished units found.
    #[must_use]
    pub fn units(&self) -> PathBuf {
        self.path.join("units")
    }

    /// The folder of the stores of the runs.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.path.join("runs")
    }

    /// The store of a unit's run.
    #[must_use]
    pub fn store(&self, unit: &Unit) -> PathBuf {
        self.runs().join(&unit.id)
    }

    /// What a finished unit found.
    #[must_use]
    pub fn record_file(&self, unit: &Unit) -> PathBuf {
        self.units().join(format!("{}.jsonl", unit.id))
    }

    /// What the units of `plan` found, in its order; none for those that were not run.
    ///
    /// # Errors
    /// [`Failure::Input`] if a record is corrupt, or belongs to no unit of the plan.
    pub fn records(&self, plan: &Plan) -> Result<Vec<Option<Record>>> {
        self.no_strangers(plan)?;
        let read = |unit: &Unit| {
            let path = self.record_file(unit);
            match fs::read_to_string(&path) {
                Ok(text) => {
                    let fail = |problem: String| Failure::Input(format!("{}: {problem}", path.display()));
                    let record = Record::parse(&text).map_err(fail)?;
                    record.belongs_to(plan, unit).map_err(fail)?;
                    Ok(Some(record))
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Failure::Input(format!("{}: {error}", path.display()))),
            }
        };
        plan.units.iter().map(read).collect()
    }

    /// Refuses results of units that the plan does not have.
    fn no_strangers(&self, plan: &Plan) -> Result<()> {
        let known: std::collections::BTreeSet<&str> =
            plan.units.iter().map(|unit| unit.id.as_str()).collect();
        let entries = match fs::read_dir(self.units()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Failure::Input(format!("{}: {error}", self.units().display()))),
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Other names are files that were cut off while they were written, and never took their place.
            if let Some(id) = name.strip_suffix(".jsonl")
                && !known.contains(id)
            {
                return Err(Failure::Input(format!(
                    "{} is the result of a unit that the plan does not have: the folder mixes two plans; keep each \
                     in a folder of its own",
                    entry.path().display()
                )));
            }
        }
        Ok(())
    }

    /// Keeps what a unit found, so that it is there whole or not at all, even if the machine loses its power.
    ///
    /// # Errors
    /// [`Failure::Host`] if it cannot be written.
    pub fn keep(&self, unit: &Unit, record: &Record) -> Result<()> {
        fs::create_dir_all(self.units()).map_err(|error| not_written(&self.units(), &error))?;
        write_durably(&self.record_file(unit), record.text().as_bytes())
    }

    /// Claims the unit at this place of the plan; none if another process runs it just now.
    ///
    /// # Errors
    /// [`Failure::Host`] if it cannot be found out.
    pub fn claim(&self, place: usize) -> Result<Option<Claimed>> {
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.map_err(|error| not_written(&path, &error))?;
        let byte = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: libc::off_t::try_from(place).unwrap_or(libc::off_t::MAX),
            l_len: 1,
            l_pid: 0,
        };
        // A lock of the open file, not of the process: two units of one process do not share it.
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&byte)) {
            Ok(_) => Ok(Some(Claimed { _file: file })),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(Failure::host(format!(
                "{} cannot be locked: {error}",
                path.display()
            ))),
        }
    }

    /// Refuses to go on where the disk is full.
    ///
    /// # Errors
    /// [`Failure::Host`] if there is no room for a run.
    pub fn check_room(&self) -> Result<()> {
        let free = statvfs(&self.path).map(|disk| disk.blocks_available() * disk.fragment_size());
        match free {
            Ok(free) if free < DISK_FREE_MIN => Err(Failure::Host {
                problem: format!(
                    "the disk is full: {} has {} MB left, and a run needs {}; what is finished is kept",
                    self.path.display(),
                    free >> 20,
                    DISK_FREE_MIN >> 20
                ),
                mend: Some(
                    "make room, then start the same command again: it goes on where it stopped".to_owned(),
                ),
            }),
            // That nobody can tell how full it is does not speak against trying.
            _ => Ok(()),
        }
    }
}

/// Writes a file whole and durably: under another name, synced, renamed, and the folder synced.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| {
        // What is left of it is of no use to anybody; that it cannot be removed either would be no news.
        let _ = fs::remove_file(&part);
        not_written(path, &error)
    })
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let is_full = error.raw_os_error() == Some(libc::ENOSPC);
    Failure::Host {
        problem: format!("cannot write {}: {error}", path.display()),
        mend: is_full.then(|| "make room; nothing that was written before is lost".to_owned()),
    }
}
