//! The connections of clients: lines in, lines out, many requests open on each.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use splitbrain_consensus::{NodeId, Version};
use splitbrain_service::wire::{
    ErrorCode, LineBuffer, LineTooLong, Rejected, Reply, ReplyBody, Request, RequestBody, Served,
    decode_request, encode_reply, node_named,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::sleep;

use crate::host::Input;
use crate::protocols::Hosted;

/// How many clients may be connected at once. Connections beyond are closed.
const MAX_CONNECTIONS: usize = 4096;
/// How long to wait when the system has no descriptor left for a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What a client asks of the core or its host, of the shell's own types.
#[derive(Debug)]
pub(crate) enum ClientRequest<R> {
    Connect { last_seen: Version },
    Read { key: u64, mode: R },
    Write { key: u64, value: i64 },
    Cas { key: u64, from: i64, to: i64 },
    Status,
    ChangeMembers(Vec<NodeId>),
    TransferLeadership(NodeId),
}

/// Replies on their way to one client. Filled by whoever answers, emptied in one write by the connection's task.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Tells connections apart within this life.
    id: u64,
    lines: Mutex<Vec<u8>>,
    filled: Notify,
    /// How many requests were answered by the core and its host; those that were rejected before do not count.
    served: AtomicU64,
}

impl Outbox {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            lines: Mutex::new(Vec::new()),
            filled: Notify::new(),
            served: AtomicU64::new(0),
        }
    }

    /// Whether two are of the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }

    fn reply(&self, me: NodeId, dest: &str, reply: &Reply) {
        encode_reply(
            &mut self.lines.lock().unwrap_or_else(PoisonError::into_inner),
            me,
            dest,
            reply,
        );
        self.filled.notify_one();
    }

    async fn take(&self, into: &mut Vec<u8>) {
        into.clear();
        while into.is_empty() {
            self.filled.notified().await;
            std::mem::swap(
                &mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner),
                into,
            );
        }
    }
}

/// Where the reply to one request goes.
#[derive(Clone, Debug)]
pub(crate) struct ReplyTo {
    pub(crate) outbox: Arc<Outbox>,
    client: Arc<str>,
    msg_id: u64,
}

impl ReplyTo {
    /// A request of a new connection that nobody is at the other end of.
    #[cfg(test)]
    pub(crate) fn nobody() -> Self {
        Self {
            outbox: Arc::new(Outbox::new()),
            client: Arc::from(""),
            msg_id: 1,
        }
    }

    /// Answers the request.
    pub(crate) fn reply(&self, me: NodeId, served: Served, body: ReplyBody) {
        self.outbox.served.fetch_add(1, Ordering::Relaxed);
        self.outbox.reply(
            me,
            &self.client,
            &Reply {
                in_reply_to: Some(self.msg_id),
                served,
                body,
            },
        );
    }
}

/// Accepts clients for ever, and hands their requests to `inputs`.
pub(crate) async fn accept_clients<P: Hosted + 'static>(
    listener: TcpListener,
    me: NodeId,
    inputs: mpsc::Sender<Input<P>>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok((stream, addr)) = listener.accept().await else {
            sleep(ACCEPT_RETRY).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%addr, "closed a connection: {MAX_CONNECTIONS} clients are connected");
            continue;
        };
        let inputs = inputs.clone();
        tokio::spawn(async move {
            let connection = Connection {
                me,
                outbox: Arc::new(Outbox::new()),
                client: Arc::from(""),
                handed: 0,
            };
            if let Err(error) = connection.serve(stream, &inputs).await {
                tracing::debug!(%addr, "lost the connection of a client: {error}");
            }
            drop(place);
        });
    }
}

struct Connection {
    me: NodeId,
    outbox: Arc<Outbox>,
    /// The name under which the last request came.
    client: Arc<str>,
    /// How many requests were handed to the core.
    handed: u64,
}

impl Connection {
    /// Reads requests and writes replies until the client leaves. While a reply cannot be written nothing is read,
    /// so a client that does not read its replies cannot fill the node's memory; nor is more read of a session than
    /// can be served.
    async fn serve<P: Hosted>(
        mut self,
        mut stream: TcpStream,
        inputs: &mpsc::Sender<Input<P>>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut reader, mut writer) = stream.split();
        let (mut lines, mut replies) = (LineBuffer::default(), Vec::new());
        let outbox = Arc::clone(&self.outbox);
        let ended = loop {
            tokio::select! {
                () = outbox.take(&mut replies) => {
                    if let Err(error) = writer.write_all(&replies).await {
                        break Err(error);
                    }
                    // It may be the reply that the next request of a session waited for.
                    self.take_lines(&mut lines, inputs).await;
                }
                read = reader.read_buf(lines.spare()), if !self.is_serving::<P>() => match read {
                    Ok(0) => break Ok(()),
                    Ok(_) => self.take_lines(&mut lines, inputs).await,
                    Err(error) => break Err(error),
                },
            }
        };
        // Nobody is left to answer. A send that fails finds the node stopping.
        let _ = inputs.send(Input::ClientGone(outbox)).await;
        ended
    }

    /// Whether a request of a session is in the core's hands: those behind it wait. Every request has one reply.
    fn is_serving<P: Hosted>(&self) -> bool {
        P::HAS_SESSIONS && self.outbox.served.load(Ordering::Relaxed) < self.handed
    }

    async fn take_lines<P: Hosted>(&mut self, lines: &mut LineBuffer, inputs: &mpsc::Sender<Input<P>>) {
        while !self.is_serving::<P>()
            && let Some(line) = lines.next_line()
        {
            match self.take_line::<P>(line) {
                Ok((reply_to, request)) => {
                    self.handed += 1;
                    // A send that fails finds the node stopping: the client sees its connection close.
                    let _ = inputs.send(Input::Client { reply_to, request }).await;
                }
                Err(Rejected {
                    msg_id,
                    src,
                    code,
                    text,
                }) => {
                    let reply = Reply {
                        in_reply_to: msg_id,
                        served: Served {
                            node: Some(self.me),
                            ..Served::default()
                        },
                        body: ReplyBody::error(code, text),
                    };
                    self.outbox
                        .reply(self.me, src.as_deref().unwrap_or(&self.client), &reply);
                }
            }
        }
    }

    fn take_line<P: Hosted>(
        &mut self,
        line: Result<&[u8], LineTooLong>,
    ) -> Result<(ReplyTo, ClientRequest<P::ReadMode>), Rejected> {
        let line = line.map_err(|error| Rejected {
            msg_id: None,
            src: None,
            code: ErrorCode::MALFORMED_REQUEST,
            text: error.to_string(),
        })?;
        let Request {
            src,
            dest,
            msg_id,
            body,
        } = decode_request(line)?;
        if *src != *self.client {
            self.client = Arc::from(src.as_ref());
        }
        let rejected = |code, text| Rejected {
            msg_id: Some(msg_id),
            src: None,
            code,
            text,
        };
        if node_named(&dest) != Some(self.me) {
            let text = format!("this is {}, not {dest:?}", self.me);
            return Err(rejected(ErrorCode::NODE_NOT_FOUND, text));
        }
        let request = shell_request::<P>(body).map_err(|text| rejected(ErrorCode::NOT_SUPPORTED, text))?;
        let reply_to = ReplyTo {
            outbox: Arc::clone(&self.outbox),
            client: Arc::clone(&self.client),
            msg_id,
        };
        Ok((reply_to, request))
    }
}

fn shell_request<P: Hosted>(body: RequestBody<'_>) -> Result<ClientRequest<P::ReadMode>, String> {
    Ok(match body {
        RequestBody::Connect { last_seen } => ClientRequest::Connect { last_seen },
        RequestBody::Read { key, read_mode: None } => ClientRequest::Read {
            key,
            mode: P::DEFAULT_READ_MODE,
        },
        RequestBody::Read {
            key,
            read_mode: Some(name),
        } => {
            let mode = P::read_mode(&name).ok_or_else(|| format!("there is no read mode {name:?} here"))?;
            ClientRequest::Read { key, mode }
        }
        RequestBody::Write { key, value } => ClientRequest::Write { key, value },
        RequestBody::Cas { key, from, to } => ClientRequest::Cas { key, from, to },
        RequestBody::Status => ClientRequest::Status,
        RequestBody::ChangeMembers { members } => ClientRequest::ChangeMembers(members),
        RequestBody::TransferLeadership { target } => ClientRequest::TransferLeadership(target),
    })
}
