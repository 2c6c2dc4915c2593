//! Planted bugs, described.

/// A bug that can be planted into a protocol, what it breaks, and how it shows.
#[derive(Clone, Copy, Debug)]
pub struct Planted<M> {
    /// The bug.
    pub mutant: M,
    /// Its name, without the protocol's: `commit-older-term`.
    pub name: &'static str,
    /// The rule that it breaks, with its place in the papers or in the system that is modelled.
    pub breaks: &'static str,
    /// The anomaly to expect.
    pub anomaly: &'static str,
}
