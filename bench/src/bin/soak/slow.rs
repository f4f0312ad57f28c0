//! Clients on bad lines: one sends its request in crumbs and is answered all the same, another leaves in the middle of it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use lockjar_bench::http;

use super::Tally;

const CRUMBS: usize = 8;
const BETWEEN: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(30);

/// Every third visit is given up.
pub(crate) fn live(address: SocketAddr, cookie: &str, tally: &Tally) {
    for visit in 1_u64.. {
        if !tally.goes_on() {
            return;
        }
        let sent = if visit.is_multiple_of(3) {
            CRUMBS / 2
        } else {
            CRUMBS
        };
        match ask(address, cookie, sent) {
            Ok(()) => tally.act(),
            Err(error) => tally.error(&format!("slow client: {error:#}")),
        }
    }
}

fn ask(address: SocketAddr, cookie: &str, sent: usize) -> Result<()> {
    let request = http::get(address, "/protected", Some(cookie));
    let crumb = request.len().div_ceil(CRUMBS);
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    for crumb in request.as_bytes().chunks(crumb).take(sent) {
        stream.write_all(crumb)?;
        thread::sleep(BETWEEN);
    }
    if sent < CRUMBS {
        return Ok(());
    }
    let mut begin = [0; 12];
    stream.read_exact(&mut begin)?;
    let status = String::from_utf8_lossy(&begin);
    ensure!(status == "HTTP/1.1 200", "answered {status}");
    Ok(())
}
