//! What a server is at the moment, and the changes.

use splitbrain_consensus::{NodeId, Role};

use crate::Zab;
use crate::channel::{Connection, Frame};
use crate::election::Looking;
use crate::leader::{Leading, Phase};
use crate::learner::Learner;
use crate::message::{Message, ServerState};

/// What a server is, with what only that state needs.
#[derive(Debug)]
pub(crate) enum State {
    /// Looks for a leader.
    Looking(Looking),
    /// Follows or observes one.
    Learning(Box<Learner>),
    /// Was elected.
    Leading(Box<Leading>),
}

impl Zab {
    /// The state in ZooKeeper's words.
    pub(crate) fn server_state(&self) -> ServerState {
        match &self.state {
            State::Looking(_) => ServerState::Looking,
            State::Learning(_) if self.is_observer() => ServerState::Observing,
            State::Learning(_) => ServerState::Following,
            State::Leading(_) => ServerState::Leading,
        }
    }

    /// The role in words that all protocols share. Who was elected leads only once it is established: until then
    /// nobody takes anything from it.
    pub(crate) fn shared_role(&self) -> Role {
        match &self.state {
            _ if self.is_observer() => Role::Observer,
            State::Leading(leading) if leading.phase == Phase::Broadcast => Role::Leader,
            State::Learning(learner) if learner.serves() => Role::Follower,
            _ => Role::Candidate,
        }
    }

    /// The established leader that this server knows of.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        match &self.state {
            State::Leading(_) if self.serves() => Some(self.id),
            State::Learning(learner) if learner.serves() => Some(learner.leader),
            _ => None,
        }
    }

    /// Whether clients are served: in `Broadcast`, by a server that is up to date. ZooKeeper closes the connections
    /// of its clients otherwise.
    pub(crate) fn serves(&self) -> bool {
        match &self.state {
            State::Looking(_) => false,
            State::Learning(learner) => learner.serves(),
            State::Leading(leading) => leading.phase == Phase::Broadcast,
        }
    }

    /// Leaves whatever it did, and looks for a leader in a new round of elections.
    pub(crate) fn look_for_leader(&mut self) {
        self.close_connections();
        self.refuse_open_requests();
        self.election_epoch += 1;
        self.vote = self.own_vote();
        self.state = State::Looking(Looking::new(self.now));
        self.begin_election();
    }

    /// Follows the server that was elected.
    pub(crate) fn follow(&mut self, leader: NodeId) {
        assert_ne!(leader, self.id, "nobody follows itself");
        assert!(
            matches!(self.state, State::Looking(_)),
            "only who looks for a leader finds one"
        );
        let connection = Connection {
            learner: self.next_number(),
            leader: None,
        };
        self.state = State::Learning(Box::new(Learner::new(self, leader, connection)));
    }

    /// Leads, having been elected.
    pub(crate) fn lead(&mut self) {
        assert!(!self.is_observer(), "an observer is never elected");
        assert!(
            matches!(self.state, State::Looking(_)),
            "only who looks for a leader finds one"
        );
        self.state = State::Leading(Box::new(Leading::new(self)));
        self.advance_leading();
    }

    /// Tells the other ends that connections are over, as TCP would.
    fn close_connections(&mut self) {
        let (peers, by_leader): (Vec<_>, _) = match &self.state {
            State::Looking(_) => return,
            State::Learning(learner) => (vec![(learner.leader, learner.channel.connection())], false),
            State::Leading(leading) => {
                let learners = leading.learners.iter();
                let peers = learners.map(|(id, learner)| (*id, learner.channel.connection()));
                (peers.collect(), true)
            }
        };
        for (peer, connection) in peers {
            self.send(
                peer,
                Message::Reset {
                    connection,
                    by_leader,
                },
            );
        }
    }

    pub(crate) fn on_frame(&mut self, from: NodeId, frame: Frame) {
        if frame.by_leader {
            self.on_frame_of_leader(from, frame);
        } else {
            self.on_frame_of_learner(from, frame);
        }
    }

    fn on_frame_of_leader(&mut self, from: NodeId, frame: Frame) {
        let now = self.now;
        let packets = match &mut self.state {
            State::Learning(learner) if learner.leader == from && learner.channel.is(frame.connection) => {
                learner.heard_at = now;
                learner.channel.receive(frame, now)
            }
            _ => return self.reset(from, frame.connection, false),
        };
        for packet in packets {
            // A packet may end the connection.
            if matches!(&self.state, State::Learning(learner) if learner.leader == from) {
                self.on_packet_of_leader(packet);
            }
        }
    }

    fn on_frame_of_learner(&mut self, from: NodeId, frame: Frame) {
        let opens = frame.connection.leader.is_none();
        let State::Leading(leading) = &self.state else {
            // Who looks for a leader may be elected in a moment: the learner asks again.
            if !(opens && matches!(self.state, State::Looking(_))) {
                self.reset(from, frame.connection, true);
            }
            return;
        };
        let known = leading.learners.get(&from).map(|learner| &learner.channel);
        match known {
            Some(channel) if channel.is(frame.connection) => {}
            // A copy of what opened an earlier connection.
            Some(channel) if opens && channel.connection().learner > frame.connection.learner => return,
            _ if opens => self.accept_connection(from, frame.connection),
            _ => return self.reset(from, frame.connection, true),
        }
        let now = self.now;
        let State::Leading(leading) = &mut self.state else {
            return;
        };
        let Some(learner) = leading.learners.get_mut(&from) else {
            return;
        };
        learner.heard_at = now;
        let connection = learner.channel.connection();
        for packet in learner.channel.receive(frame, now) {
            // A packet may end the leadership.
            if self.has_connection(from, connection) {
                self.on_packet_of_learner(from, packet);
            }
        }
    }

    fn has_connection(&self, learner: NodeId, connection: Connection) -> bool {
        let State::Leading(leading) = &self.state else {
            return false;
        };
        let learner = leading.learners.get(&learner);
        learner.is_some_and(|learner| learner.channel.connection() == connection)
    }

    fn reset(&mut self, to: NodeId, connection: Connection, by_leader: bool) {
        self.send(
            to,
            Message::Reset {
                connection,
                by_leader,
            },
        );
    }

    /// The other end says that the connection is over. Late words about an earlier one change nothing.
    pub(crate) fn on_reset(&mut self, from: NodeId, connection: Connection, by_leader: bool) {
        match &mut self.state {
            State::Learning(learner)
                if by_leader && learner.leader == from && learner.channel.connection() == connection =>
            {
                self.look_for_leader();
            }
            State::Leading(leading) if !by_leader => {
                let gone = leading.learners.get(&from);
                if gone.is_some_and(|learner| learner.channel.connection() == connection) {
                    leading.learners.remove(&from);
                }
            }
            _ => {}
        }
    }
}
