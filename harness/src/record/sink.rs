//! Carries blocks of lines to a file on a thread of their own.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

/// How many blocks may wait for the disk before recording waits for it too: 64 MB at the writer's block size.
const BLOCKS_WAITING_MAX: usize = 1024;

/// The near end: takes what is written to it as blocks.
#[derive(Debug)]
pub(super) struct BlockSink {
    blocks: SyncSender<Vec<u8>>,
}

/// The far end.
#[derive(Debug)]
pub(super) struct Carrier {
    thread: JoinHandle<io::Result<()>>,
}

/// Creates the file and the thread that fills it.
pub(super) fn open(path: &Path) -> io::Result<(BlockSink, Carrier)> {
    let file = File::create(path)?;
    let (blocks, waiting) = mpsc::sync_channel(BLOCKS_WAITING_MAX);
    let thread = thread::Builder::new()
        .name("history-write".to_owned())
        .spawn(move || carry(file, &waiting))?;
    Ok((BlockSink { blocks }, Carrier { thread }))
}

fn carry(mut file: File, waiting: &Receiver<Vec<u8>>) -> io::Result<()> {
    while let Ok(block) = waiting.recv() {
        file.write_all(&block)?;
    }
    Ok(())
}

impl Write for BlockSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the history's file failed");
        self.blocks.send(bytes.to_vec()).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Carrier {
    /// Waits until everything is in the file. The sink must have been dropped.
    pub(super) fn join(self) -> io::Result<()> {
        let carried = self.thread.join();
        carried.unwrap_or_else(|_| Err(io::Error::other("the thread that writes the history panicked")))
    }
}
