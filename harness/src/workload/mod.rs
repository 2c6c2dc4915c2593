//! What the clients ask for, and when.
//!
//! Everything here is pure: no clock, no sockets, no async. A generator is told the time and what became of its
//! requests, and is a function of its seed and of what it was told. A run drives it from real clients, the
//! simulator under virtual time.

mod arrivals;
mod mix;
mod placement;
mod random;
mod register;

pub use arrivals::{Arrivals, Spacing};
pub use mix::{KeyDistribution, Mix, MixError, Weights};
pub use placement::{Layout, Placement};
pub use random::{Random, mix_seed};
pub use register::Register;

use splitbrain_checker::history::{Action, Key, Outcome, Value};

/// A thread of load, from 0. It outlives its processes: one of unknown outcome retires the process, never the
/// thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thread(pub usize);

/// What a client shall ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which register.
    pub key: Key,
    /// What to do with it.
    pub action: Action,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The request.
    pub request: Request,
    /// How it ended.
    pub outcome: Outcome,
    /// What the op saw of its register, as in [`splitbrain_checker::history::Op::observed`].
    pub observed: Option<Option<Value>>,
}

/// A source of requests.
pub trait Generator: Send {
    /// The next request of `thread`, asked for at `now_ns` on the run's clock. A reader only reads.
    fn next(&mut self, thread: Thread, reader: bool, now_ns: u64) -> Request;

    /// Learns what became of a request of `thread`.
    fn observe(&mut self, thread: Thread, completion: &Completion);
}

/// A workload that can be chosen by name.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line on what it does.
    pub about: &'static str,
    /// The mix where nothing else is asked for.
    pub mix: fn() -> Mix,
}

/// Every workload, in the order of `list workloads`.
pub const WORKLOADS: &[Workload] = &[Workload {
    name: "register",
    about: "read, write and compare-and-set on many independent registers, every value written once",
    mix: Mix::default,
}];

impl Workload {
    /// The workload of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        WORKLOADS.iter().find(|workload| workload.name == name)
    }

    /// Its generator for one run.
    #[must_use]
    pub fn generator(&self, mix: &Mix, seed: u64) -> Box<dyn Generator> {
        Box::new(Register::new(mix.clone(), seed))
    }
}
