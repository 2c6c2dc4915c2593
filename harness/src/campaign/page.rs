//! The page of a campaign, and beside it what a list of campaigns needs of it.

mod news;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use splitbrain_reports::campaign::{self as shown, campaign_page};
use splitbrain_reports::results::RunVerdict;

use super::findings::Findings;
use super::folder::{CampaignFolder, write_durably};
use super::night::Night;
use super::nights::Nights;
use super::partition::Partition;
use super::sightings::{Sighting, State, sightings};
use crate::config;
use crate::failure::{Failure, Result};
use crate::rerun::quoted;
use units::Places;

/// What is told of a campaign in a list: the file `campaign.json` beside the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// The version of the harness.
    pub splitbrain: String,
    /// The campaign's name.
    pub campaign: String,
    /// The night.
    pub night: String,
    /// When its first run began, `20260131T030012Z`; empty where none did.
    pub started: String,
    /// The verdict of the night.
    pub verdict: RunVerdict,
    /// Why.
    pub reason: String,
    /// The name of the page.
    pub page: String,
    /// What was tested.
    pub subjects: Vec<String>,
    /// In which read modes.
    pub read_modes: Vec<String>,
    /// The ids of the failures that were seen on the night.
    pub signatures: Vec<String>,
}

/// Writes the page of one folder, of all its units or of the part that a machine ran. Returns its path.
///
/// # Errors
/// If the folder cannot be read or the page not be written.
pub fn of_folder(folder: &CampaignFolder, partition: Partition) -> Result<PathBuf> {
    let night = Night::of_folder(folder)?.part(partition);
    let findings = Findings::of_night(night.clone(), Some(folder.path()));
    let failures = sightings(std::slice::from_ref(&night));
    let mut places = Places::of(folder.path());
    places.add(&night.plan.header.night, vec![PathBuf::from(".")]);
    let part = (partition != Partition::WHOLE).then(|| partition.to_string());
    let command = format!(
        "splitbrain campaign status {}",
        quoted(&folder.path().display().to_string())
    );
    let told = Told {
        findings: &findings,
        nights: &[night],
        failures: &failures,
        places: &places,
        is_alone: true,
        part,
        command,
    };
    told.write(folder.path(), "campaign")
}

/// Writes the page of each campaign beside the file of nights: `campaign.html`, or where the file has several campaigns
/// `campaign-NAME.html`. Returns their paths.
///
/// # Errors
/// If the file cannot be read or a page not be written.
pub fn of_nights(path: &Path) -> Result<Vec<PathBuf>> {
    let file = Nights::open(path)?;
    let campaigns = file.campaigns()?;
    let several = campaigns.len() > 1;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if several {
        remove_stale(folder, &campaigns)?;
    }
    let mut pages = Vec::new();
    for campaign in &campaigns {
        let nights = file.of_campaign(Some(campaign))?;
        let findings = Findings::of_nights(nights.clone(), None, None)?;
        let mut places = Places::of(folder);
        for night in &nights {
            let name = &night.plan.header.night;
            places.add(name, file.folders(campaign, name)?);
        }
        // It is to become the name of a file.
        config::plain_name("campaign", campaign.clone())
            .map_err(|failure| Failure::Input(format!("{}: {failure}", path.display())))?;
        let stem = if several {
            format!("campaign-{campaign}")
        } else {
            "campaign".to_owned()
        };
        let which = if several {
            format!(" --campaign {campaign}")
        } else {
            String::new()
        };
        let told = Told {
            failures: findings.sightings.as_deref().unwrap_or_default(),
            findings: &findings,
            nights: &nights,
            places: &places,
            is_alone: false,
            part: None,
            command: format!(
                "splitbrain campaign status {}{which}",
                quoted(&path.display().to_string())
            ),
        };
        pages.push(told.write(folder, &stem)?);
    }
    Ok(pages)
}

/// Removes the page from when the file had one campaign only: it would stay as it was.
fn remove_stale(folder: &Path, campaigns: &[String]) -> Result<()> {
    let (page, summary) = (folder.join("campaign.html"), folder.join("campaign.json"));
    let is_ours = fs::read_to_string(&summary)
        .ok()
        .and_then(|text| serde_json::from_str::<Summary>(&text).ok())
        .is_some_and(|summary| campaigns.contains(&summary.campaign));
    for file in [&page, &summary] {
        if is_ours && file.is_file() {
            fs::remove_file(file).map_err(|error| Failure::not_writable(file, &error))?;
        }
    }
    Ok(())
}

/// All that the page is made from.
struct Told<'a> {
    findings: &'a Findings,
    nights: &'a [Night],
    failures: &'a [Sighting],
    places: &'a Places,
    /// Whether no other night is known.
    is_alone: bool,
    part: Option<String>,
    command: String,
}

impl Told<'_> {
    fn write(&self, folder: &Path, stem: &str) -> Result<PathBuf> {
        let campaign = self.campaign();
        let page = folder.join(format!("{stem}.html"));
        write_durably(&page, campaign_page(&campaign).as_bytes())?;
        let summary = self.summary(&campaign, format!("{stem}.html"));
        let text = serde_json::to_string_pretty(&summary).expect("a summary is plain data") + "\n";
        write_durably(&folder.join(format!("{stem}.json")), text.as_bytes())?;
        Ok(page)
    }

    fn campaign(&self) -> shown::Campaign {
        let header = &self.findings.night.plan.header;
        shown::Campaign {
            name: header.campaign.clone(),
            part: self.part.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plan: header.hash.chars().take(16).collect(),
            verdict: self.findings.verdict(),
            reason: news::reason(self.findings),
            doubts: self.findings.night.doubts(),
            command: self.command.clone(),
            nights: self
                .nights
                .iter()
                .map(|night| units::night(night, self.places))
                .collect(),
            failures: self.failures(),
        }
    }

    /// Those of clean systems first, and of them those first that are new.
    fn failures(&self) -> Vec<shown::Failure> {
        let mut planted = BTreeMap::new();
        for (unit, _) in self.nights.iter().flat_map(Night::units) {
            planted.insert(unit.subject(), unit.mutant.is_some());
        }
        let is_planted = |sighting: &Sighting| planted.get(&sighting.signature.subject) == Some(&true);
        let examples = units::examples(self.nights, self.places);
        let mut failures: Vec<&Sighting> = self.failures.iter().collect();
        failures.sort_by_key(|sighting| (is_planted(sighting), rank(sighting.state)));
        let failure = |sighting: &Sighting| {
            let signature = &sighting.signature;
            let (command, kept) = examples
                .get(&signature.id)
                .cloned()
                .unwrap_or_else(units::no_example);
            shown::Failure {
                id: signature.id.clone(),
                subject: signature.subject.clone(),
                planted: is_planted(sighting),
                read_mode: signature.read_mode.clone(),
                model: signature.model.clone(),
                anomaly: signature.anomaly.clone(),
                shape: signature.shape.clone(),
                state: self.state(sighting.state),
                first_seen: sighting.first_seen.clone(),
                last_seen: sighting.last_seen.clone(),
                count: sighting.count,
                tonight: sighting.tonight.len() as u64,
                per_hundred_runs: sighting.per_hundred_runs,
                command,
                kept,
            }
        };
        failures.into_iter().map(failure).collect()
    }

    fn state(&self, state: State) -> shown::FailureState {
        match state {
            // Nobody can tell, where nothing is known of other nights.
            _ if self.is_alone => shown::FailureState::Alone,
            State::New => shown::FailureState::New,
            State::Regressed => shown::FailureState::Regressed,
            State::Ongoing => shown::FailureState::Ongoing,
            State::Quiet { nights } => shown::FailureState::Quiet(nights),
        }
    }

    fn summary(&self, campaign: &shown::Campaign, page: String) -> Summary {
        let night = &self.findings.night;
        let header = &night.plan.header;
        let started = night
            .records
            .iter()
            .flatten()
            .map(|record| record.started.as_str());
        let modes = night
            .plan
            .units
            .iter()
            .flat_map(|unit| unit.read_modes.iter().cloned());
        let tonight = self
            .failures
            .iter()
            .filter(|sighting| !sighting.tonight.is_empty());
        Summary {
            splitbrain: campaign.version.clone(),
            campaign: header.campaign.clone(),
            night: header.night.clone(),
            started: started
                .filter(|time| !time.is_empty())
                .min()
                .unwrap_or_default()
                .to_owned(),
            verdict: campaign.verdict,
            reason: campaign.reason.clone(),
            page,
            subjects: night.subjects().into_iter().map(|subject| subject.name).collect(),
            read_modes: modes.collect::<BTreeSet<_>>().into_iter().collect(),
            signatures: tonight.map(|sighting| sighting.signature.id.clone()).collect(),
        }
    }
}

/// The order of the table: those that are seen stand before those that are not, and those quiet for longest last.
fn rank(state: State) -> u64 {
    match state {
        State::New => 0,
        State::Regressed => 1,
        State::Ongoing => 2,
        State::Quiet { nights } => 3 + nights,
    }
}

#[cfg(test)]
mod tests;
