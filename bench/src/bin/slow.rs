//! What honest users notice while thousands of connections, from as many addresses, say one byte a second: of their headers, of
//! a body, or take nothing of their answers. In turns with and without them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use lockjar_bench::http::{self, Connection};
use lockjar_bench::servers::{self, Launch};
use lockjar_bench::{accounts, machine};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

/// How many times slower the slowest hundredth of honest requests may be.
const MOST: f64 = 5.0;
/// Between two bytes.
const DRIP: Duration = Duration::from_secs(1);
/// Between two honest requests.
const BREATH: Duration = Duration::from_millis(4);

#[derive(Parser)]
struct Arguments {
    /// Slow connections
    #[arg(long, default_value_t = 4_000)]
    connections: usize,
    /// Honest requests in each turn, each on a connection of its own
    #[arg(long, default_value_t = 4_000)]
    requests: usize,
    /// Turns with and without the slow ones
    #[arg(long, default_value_t = 4)]
    turns: usize,
    /// Against the program that was built beside this one, instead of one that is built first
    #[arg(long)]
    as_built: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.as_built {
        servers::build()?;
    }
    raise_limit()?;
    println!("{}", machine::describe());
    let folder = tempfile::tempdir()?;
    let server = Launch::lockjar(folder.path())?.start()?;
    let account = accounts::sign_up(server.address, 1)?.remove(0);
    let ask = http::get(server.address, "/protected", Some(&account.cookie));
    let (mut ratios, runtime) = (Vec::new(), Runtime::new()?);
    honest(server.address, &ask, arguments.requests / 4)?;
    for turn in 1..=arguments.turns {
        let quiet = honest(server.address, &ask, arguments.requests)?;
        let crowd = Crowd::gather(&runtime, server.address, arguments.connections)?;
        let slowed = honest(server.address, &ask, arguments.requests)?;
        let (open, came) = crowd.disperse();
        let ratio = slowed.p99 / quiet.p99;
        println!(
            "turn {turn}: p99 {:.2} ms alone, {:.2} ms beside {open} slow connections ({came} opened in all): ×{ratio:.2}; \
             the median {:.2} and {:.2} ms",
            quiet.p99, slowed.p99, quiet.median, slowed.median
        );
        ratios.push(ratio);
    }
    server.stop()?;
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!(
        "the slowest hundredth took ×{median:.2} in the median of the turns; at most ×{MOST} is allowed"
    );
    ensure!(median <= MOST, "honest users are kept waiting");
    Ok(())
}

/// One descriptor for each connection here, as there.
fn raise_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })
        .context("raising the limit of open files")
}

struct Waits {
    median: f64,
    p99: f64,
}

/// Requests one after the other, in milliseconds from connecting to the whole answer. All have to be answered 200.
fn honest(address: SocketAddr, ask: &str, requests: usize) -> Result<Waits> {
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let began = Instant::now();
        let mut connection = Connection::open(address)?;
        connection.send(ask)?;
        let status = connection.receive()?.status;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(status == 200, "an honest request was answered {status}");
        std::thread::sleep(BREATH);
    }
    times.sort_by(f64::total_cmp);
    Ok(Waits {
        median: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
    })
}

/// The slow ones.
struct Crowd {
    gone: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
    came: Arc<AtomicUsize>,
}

impl Crowd {
    /// Waits until nine of ten are connected: some are always being cut off, and come back.
    fn gather(runtime: &Runtime, server: SocketAddr, connections: usize) -> Result<Self> {
        let crowd = Self {
            gone: Arc::default(),
            open: Arc::default(),
            came: Arc::default(),
        };
        for number in 0..connections {
            let (gone, open, came) = (crowd.gone.clone(), crowd.open.clone(), crowd.came.clone());
            // Spread over the time between two bytes, as those are who come from everywhere.
            let late = DRIP * u32::try_from(number)? / u32::try_from(connections)?;
            runtime.spawn(async move {
                sleep(late).await;
                while !gone.load(Ordering::Relaxed) {
                    if let Ok(stream) = connect(number, server).await {
                        came.fetch_add(1, Ordering::Relaxed);
                        open.fetch_add(1, Ordering::Relaxed);
                        let _ = dawdle(number, stream, &gone).await;
                        open.fetch_sub(1, Ordering::Relaxed);
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            });
        }
        let began = Instant::now();
        while crowd.open.load(Ordering::Relaxed) < connections * 9 / 10 {
            if began.elapsed() > Duration::from_secs(60) {
                bail!("only {:?} slow connections came about", crowd.open);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(crowd)
    }

    /// Answers how many were connected, and how many connections there were in all.
    fn disperse(self) -> (usize, usize) {
        let open = self.open.load(Ordering::Relaxed);
        self.gone.store(true, Ordering::Relaxed);
        while self.open.load(Ordering::Relaxed) > 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        (open, self.came.load(Ordering::Relaxed))
    }
}

/// From an address of its own.
async fn connect(number: usize, server: SocketAddr) -> std::io::Result<TcpStream> {
    let [high, low] = u16::try_from(number % 60_000)
        .unwrap_or_default()
        .to_be_bytes();
    let source = Ipv4Addr::new(127, 1, high, low.max(1));
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    socket.bind((source, 0).into())?;
    timeout(DRIP * 10, socket.connect(server)).await?
}

async fn dawdle(number: usize, mut stream: TcpStream, gone: &AtomicBool) -> std::io::Result<()> {
    let (start, drip): (&[u8], &[u8]) = match number % 3 {
        0 => (b"GET /protected HTTP/1.1\r\nHost: localhost\r\n", b"x"),
        1 => (
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n",
            b" ",
        ),
        // Takes nothing of its answers.
        _ => (b"", b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    };
    stream.write_all(start).await?;
    while !gone.load(Ordering::Relaxed) {
        stream.write_all(drip).await?;
        sleep(DRIP).await;
    }
    Ok(())
}
