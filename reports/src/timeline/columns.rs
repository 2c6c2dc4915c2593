//! Columns of numbers as base64 of LEB128 varints, the inverse of `assets/columns.js`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// The greatest magnitude that a JavaScript number holds exactly, less room for the zigzag's doubling.
const EXACT: u64 = 1 << 52;

/// One column. A number too wide for a JavaScript number is stored as 0, and travels beside the column as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    bytes: Vec<u8>,
    rows: u32,
    wide: BTreeMap<u32, String>,
}

/// A column as the page carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PackedColumn {
    /// Base64 of the varints.
    data: String,
    /// Row to decimal text, for numbers that would lose digits.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    wide: BTreeMap<u32, String>,
}

impl Column {
    /// Appends an unsigned number.
    pub(crate) fn push(&mut self, n: u64) {
        if n < EXACT {
            self.varint(n);
        } else {
            self.wide.insert(self.rows, n.to_string());
            self.varint(0);
        }
        self.rows += 1;
    }

    /// Appends a signed number, zigzag-coded so that small magnitudes stay short.
    pub(crate) fn push_signed(&mut self, n: i64) {
        if n.unsigned_abs() < EXACT {
            self.varint(((n << 1) ^ (n >> 63)) as u64);
        } else {
            self.wide.insert(self.rows, n.to_string());
            self.varint(0);
        }
        self.rows += 1;
    }

    /// Appends an optional number: 0 for none, else the number plus one.
    pub(crate) fn push_option(&mut self, n: Option<u64>) {
        match n {
            None => self.push(0),
            Some(n) if n < EXACT - 1 => self.push(n + 1),
            Some(n) => {
                self.wide.insert(self.rows, n.to_string());
                self.varint(1);
                self.rows += 1;
            }
        }
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.bytes.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
    }

    /// The column in the form that the page carries.
    pub(crate) fn pack(&self) -> PackedColumn {
        PackedColumn {
            data: STANDARD.encode(&self.bytes),
            wide: self.wide.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes as the page's script does.
    fn unpack(packed: &PackedColumn) -> Vec<u64> {
        let bytes = STANDARD.decode(&packed.data).expect("base64");
        let (mut out, mut n, mut shift) = (Vec::new(), 0u64, 0);
        for byte in bytes {
            n |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                out.push(n);
                (n, shift) = (0, 0);
            }
        }
        out
    }

    fn zigzag(n: u64) -> i64 {
        (n >> 1) as i64 ^ -((n & 1) as i64)
    }

    #[test]
    fn unsigned_numbers_come_back() {
        let numbers = [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), EXACT - 1];
        let mut column = Column::default();
        numbers.iter().for_each(|&n| column.push(n));
        assert_eq!(unpack(&column.pack()), numbers);
        assert!(column.pack().wide.is_empty());
    }

    #[test]
    fn signed_numbers_come_back() {
        let numbers = [0, -1, 1, -64, 64, i64::from(i32::MIN), 1 - EXACT as i64];
        let mut column = Column::default();
        numbers.iter().for_each(|&n| column.push_signed(n));
        let back: Vec<i64> = unpack(&column.pack()).into_iter().map(zigzag).collect();
        assert_eq!(back, numbers);
    }

    #[test]
    fn numbers_too_wide_for_javascript_travel_as_text() {
        let mut column = Column::default();
        column.push(u64::MAX);
        column.push_signed(i64::MIN);
        column.push_option(Some(u64::MAX));
        column.push_option(None);
        column.push_option(Some(4));
        let packed = column.pack();
        assert_eq!(unpack(&packed), [0, 0, 1, 0, 5]);
        assert_eq!(packed.wide[&0], u64::MAX.to_string());
        assert_eq!(packed.wide[&1], i64::MIN.to_string());
        assert_eq!(packed.wide[&2], u64::MAX.to_string());
    }
}
