//! All nights in one SQLite file.
//!
//! Merging is commutative and idempotent: rows are keyed by what they say, and only ever added. Where a unit was run
//! twice, by two machines that shared no folder, both results are kept, and the worse one counts.

mod folders;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};

use super::folder::CampaignFolder;
use super::night::Night;
use super::plan::{Header, Plan, sha256};
use super::record::Record;
use crate::failure::{Failure, Result};

/// What SQLite keeps in the file's header, by which it is told from other databases: "SplB".
const APPLICATION_ID: i64 = 0x5370_6c42;
/// The version of the tables. 2 has one more than 1: where the runs of each night are.
const VERSION: i64 = 2;
/// How long to wait for another merge into the same file.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

const TABLES: &str = "
CREATE TABLE night (
    campaign TEXT NOT NULL, night TEXT NOT NULL, plan TEXT NOT NULL, header TEXT NOT NULL,
    PRIMARY KEY (campaign, night)
) WITHOUT ROWID;
CREATE TABLE unit (
    campaign TEXT NOT NULL, night TEXT NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL,
    PRIMARY KEY (campaign, night, place)
) WITHOUT ROWID;
CREATE TABLE result (
    campaign TEXT NOT NULL, night TEXT NOT NULL, unit TEXT NOT NULL, hash TEXT NOT NULL, verdict TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (campaign, night, unit, hash)
) WITHOUT ROWID;
";

/// The file.
#[derive(Debug)]
pub struct Nights {
    connection: Connection,
    name: String,
    path: PathBuf,
}

impl Nights {
    /// Opens the file, which is created where it is missing.
    ///
    /// # Errors
    /// [`Failure::Input`] if it is something else, or from a newer version; [`Failure::Host`] if it cannot be read or
    /// written.
    pub fn create(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut nights = Self::connect(path, flags)?;
        if nights.is_empty()? {
            nights.create_tables()?;
        }
        nights.check_version()?;
        nights.upgrade()?;
        Ok(nights)
    }

    /// Opens a file that is there.
    ///
    /// # Errors
    /// As [`Self::create`], and if it is missing.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Failure::Input(format!(
                "{} is no file; `splitbrain campaign merge DIR... -o FILE` makes one",
                path.display()
            )));
        }
        let nights = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        nights.check_version()?;
        Ok(nights)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self> {
        let name = path.display().to_string();
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let connection = connection.map_err(|error| failure(&name, &error))?;
        connection
            .busy_timeout(PATIENCE)
            .map_err(|error| failure(&name, &error))?;
        Ok(Self {
            connection,
            name,
            path: path.to_owned(),
        })
    }

    fn is_empty(&self) -> Result<bool> {
        let count = self
            .connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                row.get::<_, i64>(0)
            });
        let count = count.map_err(|error| self.failure(&error))?;
        Ok(count == 0 && self.pragma("application_id")? == 0)
    }

    fn create_tables(&mut self) -> Result<()> {
        let name = self.name.clone();
        let create = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Another merge may have been first.
            let tables: i64 =
                transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 {
                transaction.execute_batch(TABLES)?;
                transaction.execute_batch(folders::TABLE)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
            }
            transaction.commit()
        };
        create(&mut self.connection).map_err(|error| failure(&name, &error))
    }

    /// Adds what an older version did not have.
    fn upgrade(&mut self) -> Result<()> {
        if self.pragma("user_version")? == VERSION {
            return Ok(());
        }
        let name = self.name.clone();
        let add = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(folders::TABLE)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()
        };
        add(&mut self.connection).map_err(|error| failure(&name, &error))
    }

    fn check_version(&self) -> Result<()> {
        let fail = |problem: String| Err(Failure::Input(format!("{}: {problem}", self.name)));
        if self.pragma("application_id")? != APPLICATION_ID {
            return fail("this is no file of nights; choose another one".to_owned());
        }
        match self.pragma("user_version")? {
            version if version > VERSION => fail(format!(
                "the file has version {version}, and this program knows none after {VERSION}; use a newer one"
            )),
            1..=VERSION => Ok(()),
            version => fail(format!("the file says version {version}, which there never was")),
        }
    }

    fn pragma(&self, name: &str) -> Result<i64> {
        let value = self.connection.pragma_query_value(None, name, |row| row.get(0));
        value.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &rusqlite::Error) -> Failure {
        failure(&self.name, error)
    }

    /// Takes in what folders hold: all of them or, where one of them cannot be used, none.
    ///
    /// # Errors
    /// [`Failure::Input`] if a plan or a result cannot be used, or a campaign had another plan on the same night.
    pub fn merge(&mut self, folders: &[CampaignFolder]) -> Result<()> {
        let name = self.name.clone();
        let fail = |error: rusqlite::Error| failure(&name, &error);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fail)?;
        for folder in folders {
            let night = Night::of_folder(folder)?;
            let header = &night.plan.header;
            let known = known_plan(&transaction, header).map_err(fail)?;
            if let Some(known) = known.filter(|known| *known != header.hash) {
                return Err(Failure::Input(format!(
                    "{} has the plan {} for {} on the night {}, for which there is the plan {} already: two plans of \
                     one night cannot be merged; plan one of them for another --night",
                    folder.path().display(),
                    &header.hash[..16],
                    header.campaign,
                    header.night,
                    known.get(..16).unwrap_or(&known),
                )));
            }
            insert(&transaction, &night).map_err(fail)?;
            let of_night = (header.campaign.as_str(), header.night.as_str());
            folders::note(&transaction, of_night, &self.path, folder).map_err(fail)?;
        }
        transaction.commit().map_err(fail)
    }

    /// The names of all campaigns.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn campaigns(&self) -> Result<Vec<String>> {
        self.strings("SELECT DISTINCT campaign FROM night ORDER BY campaign", &[])
    }

    /// The nights of a campaign, oldest first; of the only campaign where none is named.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is none, or nobody can tell which is meant; [`Failure::Input`] if the file is damaged.
    pub fn of_campaign(&self, campaign: Option<&str>) -> Result<Vec<Night>> {
        let all = self.campaigns()?;
        let campaign = match (campaign, all.as_slice()) {
            (Some(campaign), _) => crate::names::find("campaign", campaign, &all, |name| name)?,
            (None, [only]) => only,
            (None, []) => return Err(Failure::Usage(format!("{} has no nights yet", self.name))),
            (None, several) => {
                return Err(Failure::Usage(format!(
                    "{} has several campaigns; choose one with --campaign: {}",
                    self.name,
                    several.join(", ")
                )));
            }
        };
        let nights = self.strings(
            "SELECT night FROM night WHERE campaign = ?1 ORDER BY night",
            &[campaign],
        )?;
        nights.iter().map(|night| self.night(campaign, night)).collect()
    }

    fn strings(&self, query: &str, parameters: &[&str]) -> Result<Vec<String>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare_cached(query)?;
            let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?;
            rows.collect()
        };
        read().map_err(|error| self.failure(&error))
    }

    fn night(&self, campaign: &str, night: &str) -> Result<Night> {
        let damaged =
            |error: String| Failure::Input(format!("{}: {campaign}, night {night}: {error}", self.name));
        let header = self.strings(
            "SELECT header FROM night WHERE campaign = ?1 AND night = ?2",
            &[campaign, night],
        )?;
        let units = self.strings(
            "SELECT unit FROM unit WHERE campaign = ?1 AND night = ?2 ORDER BY place",
            &[campaign, night],
        )?;
        let lines: Vec<String> = header.into_iter().chain(units).collect();
        let plan = Plan::parse(&lines.join("\n")).map_err(damaged)?;
        let records = self.strings(
            "SELECT record FROM result WHERE campaign = ?1 AND night = ?2 ORDER BY unit, hash",
            &[campaign, night],
        )?;
        let mut worst = std::collections::BTreeMap::new();
        for text in &records {
            let record = Record::parse_line(text).map_err(damaged)?;
            let is_worse = |known: &Record| record.verdict > known.verdict;
            if worst.get(&record.unit).is_none_or(is_worse) {
                worst.insert(record.unit.clone(), record);
            }
        }
        let records = plan.units.iter().map(|unit| worst.remove(&unit.id)).collect();
        Ok(Night { plan, records })
    }
}

fn known_plan(transaction: &Transaction<'_>, header: &Header) -> rusqlite::Result<Option<String>> {
    let mut statement =
        transaction.prepare_cached("SELECT plan FROM night WHERE campaign = ?1 AND night = ?2")?;
    let mut rows = statement.query(params![header.campaign, header.night])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

fn insert(transaction: &Transaction<'_>, night: &Night) -> rusqlite::Result<()> {
    let header = &night.plan.header;
    let (campaign, date) = (&header.campaign, &header.night);
    let mut insert_night =
        transaction.prepare_cached("INSERT OR IGNORE INTO night VALUES (?1, ?2, ?3, ?4)")?;
    insert_night.execute(params![campaign, date, header.hash, text(header)])?;
    let mut insert_unit =
        transaction.prepare_cached("INSERT OR IGNORE INTO unit VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut insert_result =
        transaction.prepare_cached("INSERT OR IGNORE INTO result VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (place, (unit, record)) in (0_i64..).zip(night.units()) {
        insert_unit.execute(params![campaign, date, place, unit.id, text(unit)])?;
        if let Some(record) = record {
            let line = record.line();
            let (hash, verdict) = (sha256(line.as_bytes()), text(&record.verdict));
            insert_result.execute(params![
                campaign,
                date,
                unit.id,
                hash,
                verdict.trim_matches('"'),
                line
            ])?;
        }
    }
    Ok(())
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plans and verdicts are plain data")
}

fn failure(name: &str, error: &rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            Failure::Input(format!("{name}: this is no file of nights; choose another one"))
        }
        Some(ErrorCode::DatabaseCorrupt) => Failure::Input(format!(
            "{name} is damaged: {error}; put back a copy, or merge the folders of the nights into a new one"
        )),
        Some(ErrorCode::DiskFull) => Failure::Host {
            problem: format!("{name} cannot be written: the disk is full"),
            mend: Some("make room and merge again; nothing that was in it is lost".to_owned()),
        },
        _ => Failure::host(format!("{name}: {error}")),
    }
}
