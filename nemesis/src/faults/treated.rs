//! One treatment of packets in the namespaces of several nodes at once.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{FaultError, parallel};
use crate::firewall::{Count, Firewall, Treatment};
use crate::grudge::Grudge;
use crate::network::Network;
use crate::node::Node;

/// Which nodes treat what comes from, or goes to, which addresses.
#[derive(Clone, Debug)]
pub(super) struct Treated {
    firewall: Firewall,
    treatment: Treatment,
    plan: Vec<(Node, Vec<Ipv4Addr>)>,
    /// The nodes where it is in force.
    in_force: Vec<Node>,
}

impl Treated {
    /// Nothing is treated yet.
    pub(super) fn new(firewall: Firewall, treatment: Treatment, plan: Vec<(Node, Vec<Ipv4Addr>)>) -> Self {
        Self {
            firewall,
            treatment,
            plan,
            in_force: Vec::new(),
        }
    }

    /// Nothing is treated yet: what a grudge says is to be.
    pub(super) fn by_grudge(
        treatment: Treatment,
        grudge: &Grudge,
        network: &Network,
    ) -> Result<Self, FaultError> {
        let plan = grudge.by_node().map(|(by, sources)| {
            let sources: Vec<Ipv4Addr> = sources.iter().map(|from| network.address(*from)).collect();
            (by, sources)
        });
        Ok(Self::new(Firewall::find()?, treatment, plan.collect()))
    }

    /// Puts it in force at all nodes, at once.
    pub(super) fn apply(&mut self, network: &Network) -> Result<(), FaultError> {
        let results = parallel::for_each(&self.plan, |(node, peers)| {
            let namespace = Some(network.namespace(*node));
            Ok(self.firewall.add(namespace, self.treatment, peers)?)
        });
        let mut first_error = Ok(());
        for ((node, _), result) in self.plan.iter().zip(results) {
            match result {
                Ok(()) => self.in_force.push(*node),
                Err(error) => first_error = first_error.and(Err(error)),
            }
        }
        first_error
    }

    /// Lifts it where it is in force.
    pub(super) fn lift(&mut self, network: &Network) -> Result<(), FaultError> {
        let in_force = std::mem::take(&mut self.in_force);
        let results = parallel::for_each(&in_force, |node| {
            Ok(self
                .firewall
                .remove(Some(network.namespace(*node)), self.treatment)?)
        });
        let mut first_error = Ok(());
        for (node, result) in in_force.into_iter().zip(results) {
            if let Err(error) = result {
                self.in_force.push(node);
                first_error = first_error.and(Err(error));
            }
        }
        first_error
    }

    /// What the rules of each node have counted, by peer.
    pub(super) fn counts(&self, network: &Network) -> Result<BTreeMap<(Node, Ipv4Addr), Count>, FaultError> {
        let results = parallel::for_each(&self.in_force, |node| {
            Ok(self
                .firewall
                .counts(Some(network.namespace(*node)), self.treatment)?)
        });
        let mut counts = BTreeMap::new();
        for (node, result) in self.in_force.iter().zip(results) {
            counts.extend(result?.into_iter().map(|(peer, count)| ((*node, peer), count)));
        }
        Ok(counts)
    }
}
