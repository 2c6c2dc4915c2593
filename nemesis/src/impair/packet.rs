//! What must be known of a packet, read from its IPv4 header on (RFC 791), and how a bit of it is flipped.

use std::net::Ipv4Addr;
use std::ops::Range;

use crate::network::Channel;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Where the length is within a UDP header, between the ports and the checksum, and where the data begin (RFC 768).
const UDP_LENGTH: Range<usize> = 4..6;
const UDP_DATA: usize = 8;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    /// The channel that it probes for, if it is a probe.
    pub(super) channel: Option<Channel>,
    /// Where its transport header begins.
    header: usize,
    protocol: u8,
}

impl Kind {
    /// `None` for what is no whole IPv4 packet.
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        let header = usize::from(first & 0xf) * 4;
        if first >> 4 != 4 || header < 20 || packet.len() < header {
            return None;
        }
        let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        let protocol = packet[9];
        let port = |at: usize| {
            let bytes = packet.get(header + at..header + at + 2)?;
            Some(u16::from_be_bytes(bytes.try_into().ok()?))
        };
        let channel = match protocol {
            UDP => Channel::ALL
                .into_iter()
                .find(|channel| port(2) == Some(channel.port())),
            TCP => {
                let cuts = Some(Channel::Cuts.port());
                (port(0) == cuts || port(2) == cuts).then_some(Channel::Cuts)
            }
            _ => None,
        };
        Some(Self {
            source: address(12),
            destination: address(16),
            channel,
            header,
            protocol,
        })
    }

    /// Flips a bit of what the checksum of TCP or UDP covers, which is sure to find it: the one that `draw` says. Of
    /// UDP the checksum is left alone, for one of zeroes would say that there is none, and so are the ports: the kernel
    /// looks at the checksum when the datagram is read, and at a wrong port nobody may. Returns whether there was a bit.
    pub(super) fn flip_bit(self, packet: &mut [u8], draw: u64) -> bool {
        if !matches!(self.protocol, TCP | UDP) {
            return false;
        }
        let may_flip = |at: &usize| {
            let place = at - self.header;
            self.protocol != UDP || UDP_LENGTH.contains(&place) || place >= UDP_DATA
        };
        let places: Vec<usize> = (self.header..packet.len()).filter(may_flip).collect();
        if places.is_empty() {
            return false;
        }
        let bit = draw % (8 * places.len() as u64);
        packet[places[(bit / 8) as usize]] ^= 1 << (bit % 8);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(protocol: u8, ports: [u16; 2], data: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet[9] = protocol;
        packet[12..20].copy_from_slice(&[10, 77, 0, 1, 10, 77, 0, 2]);
        for port in ports {
            packet.extend(port.to_be_bytes());
        }
        packet.extend([0; 4]);
        packet.extend(data);
        packet
    }

    #[test]
    fn probes_are_told_from_other_packets() {
        let channel = |protocol, ports| Kind::of(&packet(protocol, ports, b"?")).unwrap().channel;
        let (ways, cuts) = (Channel::Ways.port(), Channel::Cuts.port());
        assert_eq!(channel(UDP, [ways, ways]), Some(Channel::Ways));
        assert_eq!(channel(UDP, [ways, 9]), None);
        assert_eq!(channel(TCP, [ways, ways]), None);
        assert_eq!(channel(TCP, [9, cuts]), Some(Channel::Cuts));
        assert_eq!(channel(TCP, [cuts, 9]), Some(Channel::Cuts));
        assert_eq!(channel(1, [cuts, cuts]), None);
        let kind = Kind::of(&packet(TCP, [9, 9], b"")).unwrap();
        assert_eq!(kind.source, Ipv4Addr::new(10, 77, 0, 1));
        assert_eq!(kind.destination, Ipv4Addr::new(10, 77, 0, 2));
    }

    proptest! {
        #[test]
        fn one_bit_is_flipped_and_never_of_a_header_that_must_stay(draw: u64, data: Vec<u8>, udp: bool) {
            let whole = packet(if udp { UDP } else { TCP }, [1, 2], &data);
            let mut flipped = whole.clone();
            prop_assert!(Kind::of(&whole).unwrap().flip_bit(&mut flipped, draw));
            let bits: u32 = whole.iter().zip(&flipped).map(|(a, b)| (a ^ b).count_ones()).sum();
            prop_assert_eq!(bits, 1);
            prop_assert_eq!(&whole[..20], &flipped[..20]);
            prop_assert!(!udp || whole[20..24] == flipped[20..24] && whole[26..28] == flipped[26..28]);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, draw: u64) {
            if let Some(kind) = Kind::of(&bytes) {
                let mut bytes = bytes.clone();
                let _ = kind.flip_bit(&mut bytes, draw);
            }
        }
    }
}
