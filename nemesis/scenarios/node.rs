//! The process that a scenario's nodes run: it answers pings, tries on request whether it reaches another node,
//! takes memory, ignores a signal, and dies.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, SigHandler, Signal};

use crate::Outcome;

/// How many threads a node has at least.
pub(crate) const THREADS: usize = 4;
pub(crate) const PORT: u16 = 7000;
/// A connection on this network takes well under a millisecond; one that has to wait for longer is cut. The first
/// repetition of a SYN comes after a second.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

pub(crate) fn serve(address: &str, clock: &str, data: Option<&str>) -> Outcome {
    let log = data.map(|data| Log::open(Path::new(data)).unwrap_or_else(|error| give_up(&error)));
    let log = Arc::new(Mutex::new(log));
    let listener = TcpListener::bind((address.parse::<Ipv4Addr>()?, PORT))?;
    let _ = fs::remove_file(clock);
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
        let log = Arc::clone(&log);
        thread::spawn(move || {
            // A client that went away is no business of the others'.
            let _ = answer(&stream, &log);
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

fn answer(mut stream: &TcpStream, log: &Mutex<Option<Log>>) -> std::io::Result<()> {
    let mut taken: Vec<u8> = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let reply = match line.split_once(' ') {
            Some(("reach", address)) => match address.parse() {
                Ok(address) => ask(address, "ping").map_or("no".to_owned(), |_| "yes".to_owned()),
                Err(_) => "malformed".to_owned(),
            },
            Some(("log", request)) => match log.lock().ok().as_deref_mut() {
                Some(Some(log)) => log.answer(request).unwrap_or_else(|error| give_up(&error)),
                _ => "no log".to_owned(),
            },
            Some(("ignore", signal)) => {
                ignore(signal);
                "ignored".to_owned()
            }
            Some(("take", bytes)) => {
                taken.resize(taken.len() + bytes.parse::<usize>().unwrap_or(0), 0);
                format!("{} bytes", taken.len())
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

/// A file of one letter, again and again, which a node has for its log.
struct Log {
    file: File,
}

const LETTER: u8 = b'L';
/// How long the log is in the beginning, in bytes.
pub(crate) const LOG_BYTES: usize = 4000;

impl Log {
    fn open(data: &Path) -> std::io::Result<Self> {
        let path = data.join("log");
        match fs::read(&path) {
            // The last letter may be that of a torn write.
            Ok(found)
                if found
                    .split_last()
                    .is_some_and(|(_, all)| all.iter().all(|at| *at == LETTER)) => {}
            Ok(_) => return Err(std::io::Error::other("the log is corrupt")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs::write(&path, [LETTER; LOG_BYTES])?;
                File::open(&path)?.sync_all()?;
                File::open(data)?.sync_all()?;
            }
            Err(error) => return Err(error),
        }
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { file })
    }

    fn answer(&mut self, request: &str) -> std::io::Result<String> {
        match request.split_once(' ') {
            Some(("append", letters)) => {
                let letters = letters.parse().map_err(std::io::Error::other)?;
                self.file.write_all(&vec![LETTER; letters])?;
            }
            _ if request == "sync" => self.file.sync_data()?,
            _ => {}
        }
        Ok(self.file.metadata()?.len().to_string())
    }
}

/// Ends as a node should whose disk fails.
fn give_up(error: &std::io::Error) -> ! {
    eprintln!("stopped, since the log fails: {error}");
    std::process::exit(4)
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
