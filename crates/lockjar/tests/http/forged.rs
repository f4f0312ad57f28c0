//! Tokens that the site's own key has signed and that are refused all the same, each with a line in the log that says why.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use lockjar::jwt::{self, Algorithm};
use lockjar::store::Keys;
use lockjar::store::sqlite::SqliteStore;
use serde_json::{Value, json};

use super::jar::{Jar, REPORTS, claims, header, kid, register, settings, site};
use super::log::Log;
use super::support::{Answer, Site};

/// The site's signing key, and the token that is to be forged.
struct Forge {
    key: SigningKey,
    header: Value,
    claims: Value,
}

impl Forge {
    /// With the key as whoever has the database and the master key can take it.
    async fn of(site: &Site, jar: &Jar) -> Self {
        let path = format!("sqlite://{}", site.database().display());
        let store = SqliteStore::open(&path).await.unwrap();
        let row = &store.keys().await.unwrap()[0];
        let master = settings().master_key;
        let key = jwt::SigningKey::open(Algorithm::EdDsa, &row.kid, &row.sealed, &master).unwrap();
        Self {
            key: SigningKey::from_bytes(&key.to_bytes()),
            header: header(jar.access()),
            claims: claims(jar.access()),
        }
    }

    fn token(&self) -> String {
        sign(&self.key, &self.header, &self.claims)
    }

    fn with_header(&self, name: &str, value: impl Into<Value>) -> String {
        sign(&self.key, &with(&self.header, name, value), &self.claims)
    }

    fn with_claim(&self, name: &str, value: impl Into<Value>) -> String {
        sign(&self.key, &self.header, &with(&self.claims, name, value))
    }

    fn without_header(&self, name: &str) -> String {
        sign(&self.key, &without(&self.header, name), &self.claims)
    }

    fn without_claim(&self, name: &str) -> String {
        sign(&self.key, &self.header, &without(&self.claims, name))
    }

    /// With claims that are not what JSON would make of any value.
    fn with_claims_text(&self, claims: &str) -> String {
        sign(&self.key, &self.header, &claims)
    }

    /// When the token was made.
    fn now(&self) -> i64 {
        self.claims["iat"].as_i64().unwrap()
    }
}

fn sign(key: &SigningKey, header: &impl ToString, claims: &impl ToString) -> String {
    let parts = [header.to_string(), claims.to_string()];
    let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn with(object: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut object = object.clone();
    object[name] = value.into();
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    assert!(object.as_object_mut().unwrap().remove(name).is_some());
    object
}

/// A browser that has this access token and no refresh token.
async fn present(site: &Site, token: &str) -> Answer {
    site.get("/protected", &format!("access_token={token}"))
        .await
}

/// Every refusal looks the same from outside.
fn assert_is_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    assert_eq!(
        answer.json(),
        json!({"detail": "Not authenticated", "code": "not_authenticated"}),
        "{what}"
    );
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, "Cookie realm=\"session\"", "{what}");
    assert!(
        answer.is_private() && answer.set_cookies().is_empty(),
        "{what}"
    );
}

/// The one line says this and no more, and nothing of the token is anywhere.
fn assert_is_logged(log: &str, why: &str, token: &str, what: &str) {
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("event=\"token_refused\""))
        .collect();
    let [line] = lines[..] else {
        panic!("{what}: {log}")
    };
    assert!(line.ends_with(&format!("why={why}")), "{what}: {line}");
    for part in token.split('.').filter(|part| !part.is_empty()) {
        assert!(!log.contains(part), "{what}: {log}");
    }
}

#[tokio::test]
async fn forgeries_by_the_right_key_are_refused_and_the_log_says_why() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let forge = Forge::of(&site, &jar).await;
    let other = jwt::SigningKey::generate(Algorithm::EdDsa);
    let jwk = serde_json::to_value(other.public()).unwrap();
    for good in [forge.token(), forge.with_header("jwk", jwk.clone())] {
        let answer = present(&site, &good).await;
        assert_eq!(answer.status, 200, "only what is changed below is wrong");
    }
    // A key that came with the token is not looked at: who signs by it signs by a wrong one.
    let by_embedded = |header: &Value| {
        let key = SigningKey::from_bytes(&other.to_bytes());
        sign(&key, &with(header, "jwk", jwk.clone()), &forge.claims)
    };
    let claims = forge.claims.to_string();
    let twice = claims.replacen('{', r#"{"exp":9999999999,"#, 1);
    let (log, _guard) = Log::of_this_thread();
    for (what, token, why) in [
        (
            "not yet",
            forge.with_claim("nbf", forge.now() + 6),
            "the token is not valid yet (nbf)",
        ),
        (
            "made later",
            forge.with_claim("iat", forge.now() + 6),
            "the token is not valid yet (iat)",
        ),
        (
            "another issuer",
            forge.with_claim("iss", "https://evil.example"),
            "the token is of another issuer (iss)",
        ),
        (
            "another service's",
            forge.with_claim("aud", REPORTS),
            "the token is for another audience (aud)",
        ),
        (
            "typ JWT",
            forge.with_header("typ", "JWT"),
            "the header's typ is not at+jwt",
        ),
        (
            "no typ",
            forge.without_header("typ"),
            "the header's typ is not at+jwt",
        ),
        (
            "alg none",
            forge.with_header("alg", "none"),
            "the header's alg is not the key's",
        ),
        (
            "alg HS256",
            forge.with_header("alg", "HS256"),
            "the header's alg is not the key's",
        ),
        (
            "kid as SQL",
            forge.with_header("kid", "' OR 1=1 --"),
            "the key that the header names is not in the ring",
        ),
        (
            "no exp",
            forge.without_claim("exp"),
            "the claim exp is missing or malformed",
        ),
        (
            "crit",
            forge.with_header("crit", json!(["exp"])),
            "the header demands an extension (crit)",
        ),
        (
            "embedded jwk",
            by_embedded(&forge.header),
            "the signature is wrong",
        ),
        (
            "embedded jwk by its own name",
            by_embedded(&with(&forge.header, "kid", other.kid())),
            "the key that the header names is not in the ring",
        ),
        (
            "embedded jwk without a name",
            by_embedded(&without(&forge.header, "kid")),
            "the header names no key (kid)",
        ),
        (
            "exp twice",
            forge.with_claims_text(&twice),
            "the claims has a member twice",
        ),
        (
            "bytes after the claims",
            forge.with_claims_text(&format!("{claims}x")),
            "the claims is not a JSON object",
        ),
        (
            "bytes after the signature",
            format!("{}AAAA", forge.token()),
            "the signature is wrong",
        ),
        (
            "a dot after the signature",
            format!("{}.", forge.token()),
            "the token has not three parts",
        ),
    ] {
        assert_is_refused(&present(&site, &token).await, what);
        assert_is_logged(&log.take(), why, &token, what);
    }
}

/// It happens to every browser every few minutes.
#[tokio::test]
async fn an_expired_token_is_refused_without_a_line_in_the_log() {
    let site = site().await;
    let forge = Forge::of(&site, &register(&site, "alice").await).await;
    let (log, _guard) = Log::of_this_thread();
    for exp in [0, forge.now() - 1, forge.now()] {
        let answer = present(&site, &forge.with_claim("exp", exp)).await;
        assert_is_refused(&answer, "expired");
    }
    assert!(!log.take().contains("token_refused"));
    let last = forge.with_claim("exp", forge.now() + 1);
    assert_eq!(present(&site, &last).await.status, 200);
}

#[tokio::test]
async fn what_a_revoked_key_signs_is_refused_and_the_log_says_so() {
    let site = site().await;
    let jar = register(&site, "alice").await;
    let forge = Forge::of(&site, &jar).await;
    let revoked = site.auth.operator().revoke_key(&kid(jar.access())).await;
    revoked.unwrap();
    let (log, _guard) = Log::of_this_thread();
    for (what, token) in [
        ("signed before", jar.access().to_owned()),
        ("signed since", forge.with_claim("gen", 1)),
    ] {
        assert_is_refused(&present(&site, &token).await, what);
        let why = "the key that the header names was revoked";
        assert_is_logged(&log.take(), why, &token, what);
    }
}
