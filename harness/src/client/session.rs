//! A client's session with one node over the client protocol.

use std::net::SocketAddr;
use std::time::Duration;

use splitbrain_checker::history::{Action, Answer, NodeName, Outcome, Value, Version};
use splitbrain_consensus::NodeId;
use splitbrain_service::wire::{self, ErrorCode, ReplyBody, RequestBody};
use splitbrain_systems::{Call, ClientConn, Completion};

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

/// A session with one node: it connects when it must, and stays with its node through everything.
#[derive(Debug)]
pub struct NodeSession {
    name: String,
    node: NodeId,
    addr: SocketAddr,
    read_mode: String,
    timeout: Duration,
    nodes: usize,
    conn: Option<ClientConn>,
}

impl NodeSession {
    /// A session of the client `name` with `node`, one of `nodes`, at `addr`. Nothing is sent yet. Each op is given
    /// up after `timeout`.
    #[must_use]
    pub fn new(
        name: String,
        (node, addr): (NodeId, SocketAddr),
        nodes: usize,
        read_mode: &str,
        timeout: Duration,
    ) -> Self {
        Self {
            name,
            node,
            addr,
            read_mode: read_mode.to_owned(),
            timeout,
            nodes,
            conn: None,
        }
    }

    async fn complete(&mut self, request: &Request) -> Completion {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => match ClientConn::connect(self.addr, self.node, self.name.as_str(), self.timeout).await {
                Ok(conn) => conn,
                Err(error) => return Completion::unreachable(&error),
            },
        };
        let body = body(request, &self.read_mode);
        self.conn
            .insert(conn)
            .call(&Call {
                body,
                timeout: self.timeout,
            })
            .await
    }
}

impl Caller for NodeSession {
    async fn call(&mut self, request: &Request) -> Called {
        let completion = self.complete(request).await;
        let broken = self.conn.as_ref().is_some_and(|conn| !conn.is_usable());
        if broken {
            self.conn = None;
        }
        Called {
            outcome: outcome(completion.outcome),
            answer: answer(request.action, &completion, self.nodes),
            refused: completion.error.is_some_and(|code| REFUSALS.contains(&code)),
            session_over: broken,
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
    answer.term = reply.served.term;
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
    use splitbrain_consensus::{Role, Version as WireVersion};
    use splitbrain_service::wire::{Reply, Served, decode_request, encode_reply};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    fn completion(body: ReplyBody, outcome: wire::Outcome, error: Option<ErrorCode>) -> Completion {
        let served = Served {
            node: Some(NodeId(2)),
            incarnation: None,
            role: Some(Role::Leader),
            term: Some(7),
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
        let mut session = NodeSession::new("c1".into(), (NodeId(1), addr), 1, "log", timeout);
        let write = Request {
            key: Key(1),
            action: Action::Write { value: Value(1) },
        };
        let first = session.call(&write).await;
        assert_eq!((first.outcome, first.session_over), (Outcome::Ok, false));
        let second = session.call(&write).await;
        assert_eq!((second.outcome, second.session_over), (Outcome::Info, true));
        assert_eq!(session.call(&write).await.outcome, Outcome::Ok);
        let read = Request {
            key: Key(1),
            action: Action::Read,
        };
        let fourth = session.call(&read).await;
        assert_eq!((fourth.outcome, fourth.session_over), (Outcome::Fail, true));
    }

    #[tokio::test]
    async fn a_node_that_is_not_there_refuses_for_certain() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let mut session = NodeSession::new("c1".into(), (NodeId(1), addr), 1, "log", Duration::from_secs(20));
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
