//! A state machine whose commands, queries and snapshots are readable text.

use std::collections::BTreeMap;

use splitbrain_consensus::{StateMachine, Version};

/// Names with values. The command `x=1` sets one, the query `x` answers `x=1`, or `x=none`; a snapshot is
/// `x=1 y=2`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    values: BTreeMap<String, String>,
}

impl StateMachine for Names {
    fn apply(&mut self, _version: Version, command: &[u8]) -> Vec<u8> {
        match text(command).split_once('=') {
            Some((name, value)) => {
                self.values.insert(name.into(), value.into());
                b"ok".to_vec()
            }
            None => b"malformed".to_vec(),
        }
    }

    fn query(&self, query: &[u8]) -> Vec<u8> {
        let name = text(query);
        let value = self.values.get(&name).map_or("none", String::as_str);
        format!("{name}={value}").into_bytes()
    }

    fn snapshot(&self) -> Vec<u8> {
        let values: Vec<_> = self
            .values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        values.join(" ").into_bytes()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        self.values.clear();
        for assignment in text(snapshot).split_whitespace() {
            let (name, value) = assignment.split_once('=').ok_or("not an assignment")?;
            self.values.insert(name.into(), value.into());
        }
        Ok(())
    }
}

/// The bytes as the text that they are in these tests.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
