//! How available clients found the system while the network was cut.
//!
//! Time is divided into slots, counted from each cut. A slot of a node counts if the node was on one and the same
//! side of the cut in all of it (see [`cuts`](super::cuts)), and if a client of the node asked: if some op of the
//! kind in question was open in it, or a client that had been refused was about to ask again. It was *served* if an
//! ok answer came in it, to an op that was invoked after the cut. So a client that waits in vain makes every slot of
//! its waiting count, where a share of ops would count the one op that waited.

use std::collections::BTreeMap;

use splitbrain_checker::history::{History, NodeName, Op, Outcome};
use splitbrain_nemesis::node::Node;
use splitbrain_reports::comparison::{AroundCut, Availability, SLOT_MS, Slots};

use super::cuts::{Cut, Cuts, Interval, Side};

const SLOT_NS: u64 = SLOT_MS * 1_000_000;
/// How far before each cut slots are counted, and how far after it; a fault lasts four seconds at most.
const SLOTS_BEFORE: i64 = 10;
const SLOTS_AFTER: i64 = 40;

/// How long a client that was refused may take to ask again, as one that wants an answer.
const RETRY_NS_MAX: u64 = 1_000_000_000;

/// Availability, still being counted over runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    with: Slots,
    without: Slots,
    /// By the number of the slot, counted from the cut.
    around: BTreeMap<i64, (Slots, Slots)>,
}

impl Counts {
    /// Counts the slots of every cut of a run, for those ops of `history` that `wanted` picks.
    pub(super) fn add(&mut self, cuts: &Cuts, history: &History, wanted: impl Fn(&Op) -> bool) {
        let ops: Vec<&Op> = history.ops.iter().filter(|op| wanted(op)).collect();
        for cut in &cuts.partitions {
            let window = Window::new(cut, &ops);
            for (node, seen) in &window.nodes {
                for (number, slot) in (-SLOTS_BEFORE..).zip(seen) {
                    if slot.asked {
                        self.count(cuts, cut, *node, number, slot.served);
                    }
                }
            }
        }
    }

    fn count(&mut self, cuts: &Cuts, cut: &Cut, node: Node, number: i64, served: bool) {
        let Some(interval) = slot(cut, number) else {
            return;
        };
        if cuts.is_cut_otherwise(cut, interval) {
            return;
        }
        // Before the cut what counts is the side that the node was to be on, if it is up.
        let side = match number < 0 && cuts.side(cut, node, interval) == Side::Neither {
            true => Side::Neither,
            false => cuts.side(cut, node, slot(cut, number.max(0)).unwrap_or(interval)),
        };
        let around = self.around.entry(number).or_default();
        let (total, near) = match side {
            Side::With => (&mut self.with, &mut around.0),
            Side::Without => (&mut self.without, &mut around.1),
            Side::Neither => return,
        };
        let add = |slots: &mut Slots| {
            slots.total += 1;
            slots.served += u64::from(served);
        };
        if number < SLOTS_AFTER {
            add(near);
        }
        if number >= 0 {
            add(total);
        }
    }

    /// The sums.
    pub(super) fn finish(self) -> Availability {
        let near = self
            .around
            .into_iter()
            .filter(|(_, (with, without))| with.total + without.total > 0);
        Availability {
            with_quorum: self.with,
            without_quorum: self.without,
            around_cut: near
                .map(|(number, (with_quorum, without_quorum))| AroundCut {
                    at_ms: number * SLOT_MS as i64,
                    with_quorum,
                    without_quorum,
                })
                .collect(),
        }
    }
}

/// The slot of this number, unless it lies before the history's clock began, or not wholly within the cut.
fn slot(cut: &Cut, number: i64) -> Option<Interval> {
    let start_ns = cut
        .interval
        .start_ns
        .checked_add_signed(number.checked_mul(SLOT_NS as i64)?)?;
    let stop_ns = start_ns.checked_add(SLOT_NS)?;
    (stop_ns <= cut.interval.stop_ns).then_some(Interval { start_ns, stop_ns })
}

/// What the clients of a node saw in one slot.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    asked: bool,
    served: bool,
}

/// The slots around one cut, by node.
struct Window {
    nodes: BTreeMap<Node, Vec<Seen>>,
}

impl Window {
    fn new(cut: &Cut, ops: &[&Op]) -> Self {
        let begin_ns = cut
            .interval
            .start_ns
            .saturating_sub(SLOTS_BEFORE as u64 * SLOT_NS);
        // A cut that begins sooner than that has slots before the clock's zero, which stay empty.
        let missing_ns = (SLOTS_BEFORE as u64 * SLOT_NS).saturating_sub(cut.interval.start_ns);
        let last_ns = ops.iter().map(|op| ended_ns(op)).max().unwrap_or(0);
        let end_ns = cut.interval.stop_ns.min(last_ns);
        let number = |at_ns: u64| (at_ns.saturating_sub(begin_ns) + missing_ns) / SLOT_NS;
        let count = if end_ns > begin_ns { number(end_ns) + 1 } else { 0 } as usize;
        let mut nodes: BTreeMap<Node, Clients> = BTreeMap::new();
        for op in ops {
            let Some(NodeName(name)) = op.node else { continue };
            let (start_ns, stop_ns) = (op.invoked_ns.max(begin_ns), ended_ns(op));
            if count == 0 || stop_ns < begin_ns || start_ns > end_ns {
                continue;
            }
            let clients = nodes.entry(Node(name + 1)).or_insert_with(|| Clients {
                slots: vec![Seen::default(); count],
                refused_ns: None,
            });
            let since_ns = match clients.refused_ns.take() {
                Some(refused_ns) if start_ns.saturating_sub(refused_ns) <= RETRY_NS_MAX => {
                    refused_ns.clamp(begin_ns, start_ns)
                }
                _ => start_ns,
            };
            let last = number(stop_ns) as usize;
            for slot in &mut clients.slots[number(since_ns) as usize..=last.min(count - 1)] {
                slot.asked = true;
            }
            let is_of_the_cut = stop_ns < cut.interval.start_ns || op.invoked_ns >= cut.interval.start_ns;
            if op.outcome != Outcome::Ok {
                clients.refused_ns = Some(stop_ns);
            } else if last < count && is_of_the_cut {
                clients.slots[last].served = true;
            }
        }
        let slots = nodes.into_iter().map(|(node, clients)| (node, clients.slots));
        Self {
            nodes: slots.collect(),
        }
    }
}

/// The clients of one node.
struct Clients {
    slots: Vec<Seen>,
    /// When one of them was last refused, if that was the last that happened.
    refused_ns: Option<u64>,
}

/// When the client stopped waiting.
fn ended_ns(op: &Op) -> u64 {
    op.completed_ns.unwrap_or(op.invoked_ns)
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{Action, Key, ProcessId, Value};
    use splitbrain_nemesis::grudge::PartitionShape;
    use splitbrain_nemesis::schedule::{FaultVariant, Schedule, ScheduledFault};
    use splitbrain_reports::results::Fault;

    use super::*;

    const MS: u64 = 1_000_000;

    /// Three nodes, n1 cut off from 2 s to 2.5 s.
    fn cuts() -> Cuts {
        let schedule = Schedule {
            events: vec![ScheduledFault {
                id: 0,
                variant: FaultVariant::Partition(PartitionShape::IsolatedLeader),
                start_ms: 0,
                stop_ms: 1,
                when: None,
                nodes: Vec::new(),
                seed: 1,
            }],
        };
        let fault = Fault {
            id: 0,
            kind: "partition".into(),
            variant: "isolated-leader".into(),
            nodes: vec!["n1".into()],
            start_ns: 2_000 * MS,
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: Some(2_500 * MS),
            proven: true,
            evidence: Vec::new(),
        };
        Cuts::new(3, 3, &schedule, &[fault])
    }

    fn read(node: u16, outcome: Outcome, from_ms: u64, to_ms: u64) -> Op {
        Op {
            process: ProcessId(0),
            key: Key(0),
            action: Action::Read,
            outcome,
            invoked_ns: from_ms * MS,
            completed_ns: Some(to_ms * MS),
            observed: Some(Some(Value(1))),
            version: None,
            read_mode: None,
            node: Some(NodeName(node - 1)),
            served_by: None,
            term: None,
            error: None,
        }
    }

    fn count(ops: Vec<Op>) -> Availability {
        let history = History {
            ops,
            ..History::default()
        };
        let mut counts = Counts::default();
        counts.add(&cuts(), &history, |op| op.action == Action::Read);
        counts.finish()
    }

    fn slots(served: u64, total: u64) -> Slots {
        Slots { served, total }
    }

    #[test]
    fn waiting_in_vain_counts_for_as_long_as_it_lasts() {
        let found = count(vec![
            read(1, Outcome::Fail, 2_010, 2_480),
            read(2, Outcome::Ok, 2_010, 2_020),
            read(2, Outcome::Ok, 2_030, 2_310),
        ]);
        assert_eq!(found.without_quorum, slots(0, 5));
        // Slots 0 to 3: an answer in the first and the last of them.
        assert_eq!(found.with_quorum, slots(2, 4));
        assert_eq!(found.with_quorum.share(), Some(0.5));
    }

    #[test]
    fn slots_in_which_nobody_asked_or_that_the_cut_does_not_fill_do_not_count() {
        let found = count(vec![
            read(1, Outcome::Ok, 2_210, 2_220),
            read(1, Outcome::Ok, 2_600, 2_610),
        ]);
        assert_eq!(found.without_quorum, slots(1, 1));
        assert_eq!(found.with_quorum, Slots::default());
        assert_eq!(found.with_quorum.share(), None);
    }

    #[test]
    fn who_was_refused_is_still_asking_until_the_next_try() {
        let found = count(vec![
            read(1, Outcome::Fail, 2_010, 2_020),
            read(1, Outcome::Fail, 2_330, 2_340),
        ]);
        assert_eq!(found.without_quorum, slots(0, 4));
    }

    #[test]
    fn an_answer_to_what_was_asked_before_the_cut_does_not_count() {
        let found = count(vec![
            read(1, Outcome::Ok, 1_990, 2_010),
            read(1, Outcome::Ok, 2_120, 2_130),
        ]);
        assert_eq!(found.without_quorum, slots(1, 2));
    }

    #[test]
    fn before_the_cut_a_node_counts_on_the_side_that_it_will_be_on() {
        let found = count(vec![
            read(1, Outcome::Ok, 1_910, 1_920),
            read(2, Outcome::Fail, 1_910, 1_920),
            read(1, Outcome::Fail, 2_010, 2_020),
        ]);
        let expected = [
            AroundCut {
                at_ms: -100,
                with_quorum: slots(0, 1),
                without_quorum: slots(1, 1),
            },
            AroundCut {
                at_ms: 0,
                with_quorum: slots(0, 0),
                without_quorum: slots(0, 1),
            },
        ];
        assert_eq!(found.around_cut, expected);
        assert_eq!(
            (found.with_quorum, found.without_quorum),
            (slots(0, 0), slots(0, 1))
        );
    }
}
