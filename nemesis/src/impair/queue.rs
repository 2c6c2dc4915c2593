//! A queue of packets that the kernel hands over and waits for a word on: `nfnetlink_queue`.
//!
//! The few messages that are needed are written out here (linux/netfilter/nfnetlink_queue.h). Of the crates that
//! speak this protocol, none lets its reader wait with a time limit, which is what holding packets takes.
//!
//! Packets that nobody reads pass: by the rule that queues them while no socket is bound, and by the queue's fail-open
//! flag while it is full.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};

/// linux/netfilter/nfnetlink.h
const SUBSYSTEM_QUEUE: u16 = 3;
/// linux/netfilter/nfnetlink_queue.h: kinds of message.
const MSG_PACKET: u16 = 0;
const MSG_VERDICT: u16 = 1;
const MSG_CONFIG: u16 = 2;
/// Attributes of a configuration.
const CFG_CMD: u16 = 1;
const CFG_PARAMS: u16 = 2;
const CFG_QUEUE_MAXLEN: u16 = 3;
const CFG_MASK: u16 = 4;
const CFG_FLAGS: u16 = 5;
/// Their values.
const CMD_BIND: u8 = 1;
const COPY_PACKET: u8 = 2;
const FLAG_FAIL_OPEN: u32 = 1;
/// Attributes of a packet and of a verdict.
const ATTR_PACKET_HDR: u16 = 1;
const ATTR_VERDICT_HDR: u16 = 2;
const ATTR_PAYLOAD: u16 = 10;
/// linux/netfilter.h
const NF_ACCEPT: u32 = 1;
/// Of a message's header (`nlmsghdr`), and of what all messages of netfilter go on with (`nfgenmsg`).
const HEADER_BYTES: usize = 16;
const FAMILY_BYTES: usize = 4;
/// How many packets the kernel holds for us at most; more pass at once. Some seconds of a busy cluster.
const PACKETS_MAX: u32 = 16_384;
/// More than a packet has with its attributes: none is greater than an IP packet may be.
const BUFFER_BYTES: usize = 0x1_0000 + 4_096;
/// What the socket holds of packets that were not read yet; the kernel may allow less.
const SOCKET_BYTES: usize = 4 << 20;

/// A packet of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    /// By which the kernel knows it.
    pub(super) id: u32,
    /// From its IP header on.
    pub(super) payload: Vec<u8>,
}

/// A bound queue. Packets that are still held are lost once it is dropped.
#[derive(Debug)]
pub(super) struct Queue {
    socket: OwnedFd,
    number: u16,
    buffer: Vec<u8>,
}

impl Queue {
    /// Binds the queue `number` in the network namespace of the calling thread.
    ///
    /// # Errors
    /// If the kernel has no such queues, or another socket holds it.
    pub(super) fn bind(number: u16) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkNetFilter,
        )?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        // As much as the system lets us have; a full buffer lets packets pass.
        let _ = setsockopt(&socket, sockopt::RcvBuf, &SOCKET_BYTES);
        let mut queue = Self {
            socket,
            number,
            buffer: vec![0; BUFFER_BYTES],
        };
        queue.configure(CFG_CMD, &[CMD_BIND, 0, 0, 0])?;
        let range = 0xffff_u32.to_be_bytes();
        queue.configure(CFG_PARAMS, &[&range[..], &[COPY_PACKET]].concat())?;
        queue.configure(CFG_QUEUE_MAXLEN, &PACKETS_MAX.to_be_bytes())?;
        let fail_open = attribute(CFG_FLAGS, &FLAG_FAIL_OPEN.to_be_bytes());
        let mask = attribute(CFG_MASK, &FLAG_FAIL_OPEN.to_be_bytes());
        queue.ask(&[fail_open, mask].concat())?;
        Ok(queue)
    }

    /// The next packet, if there is one.
    ///
    /// # Errors
    /// If the socket fails.
    pub(super) fn next(&mut self) -> io::Result<Option<Queued>> {
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    if let Some(queued) = parse_packet(&self.buffer[..length]) {
                        return Ok(Some(queued));
                    }
                }
                Err(Errno::EAGAIN) => return Ok(None),
                // Some passed that we had no room for.
                Err(Errno::EINTR | Errno::ENOBUFS) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Lets a packet go on, with `payload` in place of its own if there is one.
    ///
    /// # Errors
    /// If the kernel does not take the verdict.
    pub(super) fn accept(&self, id: u32, payload: Option<&[u8]>) -> io::Result<()> {
        let header = [NF_ACCEPT.to_be_bytes(), id.to_be_bytes()].concat();
        let mut attributes = attribute(ATTR_VERDICT_HDR, &header);
        if let Some(payload) = payload {
            attributes.extend(attribute(ATTR_PAYLOAD, payload));
        }
        self.send(MSG_VERDICT, 0, &attributes)
    }

    fn configure(&mut self, kind: u16, value: &[u8]) -> io::Result<()> {
        self.ask(&attribute(kind, value))
    }

    /// Sends a configuration, and waits for the kernel's word on it.
    fn ask(&mut self, attributes: &[u8]) -> io::Result<()> {
        self.send(MSG_CONFIG, libc::NLM_F_ACK as u16, attributes)?;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                length => length?,
            };
            // A packet may come before; nobody has been told of it, so it is let go.
            if let Some(queued) = parse_packet(&self.buffer[..length]) {
                self.accept(queued.id, None)?;
            } else if let Some(errno) = parse_error(&self.buffer[..length]) {
                return match errno {
                    0 => Ok(()),
                    errno => Err(io::Error::from_raw_os_error(errno)),
                };
            }
        }
    }

    fn send(&self, kind: u16, flags: u16, attributes: &[u8]) -> io::Result<()> {
        let length = (HEADER_BYTES + FAMILY_BYTES + attributes.len()) as u32;
        let mut message = Vec::with_capacity(length as usize);
        message.extend(length.to_ne_bytes());
        message.extend((SUBSYSTEM_QUEUE << 8 | kind).to_ne_bytes());
        message.extend((libc::NLM_F_REQUEST as u16 | flags).to_ne_bytes());
        // The number of the message and the port: nobody asks for them.
        message.extend([0; 8]);
        message.extend([libc::AF_UNSPEC as u8, 0]);
        message.extend(self.number.to_be_bytes());
        message.extend(attributes);
        send(self.socket.as_raw_fd(), &message, MsgFlags::empty())?;
        Ok(())
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Rounded up to four bytes, as all is aligned.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut attribute = Vec::with_capacity(aligned(length));
    attribute.extend((length as u16).to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(aligned(length), 0);
    attribute
}

/// The kind of a message, and what follows its header. The kernel sends one message at a time here.
fn parse_message(message: &[u8]) -> Option<(u16, &[u8])> {
    let length = u32::from_ne_bytes(message.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    Some((kind, message.get(HEADER_BYTES..length)?))
}

/// The error number of an acknowledgement, 0 for success.
fn parse_error(message: &[u8]) -> Option<i32> {
    let (kind, body) = parse_message(message)?;
    let errno = i32::from_ne_bytes(body.get(..4)?.try_into().ok()?);
    (i32::from(kind) == libc::NLMSG_ERROR).then_some(-errno)
}

fn parse_packet(message: &[u8]) -> Option<Queued> {
    let (kind, body) = parse_message(message)?;
    if kind != SUBSYSTEM_QUEUE << 8 | MSG_PACKET {
        return None;
    }
    let (mut id, mut payload) = (None, Vec::new());
    let mut rest = body.get(FAMILY_BYTES..)?;
    while let Some(length) = rest.get(..2) {
        let length = usize::from(u16::from_ne_bytes(length.try_into().ok()?));
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        let value = rest.get(4..length)?;
        match kind & libc::NLA_TYPE_MASK as u16 {
            ATTR_PACKET_HDR => id = Some(u32::from_be_bytes(value.get(..4)?.try_into().ok()?)),
            ATTR_PAYLOAD => payload = value.to_vec(),
            _ => {}
        }
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Some(Queued { id: id?, payload })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = ((HEADER_BYTES + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.resize(HEADER_BYTES, 0);
        message.extend(body);
        message
    }

    #[test]
    fn packets_and_acknowledgements_are_told_apart() {
        let header = attribute(ATTR_PACKET_HDR, &[0, 0, 1, 2, 8, 0, 1]);
        let body = [vec![0; 4], header, attribute(ATTR_PAYLOAD, b"hello")].concat();
        let packet = message(SUBSYSTEM_QUEUE << 8 | MSG_PACKET, &body);
        let queued = Queued {
            id: 258,
            payload: b"hello".to_vec(),
        };
        assert_eq!(parse_packet(&packet), Some(queued));
        assert_eq!(parse_error(&packet), None);
        let refused = message(libc::NLMSG_ERROR as u16, &(-libc::EBUSY).to_ne_bytes());
        assert_eq!(parse_error(&refused), Some(libc::EBUSY));
        assert_eq!(parse_packet(&refused), None);
    }

    proptest! {
        #[test]
        fn no_message_of_any_bytes_panics(bytes: Vec<u8>) {
            let mut framed = message(SUBSYSTEM_QUEUE << 8 | MSG_PACKET, &bytes);
            let _ = (parse_packet(&bytes), parse_error(&bytes), parse_packet(&framed));
            framed.truncate(framed.len() / 2);
            prop_assert_eq!(parse_packet(&framed), None);
        }
    }
}
