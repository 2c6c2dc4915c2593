//! What the simulator's invariants may see of a core. Hosts in production have no use for it.

use crate::{NodeId, Version};

/// An entry of a log, as far as invariants compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryView {
    /// The term or epoch of its creation.
    pub term: u64,
    /// A digest of all that it carries.
    pub digest: u64,
}

/// A core that can be looked into.
pub trait Inspect {
    /// The entry at `version`, if the log still holds it.
    fn entry(&self, version: Version) -> Option<EntryView>;
    /// The version before the first entry that the log still holds.
    fn base(&self) -> Version;
    /// The voting members in force.
    fn voters(&self) -> Vec<NodeId>;
}
