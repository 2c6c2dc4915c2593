//! A client's connection to a node, and what each way in which a call can end says about its op.
//!
//! The rule: an op is `fail` only if it certainly had no effect. Once a byte of the request may have left, nothing
//! but an answer of the node is certain, so a broken connection or a time-out is then `info`. A read that brings
//! no value is always `fail`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use splitbrain_consensus::{CatchUp, Incarnation, NodeId, Role, Version};
use splitbrain_service::wire::{
    ErrorCode, LineBuffer, Outcome, Reply, ReplyBody, Request, RequestBody, decode_reply, encode_request,
    outcome_of,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What it says about the op.
    pub outcome: Outcome,
    /// The node's answer, an `error` too; `None` where none came.
    pub reply: Option<Reply>,
    /// The error code: of the answer, or of what went wrong without one. `None` where the op is ok.
    pub error: Option<ErrorCode>,
    /// What went wrong, in words; empty where the op is ok.
    pub text: String,
}

impl Completion {
    /// The end of an op whose node could not even be reached: certainly without effect.
    #[must_use]
    pub fn unreachable(error: &io::Error) -> Self {
        Self::without_reply(
            ErrorCode::NODE_NOT_FOUND,
            true,
            format!("cannot connect: {error}"),
        )
    }

    fn without_reply(code: ErrorCode, is_read: bool, text: String) -> Self {
        Self {
            outcome: outcome_of(code, is_read),
            reply: None,
            error: Some(code),
            text,
        }
    }

    fn of(reply: Reply, is_read: bool) -> Self {
        let (outcome, error, text) = match &reply.body {
            ReplyBody::Error { code, text, .. } => (outcome_of(*code, is_read), Some(*code), text.clone()),
            _ => (Outcome::Ok, None, String::new()),
        };
        Self {
            outcome,
            reply: Some(reply),
            error,
            text,
        }
    }
}

/// What the answer to a request of a kind may be. An answer of another kind says nothing certain.
fn answers(request: &RequestBody<'_>, reply: &ReplyBody) -> bool {
    matches!(
        (request, reply),
        (_, ReplyBody::Error { .. })
            | (RequestBody::Connect { .. }, ReplyBody::ConnectOk)
            | (RequestBody::Read { .. }, ReplyBody::ReadOk { .. })
            | (RequestBody::Write { .. }, ReplyBody::WriteOk { .. })
            | (RequestBody::Cas { .. }, ReplyBody::CasOk { .. })
            | (RequestBody::Status, ReplyBody::StatusOk { .. })
            | (RequestBody::ChangeMembers { .. }, ReplyBody::ChangeMembersOk)
            | (
                RequestBody::TransferLeadership { .. },
                ReplyBody::TransferLeadershipOk
            )
    )
}

/// One request with the longest time that its answer may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// What is asked.
    pub body: RequestBody<'a>,
    /// From the start of the call.
    pub timeout: Duration,
}

/// A connection to one node. It has one call open at a time; the answer of a call that timed out is recognised by
/// its number and passed over when it comes.
#[derive(Debug)]
pub struct ClientConn {
    stream: TcpStream,
    src: String,
    dest: String,
    last_msg_id: u64,
    line: Vec<u8>,
    received: LineBuffer,
    usable: bool,
}

impl ClientConn {
    /// Connects to the node `dest`, whose clients' address is `addr`, under the name `src`.
    ///
    /// # Errors
    /// If there is no connection within the time-out. Nothing was sent: an op that waits for it is `fail`, see
    /// [`Completion::unreachable`].
    pub async fn connect(
        addr: SocketAddr,
        dest: NodeId,
        src: impl Into<String>,
        within: Duration,
    ) -> io::Result<Self> {
        let stream = timeout(within, TcpStream::connect(addr)).await??;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            src: src.into(),
            dest: dest.to_string(),
            last_msg_id: 0,
            line: Vec::with_capacity(256),
            received: LineBuffer::default(),
            usable: true,
        })
    }

    /// Whether another call may be made. A connection that broke, or on which a request was cut short, is no more
    /// of use: connect anew.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Sends one request and awaits its answer. Dropping the future leaves the connection unusable: whether the
    /// request left is then unknown.
    pub async fn call(&mut self, call: &Call<'_>) -> Completion {
        let is_read = call.body.is_read();
        if !self.usable || self.is_closed() {
            self.usable = false;
            let text = "the connection was lost before the request".to_owned();
            return Completion::without_reply(ErrorCode::NODE_NOT_FOUND, is_read, text);
        }
        let deadline = Instant::now() + call.timeout;
        self.usable = false;
        let completion = match timeout_at(deadline, self.send(&call.body)).await {
            Err(_) => Err((
                ErrorCode::TIMEOUT,
                "the request could not be sent in time".to_owned(),
            )),
            Ok(Err(error)) => Err((ErrorCode::CRASH, format!("the connection broke: {error}"))),
            Ok(Ok(())) => match timeout_at(deadline, self.receive(&call.body)).await {
                // The whole request has left: a late answer will be told by its number.
                Err(_) => {
                    self.usable = true;
                    Err((ErrorCode::TIMEOUT, "no answer in time".to_owned()))
                }
                Ok(Err(error)) => Err((ErrorCode::CRASH, format!("the connection broke: {error}"))),
                Ok(Ok(reply)) => {
                    self.usable = true;
                    Ok(reply)
                }
            },
        };
        match completion {
            Ok(reply) => Completion::of(reply, is_read),
            Err((code, text)) => Completion::without_reply(code, is_read, text),
        }
    }

    /// Whether the node is known to have closed the connection, as when it was killed between two calls. What is
    /// found out before the request leaves keeps its op from being `info`.
    fn is_closed(&mut self) -> bool {
        match self.stream.try_read_buf(self.received.spare()) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    async fn send(&mut self, body: &RequestBody<'_>) -> io::Result<()> {
        self.last_msg_id += 1;
        let request = Request {
            src: self.src.as_str().into(),
            dest: self.dest.as_str().into(),
            msg_id: self.last_msg_id,
            body: body.clone(),
        };
        self.line.clear();
        encode_request(&mut self.line, &request);
        self.stream.write_all(&self.line).await
    }

    /// The answer to the last request. Cancel safe: bytes received stay in the buffer.
    async fn receive(&mut self, body: &RequestBody<'_>) -> io::Result<Reply> {
        loop {
            while let Some(line) = self.received.next_line() {
                let reply = decode_reply(line.map_err(invalid)?).map_err(invalid)?;
                match reply.in_reply_to {
                    Some(id) if id < self.last_msg_id => {}
                    Some(id) if id == self.last_msg_id && answers(body, &reply.body) => return Ok(reply),
                    _ => return Err(invalid(format!("an answer to nothing that was asked: {reply:?}"))),
                }
            }
            if self.stream.read_buf(self.received.spare()).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Where a node stands, by its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// What it believes to be.
    pub role: Role,
    /// The term or epoch that it is in.
    pub term: u64,
    /// Whom it follows; itself where it leads.
    pub leader: Option<NodeId>,
    /// The highest version that it knows to be committed.
    pub committed: Version,
    /// The highest version applied to its state machine.
    pub applied: Version,
    /// The highest version in its log.
    pub last: Version,
    /// What its leader is bringing it.
    pub catch_up: CatchUp,
    /// Which life of the node answers, where it says so.
    pub incarnation: Option<Incarnation>,
}

/// Why a node did not say where it stands.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Unreachable(#[from] io::Error),
    /// There is no status in the answer, or no answer.
    #[error("{0}")]
    NoAnswer(String),
}

/// Asks the node `node` at its clients' address `addr` where it stands, on a connection made for it.
///
/// # Errors
/// If there is no answer within twice the time given: once to connect, once to answer.
pub async fn status(addr: SocketAddr, node: NodeId, within: Duration) -> Result<NodeStatus, StatusError> {
    let mut conn = ClientConn::connect(addr, node, "status", within).await?;
    let completion = conn
        .call(&Call {
            body: RequestBody::Status,
            timeout: within,
        })
        .await;
    let Some(Reply { served, body, .. }) = completion.reply else {
        return Err(StatusError::NoAnswer(completion.text));
    };
    match (body, served.role, served.era) {
        (
            ReplyBody::StatusOk {
                leader,
                committed,
                applied,
                last,
                catch_up,
            },
            Some(role),
            Some(era),
        ) => {
            let incarnation = served.incarnation;
            Ok(NodeStatus {
                role,
                term: era.number(),
                leader,
                committed,
                applied,
                last,
                catch_up,
                incarnation,
            })
        }
        _ => Err(StatusError::NoAnswer(completion.text)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_closed_before_the_request_is_fail() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let within = Duration::from_secs(60);
        let mut conn = ClientConn::connect(addr, NodeId(1), "c1", within).await.unwrap();
        drop(listener.accept().await.unwrap());
        conn.stream.readable().await.unwrap();
        let body = RequestBody::Write { key: 1, value: 5 };
        let completion = conn
            .call(&Call {
                body,
                timeout: within,
            })
            .await;
        assert_eq!(completion.outcome, Outcome::Fail);
        assert!(!conn.is_usable());
    }
}
