//! Which protocols a node can run, by name. This is the one place that names them.

use splitbrain_consensus::Protocol;

use crate::args::NodeArgs;
use crate::serve::NodeError;

/// What the shell must know of a protocol beyond the contract.
pub trait Hosted: Protocol {
    /// The read mode of a client that names none.
    const DEFAULT_READ_MODE: Self::ReadMode;

    /// Reads the protocol's settings from the command line: a planted bug, and `key=value` pairs.
    ///
    /// # Errors
    /// A sentence for the user that names what is unknown and lists what is known.
    fn options(mutant: Option<&str>, pairs: &[(String, String)]) -> Result<Self::Options, String>;
}

/// Runs a node of one protocol until it is told to stop.
type Run = fn(&NodeArgs) -> Result<(), NodeError>;

const PROTOCOLS: &[(&str, Run)] = &[];

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
