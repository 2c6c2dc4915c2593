//! The process that a scenario's nodes run: it answers pings, tries on request whether it reaches another node,
//! ignores a signal on request, and dies on request.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, SigHandler, Signal};

use crate::Outcome;

/// How many threads a node has at least.
pub(crate) const THREADS: usize = 4;
const PORT: u16 = 7000;
/// A connection on this network takes well under a millisecond; one that has to wait for longer is cut. The first
/// repetition of a SYN comes after a second.
const PATIENCE: Duration = Duration::from_millis(250);

pub(crate) fn serve(address: &str, clock: &str) -> Outcome {
    let listener = TcpListener::bind((address.parse::<Ipv4Addr>()?, PORT))?;
    let _ = std::fs::remove_file(clock);
    let orders = UnixListener::bind(clock)?;
    thread::spawn(move || take_orders(&orders));
    println!("listening");
    for _ in 1..THREADS {
        // Threads that do nothing, for a pause to stop as well.
        thread::spawn(|| {
            loop {
                thread::park();
            }
        });
    }
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            // A client that went away is no business of the others'.
            let _ = answer(&stream);
        });
    }
    Ok(())
}

/// A clock that takes orders, as those of the bundled nodes do.
struct Clock {
    since: Instant,
    micros: i64,
    rate: f64,
    floor: i64,
}

impl Clock {
    fn micros(&self) -> i64 {
        self.micros + (self.since.elapsed().as_micros() as f64 * self.rate) as i64
    }

    fn shown(&self) -> i64 {
        self.micros().max(self.floor)
    }

    fn carry_out(&mut self, order: &str) -> Option<()> {
        (self.micros, self.floor, self.since) = (self.micros(), self.shown(), Instant::now());
        match order.split_once(' ') {
            Some(("jump", micros)) => self.micros += micros.parse::<i64>().ok()?,
            Some(("rate", rate)) => self.rate = rate.parse().ok()?,
            _ => {}
        }
        Some(())
    }
}

fn take_orders(listener: &UnixListener) {
    let mut clock = Clock {
        since: Instant::now(),
        micros: 0,
        rate: 1.0,
        floor: 0,
    };
    for stream in listener.incoming().filter_map(Result::ok) {
        let mut order = String::new();
        if BufReader::new(&stream).read_line(&mut order).is_ok() {
            clock.carry_out(order.trim_end());
            // Who does not wait for the answer does not need it.
            let _ = (&stream).write_all(format!("{}\n", clock.shown()).as_bytes());
        }
    }
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let reply = match line.split_once(' ') {
            Some(("reach", address)) => match address.parse() {
                Ok(address) => ask(address, "ping").map_or("no".to_owned(), |_| "yes".to_owned()),
                Err(_) => "malformed".to_owned(),
            },
            Some(("ignore", signal)) => {
                ignore(signal);
                "ignored".to_owned()
            }
            Some(("die", code)) => {
                eprintln!("told to die with {code}");
                std::process::exit(code.parse().unwrap_or(1));
            }
            _ => format!("pong {}", std::process::id()),
        };
        stream.write_all(format!("{reply}\n").as_bytes())?;
    }
    Ok(())
}

/// Ignores a signal from now on.
fn ignore(signal: &str) {
    if let Ok(signal) = signal.parse::<Signal>() {
        // SAFETY: no handler is installed, and none is there that could be replaced.
        let _ = unsafe { signal::signal(signal, SigHandler::SigIgn) };
    }
}

/// Asks the node at `address`, and waits for its answer. `None` if there is none in time.
pub(crate) fn ask(address: Ipv4Addr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, PORT)), PATIENCE).ok()?;
    // A node that asks another one answers after its own patience.
    stream.set_read_timeout(Some(2 * PATIENCE)).ok()?;
    stream.write_all(format!("{request}\n").as_bytes()).ok()?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).ok()?;
    reply.ends_with('\n').then(|| reply.trim_end().to_owned())
}
