//! Every built-in model against plain objects: random small histories, and all orders of all subsets of their calls.

use super::cases;
use super::generate::Choices;
use super::objects::{Object, apply, repertoire};
use crate::call::{Call, Calls, Datum};
use crate::history::Outcome;
use crate::linearizable::Options;
use crate::model::{BuiltIn, CallVerdict, CallsCounterexample, DeadConfiguration, check_calls};

/// A history that is linearizable by the way it is made, or one that was then spoiled.
/// With `unique` nothing is inserted twice.
pub(super) fn sample(choices: &mut Choices, model: BuiltIn, spoiled: bool, unique: bool) -> Calls {
    let threads = 1 + choices.below(3) as usize;
    let (wanted, repertoire) = (2 + choices.below(6) as usize, repertoire(model));
    let (mut object, mut now) = (Object::new(), 0);
    let mut calls: Vec<Call> = Vec::new();
    let mut open: Vec<Option<usize>> = vec![None; threads];
    let mut done: Vec<bool> = Vec::new();
    for _ in 0..100 {
        now += choices.below(2);
        let thread = choices.below(threads as u64) as usize;
        match open[thread] {
            None if calls.len() < wanted => {
                let (f, mut argument) = repertoire[choices.below(repertoire.len() as u64) as usize].clone();
                if unique && matches!(f, "enqueue" | "add") {
                    argument = Datum::Int(calls.len() as i64);
                } else if unique && matches!(f, "contains" | "remove") {
                    argument = Datum::Int(choices.below(calls.len() as u64 + 1) as i64);
                }
                if unique && f == "remove" && choices.percent(80) {
                    continue;
                }
                open[thread] = Some(calls.len());
                done.push(false);
                calls.push(call(calls.len(), f, argument, now));
            }
            None => {}
            Some(at) if done[at] => {
                let info = choices.percent(15);
                calls[at].outcome = if info { Outcome::Info } else { Outcome::Ok };
                calls[at].completed_ns = (!info).then_some(now);
                open[thread] = None;
            }
            Some(at) => {
                let may = apply(model, &object, &calls[at].f, &calls[at].argument);
                if !may.is_empty() {
                    let chosen = choices.below(may.len().min(3) as u64) as usize;
                    let (answer, after) = may[chosen].clone();
                    (calls[at].answer, object) = (Some(answer), after);
                    done[at] = true;
                }
            }
        }
    }
    if spoiled && calls.len() > 1 {
        spoil(choices, &mut calls);
    }
    Calls {
        calls,
        ..Calls::default()
    }
}

fn call(number: usize, f: &str, argument: Datum, now: u64) -> Call {
    Call {
        process: Datum::Int(number as i64),
        f: f.into(),
        key: matches!(f, "get" | "put" | "append").then_some(Datum::Int(1)),
        argument,
        answer: None,
        outcome: Outcome::Info,
        invoked_ns: now,
        completed_ns: None,
        error: None,
        events: (0, None),
    }
}

/// Two calls swap their answers or their intervals, or one is left out or returns sooner.
fn spoil(choices: &mut Choices, calls: &mut Vec<Call>) {
    for _ in 0..1 + choices.below(10) {
        let (a, b) = (
            choices.below(calls.len() as u64) as usize,
            choices.below(calls.len() as u64) as usize,
        );
        let both = |what: fn(&Call) -> bool| a != b && what(&calls[a]) && what(&calls[b]);
        match choices.below(5) {
            0 | 1 if both(|call| call.outcome == Outcome::Ok) => {
                let (first, second) = (calls[a].clone(), calls[b].clone());
                (calls[a].invoked_ns, calls[a].completed_ns) = (second.invoked_ns, second.completed_ns);
                (calls[b].invoked_ns, calls[b].completed_ns) = (first.invoked_ns, first.completed_ns);
            }
            2 | 3
                if both(|call| call.answer.is_some())
                    && calls[a].f == calls[b].f
                    && (&*calls[a].f != "txn" || calls[a].argument == calls[b].argument) =>
            {
                let answer = calls[a].answer.take();
                calls[a].answer = std::mem::replace(&mut calls[b].answer, answer);
            }
            4 if calls.len() > 2 => {
                calls.remove(a);
            }
            _ => calls[a].completed_ns = calls[a].completed_ns.map(|_| calls[a].invoked_ns),
        }
    }
    calls.sort_by_key(|call| call.invoked_ns);
}

/// Straight from the definition: some order of all calls that returned, and of some others, respects real time, and
/// the object answers so.
fn is_linearizable(model: BuiltIn, calls: &[&Call], placed: &mut [bool], object: &Object) -> bool {
    let is_known = |at: usize| calls[at].outcome == Outcome::Ok;
    let required = |at: usize| is_known(at) && calls[at].completed_ns.is_some();
    if (0..calls.len()).all(|at| placed[at] || !required(at)) {
        return true;
    }
    for at in 0..calls.len() {
        let comes_first = |other: usize| {
            !placed[other] && required(other) && calls[other].completed_ns < Some(calls[at].invoked_ns)
        };
        if placed[at] || (0..calls.len()).any(comes_first) {
            continue;
        }
        for (answer, after) in apply(model, object, &calls[at].f, &calls[at].argument) {
            if is_known(at) && !same_answer(&calls[at].f, &answer, calls[at].answer.as_ref()) {
                continue;
            }
            placed[at] = true;
            let found = is_linearizable(model, calls, placed, &after);
            placed[at] = false;
            if found {
                return true;
            }
        }
    }
    false
}

fn same_answer(f: &str, answer: &Datum, recorded: Option<&Datum>) -> bool {
    let sorted = |value: &Datum| {
        let mut items: Vec<Datum> = value
            .elements()
            .unwrap_or_default()
            .into_iter()
            .cloned()
            .collect();
        items.sort_unstable();
        items
    };
    match recorded {
        // Only calls without effect have no answer.
        None => true,
        Some(recorded) if f == "read" && recorded.elements().is_some() => sorted(answer) == sorted(recorded),
        Some(recorded) => {
            answer == recorded || !matches!(f, "read" | "get" | "contains" | "dequeue" | "acquire" | "txn")
        }
    }
}

pub(super) fn brute(model: BuiltIn, calls: &[&Call]) -> bool {
    is_linearizable(model, calls, &mut vec![false; calls.len()], &Object::new())
}

/// Of one object that answers in one way only, each order leads to one state, and has all that had returned.
fn assert_dead_are_distinct(model: BuiltIn, history: &Calls, found: &CallsCounterexample) {
    let has_one_way = matches!(
        model,
        BuiltIn::Kv | BuiltIn::ListAppend | BuiltIn::CasRegister | BuiltIn::Counter | BuiltIn::Lock
    );
    if !has_one_way {
        return;
    }
    let end = history.calls[found.culprit as usize].completed_ns;
    let before = |call: &Call| call.outcome == Outcome::Ok && call.completed_ns < end;
    for (number, dead) in found.dead.iter().enumerate() {
        for (at, call) in (0..).zip(&history.calls) {
            assert!(
                !before(call) || dead.order.contains(&at),
                "{call}: {found:#?}{history:#?}"
            );
        }
        let mut object = Object::new();
        for at in &dead.order {
            let call = &history.calls[*at as usize];
            let (_, after) = apply(model, &object, &call.f, &call.argument)
                .pop()
                .unwrap_or_else(|| panic!("{call} waits: {found:#?}{history:#?}"));
            object = after;
        }
        if let (BuiltIn::Kv, true) = (model, dead.state.starts_with('"')) {
            let held = object
                .get(&Datum::Nil)
                .and_then(Datum::as_name)
                .unwrap_or_default();
            assert_eq!(
                dead.state,
                Datum::string(held).to_string(),
                "{found:#?}{history:#?}"
            );
        }
        let is_same = |other: &DeadConfiguration| other.order == dead.order;
        assert!(
            !found.dead[..number].iter().any(is_same),
            "one order twice: {found:#?}{history:#?}"
        );
    }
}

#[test]
fn all_models_agree_with_plain_objects() {
    for (number, model) in (0..).zip(BuiltIn::ALL) {
        let (mut valid, mut invalid) = (0, 0);
        for seed in 0..cases(20_000) {
            let mut choices = Choices::new(seed + (number << 40) + (1 << 50));
            let spoiled = choices.percent(90);
            let unique = choices.percent(50);
            let history = sample(&mut choices, *model, spoiled, unique);
            let all: Vec<&Call> = history.calls.iter().collect();
            let expected = brute(*model, &all);
            assert!(spoiled || expected, "{model}, seed {seed}: {history:#?}");
            let report = check_calls(&history, *model, &Options::default())
                .unwrap_or_else(|bad| panic!("{model}, seed {seed}: {bad}"));
            match report.verdict {
                CallVerdict::Valid(orders) => {
                    assert!(expected, "{model}, seed {seed}: {history:#?}");
                    let verified = model.verify_orders(&history, &orders);
                    assert_eq!(verified, Ok(Ok(())), "{model}, seed {seed}: {history:#?}");
                    valid += 1;
                }
                CallVerdict::Invalid(found) => {
                    assert!(!expected, "{model}, seed {seed}: {found:#?}{history:#?}");
                    assert!(
                        found.minimal && found.verified,
                        "{model}, seed {seed}: {found:#?}"
                    );
                    assert!(found.calls.contains(&found.culprit) || !found.calls.is_empty());
                    let end = history.calls[found.culprit as usize].completed_ns;
                    assert_dead_are_distinct(*model, &history, &found);
                    let part: Vec<Call> = (found.calls.iter())
                        .map(|at| {
                            let mut call = history.calls[*at as usize].clone();
                            if call.completed_ns > end {
                                // It may yet happen, and then with this answer.
                                call.completed_ns = None;
                            }
                            call
                        })
                        .collect();
                    let part: Vec<&Call> = part.iter().collect();
                    assert!(
                        !brute(*model, &part),
                        "{model}, seed {seed}: {found:#?}{history:#?}"
                    );
                    invalid += 1;
                }
                other => panic!("{model}, seed {seed}: {other:?}"),
            }
        }
        eprintln!("{model}: {valid} valid and {invalid} invalid histories");
        assert!(
            valid * 5 > invalid && invalid * 20 > valid,
            "{model}: {valid} valid, {invalid} invalid"
        );
    }
}
