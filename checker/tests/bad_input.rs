//! What can be wrong with a history, in each format: each is an error that names file and line, or, where the file was
//! only cut off, a warning.

use splitbrain_checker::call::Calls;
use splitbrain_checker::codec::{Content, Format, Imported, read_bytes};
use splitbrain_checker::history::Warning;
use splitbrain_checker::model::{BuiltIn, check_calls};

const HEADER: &str =
    "{\"splitbrain\":\"history\",\"version\":1,\"model\":\"cas-register\",\"nodes\":[],\"read_modes\":[]}\n";

/// One event in the words of a format. Logs and Porcupine's histories have no times.
fn event(format: Format, kind: &str, process: u64, f: &str, value: Option<&str>, time: u64) -> String {
    match format {
        Format::Native | Format::ElleJson => {
            let value = value.map_or(String::new(), |value| format!(",\"value\":{value}"));
            let key = if format == Format::Native {
                ",\"key\":1"
            } else {
                ""
            };
            let event = format!(
                "{{\"type\":\"{kind}\",\"process\":{process},\"f\":\"{f}\",\"time\":{time}{key}{value}}}"
            );
            event + if format == Format::Native { "\n" } else { ",\n" }
        }
        Format::KnossosLog => {
            let value = value.map_or("nil", |value| value);
            format!("INFO  jepsen.util - {process}\t:{kind}\t:{f}\t{value}\n")
        }
        _ => {
            let value = value.map_or(String::new(), |value| {
                format!(" :value {}", value.replace("null", "nil"))
            });
            let place = match format {
                Format::PorcupineKv => ":key \"x\"".to_owned(),
                _ => format!(":time {time}"),
            };
            format!("{{:process {process} :type :{kind} :f :{f} {place}{value}}}\n")
        }
    }
}

/// A file of these events; the first is on this line.
fn file(format: Format, events: &[String]) -> (String, u64) {
    let events = events.concat();
    match format {
        Format::Native => (HEADER.to_owned() + &events, 2),
        Format::ElleJson => (format!("[{}]\n", events.trim_end_matches(",\n")), 1),
        _ => (events, 1),
    }
}

fn read(format: Format, events: &[String]) -> Result<Imported, String> {
    let (text, _) = file(format, events);
    read_bytes(text.as_bytes(), format, "h").map_err(|error| error.to_string())
}

/// The file is refused at the line of that event, for that reason.
fn refused(format: Format, events: &[String], at: u64, why: &str) {
    let (text, first) = file(format, events);
    let error = read_bytes(text.as_bytes(), format, "h")
        .map(|_| ())
        .expect_err(&text)
        .to_string();
    let place = format!("h:{}: ", first + at);
    assert!(
        error.starts_with(&place) && error.contains(why),
        "{format}: {error}: {text}"
    );
}

#[test]
fn a_completion_without_an_invocation() {
    for format in Format::ALL {
        let events = [event(format, "ok", 1, "read", Some("null"), 5)];
        refused(
            format,
            &events,
            0,
            "process 1 completes an op that it has not invoked",
        );
    }
}

#[test]
fn two_ops_open_on_one_process() {
    for format in Format::ALL {
        let events = [
            event(format, "invoke", 1, "read", None, 5),
            event(format, "invoke", 1, "read", None, 6),
        ];
        refused(format, &events, 1, "process 1 invokes an op while its");
    }
}

#[test]
fn time_that_goes_backward() {
    for format in [Format::Native, Format::JepsenEdn, Format::ElleJson] {
        let events = [
            event(format, "invoke", 1, "read", None, 5),
            event(format, "ok", 1, "read", Some("null"), 4),
        ];
        refused(format, &events, 1, "time goes backward, from 5 ns to 4 ns");
    }
}

#[test]
fn a_value_of_the_wrong_kind() {
    let events = [event(Format::Native, "invoke", 1, "write", Some("\"a\""), 5)];
    refused(Format::Native, &events, 0, "");
    for format in [Format::JepsenEdn, Format::ElleJson, Format::KnossosLog] {
        let events = [
            event(format, "invoke", 1, "add", Some("\"a\""), 5),
            event(format, "ok", 1, "add", Some("\"a\""), 6),
        ];
        wrong_for(
            format,
            BuiltIn::Counter,
            &events,
            "the value of `add` must be an integer, but is a string",
        );
    }
    let events = [
        event(Format::PorcupineKv, "invoke", 1, "put", Some("[1]"), 5),
        event(Format::PorcupineKv, "ok", 1, "put", Some("[1]"), 6),
    ];
    wrong_for(
        Format::PorcupineKv,
        BuiltIn::Kv,
        &events,
        "the value of `put` must be",
    );
}

/// The model refuses the calls, and the place of the event is known.
fn wrong_for(format: Format, model: BuiltIn, events: &[String], why: &str) {
    let read = read(format, events).expect("it is well formed");
    let bad = check_calls(&calls(&read), model, &Default::default()).expect_err("the value is wrong");
    assert!(bad.to_string().contains(why), "{format}: {bad}");
    let line = read.line_of(bad.event);
    assert!(matches!(line, Some(1 | 2)), "{format}: {line:?}");
}

fn calls(read: &Imported) -> Calls {
    match &read.content {
        Content::Calls(calls) => calls.clone(),
        Content::Native(_) => panic!("these are calls"),
    }
}

#[test]
fn keyed_and_unkeyed_values_in_one_file() {
    for format in [Format::JepsenEdn, Format::ElleJson, Format::KnossosLog] {
        let (keyed, pair) = match format {
            Format::ElleJson => ("[7,null]", "[7,1]"),
            _ => ("[7 nil]", "[7 1]"),
        };
        let events = [
            event(format, "invoke", 1, "read", Some(keyed), 1),
            event(format, "ok", 1, "read", Some(pair), 2),
            event(format, "invoke", 2, "write", Some("4"), 3),
            event(format, "ok", 2, "write", Some("4"), 4),
        ];
        refused(format, &events, 2, "some ops name a key and some do not");
    }
    let unkeyed = event(Format::PorcupineKv, "invoke", 2, "get", None, 3).replace(":key \"x\"", "");
    let events = [event(Format::PorcupineKv, "invoke", 1, "get", None, 1), unkeyed];
    refused(
        Format::PorcupineKv,
        &events,
        1,
        "some ops name a key and some do not",
    );
    let events = [event(Format::Native, "invoke", 1, "read", None, 1).replace(",\"key\":1", "")];
    refused(Format::Native, &events, 0, "missing field `key`");
}

#[test]
fn an_empty_file() {
    for format in Format::ALL {
        for text in ["", "\n \n"] {
            let error = read_bytes(text.as_bytes(), format, "h")
                .map(|_| ())
                .expect_err("it is empty")
                .to_string();
            assert!(error.starts_with("h:1: "), "{format}: {error}");
        }
    }
}

#[test]
fn bytes_that_are_no_text() {
    for format in Format::ALL {
        let (text, first) = file(format, &[event(format, "invoke", 1, "read", None, 1)]);
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(b"\xff\xfe\n");
        let error = read_bytes(&bytes, format, "h")
            .map(|_| ())
            .expect_err("it is no text")
            .to_string();
        assert!(
            error.starts_with(&format!("h:{}: ", first + 1)),
            "{format}: {error}"
        );
    }
}

#[test]
fn a_last_line_that_is_cut_off() {
    for format in Format::ALL {
        let whole = [
            event(format, "invoke", 1, "read", None, 1),
            event(format, "ok", 1, "read", Some("null"), 2),
            event(format, "invoke", 2, "write", Some("4"), 3),
        ];
        let (text, first) = file(format, &whole);
        let end = text.rfind("write").expect("it is there");
        let read = read_bytes(&text.as_bytes()[..end + 2], format, "h").expect("what comes before is whole");
        let [Warning::CutOff { line, bytes }] = read.warnings[..] else {
            panic!("{format}: {:?}", read.warnings);
        };
        assert_eq!(line, first + 2, "{format}");
        assert!(bytes > 0, "{format}");
    }
}

/// A line of a log that was cut before it said that it is an event.
#[test]
fn a_log_that_is_cut_before_the_event() {
    let text = event(Format::KnossosLog, "invoke", 1, "read", None, 1) + "INFO  jeps";
    let read = read_bytes(text.as_bytes(), Format::KnossosLog, "h").expect("the first line is whole");
    assert_eq!(read.warnings, [Warning::CutOff { line: 2, bytes: 10 }]);
}

#[test]
fn numbers_beyond_all_bounds() {
    for format in Format::ALL {
        let huge = "9".repeat(1000);
        let events = [
            event(format, "invoke", 1, "write", Some(&huge), 1),
            event(format, "ok", 1, "write", Some(&huge), 2),
        ];
        match read(format, &events) {
            // Where any value will do it is kept as it was written; a register of integers refuses it.
            Ok(read) => assert_eq!(calls(&read).calls.len(), 1),
            Err(error) => assert!(error.starts_with("h:"), "{format}: {error}"),
        }
    }
}
