//! The three ways to read, by name.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a read is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReadMode {
    /// The read is broadcast as a transaction that changes nothing, and served where it came from when it is its
    /// turn there. Linearizable.
    Quorum,
    /// ZooKeeper's `sync`, then a local read. The leader answers the `sync` alone, without asking a quorum whether it
    /// still leads.
    SyncLocal,
    /// Any server that follows or leads answers from what it has applied.
    Local,
    /// The same, of clients that are connected to observers.
    ObserverLocal,
}

impl ReadMode {
    /// All modes with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Quorum, "quorum"),
        (Self::SyncLocal, "sync-local"),
        (Self::Local, "local"),
        (Self::ObserverLocal, "observer-local"),
    ];
}

impl FromStr for ReadMode {
    type Err = UnknownReadMode;

    fn from_str(name: &str) -> Result<Self, UnknownReadMode> {
        let known = Self::ALL.iter().find(|(_, known)| *known == name);
        known
            .map(|(mode, _)| *mode)
            .ok_or_else(|| UnknownReadMode(name.into()))
    }
}

/// There is no read mode of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown zab read mode `{0}`")]
pub struct UnknownReadMode(pub String);
