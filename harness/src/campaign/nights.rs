//! All nights in one SQLite file.
//!
//! Merging is commutative and idempotent: rows are keyed by what they say, and only ever added. Where a unit was run
//! twice, by two machines that shared no folder, both results are kept, and the worse one counts.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};

use super::folder::CampaignFolder;
use super::night::Night;
use super::plan::{Header, Plan, Unit, sha256};
use super::record::Record;
use crate::failure::{Failure, Result};

/// What SQLite keeps in the file's header, by which it is told from other databases: "SplB".
const APPLICATION_ID: i64 = 0x5370_6c42;
/// The version of the tables.
const VERSION: i64 = 1;
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
        Ok(Self { connection, name })
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
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
            }
            transaction.commit()
        };
        create(&mut self.connection).map_err(|error| failure(&name, &error))
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
            VERSION => Ok(()),
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
        }
        transaction.commit().map_err(fail)
    }

    /// The nights of a campaign, oldest first; of the only campaign where none is named.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is none, or nobody can tell which is meant; [`Failure::Input`] if the file is damaged.
    pub fn of_campaign(&self, campaign: Option<&str>) -> Result<Vec<Night>> {
        let all = self.strings("SELECT DISTINCT campaign FROM night ORDER BY campaign", &[])?;
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
        insert_unit.execute(params![campaign, date, place, unit.id, unit_text(unit)])?;
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

fn unit_text(unit: &Unit) -> String {
    text(unit)
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;
    use splitbrain_reports::results::RunVerdict;
    use tempfile::TempDir;

    use super::*;
    use crate::campaign::synthetic;
    use crate::exit::Exit;

    /// A folder with a part of a night's results. Which `attempt` it is shows in them.
    fn folder(
        root: &TempDir,
        name: &str,
        night: &str,
        part: impl Fn(usize) -> bool,
        attempt: u64,
    ) -> CampaignFolder {
        let plan = synthetic::plan(night, 12);
        let folder = CampaignFolder::plan(&root.path().join(name), &plan).unwrap();
        let verdicts = [RunVerdict::Pass, RunVerdict::Unknown, RunVerdict::Violation];
        for (at, unit) in plan.units.iter().enumerate().filter(|(at, _)| part(*at)) {
            let verdict = verdicts[(at + attempt as usize) % 3];
            let mut record = synthetic::record(&plan, unit, verdict, "a");
            record.ok = attempt;
            folder.keep(unit, &record).unwrap();
        }
        folder
    }

    /// All that the file says.
    fn rows(path: &Path) -> Vec<String> {
        let nights = Nights::open(path).unwrap();
        let queries = [
            "SELECT campaign || night || plan || header FROM night ORDER BY 1",
            "SELECT campaign || night || place || id || unit FROM unit ORDER BY 1",
            "SELECT campaign || night || unit || hash || verdict || record FROM result ORDER BY 1",
        ];
        queries
            .iter()
            .flat_map(|query| nights.strings(query, &[]).unwrap())
            .collect()
    }

    fn parts(root: &TempDir) -> Vec<CampaignFolder> {
        vec![
            folder(root, "a", "2026-01-30", |_| true, 0),
            folder(root, "b", "2026-01-31", |at| at % 2 == 0, 0),
            folder(root, "c", "2026-01-31", |at| at % 2 == 1, 0),
            // The same units once more, as another machine found them.
            folder(root, "d", "2026-01-31", |at| at < 4, 1),
            folder(root, "e", "2026-02-01", |_| false, 0),
        ]
    }

    fn merged(path: &Path, order: &[usize], parts: &[CampaignFolder]) -> Vec<String> {
        let mut nights = Nights::create(path).unwrap();
        for at in order {
            nights.merge(std::slice::from_ref(&parts[*at])).unwrap();
        }
        drop(nights);
        rows(path)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_order_and_repetition_of_merges_gives_the_same_rows(
            order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle(),
            again in prop::collection::vec(0..5usize, 0..6),
        ) {
            let root = tempfile::tempdir().unwrap();
            let parts = parts(&root);
            let expected = {
                let path = root.path().join("at-once.sqlite");
                Nights::create(&path).unwrap().merge(&parts).unwrap();
                rows(&path)
            };
            let order: Vec<usize> = again.iter().take(3).chain(&order).chain(&again).copied().collect();
            prop_assert_eq!(merged(&root.path().join("one-by-one.sqlite"), &order, &parts), expected);
        }
    }

    #[test]
    fn nights_come_back_as_they_were_and_the_worse_of_two_results_counts() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("nights.sqlite");
        let parts = parts(&root);
        Nights::create(&path).unwrap().merge(&parts).unwrap();
        let nights = Nights::open(&path).unwrap().of_campaign(None).unwrap();
        let names: Vec<&str> = nights
            .iter()
            .map(|night| night.plan.header.night.as_str())
            .collect();
        assert_eq!(names, ["2026-01-30", "2026-01-31", "2026-02-01"]);
        assert_eq!(nights[0], Night::of_folder(&parts[0]).unwrap());
        assert!(nights[1].records.iter().all(Option::is_some));
        // Units 0 to 3 were run twice: pass and unknown, unknown and violation, violation and pass, pass and unknown.
        let verdicts: Vec<_> = nights[1].records[..4]
            .iter()
            .flatten()
            .map(|record| record.verdict)
            .collect();
        use RunVerdict::{Unknown, Violation};
        assert_eq!(verdicts, [Unknown, Violation, Violation, Unknown]);
        assert_eq!(nights[2].tally().not_run, 12);
    }

    #[test]
    fn two_plans_of_one_night_are_refused_and_nothing_is_taken_in() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("nights.sqlite");
        let good = folder(&root, "a", "2026-01-31", |_| true, 0);
        let other = CampaignFolder::plan(&root.path().join("b"), &synthetic::plan("2026-01-31", 14)).unwrap();
        let failure = Nights::create(&path)
            .unwrap()
            .merge(&[good.clone(), other.clone()])
            .unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(
            failure.to_string().contains("two plans of one night"),
            "{failure}"
        );
        assert!(rows(&path).is_empty());
        let mut nights = Nights::create(&path).unwrap();
        nights.merge(&[good]).unwrap();
        let kept = rows(&path);
        assert!(nights.merge(&[other]).is_err());
        assert_eq!(rows(&path), kept);
    }

    fn refused(path: &Path) -> String {
        let failure = Nights::create(path).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage, "{failure}");
        failure.to_string()
    }

    #[test]
    fn other_files_and_newer_ones_are_refused_and_left_as_they_are() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| -> PathBuf { root.path().join(name) };
        std::fs::write(
            path("text"),
            "hello, this is a text and no database at all\n".repeat(50),
        )
        .unwrap();
        assert!(refused(&path("text")).contains("no file of nights"));
        Connection::open(path("foreign"))
            .unwrap()
            .execute_batch("CREATE TABLE t (x)")
            .unwrap();
        assert!(refused(&path("foreign")).contains("no file of nights"));
        drop(Nights::create(&path("newer")).unwrap());
        Connection::open(path("newer"))
            .unwrap()
            .pragma_update(None, "user_version", 2)
            .unwrap();
        assert!(refused(&path("newer")).contains("use a newer one"));
        assert!(
            Nights::open(&path("missing"))
                .unwrap_err()
                .to_string()
                .contains("campaign merge")
        );
    }

    #[test]
    fn a_corrupt_or_foreign_result_is_refused_by_its_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(&root, "a", "2026-01-31", |_| true, 0);
        let plan = Plan::read(&folder.plan_file()).unwrap();
        let file = folder.record_file(&plan.units[3]);
        let good = std::fs::read_to_string(&file).unwrap();
        let mut nights = Nights::create(&root.path().join("nights.sqlite")).unwrap();
        let elsewhere = std::fs::read_to_string(folder.record_file(&plan.units[4])).unwrap();
        let cases = [
            (good.replacen("made up", "made uq", 1), "corrupt"),
            (good[..good.len() / 2].to_owned(), "corrupt"),
            (String::new(), "corrupt"),
            (elsewhere, "not of"),
        ];
        for (text, expected) in cases {
            std::fs::write(&file, text).unwrap();
            let failure = nights.merge(std::slice::from_ref(&folder)).unwrap_err();
            let message = failure.to_string();
            assert!(
                message.contains(expected) && message.contains(&plan.units[3].id),
                "{message}"
            );
            assert_eq!(failure.exit(), Exit::Usage);
        }
        std::fs::write(&file, good).unwrap();
        std::fs::copy(&file, folder.units().join("0123456789abcdef.jsonl")).unwrap();
        let message = nights.merge(&[folder]).unwrap_err().to_string();
        assert!(message.contains("the plan does not have"), "{message}");
    }
}
