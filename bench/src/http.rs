//! The least HTTP/1.1 that a load client needs. It has to cost less than the server it measures, so a request is
//! bytes made once and an answer is looked at only for its status and its length.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;

/// An answer that takes longer than this is a failure of the server, not a slow one.
const PATIENCE: Duration = Duration::from_secs(60);

/// No answer that is measured here comes near this size.
const BUFFER: usize = 16 * 1024;

/// The bytes of a `GET` that carries a cookie (`name=value`), or none.
#[must_use]
pub fn get(address: SocketAddr, path: &str, cookie: Option<&str>) -> String {
    let cookie = cookie.map_or_else(String::new, |pair| format!("cookie: {pair}\r\n"));
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost:{}\r\n{cookie}accept: */*\r\n\r\n",
        address.port()
    )
}

/// What a `POST` carries.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// An urlencoded form. The caller keeps to characters that need no encoding.
    Form(&'a str),
    /// JSON.
    Json(&'a str),
}

/// The bytes of a `POST` with an urlencoded form.
#[must_use]
pub fn post(address: SocketAddr, path: &str, form: &str) -> String {
    post_with(address, path, None, Body::Form(form))
}

/// The bytes of a `POST` that may carry a cookie (`name=value`).
#[must_use]
pub fn post_with(address: SocketAddr, path: &str, cookie: Option<&str>, body: Body<'_>) -> String {
    let cookie = cookie.map_or_else(String::new, |pair| format!("cookie: {pair}\r\n"));
    let (kind, text) = match body {
        Body::Form(text) => ("x-www-form-urlencoded", text),
        Body::Json(text) => ("json", text),
    };
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost:{}\r\n{cookie}content-type: application/{kind}\r\n\
         content-length: {}\r\naccept: */*\r\n\r\n{text}",
        address.port(),
        text.len(),
    )
}

/// One answer: the whole of it, and where its parts are.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// Status line and headers, up to and with the empty line.
    pub head: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The answer at the beginning of `bytes`; `None` while a part of it is still to come.
    ///
    /// # Errors
    /// When it is no HTTP/1.1 answer, or one of which nothing tells the length.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<Self>> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
            return Ok(None);
        };
        let (head, rest) = bytes.split_at(end + 4);
        ensure!(
            head.starts_with(b"HTTP/1.1 ") && head.len() > 12,
            "not an HTTP/1.1 answer"
        );
        let status = decimal(&head[9..12]).context("a status that is not a number")?;
        let length = length(status, head)?;
        Ok(rest.get(..length).map(|body| Self {
            status: u16::try_from(status).unwrap_or(0),
            head,
            body,
        }))
    }

    /// The value of the first header of this name, as the server spelt it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// The first cookie that this answer sets, as `name=value`.
    #[must_use]
    pub fn cookie(&self) -> Option<&'a str> {
        self.header("set-cookie")?.split(';').next()
    }

    /// Every cookie that this answer sets, as a browser would send them back: `a=b; c=d`.
    #[must_use]
    pub fn cookies(&self) -> String {
        let text = std::str::from_utf8(self.head).unwrap_or_default();
        let pairs = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie")
                .then_some(value.trim().split(';').next()?)
        });
        pairs.collect::<Vec<_>>().join("; ")
    }
}

/// An answer 204 has no body and need not say so.
fn length(status: usize, head: &[u8]) -> Result<usize> {
    if status == 204 {
        return Ok(0);
    }
    let length = header(head, "content-length").context("an answer without content-length")?;
    decimal(length.as_bytes()).context("a content-length that is not a number")
}

/// Servers built on hyper write header names in lower case, for which one search is enough; others are looked through
/// line by line.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let at = memmem::find_iter(head, name)
        .find(|&at| head[..at].ends_with(b"\r\n") && head[at + name.len()] == b':')
        .or_else(|| in_any_case(head, name))?;
    let value = &head[at + name.len() + 1..];
    let end = memchr::memchr(b'\r', value)?;
    std::str::from_utf8(&value[..end]).ok().map(str::trim)
}

fn in_any_case(head: &[u8], name: &str) -> Option<usize> {
    memmem::find_iter(head, b"\r\n")
        .map(|end| end + 2)
        .find(|&at| {
            let line = &head[at..];
            line.len() > name.len()
                && line[name.len()] == b':'
                && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        })
}

fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A kept-alive connection with room for one answer.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    filled: usize,
}

impl Connection {
    /// Connects, and sends small packets at once.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            filled: 0,
        })
    }

    /// The socket, for those who wait for many at once.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends a request. The last answer must have been received.
    ///
    /// # Errors
    /// When the server has closed the connection.
    pub fn send(&mut self, request: &str) -> Result<()> {
        self.filled = 0;
        Ok(self.stream.write_all(request.as_bytes())?)
    }

    /// Reads once; the answer if that made it complete.
    ///
    /// # Errors
    /// When the server closed the connection, or said something that is not HTTP.
    pub fn read(&mut self) -> Result<Option<Answer<'_>>> {
        let more = self.stream.read(&mut self.buffer[self.filled..])?;
        if more == 0 {
            bail!("the server closed the connection in the middle of an answer");
        }
        self.filled += more;
        Answer::parse(&self.buffer[..self.filled])
    }

    /// Waits for the whole answer.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub fn receive(&mut self) -> Result<Answer<'_>> {
        while self.read()?.is_none() {}
        Answer::parse(&self.buffer[..self.filled])?
            .context("an answer that was complete no longer is")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] =
        b"HTTP/1.1 200 OK\r\nset-cookie: a=b; Path=/\r\ncontent-length: 2\r\n\r\nhi";

    #[test]
    fn an_answer_is_complete_only_with_its_last_byte() -> Result<()> {
        for end in 0..WHOLE.len() {
            assert!(Answer::parse(&WHOLE[..end])?.is_none(), "complete at {end}");
        }
        let answer = Answer::parse(WHOLE)?.context("incomplete")?;
        assert_eq!(
            (answer.status, answer.body, answer.cookie()),
            (200, &b"hi"[..], Some("a=b"))
        );
        Ok(())
    }

    #[test]
    fn header_names_are_read_in_any_case_and_every_cookie_is_kept() -> Result<()> {
        let bytes = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\nset-cookie: c=d\r\n\r\nhi";
        let answer = Answer::parse(bytes)?.context("incomplete")?;
        assert_eq!((answer.body, &*answer.cookies()), (&b"hi"[..], "a=b; c=d"));
        Ok(())
    }

    #[test]
    fn an_answer_204_ends_with_its_head() -> Result<()> {
        let answer = Answer::parse(b"HTTP/1.1 204 No Content\r\n\r\n")?.context("incomplete")?;
        assert_eq!((answer.status, answer.body), (204, &b""[..]));
        Ok(())
    }

    #[test]
    fn an_answer_of_unknown_length_is_refused() {
        assert!(Answer::parse(b"HTTP/1.1 200 OK\r\nx-content-length: 2\r\n\r\nhi").is_err());
    }
}
