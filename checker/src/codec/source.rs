//! Text as it comes out of a reader: a window that holds one op at a time, so that a file of any length, or one without
//! an end, takes no more memory than its ops do.

use std::io::Read;

use crate::history::Problem;

/// The text of one op, or of the blanks and comments between two, is no longer than this. A read of a set of a
/// million elements fits.
pub(super) const MAX_OP_BYTES: usize = 16 << 20;
/// So much is read at a time, at least.
const CHUNK_BYTES: usize = 64 << 10;

/// A window on the text of a reader. What was used is forgotten; more is read when what is there does not suffice.
#[derive(Debug)]
pub(super) struct Source<R> {
    input: R,
    window: String,
    /// The first byte of the window that was not used.
    at: usize,
    /// The line of that byte, counted from 1.
    line: u64,
    /// Bytes at the end of what was read that are the beginning of a character.
    partial: Vec<u8>,
    is_ended: bool,
    /// How many bytes may still be read.
    left: u64,
}

impl<R: Read> Source<R> {
    /// The text of `input`, which is no longer than `max_bytes`.
    pub(super) fn new(input: R, max_bytes: u64) -> Self {
        Self {
            input,
            window: String::new(),
            at: 0,
            line: 1,
            partial: Vec::new(),
            is_ended: false,
            left: max_bytes,
        }
    }

    /// What is in the window and not used.
    pub(super) fn rest(&self) -> &str {
        &self.window[self.at..]
    }

    /// Whether nothing follows the window.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// The line of what is not used.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The line of a byte of [`Source::rest`].
    pub(super) fn line_of(&self, at: usize) -> u64 {
        let before = &self.rest().as_bytes()[..at.min(self.rest().len())];
        self.line + before.iter().filter(|byte| **byte == b'\n').count() as u64
    }

    /// Uses so many bytes.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.line = self.line_of(bytes);
        self.at += bytes;
    }

    /// Uses what `is_blank` says of the beginning of the text, reading on while there is nothing else.
    pub(super) fn skip(&mut self, is_blank: impl Fn(char) -> bool) -> Result<(), (u64, Problem)> {
        loop {
            let rest = self.rest();
            self.consume(rest.len() - rest.trim_start_matches(&is_blank).len());
            if !self.rest().is_empty() || self.is_ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads on. What is read doubles the window, so that an op that is tried again with every filling costs no more
    /// than twice its length.
    pub(super) fn fill(&mut self) -> Result<(), (u64, Problem)> {
        if self.rest().len() > MAX_OP_BYTES {
            return Err((self.line, Problem::OpTooLong));
        }
        self.window.drain(..self.at);
        self.at = 0;
        let wanted = self.window.len().max(CHUNK_BYTES);
        let mut bytes = std::mem::take(&mut self.partial);
        let mut bounded = (&mut self.input).take((wanted as u64).min(self.left));
        let read = bounded
            .read_to_end(&mut bytes)
            .map_err(|error| (0, error.into()))?;
        self.left -= read as u64;
        if self.left == 0 {
            return Err((0, Problem::FileTooLong));
        }
        self.is_ended = read < wanted;
        self.take(bytes)
    }

    /// Puts bytes at the end of the window, as far as they are whole characters.
    fn take(&mut self, bytes: Vec<u8>) -> Result<(), (u64, Problem)> {
        match String::from_utf8(bytes) {
            Ok(text) => self.window.push_str(&text),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let is_cut = error.utf8_error().error_len().is_none();
                let bytes = error.into_bytes();
                let text = String::from_utf8_lossy(&bytes[..valid]);
                self.window.push_str(&text);
                if !is_cut || self.is_ended {
                    return Err((self.line_of(self.rest().len()), Problem::NotText));
                }
                self.partial = bytes[valid..].to_vec();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::Source;
    use crate::history::Problem;

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn the_window_moves_on_and_counts_lines() {
        let text = "é\n".repeat(100_000);
        let mut source = Source::new(Slow(text.as_bytes()), 1 << 30);
        let mut read = 0;
        loop {
            source.skip(|_| false).expect("it is text");
            if source.rest().is_empty() {
                break;
            }
            let some = source.rest().chars().take(7).map(char::len_utf8).sum();
            read += some;
            source.consume(some);
        }
        assert_eq!((read, source.line()), (text.len(), 100_001));
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused() {
        let mut text = "a\n".repeat(40_000).into_bytes();
        text.push(0xc3);
        let mut source = Source::new(&text[..], 1 << 30);
        source.fill().expect("the first window is text");
        source.consume(source.rest().len());
        assert!(matches!(source.fill(), Err((40_001, Problem::NotText))));
        let mut source = Source::new(&text[..], 1_000);
        assert!(matches!(source.fill(), Err((0, Problem::FileTooLong))));
    }
}
