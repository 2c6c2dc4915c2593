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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Zxid;

    const REPEAT_US: u64 = 1_000;

    fn number(count: u64) -> Number {
        Number {
            incarnation: Incarnation(1),
            count,
        }
    }

    fn ends() -> (Channel, Channel) {
        let opening = Connection {
            learner: number(1),
            leader: None,
        };
        let accepted = Connection {
            leader: Some(number(2)),
            ..opening
        };
        (
            Channel::new(opening, false, REPEAT_US),
            Channel::new(accepted, true, REPEAT_US),
        )
    }

    fn packet(value: u64) -> Packet {
        Packet::Ack { zxid: Zxid(value) }
    }

    /// What befalls a frame.
    #[derive(Clone, Copy, Debug)]
    enum Fate {
        Lost,
        Twice,
        Late,
        OnTime,
    }

    fn fates() -> impl Strategy<Value = Vec<Fate>> {
        let fate = prop_oneof![
            Just(Fate::Lost),
            Just(Fate::Twice),
            Just(Fate::Late),
            Just(Fate::OnTime)
        ];
        prop::collection::vec(fate, 0..400)
    }

    /// Lets both ends talk for so many rounds, and returns what arrived at the first and at the second.
    fn talk(learner: &mut Channel, leader: &mut Channel, fates: &[Fate], rounds: u64) -> [Vec<Packet>; 2] {
        let ends = [learner, leader];
        let mut arrived = [Vec::new(), Vec::new()];
        let mut late: [Vec<Frame>; 2] = [Vec::new(), Vec::new()];
        let mut fate = fates.iter().chain(std::iter::repeat(&Fate::OnTime));
        for round in 0..rounds {
            let now = Time(round * REPEAT_US / 2);
            for from in [0, 1] {
                let mut frames = std::mem::take(&mut late[from]);
                for frame in ends[from].frames(now) {
                    match fate.next().expect("an endless supply") {
                        Fate::Lost => {}
                        Fate::Twice => frames.extend([frame.clone(), frame]),
                        Fate::Late => late[from].push(frame),
                        Fate::OnTime => frames.push(frame),
                    }
                }
                // The latest first: they overtake each other.
                for frame in frames.into_iter().rev() {
                    if ends[1 - from].is(frame.connection) {
                        arrived[1 - from].extend(ends[1 - from].receive(frame, now));
                    }
                }
            }
        }
        arrived
    }

    proptest! {
        #[test]
        fn packets_arrive_once_and_in_order(fates in fates(), counts in (1_u64..700, 0_u64..700)) {
            let (mut learner, mut leader) = ends();
            (0..counts.0).for_each(|value| learner.send(packet(value)));
            (0..counts.1).for_each(|value| leader.send(packet(value)));
            let [at_learner, at_leader] = talk(&mut learner, &mut leader, &fates, 3_000);
            prop_assert_eq!(at_leader, (0..counts.0).map(packet).collect::<Vec<_>>());
            prop_assert_eq!(at_learner, (0..counts.1).map(packet).collect::<Vec<_>>());
            prop_assert_eq!(learner.deadline(), None, "nothing is left to say");
            prop_assert_eq!(leader.deadline(), None);
        }
    }

    #[test]
    fn frames_of_another_connection_are_told_apart() {
        let (mut learner, leader) = ends();
        let opening = learner.connection();
        assert!(
            leader.is(opening),
            "the learner does not know the leader's number yet"
        );
        assert!(
            learner.is(leader.connection()),
            "and takes it from the first frame"
        );
        let frame = Frame {
            connection: leader.connection(),
            by_leader: true,
            first: 1,
            packets: vec![Packet::Ping],
            received: 0,
        };
        assert_eq!(learner.receive(frame, Time(0)), [Packet::Ping]);
        let again = Connection {
            leader: Some(number(3)),
            ..opening
        };
        assert!(
            !learner.is(again),
            "opened a second time by a copy of the first frame"
        );
        let later = Connection {
            learner: number(9),
            ..leader.connection()
        };
        assert!(!leader.is(later));
    }

    #[test]
    fn no_more_than_a_window_is_on_its_way() {
        let (mut learner, _) = ends();
        (0..2_000).for_each(|value| learner.send(packet(value)));
        let frames = learner.frames(Time(0));
        let sent: usize = frames.iter().map(|frame| frame.packets.len()).sum();
        assert_eq!(sent, WINDOW_PACKETS);
        assert!(
            frames
                .iter()
                .all(|frame| frame.packets.len() <= FRAME_PACKETS_MAX)
        );
        assert!(learner.frames(Time(1)).is_empty());
    }
}
