//! Lines out of a byte stream, of bounded length, without a copy.

/// The longest line that either end accepts, in bytes without the newline. A request is about 100 bytes long.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// A line was longer than the limit. It was dropped; the next line is read as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {limit} bytes")]
pub struct LineTooLong {
    /// The limit in bytes.
    pub limit: usize,
}

/// Collects received bytes and cuts them into lines. Memory stays within the limit and one receive.
#[derive(Debug)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the first line not handed out yet begins.
    start: usize,
    /// Up to where that line was searched for its newline.
    searched: usize,
    /// Whether the rest of a line that was too long is being dropped.
    dropping: bool,
    limit: usize,
}

impl Default for LineBuffer {
    fn default() -> Self {
        Self::new(MAX_LINE_BYTES)
    }
}

impl LineBuffer {
    /// A buffer for lines of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            searched: 0,
            dropping: false,
            limit,
        }
    }

    /// Where to append received bytes. Lines handed out before are gone from it.
    pub fn spare(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        &mut self.bytes
    }

    /// The next whole line without its newline, or `None` until more bytes arrive.
    ///
    /// # Errors
    /// Once for each line over the limit.
    pub fn next_line(&mut self) -> Option<Result<&[u8], LineTooLong>> {
        loop {
            let newline = self.bytes[self.searched..].iter().position(|&byte| byte == b'\n');
            let (from, found) = (self.start, newline.map(|at| self.searched + at));
            let end = found.unwrap_or(self.bytes.len());
            let too_long = end - from > self.limit;
            self.searched = end;
            if let Some(end) = found {
                (self.start, self.searched) = (end + 1, end + 1);
                if std::mem::take(&mut self.dropping) {
                    continue;
                }
            } else if self.dropping || too_long {
                self.start = end;
                if std::mem::replace(&mut self.dropping, true) {
                    return None;
                }
            } else {
                return None;
            }
            if too_long {
                return Some(Err(LineTooLong { limit: self.limit }));
            }
            return Some(Ok(&self.bytes[from..end]));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(limit: usize, pieces: &[&[u8]]) -> Vec<Result<Vec<u8>, LineTooLong>> {
        let mut buffer = LineBuffer::new(limit);
        let mut lines = Vec::new();
        for piece in pieces {
            buffer.spare().extend_from_slice(piece);
            while let Some(line) = buffer.next_line() {
                lines.push(line.map(<[u8]>::to_vec));
            }
        }
        lines
    }

    #[test]
    fn a_line_over_the_limit_is_reported_once_and_the_next_is_read() {
        let too_long = Err(LineTooLong { limit: 3 });
        let expected = vec![Ok(b"ab".to_vec()), too_long, Ok(b"cde".to_vec())];
        assert_eq!(cut(3, &[b"ab\n1234567890\ncde\n"]), expected);
        assert_eq!(cut(3, &[b"ab\n1234", b"567", b"890\nc", b"de\n"]), expected);
    }

    #[test]
    fn an_endless_line_does_not_grow_the_buffer() {
        let mut buffer = LineBuffer::new(8);
        for _ in 0..1000 {
            buffer.spare().extend_from_slice(&[b'x'; 100]);
            while buffer.next_line().is_some() {}
            assert!(buffer.spare().len() <= 8);
        }
    }

    proptest! {
        #[test]
        fn cutting_does_not_depend_on_how_the_bytes_arrive(
            text in "[ab\n]{0,60}",
            cuts in prop::collection::vec(0..60usize, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let whole: Vec<_> = bytes.split_inclusive(|&byte| byte == b'\n').filter_map(|l| l.strip_suffix(b"\n"))
                .map(|line| if line.len() > 5 { Err(LineTooLong { limit: 5 }) } else { Ok(line.to_vec()) })
                .collect();
            let mut lines = cut(5, &pieces);
            // A last line over the limit is reported before its newline has come.
            let rest = bytes.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
            if rest.len() > 5 {
                prop_assert_eq!(lines.pop(), Some(Err(LineTooLong { limit: 5 })));
            }
            prop_assert_eq!(lines, whole);
        }
    }
}
