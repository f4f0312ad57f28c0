//! Forgeries, each made by hand, and what becomes of each.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::token::compact;
use super::*;
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ISSUER: &str = "https://app.example";

fn expected() -> Expected {
    Expected {
        issuer: ISSUER.to_owned(),
        audiences: vec![ISSUER.to_owned(), "also".to_owned()],
    }
}

fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        aud: vec![ISSUER.to_owned()],
        sub: UserId::random(),
        client_id: "app.example".to_owned(),
        sid: SessionId::random(),
        generation: Some(7),
        jti: TokenId::random(),
        iat: NOW,
        exp: NOW.after(Duration::from_secs(300)),
        roles: vec!["editor".to_owned(), "\"ö\"".to_owned()],
    }
}

/// A ring with one key, and all that is needed to forge its tokens.
struct Forge {
    ring: KeyRing,
    key: Arc<SigningKey>,
}

impl Forge {
    fn new(algorithm: Algorithm) -> Self {
        let policy = KeyPolicy {
            algorithm,
            ..KeyPolicy::default()
        };
        let ring = KeyRing::new(policy, Vec::new()).with_a_signer(NOW);
        let key = Arc::clone(ring.keys()[0].signing_key.as_ref().unwrap());
        Self { ring, key }
    }

    fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": self.key.algorithm().name(), "kid": self.key.kid()})
    }

    fn claims(&self) -> Value {
        serde_json::from_slice(&claims().to_json().unwrap()).unwrap()
    }

    /// A token that is right.
    fn token(&self) -> String {
        self.ring.sign(&claims(), NOW).unwrap().to_string()
    }

    /// Signed by the right key, whatever it says.
    fn signed(&self, header: &str, claims: &str) -> String {
        compact(&self.key, header.as_bytes(), claims.as_bytes()).to_string()
    }

    /// The same over texts that need be no base64url.
    fn signed_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        self.signed(
            &with(self.header(), name, value),
            &self.claims().to_string(),
        )
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        self.signed(
            &self.header().to_string(),
            &with(self.claims(), name, value),
        )
    }

    /// With the claims written as `text`, where no JSON value could say it.
    fn with_claim_text(&self, name: &str, text: &str) -> String {
        let claims = with(self.claims(), name, json!("HERE"));
        self.signed(
            &self.header().to_string(),
            &claims.replace("\"HERE\"", text),
        )
    }

    fn without_header(&self, name: &str) -> String {
        self.signed(&without(self.header(), name), &self.claims().to_string())
    }

    fn without_claim(&self, name: &str) -> String {
        self.signed(&self.header().to_string(), &without(self.claims(), name))
    }

    fn verify(&self, token: impl AsRef<[u8]>) -> Result<Claims, Invalid> {
        self.ring.verify(token.as_ref(), &expected(), NOW)
    }

    #[track_caller]
    fn refuses(&self, table: impl IntoIterator<Item = (&'static str, String, Invalid)>) {
        for (what, token, why) in table {
            assert_eq!(self.verify(&token), Err(why), "{what}: {token}");
        }
    }
}

fn with(mut object: Value, name: &str, value: Value) -> String {
    object[name] = value;
    object.to_string()
}

fn without(mut object: Value, name: &str) -> String {
    object.as_object_mut().unwrap().remove(name);
    object.to_string()
}

#[test]
fn a_token_says_what_was_signed() {
    for algorithm in Algorithm::ALL {
        let forge = Forge::new(algorithm);
        for aud in [vec![ISSUER], vec!["other", "also"]] {
            for (generation, roles) in [
                (Some(0), vec![]),
                (None, vec!["a".to_owned(), "b".to_owned()]),
            ] {
                let claims = Claims {
                    aud: aud.iter().map(|&name| name.to_owned()).collect(),
                    generation,
                    roles,
                    ..claims()
                };
                let token = forge.ring.sign(&claims, NOW).unwrap();
                assert_eq!(forge.verify(token.as_bytes()), Ok(claims));
            }
        }
    }
}

#[test]
fn the_forge_itself_makes_good_tokens() {
    for algorithm in Algorithm::ALL {
        let forge = Forge::new(algorithm);
        let token = forge.signed(&forge.header().to_string(), &forge.claims().to_string());
        assert!(forge.verify(token).is_ok());
    }
}

#[test]
fn no_signature_is_no_token() {
    let forge = Forge::new(Algorithm::EdDsa);
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let token = forge.with_header("alg", json!(none));
        let (signed, _) = token.rsplit_once('.').unwrap();
        forge.refuses([
            ("alg none, signed", token.clone(), Invalid::Algorithm),
            ("alg none", format!("{signed}."), Invalid::Algorithm),
            ("alg none, two parts", signed.to_owned(), Invalid::Parts),
        ]);
    }
    let token = forge.token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with = |signature: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert!(forge.verify(with(&signature)).is_ok());
    forge.refuses([
        ("empty signature", with(&[]), Invalid::Signature),
        ("zeros", with(&[0; 64]), Invalid::Signature),
        ("63 bytes", with(&signature[..63]), Invalid::Signature),
        (
            "65 bytes",
            with(&[&signature[..], &[0]].concat()),
            Invalid::Signature,
        ),
        (
            "another token's",
            with(&forge.key.sign(b"x.y")),
            Invalid::Signature,
        ),
    ]);
}

/// RFC 8725, 2.1: the public key taken for an HMAC secret, in every form in which somebody might have it.
#[test]
fn a_public_key_is_no_hmac_secret() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let forge = Forge::new(algorithm);
        let jwk = forge.key.public().unwrap();
        let x = URL_SAFE_NO_PAD.decode(&jwk.x).unwrap();
        let y = jwk.y.as_ref().map(|y| URL_SAFE_NO_PAD.decode(y).unwrap());
        let point = y.map_or_else(|| x.clone(), |y| [&[4][..], &x, &y].concat());
        let spki = [spki_prefix(algorithm), &point].concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&spki)
        );
        let jwk = serde_json::to_vec(jwk).unwrap();
        for secret in [x, point, spki, pem.into_bytes(), jwk] {
            for alg in ["HS256", forge.key.algorithm().name()] {
                let signed = format!(
                    "{}.{}",
                    URL_SAFE_NO_PAD.encode(with(forge.header(), "alg", json!(alg))),
                    URL_SAFE_NO_PAD.encode(forge.claims().to_string())
                );
                let mac = hmac(&secret, signed.as_bytes());
                let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
                let why = if alg == "HS256" {
                    Invalid::Algorithm
                } else {
                    Invalid::Signature
                };
                assert_eq!(forge.verify(token), Err(why));
            }
        }
    }
}

/// What stands before the point in a public key's DER (RFC 8410, 4; RFC 5480, 2).
fn spki_prefix(algorithm: Algorithm) -> &'static [u8] {
    if algorithm == Algorithm::EdDsa {
        b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
    } else {
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
    }
}

fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

#[test]
fn only_the_named_key_counts() {
    let forge = Forge::new(Algorithm::EdDsa);
    let other = SigningKey::generate(Algorithm::EdDsa);
    let claims = forge.claims().to_string();
    let sign = |header: String| compact(&other, header.as_bytes(), claims.as_bytes()).to_string();
    let jwk = serde_json::to_value(other.public()).unwrap();
    let theirs = |name: &str, value: Value| sign(with(forge.header(), name, value));
    let kid = |kid: Value| forge.with_header("kid", kid);
    forge.refuses([
        (
            "another key",
            sign(forge.header().to_string()),
            Invalid::Signature,
        ),
        (
            "another key by its own name",
            theirs("kid", json!(other.kid())),
            Invalid::UnknownKey,
        ),
        (
            "embedded jwk",
            theirs("jwk", jwk.clone()),
            Invalid::Signature,
        ),
        (
            "jwk without kid",
            sign(without(
                serde_json::from_str(&with(forge.header(), "jwk", jwk)).unwrap(),
                "kid",
            )),
            Invalid::NoKey,
        ),
        (
            "jku",
            theirs("jku", json!("https://evil.example/jwks.json")),
            Invalid::Signature,
        ),
        (
            "x5u",
            theirs("x5u", json!("https://evil.example/x.pem")),
            Invalid::Signature,
        ),
        ("x5c", theirs("x5c", json!(["MIIB"])), Invalid::Signature),
        ("path", kid(json!("../../etc/passwd")), Invalid::UnknownKey),
        ("device", kid(json!("/dev/null")), Invalid::UnknownKey),
        ("SQL", kid(json!("' OR 1=1 --")), Invalid::UnknownKey),
        ("NUL", kid(json!("\0")), Invalid::UnknownKey),
        ("empty", kid(json!("")), Invalid::UnknownKey),
        (
            "beginning of the name",
            kid(json!(&forge.key.kid()[..20])),
            Invalid::UnknownKey,
        ),
        (
            "the name and a space",
            kid(json!(format!("{} ", forge.key.kid()))),
            Invalid::UnknownKey,
        ),
        ("number", kid(json!(0)), Invalid::NoKey),
        ("array", kid(json!([forge.key.kid()])), Invalid::NoKey),
        ("null", kid(Value::Null), Invalid::NoKey),
        ("missing", forge.without_header("kid"), Invalid::NoKey),
    ]);
}

#[test]
fn where_else_a_key_might_be_is_not_looked_at() {
    let forge = Forge::new(Algorithm::EdDsa);
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("file:///etc/passwd")),
        ("jwk", json!({"kty": "oct", "k": ""})),
        ("x5c", json!([])),
    ] {
        assert!(
            forge.verify(forge.with_header(name, value)).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn the_header_must_be_ours() {
    let forge = Forge::new(Algorithm::Es256);
    let header = forge.header().to_string();
    let twice = |member: &str| {
        forge.signed(
            &header.replacen('{', &format!("{{{member},"), 1),
            &forge.claims().to_string(),
        )
    };
    let raw = |header: &str| forge.signed(header, &forge.claims().to_string());
    let not_an_object = Invalid::NotAnObject(Part::Header);
    let duplicate = Invalid::DuplicateMember(Part::Header);
    forge.refuses([
        (
            "typ JWT",
            forge.with_header("typ", json!("JWT")),
            Invalid::Type,
        ),
        (
            "typ of another kind",
            forge.with_header("typ", json!("dbsc+jwt")),
            Invalid::Type,
        ),
        (
            "typ in capitals",
            forge.with_header("typ", json!("AT+JWT")),
            Invalid::Type,
        ),
        (
            "typ in full",
            forge.with_header("typ", json!("application/at+jwt")),
            Invalid::Type,
        ),
        ("typ missing", forge.without_header("typ"), Invalid::Type),
        (
            "typ array",
            forge.with_header("typ", json!(["at+jwt"])),
            Invalid::Type,
        ),
        (
            "alg missing",
            forge.without_header("alg"),
            Invalid::Algorithm,
        ),
        (
            "alg null",
            forge.with_header("alg", Value::Null),
            Invalid::Algorithm,
        ),
        (
            "alg in lower case",
            forge.with_header("alg", json!("es256")),
            Invalid::Algorithm,
        ),
        (
            "alg of another key",
            forge.with_header("alg", json!("EdDSA")),
            Invalid::Algorithm,
        ),
        (
            "alg of no key",
            forge.with_header("alg", json!("RS256")),
            Invalid::Algorithm,
        ),
        (
            "crit",
            forge.with_header("crit", json!(["exp"])),
            Invalid::Critical,
        ),
        (
            "crit empty",
            forge.with_header("crit", json!([])),
            Invalid::Critical,
        ),
        (
            "b64",
            forge.with_header("crit", json!(["b64"])),
            Invalid::Critical,
        ),
        ("alg twice", twice(r#""alg":"none""#), duplicate),
        (
            "alg twice, escaped",
            twice(r#""\u0061lg":"none""#),
            duplicate,
        ),
        ("kid twice", twice(r#""kid":"x""#), duplicate),
        ("unknown member twice", twice(r#""x":1,"x":1"#), duplicate),
        ("array", raw("[]"), not_an_object),
        ("string", raw("\"x\""), not_an_object),
        ("nothing", raw(""), not_an_object),
        ("two objects", raw("{}{}"), not_an_object),
        ("cut", raw(&header[..header.len() - 1]), not_an_object),
    ]);
}

#[test]
fn only_the_one_text_of_a_token_is_the_token() {
    let forge = Forge::new(Algorithm::EdDsa);
    let token = forge.token();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("three parts")
    };
    let padded = URL_SAFE.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    let json = json!({"payload": claims, "protected": header, "signature": signature}).to_string();
    forge.refuses([
        ("nothing", String::new(), Invalid::Parts),
        ("one dot", ".".to_owned(), Invalid::Parts),
        ("dots", "..".to_owned(), Invalid::NotAnObject(Part::Header)),
        ("trailing dot", format!("{token}."), Invalid::Parts),
        ("leading dot", format!(".{token}"), Invalid::Parts),
        ("a fourth part", format!("{token}.x"), Invalid::Parts),
        (
            "five parts, as if encrypted",
            format!("{token}.e.e"),
            Invalid::Parts,
        ),
        ("two parts", format!("{header}.{claims}"), Invalid::Parts),
        (
            "trailing characters",
            format!("{token}AAAA"),
            Invalid::Signature,
        ),
        (
            "one trailing character",
            format!("{token}AAA"),
            Invalid::Encoding(Part::Signature),
        ),
        (
            "padding",
            format!("{header}.{claims}.{padded}"),
            Invalid::Character,
        ),
        (
            "stray bits",
            format!("{header}.{claims}.{}", stray(signature)),
            Invalid::Encoding(Part::Signature),
        ),
        ("space before", format!(" {token}"), Invalid::Character),
        ("space after", format!("{token} "), Invalid::Character),
        ("newline", format!("{token}\n"), Invalid::Character),
        (
            "newline within",
            format!("{header}.\n{claims}.{signature}"),
            Invalid::Character,
        ),
        ("NUL", format!("{token}\0"), Invalid::Character),
        (
            "percent-encoded dot",
            format!("{header}%2e{claims}.{signature}"),
            Invalid::Character,
        ),
        ("quotes", format!("\"{token}\""), Invalid::Character),
        ("scheme", format!("Bearer {token}"), Invalid::Character),
        (
            "other alphabet",
            format!("{header}.{claims}.+/{}", &signature[2..]),
            Invalid::Character,
        ),
        (
            "full-width dot",
            format!("{header}\u{ff0e}{claims}.{signature}"),
            Invalid::Character,
        ),
        ("JSON serialisation", json.clone(), Invalid::Character),
        (
            "JSON serialisation in base64url",
            format!("{}..", URL_SAFE_NO_PAD.encode(&json)),
            Invalid::Type,
        ),
        (
            "too long",
            format!("{token}{}", "A".repeat(MAX_CHARS)),
            Invalid::TooLong,
        ),
        (
            "long rubbish",
            "\u{fffd}".repeat(MAX_CHARS),
            Invalid::TooLong,
        ),
    ]);
    assert_eq!(
        forge.verify([token.as_bytes(), b"\xc3\x28"].concat()),
        Err(Invalid::Character)
    );
    assert_eq!(forge.verify([0xff; 300]), Err(Invalid::Character));
}

/// With the lowest bit of the last character set: the same bytes to a careless reader.
fn stray(text: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = text.split_at(text.len() - 1);
    let place = ALPHABET.find(last).unwrap();
    assert!(place % 2 == 0, "{last} has stray bits already");
    format!("{rest}{}", &ALPHABET[place + 1..=place + 1])
}

#[test]
fn stray_bits_and_bad_lengths_are_refused_in_every_part() {
    let forge = Forge::new(Algorithm::Hs256);
    // Each way of filling the last character: by 2 bits of 6, and by 4.
    for over in [1, 2] {
        let (header, claims) = (filled(&forge.header(), over), filled(&forge.claims(), over));
        let token = forge.signed_text(&header, &claims);
        assert!(forge.verify(&token).is_ok());
        forge.refuses([
            (
                "stray bits in the header",
                forge.signed_text(&stray(&header), &claims),
                Invalid::Encoding(Part::Header),
            ),
            (
                "stray bits in the claims",
                forge.signed_text(&header, &stray(&claims)),
                Invalid::Encoding(Part::Claims),
            ),
            (
                "stray bits in the signature",
                stray(&token),
                Invalid::Encoding(Part::Signature),
            ),
        ]);
    }
    let token = forge.token();
    let parts: Vec<&str> = token.split('.').collect();
    // One character over is no byte at all.
    forge.refuses([
        (
            "bad length of the header",
            forge.signed_text("AAAAB", parts[1]),
            Invalid::Encoding(Part::Header),
        ),
        (
            "bad length of the claims",
            forge.signed_text(parts[0], "AAAAB"),
            Invalid::Encoding(Part::Claims),
        ),
        (
            "bad length of the signature",
            format!("{}.{}.AAAAB", parts[0], parts[1]),
            Invalid::Encoding(Part::Signature),
        ),
    ]);
}

/// The object in base64url, with so many spaces behind it that `over` bytes more than a multiple of three are encoded.
fn filled(object: &Value, over: usize) -> String {
    let mut json = object.to_string();
    while json.len() % 3 != over {
        json.push(' ');
    }
    URL_SAFE_NO_PAD.encode(json)
}

#[test]
fn the_claims_must_be_for_us_and_now() {
    let forge = Forge::new(Algorithm::EdDsa);
    let now = NOW.as_millis() / 1000;
    let claim = |name: &str, value: Value| forge.with_claim(name, value);
    forge.refuses([
        ("expired", claim("exp", json!(now - 1)), Invalid::Expired),
        ("expires now", claim("exp", json!(now)), Invalid::Expired),
        ("expired in 1970", claim("exp", json!(0)), Invalid::Expired),
        (
            "not yet",
            claim("nbf", json!(now + 6)),
            Invalid::NotYetValid("nbf"),
        ),
        (
            "made later",
            claim("iat", json!(now + 6)),
            Invalid::NotYetValid("iat"),
        ),
        (
            "another issuer",
            claim("iss", json!("https://evil.example")),
            Invalid::Issuer,
        ),
        (
            "issuer with a slash",
            claim("iss", json!("https://app.example/")),
            Invalid::Issuer,
        ),
        (
            "issuers",
            claim("iss", json!([ISSUER])),
            Invalid::Claim("iss"),
        ),
        (
            "another audience",
            claim("aud", json!("https://api.example")),
            Invalid::Audience,
        ),
        (
            "other audiences",
            claim("aud", json!(["a", "b"])),
            Invalid::Audience,
        ),
        (
            "audience in capitals",
            claim("aud", json!("ALSO")),
            Invalid::Audience,
        ),
        ("nobody", claim("aud", json!([])), Invalid::Audience),
        (
            "audience and a number",
            claim("aud", json!(["also", 1])),
            Invalid::Claim("aud"),
        ),
        (
            "audience as an object",
            claim("aud", json!({"also": 1})),
            Invalid::Claim("aud"),
        ),
    ]);
    for (name, value) in [
        ("nbf", json!(now + 5)),
        ("iat", json!(now + 5)),
        ("exp", json!(now + 1)),
        ("aud", json!(["a", "also"])),
        ("unknown", json!({"x": null})),
    ] {
        assert!(
            forge.verify(forge.with_claim(name, value)).is_ok(),
            "{name}"
        );
    }
    for left_out in ["roles", "gen"] {
        assert!(forge.verify(forge.without_claim(left_out)).is_ok());
    }
}

#[test]
fn every_claim_has_its_type() {
    let forge = Forge::new(Algorithm::EdDsa);
    for claim in ["iss", "aud", "sub", "client_id", "sid", "jti", "iat", "exp"] {
        assert_eq!(
            forge.verify(forge.without_claim(claim)),
            Err(Invalid::Claim(claim))
        );
        assert_eq!(
            forge.verify(forge.with_claim(claim, Value::Null)),
            Err(Invalid::Claim(claim))
        );
    }
    for time in ["exp", "iat", "nbf"] {
        for text in [
            "\"1900000000\"",
            "1900000000.0",
            "1900000000.5",
            "1.9e9",
            "-1",
            "-0.0",
            "true",
            "[1900000000]",
            "{}",
            "null",
            "18446744073709551615",
            "18446744073709551616",
            "9223372036854775807",
            "1e300",
        ] {
            let token = forge.with_claim_text(time, text);
            assert_eq!(forge.verify(token), Err(Invalid::Claim(time)), "{text}");
        }
    }
    let not_an_object = Invalid::NotAnObject(Part::Claims);
    for text in [
        "1e400",
        "-1e400",
        "Infinity",
        "NaN",
        "0x7fffffff",
        "01900000000",
        "+1",
    ] {
        assert_eq!(
            forge.verify(forge.with_claim_text("exp", text)),
            Err(not_an_object),
            "{text}"
        );
    }
    for (claim, value) in [
        ("sub", json!(1)),
        ("sub", json!("")),
        ("sub", json!("admin")),
        ("sid", json!("AAAAAAAAAAAAAAAAAAAAAB")),
        ("jti", json!("AAAAAAAAAAAAAAAAAAAAAA==")),
        ("gen", json!("7")),
        ("gen", json!(-7)),
        ("gen", json!(7.0)),
        ("gen", json!(9_223_372_036_854_775_808_u64)),
        ("gen", Value::Null),
        ("roles", json!("admin")),
        ("roles", json!({"admin": true})),
        ("roles", json!([["admin"]])),
        ("roles", Value::Null),
    ] {
        let token = forge.with_claim(claim, value.clone());
        assert_eq!(
            forge.verify(token),
            Err(Invalid::Claim(claim)),
            "{claim} {value}"
        );
    }
}

#[test]
fn the_claims_must_be_one_object_without_repetition() {
    let forge = Forge::new(Algorithm::EdDsa);
    let (header, claims) = (forge.header().to_string(), forge.claims().to_string());
    let twice =
        |member: &str| forge.signed(&header, &claims.replacen('{', &format!("{{{member},"), 1));
    let duplicate = Invalid::DuplicateMember(Part::Claims);
    let not_an_object = Invalid::NotAnObject(Part::Claims);
    forge.refuses([
        ("exp twice", twice(r#""exp":9999999999"#), duplicate),
        ("sub twice, escaped", twice(r#""s\u0075b":"x""#), duplicate),
        ("unknown twice", twice(r#""x":1,"x":2"#), duplicate),
        (
            "array",
            forge.signed(&header, &format!("[{claims}]")),
            not_an_object,
        ),
        ("nothing", forge.signed(&header, ""), not_an_object),
        (
            "more",
            forge.signed(&header, &format!("{claims}{{}}")),
            not_an_object,
        ),
        (
            "string",
            forge.signed(&header, &json!(claims).to_string()),
            not_an_object,
        ),
    ]);
    let control = claims.replace("editor", "e\u{1}");
    assert_eq!(
        forge.verify(forge.signed(&header, &control)),
        Err(not_an_object)
    );
    let bytes = [
        &claims.as_bytes()[..claims.len() - 1],
        b",\"x\":\"\xff\xfe\"}",
    ]
    .concat();
    let token = compact(&forge.key, header.as_bytes(), &bytes);
    assert_eq!(forge.verify(token.as_bytes()), Err(not_an_object));
}

#[test]
fn the_signature_is_checked_before_any_claim() {
    let forge = Forge::new(Algorithm::EdDsa);
    let token = forge.with_claim("exp", json!(0));
    let mut signature = token.clone();
    signature.replace_range(
        token.len() - 10..token.len() - 9,
        if token.as_bytes()[token.len() - 10] == b'A' {
            "B"
        } else {
            "A"
        },
    );
    assert_eq!(forge.verify(signature), Err(Invalid::Signature));
    let header = forge.header().to_string();
    let rubbish = SigningKey::generate(Algorithm::EdDsa);
    let token = compact(&rubbish, header.as_bytes(), b"\xff not even JSON");
    assert_eq!(forge.verify(token.as_bytes()), Err(Invalid::Signature));
}

#[test]
fn an_ecdsa_signature_has_one_form() {
    let forge = Forge::new(Algorithm::Es256);
    let token = forge.token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature =
        p256::ecdsa::Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let high = p256::ecdsa::Signature::from_scalars(signature.r(), -*signature.s()).unwrap();
    let raw = signature.to_bytes();
    let zero = [0; 32];
    for (what, forged) in [
        ("DER", signature.to_der().as_bytes().to_vec()),
        ("r and s zero", vec![0; 64]),
        ("r zero", [&zero, &raw[32..]].concat()),
        ("s zero", [&raw[..32], &zero].concat()),
        ("r too great", [&[0xff; 32], &raw[32..]].concat()),
        ("s too great", [&raw[..32], &[0xff; 32]].concat()),
        ("higher s", high.to_bytes().to_vec()),
        ("exchanged", [&raw[32..], &raw[..32]].concat()),
    ] {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(forged));
        assert_eq!(forge.verify(token), Err(Invalid::Signature), "{what}");
    }
    assert!(forge.verify(&token).is_ok());
}

/// RFC 8032, 5.1.7: `s` must be below the group's order, or each signature would have a second form.
#[test]
fn an_ed25519_signature_has_one_form() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let forge = Forge::new(Algorithm::EdDsa);
    let token = forge.token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature));
    assert_eq!(forge.verify(forged), Err(Invalid::Signature));
    // The neutral element as R, s = 0: valid under a key of small order, and under none of ours.
    let mut neutral = [0; 64];
    neutral[0] = 1;
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(neutral));
    assert_eq!(forge.verify(forged), Err(Invalid::Signature));
}

#[test]
fn a_token_of_one_algorithm_is_none_of_another() {
    for signing in Algorithm::ALL {
        let forge = Forge::new(signing);
        for named in Algorithm::ALL {
            let verdict = forge.verify(forge.with_header("alg", json!(named.name())));
            assert_eq!(verdict.is_ok(), signing == named);
        }
    }
}

#[test]
fn what_no_verifier_would_accept_is_not_signed() {
    let forge = Forge::new(Algorithm::EdDsa);
    let sign = |claims: Claims| forge.ring.sign(&claims, NOW).unwrap_err();
    let second = Duration::from_secs(1);
    assert_eq!(
        sign(Claims {
            exp: NOW,
            ..claims()
        }),
        SignError::Claims
    );
    assert_eq!(
        sign(Claims {
            aud: vec![],
            ..claims()
        }),
        SignError::Claims
    );
    assert_eq!(
        sign(Claims {
            iat: NOW.after(6 * second),
            ..claims()
        }),
        SignError::Claims
    );
    assert_eq!(
        sign(Claims {
            iat: Timestamp::from_millis(-1),
            ..claims()
        }),
        SignError::Claims
    );
    assert_eq!(
        sign(Claims {
            exp: NOW.after(301 * second),
            ..claims()
        }),
        SignError::Lifetime
    );
    assert_eq!(
        sign(Claims {
            roles: vec!["x".repeat(3000)],
            ..claims()
        }),
        SignError::TooLong
    );
}

#[test]
fn a_refusal_quotes_nothing_of_the_token() {
    let forge = Forge::new(Algorithm::EdDsa);
    let why = forge
        .verify(forge.with_header("kid", json!("x\nadmin logged in")))
        .unwrap_err();
    assert_eq!(
        why.to_string(),
        "the key that the header names is not in the ring"
    );
}

#[test]
fn every_flipped_bit_is_refused() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Hs256] {
        let forge = Forge::new(algorithm);
        let token = forge.token().into_bytes();
        for bit in 0..token.len() * 8 {
            let mut forged = token.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(forge.verify(&forged).is_err(), "bit {bit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_flipped_bit_is_refused_for_ecdsa_too(bit in 0..8_usize, at in 0.0..1.0_f64) {
        let forge = Forge::new(Algorithm::Es256);
        let mut token = forge.token().into_bytes();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (at * token.len() as f64) as usize;
        token[at] ^= 1 << bit;
        prop_assert!(forge.verify(&token).is_err());
    }

    #[test]
    fn rubbish_is_refused_and_does_no_harm(token in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Forge::new(Algorithm::Hs256).verify(token).is_err());
    }

    #[test]
    fn rubbish_of_three_parts_is_refused(
        header in proptest::collection::vec(any::<u8>(), 0..80),
        claims in ".{0,80}",
    ) {
        let forge = Forge::new(Algorithm::Hs256);
        let token = compact(&forge.key, &header, claims.as_bytes());
        prop_assert!(forge.verify(token.as_bytes()).is_err());
        let token = compact(&forge.key, forge.header().to_string().as_bytes(), claims.as_bytes());
        prop_assert!(forge.verify(token.as_bytes()).is_err());
    }
}
