//! A client's kept-alive connection to one node. It gives up on an answer after a while, as clients do.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a client waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// What a node answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The first cookie that was set, as `name=value`.
    pub(crate) cookie: Option<String>,
    pub(crate) body: String,
}

/// A connection that is made when it is needed.
#[derive(Debug)]
pub(crate) struct Link {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Link {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            sender: None,
        }
    }

    /// Without an answer there is none, whatever the reason. A question that only reads is asked again where the node had
    /// closed a connection that was kept.
    pub(crate) async fn get(&mut self, path: &str, cookie: &str) -> Option<Reply> {
        let kept = self.is_connected();
        let asking = async {
            match self.ask(Method::GET, path, cookie, "").await {
                None if kept => self.ask(Method::GET, path, cookie, "").await,
                reply => reply,
            }
        };
        let reply = timeout(PATIENCE, asking).await.ok().flatten();
        self.unless_answered(reply)
    }

    /// The same with a form, asked once.
    pub(crate) async fn post(&mut self, path: &str, cookie: &str, form: &str) -> Option<Reply> {
        let asking = self.ask(Method::POST, path, cookie, form);
        let reply = timeout(PATIENCE, asking).await.ok().flatten();
        self.unless_answered(reply)
    }

    /// The answer to a question that was given up must not be taken for that to the next.
    fn unless_answered(&mut self, reply: Option<Reply>) -> Option<Reply> {
        if reply.is_none() {
            self.sender = None;
        }
        reply
    }

    fn is_connected(&self) -> bool {
        self.sender
            .as_ref()
            .is_some_and(|sender| !sender.is_closed())
    }

    async fn ask(&mut self, method: Method, path: &str, cookie: &str, form: &str) -> Option<Reply> {
        if !self.is_connected() {
            self.sender = Some(connect(self.address).await?);
        }
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(COOKIE, cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::copy_from_slice(form.as_bytes())))
            .ok()?;
        let sender = self.sender.as_mut()?;
        let reply = async {
            sender.ready().await.ok()?;
            read(sender.send_request(request).await.ok()?).await
        };
        let reply = reply.await;
        self.unless_answered(reply)
    }
}

async fn connect(address: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.ok()?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

async fn read(response: Response<hyper::body::Incoming>) -> Option<Reply> {
    let (head, body) = response.into_parts();
    let cookie = head.headers.get(SET_COOKIE);
    let cookie = cookie.and_then(|value| value.to_str().ok()?.split(';').next());
    let cookie = cookie.map(str::to_owned);
    let body = body.collect().await.ok()?.to_bytes();
    Some(Reply {
        status: head.status.as_u16(),
        cookie,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
