//! Frames between nodes: a length of four bytes, big-endian, then that many bytes of postcard.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use splitbrain_consensus::{Incarnation, NodeId};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

/// The longest frame in bytes: far above any that a protocol sends, which cut their snapshots into pieces.
pub(super) const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// Changes whenever the frames do.
const VERSION: u32 = 1;

/// The first frame on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    version: u32,
    /// Who sends on this connection.
    pub(super) from: NodeId,
    /// Whom it believes to have reached.
    pub(super) to: NodeId,
    /// The life of the sender.
    pub(super) incarnation: Incarnation,
}

impl Hello {
    pub(super) fn new(from: NodeId, to: NodeId, incarnation: Incarnation) -> Self {
        Self {
            version: VERSION,
            from,
            to,
            incarnation,
        }
    }

    pub(super) fn is_of_this_version(&self) -> bool {
        self.version == VERSION
    }
}

/// Appends a value as a frame.
///
/// # Errors
/// If the frame would be too long; `out` is then as it was. The error is the length in bytes.
pub(super) fn append_frame<T: Serialize>(out: &mut Vec<u8>, value: &T) -> Result<(), usize> {
    let head = out.len();
    out.extend_from_slice(&[0; 4]);
    let taken = std::mem::take(out);
    *out = postcard::to_extend(value, taken).expect("messages of a protocol always encode");
    let len = out.len() - head - 4;
    if len > MAX_FRAME_BYTES {
        out.truncate(head);
        return Err(len);
    }
    let len = u32::try_from(len).expect("within MAX_FRAME_BYTES");
    out[head..head + 4].copy_from_slice(&len.to_be_bytes());
    Ok(())
}

/// Reads frames from a stream.
pub(super) struct FrameReader<S> {
    stream: S,
    received: BytesMut,
    codec: LengthDelimitedCodec,
}

impl<S: AsyncRead + Unpin> FrameReader<S> {
    pub(super) fn new(stream: S) -> Self {
        let codec = LengthDelimitedCodec::builder()
            .max_frame_length(MAX_FRAME_BYTES)
            .new_codec();
        Self {
            stream,
            received: BytesMut::with_capacity(64 * 1024),
            codec,
        }
    }

    /// The next frame, decoded; `None` where the stream ends. Not to be called again after a future of it was
    /// dropped unfinished and bytes may matter: only a connection that is given up is.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.received)? {
                let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
                return postcard::from_bytes(&frame).map(Some).map_err(invalid);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_are_read_as_they_were_written() {
        let mut bytes = Vec::new();
        for text in ["one", "", "three"] {
            append_frame(&mut bytes, &text).unwrap();
        }
        let mut reader = FrameReader::new(&bytes[..]);
        for text in ["one", "", "three"] {
            assert_eq!(reader.next::<String>().await.unwrap().as_deref(), Some(text));
        }
        assert_eq!(reader.next::<String>().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_length_beyond_the_bound_is_an_error_before_its_bytes_are_awaited() {
        let mut reader = FrameReader::new(&[0xff; 8][..]);
        assert!(reader.next::<String>().await.is_err());
    }

    #[tokio::test]
    async fn a_frame_that_is_no_message_is_an_error() {
        let mut bytes = Vec::new();
        append_frame(&mut bytes, &[200u8; 3]).unwrap();
        let error = FrameReader::new(&bytes[..]).next::<String>().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_message_too_long_to_send_leaves_no_trace() {
        let mut bytes = b"before".to_vec();
        let long = vec![0u8; MAX_FRAME_BYTES + 1];
        assert!(append_frame(&mut bytes, &long).is_err());
        assert_eq!(bytes, b"before");
    }
}
