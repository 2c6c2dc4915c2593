//! Requests: what a client asks of a node, and how each is written.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use splitbrain_consensus::{NodeId, Version};

use super::error_codes::ErrorCode;
use super::names::Named;

/// A request as a node receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The client's name, to which the reply is addressed.
    pub src: Cow<'a, str>,
    /// The name of the node that is meant.
    pub dest: Cow<'a, str>,
    /// Chosen by the client; the reply repeats it as `in_reply_to`.
    pub msg_id: u64,
    /// What is asked.
    pub body: RequestBody<'a>,
}

/// What a client can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestBody<'a> {
    /// Begin a session on this connection, or go on with one that was served elsewhere. A node that does not know of
    /// sessions takes every client in.
    Connect {
        /// The highest version that the client has seen in its session; 0 in a new one.
        last_seen: Version,
    },
    /// The value of a register.
    Read {
        /// Which register.
        key: u64,
        /// By which read mode; the system's strongest default where it is left out.
        read_mode: Option<Cow<'a, str>>,
    },
    /// Store a value.
    Write {
        /// Which register.
        key: u64,
        /// The value.
        value: i64,
    },
    /// Store `to` if the register holds `from`.
    Cas {
        /// Which register.
        key: u64,
        /// The value expected.
        from: i64,
        /// The value to store.
        to: i64,
    },
    /// Where the node stands.
    Status,
    /// Make these the voting members.
    ChangeMembers {
        /// The members wanted.
        members: Vec<NodeId>,
    },
    /// Pass leadership on.
    TransferLeadership {
        /// To whom.
        target: NodeId,
    },
}

impl RequestBody<'_> {
    /// Whether this is a read, or another request that has no effect whatever becomes of it.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Status | Self::Connect { .. })
    }
}

/// Why a line is no request. The node answers it by an `error` reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Rejected {
    /// The request's `msg_id` as far as it could be read.
    pub msg_id: Option<u64>,
    /// The client's name as far as it could be read.
    pub src: Option<String>,
    /// The code to answer with.
    pub code: ErrorCode,
    /// What is wrong.
    pub text: String,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    src: Cow<'a, str>,
    #[serde(borrow)]
    dest: Cow<'a, str>,
    #[serde(borrow)]
    body: Fields<'a>,
}

/// All fields of all bodies. One flat struct, since serde would buffer an internally tagged enum in a tree.
#[derive(Default, Serialize, Deserialize)]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    msg_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    read_mode: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Named>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<u64>,
}

/// Reads a line, without its newline, as a request.
///
/// # Errors
/// If the line is no JSON, lacks a field or has one of a wrong type (12), or is of an unknown type (10).
pub fn decode_request(line: &[u8]) -> Result<Request<'_>, Rejected> {
    let Envelope {
        src,
        dest,
        body: fields,
    } = serde_json::from_slice(line).map_err(|error| malformed(line, &error))?;
    let msg_id = fields.msg_id;
    match body(fields) {
        Ok(body) => Ok(Request {
            src,
            dest,
            msg_id,
            body,
        }),
        Err((code, text)) => Err(Rejected {
            msg_id: Some(msg_id),
            src: Some(src.into_owned()),
            code,
            text,
        }),
    }
}

fn body(fields: Fields<'_>) -> Result<RequestBody<'_>, (ErrorCode, String)> {
    let Fields {
        kind,
        msg_id: _,
        key,
        value,
        from,
        to,
        read_mode,
        members,
        target,
        last_seen,
    } = fields;
    let lacks = |field| {
        (
            ErrorCode::MALFORMED_REQUEST,
            format!("a {kind} request needs the field `{field}`"),
        )
    };
    Ok(match kind.as_ref() {
        "connect" => RequestBody::Connect {
            last_seen: Version(last_seen.ok_or_else(|| lacks("last_seen"))?),
        },
        "read" => RequestBody::Read {
            key: key.ok_or_else(|| lacks("key"))?,
            read_mode,
        },
        "write" => RequestBody::Write {
            key: key.ok_or_else(|| lacks("key"))?,
            value: value.ok_or_else(|| lacks("value"))?,
        },
        "cas" => RequestBody::Cas {
            key: key.ok_or_else(|| lacks("key"))?,
            from: from.ok_or_else(|| lacks("from"))?,
            to: to.ok_or_else(|| lacks("to"))?,
        },
        "status" => RequestBody::Status,
        "change_members" => {
            let members = members.ok_or_else(|| lacks("members"))?;
            RequestBody::ChangeMembers {
                members: members.into_iter().map(|Named(id)| id).collect(),
            }
        }
        "transfer_leadership" => RequestBody::TransferLeadership {
            target: target.ok_or_else(|| lacks("target"))?.0,
        },
        other => {
            let text = format!("requests of type {other:?} are not supported");
            return Err((ErrorCode::NOT_SUPPORTED, text));
        }
    })
}

/// The rejection of a line that is no request, with as much of its address as can be read.
fn malformed(line: &[u8], error: &serde_json::Error) -> Rejected {
    #[derive(Deserialize)]
    struct Address {
        src: Option<String>,
        body: Option<Id>,
    }
    #[derive(Deserialize)]
    struct Id {
        msg_id: Option<u64>,
    }
    let address = serde_json::from_slice(line).unwrap_or(Address {
        src: None,
        body: None,
    });
    Rejected {
        msg_id: address.body.and_then(|body| body.msg_id),
        src: address.src,
        code: ErrorCode::MALFORMED_REQUEST,
        text: format!("not a request: {error}"),
    }
}

/// Appends a request as a line, newline included.
pub fn encode_request(out: &mut Vec<u8>, request: &Request<'_>) {
    let mut fields = Fields {
        msg_id: request.msg_id,
        ..Fields::default()
    };
    let kind = match &request.body {
        RequestBody::Connect { last_seen } => {
            fields.last_seen = Some(last_seen.0);
            "connect"
        }
        RequestBody::Read { key, read_mode } => {
            (fields.key, fields.read_mode) = (Some(*key), read_mode.as_deref().map(Cow::Borrowed));
            "read"
        }
        RequestBody::Write { key, value } => {
            (fields.key, fields.value) = (Some(*key), Some(*value));
            "write"
        }
        RequestBody::Cas { key, from, to } => {
            (fields.key, fields.from, fields.to) = (Some(*key), Some(*from), Some(*to));
            "cas"
        }
        RequestBody::Status => "status",
        RequestBody::ChangeMembers { members } => {
            fields.members = Some(members.iter().copied().map(Named).collect());
            "change_members"
        }
        RequestBody::TransferLeadership { target } => {
            fields.target = Some(Named(*target));
            "transfer_leadership"
        }
    };
    fields.kind = Cow::Borrowed(kind);
    let envelope = Envelope {
        src: Cow::Borrowed(&request.src),
        dest: Cow::Borrowed(&request.dest),
        body: fields,
    };
    serde_json::to_writer(&mut *out, &envelope).expect("plain fields always encode into a vector");
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rejected(line: &str) -> Rejected {
        decode_request(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn the_documented_line_is_a_read() {
        let line =
            br#"{"src":"c1","dest":"n1","body":{"type":"read","msg_id":2,"key":3,"read_mode":"lease"}}"#;
        let request = decode_request(line).unwrap();
        assert!(
            matches!(request.src, Cow::Borrowed("c1")),
            "names without escapes are borrowed"
        );
        assert_eq!(request.dest, "n1");
        assert_eq!(request.msg_id, 2);
        assert_eq!(
            request.body,
            RequestBody::Read {
                key: 3,
                read_mode: Some("lease".into())
            }
        );
        let mut out = Vec::new();
        encode_request(&mut out, &request);
        assert_eq!(out.strip_suffix(b"\n"), Some(&line[..]));
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = rejected(r#"{"src":"c1","dest":"n1","body":{"type":"cas","msg_id":2,"key":3,"from":1}}"#);
        assert_eq!(
            (error.msg_id, error.code),
            (Some(2), ErrorCode::MALFORMED_REQUEST)
        );
        assert_eq!(error.text, "a cas request needs the field `to`");
    }

    #[test]
    fn an_unknown_type_is_not_supported() {
        let error = rejected(r#"{"src":"c1","dest":"n1","body":{"type":"txn","msg_id":2}}"#);
        assert_eq!((error.msg_id, error.code), (Some(2), ErrorCode::NOT_SUPPORTED));
    }

    #[test]
    fn a_field_of_a_wrong_type_is_malformed_but_answered_to_its_sender() {
        let error = rejected(r#"{"src":"c1","dest":"n1","body":{"type":"read","msg_id":2,"key":"three"}}"#);
        assert_eq!((error.msg_id, error.src.as_deref()), (Some(2), Some("c1")));
        assert_eq!(error.code, ErrorCode::MALFORMED_REQUEST);
    }

    #[test]
    fn a_line_that_is_no_json_is_malformed() {
        let error = rejected("GET / HTTP/1.1");
        assert_eq!((error.msg_id, error.src), (None, None));
        assert!(error.text.starts_with("not a request: "), "{}", error.text);
    }

    fn bodies() -> impl Strategy<Value = RequestBody<'static>> {
        let node = (1..=u16::MAX).prop_map(NodeId);
        prop_oneof![
            any::<u64>().prop_map(|zxid| RequestBody::Connect {
                last_seen: Version(zxid)
            }),
            (any::<u64>(), any::<Option<String>>()).prop_map(|(key, mode)| RequestBody::Read {
                key,
                read_mode: mode.map(Cow::Owned)
            }),
            (any::<u64>(), any::<i64>()).prop_map(|(key, value)| RequestBody::Write { key, value }),
            (any::<u64>(), any::<i64>(), any::<i64>()).prop_map(|(key, from, to)| RequestBody::Cas {
                key,
                from,
                to
            }),
            Just(RequestBody::Status),
            prop::collection::vec(node.clone(), 0..4)
                .prop_map(|members| RequestBody::ChangeMembers { members }),
            node.prop_map(|target| RequestBody::TransferLeadership { target }),
        ]
    }

    proptest! {
        #[test]
        fn requests_survive_the_round_trip(src: String, dest: String, msg_id: u64, body in bodies()) {
            let request = Request { src: src.into(), dest: dest.into(), msg_id, body };
            let mut out = Vec::new();
            encode_request(&mut out, &request);
            let line = out.strip_suffix(b"\n").unwrap();
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(decode_request(line), Ok(request));
        }

        #[test]
        fn arbitrary_lines_never_panic(line: Vec<u8>) {
            prop_assert!(decode_request(&line).is_err());
        }
    }
}
