//! The recorder: the one place where the history of a run is written down.
//!
//! An event takes its time, its index and its line in the file under one lock, so the file is in the order of
//! time. The clock is read after a client has decided to ask and before its request can leave, and again after
//! the answer has arrived: the recorded interval always contains the true one, which errs on the side of the
//! system. Lines are formatted in memory; a thread of its own carries them to the disk, so a disk that is busy
//! with the nodes' logs does not hold up the clients.

mod clock;
mod sink;

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use splitbrain_checker::history::{
    Action, Answer, Event, EventKind, Header, Key, NativeWriter, NodeName, ProcessId, ReadModeId,
};

pub use clock::Clock;
use sink::{BlockSink, Carrier};

/// What a SIGKILL may cost of the history's tail.
const FLUSH_INTERVAL: Duration = Duration::from_millis(50);

/// One op, as it is named to the recorder when it begins and again when it ends.
#[derive(Clone, Copy, Debug)]
pub struct OpStart {
    /// Who asks.
    pub process: ProcessId,
    /// Which register.
    pub key: Key,
    /// What for.
    pub action: Action,
    /// The read mode of the process.
    pub read_mode: ReadModeId,
    /// The node that the client talks to.
    pub node: NodeName,
}

/// How many ops there were so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Invoked.
    pub invoked: u64,
    /// Ended `ok`.
    pub ok: u64,
    /// Ended `fail`.
    pub fail: u64,
    /// Ended `info`.
    pub info: u64,
    /// When the first ok op was recorded.
    pub first_ok_ns: Option<u64>,
}

impl Tally {
    /// Ops that have begun but not ended.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.invoked - self.ok - self.fail - self.info
    }
}

/// Records a history into a file.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    clock: Clock,
    carrier: Carrier,
    flusher: Flusher,
}

/// A handle for those who make events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pen {
    shared: Arc<Shared>,
    clock: Clock,
}

#[derive(Debug)]
struct Shared {
    page: Mutex<Page>,
}

#[derive(Debug)]
struct Page {
    /// None once the history is closed.
    writer: Option<NativeWriter<BlockSink>>,
    tally: Tally,
}

impl Page {
    fn writer(&mut self) -> io::Result<&mut NativeWriter<BlockSink>> {
        self.writer
            .as_mut()
            .ok_or_else(|| io::Error::new(io::ErrorKind::BrokenPipe, "the history is closed"))
    }
}

impl Shared {
    /// A panic elsewhere leaves a page of whole lines, which is worth keeping.
    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    /// Creates the file and writes the header.
    ///
    /// # Errors
    /// If the file cannot be created or written.
    pub fn create(path: &Path, header: &Header, clock: Clock) -> io::Result<Self> {
        let (sink, carrier) = sink::open(path)?;
        let page = Page {
            writer: Some(NativeWriter::new(sink, header)?),
            tally: Tally::default(),
        };
        let shared = Arc::new(Shared {
            page: Mutex::new(page),
        });
        let flusher = Flusher::start(Arc::clone(&shared))?;
        Ok(Self {
            shared,
            clock,
            carrier,
            flusher,
        })
    }

    /// A handle to record with.
    #[must_use]
    pub fn pen(&self) -> Pen {
        Pen {
            shared: Arc::clone(&self.shared),
            clock: self.clock,
        }
    }

    /// Writes the rest and closes the file. Pens that are still out fail from here on.
    ///
    /// # Errors
    /// The first error of the disk, of now or of any time before.
    pub fn finish(self) -> io::Result<Tally> {
        self.flusher.stop();
        let (writer, tally) = {
            let mut page = self.shared.page();
            (page.writer.take(), page.tally)
        };
        // Dropping the sink is what tells the carrier that this was all.
        let flushed = writer.map_or(Ok(()), |writer| writer.finish().map(drop));
        // The carrier knows the disk's own error; the writer only knows that its carrier is gone.
        self.carrier.join()?;
        flushed?;
        Ok(tally)
    }
}

impl Pen {
    /// The clock of the history.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Records that an op begins, and returns when. Only then may the request leave.
    ///
    /// # Errors
    /// If the history can no longer be written: the op must not be asked for.
    pub fn invoke(&self, op: &OpStart) -> io::Result<u64> {
        let kind = EventKind::Invoke {
            read_mode: Some(op.read_mode),
            node: Some(op.node),
        };
        self.write(op, kind, |tally, _| tally.invoked += 1)
    }

    /// Records that an op happened. To be called after its answer has arrived; so are the other two.
    ///
    /// # Errors
    /// If the history can no longer be written.
    pub fn ok(&self, op: &OpStart, answer: Answer) -> io::Result<u64> {
        self.write(op, EventKind::Ok(answer), |tally, now| {
            tally.ok += 1;
            tally.first_ok_ns.get_or_insert(now);
        })
    }

    /// Records that an op definitely did not happen.
    ///
    /// # Errors
    /// If the history can no longer be written.
    pub fn fail(&self, op: &OpStart, answer: Answer) -> io::Result<u64> {
        self.write(op, EventKind::Fail(answer), |tally, _| tally.fail += 1)
    }

    /// Records that nobody knows whether an op happened. Its process must not be used again.
    ///
    /// # Errors
    /// If the history can no longer be written.
    pub fn info(&self, op: &OpStart, answer: Answer) -> io::Result<u64> {
        self.write(op, EventKind::Info(answer), |tally, _| tally.info += 1)
    }

    /// How many ops there were so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.page().tally
    }

    fn write(&self, op: &OpStart, kind: EventKind, count: impl FnOnce(&mut Tally, u64)) -> io::Result<u64> {
        let mut page = self.shared.page();
        let time_ns = self.clock.now_ns();
        let event = Event {
            time_ns,
            process: op.process,
            key: op.key,
            action: op.action,
            kind,
        };
        page.writer()?.write(&event)?;
        count(&mut page.tally, time_ns);
        Ok(time_ns)
    }
}

/// Hands over every [`FLUSH_INTERVAL`] what was recorded since.
#[derive(Debug)]
struct Flusher {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Flusher {
    fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("history-flush".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(FLUSH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    // An error of the disk comes back to whoever records next, and from `finish`.
                    if shared.page().writer().and_then(NativeWriter::flush).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        // It cannot panic: it only flushes.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::{Outcome, Value, Version, read_native_file};

    use super::*;

    fn header() -> Header {
        Header {
            nodes: vec!["n1".into(), "n2".into()],
            read_modes: vec!["log".into()],
            ..Header::default()
        }
    }

    fn op(process: u64, action: Action) -> OpStart {
        let (key, read_mode, node) = (Key(3), ReadModeId(0), NodeName(1));
        OpStart {
            process: ProcessId(process),
            key,
            action,
            read_mode,
            node,
        }
    }

    #[test]
    fn what_is_recorded_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path, &header(), Clock::start()).unwrap();
        let pen = recorder.pen();
        let (write, read) = (op(0, Action::Write { value: Value(7) }), op(1, Action::Read));
        let cas = op(
            2,
            Action::Cas {
                from: Value(7),
                to: Value(8),
            },
        );
        let invoked = pen.invoke(&write).unwrap();
        pen.invoke(&read).unwrap();
        let completed = pen
            .ok(
                &write,
                Answer {
                    version: Some(Version(4)),
                    ..Answer::default()
                },
            )
            .unwrap();
        pen.invoke(&cas).unwrap();
        pen.fail(
            &read,
            Answer {
                error: Some(11),
                ..Answer::default()
            },
        )
        .unwrap();
        pen.info(
            &cas,
            Answer {
                error: Some(0),
                ..Answer::default()
            },
        )
        .unwrap();
        let tally = recorder.finish().unwrap();
        assert_eq!(
            (tally.invoked, tally.ok, tally.fail, tally.info, tally.open()),
            (3, 1, 1, 1, 0)
        );
        assert_eq!(tally.first_ok_ns, Some(completed));

        let history = read_native_file(&path).unwrap().history;
        let outcomes: Vec<Outcome> = history.ops.iter().map(|op| op.outcome).collect();
        assert_eq!(outcomes, [Outcome::Ok, Outcome::Fail, Outcome::Info]);
        assert_eq!(
            (history.ops[0].invoked_ns, history.ops[0].completed_ns),
            (invoked, Some(completed))
        );
        assert_eq!(history.ops[0].version, Some(Version(4)));
        assert_eq!(history.ops[1].node, Some(NodeName(1)));
    }

    #[test]
    fn events_of_many_threads_stand_in_the_order_of_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path, &header(), Clock::start()).unwrap();
        thread::scope(|scope| {
            for process in 0..4 {
                let pen = recorder.pen();
                scope.spawn(move || {
                    for value in 0..2_000 {
                        let op = op(process, Action::Write { value: Value(value) });
                        pen.invoke(&op).unwrap();
                        pen.ok(&op, Answer::default()).unwrap();
                    }
                });
            }
        });
        assert_eq!(recorder.finish().unwrap().ok, 8_000);
        // The reader refuses a file whose times or indices run backward.
        assert_eq!(read_native_file(&path).unwrap().history.ops.len(), 8_000);
    }

    #[test]
    fn a_closed_history_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let recorder =
            Recorder::create(&folder.path().join("history.jsonl"), &header(), Clock::start()).unwrap();
        let pen = recorder.pen();
        recorder.finish().unwrap();
        assert!(pen.invoke(&op(0, Action::Read)).is_err());
    }

    #[test]
    fn a_full_disk_is_an_error_of_finish() {
        let recorder = Recorder::create(Path::new("/dev/full"), &header(), Clock::start()).unwrap();
        assert_eq!(recorder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
