//! Bad input to the built program: each is refused with its exit code and says what is wrong.

mod support;

use std::fs;
use std::path::Path;

use support::output as splitbrain;

fn refused(args: &[&str], code: i32, expected: &[&str]) {
    let output = splitbrain(args);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    for part in expected {
        assert!(message.contains(part), "{args:?}: `{part}` is not in: {message}");
    }
    assert!(!message.contains("panicked"), "{args:?}: {message}");
}

#[test]
fn unknown_names_list_the_known_ones() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["run", "--system", "roft"],
            &["unknown system `roft`", "did you mean `raft`", "known: raft"],
        ),
        (
            &["run", "--workload", "registr"],
            &["unknown workload `registr`", "did you mean `register`"],
        ),
        (
            &["run", "--nemesis", "partition,kil"],
            &[
                "unknown fault `kil`",
                "known: partition, kill, pause, loss, drift, clock, cut, delay",
            ],
        ),
        (
            &["run", "--read-mode", "leese"],
            &[
                "unknown read mode of raft `leese`",
                "did you mean `lease`",
                "follower-local",
            ],
        ),
        (
            &["run", "--claim", "linear"],
            &[
                "unknown consistency model `linear`",
                "did you mean `linearizable`",
            ],
        ),
        (
            &["run", "--mutant", "raft/nothing"],
            &["unknown mutant `raft/nothing`", "raft/commit-older-term"],
        ),
        (
            &["check", "--consistency", "strict", "x"],
            &["unknown consistency model `strict`", "linearizable"],
        ),
        (&["list", "planets"], &["planets", "systems"]),
        (&["rum"], &["rum"]),
        (&[], &["Usage"]),
    ];
    for (args, expected) in cases {
        refused(args, 2, expected);
    }
}

#[test]
fn contradictions_are_named() {
    let cases: &[(&[&str], &str)] = &[
        (&["run", "--nodes", "0"], "a cluster of 0 nodes"),
        (&["run", "--nodes", "254"], "a cluster of 254 nodes"),
        (&["run", "--nodes", "-3"], "invalid value '-3' for '--nodes"),
        (&["run", "--concurrency", "0"], "a concurrency of 0"),
        (
            &["run", "--concurrency", "1"],
            "1 client threads leave the read mode",
        ),
        (
            &["mutants", "--seed", "18446744073709551615"],
            "leaves no room for all the seeds",
        ),
        (&["run", "--concurrency", "0n"], "a concurrency of 0"),
        (&["run", "--concurrency", "some"], "no concurrency"),
        (&["run", "--rate", "-5"], "a rate of -5 ops/s"),
        (&["run", "--rate", "0"], "a rate of 0 ops/s"),
        (&["run", "--rate", "NaN"], "a rate of NaN ops/s"),
        (&["run", "--arrivals", "uniform"], "give a --rate"),
        (&["run", "--time-limit", "0s"], "the time limit is 0"),
        (&["run", "--time-limit", "-1s"], "--time-limit"),
        (&["run", "--op-timeout", "0ms"], "the op timeout is 0"),
        (
            &["run", "--nemesis", "kill", "--time-limit", "2s"],
            "too short for one fault",
        ),
        (
            &["run", "--nemesis", "none,kill"],
            "--nemesis none cannot be combined",
        ),
        (
            &["run", "--nemesis", "partition", "--nodes", "1"],
            "no partition of a cluster of 1 nodes",
        ),
        (&["run", "--keys", "0"], "the number of keys"),
        (&["run", "--ops-per-key", "0"], "at least 1 op"),
        (&["run", "--mix", "read=1"], "no writes"),
        (&["run", "--mix", "read=1,append=2"], "unknown action `append`"),
        (&["run", "--name", "../elsewhere"], "cannot name a run"),
        (&["run", "--seed", "-1"], "--seed"),
    ];
    for (args, expected) in cases {
        refused(args, 2, &[expected]);
    }
}

#[test]
fn a_store_that_cannot_be_written_is_a_failure_of_the_host() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let store = file.path().join("store");
    refused(
        &["run", "--store", store.to_str().unwrap()],
        4,
        &["cannot write", "to mend it: ", "--store"],
    );
}

#[test]
fn a_bad_configuration_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    let path_text = path.to_str().unwrap();
    let cases = [
        ("nodes = 3\nnods = 5", vec!["line 2", "nods"]),
        ("system = \"roft\"", vec!["unknown system `roft`"]),
        ("rate = -1", vec!["a rate of -1 ops/s"]),
        ("nodes = ", vec!["line 1"]),
    ];
    for (text, expected) in cases {
        fs::write(&path, text).unwrap();
        refused(&["run", "--config", path_text], 2, &expected);
    }
    refused(&["run", "--config", "nowhere.toml"], 2, &["nowhere.toml"]);
}

#[test]
fn a_flag_outranks_its_variable_and_that_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    fs::write(&path, "system = \"file\"").unwrap();
    let run = |flags: &[&str], variable: Option<&str>| {
        let mut command = support::splitbrain(&["run", "--config", path.to_str().unwrap()]);
        command.args(flags);
        command.envs(variable.map(|value| ("SPLITBRAIN_SYSTEM", value)));
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    assert!(run(&[], None).contains("unknown system `file`"));
    assert!(run(&[], Some("variable")).contains("unknown system `variable`"));
    assert!(run(&["--system", "flag"], Some("variable")).contains("unknown system `flag`"));
}

const HEADER: &str =
    r#"{"splitbrain":"history","version":1,"model":"cas-register","nodes":["n1"],"read_modes":["log"]}"#;

fn history(folder: &Path, text: &str) -> String {
    let path = folder.join("history.jsonl");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_bad_history_is_refused_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let invoke = r#"{"index":0,"time":1,"type":"invoke","process":0,"f":"read","key":1}"#;
    let cases = [
        (String::new(), "history.jsonl:1: "),
        ("nonsense\n".to_owned(), "history.jsonl:1: "),
        (format!("{HEADER}\nnonsense\n"), "history.jsonl:2: "),
        (format!("{HEADER}\n{invoke}\n{invoke}\n"), "history.jsonl:3: "),
    ];
    for (text, expected) in cases {
        let path = history(folder.path(), &text);
        refused(&["check", &path], 2, &[expected]);
    }
    refused(&["check", "nowhere.jsonl"], 2, &["nowhere.jsonl"]);
    let path = history(folder.path(), &format!("{HEADER}\n"));
    refused(
        &["check", "--read-mode", "lease", &path],
        2,
        &["unknown read mode", "known: log"],
    );
}

#[test]
fn a_history_that_was_cut_off_is_judged_up_to_its_last_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = history(
        folder.path(),
        &format!("{HEADER}\n{}", r#"{"index":0,"time":1,"type":"inv"#),
    );
    let output = splitbrain(&["check", &path]);
    // No op is left, so nothing is known.
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 2 is cut off"));
}

#[test]
fn check_says_of_each_file_what_scripts_need_and_exits_by_the_worst() {
    let folder = tempfile::tempdir().unwrap();
    let stale = [
        HEADER,
        r#"{"index":0,"time":1,"type":"invoke","process":0,"f":"write","key":1,"value":5}"#,
        r#"{"index":1,"time":2,"type":"ok","process":0,"f":"write","key":1,"value":5}"#,
        r#"{"index":2,"time":3,"type":"invoke","process":1,"f":"read","key":1}"#,
        r#"{"index":3,"time":4,"type":"ok","process":1,"f":"read","key":1,"value":null}"#,
        "",
    ];
    let bad = folder.path().join("bad.jsonl");
    fs::write(&bad, stale.join("\n")).unwrap();
    let good = history(folder.path(), &(stale[..3].join("\n") + "\n"));
    let output = splitbrain(&["check", "--json", &good, bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    let fields = [
        "check_ms",
        "consistency",
        "counterexample",
        "explanation",
        "file",
        "format",
        "model",
        "ops",
        "parse_ms",
        "read_mode",
        "reason",
        "verdict",
    ];
    let mut names: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, fields);
    assert_eq!(
        (lines[0]["verdict"].as_str(), lines[1]["verdict"].as_str()),
        (Some("valid"), Some("invalid"))
    );
    assert_eq!(lines[1]["format"], "native");
    assert_eq!(lines[1]["counterexample"]["ops"].as_array().unwrap().len(), 2);
    assert!(lines[0]["explanation"].is_null());
    assert_eq!(lines[1]["explanation"]["class"], "stale-read");
}

#[test]
fn check_judges_each_read_mode_of_a_history_on_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let header = r#"{"splitbrain":"history","version":1,"model":"cas-register","nodes":["n1"],"read_modes":["log","leader-local"]}"#;
    let lines = [
        header,
        r#"{"index":0,"time":1,"type":"invoke","process":0,"f":"write","key":1,"value":5}"#,
        r#"{"index":1,"time":2,"type":"ok","process":0,"f":"write","key":1,"value":5}"#,
        r#"{"index":2,"time":3,"type":"invoke","process":1,"f":"read","key":1,"read_mode":"leader-local"}"#,
        r#"{"index":3,"time":4,"type":"ok","process":1,"f":"read","key":1,"value":null}"#,
        "",
    ];
    let path = folder.path().join("modes.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    let path = path.to_str().unwrap();
    let output = splitbrain(&["check", "--json", path]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["read_mode"], "leader-local");
    assert_eq!(report["counterexample"]["read_mode"], "leader-local");
    let output = splitbrain(&["check", "--read-mode", "log", path]);
    assert_eq!(output.status.code(), Some(0));
}

/// Modes that each hold alone, and reads that name none, are judged too.
#[test]
fn check_leaves_no_read_out() {
    let folder = tempfile::tempdir().unwrap();
    let header = r#"{"splitbrain":"history","version":1,"model":"register","nodes":["n1"],"read_modes":["log","lease"]}"#;
    let write = r#"{"index":0,"time":1,"type":"invoke","process":0,"f":"write","key":1,"value":5}"#;
    let written = |index, time| {
        format!(r#"{{"index":{index},"time":{time},"type":"ok","process":0,"f":"write","key":1,"value":5}}"#)
    };
    let read = |index, mode: &str, value: &str| {
        let (time, process) = (index * 10, index);
        [
            format!(r#"{{"index":{index},"time":{time},"type":"invoke","process":{process},"f":"read","key":1{mode}}}"#),
            format!(
                r#"{{"index":{},"time":{},"type":"ok","process":{process},"f":"read","key":1,"value":{value}}}"#,
                index + 1,
                time + 1
            ),
        ]
        .join("\n")
    };
    let without_mode = [
        header.to_owned(),
        write.to_owned(),
        written(1, 2),
        read(2, "", "null"),
    ];
    let mode = |name| format!(r#","read_mode":"{name}""#);
    let (early, late) = (read(1, &mode("log"), "5"), read(3, &mode("lease"), "null"));
    let together = [header.to_owned(), write.to_owned(), early, late, written(5, 100)];
    for (name, lines, says) in [
        ("without-mode", without_mode.join("\n"), "reads of no mode"),
        ("together", together.join("\n"), "though 5 is newer than nil"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, lines + "\n").unwrap();
        let output = splitbrain(&["check", path.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{name}: {text}");
        assert!(text.contains(says), "{name}: {text}");
    }
    let twice = header.replace("lease", "log");
    let path = history(folder.path(), &format!("{twice}\n"));
    refused(&["check", &path], 2, &["the read mode `log` is named twice"]);
}

#[test]
fn a_run_that_cannot_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    refused(&["report", path], 2, &["not the folder of a run"]);
    fs::write(
        folder.path().join("test.json"),
        "{\n  \"splitbrain\": \"0.1.0\",\n  \"na",
    )
    .unwrap();
    refused(&["report", path], 2, &["test.json:3:"]);
}

#[test]
fn lists_are_there_for_people_and_for_scripts() {
    for what in [
        "systems",
        "read-modes",
        "workloads",
        "faults",
        "models",
        "mutants",
    ] {
        let output = splitbrain(&["list", what]);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout.split(|byte| *byte == b'\n').count() > 3, "{what}");
        let output = splitbrain(&["list", what, "--json"]);
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(entry["name"].is_string(), "{what}: {line}");
        }
    }
}

#[test]
fn completions_and_manual_come_from_the_same_definitions() {
    for args in [&["completions", "bash"][..], &["man"]] {
        let output = splitbrain(args);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("nemesis") && text.contains("consistency"),
            "{args:?}"
        );
    }
}
