//! Answers, each with what a browser may make of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use splitbrain_reports::store;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::request::Refused;

/// How much of a file is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// What is sent: a text, or so much of a file as there was when it was opened.
pub(super) enum Body {
    Whole(Option<Bytes>),
    File { file: tokio::fs::File, left: u64 },
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let (file, left) = match self.get_mut() {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File { left: 0, .. } => return Poll::Ready(None),
            Self::File { file, left } => (file, left),
        };
        let mut chunk = vec![0; usize::try_from(*left).unwrap_or(CHUNK).min(CHUNK)];
        let mut buffer = ReadBuf::new(&mut chunk);
        if let Err(error) = ready!(Pin::new(file).poll_read(context, &mut buffer)) {
            return Poll::Ready(Some(Err(error)));
        }
        let read = buffer.filled().len();
        if read == 0 {
            // Its length was promised: the client is to see that this is not all.
            *left = 0;
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        *left -= read as u64;
        chunk.truncate(read);
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::File { left, .. } => *left,
        })
    }
}

/// What a browser may make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A list of this server's: no script at all.
    List,
    /// A page that a run left: this version's own scripts, and no other.
    Page,
    /// A drawing.
    Svg,
    /// Text, whatever it says.
    Text,
    /// Data that a browser saves and does not show.
    Data,
}

impl Kind {
    fn content_type(self) -> &'static str {
        match self {
            Self::List | Self::Page => "text/html; charset=utf-8",
            Self::Svg => "image/svg+xml",
            Self::Text => "text/plain; charset=utf-8",
            Self::Data => "application/octet-stream",
        }
    }

    fn policy(self) -> String {
        let own = match self {
            Self::List => store::list_policy(),
            Self::Page => store::pages_policy(),
            Self::Svg => "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned(),
            Self::Text | Self::Data => "default-src 'none'; sandbox".to_owned(),
        };
        format!("{own}; frame-ancestors 'none'")
    }
}

/// An answer of this kind.
pub(super) fn of(status: StatusCode, kind: Kind, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(&kind.policy()).expect("hashes and words are plain ASCII");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (CONTENT_TYPE, kind.content_type()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        // Runs end and pages are drawn again: nothing is to be shown from memory.
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for name in ["cross-origin-resource-policy", "cross-origin-opener-policy"] {
        headers.insert(name, HeaderValue::from_static("same-origin"));
    }
    if kind == Kind::Data {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    response
}

/// A page of this server's own.
pub(super) fn list(status: StatusCode, html: String) -> Response<Body> {
    of(status, Kind::List, Body::Whole(Some(html.into())))
}

/// Why a request is refused, in a sentence.
pub(super) fn refusal(refused: &Refused) -> Response<Body> {
    let mut response = said(refused.status, refused.why);
    if let Some((name, value)) = &refused.header {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A sentence.
pub(super) fn said(status: StatusCode, text: &str) -> Response<Body> {
    of(status, Kind::Text, Body::Whole(Some(format!("{text}\n").into())))
}

/// That answering failed by a mistake of ours.
pub(super) fn broken() -> Response<Body> {
    said(
        StatusCode::INTERNAL_SERVER_ERROR,
        "This server has a bug: it could not answer.",
    )
}

/// The same without its body, as HEAD asks for, with the length that it would have.
pub(super) fn without_body(mut response: Response<Body>) -> Response<Body> {
    let length = hyper::body::Body::size_hint(response.body()).exact().unwrap_or(0);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    *response.body_mut() = Body::Whole(None);
    response
}
