//! A cluster in a storm: messages are lost, repeated, overtaken and come back from long ago, clocks run as they
//! like, and the power fails between any two steps, with any part of the unsynced records on the disk. Whatever
//! happens, the checks of [`crate::cluster`] hold after every step, local reads never go back, and once the storm
//! is over the cluster serves its clients.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use splitbrain_consensus::{Incarnation, NodeId, Protocol, Setup, Time, Version};
use splitbrain_raft::message::{self, LogPosition, Message, Record, Term};
use splitbrain_raft::{Options, Raft, ReadMode};

use crate::cluster::{Answer, Cluster, Envelope, Replayed, n};

const VOTERS: u16 = 3;
const NODES: u16 = 4;
/// How long the calm cluster may take to serve a client, in heartbeat intervals.
const CALM_INTERVALS_MAX: u32 = 200;

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// A message arrives, not necessarily the oldest.
    Deliver(Index),
    /// A message arrives, and may arrive again.
    DeliverCopy(Index),
    Lose(Index),
    /// Messages that arrived earlier arrive once more.
    Echo(Vec<Index>),
    Time(NodeId, u64),
    Sync(NodeId),
    Crash(NodeId, usize),
    Start(NodeId),
    Write(NodeId),
    Read(NodeId, ReadMode),
    Members(NodeId, Vec<NodeId>),
    Transfer(NodeId, NodeId),
}

fn node() -> impl Strategy<Value = NodeId> {
    (1..=NODES).prop_map(NodeId)
}

fn happening() -> impl Strategy<Value = Happening> {
    let index = any::<Index>;
    let mode = prop::sample::select(ReadMode::ALL.map(|(mode, _)| mode).to_vec());
    let members = prop::sample::subsequence((1..=NODES).map(NodeId).collect::<Vec<_>>(), 2..=4);
    prop_oneof![
        100 => index().prop_map(Happening::Deliver),
        10 => index().prop_map(Happening::DeliverCopy),
        3 => index().prop_map(Happening::Lose),
        3 => prop::collection::vec(index(), 1..6).prop_map(Happening::Echo),
        14 => (node(), 1_u64..250).prop_map(|(id, ms)| Happening::Time(id, ms)),
        40 => node().prop_map(Happening::Sync),
        1 => (node(), 0_usize..8).prop_map(|(id, torn)| Happening::Crash(id, torn)),
        6 => node().prop_map(Happening::Start),
        14 => node().prop_map(Happening::Write),
        10 => (node(), mode).prop_map(|(id, mode)| Happening::Read(id, mode)),
        1 => (node(), members).prop_map(|(id, members)| Happening::Members(id, members)),
        1 => (node(), node()).prop_map(|(from, to)| Happening::Transfer(from, to)),
    ]
}

/// The cluster, and what the storm remembers.
struct Storm {
    cluster: Cluster,
    delivered: Vec<Envelope>,
    /// How far the state had come that each node last showed to a local reader.
    shown: BTreeMap<NodeId, Version>,
    writes: u64,
}

impl Storm {
    fn new() -> Self {
        let mut options = Options::default();
        for (name, value) in [
            ("snapshot-threshold-entries", "6"),
            ("snapshot-trailing-entries", "2"),
            ("snapshot-piece-bytes", "16"),
            ("append-entries-max", "2"),
            ("append-window", "3"),
        ] {
            options.set(name, value).expect("a known option");
        }
        let mut cluster = Cluster::with_options(VOTERS, options);
        for joiner in VOTERS + 1..=NODES {
            cluster.add(n(joiner));
        }
        cluster.elect(n(1));
        cluster.sync_by_hand = true;
        Self {
            cluster,
            delivered: Vec::new(),
            shown: BTreeMap::new(),
            writes: 0,
        }
    }

    fn happens(&mut self, happening: Happening) {
        let cluster = &mut self.cluster;
        match happening {
            Happening::Deliver(place) => {
                if let Some(envelope) = cluster.network.take_nth(place.index(usize::MAX)) {
                    self.delivered.push(envelope.clone());
                    cluster.hand_over(envelope);
                }
            }
            Happening::DeliverCopy(place) => {
                if let Some(envelope) = cluster.network.take_nth(place.index(usize::MAX)) {
                    cluster.network.send(envelope.clone());
                    cluster.hand_over(envelope);
                }
            }
            Happening::Lose(place) => drop(cluster.network.take_nth(place.index(usize::MAX))),
            Happening::Echo(places) => {
                for place in places.iter().filter(|_| !self.delivered.is_empty()) {
                    cluster.hand_over(place.get(&self.delivered).clone());
                }
            }
            Happening::Time(id, ms) => cluster.advance_ms(ms, &[id]),
            Happening::Sync(id) => cluster.sync(id),
            Happening::Crash(id, torn) => {
                cluster.crash_torn(id, torn);
                assert_vote_is_remembered(id, cluster.synced_records(id));
            }
            Happening::Start(id) if cluster.core(id).is_none() => cluster.start(id),
            Happening::Start(_) => {}
            Happening::Write(id) => {
                self.writes += 1;
                cluster.write(id, &format!("k{}={}", self.writes % 3, self.writes));
            }
            Happening::Read(id, mode) => self.read(id, mode),
            Happening::Members(id, members) => {
                cluster.change_members(id, &members);
            }
            Happening::Transfer(from, to) => {
                cluster.transfer(from, to);
            }
        }
        self.cluster.take_story();
    }

    fn read(&mut self, id: NodeId, mode: ReadMode) {
        let request = self.cluster.read(id, mode, "k1");
        let answered = matches!(self.cluster.answer(request), Some(Answer::Result(_)));
        // Only a leader answers the latter on the spot.
        if matches!(mode, ReadMode::FollowerLocal | ReadMode::LeaderLocal) && answered {
            let applied = self.cluster.status(id).applied;
            let before = self.shown.insert(id, applied).unwrap_or_default();
            assert!(applied >= before, "{id} showed {before:?}, and now {applied:?}");
        }
    }

    /// All nodes run, disks and links are well, and clocks run alike. Returns whether some client's write is
    /// answered in time, and then all nodes of the membership hold the same.
    fn calms_down(&mut self) -> bool {
        for id in self.cluster.ids() {
            if self.cluster.core(id).is_none() {
                self.cluster.start(id);
            }
            self.cluster.sync(id);
        }
        self.cluster.sync_by_hand = false;
        for _ in 0..CALM_INTERVALS_MAX {
            self.cluster.deliver();
            let leader = self.cluster.ids().into_iter().find(|id| self.cluster.leads(*id));
            if let Some(leader) = leader {
                let write = self.cluster.write(leader, "calm=1");
                self.cluster.deliver();
                if self.cluster.answer(write) == Some(&Answer::Result("ok".into())) {
                    return true;
                }
            }
            self.cluster.advance_all_ms(40);
            self.cluster.take_story();
        }
        false
    }
}

/// A node that starts from these records is deaf to candidates for an election timeout. Then it gives the vote of its
/// term to whom it gave it before, and to nobody else.
/// (That its term and log come back is checked at every start of a node.)
fn assert_vote_is_remembered(id: NodeId, records: &[Record]) {
    let replayed = Replayed::of(records);
    let term = Term(replayed.term);
    for candidate in (1..=NODES).map(NodeId).filter(|candidate| *candidate != id) {
        let setup = Setup {
            id,
            members: (1..=VOTERS).map(NodeId).collect(),
            incarnation: Incarnation(u64::MAX),
            seed: 0,
            options: Options::default(),
        };
        let mut core = Raft::start(setup, records.to_vec(), Time(0));
        let last = LogPosition {
            term,
            index: message::Index(u64::MAX),
        };
        let ask = Message::RequestVote {
            term,
            last,
            transfer: false,
        };
        core.receive(candidate, ask.clone());
        assert_eq!(core.ready().messages_after, []);
        core.tick(Time(Options::default().election_timeout_us));
        core.receive(candidate, ask);
        let answers = core.ready().messages_after;
        let granted = replayed.voted_for.is_none_or(|voted_for| voted_for == candidate);
        let expected = Message::RequestVoteReply { term, granted };
        assert_eq!(answers, [(candidate, expected)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_storm_breaks_nothing_and_the_cluster_recovers(
        happenings in prop::collection::vec(happening(), 0..2_500),
    ) {
        let mut storm = Storm::new();
        for happening in happenings {
            storm.happens(happening);
        }
        prop_assert!(storm.calms_down(), "nobody is served after the storm");
    }
}
