//! The Jepsen logs of etcd from Porcupine's suite, with their known verdicts.
//!
//! They are no part of the project. They are looked for where `SPLITBRAIN_HISTORIES` says, else in
//! `shared/histories` beside the workspace; where they are absent the test says so and checks nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use splitbrain_checker::certificate::{Certificate, certify, verify_registers};
use splitbrain_checker::codec::{Content, read_file, to_registers};
use splitbrain_checker::history::{
    Action, Answer, Event, EventKind, Header, History, HistoryBuilder, Key, ProcessId, Value,
};
use splitbrain_checker::linearizable::{Options, Verdict, check_linearizable};
use splitbrain_checker::model::{BuiltIn, check_calls};

fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/histories");
    let folder = std::env::var_os("SPLITBRAIN_HISTORIES").map_or_else(beside, PathBuf::from);
    folder.join("expected.tsv").is_file().then_some(folder)
}

/// `INFO  jepsen.util - 0<tab>:invoke<tab>:read<tab>nil`, one event a line, without times: the line stands in.
fn parse(text: &str) -> History {
    let mut builder = HistoryBuilder::new(&Header::default());
    let mut open: HashMap<u64, Action> = HashMap::new();
    for (time_ns, line) in (0..).zip(text.lines()) {
        let Some((_, event)) = line.split_once("jepsen.util - ") else {
            continue;
        };
        let mut fields = event.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let Ok(process) = next().parse() else { continue };
        let (kind, f, value) = (next(), next(), next());
        let ints: Vec<i64> = value
            .split(|c: char| !c.is_ascii_digit() && c != '-')
            .filter_map(|number| number.parse().ok())
            .collect();
        if kind == ":invoke" {
            let action = match (f, &ints[..]) {
                (":read", _) => Action::Read,
                (":write", [value]) => Action::Write { value: Value(*value) },
                (":cas", [from, to]) => Action::Cas {
                    from: Value(*from),
                    to: Value(*to),
                },
                other => panic!("line {time_ns}: {other:?}"),
            };
            open.insert(process, action);
        }
        let action = open[&process];
        let mut answer = Answer::default();
        let kind = match kind {
            ":invoke" => EventKind::Invoke {
                read_mode: None,
                node: None,
            },
            ":ok" => {
                answer.observed = (action == Action::Read).then(|| ints.first().copied().map(Value));
                EventKind::Ok(answer)
            }
            ":fail" => {
                answer.error = matches!(action, Action::Cas { .. }).then_some(22);
                EventKind::Fail(answer)
            }
            ":info" => EventKind::Info(answer),
            other => panic!("line {time_ns}: {other:?}"),
        };
        let event = Event {
            time_ns,
            process: ProcessId(process),
            key: Key(0),
            action,
            kind,
        };
        builder
            .push(&event)
            .unwrap_or_else(|e| panic!("line {time_ns}: {e}"));
    }
    builder.finish()
}

#[test]
fn known_verdicts_of_etcd_histories() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no histories found; set SPLITBRAIN_HISTORIES to their folder");
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).expect("was found");
    let options = Options {
        shrink_time_limit: Duration::ZERO,
        ..Options::default()
    };
    let (mut checked, mut porcupine, mut own) = (0, Duration::ZERO, Duration::ZERO);
    for line in expected.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [file, "cas-register", verdict, porcupine_ns] = fields[..] else {
            continue;
        };
        let text = std::fs::read_to_string(folder.join(file)).expect("is listed");
        let history = parse(&text);
        let started = Instant::now();
        let report = check_linearizable(&history, &options);
        own += started.elapsed();
        porcupine += Duration::from_nanos(porcupine_ns.parse().expect("is a number"));
        match (verdict, &report.verdict) {
            ("valid", Verdict::Valid) => {}
            ("invalid", Verdict::Invalid(counterexample)) => {
                assert!(
                    counterexample.verified_by.len() >= 2,
                    "{file}: {counterexample:#?}"
                );
            }
            (_, found) => panic!("{file} is {verdict}, but was found {found:?}"),
        }
        checked += 1;
    }
    eprintln!("{checked} histories in {own:?}; Porcupine took {porcupine:?}");
    assert!(checked > 40, "only {checked} histories were listed");
}

#[test]
fn counterexamples_of_etcd_histories_can_be_shrunk() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no histories found; set SPLITBRAIN_HISTORIES to their folder");
        return;
    };
    let history = parse(&std::fs::read_to_string(folder.join("etcd/etcd_000.log")).expect("is listed"));
    let report = check_linearizable(&history, &Options::default());
    let counterexample = report.verdict.counterexample().expect("it is not linearizable");
    assert!(counterexample.minimal);
    assert!(counterexample.ops.len() < history.ops.len());
    let again = check_linearizable(&counterexample.history(&history), &Options::default());
    assert!(again.verdict.is_invalid());
    eprintln!(
        "{} of {} ops: {}",
        counterexample.ops.len(),
        history.ops.len(),
        counterexample.reason
    );
}

/// Every certificate about the given histories, registers and key-value stores, is accepted, and says what is known.
#[test]
fn certificates_about_given_histories_are_accepted() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no histories found; set SPLITBRAIN_HISTORIES to their folder");
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).expect("was found");
    let options = Options::default();
    let mut accepted = 0;
    for line in expected.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [file, model, verdict, _] = fields[..] else {
            continue;
        };
        let model: BuiltIn = model.parse().expect("is a model");
        let read = read_file(&folder.join(file), None).expect("is listed");
        let Content::Calls(calls) = read.content else {
            panic!("{file} is of this harness");
        };
        let certificate = match to_registers(&calls).filter(|_| model == BuiltIn::CasRegister) {
            Some(history) => {
                let found = check_linearizable(&history, &options).verdict;
                let certificate = certify(&history, &found, &options).expect("there is a verdict");
                assert_eq!(verify_registers(&history, &certificate), Ok(()), "{file}");
                certificate
            }
            None => {
                let found = check_calls(&calls, model, &options)
                    .expect("they are the model's")
                    .verdict;
                let certificate = model.certificate(&calls, &found).expect("they are the model's");
                let certificate = certificate.expect("there is a verdict");
                assert_eq!(
                    model.verify_certificate(&calls, &certificate),
                    Ok(Ok(())),
                    "{file}"
                );
                certificate
            }
        };
        let is_valid = matches!(certificate, Certificate::Valid { .. });
        assert_eq!(is_valid, verdict == "valid", "{file}");
        accepted += 1;
    }
    assert!(accepted > 40, "only {accepted} histories were listed");
}
