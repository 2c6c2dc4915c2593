//! Where the runs of each night were when it was merged, so that a page finds theirs.
//!
//! A hint, and no result: it is told from the file's own folder, so that both can be moved together, and may have become
//! wrong. Nothing but links depends on it.

use std::path::{Component, Path, PathBuf};

use rusqlite::{Transaction, params};

use super::Nights;
use crate::campaign::folder::CampaignFolder;
use crate::failure::Result;

/// The table, since version 2.
pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS folder (
    campaign TEXT NOT NULL, night TEXT NOT NULL, path TEXT NOT NULL,
    PRIMARY KEY (campaign, night, path)
) WITHOUT ROWID;
";

/// Notes where a night's runs are. A path that is no text cannot be noted, and costs no more than links.
pub(super) fn note(
    transaction: &Transaction<'_>,
    (campaign, night): (&str, &str),
    file: &Path,
    folder: &CampaignFolder,
) -> rusqlite::Result<()> {
    let path = file
        .canonicalize()
        .ok()
        .zip(folder.path().canonicalize().ok())
        .and_then(|(file, folder)| Some(relative(file.parent()?, &folder)));
    if let Some(path) = path.as_deref().and_then(Path::to_str) {
        let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO folder VALUES (?1, ?2, ?3)")?;
        insert.execute(params![campaign, night, path])?;
    }
    Ok(())
}

impl Nights {
    /// The folders in which the runs of a night were, from the file's own folder.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn folders(&self, campaign: &str, night: &str) -> Result<Vec<PathBuf>> {
        if self.pragma("user_version")? < 2 {
            return Ok(Vec::new());
        }
        let query = "SELECT path FROM folder WHERE campaign = ?1 AND night = ?2 ORDER BY path";
        let paths = self.strings(query, &[campaign, night])?;
        Ok(paths.into_iter().map(PathBuf::from).collect())
    }
}

/// The way from one absolute folder to another.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    if way.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_told_from_the_folder_of_the_file() {
        for (from, to, way) in [
            ("/a/b", "/a/b/c/d", "c/d"),
            ("/a/b", "/a/c", "../c"),
            ("/a/b", "/a/b", "."),
            ("/a", "/", ".."),
        ] {
            assert_eq!(
                relative(Path::new(from), Path::new(to)),
                Path::new(way),
                "{from} {to}"
            );
        }
    }
}
