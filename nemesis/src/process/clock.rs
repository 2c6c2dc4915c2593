//! The clock of a node's process: orders that bend it, and readings from the outside.
//!
//! A node that has a clock to bend listens on a socket in the file system, which no partition reaches. A line is an
//! order (`show`, `jump MICROS`, `rate FACTOR`), and is answered by the microseconds that the clock then shows.
//! Whatever a process shows, it showed it between the order and the answer, both read on the
//! harness's own clock: so what is said of a node's clock here are bounds, not estimates.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Where a node takes orders to its clock. Clones are of the same clock.
#[derive(Clone, Debug)]
pub struct ClockControl {
    socket: PathBuf,
    claimed: Arc<AtomicBool>,
}

/// The sole right to bend a clock, for as long as this value lives.
#[derive(Debug)]
pub struct ClockClaim(Arc<AtomicBool>);

impl Drop for ClockClaim {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What can be ordered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockOrder {
    /// Only to tell what it shows.
    Show,
    /// To be set ahead by so many microseconds, or back: it then stands still until it has caught up.
    Jump(i64),
    /// To run at this rate; 1 is right.
    Rate(f64),
}

impl fmt::Display for ClockOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Show => f.write_str("show"),
            Self::Jump(micros) => write!(f, "jump {micros}"),
            Self::Rate(rate) => write!(f, "rate {rate}"),
        }
    }
}

/// What a node's clock showed at some moment between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The process whose clock it is.
    pub pid: u32,
    /// Before the order.
    pub asked: Instant,
    /// After the answer.
    pub answered: Instant,
    /// What it showed.
    pub shown_us: u64,
}

/// Between what and what something lies, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The least that it can be.
    pub least_us: f64,
    /// The most that it can be.
    pub most_us: f64,
}

impl ClockReading {
    /// By how much the clock has gained since `earlier`, a reading of the same clock.
    #[must_use]
    pub fn gained_since(&self, earlier: &Self) -> Bounds {
        let shown = self.shown_us as f64 - earlier.shown_us as f64;
        let micros = |span: Duration| span.as_secs_f64() * 1e6;
        let longest = self.answered.saturating_duration_since(earlier.asked);
        let shortest = self.asked.saturating_duration_since(earlier.answered);
        // What is shown is cut off to whole microseconds, at both ends.
        Bounds {
            least_us: shown - micros(longest) - 1.0,
            most_us: shown - micros(shortest) + 1.0,
        }
    }
}

impl ClockControl {
    /// Orders are taken at this socket.
    #[must_use]
    pub fn at(socket: PathBuf) -> Self {
        let claimed = Arc::default();
        Self { socket, claimed }
    }

    /// Claims the clock, unless somebody has: what two bend at once, neither could prove.
    #[must_use]
    pub fn claim(&self) -> Option<ClockClaim> {
        let was_claimed = self.claimed.swap(true, Ordering::Acquire);
        (!was_claimed).then(|| ClockClaim(Arc::clone(&self.claimed)))
    }

    /// Gives an order, and reads the clock right after it was carried out. Where there is no answer in time the order
    /// may be carried out later all the same: a stopped process finds it when it goes on.
    ///
    /// # Errors
    /// If the node cannot be reached, does not answer within `patience`, or refuses.
    pub fn order(&self, order: ClockOrder, patience: Duration) -> io::Result<ClockReading> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let pid = getsockopt(&stream, PeerCredentials)?.pid().unsigned_abs();
        let asked = Instant::now();
        stream.write_all(format!("{order}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        let answered = Instant::now();
        let shown_us = answer.trim_end().parse().map_err(|_| {
            let problem = format!("the answer to `{order}` is `{}`", answer.trim_end());
            io::Error::new(io::ErrorKind::InvalidData, problem)
        })?;
        Ok(ClockReading {
            pid,
            asked,
            answered,
            shown_us,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_bent_by_one_at_a_time() {
        let control = ClockControl::at("clock".into());
        let claim = control.claim().unwrap();
        assert!(control.clone().claim().is_none());
        drop(claim);
        assert!(control.claim().is_some());
    }

    #[test]
    fn what_a_clock_has_gained_is_bounded_by_when_it_can_have_been_read() {
        let origin = Instant::now();
        let reading = |asked_ms, answered_ms, shown_us| ClockReading {
            pid: 1,
            asked: origin + Duration::from_millis(asked_ms),
            answered: origin + Duration::from_millis(answered_ms),
            shown_us,
        };
        let gained = reading(100, 103, 600_000).gained_since(&reading(0, 2, 0));
        assert!((gained.least_us - (600_000.0 - 103_000.0 - 1.0)).abs() < 0.01);
        assert!((gained.most_us - (600_000.0 - 98_000.0 + 1.0)).abs() < 0.01);
        let lost = reading(100, 100, 92_000).gained_since(&reading(0, 0, 0));
        assert!(lost.most_us < -7_990.0 && lost.least_us > -8_010.0);
    }
}
