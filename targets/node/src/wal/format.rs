//! The bytes of a segment: a header, then records.
//!
//! ```text
//! header  "SBRNWAL1" | base: u64 | crc: u32            crc over base
//! record  "rec\x01"  | len: u32  | crc: u32 | payload  crc over len and payload
//! ```
//!
//! All integers are little-endian. `base` is the length that the file had when it got its name, all of it synced.

use std::ops::Range;

const MAGIC: [u8; 8] = *b"SBRNWAL1";
const MARKER: [u8; 4] = *b"rec\x01";
const RECORD_HEAD: usize = 12;

/// The length of a segment's header in bytes.
pub(super) const HEADER_BYTES: usize = 20;

/// The longest record, in bytes. A snapshot is one record.
pub(super) const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

/// Where the reading of a segment ended otherwise than at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// From `offset` to the end nothing is readable: the write was cut short.
    TornTail { offset: usize },
    /// The header, or what lies at `offset`, was persisted and is unreadable now.
    Corrupt { offset: usize },
}

pub(super) fn header(base: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&base.to_le_bytes());
    let crc = crc32fast::hash(&header[8..16]);
    header[16..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Appends one record. `payload` writes its bytes, and must write at least one.
pub(super) fn append_record(out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let head = out.len();
    out.extend_from_slice(&[0; RECORD_HEAD]);
    payload(out);
    let len = out.len() - head - RECORD_HEAD;
    assert!((1..=MAX_RECORD_BYTES).contains(&len), "a record of {len} bytes");
    let len = u32::try_from(len).expect("within MAX_RECORD_BYTES").to_le_bytes();
    let crc = checksum(len, &out[head + RECORD_HEAD..]);
    out[head..head + 4].copy_from_slice(&MARKER);
    out[head + 4..head + 8].copy_from_slice(&len);
    out[head + 8..head + 12].copy_from_slice(&crc.to_le_bytes());
}

/// The payloads of all readable records, and what stopped the reading before the end, if anything did.
pub(super) fn scan(bytes: &[u8]) -> (Vec<Range<usize>>, Option<Damage>) {
    let mut payloads = Vec::new();
    let Some(base) = base_of(bytes) else {
        return (payloads, Some(Damage::Corrupt { offset: 0 }));
    };
    let mut offset = HEADER_BYTES;
    while let Some(payload) = record_at(bytes, offset) {
        offset = payload.end;
        payloads.push(payload);
    }
    let damage = if offset == bytes.len() && bytes.len() >= base {
        None
    } else if offset < base || any_record_after(bytes, offset) {
        Some(Damage::Corrupt { offset })
    } else {
        Some(Damage::TornTail { offset })
    };
    (payloads, damage)
}

fn base_of(bytes: &[u8]) -> Option<usize> {
    let header_bytes = bytes.get(..HEADER_BYTES)?;
    let base = u64::from_le_bytes(header_bytes[8..16].try_into().expect("eight bytes"));
    (header_bytes == header(base)).then_some(usize::try_from(base).ok()?)
}

fn record_at(bytes: &[u8], offset: usize) -> Option<Range<usize>> {
    let head = bytes.get(offset..offset.checked_add(RECORD_HEAD)?)?;
    let word = |at: usize| -> [u8; 4] { head[at..at + 4].try_into().expect("four bytes") };
    let len = u32::from_le_bytes(word(4)) as usize;
    if word(0) != MARKER || !(1..=MAX_RECORD_BYTES).contains(&len) {
        return None;
    }
    let payload = offset + RECORD_HEAD..offset + RECORD_HEAD + len;
    let good = checksum(word(4), bytes.get(payload.clone())?) == u32::from_le_bytes(word(8));
    good.then_some(payload)
}

/// Whether a whole record begins anywhere behind the bad one at `offset`, whose length is not to be trusted.
fn any_record_after(bytes: &[u8], offset: usize) -> bool {
    (offset + 1..bytes.len()).any(|at| bytes[at..].starts_with(&MARKER) && record_at(bytes, at).is_some())
}

fn checksum(len: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAYLOADS: [&[u8]; 4] = [b"a", b"rec\x01", b"\0\0\0\0", b"a longer payload than the others"];

    /// A segment of `PAYLOADS`, the first `synced` of them in its base, and the end of each record.
    fn segment(synced: usize) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = vec![0; HEADER_BYTES];
        let mut ends = vec![HEADER_BYTES];
        for payload in PAYLOADS {
            append_record(&mut bytes, |out| out.extend_from_slice(payload));
            ends.push(bytes.len());
        }
        bytes[..HEADER_BYTES].copy_from_slice(&header(ends[synced] as u64));
        (bytes, ends)
    }

    fn read(bytes: &[u8]) -> (Vec<&[u8]>, Option<Damage>) {
        let (payloads, damage) = scan(bytes);
        (
            payloads.into_iter().map(|payload| &bytes[payload]).collect(),
            damage,
        )
    }

    #[test]
    fn a_whole_segment_is_read_whole() {
        assert_eq!(read(&segment(1).0), (PAYLOADS.to_vec(), None));
    }

    #[test]
    fn a_cut_at_any_byte_behind_the_base_is_a_torn_tail_and_before_it_corruption() {
        let synced = 1;
        let (bytes, ends) = segment(synced);
        for cut in 0..bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count().saturating_sub(1);
            let offset = if cut < HEADER_BYTES { 0 } else { ends[whole] };
            let expected = if cut < ends[synced] {
                Some(Damage::Corrupt { offset })
            } else if offset == cut {
                None
            } else {
                Some(Damage::TornTail { offset })
            };
            assert_eq!(
                read(&bytes[..cut]),
                (PAYLOADS[..whole].to_vec(), expected),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_flipped_bit_is_found_and_only_in_the_last_record_taken_for_a_torn_tail() {
        let synced = 1;
        let (bytes, ends) = segment(synced);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let hit = ends.iter().filter(|&&end| end <= bit / 8).count();
            let expected = match hit {
                0 => Damage::Corrupt { offset: 0 },
                hit if hit == PAYLOADS.len() => Damage::TornTail {
                    offset: ends[hit - 1],
                },
                hit => Damage::Corrupt {
                    offset: ends[hit - 1],
                },
            };
            let (payloads, damage) = read(&flipped);
            assert_eq!(payloads, PAYLOADS[..hit.saturating_sub(1)].to_vec(), "bit {bit}");
            assert_eq!(damage, Some(expected), "bit {bit}");
        }
    }

    #[test]
    fn zeros_behind_the_last_record_are_a_torn_tail() {
        let (mut bytes, ends) = segment(0);
        bytes.extend_from_slice(&[0; 4096]);
        assert_eq!(
            read(&bytes),
            (PAYLOADS.to_vec(), Some(Damage::TornTail { offset: ends[4] }))
        );
    }

    proptest! {
        #[test]
        fn damage_never_yields_a_record_that_was_not_written(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            cut in any::<prop::sample::Index>(),
            flip in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let mut bytes = header(HEADER_BYTES as u64).to_vec();
            for payload in &payloads {
                append_record(&mut bytes, |out| out.extend_from_slice(payload));
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            if !bytes.is_empty() {
                let at = flip.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            let (found, damage) = read(&bytes);
            prop_assert!(found.len() <= payloads.len());
            prop_assert!(found.iter().zip(&payloads).all(|(found, payload)| found == payload));
            prop_assert!(damage.is_some());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, with_header: bool) {
            let mut file = if with_header { header(HEADER_BYTES as u64).to_vec() } else { Vec::new() };
            file.extend_from_slice(&bytes);
            let (payloads, damage) = scan(&file);
            prop_assert!(payloads.is_empty());
            prop_assert_eq!(damage.is_none(), with_header && bytes.is_empty());
        }
    }
}
