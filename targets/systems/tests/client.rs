//! The client connection against a node that misbehaves: what each end of a call says about its op.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use splitbrain_consensus::{NodeId, Version};
use splitbrain_service::wire::{ErrorCode, Outcome, ReplyBody, RequestBody};
use splitbrain_systems::{Call, ClientConn, Completion, status};

const READ: RequestBody<'static> = RequestBody::Read {
    key: 1,
    read_mode: None,
};
const WRITE: RequestBody<'static> = RequestBody::Write { key: 1, value: 5 };
/// Longer than any test takes: it ends by what the node does.
const LONG: Duration = Duration::from_secs(60);
/// For calls that are meant to time out.
const SHORT: Duration = Duration::from_millis(20);

/// A node that serves one connection by `script` and then closes it.
fn node(script: impl FnOnce(BufReader<TcpStream>) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (
        addr,
        spawn(move || script(BufReader::new(listener.accept().unwrap().0))),
    )
}

fn take_request(stream: &mut BufReader<TcpStream>) {
    assert!(stream.read_line(&mut String::new()).unwrap() > 0);
}

fn answer(stream: &mut BufReader<TcpStream>, body: &str) {
    let line = format!("{{\"src\":\"n1\",\"dest\":\"c1\",\"body\":{{{body}}}}}\n");
    stream.get_mut().write_all(line.as_bytes()).unwrap();
}

async fn connect(addr: SocketAddr) -> ClientConn {
    ClientConn::connect(addr, NodeId(1), "c1", LONG).await.unwrap()
}

async fn call(conn: &mut ClientConn, body: RequestBody<'_>, timeout: Duration) -> Completion {
    conn.call(&Call { body, timeout }).await
}

/// One call to a node that answers it by `reply`.
async fn answered(request: RequestBody<'_>, reply: &'static str) -> Completion {
    let (addr, node) = node(move |mut stream| {
        take_request(&mut stream);
        answer(&mut stream, reply);
    });
    let completion = call(&mut connect(addr).await, request, LONG).await;
    node.join().unwrap();
    completion
}

#[tokio::test]
async fn an_answer_is_ok() {
    let completion = answered(
        READ,
        r#""type":"read_ok","in_reply_to":1,"value":5,"version":3,"node":"n2""#,
    )
    .await;
    assert_eq!((completion.outcome, completion.error), (Outcome::Ok, None));
    let reply = completion.reply.unwrap();
    assert_eq!(
        reply.body,
        ReplyBody::ReadOk {
            value: Some(5),
            version: Version(3)
        }
    );
    assert_eq!(reply.served.node, Some(NodeId(2)));
}

#[tokio::test]
async fn the_code_of_an_error_decides() {
    for (code, write, read) in [
        (11, Outcome::Fail, Outcome::Fail),
        (13, Outcome::Info, Outcome::Fail),
        (999, Outcome::Info, Outcome::Fail),
    ] {
        let reply: &'static str = format!(r#""type":"error","in_reply_to":1,"code":{code}"#).leak();
        let completion = answered(WRITE, reply).await;
        assert_eq!(
            (completion.outcome, completion.error),
            (write, Some(ErrorCode(code)))
        );
        assert_eq!(answered(READ, reply).await.outcome, read);
    }
}

#[tokio::test]
async fn a_refused_connection_is_fail() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = ClientConn::connect(addr, NodeId(1), "c1", LONG)
        .await
        .unwrap_err();
    assert_eq!(Completion::unreachable(&error).outcome, Outcome::Fail);
}

#[tokio::test]
async fn a_connection_closed_after_the_request_is_info_and_no_more_usable() {
    for (request, outcome) in [(WRITE, Outcome::Info), (READ, Outcome::Fail)] {
        let (addr, node) = node(|mut stream| take_request(&mut stream));
        let mut conn = connect(addr).await;
        let completion = call(&mut conn, request, LONG).await;
        assert_eq!(
            (completion.outcome, completion.error),
            (outcome, Some(ErrorCode::CRASH))
        );
        assert!(!conn.is_usable());
        assert_eq!(
            call(&mut conn, WRITE, LONG).await.outcome,
            Outcome::Fail,
            "nothing was sent"
        );
        node.join().unwrap();
    }
}

#[tokio::test]
async fn a_timeout_is_info_and_its_late_answer_is_passed_over() {
    let (release, released) = mpsc::channel();
    let (addr, node) = node(move |mut stream| {
        take_request(&mut stream);
        released.recv().unwrap();
        answer(&mut stream, r#""type":"write_ok","in_reply_to":1,"version":1"#);
        take_request(&mut stream);
        answer(&mut stream, r#""type":"write_ok","in_reply_to":2,"version":2"#);
    });
    let mut conn = connect(addr).await;
    let completion = call(&mut conn, WRITE, SHORT).await;
    assert_eq!(
        (completion.outcome, completion.error),
        (Outcome::Info, Some(ErrorCode::TIMEOUT))
    );
    release.send(()).unwrap();
    let completion = call(&mut conn, WRITE, LONG).await;
    assert_eq!(completion.outcome, Outcome::Ok);
    assert_eq!(
        completion.reply.unwrap().body,
        ReplyBody::WriteOk { version: Version(2) }
    );
    node.join().unwrap();
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_says_nothing_certain() {
    for reply in [
        r#""type":"read_ok","in_reply_to":1,"value":5,"version":1"#,
        r#""type":"write_ok","in_reply_to":7,"version":1"#,
        r#""type":"write_ok","version":1"#,
        r#""type":"huh","in_reply_to":1"#,
    ] {
        let completion = answered(WRITE, reply).await;
        assert_eq!(
            (completion.outcome, completion.error),
            (Outcome::Info, Some(ErrorCode::CRASH)),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn a_status_is_read() {
    let (addr, node) = node(|mut stream| {
        take_request(&mut stream);
        answer(
            &mut stream,
            r#""type":"status_ok","in_reply_to":1,"role":"leader","term":4,"leader":"n1","committed":3,
               "applied":2,"last":5,"incarnation":6"#
                .replace('\n', " ")
                .as_str(),
        );
    });
    let status = status(addr, NodeId(1), LONG).await.unwrap();
    assert_eq!(
        (status.term, status.leader, status.last),
        (4, Some(NodeId(1)), Version(5))
    );
    node.join().unwrap();
}
