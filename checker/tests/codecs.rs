//! Histories of other tools: found out, read, refused by line, written and read back.

use std::path::{Path, PathBuf};

use splitbrain_checker::call::{Calls, Datum};
use splitbrain_checker::codec::{
    Content, Format, Imported, export_calls, read_bytes, read_file, read_from, to_registers,
};
use splitbrain_checker::history::Outcome;
use splitbrain_checker::linearizable::{Options, check_linearizable};
use splitbrain_checker::model::{BuiltIn, CallVerdict, check_calls};

const JEPSEN: &str = r#"; a comment
{:process 0, :type :invoke, :f :write, :value [7 1], :time 10, :index 0}
#jepsen.history.Op{:index 1, :time 20, :type :invoke, :process 1, :f :read, :value [7 nil]}
{:value :anything, :f :start, :process :nemesis, :type :info, :time 25}
{:type :ok, :process 0, :f :write, :value [7 1], :time 30N, :extra #{1 #inst "2020-01-01"}}
{:type :info, :process 1, :f :read, :value [7 nil], :time 40, :error :timeout}
{:type :invoke, :process 1, :f :cas, :value [7 [1 2]], :time 50}
{:type :fail, :process 1, :f :cas, :value [7 [1 2]], :time 60, :error [:missing "x"]}
{:type :invoke, :process 2, :f :read, :value [7 nil], :time 70}
"#;

fn calls(text: &str, format: Format) -> Calls {
    match read(text, format) {
        Ok(Imported {
            content: Content::Calls(calls),
            ..
        }) => calls,
        other => panic!("{other:?}"),
    }
}

fn read(text: &str, format: Format) -> Result<Imported, String> {
    read_bytes(text.as_bytes(), format, "h").map_err(|error| error.to_string())
}

#[test]
fn a_jepsen_history_is_understood() {
    let calls = calls(JEPSEN, Format::JepsenEdn);
    let shown: Vec<String> = calls
        .calls
        .iter()
        .map(|call| format!("{}: {call}", call.process))
        .collect();
    assert_eq!(
        shown,
        ["0: write 7 1", "1: read 7", "1: cas 7 [1 2] failed", "2: read 7"]
    );
    let outcomes: Vec<Outcome> = calls.calls.iter().map(|call| call.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Ok, Outcome::Info, Outcome::Fail, Outcome::Info]
    );
    assert_eq!(
        calls.calls[2].error.as_ref().map(Datum::to_string),
        Some("[:missing \"x\"]".to_owned())
    );
    assert_eq!(
        (calls.calls[0].invoked_ns, calls.calls[0].completed_ns),
        (10, Some(30))
    );
    assert_eq!(calls.nemesis.len(), 1);
    let history = to_registers(&calls).expect("they are registers");
    // A failed cas of Jepsen says only that it had no effect.
    assert!(
        check_linearizable(&history, &Options::default())
            .verdict
            .is_valid()
    );
}

#[test]
fn one_vector_or_list_of_maps_is_a_history_too() {
    let one_by_one = calls(JEPSEN, Format::JepsenEdn);
    for (open, close) in [('[', ']'), ('(', ')')] {
        let text = format!("{open}{JEPSEN}{close}");
        assert_eq!(calls(&text, Format::JepsenEdn), one_by_one);
    }
}

#[test]
fn a_read_of_nil_is_a_read() {
    let text = "{:type :invoke :process 1 :f :write :value 4}\n{:type :ok :process 1 :f :write :value 4}\n\
                {:type :invoke :process 1 :f :read}\n{:type :ok :process 1 :f :read :value nil}\n";
    let history = to_registers(&calls(text, Format::JepsenEdn)).expect("they are registers");
    assert!(
        check_linearizable(&history, &Options::default())
            .verdict
            .is_invalid()
    );
}

#[test]
fn a_reused_process_does_not_complete_its_old_op() {
    let text = "INFO  jepsen.util - 0\t:invoke\t:write\t3\nINFO  jepsen.util - 0\t:info\t:write\t:timed-out\n\
                INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\t3\n";
    let calls = calls(text, Format::KnossosLog);
    let outcomes: Vec<Outcome> = calls.calls.iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [Outcome::Info, Outcome::Ok]);
    assert!(calls.failed_cas_answers && !calls.has_times);
}

#[test]
fn bad_input_is_refused_by_line() {
    let invoke = "{:type :invoke, :process 1, :f :read, :time 5}\n";
    for (text, format, expected) in [
        ("", Format::JepsenEdn, "h:1: the file is empty"),
        (
            "{:type :ok, :process 1, :f :read}",
            Format::JepsenEdn,
            "h:1: process 1 completes an op that it has not invoked",
        ),
        (
            &invoke.repeat(2),
            Format::JepsenEdn,
            "h:2: process 1 invokes an op while its read is still open",
        ),
        (
            &format!("{invoke}{{:type :ok, :process 1, :f :read, :time 4}}"),
            Format::JepsenEdn,
            "h:2: time goes backward, from 5 ns to 4 ns",
        ),
        (
            &format!("{invoke}{{:type :ok, :process 1, :f :write, :time 6}}"),
            Format::JepsenEdn,
            "h:2: process 1 completes `write`, but what it has open is `read`",
        ),
        (
            &format!("{invoke}\n7"),
            Format::JepsenEdn,
            "h:3: not an event: an op must be a map, but is an integer",
        ),
        (
            "{:type :invoke, :f :read}",
            Format::JepsenEdn,
            "h:1: not an event: the op has no `process`",
        ),
        (
            "{:type :huh, :f :read, :process 1}",
            Format::JepsenEdn,
            "h:1: not an event: the `type` of the op is `huh`, not invoke, ok, fail or info",
        ),
        (
            "{:type :invoke, :f :cas, :value [1 [2 3]], :process 1}\n{:type :invoke, :f :read, :value nil, :process 2}",
            Format::JepsenEdn,
            "h:2: some ops name a key and some do not",
        ),
        (
            "[{\"type\": \"invoke\", \"process\": 1, \"f\": \"read\"}\n {}]",
            Format::ElleJson,
            "h:2: not an event: a comma is missing between two ops (column 0)",
        ),
        (
            "[{\"type\": invoke}]",
            Format::ElleJson,
            "h:1: not an event: expected value (column 0)",
        ),
        (
            "x jepsen.util - 1\t:invoked\t:read\tnil\n",
            Format::KnossosLog,
            "h:1: not an event: `:invoked` is not :invoke, :ok, :fail or :info",
        ),
    ] {
        assert_eq!(read(text, format).map(|_| ()), Err(expected.to_owned()), "{text}");
    }
    let error = read_bytes(b"{:a \"\xff\"}", Format::JepsenEdn, "h").expect_err("it is no text");
    assert_eq!(error.to_string(), "h:1: not text in UTF-8");
}

#[test]
fn a_file_that_is_cut_off_is_used_as_far_as_it_goes() {
    let json = exported(&calls(JEPSEN, Format::JepsenEdn), Format::ElleJson);
    let log = "INFO  jepsen.util - 0\t:invoke\t:write\t3\nINFO  jepsen.util - 0\t:ok\t:wri";
    for (text, format) in [(JEPSEN.trim_end(), Format::JepsenEdn), (&json, Format::ElleJson)] {
        let mut used = 0;
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            match read(&text[..end], format) {
                Ok(read) => {
                    let whole = read.warnings.is_empty();
                    let Content::Calls(calls) = read.content else {
                        panic!("these are calls");
                    };
                    // Without a warning every event before the cut was taken.
                    assert!(!whole || text[..end].matches("process").count() >= calls.calls.len());
                    used += 1;
                }
                // A bare word may be the beginning of a longer one, but is no op.
                Err(error) => assert!(
                    error.contains("the file is empty") || error.contains("not an event"),
                    "{format}, {end}: {error}"
                ),
            }
        }
        assert!(
            used * 2 > text.len(),
            "{format}: only {used} of {} cuts",
            text.len()
        );
    }
    let cut = read(log, Format::KnossosLog).expect("one event is whole");
    assert_eq!(cut.warnings.len(), 1);
}

/// Gives a few bytes at a time, as a pipe may.
struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = self.0.len().min(into.len()).min(1000);
        into[..some].copy_from_slice(&self.0[..some]);
        self.0 = &self.0[some..];
        Ok(some)
    }
}

/// Wherever the windows fall through which a file is read.
#[test]
fn a_long_file_is_read_as_a_short_one() {
    let edn = "{:type :invoke, :process 1, :f :write, :value [\"\\ud83d\\ude00 é\" #{:a} 12N], :time 5} ; a comment\n\
               {:type :ok, :process 1, :f :write, :value nil, :time 5}\n";
    let json = "{\"type\":\"invoke\",\"process\":1,\"f\":\"write\",\"value\":[\"\\ud83d\\ude00 é\",-1.5e3,true]},\n\
                {\"type\":\"ok\",\"process\":1,\"f\":\"write\",\"value\":null},\n";
    let log = "INFO  jepsen.util - 1\t:invoke\t:write\t[\"\\ud83d\\ude00 é\" 12N]\n\
               INFO  jepsen.util - 1\t:ok\t:write\tnil\n";
    for blanks in 0..160 {
        for (op, format) in [
            (edn, Format::JepsenEdn),
            (json, Format::ElleJson),
            (log, Format::KnossosLog),
        ] {
            let ops = op.repeat(700);
            let text = match format {
                Format::ElleJson => format!("{}[{}]", " ".repeat(blanks), ops.trim_end_matches(",\n")),
                _ => format!("{}{ops}", " ".repeat(blanks)),
            };
            let read = read_from(Trickle(text.as_bytes()), Some(format), "h").expect("it is a history");
            assert_eq!(read.warnings, []);
            assert_eq!(read.line_of(1399), Some(1400), "{format}");
            let Content::Calls(calls) = read.content else {
                panic!("these are calls");
            };
            assert_eq!(calls.calls.len(), 700);
            assert_eq!(calls.calls[699].argument, calls.calls[0].argument);
        }
    }
}

#[test]
fn values_that_clojure_calls_equal_are_one_value_and_keep_their_form() {
    let text = "{:index 0 :time 0 :type :invoke :process 0 :f :write :value (1 2)}
{:index 1 :time 1 :type :ok :process 0 :f :write :value (1 2)}
{:index 2 :time 2 :type :invoke :process 0 :f :read :value nil}
{:index 3 :time 3 :type :ok :process 0 :f :read :value [1 2]}
{:index 4 :time 4 :type :invoke :process 0 :f :cas :value [[1 2] 1.00]}
{:index 5 :time 5 :type :ok :process 0 :f :cas :value [[1 2] 1.00]}
{:index 6 :time 6 :type :invoke :process 0 :f :read :value nil}
{:index 7 :time 7 :type :ok :process 0 :f :read :value 1.0}
";
    let read = calls(text, Format::JepsenEdn);
    let report = check_calls(&read, BuiltIn::CasRegister, &Options::default()).expect("they are registers");
    assert!(matches!(report.verdict, CallVerdict::Valid(_)), "{report:?}");
    let written = exported(&read, Format::JepsenEdn);
    for form in ["(1 2)}", " [1 2]}", "1.00]}", " 1.0}"] {
        assert!(written.contains(form), "{form} is not in {written}");
    }
    // Values of different kinds stay different.
    let other = calls(&text.replace(":value 1.0}", ":value 1}"), Format::JepsenEdn);
    let report = check_calls(&other, BuiltIn::CasRegister, &Options::default()).expect("they are registers");
    assert!(matches!(report.verdict, CallVerdict::Invalid(_)), "{report:?}");
}

fn exported(calls: &Calls, format: Format) -> String {
    let mut text = Vec::new();
    export_calls(calls, format, &mut text).expect("memory takes all");
    String::from_utf8(text).expect("it is text")
}

/// Where it was in the file does not matter.
fn without_places(mut calls: Calls) -> Calls {
    for call in &mut calls.calls {
        call.events = (0, None);
    }
    for event in &mut calls.nemesis {
        event.event = 0;
    }
    calls
}

#[test]
fn what_is_written_is_read_back() {
    let original = calls(JEPSEN, Format::JepsenEdn);
    let edn = exported(&original, Format::JepsenEdn);
    assert_eq!(
        without_places(calls(&edn, Format::JepsenEdn)),
        without_places(original.clone())
    );
    // JSON has no keywords; a second round loses nothing more.
    let json = exported(&original, Format::ElleJson);
    let once = calls(&json, Format::ElleJson);
    assert_eq!(exported(&once, Format::ElleJson), json);
    assert_eq!(to_registers(&once), to_registers(&original));
    let native = exported(&original, Format::Native);
    let parsed = splitbrain_checker::history::read_native(native.as_bytes(), "h").expect("it is native");
    assert_eq!(parsed.history.ops.len(), original.calls.len());
}

/// No text, however damaged, makes a reader panic or go on for ever.
#[test]
fn damaged_text_is_read_or_refused() {
    let json = exported(&calls(JEPSEN, Format::JepsenEdn), Format::ElleJson);
    let log =
        "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\nINFO  jepsen.util - 0\t:ok\t:cas\t[1 2]\n".repeat(4);
    let mut seed = 7_u64;
    let mut random = |n: usize| {
        // Knuth's generator: any will do.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let (mut read_back, mut refused) = (0, 0);
    for round in 0..30_000 {
        let (text, format) = match round % 3 {
            0 => (JEPSEN, Format::JepsenEdn),
            1 => (&json[..], Format::ElleJson),
            _ => (&log[..], Format::KnossosLog),
        };
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..1 + random(3) {
            let (from, to) = (random(bytes.len()), random(bytes.len()));
            match random(4) {
                0 => bytes[from] = b"[]{}()\"\\#:;, \n0-9aN^"[random(20)],
                1 => drop(bytes.drain(from.min(to)..from.max(to).min(from.min(to) + 20))),
                2 => bytes[from] = random(256) as u8,
                _ => {
                    let part = bytes[from.min(to)..from.max(to).min(from.min(to) + 40)].to_vec();
                    bytes.splice(from..from, part);
                }
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        match read_bytes(&bytes, format, "h") {
            Ok(Imported {
                content: Content::Calls(calls),
                ..
            }) => {
                read_back += 1;
                // Whatever was read can be checked, or refused, by any model.
                for model in BuiltIn::ALL {
                    let _ = check_calls(&calls, *model, &Options::default());
                }
            }
            Ok(_) => panic!("these are calls"),
            Err(error) => {
                assert!(error.to_string().starts_with("h:"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(
        read_back > 1_000 && refused > 1_000,
        "{read_back} read, {refused} refused"
    );
}

fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/histories");
    let folder = std::env::var_os("SPLITBRAIN_HISTORIES").map_or_else(beside, PathBuf::from);
    folder.join("expected.tsv").is_file().then_some(folder)
}

#[test]
fn formats_are_found_out_and_verdicts_are_the_known_ones() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no histories found; set SPLITBRAIN_HISTORIES to their folder");
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).expect("was found");
    let mut checked = 0;
    for line in expected.lines().skip(1) {
        let [file, model, verdict, _] = line.split('\t').collect::<Vec<_>>()[..] else {
            continue;
        };
        let read = read_file(&folder.join(file), None).expect("is a history");
        let wanted = if model == "kv" {
            Format::PorcupineKv
        } else {
            Format::KnossosLog
        };
        assert_eq!(read.format, wanted, "{file}");
        let Content::Calls(calls) = read.content else {
            panic!("{file} holds calls");
        };
        let model: BuiltIn = model.parse().expect("is built in");
        let report = check_calls(&calls, model, &Options::default()).expect("fits the model");
        match (verdict, report.verdict) {
            ("valid", CallVerdict::Valid(orders)) => {
                assert_eq!(model.verify_orders(&calls, &orders), Ok(Ok(())), "{file}");
            }
            ("invalid", CallVerdict::Invalid(found)) => assert!(!found.calls.is_empty()),
            (_, found) => panic!("{file} is {verdict}, but was found {found:?}"),
        }
        checked += 1;
    }
    assert!(checked > 40, "only {checked} histories were listed");
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let error = read_file(Path::new("no/such/file"), None).expect_err("there is none");
    assert!(
        error.to_string().starts_with("no/such/file: cannot be read"),
        "{error}"
    );
}

#[test]
fn numbers_and_characters_that_cannot_be_told_apart_are_refused() {
    let json = |value: &str| {
        let line =
            |kind: &str| format!("{{\"process\":0,\"type\":\"{kind}\",\"f\":\"write\",\"value\":{value}}}\n");
        read(&(line("invoke") + &line("ok")), Format::ElleJson)
    };
    assert!(
        json("18446744073709551616")
            .unwrap_err()
            .contains("beyond 64 bits")
    );
    assert!(json("9223372036854775807").is_ok());
    // Two doubles, one after the other.
    let value = |text: &str| match json(text).unwrap().content {
        Content::Calls(calls) => calls.calls[0].argument.clone(),
        Content::Native(_) => panic!("no header"),
    };
    assert_ne!(value("2.0152126368576326e-10"), value("2.0152126368576329e-10"));
    assert_eq!(value("387.60858561195045"), value("3.87608585611950446e+02"));
    let edn = |value: &str| {
        read(
            &format!("{{:process 0 :type :invoke :f :write :value {value}}}\n"),
            Format::JepsenEdn,
        )
    };
    for half in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\u+041""#] {
        assert!(edn(half).is_err(), "{half}");
    }
    assert!(edn(r#""\ud83d\ude00""#).is_ok());
}

/// A history of ops one after the other, each with what it was invoked with and what it returned.
fn one_by_one(ops: &[(&str, &str, &str)]) -> Calls {
    let line = |(f, asked, told): &(&str, &str, &str)| {
        format!(
            "{{:process 0 :type :invoke :f :{f} :value {asked}}}\n{{:process 0 :type :ok :f :{f} :value {told}}}\n"
        )
    };
    calls(&ops.iter().map(line).collect::<String>(), Format::JepsenEdn)
}

fn holds(model: BuiltIn, ops: &[(&str, &str, &str)]) -> bool {
    let report = check_calls(&one_by_one(ops), model, &Options::default()).unwrap();
    match report.verdict {
        CallVerdict::Valid(_) => true,
        CallVerdict::Invalid(_) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_are_told_by_every_op_that_asks() {
    let (a, b) = (r#"["a" nil]"#, r#"["b" nil]"#);
    for (acquire, release) in [("acquire", "release"), ("lock", "unlock")] {
        assert!(holds(
            BuiltIn::Lock,
            &[(acquire, a, a), (acquire, b, b), (release, a, a)]
        ));
        assert!(!holds(
            BuiltIn::Lock,
            &[(acquire, a, a), (release, b, b), (acquire, a, a)]
        ));
    }
    let (a5, b5) = (r#"["a" 5]"#, r#"["b" 5]"#);
    assert!(holds(
        BuiltIn::FencedLock,
        &[("acquire", a, a5), ("acquire", b, b5), ("release", a5, a5)]
    ));
    let (a1, b2) = (r#"["a" 1]"#, r#"["b" 2]"#);
    assert!(holds(
        BuiltIn::CasRegister,
        &[("w", a1, a1), ("w", b2, b2), ("r", a, a1)]
    ));
    assert!(holds(
        BuiltIn::Set,
        &[("add", a1, a1), ("add", b2, b2), ("read-all", a, r#"["a" [1]]"#)]
    ));
}

#[test]
fn a_lock_whose_pairs_may_be_keys_or_not_is_refused() {
    let calls = one_by_one(&[("acquire", r#"["a" 1]"#, r#"["a" 1]"#)]);
    let error = check_calls(&calls, BuiltIn::Lock, &Options::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no op tells whether it begins with a key"),
        "{error}"
    );
}
