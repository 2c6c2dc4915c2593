//! `serve`: the store in a browser, on this machine only.
//!
//! What runs left behind is not to be trusted: a node writes its own logs, a history may come from anywhere, and any page
//! that a browser has open may try to reach a server on the loopback. So each request passes `request` before anything
//! is opened, `files` opens nothing outside of the store, and `answer` says with each answer what a browser may make
//! of it: no script but those of this version's own pages.

mod answer;
mod files;
mod index;
mod pages;
mod request;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output;
use answer::Body;
use files::Store;
use index::Index;

/// More connections at once than a browser opens; others wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to say what it wants.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may be, in bytes.
const REQUEST_MAX: usize = 16 << 10;

/// What answers requests.
struct Server {
    store: Store,
    index: Index,
    port: u16,
}

/// Shows the store until Ctrl-C.
///
/// # Errors
/// [`Failure::Input`] if there is no store; [`Failure::Host`] if the port cannot be had.
pub fn serve(store: PathBuf, port: u16) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::host(format!("starting the runtime: {error}")))?;
    let exit = runtime.block_on(listen(store, port));
    // A file that is just being read has nobody left to read it for.
    runtime.shutdown_background();
    exit
}

async fn listen(path: PathBuf, port: u16) -> Result<Exit> {
    let fail = |what: &str, error: std::io::Error| Failure::host(format!("{what}: {error}"));
    let store = Store::open(&path)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.map_err(|error| Failure::Host {
        problem: format!("cannot listen on {address}: {error}"),
        mend: Some("choose another port with --port N, or any free one with --port 0".to_owned()),
    })?;
    let port = listener
        .local_addr()
        .map_err(|error| fail("listening", error))?
        .port();
    let server = Arc::new(Server {
        store,
        index: Index::default(),
        port,
    });
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| fail("listening for signals", error))?;
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| fail("listening for signals", error))?;
    output::print(&format!("http://127.0.0.1:{port}/\n"));
    output::note(&format!(
        "shows {} on this machine only; Ctrl-C ends it",
        path.display()
    ));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = tokio::select! {
            accepted = async { (place.await, listener.accept().await) } => accepted,
            // Nothing is left half done: to be ended is how this command ends.
            _ = interrupt.recv() => return Ok(Exit::Pass),
            _ = terminate.recv() => return Ok(Exit::Pass),
        };
        match accepted {
            (Ok(place), Ok((stream, _))) => {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    server.connection(stream).await;
                    drop(place);
                });
            }
            // A connection that broke off before it was accepted, or no descriptor left: others may yet end.
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

impl Server {
    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_PATIENCE)
            .max_buf_size(REQUEST_MAX)
            .serve_connection(TokioIo::new(stream), service);
        // What a client breaks off or says wrongly ends its connection, and concerns nobody else.
        let _ = served.await;
    }

    /// Answers on a thread of its own: files and folders are read there.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let is_head = request.method() == hyper::Method::HEAD;
        let (head, _) = request.into_parts();
        let server = Arc::clone(&self);
        let answered = tokio::task::spawn_blocking(move || match request::check(&head, server.port) {
            Ok(asked) => pages::answer(&server.store, &server.index, &asked),
            Err(refused) => answer::refusal(&refused),
        });
        let response = answered.await.unwrap_or_else(|_| answer::broken());
        if is_head {
            answer::without_body(response)
        } else {
            response
        }
    }
}
