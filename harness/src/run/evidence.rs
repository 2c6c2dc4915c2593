//! Whether a run has tested enough to be called a pass.
//!
//! Claims that nothing contradicted are worth as much as was at stake. A run is only a pass if every fault of its
//! schedule took effect, and if clients were served before, during and after the faults. Otherwise it is
//! `unknown`, and says what was missing.

use splitbrain_checker::history::{Action, History, Op, Outcome};
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
    /// How many faults were scheduled.
    pub faults: usize,
}

impl Plan<'_> {
    fn quorum_survives(&self, fault: &Fault) -> bool {
        quorum_survives(fault, self.voters, self.observers)
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
    if faults.len() < plan.faults {
        short.push(format!(
            "only {} of {} scheduled faults were injected",
            faults.len(),
            plan.faults
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
    if plan.faults == 0 || faults.is_empty() {
        return vec![Phase::Before];
    }
    let mut phases = vec![Phase::Before, Phase::After];
    if faults.iter().any(|fault| plan.quorum_survives(fault)) {
        phases.push(Phase::During);
    }
    phases
}

/// Whether a fault certainly leaves a majority of the voters alive and connected, so that it could serve.
fn quorum_survives(fault: &Fault, voters: usize, observers: usize) -> bool {
    let is_majority = |count: usize| count * 2 > voters;
    let votes = |node: &&String| {
        let number = node.strip_prefix('n').and_then(|number| number.parse().ok());
        number.is_some_and(|number: usize| number <= voters)
    };
    match (fault.kind.as_str(), fault.variant.as_str()) {
        ("partition", "one" | "isolated-leader") => is_majority(voters.saturating_sub(1)),
        // With observers among the nodes, voters may be divided otherwise; but of an odd number, one part of two has
        // more than half, and a bridge is seen by both.
        ("partition", "halves" | "one-way" | "bridge") if observers > 0 => voters % 2 == 1,
        // A majority of all nodes need not be one of the voters.
        ("partition", _) if observers > 0 => false,
        ("partition", "halves" | "one-way") => is_majority(voters.div_ceil(2)),
        // In the other shapes some node sees a majority by their very definition.
        ("partition", _) => true,
        _ => is_majority(voters.saturating_sub(fault.nodes.iter().filter(votes).count())),
    }
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
    let stop_ns = |fault: &Fault| fault.stop_ns.unwrap_or(u64::MAX);
    if faults.iter().all(|fault| end < fault.start_ns) {
        Some(Phase::Before)
    } else if faults.iter().all(|fault| op.invoked_ns > stop_ns(fault)) {
        Some(Phase::After)
    } else if faults
        .iter()
        .any(|fault| (fault.start_ns..=stop_ns(fault)).contains(&end))
    {
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

    fn fault(kind: &str, nodes: usize) -> Fault {
        Fault {
            id: 0,
            kind: kind.into(),
            variant: "one".into(),
            nodes: (1..=nodes).map(|n| format!("n{n}")).collect(),
            start_ns: 1_000,
            stop_ns: Some(2_000),
            proven: true,
            evidence: vec!["n1 dropped 3 packets".into()],
        }
    }

    fn judge(history: &History, faults: &[Fault], scheduled: usize) -> Vec<String> {
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
                faults: scheduled,
            },
            history,
            faults,
        )
    }

    #[test]
    fn enough_of_everything_is_a_pass() {
        assert_eq!(
            judge(&history(&[0, 1_100, 3_000]), &[fault("partition", 1)], 1),
            [""; 0]
        );
    }

    #[test]
    fn a_run_without_faults_needs_only_ops() {
        assert_eq!(judge(&history(&[0]), &[], 0), [""; 0]);
        let short = judge(
            &History {
                ops: Vec::new(),
                ..history(&[])
            },
            &[],
            0,
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
            ..fault("partition", 1)
        };
        let short = judge(&history(&[0, 1_100, 3_000]), &[fault], 1);
        assert_eq!(short, ["nothing shows that fault 0 (partition one) took effect"]);
    }

    #[test]
    fn a_fault_that_never_struck_is_missed() {
        let short = judge(&history(&[0, 1_100, 3_000]), &[fault("kill", 1)], 2);
        assert_eq!(short, ["only 1 of 2 scheduled faults were injected"]);
    }

    #[test]
    fn a_fault_that_never_healed_is_named() {
        let fault = Fault {
            stop_ns: None,
            ..fault("pause", 1)
        };
        let short = judge(&history(&[0, 1_100]), &[fault], 1);
        assert_eq!(short[0], "fault 0 (pause one) was never healed");
    }

    #[test]
    fn each_phase_is_asked_for() {
        for (times, missing) in [
            ([1_100, 3_000], "before the faults"),
            ([0, 3_000], "during the faults"),
            ([0, 1_100], "after the faults"),
        ] {
            let short = judge(&history(&times), &[fault("partition", 1)], 1);
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
            stop_ns: Some(6_000),
            ..fault("partition", 1)
        };
        let faults = [fault("partition", 1), second];
        assert_eq!(judge(&history(&[0, 5_100, 7_000]), &faults, 2), [""; 0]);
        let short = judge(&history(&[0, 3_000, 7_000]), &faults, 2);
        assert_eq!(
            short[0],
            "only 0 ok reads during the faults (at least 10 are needed)"
        );
    }

    #[test]
    fn a_fault_that_leaves_no_majority_is_told_from_one_that_does() {
        let survives = |kind: &str, variant: &str, struck, nodes| {
            let fault = Fault {
                variant: variant.into(),
                ..fault(kind, struck)
            };
            quorum_survives(&fault, nodes, 0)
        };
        for (kind, variant, struck, nodes, expected) in [
            ("partition", "halves", 4, 4, false),
            ("partition", "halves", 5, 5, true),
            ("partition", "one-way", 6, 6, false),
            ("partition", "one", 1, 2, false),
            ("partition", "isolated-leader", 1, 3, true),
            ("partition", "bridge", 4, 4, true),
            ("kill", "all", 5, 5, false),
            ("pause", "majority", 3, 5, false),
            ("pause", "minority", 2, 5, true),
            ("kill", "one", 1, 2, false),
        ] {
            assert_eq!(
                survives(kind, variant, struck, nodes),
                expected,
                "{kind} {variant} of {nodes}"
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
            faults: 0,
        };
        assert_eq!(shortfalls(&plan, &history, &[]).len(), 3);
    }

    #[test]
    fn a_stopped_majority_need_not_serve_meanwhile() {
        assert_eq!(judge(&history(&[0, 3_000]), &[fault("kill", 3)], 1), [""; 0]);
        assert!(!judge(&history(&[0, 3_000]), &[fault("kill", 2)], 1).is_empty());
    }

    #[test]
    fn each_read_mode_is_asked_for() {
        let mut history = history(&[0, 1_100, 3_000]);
        history
            .ops
            .retain(|op| op.read_mode != Some(ReadModeId(1)) || op.invoked_ns < 2_000);
        // Reads of the other mode keep the sum up.
        let short = judge(&history, &[fault("partition", 1)], 1);
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
            faults: 0,
        };
        assert_eq!(shortfalls(&plan, &history, &[]), [""; 0]);
    }
}
