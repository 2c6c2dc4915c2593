//! Damage to histories. What a fuzzer draws is not a file but a list of edits to one that is right: random bytes never
//! get beyond the first line of a parser, whereas these reach the rules of histories, and the checkers behind them.

use bolero::TypeGenerator;

/// A mutant is no longer than this, so that one that is doubled again and again stays fast.
const MAX_BYTES: usize = 64 << 10;
/// What the formats are made of, and what has been too much for parsers of others.
const TOKENS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "#{",
    "#_ ",
    "#x ",
    "^",
    "\\",
    "\\newline ",
    "\"",
    "\\u",
    "\\ud83d",
    ",",
    ":",
    ";",
    "\n",
    "\t",
    " ",
    "\u{feff}",
    "nil",
    "null",
    "true",
    "##Inf",
    "1N",
    "1.5M",
    "-1",
    "0",
    "1e309",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999",
    "-9223372036854775808",
    ":invoke",
    ":ok",
    ":fail",
    ":info",
    ":process",
    ":type",
    ":time",
    ":key",
    ":value",
    ":f",
    ":read",
    ":cas",
    ":nemesis",
    "\"type\":\"ok\"",
    "\"process\":0",
    "\"time\":5",
    "\"value\":null",
    "\"value\":[1,2]",
    "\"f\":\"read\"",
    "\"found\":1",
    "\"error\":22",
    "\"index\":2",
    "jepsen.util - ",
    "{}",
    "[]",
    "[1 2]",
    "[1,2]",
    "[[[[[[[[",
    "{:a {:a {:a ",
    "\u{0}",
    "\r\n",
    "é",
    "😀",
];

/// One edit. Places are taken modulo the length of the text.
#[derive(Clone, Debug, TypeGenerator)]
pub(crate) enum Edit {
    /// Puts a token in.
    Insert { at: u16, token: u8 },
    /// Replaces a byte, by whatever: most are no text then.
    Byte { at: u16, byte: u8 },
    /// Takes something out.
    Delete { at: u16, length: u8 },
    /// Repeats something: nesting, long words, many ops.
    Repeat { at: u16, length: u8, times: u8 },
    /// Takes a line out, or doubles it, or moves it to the end.
    Line { at: u8, how: u8 },
    /// Replaces the number at or after a place.
    Number { at: u16, by: i64 },
    /// Puts in some lines of another file.
    Splice {
        at: u16,
        seed: u8,
        from: u16,
        length: u16,
    },
    /// Ends the file.
    Cut { at: u16 },
}

/// `seed` after `edits`.
pub(crate) fn apply(seeds: &[&[u8]], seed: u8, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = seeds[usize::from(seed) % seeds.len()].to_vec();
    for edit in edits {
        one(&mut bytes, seeds, edit);
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

fn one(bytes: &mut Vec<u8>, seeds: &[&[u8]], edit: &Edit) {
    let place = |at: u16| usize::from(at) % (bytes.len() + 1);
    match *edit {
        Edit::Insert { at, token } => {
            let token = TOKENS[usize::from(token) % TOKENS.len()];
            let at = place(at);
            bytes.splice(at..at, token.bytes());
        }
        Edit::Byte { at, byte } => {
            let at = place(at);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        Edit::Delete { at, length } => {
            let at = place(at);
            bytes.drain(at..(at + usize::from(length)).min(bytes.len()));
        }
        Edit::Repeat { at, length, times } => {
            let at = place(at);
            let part = bytes[at..(at + usize::from(length)).min(bytes.len())].repeat(times.into());
            bytes.splice(at..at, part);
        }
        Edit::Line { at, how } => line(bytes, at.into(), how),
        Edit::Number { at, by } => number(bytes, place(at), by),
        Edit::Splice {
            at,
            seed,
            from,
            length,
        } => {
            let other = seeds[usize::from(seed) % seeds.len()];
            let from = usize::from(from) % (other.len() + 1);
            let part = &other[from..(from + usize::from(length)).min(other.len())];
            let at = place(at);
            bytes.splice(at..at, part.iter().copied());
        }
        Edit::Cut { at } => bytes.truncate(place(at)),
    }
}

fn line(bytes: &mut Vec<u8>, at: usize, how: u8) {
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.is_empty() {
        return;
    }
    let at = at % lines.len();
    match how % 3 {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        _ => {
            let line = lines.remove(at);
            lines.push(line);
        }
    }
    *bytes = lines.concat();
}

fn number(bytes: &mut Vec<u8>, at: usize, by: i64) {
    let Some(from) = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) else {
        return;
    };
    let to = (from..bytes.len())
        .find(|at| !bytes[*at].is_ascii_digit())
        .unwrap_or(bytes.len());
    bytes.splice(from..to, by.to_string().bytes());
}
