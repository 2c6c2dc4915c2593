//! Witnesses, written and verified by the built program.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::{output, said};
use tempfile::TempDir;

/// An op of a history: process, read mode, event pair as JSON without the common fields, start and end in ms.
struct Op {
    process: u64,
    mode: Option<&'static str>,
    invoke: &'static str,
    ok: &'static str,
    ms: (u64, u64),
}

const fn write(process: u64, value: &'static str, ms: (u64, u64)) -> Op {
    Op {
        process,
        mode: None,
        invoke: value,
        ok: value,
        ms,
    }
}

const fn read(process: u64, mode: &'static str, value: &'static str, ms: (u64, u64)) -> Op {
    Op {
        process,
        mode: Some(mode),
        invoke: "",
        ok: value,
        ms,
    }
}

/// Writes a native history of key 7 with the read modes `log` and `local`.
fn history(folder: &TempDir, ops: &[Op]) -> PathBuf {
    let mut events = Vec::new();
    for op in ops {
        let f = if op.invoke.is_empty() { "read" } else { "write" };
        let mode = op
            .mode
            .map_or(String::new(), |mode| format!(r#","read_mode":"{mode}""#));
        let event = |time: u64, kind: &str, value: &str, mode: &str| {
            let value = if value.is_empty() {
                String::new()
            } else {
                format!(r#","value":{value}"#)
            };
            let process = op.process;
            let rest = format!(r#""process":{process},"f":"{f}","key":7{value}{mode}"#);
            (
                time * 1_000_000,
                kind == "invoke",
                format!(r#""type":"{kind}",{rest}"#),
            )
        };
        events.push(event(op.ms.0, "invoke", op.invoke, &mode));
        events.push(event(op.ms.1, "ok", op.ok, ""));
    }
    events.sort();
    let mut text = String::from(
        r#"{"splitbrain":"history","version":1,"model":"cas-register","nodes":["n1"],"read_modes":["log","local"]}"#,
    );
    for (index, (time, _, rest)) in events.iter().enumerate() {
        text.push_str(&format!("\n{{\"index\":{index},\"time\":{time},{rest}}}"));
    }
    save(folder, "history.jsonl", &(text + "\n"))
}

fn save(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// `check` with these options of the history, and with the file of the witness after the first.
fn check(options: &[&str], witness: &Path, history: &Path) -> Output {
    let mut args = vec!["check", options[0], witness.to_str().unwrap()];
    args.extend(&options[1..]);
    args.push(history.to_str().unwrap());
    output(&args)
}

fn assert_ends(output: &Output, code: i32, expected: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in expected {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

const LINEARIZABLE: &[Op] = &[
    write(1, "4", (0, 2)),
    read(2, "log", "4", (3, 4)),
    write(1, "5", (5, 8)),
    read(3, "local", "5", (6, 7)),
    read(2, "log", "5", (9, 10)),
];

/// The local read is stale; those of the log are not.
const STALE: &[Op] = &[
    write(1, "4", (0, 2)),
    read(2, "log", "4", (3, 4)),
    write(1, "5", (5, 8)),
    read(2, "log", "5", (9, 10)),
    read(3, "local", "4", (20, 21)),
];

#[test]
fn a_linearizable_history_has_an_accepted_order() {
    let folder = TempDir::new().unwrap();
    let (history, witness) = (history(&folder, LINEARIZABLE), folder.path().join("w.json"));
    assert_ends(&check(&["--witness"], &witness, &history), 0, &["valid"]);
    let verified = check(&["--verify"], &witness, &history);
    assert_ends(&verified, 0, &["accepted", "of 5 ops, are linearizations"]);
    let json = check(&["--verify", "--json"], &witness, &history);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (json["accepted"].as_bool(), json["verdict"].as_str()),
        (Some(true), Some("valid"))
    );

    // One mode alone has a witness of its own, which says so.
    let log = check(&["--witness", "--read-mode", "log"], &witness, &history);
    assert_ends(&log, 0, &["valid"]);
    assert_ends(&check(&["--verify"], &witness, &history), 0, &["reads by log"]);
    let other = check(&["--verify", "--read-mode", "local"], &witness, &history);
    assert_ends(&other, 2, &["about the read mode `log`, not `local`"]);
}

#[test]
fn a_stale_read_has_an_accepted_cycle_and_an_explanation() {
    let folder = TempDir::new().unwrap();
    let (history, witness) = (history(&folder, STALE), folder.path().join("w.json"));
    let checked = check(&["--witness", "--explain"], &witness, &history);
    let cycle =
        "write 5 -> returned before -> the read of 4 by process 3 -> saw what was overwritten by -> write 5";
    let steps = [
        cycle,
        "- write 5 returned 12 ms before the read of 4 by process 3 began",
        "- the read of 4 by process 3 saw 4, which write 5 overwrote: write 4 comes before write 5",
        "- write 4 returned 3.0 ms before write 5 began, both of process 1",
        "  5 after process 1's write 4, process 1's write 5",
    ];
    assert_ends(&checked, 1, &steps);
    let verified = check(&["--verify"], &witness, &history);
    assert_ends(
        &verified,
        1,
        &["reads by local", "accepted", "a cycle of 2 steps"],
    );

    let json = output(&["check", "--json", history.to_str().unwrap()]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["explanation"]["cycle"], cycle);
    assert_eq!(json["explanation"]["steps"][1]["relation"], "read-write");
    assert_eq!(json["explanation"]["dead"][0]["state"], "5");
}

#[test]
fn a_read_that_names_no_mode_counts_against_all_together() {
    let folder = TempDir::new().unwrap();
    let mut ops: Vec<Op> = STALE.iter().map(|op| Op { ..*op }).collect();
    ops[4].mode = None;
    let (history, witness) = (history(&folder, &ops), folder.path().join("w.json"));
    assert_ends(
        &check(&["--witness"], &witness, &history),
        1,
        &["reads of no mode"],
    );
    assert_ends(&check(&["--verify"], &witness, &history), 1, &["accepted"]);
}

#[test]
fn a_witness_that_was_tampered_with_is_refused() {
    let folder = TempDir::new().unwrap();
    let (history, witness) = (history(&folder, LINEARIZABLE), folder.path().join("w.json"));
    assert_ends(&check(&["--witness"], &witness, &history), 0, &[]);
    let text = fs::read_to_string(&witness).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    let order = json["certificate"]["linearizations"][0]["order"]
        .as_array_mut()
        .unwrap();
    order.swap(0, 4);
    fs::write(&witness, json.to_string()).unwrap();
    let refused = check(&["--verify"], &witness, &history);
    assert_ends(&refused, 2, &["shows nothing about", "is no linearization"]);

    for (from, to, expected) in [
        (r#""version":1"#, r#""version":9"#, "version 9"),
        (r#":"witness""#, r#":"history""#, "it says `history` of itself"),
        (
            r#""verdict":"valid""#,
            r#""verdict":"fine""#,
            "unknown variant `fine`",
        ),
        (
            r#""format":"native""#,
            r#""format":"nativ""#,
            "unknown format `nativ`",
        ),
        (
            r#""model":"cas-register""#,
            r#""model":"queue""#,
            "cannot be checked as `queue`",
        ),
        (r#""read_mode":null"#, r#""read_mode":"lag""#, "unknown read mode"),
        (r#""linearizations":["#, r#""more":["#, "unknown field `more`"),
    ] {
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(&witness, text.replace(from, to)).unwrap();
        assert_ends(&check(&["--verify"], &witness, &history), 2, &[expected]);
    }

    // A history that differs by a blank is another one.
    fs::write(&witness, &text).unwrap();
    let changed = fs::read_to_string(&history)
        .unwrap()
        .replace(r#"{"index":3,"#, r#"{ "index":3,"#);
    fs::write(&history, changed).unwrap();
    let other = check(&["--verify"], &witness, &history);
    assert_ends(&other, 2, &["another history", "SHA-256"]);
}

#[test]
fn what_cannot_be_witnessed_is_said() {
    let folder = TempDir::new().unwrap();
    let (history, witness) = (history(&folder, LINEARIZABLE), folder.path().join("w.json"));
    let weaker = check(&["--witness", "--consistency", "legal"], &witness, &history);
    assert_ends(&weaker, 2, &["only `linearizable` has witnesses, not `legal`"]);
    let itself = check(&["--witness"], &history, &history);
    assert_ends(&itself, 2, &["is the history itself"]);
    let (file, out) = (history.to_str().unwrap(), witness.to_str().unwrap());
    let two = output(&["check", "--witness", out, file, file]);
    assert_ends(&two, 2, &["about one history, and 2 are given"]);
    let both = output(&["check", "--witness", out, "--verify", out, file]);
    assert_ends(&both, 2, &["cannot be used with"]);
    assert_ends(&check(&["--verify"], &witness, &history), 2, &["cannot read"]);
    fs::write(&witness, "no").unwrap();
    assert_ends(&check(&["--verify"], &witness, &history), 2, &["is no witness"]);
    fs::remove_file(&witness).unwrap();
    let unknown = check(&["--witness", "--check-time-limit", "0s"], &witness, &history);
    assert_ends(&unknown, 3, &["no witness was written"]);
    assert!(!witness.exists());
}

#[test]
fn a_queue_has_witnesses_of_both_kinds() {
    let folder = TempDir::new().unwrap();
    let witness = folder.path().join("w.json");
    let mut text = String::new();
    for (at, (kind, f, value)) in [
        ("invoke", "enqueue", "1"),
        ("ok", "enqueue", "1"),
        ("invoke", "enqueue", "2"),
        ("ok", "enqueue", "2"),
        ("invoke", "dequeue", "nil"),
        ("ok", "dequeue", "2"),
    ]
    .into_iter()
    .enumerate()
    {
        text.push_str(&format!(
            "{{:index {at} :time {at}000 :type :{kind} :process 0 :f :{f} :value {value}}}\n"
        ));
    }
    let history = save(&folder, "history.edn", &text);
    for (model, code, expected) in [
        // A bag is one object for each value.
        ("queue", 0, "the orders given for 2 objects, of 3 ops"),
        ("fifo-queue", 1, "3 ops have no linearization"),
    ] {
        let checked = check(&["--witness", "--model", model], &witness, &history);
        assert_ends(&checked, code, &[]);
        assert_ends(
            &check(&["--verify"], &witness, &history),
            code,
            &["accepted", model, expected],
        );
        let text = fs::read_to_string(&witness).unwrap();
        fs::write(
            &witness,
            text.replace(r#"{"op":1},"#, "").replace("[1,2]", "[2,1]"),
        )
        .unwrap();
        assert_ends(
            &check(&["--verify"], &witness, &history),
            2,
            &["shows nothing about"],
        );
    }
}

/// Events of process 0, one after the other.
fn edn(events: &[(&str, &str, &str)]) -> String {
    let event = |(at, (kind, f, value)): (usize, &(&str, &str, &str))| {
        format!("{{:index {at} :time {at}000 :type :{kind} :process 0 :f :{f} :value {value}}}\n")
    };
    events.iter().enumerate().map(event).collect()
}

#[test]
fn a_witness_that_chooses_a_weaker_model_is_found_out() {
    let folder = TempDir::new().unwrap();
    let witness = folder.path().join("w.json");
    // A bag, but no stack.
    let text = edn(&[
        ("invoke", "push", "1"),
        ("ok", "push", "1"),
        ("invoke", "push", "2"),
        ("ok", "push", "2"),
        ("invoke", "pop", "nil"),
        ("ok", "pop", "1"),
    ]);
    let history = save(&folder, "history.edn", &text);
    assert_ends(
        &check(&["--witness", "--model", "queue"], &witness, &history),
        0,
        &[],
    );
    let expected = [
        "linearizable queue, as the witness says",
        "the model `queue`, but the ops look like those of `stack`",
    ];
    assert_ends(&check(&["--verify"], &witness, &history), 0, &expected);
    let json = check(&["--verify", "--json"], &witness, &history);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (json["model"].as_str(), json["model_from"].as_str()),
        (Some("queue"), Some("witness"))
    );
    assert!(
        json["warnings"][0].as_str().unwrap().contains("`stack`"),
        "{json}"
    );
    let other = check(&["--verify", "--model", "stack"], &witness, &history);
    assert_ends(&other, 2, &["it is about the model `queue`, not `stack`"]);
    // Whoever asks for a bag gets one, without a warning.
    let asked = check(&["--verify", "--json", "--model", "queue"], &witness, &history);
    let json: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(json["model_from"], "option");
    assert_eq!(json["warnings"], serde_json::json!([]));
}

#[test]
fn a_line_that_was_cut_off_is_told_by_verify_too() {
    let folder = TempDir::new().unwrap();
    let witness = folder.path().join("w.json");
    let text = edn(&[("invoke", "write", "1"), ("ok", "write", "1")]) + "{:index 2 :ti";
    let history = save(&folder, "history.edn", &text);
    let said = "the last line was cut off, and is not judged";
    assert_ends(&check(&["--witness"], &witness, &history), 0, &[said]);
    assert_ends(&check(&["--verify"], &witness, &history), 0, &[said]);
    let json = check(&["--verify", "--json"], &witness, &history);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(json["reason"].as_str().unwrap().ends_with(said), "{json}");
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(1));
}
