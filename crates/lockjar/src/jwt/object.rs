//! A JSON object that has each member once. Parsers disagree on which of two counts, and a forger looks for two that do.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::invalid::{Invalid, Part};

/// The members by name.
pub(super) struct Object(BTreeMap<String, Value>);

impl Object {
    /// Reads the bytes of a part.
    pub(super) fn parse(bytes: &[u8], part: Part) -> Result<Self, Invalid> {
        let members: Members =
            serde_json::from_slice(bytes).map_err(|_| Invalid::NotAnObject(part))?;
        if members.repeated {
            return Err(Invalid::DuplicateMember(part));
        }
        Ok(Self(members.map))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The member, if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }
}

/// The members, and whether any was there twice: a fault of its own, unlike bad JSON.
struct Members {
    map: BTreeMap<String, Value>,
    repeated: bool,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
        let mut members = Members {
            map: BTreeMap::new(),
            repeated: false,
        };
        while let Some((name, value)) = access.next_entry()? {
            members.repeated |= members.map.insert(name, value).is_some();
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &[u8]) -> Option<Invalid> {
        Object::parse(json, Part::Claims).err()
    }

    #[test]
    fn a_member_twice_is_refused_however_it_is_spelt() {
        let twice = Some(Invalid::DuplicateMember(Part::Claims));
        assert_eq!(fault(br#"{"a":1,"a":1}"#), twice);
        assert_eq!(fault(br#"{"a":1,"b":2,"\u0061":3}"#), twice);
        assert_eq!(fault(br#"{"a":1,"A":2}"#), None);
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        let nested = format!("{}{}", "{\"a\":".repeat(2000), "}".repeat(2000));
        for json in [
            &b""[..],
            b"null",
            b"[]",
            b"\"{}\"",
            b"{",
            b"{}{}",
            b"{}x",
            b"{\"a\":1e400}",
            b"{\"a\":NaN}",
            b"{'a':1}",
            b"{\"a\":\"\xff\"}",
            b"{\"\xc0\xaf\":1}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\\ud800\"}",
            nested.as_bytes(),
        ] {
            let shown = String::from_utf8_lossy(&json[..json.len().min(40)]);
            assert_eq!(
                fault(json),
                Some(Invalid::NotAnObject(Part::Claims)),
                "{shown}"
            );
        }
    }
}
