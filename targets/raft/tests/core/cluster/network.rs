//! A network that delivers, loses, repeats and reorders exactly what it is told to.

use std::collections::{BTreeSet, VecDeque};

use splitbrain_consensus::NodeId;
use splitbrain_raft::message::Message;

use super::story;

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
}

/// Which of the messages on their way; every field that is set narrows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    pub(crate) from: Option<NodeId>,
    pub(crate) to: Option<NodeId>,
    /// The name of the message: `AppendEntries`.
    pub(crate) kind: Option<String>,
    /// At most so many, the oldest first.
    pub(crate) count: Option<usize>,
}

impl Which {
    pub(crate) fn to(node: NodeId) -> Self {
        Self {
            to: Some(node),
            ..Self::default()
        }
    }

    pub(crate) fn kind(name: &str) -> Self {
        Self {
            kind: Some(name.into()),
            ..Self::default()
        }
    }

    fn includes(&self, envelope: &Envelope) -> bool {
        self.from.is_none_or(|from| from == envelope.from)
            && self.to.is_none_or(|to| to == envelope.to)
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| *kind == story::kind(&envelope.message))
    }
}

/// The messages on their way, oldest first, and the links that are cut.
#[derive(Debug, Default)]
pub(crate) struct Network {
    on_their_way: VecDeque<Envelope>,
    /// Which messages are held up until they are released, and those.
    hold: Vec<Which>,
    held: Vec<Envelope>,
    cut: BTreeSet<(NodeId, NodeId)>,
}

impl Network {
    /// Sends a message, unless the link is cut. What was sent before the cut still arrives.
    pub(crate) fn send(&mut self, envelope: Envelope) -> bool {
        if self.cut.contains(&(envelope.from, envelope.to)) {
            return false;
        }
        if self.hold.iter().any(|which| which.includes(&envelope)) {
            self.held.push(envelope);
        } else {
            self.on_their_way.push_back(envelope);
        }
        true
    }

    /// Holds up what `which` includes, now and later.
    pub(crate) fn hold(&mut self, which: Which) {
        let included = self.take(&which);
        self.held.extend(included);
        self.hold.push(which);
    }

    /// Lets go of what was held up.
    pub(crate) fn release(&mut self) {
        self.hold.clear();
        self.on_their_way.extend(self.held.drain(..));
    }

    /// Takes the oldest message that `which` includes, whatever its count.
    pub(crate) fn take_first(&mut self, which: &Which) -> Option<Envelope> {
        let at = self
            .on_their_way
            .iter()
            .position(|envelope| which.includes(envelope))?;
        self.on_their_way.remove(at)
    }

    /// Takes all messages that `which` includes now.
    pub(crate) fn take(&mut self, which: &Which) -> Vec<Envelope> {
        let limit = which.count.unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(envelope) = self.take_first(which)
        {
            taken.push(envelope);
        }
        taken
    }

    /// Takes the message at this place among those on their way, counted round and round.
    pub(crate) fn take_nth(&mut self, place: usize) -> Option<Envelope> {
        let place = place.checked_rem(self.on_their_way.len())?;
        self.on_their_way.remove(place)
    }

    /// Repeats the messages that `which` includes: the copies come last.
    pub(crate) fn duplicate(&mut self, which: &Which) -> usize {
        let limit = which.count.unwrap_or(usize::MAX);
        let included = self.on_their_way.iter().filter(|e| which.includes(e));
        let copies: Vec<_> = included.take(limit).cloned().collect();
        let count = copies.len();
        self.on_their_way.extend(copies);
        count
    }

    /// Lets the messages that `which` includes overtake each other: the latest of them comes first, and all of
    /// them come after the others.
    pub(crate) fn reverse(&mut self, which: &Which) -> usize {
        let mut taken = self.take(which);
        let count = taken.len();
        taken.reverse();
        self.on_their_way.extend(taken);
        count
    }

    pub(crate) fn on_their_way(&self) -> impl Iterator<Item = &Envelope> {
        self.on_their_way.iter()
    }

    /// Cuts the link, in this direction only.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }
}
