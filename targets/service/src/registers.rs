//! The registers: a state machine whose every value knows the version of its write.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use splitbrain_consensus::{StateMachine, Version};

use crate::operation::{Answer, Command, Query, decode};

/// Independent integer registers. Two replicas that applied the same commands at the same versions are equal,
/// byte for byte in their snapshots: the map is ordered for that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers {
    cells: BTreeMap<u64, Cell>,
}

/// A register that was written at least once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    value: i64,
    version: Version,
}

impl Registers {
    /// Registers of which none was written.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies a decoded command: what [`StateMachine::apply`] does to an encoded one.
    pub fn execute(&mut self, version: Version, command: Command) -> Answer {
        match command {
            Command::Write { key, value } => {
                self.cells.insert(key, Cell { value, version });
                Answer::Written { version }
            }
            Command::Cas { key, from, to } => match self.cells.get_mut(&key) {
                None => Answer::Missing,
                Some(cell) if cell.value == from => {
                    *cell = Cell { value: to, version };
                    Answer::Swapped { version }
                }
                Some(cell) => Answer::Mismatch {
                    found: cell.value,
                    version: cell.version,
                },
            },
        }
    }

    /// Answers a decoded query: what [`StateMachine::query`] does to an encoded one.
    #[must_use]
    pub fn answer(&self, query: Query) -> Answer {
        let Query::Read { key } = query;
        match self.cells.get(&key) {
            None => Answer::Value {
                value: None,
                version: Version(0),
            },
            Some(cell) => Answer::Value {
                value: Some(cell.value),
                version: cell.version,
            },
        }
    }
}

impl StateMachine for Registers {
    fn apply(&mut self, version: Version, command: &[u8]) -> Vec<u8> {
        match Command::decode(command) {
            Ok(command) => self.execute(version, command),
            Err(_) => Answer::Malformed,
        }
        .encode()
    }

    fn query(&self, query: &[u8]) -> Vec<u8> {
        match Query::decode(query) {
            Ok(query) => self.answer(query),
            Err(_) => Answer::Malformed,
        }
        .encode()
    }

    fn snapshot(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a map of integers always encodes into a vector")
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        *self = decode("snapshot of registers", snapshot).map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READ_7: Query = Query::Read { key: 7 };

    fn written(values: &[(u64, i64)]) -> Registers {
        let mut registers = Registers::new();
        for (at, &(key, value)) in values.iter().enumerate() {
            registers.execute(Version(at as u64 + 1), Command::Write { key, value });
        }
        registers
    }

    #[test]
    fn a_register_never_written_is_nil_at_version_zero() {
        let expected = Answer::Value {
            value: None,
            version: Version(0),
        };
        assert_eq!(Registers::new().answer(READ_7), expected);
    }

    #[test]
    fn a_read_returns_the_last_write_with_its_version() {
        let expected = Answer::Value {
            value: Some(5),
            version: Version(2),
        };
        assert_eq!(written(&[(7, 4), (7, 5), (8, 6)]).answer(READ_7), expected);
    }

    #[test]
    fn a_cas_that_matches_swaps_and_moves_the_version() {
        let mut registers = written(&[(7, 4)]);
        let answer = registers.execute(
            Version(9),
            Command::Cas {
                key: 7,
                from: 4,
                to: 5,
            },
        );
        assert_eq!(answer, Answer::Swapped { version: Version(9) });
        assert_eq!(
            registers.answer(READ_7),
            Answer::Value {
                value: Some(5),
                version: Version(9)
            }
        );
    }

    #[test]
    fn a_cas_that_does_not_match_reports_what_it_found_and_changes_nothing() {
        let mut registers = written(&[(7, 4)]);
        let before = registers.clone();
        let answer = registers.execute(
            Version(9),
            Command::Cas {
                key: 7,
                from: 3,
                to: 5,
            },
        );
        assert_eq!(
            answer,
            Answer::Mismatch {
                found: 4,
                version: Version(1)
            }
        );
        assert_eq!(registers, before);
    }

    #[test]
    fn a_cas_on_a_register_never_written_creates_nothing() {
        let mut registers = Registers::new();
        let answer = registers.execute(
            Version(1),
            Command::Cas {
                key: 7,
                from: 0,
                to: 5,
            },
        );
        assert_eq!(answer, Answer::Missing);
        assert_eq!(registers, Registers::new());
    }

    #[test]
    fn garbage_is_answered_and_changes_nothing() {
        let mut registers = written(&[(7, 4)]);
        let before = registers.clone();
        assert_eq!(
            Answer::decode(&registers.apply(Version(2), &[0xff; 3])),
            Ok(Answer::Malformed)
        );
        assert_eq!(Answer::decode(&registers.query(&[])), Ok(Answer::Malformed));
        assert!(registers.restore(&[0xff; 3]).is_err());
        assert_eq!(registers, before);
    }

    fn commands() -> impl Strategy<Value = Vec<Command>> {
        let write = (0..4u64, 0..5i64).prop_map(|(key, value)| Command::Write { key, value });
        let cas = (0..4u64, 0..5i64, 0..5i64).prop_map(|(key, from, to)| Command::Cas { key, from, to });
        prop::collection::vec(prop_oneof![write, cas], 0..60)
    }

    proptest! {
        #[test]
        fn a_restored_replica_goes_on_like_the_original(before in commands(), after in commands()) {
            let mut original = Registers::new();
            for (at, command) in before.iter().enumerate() {
                original.apply(Version(at as u64 + 1), &command.encode());
            }
            let mut restored = written(&[(99, 99)]);
            restored.restore(&original.snapshot()).unwrap();
            for (at, command) in after.iter().enumerate() {
                let version = Version((before.len() + at) as u64 + 1);
                let answers = [&mut original, &mut restored].map(|r| r.apply(version, &command.encode()));
                prop_assert_eq!(&answers[0], &answers[1]);
            }
            prop_assert_eq!(original.snapshot(), restored.snapshot());
        }
    }
}
