//! Which protocols a node can run, by name. This is the one place that names them.

use splitbrain_consensus::Protocol;

use splitbrain_raft::{Options, Raft, ReadMode};
use splitbrain_service::wire::Era;

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

const PROTOCOLS: &[(&str, Run)] = &[("raft", serve::run::<Raft>)];

impl Hosted for Raft {
    const DEFAULT_READ_MODE: ReadMode = ReadMode::ReadIndex;
    const HAS_SESSIONS: bool = false;
    const ERA: fn(u64) -> Era = Era::Term;

    fn options(mutant: Option<&str>, pairs: &[(String, String)]) -> Result<Options, String> {
        let mutant = mutant.map(str::parse).transpose().map_err(|error| {
            let known: Vec<_> = splitbrain_raft::MUTANTS.iter().map(|info| info.name).collect();
            format!("{error}; the known ones are: {}.", known.join(", "))
        })?;
        let mut options = Options {
            mutant,
            ..Options::default()
        };
        for (name, value) in pairs {
            options.set(name, value).map_err(|error| format!("{error}."))?;
        }
        Ok(options)
    }
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
