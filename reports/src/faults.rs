//! When which fault was in force: the bands that shade the timeline and the plots.

use std::collections::BTreeMap;

use crate::results::{NemesisEvent, Results};

/// A fault with the time that it was in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Band {
    pub(crate) id: u32,
    pub(crate) kind: String,
    pub(crate) variant: String,
    pub(crate) nodes: Vec<String>,
    pub(crate) start_ns: u64,
    /// `None` for a fault that was never healed.
    pub(crate) stop_ns: Option<u64>,
}

/// The time of an event, nanoseconds on the history's clock.
pub(crate) fn time_ns(event: &NemesisEvent) -> u64 {
    match event {
        NemesisEvent::Start { time, .. }
        | NemesisEvent::Stop { time, .. }
        | NemesisEvent::Node { time, .. }
        | NemesisEvent::Clock { time, .. } => *time,
    }
}

/// The faults by their start. The results know best; faults that only the nemesis' own log knows (of a run that
/// broke off before it was judged) are added from there.
pub(crate) fn bands(results: &Results, nemesis: &[NemesisEvent]) -> Vec<Band> {
    let mut by_id = BTreeMap::new();
    for event in nemesis {
        match event {
            NemesisEvent::Start {
                time,
                fault,
                kind,
                variant,
                nodes,
            } => {
                by_id.insert(
                    *fault,
                    Band {
                        id: *fault,
                        kind: kind.clone(),
                        variant: variant.clone(),
                        nodes: nodes.clone(),
                        start_ns: *time,
                        stop_ns: None,
                    },
                );
            }
            NemesisEvent::Stop { time, fault, .. } => {
                if let Some(band) = by_id.get_mut(fault) {
                    band.stop_ns = Some(*time);
                }
            }
            NemesisEvent::Node { .. } | NemesisEvent::Clock { .. } => {}
        }
    }
    for fault in &results.faults {
        let band = Band {
            id: fault.id,
            kind: fault.kind.clone(),
            variant: fault.variant.clone(),
            nodes: fault.nodes.clone(),
            start_ns: fault.start_ns,
            stop_ns: fault.stop_ns,
        };
        by_id.insert(fault.id, band);
    }
    let mut bands: Vec<Band> = by_id.into_values().collect();
    bands.sort_by_key(|band| (band.start_ns, band.id));
    bands
}

/// A node's role over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleSpan {
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) role: String,
    pub(crate) term: u64,
}

/// The roles of each node over time, the nodes of the results first and in their order.
pub(crate) fn roles(
    results: &Results,
    nemesis: &[NemesisEvent],
    end_ns: u64,
) -> Vec<(String, Vec<RoleSpan>)> {
    let mut nodes: Vec<(String, Vec<RoleSpan>)> = results
        .nodes
        .iter()
        .map(|name| (name.clone(), Vec::new()))
        .collect();
    for event in nemesis {
        let NemesisEvent::Node {
            time,
            node,
            role,
            term,
        } = event
        else {
            continue;
        };
        let at = match nodes.iter().position(|(name, _)| name == node) {
            Some(at) => at,
            None => {
                nodes.push((node.clone(), Vec::new()));
                nodes.len() - 1
            }
        };
        let spans = &mut nodes[at].1;
        if let Some(last) = spans.last_mut() {
            last.end_ns = (*time).max(last.start_ns);
        }
        spans.push(RoleSpan {
            start_ns: *time,
            end_ns: end_ns.max(*time),
            role: role.clone(),
            term: *term,
        });
    }
    nodes
}
