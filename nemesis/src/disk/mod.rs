//! A node's disk: a file system of the run's own (FUSE), which knows what would be left after a power failure.
//!
//! # Where it lives
//!
//! It is served by a thread of the harness, inside of the sandbox, and mounted below the sandbox's own `/run`. So it
//! dies with the run, however that ends, and nobody outside ever sees it. Content is kept in memory, since only so can a
//! power failure take it away: killing the process that serves a FUSE file system breaks the mount instead. What the
//! disk holds in the end can be [copied](Mount::end) to a folder.
//!
//! # What survives a power failure
//!
//! What POSIX and fsync(2) promise, and nothing else. File systems promise more, each something else, and programs
//! that count on it lose data on the next one (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
//!
//! - A file's content, its length included, is durable once fsync or fdatasync of that file has returned, as of
//!   the moment of the call or later.
//! - A name (made, removed, given to another file, as by rename) is durable once fsync of its folder has returned. Syncing
//!   a file does not make its name durable: fsync(2) says so in so many words. A rename between two folders
//!   is durable in both or in neither: to have a file under no name would be less than any file system does.
//! - A rename is atomic: after a power failure a name is that of the old file or of the new one. Whether the new one
//!   has its content is a matter of whether it was synced.
//! - Nothing else is durable: neither after some seconds, nor because something later was synced. That is the
//!   worst that may happen, and happens every time ([`Tail::Lost`]); or of each file a prefix of what was written since
//!   is kept, cut at any byte, half of the time with a wrong last one ([`Tail::Torn`]). Blocks that reach the disk
//!   out of order are not modelled: a hole before a readable record makes the bundled systems refuse to start, which is
//!   right of them, and would only stop the run.
//! - What was opened before a power failure is open no more: late requests fail, and change nothing.
//!
//! Once fsync has failed, what it was to sync stays unsynced, and the next fsync syncs it. Linux forgets it instead
//! (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020); no system that starts again
//! from what it reads survives that, so it would accuse all of them of what is the kernel's doing.

mod fuse;
mod image;
mod probe;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fuser::{BackgroundSession, Config, MountOption};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use std::os::fd::AsRawFd as _;

pub use image::{Lost, Tail};
pub use probe::Planted;

use crate::process::Death;
use crate::rng;
use image::{Image, ROOT};

/// The most that a disk holds, in bytes, since it lies in memory. A node that writes more meets a full disk.
const CAPACITY: u64 = 4 << 30;
/// The folder on the disk that is the node's. What lies beside it is for probes.
const DATA: &str = "data";
/// How a Rust program ends that panicked.
const PANICKED: i32 = 101;
const DEVICE: &str = "/dev/fuse";

/// Why there is no such disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The kernel has no FUSE.
    #[error("there is no {DEVICE}")]
    Missing,
    /// It is there, but not for this user.
    #[error("FUSE file systems cannot be mounted here: {0}")]
    Unusable(String),
    /// Something else went wrong.
    #[error("{step} a disk failed")]
    Io {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        #[source]
        source: io::Error,
    },
}

impl DiskError {
    /// The one line that mends it, where there is one.
    #[must_use]
    pub fn mend(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("sudo modprobe fuse"),
            Self::Unusable(_) => {
                Some("run splitbrain as root, or let everyone use FUSE: sudo chmod 666 /dev/fuse")
            }
            Self::Io { .. } => None,
        }
    }

    fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}

/// What a disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// To let any file grow: it is full (ENOSPC).
    Growth,
    /// To read, write, sync, or change names (EIO).
    Everything,
}

impl Refusal {
    fn errno(self) -> Errno {
        match self {
            Self::Growth => Errno::ENOSPC,
            Self::Everything => Errno::EIO,
        }
    }
}

/// How a file is corrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// One bit of its first half is flipped.
    BitFlip,
    /// All of its content is gone, its name is not.
    Truncation,
}

/// A file that was corrupted, as it was.
#[derive(Debug)]
pub struct Corrupted {
    ino: image::Ino,
    before: Vec<u8>,
    after: Vec<u8>,
    /// What was done to which file.
    pub told: String,
}

/// The least length of a file whose bits are flipped, in bytes: enough for records after the bit, which show that it was
/// no torn tail.
const FLIP_MIN: usize = 1024;

#[derive(Debug)]
struct State {
    image: Image,
    refusal: Option<Refusal>,
    /// Requests of the node's refused since the present refusal began.
    refused: u64,
    sync_delay: Option<Duration>,
    /// Whether no sync ends.
    stalled: bool,
    /// Whether what programs read is not what they wrote.
    corrupted: bool,
}

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk {
    state: Arc<Mutex<State>>,
    root: PathBuf,
}

/// A mounted disk. Dropping it unmounts it.
#[derive(Debug)]
pub struct Mount {
    disk: Disk,
    session: Option<BackgroundSession>,
}

impl Mount {
    /// Mounts an empty disk at `root`, a folder that is made where it is missing. On it is one folder, the node's, which
    /// is durable. To be called in a sandbox.
    ///
    /// # Errors
    /// If FUSE cannot be used, or the folder not be made.
    pub fn new(root: &Path) -> Result<Self, DiskError> {
        fs::create_dir_all(root).map_err(DiskError::io("making a folder for"))?;
        let disk = Disk {
            state: Arc::new(Mutex::new(State {
                image: Image::new(CAPACITY),
                refusal: None,
                refused: 0,
                sync_delay: None,
                stalled: false,
                corrupted: false,
            })),
            root: root.to_owned(),
        };
        let made = {
            let mut state = disk.state();
            let made = state.image.make(ROOT, DATA.as_ref(), true, 0o755);
            made.and_then(|_| state.image.sync(ROOT))
        };
        made.map_err(|errno| DiskError::io("preparing")(errno.into()))?;
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("splitbrain".to_owned()),
            MountOption::DefaultPermissions,
        ];
        let session = fuser::spawn_mount(fuse::Server::new(disk.clone()), root, &config)
            .map_err(|error| DiskError::Unusable(error.to_string()))?;
        let session = Some(session);
        Ok(Self { disk, session })
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Copies what the node has on it to the folder `to`, and unmounts it. Nothing must be using it any more.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn end(self, to: &Path) -> Result<(), DiskError> {
        let copied = {
            let state = self.disk.state();
            state
                .image
                .find(ROOT, DATA.as_ref())
                .map_err(io::Error::from)
                .and_then(|data| copy(&state.image, data, to))
        };
        copied.map_err(DiskError::io("copying the files of"))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // At once, whoever uses it: the thread ends when the kernel lets go of it, at the latest with the run.
            let _ = umount2(&self.disk.root, MntFlags::MNT_DETACH);
            drop(session);
        }
    }
}

fn copy(image: &Image, folder: image::Ino, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (name, ino) in &image.folder(folder)?.now {
        let path = to.join(name);
        if image.get(*ino)?.is_folder() {
            copy(image, *ino, &path)?;
        } else {
            fs::write(path, &image.file(*ino)?.now)?;
        }
    }
    Ok(())
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves an image that is as good as any: whoever uses it must still be served.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder for the node.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join(DATA)
    }

    /// Power is cut: what was opened until now is open no more, and no sync that is under way comes to anything. To be
    /// followed by [`lose_power`](Self::lose_power).
    pub fn go_dark(&self) {
        self.state().image.epoch += 1;
    }

    /// Power fails, and comes back at once. Whoever used the disk must be dead.
    ///
    /// # Errors
    /// If the disk does not answer.
    pub fn lose_power(&self, tail: Tail, seed: u64) -> Result<Lost, DiskError> {
        // One thread serves all requests in their order: when it has answered this one, none of a dead process is left.
        fs::metadata(&self.root).map_err(DiskError::io("asking"))?;
        let mut rng = rng::from_seed(seed);
        Ok(self.state().image.lose_power(tail, &mut rng))
    }

    /// Lets it refuse requests from now on, unless it refuses some already: then this returns false.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> bool {
        let mut state = self.state();
        let is_free = state.refusal.is_none();
        if is_free {
            (state.refusal, state.refused) = (Some(refusal), 0);
        }
        is_free
    }

    /// Lets it refuse nothing any more.
    pub fn accept(&self) {
        self.state().refusal = None;
    }

    /// The same, but only if no request of the node's was refused: then nothing can have come of it. Returns whether so.
    #[must_use]
    pub fn accept_if_nothing_was_refused(&self) -> bool {
        let mut state = self.state();
        let untouched = state.refused == 0;
        if untouched {
            state.refusal = None;
        }
        untouched
    }

    /// What it refuses just now.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.state().refusal
    }

    /// Lets each fsync take so much longer.
    pub fn delay_syncs(&self, by: Option<Duration>) {
        self.state().sync_delay = by;
    }

    /// Lets no fsync that begins from now on return, as a disk whose queue has filled up, or lets them return again. Where
    /// power fails meanwhile they come to nothing.
    pub fn stall(&self, stalled: bool) {
        self.state().stalled = stalled;
    }

    /// Corrupts the largest file of the node. `None` if there is none that is large enough. Whoever used the disk must be
    /// dead, and what it had written counts as synced.
    pub fn corrupt(&self, corruption: Corruption, seed: u64) -> Result<Option<Corrupted>, DiskError> {
        fs::metadata(&self.root).map_err(DiskError::io("asking"))?;
        let mut state = self.state();
        let corrupted = corrupt(&mut state.image, corruption, seed)
            .map_err(|errno| DiskError::io("corrupting a file of")(errno.into()))?;
        state.corrupted |= corrupted.is_some();
        Ok(corrupted)
    }

    /// Undoes a corruption. Returns false if the file was changed since, so that it cannot be undone.
    #[must_use]
    pub fn restore(&self, corrupted: &Corrupted) -> bool {
        let mut state = self.state();
        state.corrupted = false;
        let Corrupted {
            ino, before, after, ..
        } = corrupted;
        let unchanged = state.image.file(*ino).is_ok_and(|file| file.now == *after);
        unchanged && state.image.replace(*ino, before.clone()).is_ok()
    }

    /// Whether a death is this disk's doing: it refuses requests just now, or is corrupted, and the process ended with a
    /// status of its own and a last word. One that panicked, was ended by a signal, or said nothing has died by itself.
    #[must_use]
    pub fn excuses(&self, death: &Death) -> bool {
        let state = self.state();
        let struck = state.refusal.is_some() && state.refused > 0 || state.corrupted;
        let failed_cleanly = death
            .status
            .code()
            .is_some_and(|code| code != 0 && code != PANICKED);
        struck && failed_cleanly && !death.last_lines.is_empty()
    }
}

fn corrupt(image: &mut Image, corruption: Corruption, seed: u64) -> Result<Option<Corrupted>, Errno> {
    let data = image.find(ROOT, DATA.as_ref())?;
    let len = |image: &Image, ino| image.file(ino).map_or(0, |file| file.now.len());
    let files = image.files_below(data);
    let Some(ino) = files.into_iter().max_by_key(|ino| len(image, *ino)) else {
        return Ok(None);
    };
    let before = image.file(ino)?.now.clone();
    let (after, told) = match corruption {
        Corruption::BitFlip => {
            if before.len() < FLIP_MIN {
                return Ok(None);
            }
            let mut rng = rng::from_seed(seed);
            let at = rng::below(before.len() as u64 / 2, &mut rng) as usize;
            let mut after = before.clone();
            after[at] ^= 1 << rng::below(8, &mut rng);
            let told = format!(
                "a bit of byte {at} of its largest file ({} bytes) was flipped",
                before.len()
            );
            (after, told)
        }
        Corruption::Truncation => {
            if before.is_empty() {
                return Ok(None);
            }
            let told = format!("its largest file ({} bytes) was emptied", before.len());
            (Vec::new(), told)
        }
    };
    image.replace(ino, after.clone())?;
    Ok(Some(Corrupted {
        ino,
        before,
        after,
        told,
    }))
}

/// Reads back what [`try_out`] said, from a process in a sandbox.
pub(crate) fn lack(complaint: &str) -> DiskError {
    if !Path::new(DEVICE).exists() {
        return DiskError::Missing;
    }
    let told = complaint.strip_prefix("FUSE file systems cannot be mounted here: ");
    DiskError::Unusable(told.unwrap_or(complaint).to_owned())
}

/// Mounts a FUSE file system that nobody serves, and unmounts it: is that allowed here?
///
/// # Errors
/// If it is not.
pub(crate) fn try_out() -> Result<(), DiskError> {
    let unusable = |step: &str| {
        let step = step.to_owned();
        move |errno: Errno| DiskError::Unusable(format!("{step}: {}", errno.desc()))
    };
    if !Path::new(DEVICE).exists() {
        return Err(DiskError::Missing);
    }
    let device = open(DEVICE, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(unusable("opening /dev/fuse"))?;
    let root = Path::new("/run/disk");
    fs::create_dir_all(root).map_err(DiskError::io("making a folder for"))?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    mount(
        Some("splitbrain"),
        root,
        Some("fuse"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(options.as_str()),
    )
    .map_err(unusable("mounting"))?;
    umount2(root, MntFlags::MNT_DETACH).map_err(unusable("unmounting"))
}
