//! The segment file: opened with recovery, appended to, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::{self, Damage, HEADER_BYTES};

/// Why the write-ahead log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something that was persisted cannot be read any more.
    #[error(
        "the write-ahead log {path} is corrupt at byte {offset}: what was persisted there cannot be read, \
         so this node must not go on with it"
    )]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where in it, in bytes from its start.
        offset: usize,
    },
    /// A record is sound but none of this protocol.
    #[error("the record at byte {offset} of {path} is not one of this protocol: {reason}")]
    Foreign {
        /// The segment.
        path: PathBuf,
        /// Where in it, in bytes from its start.
        offset: usize,
        /// What the decoder said.
        reason: postcard::Error,
    },
}

impl WalError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// The one live segment of a data folder, open for appending.
#[derive(Debug)]
pub struct Segment {
    folder: PathBuf,
    number: u64,
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

impl Segment {
    /// Opens the log in `folder`, which exists, and reads all its records, oldest first. A torn tail is cut off,
    /// and what an interrupted replacement left behind is removed. A folder without a log gets an empty one.
    ///
    /// # Errors
    /// If something that was persisted is unreadable, or the system refuses.
    pub fn open<R: Serialize + DeserializeOwned>(folder: &Path) -> Result<(Self, Vec<R>), WalError> {
        // The newest segment must be known by its name for good before older ones go.
        sync_folder(folder)?;
        let Some(number) = remove_leftovers(folder)? else {
            return Ok((Self::create::<R>(folder, 1, &[])?, Vec::new()));
        };
        let path = segment_path(folder, number);
        let bytes = fs::read(&path).map_err(WalError::io("read", &path))?;
        let (payloads, damage) = format::scan(&bytes);
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(WalError::io("open for appending", &path))?;
        match damage {
            // What a killed process wrote and did not sync is read back from the page cache. From here on it counts
            // as persisted, so it must be.
            None => file.sync_all().map_err(WalError::io("sync", &path))?,
            Some(Damage::Corrupt { offset }) => return Err(WalError::Corrupt { path, offset }),
            Some(Damage::TornTail { offset }) => {
                let bytes = bytes.len() - offset;
                tracing::warn!(path = %path.display(), offset, bytes, "cut off a torn tail of the write-ahead log");
                file.set_len(offset as u64)
                    .map_err(WalError::io("cut the torn tail off", &path))?;
                file.sync_all().map_err(WalError::io("sync", &path))?;
            }
        }
        let decode = |payload: std::ops::Range<usize>| {
            postcard::from_bytes(&bytes[payload.clone()]).map_err(|reason| WalError::Foreign {
                path: path.clone(),
                offset: payload.start,
                reason,
            })
        };
        let records = payloads.into_iter().map(decode).collect::<Result<_, _>>()?;
        Ok((
            Self {
                folder: folder.to_owned(),
                number,
                path,
                file,
                buffer: Vec::new(),
            },
            records,
        ))
    }

    /// Adds records to what the next [`flush`](Self::flush) writes.
    pub fn append<R: Serialize>(&mut self, records: &[R]) {
        append_all(&mut self.buffer, records);
    }

    /// Writes what was appended, in one piece, and makes the disk confirm it if `sync`.
    ///
    /// # Errors
    /// If the system refuses. How much was written is then unknown, and the node must not go on.
    pub fn flush(&mut self, sync: bool) -> Result<(), WalError> {
        self.file
            .write_all(&self.buffer)
            .map_err(WalError::io("append to", &self.path))?;
        self.buffer.clear();
        if sync {
            self.file.sync_data().map_err(WalError::io("sync", &self.path))?;
        }
        Ok(())
    }

    /// Replaces the whole log by `records`: after a crash at any moment either all of the old log is there or all
    /// of the new one. What was appended and not flushed is part of the old one, and gone.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn replace<R: Serialize>(&mut self, records: &[R]) -> Result<(), WalError> {
        let next = Self::create(&self.folder, self.number + 1, records)?;
        let old = std::mem::replace(self, next).path;
        fs::remove_file(&old).map_err(WalError::io("remove", &old))
    }

    /// Writes a segment under a temporary name, syncs it, and only then gives it its own.
    fn create<R: Serialize>(folder: &Path, number: u64, records: &[R]) -> Result<Self, WalError> {
        let path = segment_path(folder, number);
        let temporary = path.with_extension("tmp");
        let mut bytes = vec![0; HEADER_BYTES];
        append_all(&mut bytes, records);
        let header = format::header(bytes.len() as u64);
        bytes[..HEADER_BYTES].copy_from_slice(&header);
        fs::write(&temporary, &bytes).map_err(WalError::io("write", &temporary))?;
        let file = OpenOptions::new()
            .append(true)
            .open(&temporary)
            .map_err(WalError::io("open", &temporary))?;
        file.sync_all().map_err(WalError::io("sync", &temporary))?;
        fs::rename(&temporary, &path).map_err(WalError::io("rename", &temporary))?;
        sync_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            number,
            path,
            file,
            buffer: Vec::new(),
        })
    }
}

fn append_all(out: &mut Vec<u8>, records: &[impl Serialize]) {
    for record in records {
        format::append_record(out, |out| {
            let taken = std::mem::take(out);
            *out = postcard::to_extend(record, taken).expect("records of a protocol always encode");
        });
    }
}

fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("wal-{number:010}.log"))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), WalError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(WalError::io("sync the folder", folder))
}

/// Removes temporary files and all segments but the newest, whose number it returns. The newest is the log: it
/// got its name only when it was whole.
fn remove_leftovers(folder: &Path) -> Result<Option<u64>, WalError> {
    let (mut numbers, mut leftovers) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(WalError::io("read the folder", folder))? {
        let path = entry.map_err(WalError::io("read the folder", folder))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let Some((number, kind)) = name.strip_prefix("wal-").and_then(|rest| rest.split_once('.')) else {
            continue;
        };
        match (number.parse(), kind) {
            (Ok(number), "log") => numbers.push(number),
            (Ok(_), "tmp") => leftovers.push(path),
            _ => {}
        }
    }
    numbers.sort_unstable();
    let newest = numbers.pop();
    leftovers.extend(numbers.into_iter().map(|number| segment_path(folder, number)));
    for path in leftovers {
        tracing::info!(path = %path.display(), "removed what an interrupted replacement of the log left behind");
        fs::remove_file(&path).map_err(WalError::io("remove", &path))?;
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(range: std::ops::Range<u64>) -> Vec<String> {
        range.map(|at| format!("record {at}")).collect()
    }

    fn reopen(folder: &Path) -> (Segment, Vec<String>) {
        Segment::open(folder).unwrap()
    }

    fn log_file(folder: &Path) -> PathBuf {
        let mut paths: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(paths.len(), 1, "{paths:?}");
        paths.remove(0)
    }

    #[test]
    fn what_was_flushed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut segment, found) = reopen(folder.path());
        assert!(found.is_empty());
        segment.append(&records(0..3));
        segment.flush(true).unwrap();
        segment.append(&records(3..4));
        segment.flush(false).unwrap();
        assert_eq!(reopen(folder.path()).1, records(0..4));
    }

    #[test]
    fn a_cut_at_any_byte_keeps_the_whole_records_and_appending_goes_on() {
        let source = tempfile::tempdir().unwrap();
        let (mut segment, _) = reopen(source.path());
        segment.append(&records(0..3));
        segment.flush(true).unwrap();
        let bytes = fs::read(log_file(source.path())).unwrap();
        let record_bytes = (bytes.len() - HEADER_BYTES) / 3;
        for cut in HEADER_BYTES..=bytes.len() {
            let folder = tempfile::tempdir().unwrap();
            fs::write(segment_path(folder.path(), 1), &bytes[..cut]).unwrap();
            let (mut segment, found) = reopen(folder.path());
            let whole = ((cut - HEADER_BYTES) / record_bytes) as u64;
            assert_eq!(found, records(0..whole), "cut at {cut}");
            segment.append(&records(whole..whole + 1));
            segment.flush(true).unwrap();
            assert_eq!(reopen(folder.path()).1, records(0..whole + 1), "cut at {cut}");
        }
    }

    #[test]
    fn corruption_in_the_middle_is_an_error_with_file_and_offset() {
        let folder = tempfile::tempdir().unwrap();
        let (mut segment, _) = reopen(folder.path());
        segment.append(&records(0..3));
        segment.flush(true).unwrap();
        let path = log_file(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        bytes[HEADER_BYTES + 14] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let error = Segment::open::<String>(folder.path()).unwrap_err();
        assert!(
            matches!(&error, WalError::Corrupt { offset: HEADER_BYTES, path: at } if *at == path),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes, "a corrupt log is left as it is");
    }

    #[test]
    fn records_of_another_protocol_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (mut segment, _) = Segment::open::<u8>(folder.path()).unwrap();
        segment.append(&[200u8]);
        segment.flush(true).unwrap();
        let error = Segment::open::<String>(folder.path()).unwrap_err();
        assert!(matches!(error, WalError::Foreign { .. }), "{error}");
    }

    #[test]
    fn a_replaced_log_holds_only_the_new_records() {
        let folder = tempfile::tempdir().unwrap();
        let (mut segment, _) = reopen(folder.path());
        segment.append(&records(0..3));
        segment.flush(true).unwrap();
        segment.replace(&records(10..12)).unwrap();
        segment.append(&records(12..13));
        segment.flush(true).unwrap();
        log_file(folder.path());
        assert_eq!(reopen(folder.path()).1, records(10..13));
    }

    #[test]
    fn a_replacement_interrupted_before_its_rename_leaves_the_old_log() {
        let folder = tempfile::tempdir().unwrap();
        let (mut segment, _) = reopen(folder.path());
        segment.append(&records(0..3));
        segment.flush(true).unwrap();
        fs::write(
            segment_path(folder.path(), 2).with_extension("tmp"),
            b"half of a seg",
        )
        .unwrap();
        assert_eq!(reopen(folder.path()).1, records(0..3));
        log_file(folder.path());
    }

    #[test]
    fn a_replacement_interrupted_before_the_old_log_was_removed_leaves_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut segment, _) = reopen(folder.path());
        segment.append(&records(0..3));
        segment.flush(true).unwrap();
        let old = (
            log_file(folder.path()),
            fs::read(log_file(folder.path())).unwrap(),
        );
        segment.replace(&records(10..12)).unwrap();
        fs::write(&old.0, &old.1).unwrap();
        assert_eq!(reopen(folder.path()).1, records(10..12));
        log_file(folder.path());
    }
}
