//! Bridge, veth pairs and addresses, through rtnetlink. It wants tokio: a thread of its own runs a runtime of its
//! own for as long as the set-up takes.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::thread;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::link::{BridgeStpState, InfoData, InfoVeth};
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};

use super::{HARNESS_ADDRESS, Namespace, NetworkError, PREFIX_LENGTH, address};
use crate::node::Node;

const BRIDGE: &str = "sb0";
const NODE_LINK: &str = "eth0";

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
    // From here on this thread wanders through the namespaces; a netlink socket stays where it was opened.
    for (node, namespace) in nodes.iter().zip(namespaces) {
        namespace.enter().map_err(|source| NetworkError::Io {
            step: "entering a namespace",
            source,
        })?;
        let inside = connect()?;
        let index = add_address(&inside, NODE_LINK, address(*node).into()).await?;
        // Not at its creation: until the pair is complete, its ends cannot be brought up.
        let up = LinkUnspec::new_with_index(index).up().build();
        inside
            .link()
            .set(up)
            .execute()
            .await
            .map_err(netlink("bringing up a link"))?;
    }
    Ok(())
}

async fn build_bridge(world: &Handle) -> Result<u32, NetworkError> {
    let bridge = LinkBridge::new(BRIDGE)
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
    add_address(world, BRIDGE, HARNESS_ADDRESS.into()).await
}

/// Returns the index of the link.
async fn add_address(handle: &Handle, link: &'static str, address: IpAddr) -> Result<u32, NetworkError> {
    let index = if_nametoindex(link).map_err(|errno| NetworkError::Io {
        step: "looking up a link",
        source: errno.into(),
    })?;
    let request = handle.address().add(index, address, PREFIX_LENGTH);
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
