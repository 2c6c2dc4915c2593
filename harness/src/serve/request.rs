//! What a request asks for, if it may be asked.

use hyper::header::{ALLOW, HOST, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The list of what is in the store.
    List {
        /// What is searched for.
        query: String,
        /// The page of the list, from 1.
        page: usize,
    },
    /// A file or a folder of the store.
    Path {
        /// The names on the way to it, decoded. None is empty, `.` or `..`, or has a slash or a control character in it.
        names: Vec<Vec<u8>>,
        /// Whether a page of another version is to be shown although its scripts are not.
        without_scripts: bool,
    },
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) why: &'static str,
    pub(super) header: Option<(HeaderName, &'static str)>,
}

fn refused<T>(status: StatusCode, why: &'static str) -> Result<T, Refused> {
    Err(Refused {
        status,
        why,
        header: None,
    })
}

/// What the request asks of the server on this port.
pub(super) fn check(head: &Parts, port: u16) -> Result<Asked, Refused> {
    if !has_our_host(head, port) {
        // A name of somebody else's that leads to this machine (DNS rebinding) gives his scripts no way to the store.
        return refused(
            StatusCode::MISDIRECTED_REQUEST,
            "This server answers as 127.0.0.1 and localhost only.",
        );
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(Refused {
            status: StatusCode::METHOD_NOT_ALLOWED,
            why: "The store can be looked at, and nothing else.",
            header: Some((ALLOW, "GET, HEAD")),
        });
    }
    let query = head.uri.query().unwrap_or_default();
    match head.uri.path() {
        "/" => list(query),
        path => match path.strip_prefix("/files/") {
            Some(path) => Ok(Asked::Path {
                names: names(path)?,
                without_scripts: query == "without-scripts",
            }),
            None => refused(StatusCode::NOT_FOUND, "There is nothing here."),
        },
    }
}

/// Whether the request is meant for this server: by its one Host header, and by its target where that names a host too.
fn has_our_host(head: &Parts, port: u16) -> bool {
    let is_ours = |host: &str| {
        let (name, of) = host.rsplit_once(':').unwrap_or((host, "80"));
        let is_local = name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost");
        is_local && of.bytes().all(|byte| byte.is_ascii_digit()) && of.parse() == Ok(port)
    };
    let mut hosts = head.headers.get_all(HOST).iter();
    let only = hosts.next().filter(|_| hosts.next().is_none());
    let target = head.uri.authority().is_none_or(|target| is_ours(target.as_str()));
    target && only.and_then(|host| host.to_str().ok()).is_some_and(is_ours)
}

fn list(query: &str) -> Result<Asked, Refused> {
    let (mut wanted, mut page) = (String::new(), 1);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(value) = decoded(&value.replace('+', " ")) else {
            return refused(StatusCode::BAD_REQUEST, "The query is not encoded as it must be.");
        };
        match name {
            "q" => wanted = String::from_utf8_lossy(&value).trim().to_owned(),
            "page" => page = String::from_utf8_lossy(&value).parse().unwrap_or(1).max(1),
            _ => {}
        }
    }
    Ok(Asked::List { query: wanted, page })
}

/// The names on a path. They are split before they are decoded, so that an encoded slash ends none.
fn names(path: &str) -> Result<Vec<Vec<u8>>, Refused> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let is_safe = |name: &[u8]| {
        !name.is_empty()
            && name != b"."
            && name != b".."
            && !name
                .iter()
                .any(|byte| *byte == b'/' || *byte == b'\\' || byte.is_ascii_control())
    };
    let safe = |part: &str| decoded(part).filter(|name| is_safe(name));
    match path.split('/').map(safe).collect() {
        Some(names) => Ok(names),
        None => refused(StatusCode::BAD_REQUEST, "This is no path within the store."),
    }
}

/// The bytes that a percent-encoded text stands for, decoded once; none if it is not encoded as it must be.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: Option<u8>| {
        char::from(byte?)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            other => other,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn asked(method: &str, target: &str, hosts: &[&str]) -> Result<Asked, StatusCode> {
        let mut request = Request::builder().method(method).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let head = request.body(()).unwrap().into_parts().0;
        check(&head, 8_117).map_err(|refused| refused.status)
    }

    fn path(target: &str) -> Result<Vec<Vec<u8>>, StatusCode> {
        match asked("GET", target, &["localhost:8117"])? {
            Asked::Path { names, .. } => Ok(names),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for good in ["127.0.0.1:8117", "localhost:8117", "LocalHost:8117"] {
            assert!(asked("GET", "/", &[good]).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:80",
            "127.0.0.1:+8117",
            "evil.example:8117",
            "evil.example",
            "localhost.evil.example:8117",
            "127.0.0.1.evil.example:8117",
            "user@127.0.0.1:8117",
            "[::1]:8117",
        ] {
            assert_eq!(
                asked("GET", "/", &[bad]),
                Err(StatusCode::MISDIRECTED_REQUEST),
                "{bad}"
            );
        }
        for hosts in [&[][..], &["127.0.0.1:8117", "evil.example"]] {
            assert_eq!(
                asked("GET", "/", hosts),
                Err(StatusCode::MISDIRECTED_REQUEST),
                "{hosts:?}"
            );
        }
        let elsewhere = asked("GET", "http://evil.example/", &["127.0.0.1:8117"]);
        assert_eq!(elsewhere, Err(StatusCode::MISDIRECTED_REQUEST));
    }

    #[test]
    fn nothing_is_done_but_looking() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
            let refused = asked(method, "/", &["localhost:8117"]);
            assert_eq!(refused, Err(StatusCode::METHOD_NOT_ALLOWED), "{method}");
        }
    }

    #[test]
    fn paths_stay_below_the_store() {
        assert_eq!(path("/files/").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(
            path("/files/a%20b/c%FF/").unwrap(),
            [b"a b".to_vec(), b"c\xff".to_vec()]
        );
        // Decoded once, and no more.
        assert_eq!(path("/files/%252e%252e").unwrap(), [b"%2e%2e".to_vec()]);
        for bad in [
            "/files/..",
            "/files/../etc/passwd",
            "/files/a/../../b",
            "/files/%2e%2e/b",
            "/files/%2E./b",
            "/files/.",
            "/files/a/./b",
            "/files//etc/passwd",
            "/files/a//b",
            "/files/..%2fb",
            "/files/a%2fb",
            "/files/a%5c..%5cb",
            "/files/a%00b",
            "/files/a%0ab",
            "/files/%",
            "/files/%4",
            "/files/%zz",
        ] {
            assert_eq!(path(bad), Err(StatusCode::BAD_REQUEST), "{bad}");
        }
        for nothing in ["/file", "/files", "/../etc/passwd", "/etc/passwd", "/files.txt"] {
            assert_eq!(
                asked("GET", nothing, &["localhost:8117"]),
                Err(StatusCode::NOT_FOUND),
                "{nothing}"
            );
        }
    }

    #[test]
    fn a_search_is_decoded() {
        let list = |target| asked("GET", target, &["localhost:8117"]);
        let expected = |query: &str, page| {
            Ok(Asked::List {
                query: query.to_owned(),
                page,
            })
        };
        assert_eq!(list("/?q=stale+read%3C&page=3"), expected("stale read<", 3));
        assert_eq!(list("/?page=-1&q=%ff"), expected("\u{fffd}", 1));
        assert_eq!(list("/?q=%"), Err(StatusCode::BAD_REQUEST));
    }
}
