//! The write-ahead log: what a protocol persists, in one append-only segment file.
//!
//! - `format` is the bytes: each record has a marker, a length and a CRC-32 of its own.
//! - [`Segment`] is the file: created and replaced under a temporary name, so that it is whole or absent.
//! - [`Writer`] is the thread that appends: many batches, one `fdatasync`.
//!
//! **A torn tail and corruption are told apart.** A crash can cut short only what was never reported as
//! persisted, which lies at the end: a bad record with nothing readable after it is such a tail, and is cut off.
//! A bad record *before* a readable one, or inside the part that was synced before the segment got its name, was
//! persisted and is now lost. To go on without it would break promises made to other nodes, so opening fails.
//! (The write of one group may reach the disk out of order; a hole in it is refused as well, the safe side.)

mod format;
mod segment;
mod writer;

pub(crate) use segment::sync_folder;
pub use segment::{Segment, WalError};
pub use writer::{Batch, Progress, Writer};
