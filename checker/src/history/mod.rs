//! The history of one run: operations with their intervals, outcomes and values; how they are recorded, written
//! down and read back.

mod error;
mod event;
mod native;
mod native_line;
mod native_lines;
mod native_writer;
mod pair;
mod types;

pub use error::{Problem, ReadError, Warning};
pub use event::{Answer, DataModel, Event, EventKind, Header};
pub use native::{Parsed, read_native, read_native_file};
pub use native_writer::NativeWriter;
pub use pair::{EventError, HistoryBuilder};
pub(crate) use types::sane_interval;
pub use types::{
    Action, History, Key, NodeName, Op, OpIndex, Outcome, ProcessId, ReadModeId, Value, Version,
};
