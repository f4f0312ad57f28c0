//! What stands between a node and the database: a line that can fail in every way that a network can.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What the line does to what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Pass,
    /// Every piece comes later, in either direction.
    Delay(Duration),
    /// Connections are cut by a reset, and new ones soon after they were made.
    Drop,
    /// What is sent is taken and gone. A connection that lost something stays open and dead for good.
    HalfOpen,
    /// Nothing is taken, and nothing lost: it goes on where it stopped.
    Freeze,
    /// Connections are cut, and new ones refused.
    Refuse,
}

/// How long a new connection lives on a line that drops them: long enough to be believed.
const BRIEFLY: Duration = Duration::from_millis(150);

/// A line. It ends with the runtime.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    line: watch::Sender<Line>,
}

impl Proxy {
    /// A line from a port of its own to `target`.
    pub(crate) async fn start(target: SocketAddr) -> io::Result<Self> {
        let port = lockjar_testing::free_port();
        let (line, state) = watch::channel(Line::Pass);
        let listener = listen(port).await?;
        tokio::spawn(serve(listener, port, target, state));
        Ok(Self { port, line })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

async fn serve(
    listener: TcpListener,
    port: u16,
    target: SocketAddr,
    mut state: watch::Receiver<Line>,
) {
    let mut listener = Some(listener);
    loop {
        let line = *state.borrow_and_update();
        match (line, &listener) {
            // Whoever connects meanwhile waits in the kernel's queue, or is refused by it.
            (Line::Freeze, Some(_)) => drop(state.changed().await),
            (Line::Refuse, _) => {
                listener = None;
                drop(state.changed().await);
            }
            (_, None) => match listen(port).await {
                Ok(again) => listener = Some(again),
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            (_, Some(listener)) => {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = state.changed() => continue,
                };
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(carry(stream, target, state.clone()));
                }
            }
        }
        if state.has_changed().is_err() {
            return;
        }
    }
}

/// Why a connection ends at both ends at once.
struct Cut;

/// One connection, from its beginning to its end.
async fn carry(near: TcpStream, target: SocketAddr, state: watch::Receiver<Line>) {
    let Ok(far) = TcpStream::connect(target).await else {
        return reset(&near);
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let mut there = Pipe::new(near_in, far_out, state.clone());
    let mut back = Pipe::new(far_in, near_out, state.clone());
    let carried = tokio::select! {
        carried = async { tokio::try_join!(there.run(), back.run()) } => carried.map(drop),
        cut = cut_off(state) => Err(cut),
    };
    if carried.is_err() {
        reset(there.from.as_ref());
        reset(there.to.as_ref());
    }
}

/// Until the line says that connections are to be cut.
async fn cut_off(mut state: watch::Receiver<Line>) -> Cut {
    let already = *state.borrow() == Line::Drop;
    let cuts = |line: &Line| matches!(line, Line::Drop | Line::Refuse);
    if state.wait_for(cuts).await.is_err() {
        return std::future::pending().await;
    }
    if already {
        sleep(BRIEFLY).await;
    }
    Cut
}

/// The next close of this socket is a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// One direction of a connection.
struct Pipe {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    state: watch::Receiver<Line>,
}

impl Pipe {
    fn new(from: OwnedReadHalf, to: OwnedWriteHalf, state: watch::Receiver<Line>) -> Self {
        Self { from, to, state }
    }

    async fn run(&mut self) -> Result<(), Cut> {
        let mut piece = vec![0; 16 * 1024];
        loop {
            self.thaw().await?;
            let length = tokio::select! {
                read = self.from.read(&mut piece) => read.map_err(|_| Cut)?,
                _ = self.state.changed() => continue,
            };
            let line = *self.state.borrow();
            if let Line::Delay(by) = line {
                sleep(by).await;
            }
            self.thaw().await?;
            if *self.state.borrow() == Line::HalfOpen {
                // Even that the other end has gone is not told.
                return self.swallow(length == 0).await;
            }
            if length == 0 {
                let _ = self.to.shutdown().await;
                return Ok(());
            }
            self.to.write_all(&piece[..length]).await.map_err(|_| Cut)?;
        }
    }

    /// Waits while the line is frozen.
    async fn thaw(&mut self) -> Result<(), Cut> {
        let flows = |line: &Line| *line != Line::Freeze;
        self.state.wait_for(flows).await.map(drop).map_err(|_| Cut)
    }

    /// Takes whatever comes, for good. The other end learns nothing.
    async fn swallow(&mut self, mut ended: bool) -> Result<(), Cut> {
        let mut piece = vec![0; 16 * 1024];
        while !ended {
            ended = matches!(self.from.read(&mut piece).await, Ok(0) | Err(_));
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_millis(300);

    /// A server that sends back what it gets, and a line to it.
    async fn line() -> Proxy {
        let echo = listen(0).await.unwrap();
        let address = echo.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = echo.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        Proxy::start(address).await.unwrap()
    }

    async fn connect(proxy: &Proxy) -> io::Result<TcpStream> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await
    }

    /// Whether what is said comes back soon; an error where the connection was cut.
    async fn echoes(stream: &mut TcpStream) -> io::Result<bool> {
        stream.write_all(b"x").await?;
        heard(stream).await
    }

    async fn heard(stream: &mut TcpStream) -> io::Result<bool> {
        match timeout(SOON, stream.read_exact(&mut [0; 1])).await {
            Ok(heard) => heard.map(|_| true),
            Err(_) => Ok(false),
        }
    }

    #[tokio::test]
    async fn a_frozen_line_loses_nothing() {
        let proxy = line().await;
        let mut stream = connect(&proxy).await.unwrap();
        assert!(echoes(&mut stream).await.unwrap());
        proxy.set(Line::Freeze);
        assert!(!echoes(&mut stream).await.unwrap());
        let mut queued = connect(&proxy).await.unwrap();
        assert!(!echoes(&mut queued).await.unwrap());
        proxy.set(Line::Pass);
        assert!(heard(&mut stream).await.unwrap());
        assert!(heard(&mut queued).await.unwrap());
    }

    #[tokio::test]
    async fn a_connection_that_lost_something_stays_open_and_dead() {
        let proxy = line().await;
        let mut stream = connect(&proxy).await.unwrap();
        let mut lucky = connect(&proxy).await.unwrap();
        assert!(echoes(&mut lucky).await.unwrap());
        proxy.set(Line::HalfOpen);
        assert!(!echoes(&mut stream).await.unwrap());
        proxy.set(Line::Pass);
        assert!(!echoes(&mut stream).await.unwrap());
        assert!(echoes(&mut lucky).await.unwrap());
    }

    #[tokio::test]
    async fn a_line_that_drops_cuts_old_and_new_connections() {
        let proxy = line().await;
        let mut stream = connect(&proxy).await.unwrap();
        assert!(echoes(&mut stream).await.unwrap());
        proxy.set(Line::Drop);
        assert!(heard(&mut stream).await.is_err());
        let mut new = connect(&proxy).await.unwrap();
        assert!(echoes(&mut new).await.unwrap());
        assert!(heard(&mut new).await.is_err());
        proxy.set(Line::Pass);
        let mut after = connect(&proxy).await.unwrap();
        assert!(echoes(&mut after).await.unwrap());
    }

    #[tokio::test]
    async fn a_line_that_refuses_accepts_again_afterwards() {
        let proxy = line().await;
        let mut stream = connect(&proxy).await.unwrap();
        assert!(echoes(&mut stream).await.unwrap());
        proxy.set(Line::Refuse);
        assert!(heard(&mut stream).await.is_err());
        assert!(connect(&proxy).await.is_err());
        proxy.set(Line::Pass);
        sleep(SOON).await;
        let mut after = connect(&proxy).await.unwrap();
        assert!(echoes(&mut after).await.unwrap());
    }

    #[tokio::test]
    async fn a_slow_line_delivers_late() {
        let proxy = line().await;
        let mut stream = connect(&proxy).await.unwrap();
        proxy.set(Line::Delay(SOON));
        assert!(!echoes(&mut stream).await.unwrap());
        assert!(heard(&mut stream).await.unwrap() || heard(&mut stream).await.unwrap());
    }
}
