//! The client protocol: newline-delimited JSON over TCP, with the bodies and error codes of Maelstrom.
//!
//! ```text
//! {"src":"c1","dest":"n1","body":{"type":"read","msg_id":2,"key":3,"read_mode":"lease"}}
//! {"src":"n1","dest":"c1","body":{"type":"read_ok","in_reply_to":2,"value":5,"version":17,"node":"n1","role":"leader","term":2,"incarnation":1}}
//! ```
//!
//! A client may have many requests open on one connection; replies name theirs by `in_reply_to` and come in any
//! order, except where the protocol has sessions: there a connection's requests are served one after the other. What
//! Maelstrom does not know are the fields `read_mode`, `version`, `node`, `role`, `term` (or `epoch`), `incarnation`,
//! `last_seen` and `found`, and the requests `connect`, `status`, `change_members` and `transfer_leadership`. One
//! more difference: a read of a register that was never written is an answer, `"value":null` at version 0, and no
//! error 20, since for a checker it is an observation like any other.

mod error_codes;
mod lines;
mod names;
mod reply;
mod request;

pub use error_codes::{ERROR_CODES, ErrorCode, ErrorInfo, Outcome, outcome_of};
pub use lines::{LineBuffer, LineTooLong, MAX_LINE_BYTES};
pub use names::node_named;
pub use reply::{Era, Reply, ReplyBody, Served, UnreadableReply, decode_reply, encode_reply};
pub use request::{Rejected, Request, RequestBody, decode_request, encode_request};
