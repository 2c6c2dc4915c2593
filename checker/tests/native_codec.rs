//! The native format: what is written can be read, however the file was cut, and what is wrong is named.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain_checker::history::{
    Action, Answer, DataModel, Event, EventKind, Header, HistoryBuilder, Key, NativeWriter, NodeName,
    Outcome, Parsed, Problem, ProcessId, ReadError, ReadModeId, Value, Version, Warning, read_native,
};

const HEADER: &str = r#"{"splitbrain":"history","version":1,"model":"cas-register","nodes":["n1","n\"2"],"read_modes":["log","lease"]}"#;

fn header() -> Header {
    Header {
        model: DataModel::CasRegister,
        nodes: vec!["n1".to_owned(), "n\"2".to_owned()],
        read_modes: vec!["log".to_owned(), "lease".to_owned()],
    }
}

fn event(time_ns: u64, process: u64, action: Action, kind: EventKind) -> Event {
    Event {
        time_ns,
        process: ProcessId(process),
        key: Key(7),
        action,
        kind,
    }
}

fn events() -> Vec<Event> {
    let write = Action::Write {
        value: Value(i64::MIN),
    };
    let cas = Action::Cas {
        from: Value(-1),
        to: Value(i64::MAX),
    };
    let invoke = EventKind::Invoke {
        read_mode: Some(ReadModeId(1)),
        node: Some(NodeName(1)),
    };
    let full = Answer {
        observed: None,
        version: Some(Version(u64::MAX)),
        served_by: Some(NodeName(0)),
        term: Some(3),
        error: None,
    };
    let found = |observed| Answer {
        observed: Some(observed),
        error: Some(22),
        ..Answer::default()
    };
    vec![
        event(0, 0, write, invoke),
        event(
            1,
            1,
            cas,
            EventKind::Invoke {
                read_mode: None,
                node: None,
            },
        ),
        event(2, 0, write, EventKind::Ok(full)),
        event(2, 1, cas, EventKind::Fail(found(None))),
        event(3, 1, cas, invoke),
        event(4, 1, cas, EventKind::Fail(found(Some(Value(5))))),
        event(5, 0, Action::Read, invoke),
        event(
            6,
            0,
            Action::Read,
            EventKind::Ok(Answer {
                observed: Some(None),
                ..Answer::default()
            }),
        ),
        event(7, 0, cas, invoke),
        event(
            8,
            0,
            cas,
            EventKind::Info(Answer {
                error: Some(0),
                ..Answer::default()
            }),
        ),
        event(9, 2, write, invoke),
        event(u64::MAX, 1, Action::Read, invoke),
    ]
}

fn written() -> Vec<u8> {
    let mut writer = NativeWriter::new(Vec::new(), &header()).expect("writes to memory do not fail");
    for event in events() {
        writer.write(&event).expect("writes to memory do not fail");
    }
    writer.finish().expect("writes to memory do not fail")
}

fn read(text: &[u8]) -> Result<Parsed, ReadError> {
    read_native(text, "h.jsonl")
}

fn read_lines(lines: &[&str]) -> Result<Parsed, ReadError> {
    read((HEADER.to_owned() + "\n" + &lines.join("\n") + "\n").as_bytes())
}

#[test]
fn what_is_written_is_read_back_whole() {
    let mut builder = HistoryBuilder::new(&header());
    for event in events() {
        builder.push(&event).expect("the events are in order");
    }
    let parsed = read(&written()).expect("the file is whole");
    assert_eq!(parsed.header, header());
    assert_eq!(parsed.history, builder.finish());
    assert_eq!(parsed.warnings, []);
}

#[test]
fn lines_have_the_documented_shape() {
    let text = String::from_utf8(written()).expect("JSON is UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], HEADER);
    assert_eq!(
        lines[1],
        r#"{"index":0,"time":0,"type":"invoke","process":0,"f":"write","key":7,"value":-9223372036854775808,"read_mode":"lease","node":"n\"2"}"#
    );
    assert_eq!(
        lines[4],
        r#"{"index":3,"time":2,"type":"fail","process":1,"f":"cas","key":7,"value":[-1,9223372036854775807],"found":null,"error":22}"#
    );
    assert_eq!(
        lines[8],
        r#"{"index":7,"time":6,"type":"ok","process":0,"f":"read","key":7,"value":null}"#
    );
}

#[test]
fn a_file_cut_anywhere_reads_up_to_its_last_whole_line() {
    let whole = written();
    let header_end = HEADER.len();
    for cut in header_end..whole.len() {
        let parsed = read(&whole[..cut]).unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
        let whole_lines = whole[..cut]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            .saturating_sub(1);
        // A last line that lacks nothing but its newline is whole as well.
        let complete = whole[cut] == b'\n' && cut > header_end;
        let mut builder = HistoryBuilder::new(&header());
        for event in &events()[..whole_lines + usize::from(complete)] {
            builder.push(event).expect("the events are in order");
        }
        assert_eq!(parsed.history, builder.finish(), "cut at {cut}");
        let cut_off = cut > header_end && whole[cut - 1] != b'\n' && !complete;
        assert_eq!(parsed.warnings.len(), usize::from(cut_off), "cut at {cut}");
    }
}

#[test]
fn a_cut_off_line_is_named_in_the_warning() {
    let mut text = written();
    let lines = events().len() as u64 + 1;
    text.extend_from_slice(b"{\"index\":12,");
    assert_eq!(
        read(&text).expect("usable").warnings,
        [Warning::CutOff {
            line: lines + 1,
            bytes: 12
        }]
    );
}

#[test]
fn an_op_without_completion_is_info() {
    let parsed = read(&written()).expect("the file is whole");
    let last = parsed.history.ops.last().expect("has ops");
    assert_eq!(
        (last.outcome, last.completed_ns, last.end_ns()),
        (Outcome::Info, None, u64::MAX)
    );
}

#[test]
fn a_completion_may_leave_out_the_value_of_its_write() {
    let parsed = read_lines(&[
        r#"{"time":1,"type":"invoke","process":0,"f":"write","key":1,"value":9,"colour":"blue"}"#,
        r#"{"time":2,"type":"ok","process":0,"f":"write","key":1}"#,
    ])
    .expect("usable");
    assert_eq!(parsed.history.ops[0].outcome, Outcome::Ok);
}

/// What is wrong, the line it is on, and words that the message must contain.
fn broken(lines: &[&str], line: u64, words: &str) {
    let error = read_lines(lines).map(|p| p.history).expect_err(words);
    let text = error.to_string();
    assert_eq!(error.line, line, "{text}");
    assert!(text.starts_with(&format!("h.jsonl:{line}: ")), "{text}");
    assert!(text.contains(words), "{text:?} lacks {words:?}");
}

const READ: &str = r#"{"time":5,"type":"invoke","process":0,"f":"read","key":1}"#;
const READ_OK: &str = r#"{"time":6,"type":"ok","process":0,"f":"read","key":1,"value":3}"#;

#[test]
fn indices_have_no_holes_and_do_not_go_backward() {
    let first = READ.replacen('{', "{\"index\":0,", 1);
    let second = |index: u64| READ_OK.replacen('{', &format!("{{\"index\":{index},"), 1);
    assert!(read_lines(&[&first, &second(1)]).is_ok());
    // A line may lack its index, and counts all the same.
    assert!(read_lines(&[READ, &second(1)]).is_ok());
    assert!(read_lines(&[&first, READ_OK]).is_ok());
    broken(&[&first, &second(2)], 3, "index 2, but 1 events");
    broken(&[READ, &second(0)], 3, "index 0, but 1 events");
    broken(&[&second(1)], 2, "index 1, but 0 events");
}

#[test]
fn errors_name_file_line_and_reason() {
    broken(&[READ_OK], 2, "completes an op that it has not invoked");
    broken(
        &[READ, READ_OK, READ_OK],
        4,
        "completes an op that it has not invoked",
    );
    broken(&[READ, READ], 3, "still open");
    broken(
        &[
            READ,
            r#"{"time":4,"type":"ok","process":0,"f":"read","key":1,"value":3}"#,
        ],
        3,
        "time goes backward",
    );
    broken(
        &[READ, r#"{"time":6,"type":"ok","process":0,"f":"read","key":1}"#],
        3,
        "without a value",
    );
    broken(
        &[
            READ,
            r#"{"time":6,"type":"ok","process":0,"f":"read","key":1,"value":[1,2]}"#,
        ],
        3,
        "integer or null",
    );
    broken(
        &[
            READ,
            r#"{"time":6,"type":"ok","process":0,"f":"read","key":2,"value":3}"#,
        ],
        3,
        "read of key 2",
    );
    broken(
        &[
            READ,
            r#"{"time":6,"type":"ok","process":0,"f":"write","key":1,"value":3}"#,
        ],
        3,
        "write 3",
    );
    broken(
        &[
            READ,
            r#"{"time":6,"type":"fail","process":0,"f":"read","key":1,"value":3}"#,
        ],
        3,
        "observed a value",
    );
    broken(
        &[
            READ,
            r#"{"time":6,"type":"info","process":0,"f":"read","key":1}"#,
            READ,
        ],
        4,
        "time goes backward",
    );
    broken(
        &[
            READ,
            r#"{"time":6,"type":"info","process":0,"f":"read","key":1}"#,
            r#"{"time":7,"type":"invoke","process":0,"f":"read","key":1}"#,
        ],
        4,
        "retires the process",
    );
    broken(
        &[r#"{"time":5,"type":"invoke","process":0,"f":"append","key":1}"#],
        2,
        "unknown variant `append`",
    );
    broken(
        &[r#"{"time":5,"type":"invoke","process":0,"f":"write","key":1,"value":null}"#],
        2,
        "an integer",
    );
    broken(
        &[r#"{"time":5,"type":"invoke","process":0,"f":"write","key":1,"value":"x"}"#],
        2,
        "expected null",
    );
    broken(
        &[r#"{"time":5,"type":"invoke","process":0,"f":"cas","key":1,"value":3}"#],
        2,
        "[from, to]",
    );
    broken(
        &[r#"{"time":5,"type":"invoke","process":0,"f":"cas","key":1,"value":[1,2,3]}"#],
        2,
        "[from, to]",
    );
    broken(
        &[r#"{"time":5,"type":"invoke","process":0,"f":"read","key":1,"node":"n9"}"#],
        2,
        "node `n9`",
    );
    broken(
        &[r#"{"time":5,"type":"invoke","process":0,"f":"read","key":1,"read_mode":"x"}"#],
        2,
        "read mode `x`",
    );
    broken(
        &[r#"{"time":-5,"type":"invoke","process":0,"f":"read","key":1}"#],
        2,
        "not an event",
    );
    broken(&[READ, "", READ_OK], 3, "not an event");
    broken(&[READ, "{\"time\":6,\"ty", READ_OK], 3, "not an event");
}

#[test]
fn a_file_that_is_no_history_is_refused() {
    let problem = |text: &[u8]| read(text).map(|p| p.history).expect_err("no history").problem;
    assert!(matches!(problem(b""), Problem::Empty));
    assert!(matches!(problem(b"hello\n"), Problem::Header(_)));
    assert!(matches!(problem(READ.as_bytes()), Problem::Header(_)));
    assert!(matches!(
        problem(HEADER.replace(":1,", ":2,").as_bytes()),
        Problem::Version(2)
    ));
    assert!(matches!(problem(&vec![b' '; 1 << 20]), Problem::LineTooLong));
    let no_cas = HEADER.replace("cas-register", "register")
        + "\n{\"time\":5,\"type\":\"invoke\",\"process\":0,\"f\":\"cas\",\"key\":1,\"value\":[1,2]}\n";
    assert!(matches!(problem(no_cas.as_bytes()), Problem::NoCas));
    let mut long = HEADER.as_bytes().to_vec();
    long.push(b'\n');
    long.resize(1 << 20, b'x');
    let error = read(&long).map(|p| p.history).expect_err("the line has no end");
    assert!(matches!(error.problem, Problem::LineTooLong));
    assert_eq!(error.line, 2);
}

#[test]
fn the_writer_refuses_ids_that_the_header_does_not_name() {
    let mut writer = NativeWriter::new(Vec::new(), &Header::default()).expect("writes to memory do not fail");
    assert!(writer.write(&events()[0]).is_err());
    writer.write(&events()[1]).expect("names nothing");
    let text = writer.finish().expect("writes to memory do not fail");
    assert_eq!(
        read(&text)
            .expect("the refused event left nothing behind")
            .history
            .ops
            .len(),
        1
    );
}

#[test]
fn a_file_with_random_damage_is_read_or_refused_by_line() {
    let whole = written();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut below = |n: usize| (rng.next_u64() % n as u64) as usize;
    let (mut refused, mut used) = (0, 0);
    for _ in 0..20_000 {
        let mut text = whole.clone();
        for _ in 0..=below(3) {
            let at = below(text.len());
            match below(4) {
                0 => text[at] = below(256) as u8,
                1 => text[at] = b"0123456789,:[]{}\"\n"[below(18)],
                2 => drop(text.remove(at)),
                _ => text.insert(at, text[below(text.len())]),
            }
        }
        match read(&text) {
            Ok(parsed) => {
                assert!(parsed.history.ops.len() <= events().len());
                used += 1;
            }
            Err(error) => {
                let lines = text.split(|b| *b == b'\n').count() as u64;
                assert!((1..=lines).contains(&error.line), "{error}");
                refused += 1;
            }
        }
    }
    // Both ways are taken often; most damage shows, since indices are checked too.
    assert!(refused > 500 && used > 500, "{refused} refused, {used} used");
}
