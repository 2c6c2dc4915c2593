//! The fast reading of native files against the plain one: every line by the JSON parser, one after the other.

use std::io::{self, BufRead, BufReader, Read};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::super::native_line::parse_written;
use super::super::{NativeWriter, NodeName, ReadModeId};
use super::*;

const SEED_FILE: &[u8] = include_bytes!("../../../tests/fuzz/seeds/native.jsonl");

/// Reads line by line, every one by the JSON parser.
fn read_plainly(mut input: impl BufRead, name: &str) -> Result<Parsed, ReadError> {
    let mut line = 0;
    read_line_by_line(&mut input, &mut line).map_err(|problem| ReadError {
        file: name.to_owned(),
        line,
        problem,
    })
}

fn read_line_by_line(input: &mut impl BufRead, number: &mut u64) -> Result<Parsed, Problem> {
    *number = 1;
    let (text, _) = next_line(input)?.ok_or(Problem::Empty)?;
    let header = parse_header(&text)?;
    let mut builder = HistoryBuilder::new(&header);
    let names = Names::new(&header);
    let mut warnings = Vec::new();
    let mut events = 0;
    loop {
        *number += 1;
        let Some((text, is_ended)) = next_line(input)? else {
            break;
        };
        match parse_line(&text) {
            Ok(line) => {
                line.check_index(events)?;
                builder.push(&line.into_event(&header, &names, &builder)?)?;
                events += 1;
            }
            Err(_) if !is_ended => warnings.push(Warning::CutOff {
                line: *number,
                bytes: text.len(),
            }),
            Err(problem) => return Err(problem),
        }
    }
    Ok(Parsed {
        header,
        history: builder.finish(),
        warnings,
    })
}

/// The next line with its newline, and whether it has one.
fn next_line(input: &mut impl BufRead) -> Result<Option<(Vec<u8>, bool)>, Problem> {
    let mut line = Vec::new();
    let mut bounded = input.take(MAX_LINE_BYTES as u64 + 1);
    let read = bounded.read_until(b'\n', &mut line)?;
    let is_ended = line.last() == Some(&b'\n');
    if read > MAX_LINE_BYTES && !is_ended {
        return Err(Problem::LineTooLong);
    }
    Ok((read > 0).then_some((line, is_ended)))
}

struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn maybe<T>(&mut self, value: T) -> Option<T> {
        (self.below(2) == 0).then_some(value)
    }

    fn number(&mut self) -> u64 {
        let any = self.0.next_u64();
        match self.below(8) {
            0 => u64::MAX - any % 3,
            1 => i64::MAX as u64 + any % 3,
            2 => any,
            _ => any % 1000,
        }
    }

    fn value(&mut self) -> Value {
        Value(self.number() as i64)
    }

    fn answer(&mut self) -> Answer {
        let (value, version, term) = (self.value(), self.number(), self.number());
        let (is_nil, node, error) = (self.maybe(()).is_some(), self.node(), self.number() as u16);
        let observed = if is_nil { None } else { Some(value) };
        Answer {
            observed: self.maybe(observed),
            version: self.maybe(Version(version)),
            served_by: self.maybe(node),
            term: self.maybe(term),
            error: self.maybe(error),
        }
    }

    fn node(&mut self) -> NodeName {
        NodeName(self.below(header().nodes.len()) as u16)
    }

    fn event(&mut self) -> Event {
        let action = match self.below(3) {
            0 => Action::Read,
            1 => Action::Write { value: self.value() },
            _ => Action::Cas {
                from: self.value(),
                to: self.value(),
            },
        };
        let (node, mode) = (self.node(), ReadModeId(self.below(2) as u8));
        let kind = match self.below(4) {
            0 => EventKind::Invoke {
                read_mode: self.maybe(mode),
                node: self.maybe(node),
            },
            1 => EventKind::Ok(self.answer()),
            2 => EventKind::Fail(self.answer()),
            _ => EventKind::Info(self.answer()),
        };
        Event {
            time_ns: self.number(),
            process: ProcessId(self.number()),
            key: Key(self.number()),
            action,
            kind,
        }
    }

    /// Changes one byte, takes one out, puts one in, or repeats a piece.
    fn mutate(&mut self, text: &mut Vec<u8>) {
        const BYTES: &[u8] = b"0123456789-+.eE,:[]{}\"\\ntu \t\r\n\x00\x7f\xc3\xb1";
        let at = self.below(text.len());
        let byte = BYTES[self.below(BYTES.len())];
        match self.below(4) {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            2 => drop(text.remove(at)),
            _ => {
                let end = (at + self.below(40)).min(text.len());
                let piece = text[at..end].to_vec();
                text.splice(end..end, piece);
            }
        }
        if text.is_empty() {
            text.push(byte);
        }
    }
}

fn draw(seed: u64) -> Draw {
    Draw(ChaCha8Rng::seed_from_u64(seed))
}

fn header() -> Header {
    Header {
        model: DataModel::CasRegister,
        nodes: ["n1", "a node", "n\"2", "ñ"].map(str::to_owned).to_vec(),
        read_modes: vec!["log".to_owned(), "lease".to_owned()],
    }
}

fn written(events: impl IntoIterator<Item = Event>) -> Vec<u8> {
    let mut writer = NativeWriter::new(Vec::new(), &header()).expect("memory takes all");
    for event in events {
        writer.write(&event).expect("memory takes all");
    }
    writer.finish().expect("memory takes all")
}

/// The line of one event, without the header.
fn line(event: Event) -> Vec<u8> {
    let text = written([event]);
    let newline = text.iter().position(|b| *b == b'\n').expect("a header ends");
    text[newline + 1..].to_vec()
}

#[test]
fn a_line_that_is_taken_is_what_the_json_parser_makes_of_it() {
    let mut draw = draw(1);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..500_000 {
        let mut text = line(draw.event());
        let has_plain_names = !text.iter().any(|b| *b == b'\\' || *b >= 0x80);
        assert_eq!(parse_written(&text).is_some(), has_plain_names);
        for _ in 0..1 + draw.below(3) {
            draw.mutate(&mut text);
        }
        match parse_written(&text) {
            None => refused += 1,
            Some((line, length)) => {
                taken += 1;
                assert_eq!(parse_line(&text[..length]).expect("it was taken"), line);
                assert!(
                    text.get(length..)
                        .is_none_or(|rest| rest.is_empty() || text[length - 1] == b'\n')
                );
            }
        }
    }
    assert!(
        taken > 20_000 && refused > 50_000,
        "{taken} taken, {refused} refused"
    );
}

/// Whether both readings end alike: with the same history and warnings, or with the same words about the same line.
fn assert_same(text: &[u8], sizes: Sizes) {
    let words = |read: Result<Parsed, ReadError>| {
        read.map(|p| (p.header, p.history, p.warnings))
            .map_err(|error| error.to_string())
    };
    let fast = words(read_in_pieces(text, "h", sizes));
    let plain = words(read_plainly(text, "h"));
    assert_eq!(fast, plain, "{}", String::from_utf8_lossy(text));
}

#[test]
fn a_file_reads_the_same_however_it_is_cut_to_pieces() {
    let mut draw = draw(2);
    let mut texts = vec![SEED_FILE.to_vec()];
    texts.extend((0..20).map(|_| coherent(&mut draw)));
    for round in 0..20_000 {
        let mut text = texts[round % texts.len()].clone();
        for _ in 0..draw.below(3) {
            draw.mutate(&mut text);
        }
        text.truncate(text.len() - draw.below(2) * draw.below(text.len()));
        let sizes = Sizes {
            window: 1 + draw.below(600),
            chunk: 1 + draw.below(300),
        };
        assert_same(&text, sizes);
        assert_same(&text, Sizes::default());
    }
}

/// A file whose events follow from each other, so that reading does not end at once.
fn coherent(draw: &mut Draw) -> Vec<u8> {
    let events = (0..40).map(|number| {
        let (process, is_invoked) = (number / 2 % 3, number % 2 == 0);
        let kind = if is_invoked {
            EventKind::Invoke {
                read_mode: draw.maybe(ReadModeId(0)),
                node: draw.maybe(NodeName(2)),
            }
        } else {
            EventKind::Ok(Answer {
                observed: None,
                ..draw.answer()
            })
        };
        Event {
            time_ns: number * 10,
            process: ProcessId(process),
            key: Key(1),
            action: Action::Write {
                value: Value(number as i64 / 2),
            },
            kind,
        }
    });
    written(events)
}

#[test]
fn lines_of_every_length_about_the_bound_read_the_same() {
    let good = br#"{"index":0,"time":1,"type":"invoke","process":0,"f":"read","key":1,"node":"n1"}"#;
    for length in MAX_LINE_BYTES - 2..MAX_LINE_BYTES + 4 {
        for (byte, end) in [
            (b' ', "\n"),
            (b' ', ""),
            (b'x', "\n"),
            (b'x', ""),
            (b'n', "\n"),
            (b'n', ""),
        ] {
            let mut text = written([]);
            let at = text.len() + if byte == b'n' { good.len() - 2 } else { good.len() };
            text.extend_from_slice(good);
            text.splice(at..at, std::iter::repeat_n(byte, length - good.len()));
            text.extend_from_slice(end.as_bytes());
            for window in [1, 1000, MAX_LINE_BYTES, 1 << 20] {
                assert_same(&text, Sizes { window, chunk: 100 });
            }
        }
    }
}

/// An input that fails where it ends.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn what_comes_before_a_failure_of_the_input_is_judged_first() {
    let mut long = SEED_FILE.to_vec();
    long.extend(std::iter::repeat_n(b'x', MAX_LINE_BYTES + 1));
    let texts = (0..SEED_FILE.len()).map(|end| &SEED_FILE[..end]);
    for text in texts.chain([&long[..], b"{}\n"]) {
        let sizes = Sizes {
            window: 700,
            chunk: 90,
        };
        let fast = read_in_pieces(BufReader::new(Failing(text)), "h", sizes);
        let plain = read_plainly(BufReader::new(Failing(text)), "h");
        let words = |read: Result<Parsed, ReadError>| read.expect_err("it fails").to_string();
        assert_eq!(words(fast), words(plain));
    }
}
