//! Signing up and logging in, in the words of each peer.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::http::{self, Body, Connection};

/// Where a peer takes a form, and what it is to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    /// A cookie that has to come along.
    pub(super) cookie: Option<&'static str>,
    pub(super) kind: Kind,
    /// The fields, in which `{name}` and `{password}` stand for the account's own.
    pub(super) fields: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Form,
    Json,
}

impl Endpoint {
    /// The bytes for one account, told apart by its number.
    pub(super) fn request(&self, address: SocketAddr, index: usize) -> Result<String> {
        let fields = self.fields.iter().map(|(field, value)| {
            let value = value.replace("{name}", &format!("visitor{index}")).replace(
                "{password}",
                &format!("quartz-lantern-fjord-{index}-umbrella"),
            );
            (*field, value)
        });
        let text = match self.kind {
            Kind::Form => fields
                .map(|(field, value)| format!("{field}={value}"))
                .collect::<Vec<_>>()
                .join("&"),
            Kind::Json => {
                let object: serde_json::Map<_, _> = fields
                    .map(|(field, value)| (field.to_owned(), value.into()))
                    .collect();
                serde_json::to_string(&object)?
            }
        };
        let body = match self.kind {
            Kind::Form => Body::Form(&text),
            Kind::Json => Body::Json(&text),
        };
        Ok(http::post_with(address, self.path, self.cookie, body))
    }

    /// Sends it, and returns the cookies that came back.
    pub(super) fn send(&self, address: SocketAddr, index: usize) -> Result<String> {
        let mut connection = Connection::open(address)?;
        connection.send(&self.request(address, index)?)?;
        let answer = connection.receive()?;
        let body = String::from_utf8_lossy(answer.body);
        ensure!(
            (200..300).contains(&answer.status),
            "{} answered {}: {body}",
            self.path,
            answer.status
        );
        Ok(answer.cookies())
    }
}

/// Makes sure that cookies are looked at: a peer that answers whoever asks would be fast, and no peer.
pub(super) fn refuses(address: SocketAddr, cookies: Option<&str>) -> Result<()> {
    let status = visit(address, cookies)?;
    ensure!(
        (400..500).contains(&status),
        "a request that should have been refused was answered {status}"
    );
    Ok(())
}

/// The status of one `GET /protected`.
pub(super) fn visit(address: SocketAddr, cookies: Option<&str>) -> Result<u16> {
    let mut connection = Connection::open(address)?;
    connection.send(&http::get(address, "/protected", cookies))?;
    Ok(connection.receive().context("GET /protected")?.status)
}

/// The same cookies with every value turned round: as long as real ones, and nobody's.
pub(super) fn forged(cookies: &str) -> String {
    let turned = cookies.split("; ").map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        format!("{name}={}", value.chars().rev().collect::<String>())
    });
    turned.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_cookies_are_as_long_and_have_the_same_names() {
        assert_eq!(forged("a=12=; b=x.y"), "a==21; b=y.x");
    }
}
