//! The traits of the contract, and the outputs of a core.
//!
//! The host (the node shell or the simulator) owes a core five things:
//! 1. The clock is read *after* an input was received and told to the core *before* the input is: `tick(now)`,
//!    then the input. An answer is then never given by the authority of a moment before its request.
//! 2. After each input, or each batch of them, `ready()` is taken and carried out before the next.
//! 3. Records are persisted in the order of their `position`. A message in `messages_after` leaves only when all
//!    records up to its `Ready`'s `position` are persisted (and synced, where `sync` asks for it).
//! 4. `persisted(position)` is called once that is so, and never before.
//! 5. Effects are carried out in their order, each before the next, against one state machine.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Incarnation, NodeId, Refusal, RequestId, Status, Time, Version};

/// Who a core is, and in what company.
#[derive(Clone, Debug)]
pub struct Setup<O> {
    /// The node.
    pub id: NodeId,
    /// The voting members of a cluster that starts for the first time, this node among them. What was persisted
    /// outranks it.
    pub members: Vec<NodeId>,
    /// The life of this node: greater than in every earlier life.
    pub incarnation: Incarnation,
    /// The seed of the core's own randomness.
    pub seed: u64,
    /// The protocol's own settings, a planted bug among them.
    pub options: O,
}

/// A message with its destination.
pub type Outgoing<M> = (NodeId, M);

/// What a core wants done. Its parts are independent but for what `position` ties together.
#[derive(Clone, Debug)]
pub struct Ready<M, R> {
    /// Messages that may leave at once.
    pub messages: Vec<Outgoing<M>>,
    /// Records to append to the write-ahead log.
    pub records: Vec<R>,
    /// If set, `records` are not appended: they replace, atomically, everything persisted before.
    pub replace_log: bool,
    /// Whether the records must have reached the disk before `persisted` may be said.
    pub sync: bool,
    /// Messages that may leave only when everything up to `position` is persisted.
    pub messages_after: Vec<Outgoing<M>>,
    /// Counts the record-bearing outputs of this life; unchanged where there are no records. What `persisted`
    /// takes.
    pub position: u64,
    /// What to do with the state machine and the clients, in order.
    pub effects: Vec<Effect>,
}

/// One step at the state machine or towards a client of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Replace the whole state by this snapshot.
    Restore {
        /// What [`StateMachine::snapshot`] gave, here or elsewhere.
        snapshot: Vec<u8>,
        /// The version that it stands at.
        version: Version,
    },
    /// Apply a command. Where `origin` is a request of this node's present life, its result answers that client.
    Apply {
        /// The command's place in the total order.
        version: Version,
        /// The request that it stems from.
        origin: Option<RequestId>,
        /// The state machine's own encoding.
        command: Vec<u8>,
    },
    /// Read the state as it is now. The result answers the client if `id` is this node's, else it is handed back
    /// by [`Protocol::read_result`].
    Read {
        /// The request.
        id: RequestId,
        /// The state machine's own encoding.
        query: Vec<u8>,
    },
    /// A read that another node served for a client of this one.
    Answer {
        /// The request, always of this node's present life.
        id: RequestId,
        /// What the state machine there answered.
        result: Vec<u8>,
        /// Who served it.
        served_by: NodeId,
        /// The term or epoch that it was in.
        term: u64,
    },
    /// Tell the client that there will be no result.
    Refuse {
        /// The request, always of this node's present life.
        id: RequestId,
        /// Why.
        refusal: Refusal,
    },
    /// Take a snapshot of the state as it is now and hand it to [`Protocol::snapshot_taken`].
    TakeSnapshot {
        /// The version that the state stands at.
        version: Version,
    },
}

impl<M, R> Ready<M, R> {
    /// An output that wants nothing.
    #[must_use]
    pub fn empty(position: u64) -> Self {
        Self {
            messages: Vec::new(),
            records: Vec::new(),
            replace_log: false,
            sync: false,
            messages_after: Vec::new(),
            position,
            effects: Vec::new(),
        }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.records.is_empty()
            && self.messages_after.is_empty()
            && self.effects.is_empty()
    }
}

/// A replicated protocol without its input and output.
pub trait Protocol: Sized {
    /// What nodes say to each other.
    type Message: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;
    /// What is persisted.
    type Record: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;
    /// How a read may be served.
    type ReadMode: Copy + Debug + PartialEq + Send + 'static;
    /// Settings: timeouts, limits, the planted bug.
    type Options: Clone + Debug;

    /// Starts a life. `records` are all that was persisted in earlier lives, oldest first, and empty for a new
    /// node. Effects that rebuild the state machine come with the first `ready`.
    fn start(setup: Setup<Self::Options>, records: Vec<Self::Record>, now: Time) -> Self;

    /// The time is now `now`, which never runs backward.
    fn tick(&mut self, now: Time);

    /// The moment by which `tick` should be called again, if nothing else happens.
    fn deadline(&self) -> Time;

    /// A message arrived. It may be late, repeated or out of order; `from` is authentic.
    fn receive(&mut self, from: NodeId, message: Self::Message);

    /// Whether a client that has seen `last_seen` may be served here now. A protocol whose local reads promise each
    /// client that it never goes back says no while this node is behind what the client saw elsewhere, or serves
    /// nobody.
    fn admits(&self, last_seen: Version) -> bool {
        let _ = last_seen;
        true
    }

    /// A client of this node asks for a write. `id.node` is this node, `id.seq` grows.
    fn propose(&mut self, id: RequestId, command: Vec<u8>);

    /// A client of this node asks for a read.
    fn read(&mut self, id: RequestId, mode: Self::ReadMode, query: Vec<u8>);

    /// The result of an [`Effect::Read`] whose `id` belongs to another node.
    fn read_result(&mut self, id: RequestId, result: Vec<u8>);

    /// Everything up to `position` is persisted.
    fn persisted(&mut self, position: u64);

    /// The snapshot asked for by [`Effect::TakeSnapshot`].
    fn snapshot_taken(&mut self, version: Version, snapshot: Vec<u8>);

    /// An administrator asks that the voting members become `members`. Returns whether it was taken up (only a
    /// leader without another change under way does).
    fn change_members(&mut self, members: Vec<NodeId>) -> bool;

    /// An administrator asks that leadership pass to `to`. Returns whether it was taken up.
    fn transfer_leadership(&mut self, to: NodeId) -> bool;

    /// What is to be done after the inputs so far.
    fn ready(&mut self) -> Ready<Self::Message, Self::Record>;

    /// Where this node stands.
    fn status(&self) -> Status;

    /// The read mode of this name, as clients write it.
    fn read_mode(name: &str) -> Option<Self::ReadMode>;
}

/// A deterministic state machine: the replicated service.
pub trait StateMachine {
    /// Applies a command at `version` and returns its encoded result. A command that cannot be decoded is
    /// answered with an error and changes nothing.
    fn apply(&mut self, version: Version, command: &[u8]) -> Vec<u8>;
    /// Answers a query from the state as it is.
    fn query(&self, query: &[u8]) -> Vec<u8>;
    /// The whole state, encoded.
    fn snapshot(&self) -> Vec<u8>;
    /// Replaces the whole state by an encoded one.
    ///
    /// # Errors
    /// If the bytes are no snapshot of this service.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String>;
}
