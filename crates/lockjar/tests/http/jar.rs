//! A site that gives out JWTs, and a browser's cookies of it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockjar::jwt::MasterKey;
use lockjar::{Builder, JwtSettings};
use serde_json::Value;

use super::support::{Answer, PASSWORD, Site};

pub(crate) const SECRET: &str = "a secret of forty characters or a few more";
pub(crate) const REPORTS: &str = "https://reports.example";

pub(crate) fn jwt(builder: Builder) -> Builder {
    builder.jwt(settings())
}

pub(crate) fn settings() -> JwtSettings {
    JwtSettings {
        audiences: vec![REPORTS.to_owned()],
        introspection_secret: Some(SECRET.to_owned().into()),
        ..JwtSettings::new(MasterKey::from_bytes([7; 32]))
    }
}

pub(crate) async fn site() -> Site {
    Site::with("http://localhost:8000", jwt).await
}

/// A browser's cookies.
#[derive(Clone, Default)]
pub(crate) struct Jar(BTreeMap<String, String>);

impl Jar {
    pub(crate) fn keep(&mut self, answer: &Answer) {
        for cookie in answer.set_cookies() {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match cookie.contains("Max-Age=0") {
                true => drop(self.0.remove(name)),
                false => drop(self.0.insert(name.to_owned(), value.to_owned())),
            }
        }
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut jar = self.clone();
        assert!(jar.0.remove(name).is_some());
        jar
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut jar = self.clone();
        jar.0.insert(name.to_owned(), value.to_owned());
        jar
    }

    pub(crate) fn header(&self) -> String {
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    pub(crate) fn access(&self) -> &str {
        &self.0["access_token"]
    }

    pub(crate) fn refresh(&self) -> &str {
        &self.0["refresh_token"]
    }
}

pub(crate) async fn register(site: &Site, name: &str) -> Jar {
    let form = [("username", name), ("password", PASSWORD)];
    let answer = site.post("/register", "", &form).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let mut jar = Jar::default();
    jar.keep(&answer);
    jar
}

pub(crate) async fn refresh(site: &Site, jar: &Jar) -> Answer {
    site.post("/refresh", &jar.header(), &[]).await
}

/// What the refreshed cookies would be.
pub(crate) async fn refreshed(site: &Site, jar: &Jar) -> Jar {
    let answer = refresh(site, jar).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut next = jar.clone();
    next.keep(&answer);
    next
}

pub(crate) fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    serde_json::from_slice(&claims).unwrap()
}

pub(crate) fn header(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    serde_json::from_slice(&header).unwrap()
}

/// The name of the key that the token says it is signed by.
pub(crate) fn kid(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}
