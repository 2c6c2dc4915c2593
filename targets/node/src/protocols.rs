//! Which protocols a node can run, by name. This is the one place that names them.

use std::fmt::Display;
use std::str::FromStr;

use splitbrain_consensus::Protocol;

use splitbrain_raft::Raft;
use splitbrain_service::wire::Era;
use splitbrain_zab::Zab;

use crate::args::NodeArgs;
use crate::serve::{self, NodeError};

/// What the shell must know of a protocol beyond the contract.
pub trait Hosted: Protocol {
    /// The read mode of a client that names none.
    const DEFAULT_READ_MODE: Self::ReadMode;

    /// Whether a connection is a session, whose requests take effect in the order in which they were sent: each is
    /// given to the core when the one before it is answered.
    const HAS_SESSIONS: bool;

    /// The protocol's word for [`splitbrain_consensus::Status::term`], with its number.
    const ERA: fn(u64) -> Era;

    /// Reads the protocol's settings from the command line: a planted bug, and `key=value` pairs.
    ///
    /// # Errors
    /// A sentence for the user that names what is unknown and lists what is known.
    fn options(mutant: Option<&str>, pairs: &[(String, String)]) -> Result<Self::Options, String>;
}

/// Runs a node of one protocol until it is told to stop.
type Run = fn(&NodeArgs) -> Result<(), NodeError>;

const PROTOCOLS: &[(&str, Run)] = &[("raft", serve::run::<Raft>), ("zab", serve::run::<Zab>)];

impl Hosted for Raft {
    const DEFAULT_READ_MODE: Self::ReadMode = splitbrain_raft::ReadMode::ReadIndex;
    const HAS_SESSIONS: bool = false;
    const ERA: fn(u64) -> Era = Era::Term;

    fn options(mutant: Option<&str>, pairs: &[(String, String)]) -> Result<Self::Options, String> {
        let known = splitbrain_raft::MUTANTS.iter().map(|info| info.name);
        let mut options = splitbrain_raft::Options {
            mutant: planted(mutant, known)?,
            ..Self::Options::default()
        };
        set_all(pairs, |name, value| options.set(name, value))?;
        Ok(options)
    }
}

impl Hosted for Zab {
    const DEFAULT_READ_MODE: Self::ReadMode = splitbrain_zab::ReadMode::Local;
    const HAS_SESSIONS: bool = true;
    const ERA: fn(u64) -> Era = Era::Epoch;

    fn options(mutant: Option<&str>, pairs: &[(String, String)]) -> Result<Self::Options, String> {
        let known = splitbrain_zab::MUTANTS.iter().map(|info| info.name);
        let mut options = splitbrain_zab::Options {
            mutant: planted(mutant, known)?,
            ..Self::Options::default()
        };
        set_all(pairs, |name, value| options.set(name, value))?;
        Ok(options)
    }
}

/// The planted bug of this name.
fn planted<'a, M: FromStr<Err: Display>>(
    name: Option<&str>,
    known: impl Iterator<Item = &'a str>,
) -> Result<Option<M>, String> {
    name.map(str::parse).transpose().map_err(|error| {
        let known: Vec<_> = known.collect();
        format!("{error}; the known ones are: {}.", known.join(", "))
    })
}

fn set_all<E: Display>(
    pairs: &[(String, String)],
    mut set: impl FnMut(&str, &str) -> Result<(), E>,
) -> Result<(), String> {
    pairs
        .iter()
        .try_for_each(|(name, value)| set(name, value).map_err(|error| format!("{error}.")))
}

/// Runs the node of the protocol that the arguments name.
pub(crate) fn run_named(args: &NodeArgs) -> Result<(), NodeError> {
    match PROTOCOLS.iter().find(|(name, _)| *name == args.protocol) {
        Some((_, run)) => run(args),
        None => {
            let known: Vec<_> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
            Err(NodeError::Configuration(format!(
                "There is no protocol {:?}; the known ones are: {}.",
                args.protocol,
                known.join(", ")
            )))
        }
    }
}
