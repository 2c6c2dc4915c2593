//! Replies: what a node answers, and how each is written.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use splitbrain_consensus::{CatchUp, Incarnation, NodeId, Role, Version};

use super::error_codes::ErrorCode;
use super::names::{Named, catch_up_named, role_named};
use crate::operation::Answer;

/// A node's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The `msg_id` of the request; `None` only in the error for a line whose `msg_id` could not be read.
    pub in_reply_to: Option<u64>,
    /// Who served it.
    pub served: Served,
    /// The answer.
    pub body: ReplyBody,
}

/// Who served a request, as far as known. Errors may leave all of it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// The node whose state machine answered.
    pub node: Option<NodeId>,
    /// The life of that node, where it is the one that the client is connected to. What a node promises of its
    /// local reads it promises within one life.
    pub incarnation: Option<Incarnation>,
    /// What it believed to be.
    pub role: Option<Role>,
    /// When it was that, by its protocol's count of leaders.
    pub era: Option<Era>,
}

/// The number by which a protocol counts its leaders, under the protocol's own word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Raft's current term.
    Term(u64),
    /// ZAB's current epoch.
    Epoch(u64),
}

impl Era {
    /// The number itself.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Term(number) | Self::Epoch(number) => number,
        }
    }
}

/// What a node can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// The session goes on here.
    ConnectOk,
    /// The value of a register.
    ReadOk {
        /// What it holds; `None` at version 0 where it was never written.
        value: Option<i64>,
        /// The version of the write that put it there.
        version: Version,
    },
    /// The value is stored.
    WriteOk {
        /// The version of this write.
        version: Version,
    },
    /// The compare succeeded and the new value is stored.
    CasOk {
        /// The version of this write.
        version: Version,
    },
    /// Where the node stands; the rest is in [`Reply::served`], and always given.
    StatusOk {
        /// Whom it follows; itself where it leads.
        leader: Option<NodeId>,
        /// The highest version that it knows to be committed.
        committed: Version,
        /// The highest version applied to its state machine.
        applied: Version,
        /// The highest version in its log.
        last: Version,
        /// What its leader is bringing it; nothing, where it does not say.
        catch_up: CatchUp,
    },
    /// The change of members was taken up.
    ChangeMembersOk,
    /// The transfer of leadership was taken up.
    TransferLeadershipOk,
    /// There is no result.
    Error {
        /// Why, in the table of codes.
        code: ErrorCode,
        /// Why, in words.
        text: String,
        /// The value that a failed compare (22) found, with its version: as good as a read.
        found: Option<(i64, Version)>,
    },
}

impl ReplyBody {
    /// An error that carries nothing but its reason.
    #[must_use]
    pub fn error(code: ErrorCode, text: impl Into<String>) -> Self {
        Self::Error {
            code,
            text: text.into(),
            found: None,
        }
    }
}

impl From<Answer> for ReplyBody {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Value { value, version } => Self::ReadOk { value, version },
            Answer::Written { version } => Self::WriteOk { version },
            Answer::Swapped { version } => Self::CasOk { version },
            Answer::Mismatch { found, version } => Self::Error {
                code: ErrorCode::PRECONDITION_FAILED,
                text: format!("the register holds {found}"),
                found: Some((found, version)),
            },
            Answer::Missing => Self::error(ErrorCode::KEY_DOES_NOT_EXIST, "the register was never written"),
            Answer::Malformed => Self::error(
                ErrorCode::MALFORMED_REQUEST,
                "the state machine does not know the request",
            ),
        }
    }
}

/// Why a line is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reply: {0}")]
pub struct UnreadableReply(String);

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    src: Cow<'a, str>,
    #[serde(borrow)]
    dest: Cow<'a, str>,
    #[serde(borrow)]
    body: Fields<'a>,
}

/// All fields of all bodies, as in requests.
#[derive(Default, Serialize, Deserialize)]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<u64>,
    /// The inner option is the value, null being nil; the outer one says whether the field is there.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    value: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    found: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Named>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    role: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    term: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incarnation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<u64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    catch_up: Option<Cow<'a, str>>,
}

impl Fields<'_> {
    fn era(&self) -> Option<Era> {
        self.term.map(Era::Term).or(self.epoch.map(Era::Epoch))
    }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Appends a reply of node `src` to client `dest` as a line, newline included.
pub fn encode_reply(out: &mut Vec<u8>, src: NodeId, dest: &str, reply: &Reply) {
    #[derive(Serialize)]
    struct Outgoing<'a> {
        src: Named,
        dest: &'a str,
        body: Fields<'a>,
    }
    let outgoing = Outgoing {
        src: Named(src),
        dest,
        body: fields(reply),
    };
    serde_json::to_writer(&mut *out, &outgoing).expect("plain fields always encode into a vector");
    out.push(b'\n');
}

fn fields(reply: &Reply) -> Fields<'_> {
    let Served {
        node,
        incarnation,
        role,
        era,
    } = reply.served;
    let (term, epoch) = match era {
        None => (None, None),
        Some(Era::Term(term)) => (Some(term), None),
        Some(Era::Epoch(epoch)) => (None, Some(epoch)),
    };
    let mut fields = Fields {
        in_reply_to: reply.in_reply_to,
        node: node.map(Named),
        role: role.map(|role| Cow::Borrowed(role.name())),
        term,
        epoch,
        incarnation: incarnation.map(|Incarnation(life)| life),
        ..Fields::default()
    };
    let kind = match &reply.body {
        ReplyBody::ConnectOk => "connect_ok",
        ReplyBody::ReadOk { value, version } => {
            (fields.value, fields.version) = (Some(*value), Some(version.0));
            "read_ok"
        }
        ReplyBody::WriteOk { version } => {
            fields.version = Some(version.0);
            "write_ok"
        }
        ReplyBody::CasOk { version } => {
            fields.version = Some(version.0);
            "cas_ok"
        }
        ReplyBody::StatusOk {
            leader,
            committed,
            applied,
            last,
            catch_up,
        } => {
            fields.leader = leader.map(Named);
            fields.catch_up = Some(Cow::Borrowed(catch_up.name()));
            (fields.committed, fields.applied, fields.last) =
                (Some(committed.0), Some(applied.0), Some(last.0));
            "status_ok"
        }
        ReplyBody::ChangeMembersOk => "change_members_ok",
        ReplyBody::TransferLeadershipOk => "transfer_leadership_ok",
        ReplyBody::Error { code, text, found } => {
            (fields.code, fields.text) = (Some(code.0), Some(Cow::Borrowed(text.as_str())));
            if *code == ErrorCode::PRECONDITION_FAILED || *code == ErrorCode::KEY_DOES_NOT_EXIST {
                fields.found = Some(found.map(|(value, _)| value));
                fields.version = found.map(|(_, version)| version.0);
            }
            "error"
        }
    };
    fields.kind = Cow::Borrowed(kind);
    fields
}

/// Reads a line, without its newline, as a reply. Who served may be left out, and fields that are not known are
/// passed over. A version may not be left out: none that could be put in its place would be true.
///
/// # Errors
/// If the line is no JSON, lacks a field that its type needs, or is of an unknown type.
pub fn decode_reply(line: &[u8]) -> Result<Reply, UnreadableReply> {
    let Envelope { body: fields, .. } =
        serde_json::from_slice(line).map_err(|error| UnreadableReply(error.to_string()))?;
    let role = match fields.role.as_deref() {
        None => None,
        Some(name) => {
            Some(role_named(name).ok_or_else(|| UnreadableReply(format!("unknown role {name:?}")))?)
        }
    };
    let served = Served {
        node: fields.node.map(|Named(id)| id),
        incarnation: fields.incarnation.map(Incarnation),
        role,
        era: fields.era(),
    };
    Ok(Reply {
        in_reply_to: fields.in_reply_to,
        served,
        body: body(fields)?,
    })
}

fn body(fields: Fields<'_>) -> Result<ReplyBody, UnreadableReply> {
    let lacks = |field| UnreadableReply(format!("{} lacks the field `{field}`", fields.kind));
    let version = || fields.version.map(Version).ok_or_else(|| lacks("version"));
    Ok(match fields.kind.as_ref() {
        "connect_ok" => ReplyBody::ConnectOk,
        "read_ok" => ReplyBody::ReadOk {
            value: fields.value.ok_or_else(|| lacks("value"))?,
            version: version()?,
        },
        "write_ok" => ReplyBody::WriteOk { version: version()? },
        "cas_ok" => ReplyBody::CasOk { version: version()? },
        "status_ok" => {
            fields.role.as_ref().ok_or_else(|| lacks("role"))?;
            fields.era().ok_or_else(|| lacks("term` or `epoch"))?;
            ReplyBody::StatusOk {
                leader: fields.leader.map(|Named(id)| id),
                committed: Version(fields.committed.ok_or_else(|| lacks("committed"))?),
                applied: Version(fields.applied.ok_or_else(|| lacks("applied"))?),
                last: Version(fields.last.ok_or_else(|| lacks("last"))?),
                catch_up: match fields.catch_up.as_deref() {
                    None => CatchUp::None,
                    Some(name) => catch_up_named(name)
                        .ok_or_else(|| UnreadableReply(format!("unknown catch_up {name:?}")))?,
                },
            }
        }
        "change_members_ok" => ReplyBody::ChangeMembersOk,
        "transfer_leadership_ok" => ReplyBody::TransferLeadershipOk,
        "error" => ReplyBody::Error {
            code: ErrorCode(fields.code.ok_or_else(|| lacks("code"))?),
            found: match fields.found.flatten() {
                Some(value) => Some((value, version()?)),
                None => None,
            },
            text: fields.text.unwrap_or_default().into_owned(),
        },
        other => return Err(UnreadableReply(format!("unknown type {other:?}"))),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERVED: Served = Served {
        node: Some(NodeId(2)),
        incarnation: Some(Incarnation(3)),
        role: Some(Role::Leader),
        era: Some(Era::Term(4)),
    };

    fn encoded(body: ReplyBody) -> String {
        let mut out = Vec::new();
        encode_reply(
            &mut out,
            NodeId(1),
            "c1",
            &Reply {
                in_reply_to: Some(9),
                served: SERVED,
                body,
            },
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_read_reply_is_written_as_documented() {
        assert_eq!(
            encoded(ReplyBody::ReadOk {
                value: Some(5),
                version: Version(17)
            }),
            "{\"src\":\"n1\",\"dest\":\"c1\",\"body\":{\"type\":\"read_ok\",\"in_reply_to\":9,\"value\":5,\
             \"version\":17,\"node\":\"n2\",\"role\":\"leader\",\"term\":4,\"incarnation\":3}}\n"
        );
    }

    #[test]
    fn nil_is_written_as_null() {
        let line = encoded(ReplyBody::ReadOk {
            value: None,
            version: Version(0),
        });
        assert!(line.contains("\"value\":null,\"version\":0"), "{line}");
    }

    #[test]
    fn a_read_reply_without_a_value_is_unreadable() {
        let line = br#"{"src":"n1","dest":"c1","body":{"type":"read_ok","in_reply_to":1}}"#;
        let error = decode_reply(line).unwrap_err();
        assert_eq!(error.to_string(), "not a reply: read_ok lacks the field `value`");
    }

    #[test]
    fn a_failed_compare_carries_what_it_found() {
        let body = ReplyBody::Error {
            code: ErrorCode::PRECONDITION_FAILED,
            text: "expected 1".into(),
            found: Some((7, Version(3))),
        };
        let line = encoded(body.clone());
        assert!(line.contains("\"found\":7,\"version\":3"), "{line}");
        assert_eq!(decode_reply(line.trim_end().as_bytes()).unwrap().body, body);
    }

    #[test]
    fn a_compare_on_a_register_never_written_found_null() {
        let line = encoded(ReplyBody::error(ErrorCode::KEY_DOES_NOT_EXIST, "never written"));
        assert!(line.contains("\"found\":null"), "{line}");
    }

    #[test]
    fn a_reply_without_a_version_is_unreadable() {
        for body in [
            r#""type":"read_ok","in_reply_to":1,"value":null"#,
            r#""type":"write_ok","in_reply_to":1"#,
            r#""type":"cas_ok","in_reply_to":1"#,
            r#""type":"error","in_reply_to":1,"code":22,"found":5"#,
        ] {
            let line = format!(r#"{{"src":"n1","dest":"c1","body":{{{body}}}}}"#);
            let error = decode_reply(line.as_bytes()).unwrap_err();
            assert!(
                error.to_string().ends_with(" lacks the field `version`"),
                "{error}"
            );
        }
    }

    #[test]
    fn unknown_fields_are_passed_over_and_who_served_may_be_left_out() {
        let line =
            br#"{"src":"n1","dest":"c1","id":5,"body":{"type":"write_ok","msg_id":8,"in_reply_to":1,"version":3}}"#;
        let reply = decode_reply(line).unwrap();
        assert_eq!(reply.in_reply_to, Some(1));
        assert_eq!(reply.body, ReplyBody::WriteOk { version: Version(3) });
        assert_eq!(reply.served, Served::default());
    }

    fn bodies() -> impl Strategy<Value = ReplyBody> {
        let version = any::<u64>().prop_map(Version);
        let error = (
            any::<u16>(),
            any::<String>(),
            any::<Option<i64>>(),
            version.clone(),
        );
        prop_oneof![
            (any::<Option<i64>>(), version.clone())
                .prop_map(|(value, version)| ReplyBody::ReadOk { value, version }),
            version.clone().prop_map(|version| ReplyBody::WriteOk { version }),
            version.clone().prop_map(|version| ReplyBody::CasOk { version }),
            (
                any::<Option<u16>>(),
                version.clone(),
                version.clone(),
                version,
                0..3_usize
            )
                .prop_map(
                    |(leader, committed, applied, last, catch_up)| ReplyBody::StatusOk {
                        leader: leader.map(|id| NodeId(id.max(1))),
                        committed,
                        applied,
                        last,
                        catch_up: CatchUp::ALL[catch_up],
                    }
                ),
            Just(ReplyBody::ChangeMembersOk),
            Just(ReplyBody::TransferLeadershipOk),
            error.prop_map(|(code, text, found, version)| ReplyBody::Error {
                code: ErrorCode(code),
                text,
                found: found.filter(|_| code == 22).map(|value| (value, version)),
            }),
        ]
    }

    proptest! {
        #[test]
        fn replies_survive_the_round_trip(in_reply_to: Option<u64>, dest: String, body in bodies()) {
            let reply = Reply { in_reply_to, served: SERVED, body };
            let mut out = Vec::new();
            encode_reply(&mut out, NodeId(1), &dest, &reply);
            let line = out.strip_suffix(b"\n").unwrap();
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(decode_reply(line), Ok(reply));
        }

        #[test]
        fn arbitrary_lines_never_panic(line: Vec<u8>) {
            prop_assert!(decode_reply(&line).is_err());
        }
    }
}
