//! The FIFO channel between a learner and its leader. ZAB assumes what ZooKeeper gets from TCP: what one side sends
//! arrives in order and without a gap, or the connection is over (DSN paper, §II). The network of the contract loses,
//! repeats and reorders, so the channel numbers its packets, acknowledges and repeats them.
//!
//! Both sides name a connection: one number could not tell a leader's second life of a connection, opened by a
//! repeated opening frame, from the first. A frame of any other connection is not looked at.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use splitbrain_consensus::{Incarnation, Time};

use crate::message::{Packet, Txn};

/// How many packets may be on their way without an acknowledgement.
const WINDOW_PACKETS: usize = 512;
/// How many may wait for their turn. A peer that is further behind has lost its connection.
const QUEUE_PACKETS_MAX: usize = 1 << 17;
/// A frame is closed at so many packets, or at about so many bytes.
const FRAME_PACKETS_MAX: usize = 128;
const FRAME_BYTES_MAX: usize = 128 * 1024;
/// So many packets are acknowledged without waiting for something to send along.
const UNACKNOWLEDGED_MAX: u64 = 64;
/// The time until packets are repeated doubles so often at most.
const BACKOFF_MAX: u32 = 2;

/// One side's number of a connection: never used twice by the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Number {
    /// The life of the server.
    pub incarnation: Incarnation,
    /// Counts up within that life.
    pub count: u64,
}

/// The name of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Connection {
    /// Chosen by the learner, which opens it.
    pub learner: Number,
    /// Chosen by the leader; none in what the learner sends before it knows.
    pub leader: Option<Number>,
}

/// Packets of a connection, and what its sender has received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The connection.
    pub connection: Connection,
    /// Whether the leader sends it.
    pub by_leader: bool,
    /// The number of the first packet, from 1.
    pub first: u64,
    /// Packets with consecutive numbers.
    pub packets: Vec<Packet>,
    /// All packets up to this number have arrived at the sender.
    pub received: u64,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Channel {
    connection: Connection,
    by_leader: bool,
    repeat_after_us: u64,
    /// Packets that are not acknowledged; the first has the number `acked + 1`.
    outgoing: VecDeque<Packet>,
    acked: u64,
    /// How many of `outgoing` have left at least once.
    on_their_way: usize,
    repeat_at: Time,
    backoff: u32,
    /// All packets up to this number have arrived.
    received: u64,
    /// Packets that overtook others, by number.
    early: BTreeMap<u64, Packet>,
    /// How many arrived since the last acknowledgement, and when that is due at the latest.
    unacknowledged: u64,
    acknowledge_at: Time,
}

impl Channel {
    pub(crate) fn new(connection: Connection, by_leader: bool, repeat_after_us: u64) -> Self {
        Self {
            connection,
            by_leader,
            repeat_after_us,
            outgoing: VecDeque::new(),
            acked: 0,
            on_their_way: 0,
            repeat_at: Time(0),
            backoff: 0,
            received: 0,
            early: BTreeMap::new(),
            unacknowledged: 0,
            acknowledge_at: Time(0),
        }
    }

    pub(crate) fn connection(&self) -> Connection {
        self.connection
    }

    /// Whether the name is this connection's. The learner does not know the leader's number at first.
    pub(crate) fn is(&self, name: Connection) -> bool {
        let opening = self.by_leader && name.leader.is_none();
        let opened = !self.by_leader && self.connection.leader.is_none();
        self.connection.learner == name.learner
            && (opening || opened || self.connection.leader == name.leader)
    }

    /// Whether the other end has said anything.
    pub(crate) fn has_received(&self) -> bool {
        self.received > 0
    }

    /// Whether more waits than a live connection would let wait.
    pub(crate) fn is_overfull(&self) -> bool {
        self.outgoing.len() > QUEUE_PACKETS_MAX
    }

    pub(crate) fn send(&mut self, packet: Packet) {
        self.outgoing.push_back(packet);
    }

    /// Takes a frame of this connection, and returns the packets whose turn has come.
    pub(crate) fn receive(&mut self, frame: Frame, now: Time) -> Vec<Packet> {
        debug_assert!(self.is(frame.connection), "the caller looks at the name first");
        if !self.by_leader {
            self.connection.leader = frame.connection.leader;
        }
        self.acknowledged(frame.received, now);
        let mut ready = Vec::new();
        for (packet, number) in frame.packets.into_iter().zip(frame.first..) {
            if number <= self.received {
                // Its acknowledgement was lost, perhaps.
                self.unacknowledged = UNACKNOWLEDGED_MAX;
            } else if number == self.received + 1 && self.early.is_empty() {
                self.received = number;
                ready.push(packet);
            } else if number - self.received <= WINDOW_PACKETS as u64 {
                self.early.insert(number, packet);
            }
        }
        while let Some(packet) = self.early.remove(&(self.received + 1)) {
            self.received += 1;
            ready.push(packet);
        }
        if !ready.is_empty() {
            if self.unacknowledged == 0 {
                self.acknowledge_at = now.plus_micros(self.repeat_after_us / 4);
            }
            self.unacknowledged += ready.len() as u64;
        }
        ready
    }

    fn acknowledged(&mut self, up_to: u64, now: Time) {
        let news = up_to.saturating_sub(self.acked);
        let news = usize::try_from(news).unwrap_or(usize::MAX).min(self.on_their_way);
        if news == 0 {
            return;
        }
        self.outgoing.drain(..news);
        self.acked += news as u64;
        self.on_their_way -= news;
        self.backoff = 0;
        self.repeat_at = now.plus_micros(self.repeat_after_us);
    }

    /// What is to leave now.
    pub(crate) fn frames(&mut self, now: Time) -> Vec<Frame> {
        let mut frames = Vec::new();
        let window = self.outgoing.len().min(WINDOW_PACKETS);
        let repeat = self.on_their_way > 0 && now >= self.repeat_at;
        let from = if repeat { 0 } else { self.on_their_way };
        if repeat || (self.on_their_way == 0 && window > 0) {
            self.backoff = if repeat {
                (self.backoff + 1).min(BACKOFF_MAX)
            } else {
                0
            };
            self.repeat_at = now.plus_micros(self.repeat_after_us << self.backoff);
        }
        let mut next = from;
        while next < window {
            let packets = self.cut_frame(next, window);
            let first = self.acked + 1 + next as u64;
            next += packets.len();
            frames.push(self.frame(first, packets));
        }
        self.on_their_way = self.on_their_way.max(window);
        let acknowledge = self.unacknowledged >= UNACKNOWLEDGED_MAX
            || self.unacknowledged > 0 && now >= self.acknowledge_at;
        if frames.is_empty() && acknowledge {
            frames.push(self.frame(self.acked + 1, Vec::new()));
        }
        if !frames.is_empty() {
            self.unacknowledged = 0;
        }
        frames
    }

    fn cut_frame(&self, from: usize, to: usize) -> Vec<Packet> {
        let mut bytes = 0;
        let waiting = self.outgoing.range(from..to).take(FRAME_PACKETS_MAX);
        let fits = |packet: &&Packet| {
            let room = bytes < FRAME_BYTES_MAX;
            bytes += approximate_bytes(packet);
            room
        };
        waiting.take_while(fits).cloned().collect()
    }

    fn frame(&self, first: u64, packets: Vec<Packet>) -> Frame {
        Frame {
            connection: self.connection,
            by_leader: self.by_leader,
            first,
            packets,
            received: self.received,
        }
    }

    /// When there is something to send again, or to acknowledge, at the latest.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let repeat = (self.on_their_way > 0).then_some(self.repeat_at);
        let acknowledge = (self.unacknowledged > 0).then_some(self.acknowledge_at);
        [repeat, acknowledge].into_iter().flatten().min()
    }
}

/// The size of a packet, but for what all have.
fn approximate_bytes(packet: &Packet) -> usize {
    match packet {
        Packet::Snap { piece, .. } => piece.len(),
        Packet::Proposal(Txn { payload, .. }) | Packet::Inform(Txn { payload, .. }) => payload.bytes(),
        Packet::Request(crate::message::Request::Broadcast(payload)) => payload.bytes(),
        _ => 16,
    }
}
