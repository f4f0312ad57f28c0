//! What a token says, and what it has to say to be believed.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::invalid::{Invalid, Part};
use super::object::Object;
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::refresh::Generation;

/// How far `iat` and `nbf` may lie ahead, since the clocks of two of our machines differ. `exp` is given nothing.
pub const LEEWAY: Duration = Duration::from_secs(5);

/// What a token says. Nothing of it is secret; all of it can be read by whoever holds the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who made the token: the public URL (`iss`).
    pub iss: String,
    /// Whom it is for, one at least (`aud`).
    pub aud: Vec<String>,
    /// Whose it is (`sub`).
    pub sub: UserId,
    /// The client that it was made for (`client_id`, which RFC 9068, 2.2 requires).
    pub client_id: String,
    /// The session that it belongs to and ends with (`sid`).
    pub sid: SessionId,
    /// How often that session's refresh token had been replaced (`gen`): our own access tokens have it. A token for another
    /// service belongs to no refresh token.
    pub generation: Option<Generation>,
    /// Its own name (`jti`).
    pub jti: TokenId,
    /// When it was made, in whole seconds on the wire: rounded down (`iat`).
    pub iat: Timestamp,
    /// From when on it is refused, likewise (`exp`).
    pub exp: Timestamp,
    /// The user's roles (`roles`, RFC 9068, 2.2.3.1).
    pub roles: Vec<String>,
}

/// What this verifier accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The only issuer.
    pub issuer: String,
    /// The names that this verifier goes by; the token must be for one of them.
    pub audiences: Vec<String>,
}

/// The claims as JSON has them.
#[derive(Serialize)]
struct Wire<'a> {
    iss: &'a str,
    aud: Audience<'a>,
    sub: String,
    client_id: &'a str,
    sid: String,
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
    jti: String,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [String],
}

/// One audience is a string, several are an array (RFC 7519, 4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

impl Claims {
    /// As JSON; `None` where a time lies before 1970 or nobody is the audience.
    pub(super) fn to_json(&self) -> Option<Vec<u8>> {
        let wire = Wire {
            iss: &self.iss,
            aud: match self.aud.as_slice() {
                [] => return None,
                [one] => Audience::One(one),
                several => Audience::Several(several),
            },
            sub: self.sub.to_string(),
            client_id: &self.client_id,
            sid: self.sid.to_string(),
            generation: self.generation,
            jti: self.jti.to_string(),
            iat: to_seconds(self.iat)?,
            exp: to_seconds(self.exp)?,
            roles: &self.roles,
        };
        serde_json::to_vec(&wire).ok()
    }

    /// Reads claims whose signature is right, and decides whether they are for us and now.
    pub(super) fn read(json: &[u8], expected: &Expected, now: Timestamp) -> Result<Self, Invalid> {
        let object = Object::parse(json, Part::Claims)?;
        let claims = Self {
            iss: issuer(&object, expected)?,
            aud: audience(&object, expected)?,
            exp: expiry(&object, now)?,
            iat: begun(&object, "iat", now)?.ok_or(Invalid::Claim("iat"))?,
            sub: parsed(&object, "sub")?,
            client_id: text(&object, "client_id")?.to_owned(),
            sid: parsed(&object, "sid")?,
            generation: generation(&object)?,
            jti: parsed(&object, "jti")?,
            roles: object
                .value("roles")
                .map_or(Some(Vec::new()), strings)
                .ok_or(Invalid::Claim("roles"))?,
        };
        begun(&object, "nbf", now)?;
        Ok(claims)
    }
}

fn issuer(object: &Object, expected: &Expected) -> Result<String, Invalid> {
    let issuer = text(object, "iss")?;
    if issuer == expected.issuer {
        Ok(issuer.to_owned())
    } else {
        Err(Invalid::Issuer)
    }
}

fn audience(object: &Object, expected: &Expected) -> Result<Vec<String>, Invalid> {
    let audience = match object.value("aud") {
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(several) => strings(several),
        None => None,
    }
    .ok_or(Invalid::Claim("aud"))?;
    if audience
        .iter()
        .any(|name| expected.audiences.contains(name))
    {
        Ok(audience)
    } else {
        Err(Invalid::Audience)
    }
}

fn expiry(object: &Object, now: Timestamp) -> Result<Timestamp, Invalid> {
    let exp = (object.value("exp").and_then(from_seconds)).ok_or(Invalid::Claim("exp"))?;
    if now < exp {
        Ok(exp)
    } else {
        Err(Invalid::Expired)
    }
}

/// A whole number that is not negative, where the claim is there.
fn generation(object: &Object) -> Result<Option<Generation>, Invalid> {
    let Some(value) = object.value("gen") else {
        return Ok(None);
    };
    let known = value.as_i64().filter(|generation| *generation >= 0);
    known.map(Some).ok_or(Invalid::Claim("gen"))
}

/// A time that must not lie ahead, where the claim is there.
fn begun(
    object: &Object,
    claim: &'static str,
    now: Timestamp,
) -> Result<Option<Timestamp>, Invalid> {
    let Some(value) = object.value(claim) else {
        return Ok(None);
    };
    let time = from_seconds(value).ok_or(Invalid::Claim(claim))?;
    if time > now.after(LEEWAY) {
        return Err(Invalid::NotYetValid(claim));
    }
    Ok(Some(time))
}

fn text<'a>(object: &'a Object, claim: &'static str) -> Result<&'a str, Invalid> {
    object.text(claim).ok_or(Invalid::Claim(claim))
}

fn parsed<T: std::str::FromStr>(object: &Object, claim: &'static str) -> Result<T, Invalid> {
    let parsed = text(object, claim)?.parse();
    parsed.map_err(|_| Invalid::Claim(claim))
}

/// The array's strings; `None` where it is no array, or has anything else in it.
fn strings(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array()?.iter();
    items.map(|item| item.as_str().map(str::to_owned)).collect()
}

/// We write whole seconds and read nothing else, though RFC 7519 would allow fractions.
fn from_seconds(value: &Value) -> Option<Timestamp> {
    let seconds = i64::try_from(value.as_u64()?).ok()?;
    seconds.checked_mul(1000).map(Timestamp::from_millis)
}

fn to_seconds(time: Timestamp) -> Option<u64> {
    u64::try_from(time.as_millis().div_euclid(1000)).ok()
}
