//! The process that a scenario's nodes run: it answers pings, tries on request whether it reaches another node,
//! and dies on request.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::Outcome;

/// How many threads a node has at least.
pub(crate) const THREADS: usize = 4;
const PORT: u16 = 7000;
/// A connection on this network takes well under a millisecond; one that has to wait for longer is cut. The first
/// repetition of a SYN comes after a second.
const PATIENCE: Duration = Duration::from_millis(250);

pub(crate) fn serve(address: &str) -> Outcome {
    let listener = TcpListener::bind((address.parse::<Ipv4Addr>()?, PORT))?;
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

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let reply = match line.split_once(' ') {
            Some(("reach", address)) => match address.parse() {
                Ok(address) => ask(address, "ping").map_or("no".to_owned(), |_| "yes".to_owned()),
                Err(_) => "malformed".to_owned(),
            },
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
