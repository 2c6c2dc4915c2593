//! The options of `splitbrain simulate`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use clap::Args;
use splitbrain_consensus::sim::{Nemesis, SimConfig};
use splitbrain_systems::{Asked, ReadModeInfo};

use super::protocols::{self, SimulatedSystem};
use super::seeds::{Campaign, RATE_DEFAULT};
use super::workbench::Wanted;
use crate::catalog;
use crate::failure::{Failure, Result};
use crate::names;
use crate::units::Span;

/// The most nodes of a simulated cluster.
const NODES_MAX: u16 = 31;
/// The greatest rate of a simulated cluster's clients.
const RATE_MAX: u32 = 100_000;

/// What to simulate.
#[derive(Args, Clone, Debug)]
pub struct SimulateOptions {
    /// The system, one of those that can be simulated
    #[arg(long, value_name = "SYSTEM", default_value = "raft")]
    pub system: String,
    /// Plant this bug (see `list mutants`)
    #[arg(long, value_name = "SYSTEM/NAME")]
    pub mutant: Option<String>,
    /// The families of faults: partition, kill, pause, clock, reconfigure [default: all]
    #[arg(long, value_name = "FAMILY,…", value_delimiter = ',')]
    pub nemesis: Vec<String>,
    /// The seeds, each a run of its own: A..B without B, or a single one
    #[arg(long, value_name = "A..B", default_value = "0..1000")]
    pub seeds: Seeds,
    /// How many nodes [default: 3 or 5, drawn from the seed]
    #[arg(long, value_name = "N")]
    pub nodes: Option<u16>,
    /// How many nodes beside them have no vote, of a system that has observers [default: 0 to 2, drawn from the seed]
    #[arg(long, value_name = "N")]
    pub observers: Option<u16>,
    /// Only these read modes [default: drawn from the seed]
    #[arg(long, value_name = "MODE,…", value_delimiter = ',')]
    pub read_mode: Vec<String>,
    /// Judge the read modes by this consistency model instead of their own claims
    #[arg(long, value_name = "MODEL")]
    pub claim: Option<String>,
    /// How many ops the clients ask for in a second of virtual time, about
    #[arg(long, value_name = "N", default_value_t = RATE_DEFAULT)]
    pub rate: u32,
    /// How much virtual time has faults in it, before everything heals
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub safety_time: Span,
    /// How many seeds to run at the same time [default: one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Go on after the first failing seed, and count them all
    #[arg(long)]
    pub keep_going: bool,
    /// Print every event of the run (a single seed only)
    #[arg(long)]
    pub trace: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// A range of seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = |part: &str| {
            part.trim()
                .parse::<u64>()
                .map_err(|_| format!("`{text}` is no range of seeds; write 0..1000, or 7"))
        };
        let range = match text.split_once("..") {
            Some((from, to)) => number(from)?..number(to)?,
            None => {
                let seed = number(text)?;
                let next = seed
                    .checked_add(1)
                    .ok_or_else(|| format!("the seed {seed} is too large"))?;
                seed..next
            }
        };
        if range.is_empty() {
            return Err(format!("`{text}` holds no seed"));
        }
        Ok(Self(range))
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0.start, self.0.end)
    }
}

impl SimulateOptions {
    /// What the options ask for.
    ///
    /// # Errors
    /// [`Failure::Usage`] if they name something unknown, or contradict each other.
    pub fn campaign(&self) -> Result<Campaign> {
        let system = protocols::named(&self.system)?;
        if let Some(nodes) = self.nodes.filter(|nodes| *nodes == 0 || *nodes > NODES_MAX) {
            return Err(Failure::Usage(format!(
                "the number of nodes must lie between 1 and {NODES_MAX}, not {nodes}"
            )));
        }
        if self.rate == 0 || self.rate > RATE_MAX {
            let rate = self.rate;
            return Err(Failure::Usage(format!(
                "the rate must lie between 1 and {RATE_MAX} ops/s, not {rate}"
            )));
        }
        if self.trace && self.seeds.0.end - self.seeds.0.start != 1 {
            return Err(Failure::Usage(
                "contradiction: --trace takes a single seed, such as --seeds 7".into(),
            ));
        }
        if self.threads == Some(0) {
            return Err(Failure::Usage("the number of threads must be at least 1".into()));
        }
        if self.safety_time.0.is_zero() {
            return Err(Failure::Usage(
                "the time with faults must be longer than 0".into(),
            ));
        }
        let mutant = match &self.mutant {
            Some(name) => Some(catalog::mutant(system.system, name)?.name),
            None => None,
        };
        let mut campaign = Campaign::new(system, mutant);
        campaign.wanted = self.wanted(system)?;
        campaign.config = SimConfig {
            safety_us: u64::try_from(self.safety_time.0.as_micros()).unwrap_or(u64::MAX),
            trace: self.trace,
            ..campaign.config
        };
        if !self.nemesis.is_empty() {
            campaign.config.nemesis = families(&self.nemesis)?;
        }
        campaign.rate = self.rate;
        campaign.keep_going = self.keep_going;
        campaign.workers = self.threads;
        Ok(campaign)
    }
}

impl SimulateOptions {
    /// What is not to be drawn from the seeds.
    fn wanted(&self, simulated: SimulatedSystem) -> Result<Wanted> {
        let system = simulated.system;
        if let Some(observers) = self.observers.filter(|observers| *observers > 0) {
            if !system.has_observers() {
                return Err(Failure::Usage(format!(
                    "contradiction: observers in a cluster of {}, which knows none",
                    system.name()
                )));
            }
            if observers > NODES_MAX {
                return Err(Failure::Usage(format!(
                    "the number of observers must lie between 0 and {NODES_MAX}, not {observers}"
                )));
            }
        }
        let read_modes = match self.read_mode.is_empty() {
            true => Vec::new(),
            false => catalog::read_modes(system, &self.read_mode)?,
        };
        let asks_observers = |mode: &&&ReadModeInfo| mode.asked == Asked::Observers;
        if let Some(mode) = read_modes.iter().find(asks_observers)
            && self.observers.is_none_or(|observers| observers == 0)
        {
            return Err(Failure::Usage(format!(
                "contradiction: the read mode {} asks observers; give --observers as well",
                mode.name
            )));
        }
        Ok(Wanted {
            nodes: self.nodes,
            observers: self.observers,
            read_modes,
            claim: self.claim.as_deref().map(catalog::model).transpose()?,
        })
    }
}

/// The families of faults of these names.
///
/// # Errors
/// [`Failure::Usage`] if there is no such family, with the known ones.
pub fn families(wanted: &[String]) -> Result<Vec<Nemesis>> {
    let find = |name: &String| {
        let found = names::find("simulated fault", name.trim(), &Nemesis::ALL, |(_, name)| name);
        found.map(|(family, _)| *family)
    };
    let mut found: Vec<Nemesis> = Vec::new();
    for name in wanted {
        let family = find(name)?;
        if !found.contains(&family) {
            found.push(family);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!("0..1000".parse(), Ok(Seeds(0..1000)));
        assert_eq!("7".parse(), Ok(Seeds(7..8)));
        for wrong in ["", "a", "3..1", "3..3", "1..x", "-1..3"] {
            assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
        }
    }
}
