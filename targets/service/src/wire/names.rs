//! Node names as they stand on the wire: `n1` for node 1.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use splitbrain_consensus::{CatchUp, NodeId, Role};

/// The node that `name` names, if it is written as a node is: `n` and a number from 1 up without leading zeros.
#[must_use]
pub fn node_named(name: &str) -> Option<NodeId> {
    let digits = name.strip_prefix('n')?;
    let id = digits.parse().ok().filter(|&id: &u16| id > 0)?;
    (digits.as_bytes()[0].is_ascii_digit() && !digits.starts_with('0')).then_some(NodeId(id))
}

/// The role of this name.
pub(super) fn role_named(name: &str) -> Option<Role> {
    [Role::Follower, Role::Candidate, Role::Leader, Role::Observer]
        .into_iter()
        .find(|role| role.name() == name)
}

/// What a node is being brought, by its name.
pub(super) fn catch_up_named(name: &str) -> Option<CatchUp> {
    CatchUp::ALL.into_iter().find(|catch_up| catch_up.name() == name)
}

/// A node id that is its name in JSON.
#[derive(Clone, Copy)]
pub(super) struct Named(pub(super) NodeId);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Named;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a node name such as \"n1\"")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Named, E> {
                node_named(name)
                    .map(Named)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_names_name_a_node() {
        assert_eq!(node_named("n12"), Some(NodeId(12)));
        for name in [
            "", "n", "n0", "n01", "n+1", "n-1", "n1 ", "c1", "1", "n70000", "nö",
        ] {
            assert_eq!(node_named(name), None, "{name}");
        }
    }
}
