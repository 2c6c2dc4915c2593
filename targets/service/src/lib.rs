//! The replicated state machine that the bundled systems serve, and the protocol that its clients speak.
//!
//! [`Registers`] is the state machine: integer keys that hold integer values, each with the version of its write.
//! [`Command`], [`Query`] and [`Answer`] are what travels through a protocol core as opaque bytes. [`wire`] is the
//! newline-delimited JSON that clients speak with a node; both ends use it.
//!
//! Nothing here does I/O, and nothing knows which protocol orders the commands.

mod operation;
mod registers;
pub mod wire;

pub use operation::{Answer, Command, DecodeError, Query};
pub use registers::Registers;
