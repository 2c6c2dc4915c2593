//! Carrying out effects: at the state machine, and towards the clients of this node.

use splitbrain_consensus::{Effect, Refusal, RequestId, StateMachine};
use splitbrain_service::Answer;
use splitbrain_service::wire::{ErrorCode, ReplyBody, Served};

use super::Host;
use crate::clients::ReplyTo;
use crate::protocols::Hosted;
use crate::serve::NodeError;

impl<P: Hosted> Host<P> {
    /// Carries effects out in their order. Returns whether that gave the core something new.
    pub(super) fn effects(&mut self, effects: Vec<Effect>) -> Result<bool, NodeError> {
        if effects.is_empty() {
            return Ok(false);
        }
        let served = self.served();
        let mut fed = false;
        for effect in effects {
            match effect {
                Effect::Restore { snapshot, version } => {
                    self.state.restore(&snapshot).map_err(NodeError::Snapshot)?;
                    tracing::info!(version = version.0, bytes = snapshot.len(), "restored a snapshot");
                }
                Effect::Apply {
                    version,
                    origin,
                    command,
                } => {
                    let result = self.state.apply(version, &command);
                    if let Some(reply_to) = origin.and_then(|id| self.close(id)) {
                        reply_to.reply(self.me, served, body(&result));
                    }
                }
                Effect::Read { id, query } => fed |= self.read(id, &query, served),
                Effect::Answer {
                    id,
                    result,
                    served_by,
                    term,
                } => {
                    if let Some(reply_to) = self.close(id) {
                        let served = Served {
                            node: Some(served_by),
                            era: Some(P::ERA(term)),
                            ..Served::default()
                        };
                        reply_to.reply(self.me, served, body(&result));
                    }
                }
                Effect::Refuse { id, refusal } => {
                    if let Some(reply_to) = self.close(id) {
                        reply_to.reply(self.me, served, refused(refusal));
                    }
                }
                Effect::TakeSnapshot { version } => {
                    let snapshot = self.state.snapshot();
                    tracing::info!(version = version.0, bytes = snapshot.len(), "took a snapshot");
                    self.core.snapshot_taken(version, snapshot);
                    fed = true;
                }
            }
        }
        Ok(fed)
    }

    /// Reads for a client of this node, or for the core where it asks for another node's client. Returns whether
    /// the core was given the result.
    fn read(&mut self, id: RequestId, query: &[u8], served: Served) -> bool {
        let result = self.state.query(query);
        if id.node != self.me {
            self.core.read_result(id, result);
            return true;
        }
        if let Some(reply_to) = self.close(id) {
            reply_to.reply(self.me, served, body(&result));
        }
        false
    }

    /// Ends a request of this node's present life, and of no other.
    fn close(&mut self, id: RequestId) -> Option<ReplyTo> {
        let ours = id.node == self.me && id.incarnation == self.incarnation;
        if ours { self.pending.close(id.seq) } else { None }
    }
}

fn body(result: &[u8]) -> ReplyBody {
    match Answer::decode(result) {
        Ok(answer) => answer.into(),
        Err(error) => ReplyBody::error(ErrorCode::CRASH, error.to_string()),
    }
}

fn refused(refusal: Refusal) -> ReplyBody {
    match refusal {
        Refusal::Unavailable => ReplyBody::error(
            ErrorCode::TEMPORARILY_UNAVAILABLE,
            "no leader is known here, or it may not serve yet",
        ),
        Refusal::Unknown => ReplyBody::error(
            ErrorCode::CRASH,
            "leadership changed: the request may or may not take effect",
        ),
        Refusal::NotSupported => ReplyBody::error(ErrorCode::NOT_SUPPORTED, "the protocol does not do that"),
    }
}
