//! Orders to bend the node's clock, as the ones that a quartz, a careless operator or a time server would give.
//!
//! The node listens on a socket in the file system, which no partition reaches. One line is one order, and is
//! answered by a line with the microseconds that the clock shows once it is carried out:
//!
//! ```text
//! show            nothing changes
//! jump MICROS     the clock is set ahead, or back where negative
//! rate FACTOR     it runs at this rate from now on
//! ```
//!
//! What makes no sense is answered by a line that begins with `error`, and changes nothing.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use crate::clock::ShellClock;

/// How long the node waits when it cannot take a connection, as for want of descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Listens at `path`. A socket that an earlier life left there is replaced.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// Carries out orders until the task is dropped.
pub(crate) async fn accept_orders(listener: UnixListener, clock: ShellClock) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(take_orders(stream, clock.clone()))),
            // Whoever wanted to connect gets no answer, and so knows.
            Err(_) => sleep(ACCEPT_RETRY).await,
        }
    }
}

async fn take_orders(stream: UnixStream, clock: ShellClock) {
    let (orders, mut answers) = stream.into_split();
    let mut lines = BufReader::new(orders).lines();
    while let Ok(Some(order)) = lines.next_line().await {
        let answer = match carry_out(&order, &clock) {
            Ok(()) => format!("{}\n", clock.now().0),
            Err(problem) => format!("error: {problem}\n"),
        };
        if answers.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn carry_out(order: &str, clock: &ShellClock) -> Result<(), String> {
    match order.split_once(' ').unwrap_or((order, "")) {
        ("show", "") => {}
        ("jump", micros) => {
            let micros = micros
                .parse()
                .map_err(|_| format!("`{micros}` is no number of microseconds"))?;
            clock.jump(micros);
            tracing::info!(micros, "the clock was set");
        }
        ("rate", rate) => {
            let parsed = rate.parse()?;
            clock.set_rate(parsed);
            tracing::info!(rate, "the rate of the clock was set");
        }
        _ => return Err(format!("`{order}` is no order")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use splitbrain_consensus::Time;

    use super::*;
    use crate::clock::ClockRate;

    async fn ask(stream: &mut BufReader<UnixStream>, order: &str) -> String {
        stream.get_mut().write_all(order.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_line(&mut answer).await.unwrap();
        answer.trim_end().to_owned()
    }

    #[tokio::test]
    async fn orders_bend_the_clock_and_are_answered_by_what_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let clock = ShellClock::start(ClockRate::default());
        drop(listen(&path).unwrap());
        // In place of what the earlier life left.
        let orders = tokio::spawn(accept_orders(listen(&path).unwrap(), clock.clone()));
        let mut stream = BufReader::new(UnixStream::connect(&path).await.unwrap());
        let hour: u64 = 3_600_000_000;
        let shown: u64 = ask(&mut stream, &format!("jump {hour}\n")).await.parse().unwrap();
        assert!(shown >= hour && clock.now() >= Time(hour));
        let again: u64 = ask(&mut stream, "jump -1800000000\n").await.parse().unwrap();
        assert!(again >= shown, "it never runs backward");
        assert_eq!(
            ask(&mut stream, "show\n").await,
            again.to_string(),
            "it stands still"
        );
        for wrong in ["jump\n", "jump x\n", "rate 0\n", "show me\n", "\n"] {
            assert!(ask(&mut stream, wrong).await.starts_with("error: "), "{wrong:?}");
        }
        orders.abort();
    }
}
