//! A port to listen on that can be given up and taken again.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below the ports that the kernel gives to outgoing connections (from 32768): one of those could be taken by any client
/// while the server that listened on it is down, even by a client that connects to that very server, and so to itself.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// A port of 127.0.0.1 on which nobody listens, outside the range of outgoing connections, so that a server can be killed
/// and come back on it.
///
/// # Panics
/// When every port is taken.
#[must_use]
pub fn free_port() -> u16 {
    let random = RandomState::new();
    let size = u64::from(PORTS.end - PORTS.start);
    let candidates = (0..1000_u32).map(|attempt| {
        let offset = random.hash_one(attempt) % size;
        PORTS.start + u16::try_from(offset).unwrap_or(0)
    });
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let Some(port) = candidates.into_iter().find(free) else {
        panic!("a thousand ports are taken");
    };
    port
}
