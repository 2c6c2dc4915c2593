//! The end of a log file.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::LogFiles;

/// No more than this is read, however long the lines.
const TAIL_BYTES: u64 = 8 * 1024;

/// How many of a dead node's last lines are kept.
const TAIL_LINES: usize = 20;

/// How long the logs of a node are, in bytes: what comes after is of its next life.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lengths {
    stdout: u64,
    stderr: u64,
}

impl Lengths {
    pub(super) fn of(logs: &LogFiles) -> Self {
        let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        Self {
            stdout: length(&logs.stdout),
            stderr: length(&logs.stderr),
        }
    }

    /// The last lines that were written to stderr since then, or to stdout where there are none.
    pub(super) fn last_lines(&self, logs: &LogFiles) -> Vec<String> {
        let lines = last_lines(&logs.stderr, self.stderr, TAIL_LINES);
        match lines.is_empty() {
            true => last_lines(&logs.stdout, self.stdout, TAIL_LINES),
            false => lines,
        }
    }
}

/// The last `count` lines of the file after its first `skipped` bytes, or fewer; none if it cannot be read.
fn last_lines(path: &Path, skipped: u64, count: usize) -> Vec<String> {
    let bytes = last_bytes(path, skipped).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

fn last_bytes(path: &Path, skipped: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES).max(skipped)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_an_earlier_life_are_not_the_last_ones() {
        let folder = tempfile::tempdir().unwrap();
        let logs = LogFiles {
            stdout: folder.path().join("stdout"),
            stderr: folder.path().join("stderr"),
        };
        fs::write(&logs.stderr, "memory allocation of 9 bytes failed\n").unwrap();
        let before = Lengths::of(&logs);
        assert!(before.last_lines(&logs).is_empty());
        fs::write(&logs.stdout, "bye\n").unwrap();
        assert_eq!(before.last_lines(&logs), ["bye"]);
    }

    #[test]
    fn only_the_end_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(last_lines(&path, 0, 3).is_empty());
        fs::write(&path, "one\ntwo\n\nthree\nfour\n").unwrap();
        assert_eq!(last_lines(&path, 0, 3), ["two", "three", "four"]);
        assert_eq!(last_lines(&path, 0, 9).len(), 4);
        assert_eq!(last_lines(&path, 9, 9), ["three", "four"]);
        fs::write(&path, format!("{}\nend", "x".repeat(100_000))).unwrap();
        let lines = last_lines(&path, 0, 9);
        assert_eq!(lines.last().unwrap(), "end");
        assert!(lines.iter().map(String::len).sum::<usize>() <= TAIL_BYTES as usize);
        fs::write(&path, b"\xff\xfe broken\n").unwrap();
        assert_eq!(last_lines(&path, 0, 1).len(), 1);
    }
}
