//! Findings in the handshake: L13x.

use rustls::CertificateError;
use url::Url;

use super::super::Finding;
use super::super::certificate::{Validity, validity};
use super::budget::Budget;
use super::trust::{Handshake, Roots};
use super::{Sight, hello, trust};

/// Whether the certificate may be trusted with a password. Where it was not seen, every request still asks for a good one.
pub(super) fn look(url: &Url, roots: &Roots, budget: &mut Budget, sight: &mut Sight) -> bool {
    let mut begin = |version: &str| {
        let name = url.origin().ascii_serialization();
        budget.spend(format!("{version} handshake with {name}"))
    };
    let shaken = begin("TLS").and_then(|patience| trust::shake(url, roots, patience));
    match &shaken {
        Ok(shaken) => sight.add(findings(shaken)),
        Err(error) => sight.miss(format!("the certificate: {error}")),
    }
    let mut accepted = Vec::new();
    for (old, name) in [
        (hello::Old::Tls10, "TLS 1.0"),
        (hello::Old::Tls11, "TLS 1.1"),
    ] {
        match begin(name).map(|patience| hello::is_accepted(url, old, patience)) {
            Ok(Some(true)) => accepted.push(name),
            Ok(Some(false)) => {}
            Ok(None) => sight.miss(format!("whether {name} is accepted")),
            Err(error) => sight.miss(format!("whether {name} is accepted: {error}")),
        }
    }
    sight.add(old_version(&accepted));
    shaken.map_or(true, |shaken| shaken.refused.is_none())
}

/// What is wrong with the certificate that the site shows.
fn findings(handshake: &Handshake) -> Vec<Finding> {
    let mut findings = Vec::new();
    let validity = validity(&handshake.certificate);
    let over = matches!(validity, Some(Validity::NotNow { .. }));
    match validity {
        Some(Validity::NotNow { until }) => findings.push(Finding::serious(
            "L131",
            format!(
                "the site's certificate is not valid now (it ends {until}), and browsers refuse it"
            ),
            "Renew it, and see why it was not renewed by itself",
        )),
        Some(Validity::Soon { days, until }) => findings.push(Finding::slight(
            "L132",
            format!("the site's certificate ends in {days} days ({until})"),
            "Renew it, and see why it was not renewed by itself",
        )),
        Some(Validity::Long) | None => {}
    }
    if let Some(error) = handshake.refused.as_ref().filter(|_| !over) {
        findings.push(Finding::serious(
            "L130",
            format!("browsers do not trust the site's certificate: {}", reason(error)),
            "Get one for this host from an authority that browsers trust, and serve the whole chain; for an authority of your \
             own, name its certificate with --ca",
        ));
    }
    findings
}

/// In words, what people meet most.
fn reason(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(error) = error else {
        return error.to_string();
    };
    match error {
        CertificateError::UnknownIssuer => {
            "no authority that they know has signed it, or a certificate between is not sent"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host".to_owned()
        }
        // What rustls says of a certificate that its own key has signed.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is signed by itself".to_owned()
        }
        other => other.to_string(),
    }
}

/// Of the versions that RFC 8996 has retired.
fn old_version(accepted: &[&str]) -> Option<Finding> {
    (!accepted.is_empty()).then(|| {
        Finding::slight(
            "L133",
            format!(
                "{} would be spoken, which RFC 8996 has retired",
                accepted.join(" and ")
            ),
            "Accept TLS 1.2 and 1.3 alone",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(days: i64, refused: Option<CertificateError>) -> Vec<&'static str> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(100);
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days);
        let key = rcgen::KeyPair::generate().unwrap();
        let found = findings(&Handshake {
            certificate: params.self_signed(&key).unwrap().der().clone(),
            refused: refused.map(rustls::Error::InvalidCertificate),
        });
        found.iter().map(|finding| finding.number).collect()
    }

    #[test]
    fn each_mistake_has_its_number_and_is_told_once() {
        assert_eq!(numbers(60, None), [""; 0]);
        assert_eq!(numbers(3, None), ["L132"]);
        assert_eq!(numbers(60, Some(CertificateError::UnknownIssuer)), ["L130"]);
        assert_eq!(numbers(-1, Some(CertificateError::Expired)), ["L131"]);
    }

    #[test]
    fn old_versions_are_named() {
        assert!(old_version(&[]).is_none());
        let found = old_version(&["TLS 1.0", "TLS 1.1"]).unwrap().to_string();
        assert!(found.contains("TLS 1.0 and TLS 1.1 would"), "{found}");
    }
}
