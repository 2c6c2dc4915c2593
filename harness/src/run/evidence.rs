//! Whether a run has tested enough to be called a pass.
//!
//! Claims that nothing contradicted are worth as much as was at stake. A run is only a pass if every fault of its
//! schedule took effect, and if clients were served before, during and after the faults. Otherwise it is
//! `unknown`, and says what was missing.

use splitbrain_checker::history::{Action, History, Op, Outcome};
use splitbrain_nemesis::node::Node;
use splitbrain_nemesis::schedule::{FaultKind, Schedule};
use splitbrain_reports::results::Fault;

use crate::workload::Weights;

/// The least ok ops of each kind in each phase. One client of a healthy cluster does ten ops in a fraction of a
/// second, so fewer in a phase of seconds mean that the cluster hardly served; and ten reads of one mode are the
/// least that could have met one of the writes at all.
pub const OK_OPS_MIN: u64 = 10;

/// What was meant to happen in a run.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// How many nodes vote: the first ones.
    pub voters: usize,
    /// How many others there are.
    pub observers: usize,
    /// The mix: updates of no weight are not missed. Reads always are: without any, every claim holds.
    pub weights: Weights,
    /// The read modes in use, as in [`History::read_modes`].
    pub read_modes: &'a [String],
    /// The faults that were to be injected.
    pub schedule: &'a Schedule,
}

impl Plan<'_> {
    /// Whether a fault certainly leaves a majority of the voters alive, and one of them connected to so many that it
    /// could lead.
    fn quorum_survives(&self, fault: &Fault) -> bool {
        let count = self.voters + self.observers;
        let nodes = Node::range(u16::try_from(count).unwrap_or(u16::MAX));
        let struck: Vec<Node> = fault.nodes.iter().filter_map(|name| name.parse().ok()).collect();
        let votes = |node: &Node| node.index() < self.voters;
        let is_majority = |votes: usize| votes * 2 > self.voters;
        let scheduled = self.schedule.events.iter().find(|event| event.id == fault.id);
        let kind = scheduled.map(|event| event.variant.kind());
        let grudge = scheduled.map(|event| event.grudge(&nodes, &struck));
        match grudge.filter(|grudge| !grudge.is_empty()) {
            Some(grudge) => {
                let sees = |node: &Node| {
                    grudge
                        .visible(*node, &nodes)
                        .iter()
                        .filter(|seen| votes(seen))
                        .count()
                };
                nodes
                    .iter()
                    .filter(|node| votes(node))
                    .any(|node| is_majority(sees(node)))
            }
            // Each packet arrives, and soon.
            None if matches!(kind, Some(FaultKind::Reorder | FaultKind::Duplicate)) => true,
            // Processes that stop, or nodes whose packets fare worse, or that no client reaches.
            None => is_majority(
                self.voters
                    .saturating_sub(struck.iter().filter(|node| votes(node)).count()),
            ),
        }
    }
}

/// When an op happened, as seen from the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    During,
    After,
}

/// Ok ops by action and phase, and reads by mode and phase.
#[derive(Debug)]
struct Counts {
    actions: [[u64; 3]; 3],
    modes: Vec<[u64; 3]>,
}

/// Everything that keeps a run from being a pass, a sentence each.
#[must_use]
pub fn shortfalls(plan: &Plan<'_>, history: &History, faults: &[Fault]) -> Vec<String> {
    let mut short = unproven(plan, faults);
    let counts = count(history, faults);
    // Clients that only read do so whatever the weights.
    let kinds = [
        ("reads", true),
        ("writes", plan.weights.write > 0),
        ("cas", plan.weights.cas > 0),
    ];
    for (action, (kind, wanted)) in kinds.into_iter().enumerate() {
        if wanted {
            short.extend(too_few(
                &format!("ok {kind}"),
                &counts.actions[action],
                &required(plan, faults),
            ));
        }
    }
    for (mode, name) in plan.read_modes.iter().enumerate() {
        // A single fault can cut off the few clients of one mode all the while. Where every one of several does, which
        // strike different nodes, the mode was never put to the test.
        let survivable = faults.iter().filter(|fault| plan.quorum_survives(fault)).count();
        let phases = required(plan, faults)
            .into_iter()
            .filter(|phase| *phase != Phase::During || survivable > 1);
        let phases: Vec<Phase> = phases.collect();
        short.extend(too_few(&format!("ok {name} reads"), &counts.modes[mode], &phases));
    }
    short
}

fn unproven(plan: &Plan<'_>, faults: &[Fault]) -> Vec<String> {
    let mut short = Vec::new();
    let scheduled = plan.schedule.events.len();
    if faults.len() < scheduled {
        short.push(format!(
            "only {} of {scheduled} scheduled faults were injected",
            faults.len()
        ));
    }
    for fault in faults {
        if fault.stop_ns.is_none() {
            short.push(format!(
                "fault {} ({} {}) was never healed",
                fault.id, fault.kind, fault.variant
            ));
        } else if !fault.proven {
            let Fault {
                id, kind, variant, ..
            } = fault;
            short.push(format!(
                "nothing shows that fault {id} ({kind} {variant}) took effect"
            ));
        }
    }
    short
}

/// The phases in which ok ops are asked for.
fn required(plan: &Plan<'_>, faults: &[Fault]) -> Vec<Phase> {
    if faults.is_empty() {
        return vec![Phase::Before];
    }
    let mut phases = vec![Phase::Before, Phase::After];
    if faults.iter().any(|fault| plan.quorum_survives(fault)) {
        phases.push(Phase::During);
    }
    phases
}

fn too_few(what: &str, counts: &[u64; 3], phases: &[Phase]) -> Vec<String> {
    let names = if phases.len() > 1 {
        ["before the faults", "during the faults", "after the faults"]
    } else {
        ["in the whole run"; 3]
    };
    phases
        .iter()
        .filter(|phase| counts[**phase as usize] < OK_OPS_MIN)
        .map(|phase| {
            let (count, when) = (counts[*phase as usize], names[*phase as usize]);
            format!("only {count} {what} {when} (at least {OK_OPS_MIN} are needed)")
        })
        .collect()
}

fn count(history: &History, faults: &[Fault]) -> Counts {
    let mut counts = Counts {
        actions: [[0; 3]; 3],
        modes: vec![[0; 3]; history.read_modes.len()],
    };
    for op in history.ops.iter().filter(|op| op.outcome == Outcome::Ok) {
        let Some(phase) = phase(op, faults) else {
            continue;
        };
        let action = match op.action {
            Action::Read => 0,
            Action::Write { .. } => 1,
            Action::Cas { .. } => 2,
        };
        counts.actions[action][phase as usize] += 1;
        if let (Action::Read, Some(mode)) = (op.action, op.read_mode) {
            counts.modes[usize::from(mode.0)][phase as usize] += 1;
        }
    }
    counts
}

/// The phase in which an op was served, if any: an op that spans the start of the first fault or the end of the
/// last, or that was answered in the quiet between two faults, shows nothing.
fn phase(op: &Op, faults: &[Fault]) -> Option<Phase> {
    let end = op.end_ns();
    if faults.iter().all(|fault| end < fault.felt_ns().start) {
        Some(Phase::Before)
    } else if faults.iter().all(|fault| op.invoked_ns >= fault.felt_ns().end) {
        Some(Phase::After)
    } else if faults.iter().any(|fault| fault.in_force_ns().contains(&end)) {
        Some(Phase::During)
    } else {
        None
    }
}

/// Ok ops before, during and after the faults, for the notes of a run.
#[must_use]
pub fn note(history: &History, faults: &[Fault]) -> String {
    let counts = count(history, faults);
    let total = |phase: Phase| {
        counts
            .actions
            .iter()
            .map(|by_phase| by_phase[phase as usize])
            .sum::<u64>()
    };
    if faults.is_empty() {
        return format!("{} ok ops, without any fault", total(Phase::Before));
    }
    let (before, during, after) = (total(Phase::Before), total(Phase::During), total(Phase::After));
    format!("ok ops before the faults: {before}, during: {during}, after: {after}")
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{Key, ProcessId, ReadModeId, Value};
    use splitbrain_nemesis::grudge::{CutShape, PartitionShape};
    use splitbrain_nemesis::node::NodeSet;
    use splitbrain_nemesis::schedule::{FaultVariant, LinksVariant, ScheduledFault};

    use super::*;

    const MODES: [&str; 2] = ["log", "lease"];

    fn op(action: Action, mode: u8, at_ns: u64) -> Op {
        Op {
            process: ProcessId(0),
            key: Key(0),
            action,
            outcome: Outcome::Ok,
            invoked_ns: at_ns,
            completed_ns: Some(at_ns + 1),
            observed: (action == Action::Read).then_some(None),
            version: None,
            read_mode: Some(ReadModeId(mode)),
            node: None,
            served_by: None,
            term: None,
            error: None,
        }
    }

    /// Ten ok ops of every kind at each of the given times.
    fn history(times: &[u64]) -> History {
        let (write, cas) = (
            Action::Write { value: Value(1) },
            Action::Cas {
                from: Value(1),
                to: Value(2),
            },
        );
        let kinds = [(Action::Read, 0), (Action::Read, 1), (write, 0), (cas, 0)];
        let at =
            |time: u64| (0..OK_OPS_MIN).flat_map(move |n| kinds.map(|(kind, mode)| op(kind, mode, time + n)));
        History {
            ops: times.iter().flat_map(|time| at(*time)).collect(),
            read_modes: MODES.map(str::to_owned).to_vec(),
            ..History::default()
        }
    }

    const KILL: FaultVariant = FaultVariant::Kill(NodeSet::One);
    const CUT: FaultVariant = FaultVariant::Partition(PartitionShape::One);

    fn fault(variant: FaultVariant, nodes: usize) -> Fault {
        Fault {
            id: 0,
            kind: variant.kind().name().into(),
            variant: variant.name().into(),
            nodes: (1..=nodes).map(|n| format!("n{n}")).collect(),
            start_ns: 1_000,
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: Some(2_000),
            proven: true,
            evidence: vec!["n1 dropped 3 packets".into()],
        }
    }

    fn schedule(variants: &[FaultVariant]) -> Schedule {
        let scheduled = |(id, variant): (u32, &FaultVariant)| ScheduledFault {
            id,
            variant: *variant,
            start_ms: 0,
            stop_ms: 1,
            when: None,
            nodes: Vec::new(),
            seed: 5,
        };
        Schedule {
            events: (0..).zip(variants).map(scheduled).collect(),
        }
    }

    fn judge(history: &History, faults: &[Fault], scheduled: &[FaultVariant]) -> Vec<String> {
        let read_modes = MODES.map(str::to_owned);
        let weights = Weights {
            read: 1,
            write: 1,
            cas: 1,
        };
        shortfalls(
            &Plan {
                voters: 5,
                observers: 0,
                weights,
                read_modes: &read_modes,
                schedule: &schedule(scheduled),
            },
            history,
            faults,
        )
    }

    #[test]
    fn enough_of_everything_is_a_pass() {
        assert_eq!(
            judge(&history(&[0, 1_100, 3_000]), &[fault(CUT, 1)], &[CUT]),
            [""; 0]
        );
    }

    #[test]
    fn a_run_without_faults_needs_only_ops() {
        assert_eq!(judge(&history(&[0]), &[], &[]), [""; 0]);
        let short = judge(
            &History {
                ops: Vec::new(),
                ..history(&[])
            },
            &[],
            &[],
        );
        assert_eq!(short.len(), 5);
        assert_eq!(
            short[0],
            "only 0 ok reads in the whole run (at least 10 are needed)"
        );
    }

    #[test]
    fn an_unproven_fault_is_named() {
        let fault = Fault {
            proven: false,
            ..fault(CUT, 1)
        };
        let short = judge(&history(&[0, 1_100, 3_000]), &[fault], &[CUT]);
        assert_eq!(short, ["nothing shows that fault 0 (partition one) took effect"]);
    }

    #[test]
    fn a_fault_that_never_struck_is_missed() {
        let short = judge(&history(&[0, 1_100, 3_000]), &[fault(KILL, 1)], &[KILL; 2]);
        assert_eq!(short, ["only 1 of 2 scheduled faults were injected"]);
    }

    #[test]
    fn a_fault_that_never_healed_is_named() {
        let fault = Fault {
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: None,
            ..fault(CUT, 1)
        };
        let short = judge(&history(&[0, 1_100]), &[fault], &[CUT]);
        assert_eq!(short[0], "fault 0 (partition one) was never healed");
    }

    #[test]
    fn each_phase_is_asked_for() {
        for (times, missing) in [
            ([1_100, 3_000], "before the faults"),
            ([0, 3_000], "during the faults"),
            ([0, 1_100], "after the faults"),
        ] {
            let short = judge(&history(&times), &[fault(CUT, 1)], &[CUT]);
            assert!(
                !short.is_empty() && short.iter().all(|reason| reason.contains(missing)),
                "{short:?}"
            );
        }
    }

    #[test]
    fn the_quiet_between_two_faults_is_not_during_them() {
        let second = Fault {
            id: 1,
            start_ns: 5_000,
            start_asked_ns: None,
            stop_asked_ns: None,
            stop_ns: Some(6_000),
            ..fault(CUT, 1)
        };
        let faults = [fault(CUT, 1), second];
        assert_eq!(judge(&history(&[0, 5_100, 7_000]), &faults, &[CUT; 2]), [""; 0]);
        let short = judge(&history(&[0, 3_000, 7_000]), &faults, &[CUT; 2]);
        assert_eq!(
            short[0],
            "only 0 ok reads during the faults (at least 10 are needed)"
        );
    }

    #[test]
    fn a_fault_that_leaves_no_majority_is_told_from_one_that_does() {
        use FaultVariant::{Cut, Duplicate, Kill, Partition, Pause, Slow};
        use PartitionShape as Shape;
        let survives = |variant, struck, voters, observers| {
            let plan = Plan {
                voters,
                observers,
                weights: Weights {
                    read: 1,
                    write: 1,
                    cas: 1,
                },
                read_modes: &[],
                schedule: &schedule(&[variant]),
            };
            plan.quorum_survives(&fault(variant, struck))
        };
        for (variant, struck, voters, observers, expected) in [
            (Partition(Shape::Halves), 4, 4, 0, false),
            (Partition(Shape::Halves), 5, 5, 0, true),
            // Of an odd number of voters one of two halves has most, wherever the observers are.
            (Partition(Shape::Halves), 4, 3, 1, true),
            (Partition(Shape::OneWay), 6, 6, 0, false),
            (Partition(Shape::One), 1, 2, 0, false),
            (Partition(Shape::IsolatedLeader), 1, 3, 0, true),
            (Partition(Shape::IsolatedLeader), 1, 2, 5, false),
            (Partition(Shape::Bridge), 4, 4, 0, true),
            (Partition(Shape::MajoritiesRing), 5, 5, 0, true),
            (Kill(NodeSet::All), 5, 5, 0, false),
            (Pause(NodeSet::Majority), 3, 5, 0, false),
            (Pause(NodeSet::Minority), 2, 5, 0, true),
            (Kill(NodeSet::One), 1, 2, 0, false),
            (Cut(CutShape::MinorityThird), 1, 5, 0, true),
            (Cut(CutShape::MinorityThird), 2, 2, 0, false),
            (Cut(CutShape::Reset), 4, 4, 0, false),
            (Cut(CutShape::Reset), 2, 5, 0, true),
            // Those that clients reach are a majority, or are not.
            (Cut(CutShape::Clients), 2, 5, 0, true),
            (Cut(CutShape::Clients), 1, 2, 0, false),
            (Cut(CutShape::Flapping), 5, 5, 0, false),
            (Duplicate(LinksVariant::AllLinks), 5, 5, 0, true),
            (Slow(LinksVariant::AllLinks), 5, 5, 0, false),
            (Slow(LinksVariant::LeaderLinks), 1, 5, 0, true),
        ] {
            assert_eq!(
                survives(variant, struck, voters, observers),
                expected,
                "{variant} of {voters} and {observers}"
            );
        }
    }

    #[test]
    fn a_run_that_read_nothing_is_no_pass_whatever_the_mix() {
        let mut history = history(&[0]);
        history.ops.retain(|op| op.action != Action::Read);
        let read_modes = MODES.map(str::to_owned);
        let weights = Weights {
            read: 0,
            write: 1,
            cas: 1,
        };
        let plan = Plan {
            voters: 5,
            observers: 0,
            weights,
            read_modes: &read_modes,
            schedule: &schedule(&[]),
        };
        assert_eq!(shortfalls(&plan, &history, &[]).len(), 3);
    }

    #[test]
    fn a_stopped_majority_need_not_serve_meanwhile() {
        assert_eq!(judge(&history(&[0, 3_000]), &[fault(KILL, 3)], &[KILL]), [""; 0]);
        assert!(!judge(&history(&[0, 3_000]), &[fault(KILL, 2)], &[KILL]).is_empty());
    }

    #[test]
    fn each_read_mode_is_asked_for() {
        let mut history = history(&[0, 1_100, 3_000]);
        history
            .ops
            .retain(|op| op.read_mode != Some(ReadModeId(1)) || op.invoked_ns < 2_000);
        // Reads of the other mode keep the sum up.
        let short = judge(&history, &[fault(CUT, 1)], &[CUT]);
        assert_eq!(
            short,
            ["only 0 ok lease reads after the faults (at least 10 are needed)"]
        );
    }

    #[test]
    fn what_the_mix_leaves_out_is_not_missed() {
        let mut history = history(&[0]);
        history.ops.retain(|op| !matches!(op.action, Action::Cas { .. }));
        let read_modes = MODES.map(str::to_owned);
        let weights = Weights {
            read: 1,
            write: 1,
            cas: 0,
        };
        let plan = Plan {
            voters: 5,
            observers: 0,
            weights,
            read_modes: &read_modes,
            schedule: &schedule(&[]),
        };
        assert_eq!(shortfalls(&plan, &history, &[]), [""; 0]);
    }
}
