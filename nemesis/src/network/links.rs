//! Bridge, veth pairs and addresses, through rtnetlink. It wants tokio: a thread of its own runs a runtime of its
//! own for as long as the set-up takes.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::thread;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::link::{BridgeStpState, InfoData, InfoVeth};
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};

use super::{HARNESS_ADDRESS, Namespace, NetworkError, PREFIX_LENGTH, address};
use crate::node::Node;

const BRIDGE: &str = "sb0";
/// The name of a node's link in its namespace.
pub(crate) const NODE_LINK: &str = "eth0";

/// Connects the namespaces by a bridge in the caller's.
pub(super) fn build(nodes: &[Node], namespaces: &[Namespace]) -> Result<(), NetworkError> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|source| NetworkError::Io {
                        step: "starting a runtime",
                        source,
                    })?;
                runtime.block_on(build_all(nodes, namespaces))
            })
            .map_err(|source| NetworkError::Io {
                step: "starting a thread",
                source,
            })?;
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

async fn build_all(nodes: &[Node], namespaces: &[Namespace]) -> Result<(), NetworkError> {
    let world = connect()?;
    let bridge = build_bridge(&world).await?;
    for (node, namespace) in nodes.iter().zip(namespaces) {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(NODE_LINK)
            .address(hardware_address(address(*node)))
            .setns_by_fd(namespace.as_fd().as_raw_fd())
            .build();
        let veth = LinkMessageBuilder::<LinkVeth>::new(&format!("sb{node}"), NODE_LINK)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .controller(bridge)
            .up()
            .build();
        world
            .link()
            .add(veth)
            .execute()
            .await
            .map_err(netlink("creating a veth pair"))?;
    }
    let addresses: Vec<Ipv4Addr> = nodes
        .iter()
        .map(|node| address(*node))
        .chain([HARNESS_ADDRESS])
        .collect();
    add_neighbours(&world, bridge, HARNESS_ADDRESS, &addresses).await?;
    // From here on this thread wanders through the namespaces; a netlink socket stays where it was opened.
    for (node, namespace) in nodes.iter().zip(namespaces) {
        namespace.enter().map_err(|source| NetworkError::Io {
            step: "entering a namespace",
            source,
        })?;
        let inside = connect()?;
        let index = add_address(&inside, NODE_LINK, address(*node)).await?;
        // Not at its creation: until the pair is complete, its ends cannot be brought up.
        let up = LinkUnspec::new_with_index(index).up().build();
        inside
            .link()
            .set(up)
            .execute()
            .await
            .map_err(netlink("bringing up a link"))?;
        add_neighbours(&inside, index, address(*node), &addresses).await?;
    }
    Ok(())
}

/// Tells the hardware addresses of all others, so that nobody has to ask. First packets do not wait then, and
/// runs do not compete for the kernel's table of learnt neighbours, whose bound (`gc_thresh3`, 1024 by default) all
/// network namespaces of a machine share; permanent entries do not count.
async fn add_neighbours(
    handle: &Handle,
    link: u32,
    own: Ipv4Addr,
    addresses: &[Ipv4Addr],
) -> Result<(), NetworkError> {
    for address in addresses.iter().filter(|address| **address != own) {
        let request = handle.neighbours().add(link, (*address).into());
        let request = request.link_layer_address(&hardware_address(*address));
        request.execute().await.map_err(netlink("adding a neighbour"))?;
    }
    Ok(())
}

/// A locally administered address (IEEE 802: second bit of the first byte) that holds the IPv4 address.
fn hardware_address(address: Ipv4Addr) -> Vec<u8> {
    [&[0x02, 0x53], address.octets().as_slice()].concat()
}

/// Returns the index of the bridge.
async fn build_bridge(world: &Handle) -> Result<u32, NetworkError> {
    let bridge = LinkBridge::new(BRIDGE)
        .address(hardware_address(HARNESS_ADDRESS))
        .stp_state(BridgeStpState::Disabled)
        .forward_delay(0)
        .mcast_snooping(false)
        .build();
    world
        .link()
        .add(bridge)
        .execute()
        .await
        .map_err(netlink("creating the bridge"))?;
    add_address(world, BRIDGE, HARNESS_ADDRESS).await
}

/// Returns the index of the link.
async fn add_address(handle: &Handle, link: &'static str, address: Ipv4Addr) -> Result<u32, NetworkError> {
    let index = if_nametoindex(link).map_err(|errno| NetworkError::Io {
        step: "looking up a link",
        source: errno.into(),
    })?;
    let request = handle.address().add(index, address.into(), PREFIX_LENGTH);
    request.execute().await.map_err(netlink("adding an address"))?;
    Ok(index)
}

fn connect() -> Result<Handle, NetworkError> {
    let (connection, handle, _) = new_connection().map_err(|source: io::Error| NetworkError::Io {
        step: "opening netlink",
        source,
    })?;
    tokio::spawn(connection);
    Ok(handle)
}

fn netlink(step: &'static str) -> impl FnOnce(rtnetlink::Error) -> NetworkError {
    move |source| NetworkError::Netlink {
        step,
        source: Box::new(source),
    }
}
