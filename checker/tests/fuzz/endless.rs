//! Input without an end: a device, a pipe, a file of gigabytes on one line. Each must be refused while little of it is
//! held.

use std::io::{self, Read};

use splitbrain_checker::codec::{Format, read_from};
use splitbrain_checker::history::Problem;

use crate::memory::most_held;

/// Gives `first`, and then `again` for ever, and counts.
struct Endless {
    first: Vec<u8>,
    /// `again`, repeated to a block.
    block: Vec<u8>,
    given: u64,
}

impl Endless {
    fn new(first: &str, again: &str) -> Self {
        Self {
            first: first.as_bytes().to_vec(),
            block: again.as_bytes().repeat(10_000),
            given: 0,
        }
    }
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = if self.first.is_empty() {
            &self.block
        } else {
            &self.first
        };
        let some = from.len().min(into.len());
        into[..some].copy_from_slice(&from[..some]);
        match self.first.is_empty() {
            true => self.block.rotate_left(some),
            false => drop(self.first.drain(..some)),
        }
        self.given += some as u64;
        Ok(some)
    }
}

/// What may be held: a window, and the values of one op.
const HELD_MAX: u64 = 1 << 30;
/// What may be read of it: no more than a few windows.
const READ_MAX: u64 = 64 << 20;

const HEADER: &str =
    "{\"splitbrain\":\"history\",\"version\":1,\"model\":\"register\",\"nodes\":[],\"read_modes\":[]}\n";

#[test]
fn a_line_without_an_end_is_refused_with_little_memory() {
    let edn = "{:process 0 :type :invoke :f :write :value ";
    let json = "[{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":";
    let log = "INFO  jepsen.util - 0\t:invoke\t:write\t";
    for (format, first, again) in [
        (Format::Native, "", "x"),
        (Format::Native, HEADER, "1"),
        (Format::JepsenEdn, edn, "1"),
        (Format::JepsenEdn, &format!("{edn}\""), "a"),
        (Format::JepsenEdn, &format!("{edn}["), "1 "),
        (Format::JepsenEdn, edn, "["),
        (Format::JepsenEdn, ";", "comment "),
        (Format::JepsenEdn, edn, "#_ a "),
        (Format::PorcupineKv, &format!("{edn}\""), "a"),
        (Format::ElleJson, &format!("{json}\""), "a"),
        (Format::ElleJson, &format!("{json}["), "1,"),
        (Format::ElleJson, json, "["),
        (Format::ElleJson, json, "1"),
        (Format::KnossosLog, "", "x"),
        (Format::KnossosLog, log, "1"),
    ] {
        let mut input = Endless::new(first, again);
        let (read, held) = most_held(|| read_from(&mut input, Some(format), "h"));
        let what = format!("{format}, {first}{again}...");
        let problem = read.expect_err(&what).problem;
        assert!(
            matches!(
                problem,
                Problem::OpTooLong | Problem::LineTooLong | Problem::Syntax { .. } | Problem::Header(_)
            ),
            "{what}: {problem}"
        );
        assert!(held < HELD_MAX, "{what}: {held} bytes held");
        assert!(input.given < READ_MAX, "{what}: {} bytes read", input.given);
    }
}
