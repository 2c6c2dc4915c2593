//! The end of a log file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// No more than this is read, however long the lines.
const TAIL_BYTES: u64 = 8 * 1024;

/// The last `count` lines of the file, or fewer; none if it cannot be read.
pub(super) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let bytes = last_bytes(path).unwrap_or_default();
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

fn last_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_end_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(last_lines(&path, 3).is_empty());
        fs::write(&path, "one\ntwo\n\nthree\nfour\n").unwrap();
        assert_eq!(last_lines(&path, 3), ["two", "three", "four"]);
        assert_eq!(last_lines(&path, 9).len(), 4);
        fs::write(&path, format!("{}\nend", "x".repeat(100_000))).unwrap();
        let lines = last_lines(&path, 9);
        assert_eq!(lines.last().unwrap(), "end");
        assert!(lines.iter().map(String::len).sum::<usize>() <= TAIL_BYTES as usize);
        fs::write(&path, b"\xff\xfe broken\n").unwrap();
        assert_eq!(last_lines(&path, 1).len(), 1);
    }
}
