//! Looking at a disk from the outside, as any program would: by files beside the node's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::Disk;

/// What was written and synced.
const SYNCED: &[u8] = b"this was synced";
/// What was written after it, and not synced.
const UNSYNCED: &[u8] = b", and this was not";

/// A file of which a part is synced and a part is not.
#[derive(Debug)]
pub struct Planted {
    path: PathBuf,
}

impl Disk {
    /// Plants a file that shows afterwards whether power has failed.
    ///
    /// # Errors
    /// If it cannot be written: another fault may hold the disk.
    pub fn plant(&self) -> io::Result<Planted> {
        let path = self.root.join("planted");
        let mut file = File::create(&path)?;
        file.write_all(SYNCED)?;
        file.sync_all()?;
        File::open(&self.root)?.sync_all()?;
        file.write_all(UNSYNCED)?;
        Ok(Planted { path })
    }

    /// Writes a small file and syncs it. Returns how long the sync took.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync_once(&self) -> io::Result<Duration> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.root.join("synced"))?;
        file.write_all(b".")?;
        let started = Instant::now();
        file.sync_all()?;
        Ok(started.elapsed())
    }
}

impl Planted {
    /// What is there now, in words, and whether that shows that what was not synced is gone: all that was synced is there,
    /// and of the rest less than all.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn look(&self) -> io::Result<(bool, String)> {
        let found = fs::read(&self.path)?;
        let kept = found.starts_with(SYNCED);
        let rest = found.len().saturating_sub(SYNCED.len());
        Ok((
            kept && rest < UNSYNCED.len(),
            format!(
                "of a file beside the node's {} bytes that had been synced {} there, and {rest} of {} that had not",
                SYNCED.len(),
                if kept { "are" } else { "are not" },
                UNSYNCED.len()
            ),
        ))
    }
}
