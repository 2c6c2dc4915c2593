//! The lines after the header of a native file: read window by window, the lines of a window parsed in chunks side by
//! side, and handed on in their order. No more than a window and the lines in it is in memory at a time.

use std::io::{BufRead, ErrorKind};

use rayon::prelude::*;

use super::native::{Line, MAX_LINE_BYTES, parse_line};
use super::native_line::parse_written;
use super::{Problem, Warning};

/// How much of a file is in memory at a time: enough that handing out chunks costs nothing beside parsing them.
const WINDOW_BYTES: usize = 2 << 20;
/// What one thread parses at a time. A file that is shorter is parsed without others.
const CHUNK_BYTES: usize = 128 << 10;

/// How a file is cut to pieces, which changes nothing of what is read.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) window: usize,
    pub(super) chunk: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            window: WINDOW_BYTES,
            chunk: CHUNK_BYTES,
        }
    }
}

/// Gives every line of `input` to `take_line`, until the end or the first problem. `number` is the number of the line
/// before, and then of the line that was read last: the one with the problem, if there is one.
pub(super) fn for_each_line(
    input: &mut impl BufRead,
    sizes: Sizes,
    number: &mut u64,
    mut take_line: impl FnMut(Line<'_>) -> Result<(), Problem>,
) -> Result<Option<Warning>, Problem> {
    let mut window = Vec::new();
    loop {
        // What was read before a failure counts, as it would if it had been read line by line.
        let more = fill(input, sizes.window, &mut window);
        let whole = match (&more, after_last_newline(&window)) {
            (Ok(true) | Err(_), Some(end)) => end,
            (Err(_), None) => 0,
            // The last line, or one that is too long.
            (Ok(false), _) | (Ok(true), None) => window.len(),
        };
        let warning = take_lines(&window[..whole], sizes.chunk, number, &mut take_line)?;
        window.drain(..whole);
        match more {
            Ok(true) => {}
            Ok(false) => return Ok(warning),
            Err(problem) => {
                *number += 1;
                let is_too_long = window.len() > MAX_LINE_BYTES;
                return Err(if is_too_long {
                    Problem::LineTooLong
                } else {
                    problem
                });
            }
        }
    }
}

/// Reads into `window` until it has at least `size` bytes and a newline, or a line that is too long. Says whether
/// there may be more.
fn fill(input: &mut impl BufRead, size: usize, window: &mut Vec<u8>) -> Result<bool, Problem> {
    // What is left of the window before has no newline.
    let mut has_newline = false;
    loop {
        let enough = if has_newline { size } else { MAX_LINE_BYTES + 1 };
        if window.len() >= enough {
            return Ok(true);
        }
        let read = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read.is_empty() {
            return Ok(false);
        }
        let read = &read[..read.len().min(size)];
        has_newline = has_newline || read.contains(&b'\n');
        window.extend_from_slice(read);
        let length = read.len();
        input.consume(length);
    }
}

fn after_last_newline(text: &[u8]) -> Option<usize> {
    text.iter().rposition(|b| *b == b'\n').map(|at| at + 1)
}

/// Lines that were parsed, and why there are no more of them.
struct Chunk<'a> {
    lines: Vec<Line<'a>>,
    end: Option<End>,
}

/// What ends the reading.
enum End {
    Problem(Problem),
    CutOff { bytes: usize },
}

fn take_lines(
    text: &[u8],
    chunk_bytes: usize,
    number: &mut u64,
    take_line: &mut impl FnMut(Line<'_>) -> Result<(), Problem>,
) -> Result<Option<Warning>, Problem> {
    let chunks = split(text, chunk_bytes);
    let parsed: Vec<Chunk<'_>> = match chunks[..] {
        [] => Vec::new(),
        [chunk] => vec![parse_chunk(chunk)],
        _ => chunks.into_par_iter().map(parse_chunk).collect(),
    };
    for chunk in parsed {
        for line in chunk.lines {
            *number += 1;
            take_line(line)?;
        }
        if let Some(end) = chunk.end {
            *number += 1;
            match end {
                End::Problem(problem) => return Err(problem),
                End::CutOff { bytes } => return Ok(Some(Warning::CutOff { line: *number, bytes })),
            }
        }
    }
    Ok(None)
}

/// Cuts `text` after newlines, into pieces of `size` bytes or a little more.
fn split(mut text: &[u8], size: usize) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    while let Some(tail) = text.get(size..)
        && let Some(newline) = tail.iter().position(|b| *b == b'\n')
    {
        let (chunk, rest) = text.split_at(size + newline + 1);
        chunks.push(chunk);
        text = rest;
    }
    if !text.is_empty() {
        chunks.push(text);
    }
    chunks
}

/// Parses up to the first line that cannot be: nothing after it counts, and so a file of rubbish costs no memory.
fn parse_chunk(mut text: &[u8]) -> Chunk<'_> {
    let mut chunk = Chunk {
        lines: Vec::new(),
        end: None,
    };
    while !text.is_empty() && chunk.end.is_none() {
        let written = parse_written(text).filter(|(_, length)| *length <= MAX_LINE_BYTES);
        let length = match written {
            Some((line, length)) => {
                chunk.lines.push(line);
                length
            }
            None => {
                let line = first_line(text);
                match parse_any(line) {
                    Ok(line) => chunk.lines.push(line),
                    Err(end) => chunk.end = Some(end),
                }
                line.len()
            }
        };
        text = &text[length..];
    }
    chunk
}

fn first_line(text: &[u8]) -> &[u8] {
    let newline = text.iter().position(|b| *b == b'\n');
    newline.map_or(text, |at| &text[..=at])
}

/// Parses a line of any form, with its newline unless the input ends with it.
fn parse_any(line: &[u8]) -> Result<Line<'_>, End> {
    let is_ended = line.last() == Some(&b'\n');
    if line.len() - usize::from(is_ended) > MAX_LINE_BYTES {
        return Err(End::Problem(Problem::LineTooLong));
    }
    parse_line(line).map_err(|problem| match is_ended {
        true => End::Problem(problem),
        false => End::CutOff { bytes: line.len() },
    })
}
