//! Moments as people and other programs write them.

use lockjar::clock::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339, with any offset.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339)
        .ok()?
        .unix_timestamp_nanos();
    let millis = i64::try_from(nanos.div_euclid(1_000_000)).ok()?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_taken_off() {
        let noon = parse("2026-01-31T12:00:00Z").unwrap();
        assert_eq!(parse("2026-01-31T13:30:00+01:30"), Some(noon));
        assert_eq!(
            parse("1969-12-31T23:59:59.999Z"),
            Some(Timestamp::from_millis(-1))
        );
        assert_eq!(parse("31.1.2026"), None);
    }
}
