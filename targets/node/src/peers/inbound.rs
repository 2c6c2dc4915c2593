//! The connections on which other nodes send to this one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use splitbrain_consensus::{Incarnation, NodeId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::frame::{FrameReader, Hello};

/// How long a connection may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait when the system has no descriptor left for a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The newest connection of each peer: an older one, perhaps of an earlier life, ends when a newer one begins.
#[derive(Default)]
struct Newest(Mutex<BTreeMap<NodeId, (Incarnation, CancellationToken)>>);

impl Newest {
    /// Ends the peer's earlier connection, unless that is of a later life. The token ends the new one.
    fn replace(&self, hello: &Hello) -> Option<CancellationToken> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((incarnation, earlier)) = newest.get(&hello.from) {
            if *incarnation > hello.incarnation {
                return None;
            }
            earlier.cancel();
        }
        let token = CancellationToken::new();
        newest.insert(hello.from, (hello.incarnation, token.clone()));
        Some(token)
    }
}

/// Accepts connections of `peers` for ever, and hands what arrives on them to `inputs`, with its sender.
pub(crate) async fn accept_peers<M, I>(
    listener: TcpListener,
    me: NodeId,
    peers: BTreeSet<NodeId>,
    inputs: mpsc::Sender<I>,
) where
    M: DeserializeOwned + Send + 'static,
    I: From<(NodeId, M)> + Send + 'static,
{
    let (peers, newest) = (Arc::new(peers), Arc::new(Newest::default()));
    loop {
        let Ok((stream, addr)) = listener.accept().await else {
            sleep(ACCEPT_RETRY).await;
            continue;
        };
        let (peers, newest, inputs) = (Arc::clone(&peers), Arc::clone(&newest), inputs.clone());
        tokio::spawn(async move {
            if let Err(error) = receive::<M, I>(stream, me, &peers, &newest, &inputs).await {
                tracing::debug!(%addr, "ended a connection of a peer: {error}");
            }
        });
    }
}

async fn receive<M, I>(
    stream: TcpStream,
    me: NodeId,
    peers: &BTreeSet<NodeId>,
    newest: &Newest,
    inputs: &mpsc::Sender<I>,
) -> io::Result<()>
where
    M: DeserializeOwned,
    I: From<(NodeId, M)>,
{
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let mut frames = FrameReader::new(stream);
    let Some(hello) = timeout(HELLO_TIMEOUT, frames.next::<Hello>()).await?? else {
        return Ok(());
    };
    if !hello.is_of_this_version() || hello.to != me || !peers.contains(&hello.from) {
        tracing::warn!(?hello, "refused a connection that is not of this cluster");
        return refused("not of this cluster");
    }
    let Some(replaced) = newest.replace(&hello) else {
        return refused("of an earlier life of the peer");
    };
    loop {
        let message = tokio::select! {
            message = frames.next::<M>() => message?,
            () = replaced.cancelled() => return Ok(()),
        };
        let Some(message) = message else { return Ok(()) };
        if inputs.send(I::from((hello.from, message))).await.is_err() {
            return Ok(());
        }
    }
}
