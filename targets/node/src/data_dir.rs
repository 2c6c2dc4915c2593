//! A node's data folder: who uses it, and which life of the node this is.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use splitbrain_consensus::Incarnation;

use crate::wal::{WalError, sync_folder};

const LOCK: &str = "lock";
const INCARNATION: &str = "incarnation";

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error("the data folder {path} is in use by another process")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The file of the boot counter holds something else.
    #[error("{path} should hold the number of starts of this node and holds {found:?}")]
    BadIncarnation {
        /// The file.
        path: PathBuf,
        /// Its content.
        found: String,
    },
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] WalError),
}

/// A data folder that is this process's alone for as long as the value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    incarnation: Incarnation,
    _lock: Flock<File>,
}

impl DataDir {
    /// Takes possession of the folder, which is made where it is missing, and counts this start: the new
    /// incarnation is on the disk before it is used.
    ///
    /// # Errors
    /// If another process has it, its boot counter is unreadable, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        fs::create_dir_all(path).map_err(WalError::io("make the folder", path))?;
        let lock_path = path.join(LOCK);
        let file = File::create(&lock_path).map_err(WalError::io("open", &lock_path))?;
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, Errno::EWOULDBLOCK)) => {
                return Err(DataDirError::InUse {
                    path: path.to_owned(),
                });
            }
            Err((_, errno)) => return Err(WalError::io("lock", &lock_path)(errno.into()).into()),
        };
        let incarnation = count_start(path)?;
        Ok(Self {
            path: path.to_owned(),
            incarnation,
            _lock: lock,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// This life of the node: 1 at its first start, and one more at each.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }
}

fn count_start(folder: &Path) -> Result<Incarnation, DataDirError> {
    let path = folder.join(INCARNATION);
    let earlier: u64 = match fs::read_to_string(&path) {
        Ok(found) => match found.trim_end().parse() {
            Ok(count) => count,
            Err(_) => return Err(DataDirError::BadIncarnation { path, found }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(WalError::io("read", &path)(error).into()),
    };
    let incarnation = earlier + 1;
    let temporary = folder.join(format!("{INCARNATION}.tmp"));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        writeln!(file, "{incarnation}")?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().map_err(WalError::io("write", &temporary))?;
    sync_folder(folder)?;
    Ok(Incarnation(incarnation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_is_a_life_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("n1");
        for life in 1..4 {
            assert_eq!(DataDir::open(&path).unwrap().incarnation(), Incarnation(life));
        }
    }

    #[test]
    fn a_folder_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _held = DataDir::open(folder.path()).unwrap();
        let error = DataDir::open(folder.path()).unwrap_err();
        assert!(matches!(error, DataDirError::InUse { .. }), "{error}");
    }

    #[test]
    fn an_unreadable_boot_counter_is_an_error_and_no_new_start() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(INCARNATION), "seven").unwrap();
        let error = DataDir::open(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("and holds \"seven\""), "{error}");
    }
}
