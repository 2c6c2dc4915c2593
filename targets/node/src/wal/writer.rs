//! The thread that writes the log. What was queued while it wrote is written next, all of it in one piece and
//! under one `fdatasync`: the busier the node, the more records share the cost of a sync (group commit).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde::Serialize;
use tokio::sync::watch;

use super::segment::{Segment, WalError};

/// What one [`Ready`](splitbrain_consensus::Ready) wants persisted.
#[derive(Debug)]
pub struct Batch<R> {
    /// Reported once the batch and all before it are persisted.
    pub position: u64,
    /// The records, oldest first.
    pub records: Vec<R>,
    /// Whether they replace the whole log. Replacements are always synced.
    pub replace: bool,
    /// Whether they must have reached the disk before they count as persisted.
    pub sync: bool,
}

/// How far the log is.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Everything up to this position is persisted.
    Persisted(u64),
    /// The log cannot be written any more. Nothing after the last position persisted may be relied on.
    Failed(Arc<WalError>),
}

/// The handle of the log's thread. Dropping it writes what is queued, then ends the thread.
#[derive(Debug)]
pub struct Writer<R> {
    batches: Option<Sender<Batch<R>>>,
    thread: Option<JoinHandle<()>>,
}

impl<R: Serialize + Send + 'static> Writer<R> {
    /// Starts the thread. Positions begin above 0.
    #[must_use]
    pub fn start(segment: Segment) -> (Self, watch::Receiver<Progress>) {
        let (batches, queue) = channel();
        let (report, progress) = watch::channel(Progress::Persisted(0));
        let thread = std::thread::Builder::new()
            .name("wal".into())
            .spawn(move || {
                if let Err(error) = write_all(segment, &queue, &report) {
                    report.send_replace(Progress::Failed(Arc::new(error)));
                }
            })
            .expect("the system grants a thread at start");
        (
            Self {
                batches: Some(batches),
                thread: Some(thread),
            },
            progress,
        )
    }

    /// Queues a batch. After a failure it is dropped: nothing will be reported for it.
    pub fn submit(&self, batch: Batch<R>) {
        if let Some(batches) = &self.batches {
            // The receiver is gone only after a failure, which the other channel reports.
            let _ = batches.send(batch);
        }
    }
}

impl<R> Drop for Writer<R> {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by itself, and ends the node's main loop by the closed channel.
            let _ = thread.join();
        }
    }
}

fn write_all<R: Serialize>(
    mut segment: Segment,
    queue: &Receiver<Batch<R>>,
    report: &watch::Sender<Progress>,
) -> Result<(), WalError> {
    while let Ok(first) = queue.recv() {
        let (mut position, mut sync) = (0, false);
        for batch in std::iter::once(first).chain(std::iter::from_fn(|| queue.try_recv().ok())) {
            position = batch.position;
            if batch.replace {
                segment.replace(&batch.records)?;
                sync = false;
            } else {
                segment.append(&batch.records);
                sync |= batch.sync;
            }
        }
        segment.flush(sync)?;
        report.send_replace(Progress::Persisted(position));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(position: u64, records: &[u64], replace: bool) -> Batch<u64> {
        Batch {
            position,
            records: records.to_vec(),
            replace,
            sync: position.is_multiple_of(2),
        }
    }

    #[test]
    fn a_dropped_writer_has_written_all_that_was_queued_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (segment, _) = Segment::open::<u64>(folder.path()).unwrap();
        let (writer, progress) = Writer::start(segment);
        writer.submit(batch(1, &[1, 2], false));
        writer.submit(batch(2, &[3], false));
        writer.submit(batch(3, &[10], true));
        writer.submit(batch(4, &[11, 12], false));
        drop(writer);
        assert!(matches!(*progress.borrow(), Progress::Persisted(4)));
        assert_eq!(Segment::open::<u64>(folder.path()).unwrap().1, [10, 11, 12]);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_reported_and_persists_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (segment, _) = Segment::open::<u64>(folder.path()).unwrap();
        folder.close().unwrap();
        let (writer, progress) = Writer::start(segment);
        writer.submit(batch(1, &[10], true));
        drop(writer);
        let Progress::Failed(error) = &*progress.borrow() else {
            panic!("{progress:?}")
        };
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }
}
