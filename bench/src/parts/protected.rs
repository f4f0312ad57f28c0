//! What the session check adds to a request.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Bench, apart, runner::Runner};
use crate::{
    accounts, callgrind,
    http::{self, Connection},
    plot::{Chart, Mark},
    ratio::Spread,
    report::{Bar, Figure, Section},
    servers::{Launch, Server},
};

const RATE: Bar = Bar::AtLeast(0.85);
const CONNECTIONS: usize = 32;

const METHOD: &str = "`GET /protected` with a valid cookie (one session for each of 32 kept-alive connections, one \
    request under way on each): `lockjar serve` with every default; the same handler on bare axum, which is sent the same \
    requests and looks at no cookie; and axum-login 0.18 with its sessions in a moka cache. The server has one core to \
    itself and the client the other, which gave the steadiest ratios: the rate is then what one core of server can do. \
    CPU is user and system time of the whole process by the kernel's books. Instructions are user-space ones by callgrind, \
    where SHA-256 is dearer than it is: valgrind does not offer the CPU's SHA instructions.";

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let folder = bench.folder()?;
    let mut runners = [
        lockjar(folder.path())?,
        bare(folder.path())?,
        peer(folder.path())?,
    ];
    // Without this first round, the caches and the allocator of whoever comes first would be cold.
    runners.iter_mut().try_for_each(Runner::round)?;
    runners.iter_mut().for_each(Runner::forget);
    for _ in 0..bench.either(15, 3) {
        runners.iter_mut().try_for_each(Runner::round)?;
    }
    let mut figures = figures(&runners);
    let chart = chart(&runners);
    drop(runners);
    let mut method = METHOD.to_owned();
    match instructions(folder.path()) {
        Ok(counted) => figures.extend(counted),
        Err(error) => method.push_str(&format!(" Instructions: not measured, {error:#}.")),
    }
    Ok(Section {
        part: "protected",
        title: "A protected route",
        method,
        figures,
        chart: Some(chart),
    })
}

fn lockjar(folder: &Path) -> Result<Runner> {
    let server = Launch::lockjar(folder)?.placed(apart().0).start()?;
    let accounts = accounts::sign_up(server.address, CONNECTIONS)?;
    let requests = accounts::visits(server.address, &accounts);
    Ok(Runner::new("lockjar", server, requests))
}

fn bare(folder: &Path) -> Result<Runner> {
    let server = Launch::own("bare", folder)?.placed(apart().0).start()?;
    let request = bare_request(&server);
    Ok(Runner::new("bare axum", server, vec![request; CONNECTIONS]))
}

/// As long as a request to Lockjar, so that reading it costs the same.
fn bare_request(server: &Server) -> String {
    let token = format!("{}.{}", "A".repeat(22), "B".repeat(43));
    http::get(
        server.address,
        "/protected",
        Some(&format!("lockjar_{}={token}", server.address.port())),
    )
}

fn peer(folder: &Path) -> Result<Runner> {
    let server = Launch::own("peer", folder)?.placed(apart().0).start()?;
    let requests = (0..CONNECTIONS)
        .map(|_| peer_request(&server))
        .collect::<Result<_>>()?;
    Ok(Runner::new("axum-login", server, requests))
}

fn peer_request(server: &Server) -> Result<String> {
    let mut connection = Connection::open(server.address)?;
    connection.send(&http::post(
        server.address,
        "/login",
        "password=the+one+password",
    ))?;
    let answer = connection.receive()?;
    ensure!(
        answer.status == 200,
        "the peer answered a log-in with {}",
        answer.status
    );
    let cookie = answer.cookie().context("the peer set no cookie")?;
    Ok(http::get(server.address, "/protected", Some(cookie)))
}

fn figures([lockjar, bare, peer]: &[Runner; 3]) -> Vec<Figure> {
    let mut figures = vec![
        Figure::held_to(
            RATE,
            "Requests/s, lockjar ÷ bare axum",
            "",
            Spread::of_ratios(&lockjar.rate, &bare.rate),
        ),
        Figure::plain(
            "Requests/s, axum-login ÷ bare axum",
            "",
            Spread::of_ratios(&peer.rate, &bare.rate),
        ),
        Figure::plain(
            "CPU per request, lockjar ÷ bare axum",
            "",
            Spread::of_ratios(&lockjar.server_cpu, &bare.server_cpu),
        ),
        Figure::plain(
            "CPU per request, axum-login ÷ bare axum",
            "",
            Spread::of_ratios(&peer.server_cpu, &bare.server_cpu),
        ),
    ];
    figures.extend([lockjar, bare, peer].into_iter().flat_map(Runner::figures));
    figures
}

fn chart(runners: &[Runner]) -> Chart {
    let marks = runners.iter().map(|it| {
        let value = Spread::of(it.server_cpu.iter().copied());
        Mark {
            label: it.name.to_owned(),
            text: format!("{:.1} µs", value.median),
            value,
        }
    });
    let title = "CPU of the server for one GET /protected (shorter is better)".into();
    Chart {
        title,
        marks: marks.collect(),
        limit: None,
    }
}

fn instructions(folder: &Path) -> Result<[Figure; 3]> {
    let lockjar = callgrind::instructions_per_request(
        Launch::lockjar(folder)?,
        folder,
        visit_under_valgrind,
    )?;
    let bare = callgrind::instructions_per_request(Launch::own("bare", folder)?, folder, |it| {
        Ok(bare_request(it))
    })?;
    let figure = |name, value| Figure::plain(name, "", Spread::of([value]));
    Ok([
        figure("Instructions per request, lockjar", lockjar),
        figure("Instructions per request, bare axum", bare),
        figure(
            "Instructions per request, lockjar ÷ bare axum",
            lockjar / bare,
        ),
    ])
}

/// The accounts of [`lockjar`] are in the file already, and one of them logs in.
fn visit_under_valgrind(server: &Server) -> Result<String> {
    let cookie = accounts::log_in(server.address, 0)?;
    Ok(http::get(server.address, "/protected", Some(&cookie)))
}
