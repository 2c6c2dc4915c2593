//! A client's session with one node over the client protocol.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use splitbrain_checker::history::{Action, Answer, NodeName, Outcome, Value, Version};
use splitbrain_consensus::{NodeId, Version as WireVersion};
use splitbrain_service::wire::{self, Era, ErrorCode, ReplyBody, RequestBody};
use splitbrain_systems::{Call, ClientConn, Completion};
use tokio::time::Instant;

use super::{Called, Caller};
use crate::workload::Request;

/// Errors after which asking again at once is useless: the node is not there, or will not serve yet.
const REFUSALS: [ErrorCode; 5] = [
    ErrorCode::NODE_NOT_FOUND,
    ErrorCode::NOT_SUPPORTED,
    ErrorCode::TEMPORARILY_UNAVAILABLE,
    ErrorCode::MALFORMED_REQUEST,
    ErrorCode::CRASH,
];

/// How clients move from node to node.
#[derive(Clone, Debug)]
pub struct Movement {
    /// After how long a client moves on. It does so at once when its node refuses it or is lost.
    pub every: Duration,
    /// The nodes among which it moves, in turn.
    pub among: Range<usize>,
}

/// What a session must know.
#[derive(Clone, Debug)]
pub struct SessionSetup {
    /// The client's name.
    pub client: String,
    /// All nodes of the run, and where they listen for clients.
    pub nodes: Vec<(NodeId, SocketAddr)>,
    /// The node to begin with, as a place among them.
    pub first: usize,
    /// How it moves; without, it stays with its node through everything.
    pub movement: Option<Movement>,
    /// How it reads.
    pub read_mode: String,
    /// After how long each op is given up.
    pub timeout: Duration,
    /// Whether the system knows of sessions: then a new connection goes on with the old one's.
    pub has_sessions: bool,
}

/// A session with one node at a time: it connects when it must.
#[derive(Debug)]
pub struct NodeSession {
    setup: SessionSetup,
    at: usize,
    arrived: Instant,
    conn: Option<ClientConn>,
    /// The highest version that the client has seen.
    last_seen: WireVersion,
}

impl NodeSession {
    /// A session of which nothing has been sent yet.
    #[must_use]
    pub fn new(setup: SessionSetup) -> Self {
        Self {
            at: setup.first,
            arrived: Instant::now(),
            conn: None,
            last_seen: WireVersion(0),
            setup,
        }
    }

    async fn complete(&mut self, request: &Request) -> Completion {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => match self.connect().await {
                Ok(conn) => conn,
                Err(completion) => return completion,
            },
        };
        let call = Call {
            body: body(request, &self.setup.read_mode),
            timeout: self.setup.timeout,
        };
        self.conn.insert(conn).call(&call).await
    }

    /// A connection on which requests may be sent; or how the op ends that waited for it, of which nothing has left.
    async fn connect(&self) -> Result<ClientConn, Completion> {
        let ((node, addr), timeout) = (self.setup.nodes[self.at], self.setup.timeout);
        let conn = ClientConn::connect(addr, node, self.setup.client.as_str(), timeout).await;
        let mut conn = conn.map_err(|error| Completion::unreachable(&error))?;
        if self.setup.has_sessions {
            let last_seen = self.last_seen;
            let body = RequestBody::Connect { last_seen };
            let completion = conn.call(&Call { body, timeout }).await;
            if completion.outcome != wire::Outcome::Ok {
                return Err(completion);
            }
        }
        Ok(conn)
    }

    /// Gives a connection up that is of no more use. Returns whether it did.
    fn give_up(&mut self, completion: &Completion) -> bool {
        // In a session, a request without an answer holds up all those behind it.
        let is_stuck = self.setup.has_sessions && completion.reply.is_none();
        self.conn.take_if(|conn| !conn.is_usable() || is_stuck).is_some()
    }

    /// Moves on to the next node, if it is time or the present one is of no use. Returns whether it did.
    fn move_on(&mut self, is_useless: bool) -> bool {
        let Some(Movement { every, among }) = &self.setup.movement else {
            return false;
        };
        if !is_useless && self.arrived.elapsed() < *every {
            return false;
        }
        self.at = if self.at + 1 < among.end {
            self.at + 1
        } else {
            among.start
        };
        self.arrived = Instant::now();
        self.conn = None;
        true
    }
}

impl Caller for NodeSession {
    fn node(&self) -> usize {
        self.at
    }

    async fn call(&mut self, request: &Request) -> Called {
        let completion = self.complete(request).await;
        let answer = answer(request.action, &completion, self.setup.nodes.len());
        if let Some(Version(seen)) = answer.version {
            self.last_seen = self.last_seen.max(WireVersion(seen));
        }
        let out = self.conn.is_none();
        let refused = out || completion.error.is_some_and(|code| REFUSALS.contains(&code));
        let lost = self.give_up(&completion);
        let moved = self.move_on(refused || lost);
        Called {
            outcome: outcome(completion.outcome),
            answer,
            refused,
            session_over: (lost || moved) && !self.setup.has_sessions,
        }
    }
}

fn body<'a>(request: &Request, read_mode: &'a str) -> RequestBody<'a> {
    let key = request.key.0;
    match request.action {
        Action::Read => RequestBody::Read {
            key,
            read_mode: Some(read_mode.into()),
        },
        Action::Write { value } => RequestBody::Write { key, value: value.0 },
        Action::Cas { from, to } => RequestBody::Cas {
            key,
            from: from.0,
            to: to.0,
        },
    }
}

fn outcome(outcome: wire::Outcome) -> Outcome {
    match outcome {
        wire::Outcome::Ok => Outcome::Ok,
        wire::Outcome::Fail => Outcome::Fail,
        wire::Outcome::Info => Outcome::Info,
    }
}

/// What a completion says of its op, in the history's words.
fn answer(action: Action, completion: &Completion, nodes: usize) -> Answer {
    let mut answer = Answer {
        error: completion.error.map(|code| code.0),
        ..Answer::default()
    };
    let Some(reply) = &completion.reply else {
        return answer;
    };
    let is_cas = matches!(action, Action::Cas { .. });
    answer.term = reply.served.era.map(Era::number);
    answer.served_by = reply.served.node.and_then(|node| node_name(node, nodes));
    match &reply.body {
        ReplyBody::ReadOk { value, version } => {
            answer.observed = Some(value.map(Value));
            answer.version = Some(Version(version.0));
        }
        ReplyBody::WriteOk { version } | ReplyBody::CasOk { version } => {
            answer.version = Some(Version(version.0));
        }
        // A failed compare that carries the value found is as good as a read; an error of another op is not.
        ReplyBody::Error {
            code: ErrorCode::PRECONDITION_FAILED,
            found: Some((value, version)),
            ..
        } if is_cas => {
            answer.observed = Some(Some(Value(*value)));
            answer.version = Some(Version(version.0));
        }
        // It found nil: a register that was never written is of version 0.
        ReplyBody::Error {
            code: ErrorCode::KEY_DOES_NOT_EXIST,
            ..
        } if is_cas => {
            answer.observed = Some(None);
            answer.version = Some(Version(0));
        }
        _ => {}
    }
    answer
}

/// The history's name of a node; none for a node that the run does not have, whatever the reply says.
fn node_name(node: NodeId, nodes: usize) -> Option<NodeName> {
    let index = node.0.checked_sub(1)?;
    (usize::from(index) < nodes).then_some(NodeName(index))
}

#[cfg(test)]
mod tests {
    use splitbrain_checker::history::Key;
    use splitbrain_consensus::Role;
    use splitbrain_service::wire::{Reply, Served, decode_request, encode_reply};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    fn completion(body: ReplyBody, outcome: wire::Outcome, error: Option<ErrorCode>) -> Completion {
        let served = Served {
            node: Some(NodeId(2)),
            incarnation: None,
            role: Some(Role::Leader),
            era: Some(Era::Term(7)),
        };
        let reply = Some(Reply {
            in_reply_to: Some(1),
            served,
            body,
        });
        Completion {
            outcome,
            reply,
            error,
            text: String::new(),
        }
    }

    const CAS: Action = Action::Cas {
        from: Value(1),
        to: Value(2),
    };

    #[test]
    fn a_compare_on_a_register_never_written_observes_nil() {
        let code = ErrorCode::KEY_DOES_NOT_EXIST;
        let completion = completion(
            ReplyBody::error(code, "never written"),
            wire::Outcome::Fail,
            Some(code),
        );
        let answer = answer(CAS, &completion, 3);
        assert_eq!((answer.observed, answer.version), (Some(None), Some(Version(0))));
    }

    #[test]
    fn a_failed_compare_observes_what_it_found() {
        let code = ErrorCode::PRECONDITION_FAILED;
        let body = ReplyBody::Error {
            code,
            text: String::new(),
            found: Some((5, WireVersion(9))),
        };
        let completion = completion(body, wire::Outcome::Fail, Some(code));
        let write = Action::Write { value: Value(1) };
        assert_eq!(answer(write, &completion, 3).observed, None);
        let answer = answer(CAS, &completion, 3);
        assert_eq!(answer.observed, Some(Some(Value(5))));
        assert_eq!((answer.version, answer.error), (Some(Version(9)), Some(22)));
        assert_eq!((answer.served_by, answer.term), (Some(NodeName(1)), Some(7)));
    }

    #[test]
    fn a_read_of_nil_is_an_observation() {
        let body = ReplyBody::ReadOk {
            value: None,
            version: WireVersion(0),
        };
        let answer = answer(Action::Read, &completion(body, wire::Outcome::Ok, None), 3);
        assert_eq!((answer.observed, answer.error), (Some(None), None));
    }

    #[test]
    fn a_node_that_does_not_exist_has_no_name() {
        assert_eq!(node_name(NodeId(4), 3), None);
        assert_eq!(node_name(NodeId(0), 3), None);
        assert_eq!(node_name(NodeId(3), 3), Some(NodeName(2)));
    }

    fn session(
        addrs: &[SocketAddr],
        timeout: Duration,
        every: Option<Duration>,
        has_sessions: bool,
    ) -> NodeSession {
        let among = 0..addrs.len();
        NodeSession::new(SessionSetup {
            client: "c1".into(),
            nodes: (1..).map(NodeId).zip(addrs.iter().copied()).collect(),
            first: 0,
            movement: every.map(|every| Movement { every, among }),
            read_mode: "log".into(),
            timeout,
            has_sessions,
        })
    }

    const READ: Request = Request {
        key: Key(1),
        action: Action::Read,
    };

    /// A server that takes in clients that have seen no more than `applied`, and shows each read that version.
    async fn serves_up_to(node: u16, applied: u64) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answer = move |body: &RequestBody<'_>| match body {
            RequestBody::Connect { last_seen } if last_seen.0 <= applied => ReplyBody::ConnectOk,
            RequestBody::Connect { .. } => ReplyBody::error(ErrorCode::TEMPORARILY_UNAVAILABLE, "behind"),
            _ => ReplyBody::ReadOk {
                value: Some(1),
                version: WireVersion(applied),
            },
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                tokio::spawn(async move {
                    let mut line = String::new();
                    while stream.read_line(&mut line).await.is_ok_and(|count| count > 0) {
                        let request = decode_request(line.trim_end().as_bytes()).unwrap();
                        let reply = Reply {
                            in_reply_to: Some(request.msg_id),
                            served: Served::default(),
                            body: answer(&request.body),
                        };
                        let mut out = Vec::new();
                        encode_reply(&mut out, NodeId(node), "c1", &reply);
                        stream.write_all(&out).await.unwrap();
                        line.clear();
                    }
                });
            }
        });
        addr
    }

    #[tokio::test]
    async fn a_client_that_moves_takes_its_session_along_and_is_refused_where_it_would_go_back() {
        let addrs = [
            serves_up_to(1, 7).await,
            serves_up_to(2, 5).await,
            serves_up_to(3, 9).await,
        ];
        let mut session = session(&addrs, Duration::from_secs(20), Some(Duration::ZERO), true);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let node = session.node();
            let called = session.call(&READ).await;
            assert!(!called.session_over);
            seen.push((
                node,
                called.outcome,
                called.answer.version.map(|version| version.0),
            ));
        }
        let expected = [
            (0, Outcome::Ok, Some(7)),
            (1, Outcome::Fail, None),
            (2, Outcome::Ok, Some(9)),
        ];
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn without_sessions_a_client_that_moves_is_another_process() {
        let addrs = [serves_up_to(1, 7).await, serves_up_to(2, 5).await];
        let mut session = session(&addrs, Duration::from_secs(20), Some(Duration::ZERO), false);
        assert!(session.call(&READ).await.session_over);
        let called = session.call(&READ).await;
        assert_eq!(called.answer.version, Some(Version(5)));
    }

    /// A server that answers the first request of each connection, and closes on the second.
    async fn one_answer_a_connection() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let msg_id = decode_request(line.trim_end().as_bytes()).unwrap().msg_id;
                let body = ReplyBody::WriteOk {
                    version: WireVersion(1),
                };
                let reply = Reply {
                    in_reply_to: Some(msg_id),
                    served: Served::default(),
                    body,
                };
                let mut out = Vec::new();
                encode_reply(&mut out, NodeId(1), "c1", &reply);
                stream.write_all(&out).await.unwrap();
                stream.read_line(&mut line).await.unwrap();
            }
        });
        addr
    }

    #[tokio::test]
    async fn a_broken_connection_ends_the_session_and_the_next_call_makes_a_new_one() {
        let addr = one_answer_a_connection().await;
        let timeout = Duration::from_secs(20);
        let mut session = session(&[addr], timeout, None, false);
        let write = Request {
            key: Key(1),
            action: Action::Write { value: Value(1) },
        };
        let first = session.call(&write).await;
        assert_eq!((first.outcome, first.session_over), (Outcome::Ok, false));
        let second = session.call(&write).await;
        assert_eq!((second.outcome, second.session_over), (Outcome::Info, true));
        assert_eq!(session.call(&write).await.outcome, Outcome::Ok);
        let fourth = session.call(&READ).await;
        assert_eq!((fourth.outcome, fourth.session_over), (Outcome::Fail, true));
    }

    #[tokio::test]
    async fn a_node_that_is_not_there_refuses_for_certain() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let mut session = session(&[addr], Duration::from_secs(20), None, false);
        let write = Request {
            key: Key(1),
            action: Action::Write { value: Value(1) },
        };
        let called = session.call(&write).await;
        assert_eq!(
            (called.outcome, called.refused, called.session_over),
            (Outcome::Fail, true, false)
        );
        assert_eq!(called.answer.error, Some(1));
    }
}
